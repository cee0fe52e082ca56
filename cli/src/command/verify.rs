//! `ocirepo verify`: checks a repository from its signatures down to its packages.

mod content;

use std::io::Write;

use clap::Args;
use ocirepo::reference::Reference;
use ocirepo_native::Client;
use ocirepo_native::cache::Memory;
use ocirepo_native::publish::{self, Lost};
use ocirepo_native::repository::{open, signatures};
use ocirepo_rpm::cosign::Verdict;
use ocirepo_rpm::snapshot::{Options, Snapshot};
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::{Out, note};
use crate::publish::tag_of;
use crate::publishing::warn_of_lost;
use crate::trust::Trust;

/// Check a repository: signatures, metadata, and that every package is there
///
/// With keys, it fails unless one of them signed; without, signatures are listed and not
/// checked. All metadata are read and compared with repomd.xml. Content is asked for, and
/// with --deep pulled and hashed.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The repository: oci://HOST/NAME[:TAG|@DIGEST]
    #[arg(value_name = "REPO")]
    repository: String,
    #[command(flatten)]
    trust: Trust,
    /// Pull every package and compare it with its checksum
    #[arg(long)]
    deep: bool,
}

/// What was found.
#[derive(Debug, Default)]
struct Report {
    metadata: usize,
    packages: usize,
    others: usize,
    problems: Vec<String>,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.repository)?;
    let client = client::builder(global)?.cache().build()?;
    let memory =
        Memory::of_user(&client::environment(global)).filter(|_| reference.digest().is_none());
    let options = Options {
        signature: true,
        ..command.trust.options()?
    };
    let keys = options.cosign.clone();
    let snapshot = open(&client, &reference, options, memory.as_ref()).await?;
    let roots = match snapshot.root() {
        Some(root) => {
            let (place, root) = (snapshot.repository(), root.clone());
            signatures(&client, place, root, keys.clone().unwrap_or_default()).await?
        }
        None => Verdict::default(),
    };
    let report = content::check(&client, snapshot.clone(), command.deep).await?;
    let lost = lost(&client, &reference, &snapshot).await;
    let mut out = Out::new();
    if global.json {
        let mut object = describe(&snapshot, &roots, &report);
        object["repository"] = json!(reference.to_string());
        object["deep"] = json!(command.deep);
        object["lost"] = lost.iter().map(|lost| lost.tag.as_str()).collect();
        out.json(&object)?;
    } else {
        let digest = snapshot.digest();
        out.line(format!("{reference} is {} {digest}", snapshot.layout()))?;
        out.line(format!("  repomd.xml  {}", openpgp(&snapshot)))?;
        for line in cosign(&snapshot, &roots, keys.is_some()) {
            out.line(format!("  root        {line}"))?;
        }
        let how = if command.deep { "hashed" } else { "there" };
        let Report {
            metadata,
            packages,
            others,
            ..
        } = report;
        out.line(format!("  metadata    {metadata} files read and compared"))?;
        out.line(format!("  packages    {packages} {how}"))?;
        if others > 0 {
            out.line(format!("  other files {others} {how}"))?;
        }
        for problem in &report.problems {
            out.line(format!("  problem     {problem}"))?;
        }
    }
    out.flush()?;
    warn_of_lost(&reference, &lost);
    match report.problems.len() {
        0 => Ok(()),
        1 => Err(Failure::verification(format!("{reference}: 1 problem"))),
        count => Err(Failure::verification(format!(
            "{reference}: {count} problems"
        ))),
    }
}

/// The snapshots that are not in the history of the tag. Where that cannot be found out,
/// what is there is no worse.
async fn lost(client: &Client, reference: &Reference, snapshot: &Snapshot) -> Vec<Lost> {
    if reference.digest().is_some() {
        return Vec::new();
    }
    match publish::lost(client, &tag_of(reference), snapshot).await {
        Ok(lost) => lost,
        Err(error) => {
            note(
                "warning",
                &format!("cannot look for lost publishes: {error}"),
            );
            Vec::new()
        }
    }
}

/// What the signature of `repomd.xml` is worth.
fn openpgp(snapshot: &Snapshot) -> String {
    match (snapshot.signer(), snapshot.signature()) {
        (Some(good), _) => {
            let user = good.user_id().unwrap_or("nobody by name");
            format!("signed by {} ({user})", good.fingerprint())
        }
        (None, Some(_)) => "has a signature, which was not checked: no --key was given".to_owned(),
        (None, None) => "is not signed".to_owned(),
    }
}

/// What the signatures of the root are worth.
fn cosign(snapshot: &Snapshot, roots: &Verdict, checked: bool) -> Vec<String> {
    if snapshot.root().is_none() {
        return vec!["there is none in a tree".to_owned()];
    }
    if roots.signatures().is_empty() {
        return vec!["is not signed".to_owned()];
    }
    let line = |signature: &ocirepo_rpm::cosign::Checked| {
        let found = &signature.found;
        match &signature.outcome {
            Ok(good) => match &good.identity {
                Some(identity) => format!("signed by {} for {identity}: {found}", good.key),
                None => format!("signed by {}: {found}", good.key),
            },
            Err(_) if !checked => {
                format!("has a signature, which was not checked: no --verify was given: {found}")
            }
            Err(refusal) => format!("has a signature that does not count, {refusal}: {found}"),
        }
    };
    roots.signatures().iter().map(line).collect()
}

fn describe(snapshot: &Snapshot, roots: &Verdict, report: &Report) -> Value {
    let roots = roots.signatures().iter().map(|signature| {
        let good = signature.outcome.as_ref().ok();
        json!({
            "found": signature.found.to_string(),
            "good": good.is_some(),
            "key": good.map(|good| &good.key),
            "identity": good.and_then(|good| good.identity.as_ref()),
            "refusal": signature.outcome.as_ref().err().map(ToString::to_string),
        })
    });
    json!({
        "digest": snapshot.digest(),
        "layout": snapshot.layout(),
        "sequence": snapshot.sequence(),
        "date": snapshot.date(),
        "repomdSigned": snapshot.signature().is_some(),
        "repomdSigner": snapshot.signer().map(|good| good.fingerprint()),
        "rootSignatures": roots.collect::<Vec<_>>(),
        "metadata": report.metadata,
        "packages": report.packages,
        "others": report.others,
        "problems": report.problems,
        "ok": report.problems.is_empty(),
    })
}
