//! `ocirepo get`: download packages, verified.

use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::query::Query;
use serde_json::json;

use crate::arguments::Global;
use crate::download::{self, Got};
use crate::exit::Failure;
use crate::output::{Out, progress};
use crate::reading::{Opened, Place};

/// Packages pulled at a time.
const AT_ONCE: usize = 8;

/// Download packages, verified against the metadata
///
/// A download that was interrupted goes on where it was when it is started again.
#[derive(Debug, Args)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Place,
    /// Names, NEVRAs or paths, with globs; or the path of any other file
    #[arg(value_name = "PACKAGE", required = true)]
    packages: Vec<String>,
    /// All versions, not only the newest of each name and architecture
    #[arg(long)]
    all: bool,
    /// Where to put them
    #[arg(short, long, value_name = "DIR", default_value = ".")]
    directory: PathBuf,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let mut opened = command.place.open(global).await?;
    let wanted = wanted(&mut opened, &command)?;
    std::fs::create_dir_all(&command.directory).map_err(|error| {
        Failure::failed(format!(
            "cannot make {}: {error}",
            command.directory.display()
        ))
    })?;
    let bar = progress::items(wanted.len() as u64, "downloading");
    let mut out = Out::new();
    let opened = &opened;
    let pulls = wanted.into_iter().map(|path| {
        let to = command.directory.join(path.file_name());
        async move { one(opened, path, &to).await.map(|got| (to, got)) }
    });
    let mut pulls = stream::iter(pulls.collect::<Vec<_>>()).buffered(AT_ONCE);
    while let Some((to, got)) = pulls.try_next().await? {
        bar.inc(1);
        let to = to.display().to_string();
        if global.json {
            out.json(&json!({ "file": to, "downloaded": got == Got::Fetched }))?;
        } else {
            out.line(&to)?;
        }
    }
    bar.finish_and_clear();
    out.flush()?;
    Ok(())
}

/// The paths of all packages that are meant, and of files that are no packages.
fn wanted(opened: &mut Opened, command: &Command) -> Result<Vec<Href>, Failure> {
    let (patterns, files): (Vec<String>, Vec<String>) =
        command.packages.iter().cloned().partition(|text| {
            let query = Query::new(text);
            opened.packages.iter().any(|package| query.matches(package))
        });
    let mut wanted = Vec::new();
    for file in files {
        let path =
            Href::from_path(&file).map_err(|error| Failure::usage(format!("`{file}`: {error}")))?;
        wanted.push(path);
    }
    if !patterns.is_empty() {
        let packages = opened.select(&patterns, !command.all)?;
        wanted.extend(packages.into_iter().map(|package| package.location));
    }
    Ok(wanted)
}

async fn one(opened: &Opened, path: Href, to: &Path) -> Result<Got, Failure> {
    match download::file(&opened.client, &opened.snapshot, &path, to).await? {
        Some(got) => Ok(got),
        None => Err(Failure::not_found(format!(
            "{} has no package and no file `{path}`; `ocirepo ls` shows its packages",
            opened.reference
        ))),
    }
}
