//! `ocirepo diff`: what changed between two repositories.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use ocirepo_native::Client;
use ocirepo_rpm::diff::{Change, Entry, diff};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::Repomd;
use serde_json::{Value, json};

use crate::arguments::Global;
use crate::catalogue;
use crate::client;
use crate::exit::{Exit, Failure};
use crate::output::table::Table;
use crate::output::{Out, units};
use crate::repository;

/// Show which packages were added, removed and changed
///
/// A and B are repositories, oci://HOST/NAME[:TAG|@DIGEST], in any layout, or directories
/// with repodata. Only their lists of packages are read.
#[derive(Debug, Args)]
pub(crate) struct Command {
    /// The old repository
    #[arg(value_name = "A")]
    old: String,
    /// The new repository
    #[arg(value_name = "B")]
    new: String,
    /// End with 1 when there are differences
    #[arg(long)]
    exit_code: bool,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let client = client::builder(global)?.cache().build()?;
    let (old, new) = tokio::try_join!(
        entries(&client, &command.old),
        entries(&client, &command.new)
    )?;
    let found = diff(old, new);
    let mut out = Out::new();
    if global.json {
        for change in &found.changes {
            out.json(&line(change))?;
        }
    } else {
        let mut table = Table::new(&["", "PACKAGE", "OLD", "NEW", "SIZE"], &[4]);
        for change in &found.changes {
            let (kind, from, to) = parts(change);
            let nevra = &change.shown().nevra;
            let version = |entry: Option<&Entry>| {
                entry.map_or_else(String::new, |entry| entry.nevra.evr.to_string())
            };
            table.row([
                kind.to_owned(),
                format!("{}.{}", nevra.name, nevra.arch),
                version(from),
                version(to),
                units::size(change.shown().size),
            ]);
        }
        table.write(&mut out)?;
        out.line(summary(&found.changes, found.unchanged))?;
    }
    out.flush()?;
    match command.exit_code && !found.changes.is_empty() {
        // What differs was said already.
        true => Err(Failure::new(Exit::Failure, "")),
        false => Ok(()),
    }
}

/// The packages of a repository or directory.
async fn entries(client: &Client, text: &str) -> Result<Vec<Entry>, Failure> {
    let path = PathBuf::from(text);
    if path.is_dir() {
        return tokio::task::spawn_blocking(move || of_directory(&path))
            .await
            .map_err(Failure::failed)?;
    }
    let reference = client::reference(text)?;
    let snapshot = repository::open(client, &reference, repository::options()).await?;
    let record = snapshot.repomd().require("primary")?;
    repository::read(client, &snapshot, record, |source, file| {
        Primary::open(source, file, Limits::default())?
            .map(|package| Ok(Entry::from(&package?)))
            .collect()
    })
    .await
}

fn of_directory(directory: &Path) -> Result<Vec<Entry>, Failure> {
    let raw = directory.join("repodata/repomd.xml");
    let repomd = Repomd::parse(&client::read(&raw)?)?;
    let record = repomd.require("primary")?;
    let path = directory.join(record.location.path());
    let primary = catalogue::open(record, &path)?;
    let packages = Primary::open(primary, record.location.path(), Limits::default())?;
    packages.map(|package| Ok(Entry::from(&package?))).collect()
}

/// What kind of change it is, and the packages of the old and of the new repository.
fn parts(change: &Change) -> (&'static str, Option<&Entry>, Option<&Entry>) {
    match change {
        Change::Added(entry) => ("added", None, Some(entry)),
        Change::Removed(entry) => ("removed", Some(entry), None),
        Change::Upgraded { from, to } => ("upgraded", Some(from), Some(to)),
        Change::Downgraded { from, to } => ("downgraded", Some(from), Some(to)),
        Change::Rebuilt { from, to } => ("rebuilt", Some(from), Some(to)),
    }
}

fn line(change: &Change) -> Value {
    let (kind, from, to) = parts(change);
    let side = |entry: Option<&Entry>| {
        entry.map(|entry| {
            json!({
                "nevra": entry.nevra.to_string(),
                "checksum": entry.checksum.to_string(),
                "size": entry.size,
                "buildTime": entry.build_time,
            })
        })
    };
    let nevra = &change.shown().nevra;
    json!({
        "change": kind,
        "name": &*nevra.name,
        "arch": &*nevra.arch,
        "old": side(from),
        "new": side(to),
    })
}

fn summary(changes: &[Change], unchanged: usize) -> String {
    let mut counts = [
        ("added", 0),
        ("removed", 0),
        ("upgraded", 0),
        ("downgraded", 0),
        ("rebuilt", 0),
    ];
    for change in changes {
        let (kind, ..) = parts(change);
        for (name, count) in &mut counts {
            *count += usize::from(*name == kind);
        }
    }
    let told: Vec<String> = counts
        .iter()
        .map(|(name, count)| format!("{count} {name}"))
        .collect();
    format!("{}, {unchanged} unchanged", told.join(", "))
}
