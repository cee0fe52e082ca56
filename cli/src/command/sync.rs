//! `ocirepo sync`: a repository as a plain directory.

use std::collections::BTreeSet;
use std::io::Write;
use std::path::{Path, PathBuf};

use clap::Args;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use ocirepo::Manifest;
use ocirepo::reference::Reference;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::layout::format::{REPOMD, ROLE, ROLE_PACKAGES, SIGNATURE, TITLE};
use serde_json::json;

use crate::arguments::Global;
use crate::client;
use crate::command::push;
use crate::download::{self, Got};
use crate::exit::Failure;
use crate::output::{Out, progress};
use crate::publishing::Publishing;
use crate::reading::{Opened, Place};
use crate::signing::Signers;

/// Files pulled at a time.
const AT_ONCE: usize = 8;

/// Copy a repository into a directory that dnf or any web server can use, or back
///
/// What is there already, with the right content, is not fetched again. The list of
/// metadata files comes last, so that readers of the directory never find it naming what
/// is not there yet.
///
/// With the repository last, written oci://…, it becomes what the directory is, which must
/// have repodata: what the directory does not have is not in the new snapshot.
#[derive(Debug, Args)]
#[command(
    override_usage = "ocirepo sync [OPTIONS] REPO DIR\n       ocirepo sync [OPTIONS] DIR oci://HOST/NAME[:TAG]"
)]
pub(crate) struct Command {
    #[command(flatten)]
    place: Place,
    /// The directory
    #[arg(value_name = "DIR")]
    directory: PathBuf,
    /// Delete packages and metadata that the repository does not have
    #[arg(long)]
    delete: bool,
    /// The layout to publish a directory in: files, index, native or tree
    #[arg(long)]
    layout: Option<Layout>,
}

pub(crate) async fn run(command: Command, global: &Global) -> Result<(), Failure> {
    let last = command.directory.to_string_lossy();
    if last.contains("://") {
        return back(&command, &client::reference(&last)?, global).await;
    }
    if command.layout.is_some() {
        return Err(Failure::usage(
            "--layout is for publishing; a directory has none, or is the repository not last?",
        ));
    }
    let opened = command.place.open_with_signature(global).await?;
    let directory = &command.directory;
    let (files, last) = files(&opened).await?;
    let bar = progress::items((files.len() + last.len()) as u64, "syncing");
    let mut fetched = 0;
    for batch in [&files, &last] {
        let pulls: Vec<_> = batch
            .iter()
            .map(|path| one(&opened, path, directory))
            .collect();
        let mut pulls = stream::iter(pulls).buffer_unordered(AT_ONCE);
        while let Some(got) = pulls.try_next().await? {
            bar.inc(1);
            fetched += usize::from(got == Got::Fetched);
        }
    }
    bar.finish_and_clear();
    let kept: BTreeSet<&str> = files.iter().chain(&last).map(Href::path).collect();
    let deleted = match command.delete {
        true => delete(directory, "", &kept)?,
        false => 0,
    };
    let mut out = Out::new();
    if global.json {
        out.json(&json!({
            "repository": opened.reference.to_string(),
            "digest": opened.snapshot.digest(),
            "layout": opened.snapshot.layout(),
            "files": kept.len(),
            "fetched": fetched,
            "deleted": deleted,
        }))?;
    } else {
        out.line(format!(
            "{} is in {}: {} files, {fetched} fetched, {deleted} deleted",
            opened.reference,
            directory.display(),
            kept.len(),
        ))?;
    }
    out.flush()?;
    Ok(())
}

/// Makes the repository what the directory is.
async fn back(command: &Command, to: &Reference, global: &Global) -> Result<(), Failure> {
    let from = command.place.written();
    if from.contains("://") {
        return Err(Failure::usage(format!(
            "{from} and {to} are both repositories; `ocirepo copy` copies between them"
        )));
    }
    if command.place.has_conditions() {
        return Err(Failure::usage(
            "what is asked of a repository that is read, as with --key, cannot be asked of a \
             directory",
        ));
    }
    let from = Path::new(from);
    if !from.join(REPOMD).is_file() {
        return Err(Failure::failed(format!(
            "{} has no {REPOMD}, so it does not say what the repository should be; run \
             createrepo_c on it, or add its packages with `ocirepo push`",
            from.display()
        )));
    }
    let how = (&Signers::default(), &Publishing::default());
    push::directory(from, to, command.layout, how, false, global).await
}

/// All files to have, and those to write when the others are there.
async fn files(opened: &Opened) -> Result<(Vec<Href>, Vec<Href>), Failure> {
    let snapshot = &opened.snapshot;
    let records = snapshot.repomd().records.iter();
    let metadata = records.filter(|record| !record.is_zchunk());
    let mut files: Vec<Href> = opened
        .packages
        .iter()
        .map(|package| package.location.clone())
        .chain(metadata.map(|record| record.location.clone()))
        .collect();
    files.extend(titled(opened).await?);
    files.retain(|path| path.path() != REPOMD && path.path() != SIGNATURE);
    files.sort_by(|a, b| a.path().cmp(b.path()));
    files.dedup_by(|a, b| a.path() == b.path());
    let mut last = Vec::new();
    for (path, there) in [(SIGNATURE, snapshot.signature().is_some()), (REPOMD, true)] {
        if there {
            last.push(Href::from_path(path).map_err(Failure::failed)?);
        }
    }
    Ok((files, last))
}

/// Keys, `.treeinfo` and images, which no metadata names: what the manifests list
/// beside packages. A tree has no list of them.
async fn titled(opened: &Opened) -> Result<Vec<Href>, Failure> {
    let Some(root) = opened.snapshot.root() else {
        return Ok(Vec::new());
    };
    let mut manifests = vec![root.clone()];
    let others = root.children().iter().filter(|child| {
        child
            .annotation(ROLE)
            .is_some_and(|role| role != ROLE_PACKAGES)
    });
    for child in others {
        let repository = opened.snapshot.repository();
        manifests.extend(
            opened
                .client
                .find_manifest(repository, child.digest)
                .await?,
        );
    }
    let titles = manifests
        .iter()
        .flat_map(Manifest::layers)
        .filter_map(|layer| layer.annotation(TITLE));
    // A title that leads out of the repository names no file of it.
    Ok(titles
        .filter_map(|title| Href::from_path(title).ok())
        .collect())
}

async fn one(opened: &Opened, path: &Href, directory: &Path) -> Result<Got, Failure> {
    let to = path
        .path()
        .split('/')
        .fold(directory.to_owned(), |dir, name| dir.join(name));
    if let Some(parent) = to.parent() {
        std::fs::create_dir_all(parent).map_err(|error| {
            Failure::failed(format!("cannot make {}: {error}", parent.display()))
        })?;
    }
    match download::file(&opened.client, &opened.snapshot, path, &to).await? {
        Some(got) => Ok(got),
        None => Err(Failure::not_found(format!(
            "{}: the metadata names {path}, but it is nowhere to be found; the repository \
             must be published again",
            opened.reference
        ))),
    }
}

/// Deletes packages and metadata that are not kept. Other files are somebody else's.
fn delete(dir: &Path, prefix: &str, kept: &BTreeSet<&str>) -> Result<usize, Failure> {
    let failed = |path: &Path, error| Failure::failed(format!("{}: {error}", path.display()));
    let mut deleted = 0;
    for entry in std::fs::read_dir(dir).map_err(|error| failed(dir, error))? {
        let entry = entry.map_err(|error| failed(dir, error))?;
        let path = entry.path();
        let name = entry.file_name().to_string_lossy().into_owned();
        let within = format!("{prefix}{name}");
        let kind = entry.file_type().map_err(|error| failed(&path, error))?;
        if kind.is_dir() {
            deleted += delete(&path, &format!("{within}/"), kept)?;
        } else if !kept.contains(within.as_str())
            && (name.ends_with(".rpm") || within.starts_with("repodata/"))
        {
            std::fs::remove_file(&path).map_err(|error| failed(&path, error))?;
            deleted += 1;
        }
    }
    Ok(deleted)
}
