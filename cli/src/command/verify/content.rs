//! Whether everything that a snapshot names is there, and is what it should be.

use std::collections::BTreeMap;
use std::io;
use std::sync::Arc;

use futures_util::stream::{self, StreamExt};
use ocirepo::Manifest;
use ocirepo::digest::Digest;
use ocirepo_native::Client;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::repomd::Record;
use ocirepo_rpm::snapshot::{Blob, Snapshot};

use super::Report;
use crate::exit::{Exit, Failure};
use crate::output::progress;
use crate::repository::{self, Located};

/// Files looked at at a time.
const AT_ONCE: usize = 16;

/// Checks metadata, packages and other files. What is wrong with the content is in the
/// report; fails where it cannot be found out.
pub(super) async fn check(
    client: &Client,
    snapshot: Snapshot,
    deep: bool,
) -> Result<Report, Failure> {
    let mut report = Report::default();
    for record in &snapshot.repomd().records {
        match read(client, &snapshot, record, deep).await {
            Ok(()) => report.metadata += 1,
            Err(error) => report.blame(&record.location, error)?,
        }
    }
    let children = children(client, &snapshot, &mut report).await?;
    let packages = match repository::packages(client, &snapshot).await {
        Ok(packages) => packages,
        // That is among the metadata that were read.
        Err(error) if is_content(&error) => return Ok(report),
        Err(error) => return Err(error),
    };
    let learnt = repository::learn(client, &Arc::new(snapshot)).await?;

    let paths: Vec<&Href> = packages.iter().map(|package| &package.location).collect();
    let bar = progress::items(paths.len() as u64, "checking");
    let looks = paths.into_iter().map(|path| {
        let learnt = &learnt;
        async move { (path, file(client, learnt, path, deep).await) }
    });
    let mut looks = stream::iter(looks.collect::<Vec<_>>()).buffered(AT_ONCE);
    while let Some((path, found)) = looks.next().await {
        bar.inc(1);
        match found {
            Ok(()) => report.packages += 1,
            Err(error) => report.blame(path, error)?,
        }
    }
    drop(looks);
    bar.finish_and_clear();

    let lists: Vec<Manifest> = children;
    for (path, descriptor) in learnt.other_files(&lists) {
        let blob = Blob {
            repository: learnt.repository().clone(),
            descriptor,
            checksum: None,
            list: None,
        };
        match there(client, &blob, deep).await {
            Ok(()) => report.others += 1,
            Err(error) => report.blame(&path, error)?,
        }
    }
    Ok(report)
}

impl Report {
    /// Notes what is wrong with a file; other failures say nothing about it and end the
    /// check.
    fn blame(&mut self, path: &Href, error: Failure) -> Result<(), Failure> {
        if !is_content(&error) {
            return Err(error);
        }
        self.problems.push(format!("{}: {error}", path.path()));
        Ok(())
    }
}

/// Whether it is the content of the repository that is at fault.
fn is_content(error: &Failure) -> bool {
    matches!(
        error.exit(),
        Exit::NotFound | Exit::Verification | Exit::Failure
    )
}

/// Reads a metadata file to its verified end.
async fn read(
    client: &Client,
    snapshot: &Snapshot,
    record: &Record,
    deep: bool,
) -> Result<(), Failure> {
    // It may be in our cache, and not in the registry any more.
    file(client, snapshot, &record.location, deep).await?;
    let mut content = repository::metadata_file(client, snapshot, record).await?;
    // Its parts are compressed one by one, so that only the whole can be compared.
    let whole = record.is_zchunk();
    let record = record.clone();
    tokio::task::spawn_blocking(move || {
        if whole {
            let found = repository::checksum(&mut content, record.checksum.kind())?;
            return match found == record.checksum {
                true => Ok(()),
                false => Err(Failure::verification("it is not what repomd.xml says")),
            };
        }
        let mut opened = metadata::open(&record, content, Limits::default())?;
        io::copy(&mut opened, &mut io::sink()).map_err(Failure::verification)?;
        Ok(())
    })
    .await
    .map_err(Failure::failed)?
}

/// The manifests below the root, which readers may need.
async fn children(
    client: &Client,
    snapshot: &Snapshot,
    report: &mut Report,
) -> Result<Vec<Manifest>, Failure> {
    let Some(root) = snapshot.root() else {
        return Ok(Vec::new());
    };
    let place = snapshot.repository();
    let digests: BTreeMap<Digest, ()> = root.children().iter().map(|c| (c.digest, ())).collect();
    let pulls = digests.into_keys().map(|digest| async move {
        let found = client.find_manifest(place, digest).await;
        (digest, found)
    });
    let mut pulls = stream::iter(pulls.collect::<Vec<_>>()).buffered(AT_ONCE);
    let others = snapshot.other_lists();
    let mut lists = Vec::new();
    while let Some((digest, found)) = pulls.next().await {
        match found? {
            // Only these are needed again.
            Some(manifest) => {
                if others.iter().any(|list| list.selector == digest.into()) {
                    lists.push(manifest);
                }
            }
            None => report.problems.push(format!(
                "{digest}: the index lists this manifest, and the registry does not have it"
            )),
        }
    }
    Ok(lists)
}

async fn file(
    client: &Client,
    snapshot: &Snapshot,
    path: &Href,
    deep: bool,
) -> Result<(), Failure> {
    match repository::locate(client, snapshot, path).await? {
        Some(Located::Held(_)) => Ok(()),
        Some(Located::Blob(blob)) => there(client, &blob, deep).await,
        Some(Located::Made(made)) => there(client, &made.from, deep).await,
        None => Err(Failure::not_found("no manifest lists it")),
    }
}

/// Whether a file is there, or with `deep`, whether it is the right one.
async fn there(client: &Client, blob: &Blob, deep: bool) -> Result<(), Failure> {
    let descriptor = &blob.descriptor;
    if deep {
        // Other checksums need the whole file at hand.
        if blob.checksum.is_some() {
            return repository::pull(client, blob).await.map(drop);
        }
        let mut stream = client.pull_stream(&blob.repository, descriptor);
        while let Some(chunk) = stream.next().await {
            chunk?;
        }
        return Ok(());
    }
    let found = client.blob_exists(&blob.repository, descriptor.digest);
    match found.await? {
        None => Err(Failure::not_found(format!(
            "the registry does not have {}",
            descriptor.digest
        ))),
        Some(found) => match found.size {
            Some(size) if size != descriptor.size => Err(Failure::verification(format!(
                "it has {size} bytes, and {} are expected",
                descriptor.size
            ))),
            _ => Ok(()),
        },
    }
}
