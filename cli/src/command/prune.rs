//! `ocirepo prune`: deletes snapshots that are superseded for long enough.

use std::io::{BufRead, IsTerminal, Write};

use clap::Args;
use ocirepo_native::prune::{self, Pruned, Survey};
use ocirepo_rpm::mirror::retention::Policy;
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::output::table::Table;
use crate::output::{Out, progress, units};
use crate::trust::duration;

/// Delete snapshots that have been superseded for long enough
///
/// With them goes what nothing else in the repository needs: shards, packages, signatures.
/// What any other tag reaches stays. A snapshot of which nobody said when it was
/// superseded (`push` and `copy` do) gets a tag that says: now. The registry frees the space
/// when it collects garbage.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The repository: oci://HOST/NAME, or oci://HOST/NAME:TAG for the snapshots of one tag
    #[arg(value_name = "REPO")]
    repository: String,
    /// Keep superseded snapshots for so long: 12h, 14d, 4w
    #[arg(long, value_name = "TIME", default_value = "14d", value_parser = duration)]
    keep_within: u64,
    /// Keep the newest N snapshots of each tag, however old they are
    #[arg(long, value_name = "N", default_value_t = 1)]
    keep_last: usize,
    /// Print what would go, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long, conflicts_with = "dry_run")]
    yes: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let reference = client::reference(&command.repository)?;
    if reference.digest().is_some() {
        return Err(Failure::usage(format!(
            "{reference}: retention is of tags; name a repository, or one of its tags"
        )));
    }
    let policy = Policy {
        now: crate::clock::now(),
        keep_within: command.keep_within,
        keep_last: command.keep_last,
        line: reference.tag().cloned(),
    };
    let client = client::client(global)?;
    let survey = prune::survey(&client, reference.repository(), &policy).await?;
    let mut out = Out::new();
    list(&survey, &policy, &mut out, global)?;
    out.flush()?;
    if command.dry_run || (survey.manifests() == 0 && survey.marked() == 0) {
        return Ok(());
    }
    if survey.manifests() > 0 && !command.yes {
        confirm(&format!("delete them from {}?", reference.repository()))?;
    }
    let bar = progress::items(survey.manifests() as u64, "deleting");
    let tell = {
        let bar = bar.clone();
        move |done, _| bar.set_position(done)
    };
    let pruned = survey.carry_out(&tell).await?;
    bar.finish_and_clear();
    report(pruned, &mut out, global)?;
    out.flush()?;
    Ok(())
}

/// What goes.
fn list(survey: &Survey, policy: &Policy, out: &mut Out, global: &Global) -> Result<(), Failure> {
    let expired = survey.expired();
    if global.json {
        let snapshots: Vec<_> = expired
            .iter()
            .map(|e| json!({ "tag": e.tag, "digest": e.digest, "supersededSince": e.since }))
            .collect();
        return Ok(out.json(&json!({
            "expired": snapshots,
            "kept": survey.kept(),
            "manifests": survey.manifests(),
            "bytes": survey.bytes(),
            "unmarked": survey.marked(),
        }))?);
    }
    if !expired.is_empty() {
        let mut table = Table::new(&["SNAPSHOT", "SUPERSEDED", "DIGEST"], &[1]);
        for snapshot in expired {
            let days = policy.now.saturating_sub(snapshot.since) / (24 * 60 * 60);
            table.row([
                snapshot.tag.to_string(),
                format!("{days} days"),
                snapshot.digest.to_string(),
            ]);
        }
        table.write(out)?;
    }
    out.line(format!(
        "{} snapshots go, {} stay; {} manifests and {} in all",
        expired.len(),
        survey.kept(),
        survey.manifests(),
        units::size(survey.bytes()),
    ))?;
    if survey.marked() > 0 {
        out.line(format!(
            "{} are out of use since an unknown time, which is taken to be now",
            survey.marked()
        ))?;
    }
    Ok(())
}

fn report(pruned: Pruned, out: &mut Out, global: &Global) -> Result<(), Failure> {
    if global.json {
        return Ok(out.json(&json!({
            "deleted": { "snapshots": pruned.snapshots, "manifests": pruned.manifests },
            "rescued": pruned.rescued,
            "marked": pruned.marked,
        }))?);
    }
    out.line(format!(
        "{} snapshots and {} other manifests deleted, {} marked as out of use",
        pruned.snapshots,
        pruned.manifests - pruned.snapshots,
        pruned.marked
    ))?;
    if pruned.rescued > 0 {
        out.line(format!(
            "{} came into use meanwhile and stay",
            pruned.rescued
        ))?;
    }
    Ok(())
}

/// Asks a person; where there is none, says how to do without.
fn confirm(question: &str) -> Result<(), Failure> {
    let mut input = std::io::stdin().lock();
    if !input.is_terminal() {
        return Err(Failure::usage(format!(
            "{question} There is nobody to ask; add --yes, or --dry-run to look only"
        )));
    }
    eprint!("{question} [y/N] ");
    std::io::stderr().flush()?;
    let mut answer = String::new();
    input.read_line(&mut answer)?;
    match answer.trim() {
        "y" | "Y" | "yes" => Ok(()),
        _ => Err(Failure::failed("nothing was deleted")),
    }
}
