//! RPM repositories in registries, read over the client.

use std::io::{Read, Seek, SeekFrom};
use std::sync::Arc;

use ocirepo::reference::Reference;
use ocirepo_native::Client;
use ocirepo_native::ahead::Ahead;
use ocirepo_native::cache::CacheEntry;
use ocirepo_rpm::checksum::{Checksum, ChecksumHasher, ChecksumKind};
use ocirepo_rpm::deltas::Deltas;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::package::Package;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::publish::source_name;
use ocirepo_rpm::repomd::Record;
use ocirepo_rpm::snapshot::{Blob, Made, Options, PackageEntry, Snapshot, Target};

use crate::exit::Failure;

/// Where the content of a file is.
#[derive(Debug)]
pub(crate) enum Located {
    /// Here, verified.
    Held(Vec<u8>),
    /// In the registry.
    Blob(Box<Blob>),
    /// Made from what is in the registry.
    Made(Box<Made>),
}

/// Opens a repository at what its tag or digest names now, with no memory of earlier
/// times.
pub(crate) async fn open(
    client: &Client,
    reference: &Reference,
    options: Options,
) -> Result<Snapshot, Failure> {
    Ok(ocirepo_native::repository::open(client, reference, options, None).await?)
}

/// Options to open a repository for reading, with the time of day.
pub(crate) fn options() -> Options {
    Options {
        now: crate::clock::now(),
        ..Options::default()
    }
}

/// Finds a file. Packages of an index must have been learnt before.
pub(crate) async fn locate(
    client: &Client,
    snapshot: &Snapshot,
    path: &Href,
) -> Result<Option<Located>, Failure> {
    match snapshot.resolve(path)? {
        Target::Held(bytes) => Ok(Some(Located::Held(bytes.to_vec()))),
        Target::Blob(blob) => Ok(Some(Located::Blob(Box::new(blob)))),
        Target::Made(made) => Ok(Some(Located::Made(Box::new(made)))),
        Target::Listed(list) => {
            let found = client
                .find_manifest(&list.repository, list.selector)
                .await?;
            let Some(manifest) = found else {
                return Ok(None);
            };
            let blob = snapshot.listed(path, &manifest)?;
            Ok(blob.map(|blob| Located::Blob(Box::new(blob))))
        }
        Target::Packages | Target::Missing => Ok(None),
    }
}

/// Pulls a blob into the cache, or finds it there. Some caches between us and the
/// registry serve only blobs of manifests they have seen, so where the blob seems to be
/// missing its manifest is pulled, and the blob asked for once more.
pub(crate) async fn pull(client: &Client, blob: &Blob) -> Result<CacheEntry, Failure> {
    let again = match client.pull_cached(&blob.repository, &blob.descriptor).await {
        Err(error) if error.is_not_found() => blob.list.clone().ok_or(error)?,
        pulled => return check(blob, pulled?),
    };
    client
        .find_manifest(&again.repository, again.selector)
        .await?;
    let pulled = client
        .pull_cached(&blob.repository, &blob.descriptor)
        .await?;
    check(blob, pulled)
}

/// Compares content with the checksum of the metadata, where that is another than the
/// digest it was verified by.
fn check(blob: &Blob, entry: CacheEntry) -> Result<CacheEntry, Failure> {
    if let Some(checksum) = &blob.checksum {
        let file = entry.file().try_clone()?;
        verify(file, checksum)?;
    }
    Ok(entry)
}

/// Reads up to the end, for the checksum.
pub(crate) fn checksum(source: &mut dyn Read, kind: ChecksumKind) -> Result<Checksum, Failure> {
    let mut hasher = ChecksumHasher::new(kind).map_err(Failure::verification)?;
    let mut piece = vec![0; 64 * 1024];
    loop {
        match source.read(&mut piece)? {
            0 => return Ok(hasher.finish()),
            count => hasher.update(piece.get(..count).unwrap_or_default()),
        }
    }
}

/// Reads a whole file and compares its checksum.
pub(crate) fn verify(mut file: std::fs::File, checksum: &Checksum) -> Result<(), Failure> {
    file.seek(SeekFrom::Start(0))?;
    let found = self::checksum(&mut file, checksum.kind())?;
    file.seek(SeekFrom::Start(0))?;
    if found == *checksum {
        Ok(())
    } else {
        Err(Failure::verification(format!(
            "the content has the {} checksum {}, the metadata says {}",
            found.kind(),
            found.hex(),
            checksum.hex()
        )))
    }
}

/// Opens a metadata file of the snapshot for a reader that verifies it.
pub(crate) async fn metadata_file(
    client: &Client,
    snapshot: &Snapshot,
    record: &Record,
) -> Result<Box<dyn std::io::Read + Send>, Failure> {
    match locate(client, snapshot, &record.location).await? {
        Some(Located::Held(bytes)) => Ok(Box::new(std::io::Cursor::new(bytes))),
        Some(Located::Blob(blob)) => Ok(Box::new(pull(client, &blob).await?.into_file())),
        Some(Located::Made(made)) => {
            let part = pull(client, &made.from).await?.into_file();
            Ok(Box::new(made.make(part)?))
        }
        None => Err(Failure::not_found(format!(
            "{}: repomd.xml names {}, but it is nowhere to be found",
            snapshot.repository(),
            record.location
        ))),
    }
}

/// Reads a metadata file from its start to its verified end, in a thread that makes sense of it
/// beside one that verifies and decompresses it.
pub(crate) async fn read<T: Send + 'static>(
    client: &Client,
    snapshot: &Snapshot,
    record: &Record,
    reader: impl FnOnce(&mut dyn std::io::BufRead, &str) -> Result<T, ocirepo_rpm::error::MetadataError>
    + Send
    + 'static,
) -> Result<T, Failure> {
    let file = metadata_file(client, snapshot, record).await?;
    let record = record.clone();
    tokio::task::spawn_blocking(move || {
        let opened = metadata::open(&record, file, Limits::default())?;
        let mut opened = Ahead::of(opened).map_err(Failure::failed)?;
        Ok(reader(&mut opened, record.location.path())?)
    })
    .await
    .map_err(Failure::failed)?
}

/// The packages of a repository.
pub(crate) async fn packages(
    client: &Client,
    snapshot: &Snapshot,
) -> Result<Vec<Package>, Failure> {
    let record = snapshot.repomd().require("primary")?;
    read(client, snapshot, record, |source, file| {
        Primary::open(source, file, Limits::default())?.collect()
    })
    .await
}

/// The snapshot that knows where its packages and delta RPMs are.
pub(crate) async fn learn(
    client: &Client,
    snapshot: &Arc<Snapshot>,
) -> Result<Arc<Snapshot>, Failure> {
    let mut learnt = Snapshot::clone(snapshot);
    let record = snapshot.repomd().require("primary")?;
    learnt = read(client, snapshot, record, move |source, file| {
        for package in Primary::open(source, file, Limits::default())? {
            let package = package?;
            learnt.learn_packages([entry(&package)]);
        }
        learnt.learn_packages([]);
        Ok(learnt)
    })
    .await?;
    if let Some(record) = snapshot.repomd().record("prestodelta") {
        learnt = read(client, snapshot, record, move |source, file| {
            for delta in Deltas::open(source, file, Limits::default())? {
                let delta = delta?;
                learnt.learn_files([ocirepo_rpm::snapshot::FileEntry {
                    path: &delta.location,
                    checksum: delta.checksum,
                    size: Some(delta.size),
                }]);
            }
            Ok(learnt)
        })
        .await?;
    }
    Ok(Arc::new(learnt))
}

/// What a snapshot wants to know of a package.
pub(crate) fn entry(package: &Package) -> PackageEntry<'_> {
    PackageEntry {
        path: &package.location,
        checksum: package.checksum,
        size: Some(package.size.package).filter(|size| *size > 0),
        name: &package.nevra.name,
        source: source_name(Some(&*package.details.source_rpm), &package.nevra.name),
    }
}
