//! `ocirepo sign`: signs a snapshot that is there.

use std::io::Write;

use clap::Args;
use ocirepo_native::repository;
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::Out;
use crate::repository::options;
use crate::signing::{CosignKey, no_root};

/// Sign a snapshot that is there, as cosign does with a pair of keys
///
/// The signature goes to the tag sha256-….sig beside the snapshot, where those of others are
/// kept, and into a manifest that refers to it. The snapshot stays what it is.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The repository: oci://HOST/NAME[:TAG|@DIGEST]
    #[arg(value_name = "REPO")]
    repository: String,
    #[command(flatten)]
    key: CosignKey,
    /// Sign every manifest below an index as well, for tools that check each of them
    #[arg(long)]
    recursive: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.repository)?;
    let signer = command.key.signer()?;
    let signer = signer.ok_or_else(|| Failure::usage("give the key to sign with: --cosign-key"))?;
    let client = client::client(global)?;
    // What is signed should be a repository, and the one that is there.
    let pinned = match client
        .tag_at_home(reference.repository(), &crate::publish::tag_of(&reference))
        .await?
    {
        Some(found) if reference.digest().is_none() => reference.clone().with_digest(found.digest),
        _ => reference.clone(),
    };
    let snapshot = repository::open(&client, &pinned, options(), None).await?;
    let place = snapshot.repository();
    let root = snapshot.root().ok_or_else(|| no_root(place))?;
    let mut manifests = vec![root.clone()];
    if command.recursive {
        for child in root.children() {
            manifests.push(client.pull_manifest(place, child.digest).await?);
        }
    }
    // The root last: who finds it signed finds the others signed.
    for manifest in manifests.iter().rev() {
        signer.sign(&client, place, manifest).await?;
    }
    let mut out = Out::new();
    if global.json {
        out.json(&json!({
            "repository": place.to_string(),
            "digest": root.digest(),
            "manifests": manifests.len(),
            "key": signer.fingerprint()?,
        }))?;
    } else {
        out.line(format!("{reference} is signed"))?;
        out.line(format!("  digest {}", root.digest()))?;
        if manifests.len() > 1 {
            let below = manifests.len() - 1;
            out.line(format!("  and {below} manifests below it"))?;
        }
        out.line(format!("  by key {}", signer.fingerprint()?))?;
    }
    out.flush()?;
    Ok(())
}
