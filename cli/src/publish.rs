//! Publishing a directory that has `repodata`.

use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt, TryStreamExt};
use ocirepo::digest::{Algorithm, Digest, Hasher};
use ocirepo::operation::Upload;
use ocirepo::reference::{Reference, Selector, Tag};
use ocirepo_native::Client;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::package::Package as Described;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::publish::{
    self, BlobPush, Destination, File, Input, ManifestPush, Package, Parent, Plan, Source,
    source_name,
};
use ocirepo_rpm::repomd::Repomd;

use crate::exit::{Exit, Failure};
use crate::output::progress;
use crate::repository;

/// Blobs pushed at a time.
const AT_ONCE: usize = 8;

/// What was published.
#[derive(Debug)]
pub(crate) struct Published {
    pub(crate) plan: Plan,
    /// How many blobs were pushed, and their size.
    pub(crate) blobs: u64,
    pub(crate) bytes: u64,
}

/// Publishes what is in a directory at the tag of the reference.
pub(crate) async fn directory(
    client: &Client,
    directory: &Path,
    reference: &Reference,
    layout: Option<Layout>,
) -> Result<Published, Failure> {
    let tag = match reference.selector() {
        Selector::Tag(tag) => tag,
        Selector::Digest(_) => {
            return Err(Failure::usage(format!(
                "{reference}: a repository is published at a tag, not at a digest"
            )));
        }
    };
    let scanned = {
        let directory = directory.to_owned();
        tokio::task::spawn_blocking(move || scan(&directory))
            .await
            .map_err(Failure::failed)??
    };
    let destination = Destination {
        repository: reference.repository().clone(),
        tag,
        layout,
    };
    let parent = parent(client, &destination).await?;
    let input = Input {
        files: scanned.files,
        repomd: &scanned.repomd,
        packages: scanned.packages,
        date: None,
    };
    let plan = publish::plan(&input, &destination, parent.as_ref()).map_err(Failure::failed)?;
    let mut published = Published {
        plan,
        blobs: 0,
        bytes: 0,
    };
    if !published.plan.unchanged {
        carry_out(client, directory, &mut published).await?;
    }
    Ok(published)
}

/// What the moving tag points at now.
async fn parent(client: &Client, to: &Destination) -> Result<Option<Parent>, Failure> {
    let reference = Reference::new(to.repository.clone()).with_tag(to.tag.clone());
    let mut options = repository::options();
    // Only a tree can be where no manifest is at the tag.
    options.layout = to.layout.filter(|layout| *layout == Layout::Tree);
    match repository::open(client, &reference, options).await {
        Ok(snapshot) => Ok(Some(Parent::of(&snapshot))),
        Err(error) if error.exit() == Exit::NotFound => Ok(None),
        // Whatever is broken there is replaced.
        Err(error) if error.exit() == Exit::Failure => {
            crate::output::note("warning", &format!("{error}; publishing over it"));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Blobs before manifests, stage after stage. Where the registry turns out not to have
/// what the snapshot before names, the second round pushes that too.
async fn carry_out(
    client: &Client,
    directory: &Path,
    published: &mut Published,
) -> Result<(), Failure> {
    match stages(client, directory, published, true).await {
        Err(error) if error.exit() == Exit::NotFound || error.is_unknown_content() => {
            tracing::info!("pushing everything: {error}");
            stages(client, directory, published, false).await
        }
        done => done,
    }
}

async fn stages(
    client: &Client,
    directory: &Path,
    published: &mut Published,
    skip_known: bool,
) -> Result<(), Failure> {
    let total = published.plan.stages.iter().map(|stage| stage.blobs.len());
    let bar = progress::items(total.sum::<usize>() as u64, "pushing");
    let (mut count, mut bytes) = (0, 0);
    for stage in &published.plan.stages {
        let blobs = stage
            .blobs
            .iter()
            .filter(|blob| !(skip_known && blob.known));
        let pushes: Vec<_> = blobs
            .map(|blob| push_blob(client, directory, blob))
            .collect();
        let mut pushes = stream::iter(pushes).buffer_unordered(AT_ONCE);
        while let Some(size) = pushes.try_next().await? {
            count += 1;
            bytes += size;
            bar.inc(1);
        }
        let manifests = stage
            .manifests
            .iter()
            .filter(|manifest| !(skip_known && manifest.known));
        let pushes: Vec<_> = manifests
            .map(|manifest| push_manifest(client, manifest))
            .collect();
        let mut pushes = stream::iter(pushes).buffer_unordered(AT_ONCE);
        while pushes.try_next().await?.is_some() {}
    }
    bar.finish_and_clear();
    published.blobs = count;
    published.bytes = bytes;
    Ok(())
}

async fn push_blob(client: &Client, directory: &Path, blob: &BlobPush) -> Result<u64, Failure> {
    let descriptor = &blob.descriptor;
    match &blob.source {
        Source::Bytes(bytes) => {
            client
                .push_bytes(&blob.repository, bytes.clone(), Upload::default())
                .await?;
        }
        Source::File(path) => {
            let path = directory.join(path.path());
            let digest = Some(descriptor.digest);
            client
                .push_file(&blob.repository, &path, digest, Upload::default())
                .await?;
        }
    }
    Ok(descriptor.size)
}

async fn push_manifest(client: &Client, push: &ManifestPush) -> Result<(), Failure> {
    let selector = push.selector.clone();
    client
        .push_manifest(&push.repository, selector, push.manifest.clone())
        .await?;
    Ok(())
}

/// A directory as it was found.
struct Scanned {
    files: Vec<File>,
    repomd: Repomd,
    packages: Vec<Package>,
}

fn scan(directory: &Path) -> Result<Scanned, Failure> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot read {}: {error}", path.display()))
    };
    let mut found = BTreeMap::new();
    walk(directory, "", &mut found)?;
    let raw = directory.join("repodata/repomd.xml");
    let repomd = std::fs::read(&raw).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Failure::failed(format!(
                "{} has no repodata/repomd.xml; run createrepo_c on it first",
                directory.display()
            ))
        } else {
            failed(&raw, &error)
        }
    })?;
    let repomd = Repomd::parse(&repomd)?;
    let mut files = Vec::new();
    let bar = progress::items(found.len() as u64, "reading");
    for (path, file) in &found {
        let (digest, size) = hash(file).map_err(|error| failed(file, &error))?;
        let path = Href::from_path(path).map_err(|error| failed(file, &error))?;
        files.push(File { path, digest, size });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let record = repomd.require("primary")?;
    let path = directory.join(record.location.path());
    let primary = std::fs::File::open(&path).map_err(|error| failed(&path, &error))?;
    let primary = io::BufReader::new(metadata::open(record, primary, Limits::default())?);
    let packages = Primary::open(primary, record.location.path(), Limits::default())?
        .map(|package| package.map(|package| listed(&package)))
        .collect::<Result<_, _>>()?;
    Ok(Scanned {
        files,
        repomd,
        packages,
    })
}

fn listed(package: &Described) -> Package {
    Package {
        path: package.location.clone(),
        checksum: package.checksum,
        name: package.nevra.name.to_string(),
        source: source_name(Some(&*package.details.source_rpm), &package.nevra.name).to_owned(),
    }
}

/// Every file below a directory but hidden ones, by its path with slashes.
fn walk(
    directory: &Path,
    prefix: &str,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), Failure> {
    let failed =
        |error: io::Error| Failure::failed(format!("cannot list {}: {error}", directory.display()));
    for entry in std::fs::read_dir(directory).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        let name = name.to_str().ok_or_else(|| {
            Failure::failed(format!("{}: the name is not UTF-8", entry.path().display()))
        })?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        // Follows links: createrepo_c does.
        let metadata = std::fs::metadata(entry.path()).map_err(failed)?;
        if metadata.is_dir() {
            walk(&entry.path(), &format!("{path}/"), found)?;
        } else {
            found.insert(path, entry.path());
        }
    }
    Ok(())
}

fn hash(path: &Path) -> io::Result<(Digest, u64)> {
    let mut file = std::fs::File::open(path)?;
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut piece = vec![0; 256 * 1024];
    let mut size = 0;
    loop {
        let count = file.read(&mut piece)?;
        if count == 0 {
            return Ok((hasher.finish(), size));
        }
        hasher.update(piece.get(..count).unwrap_or_default());
        size += count as u64;
    }
}

/// The tag a reference means.
pub(crate) fn tag_of(reference: &Reference) -> Tag {
    reference.tag().cloned().unwrap_or_else(Tag::latest)
}
