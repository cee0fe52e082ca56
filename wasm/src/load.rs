//! Files of a repository: where they are, and their bytes, verified.

use std::cell::RefCell;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::rc::Rc;

use js_sys::{Function, Uint8Array};
use ocirepo::operation::Resume;
use ocirepo::reference::Reference;
use ocirepo::{Manifest, reference::Repository, reference::Selector};
use ocirepo_rpm::checksum::ChecksumHasher;
use ocirepo_rpm::compression::{Compression, Decompressor};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::repomd::Record;
use ocirepo_rpm::snapshot::{Answer, Ask, Blob, Made, Opening, Options, Snapshot, Target};
use wasm_bindgen::JsValue;

use crate::driver::{Driver, Job, OnBytes};
use crate::failure::Failure;
use crate::js;
use crate::target;

/// The largest metadata file that is kept in memory, as it lies in the registry.
pub(crate) const MOST_METADATA: u64 = 512 << 20;

/// The bytes of a file; clones share them.
#[derive(Clone)]
pub(crate) struct Shared(Rc<Vec<u8>>);

impl AsRef<[u8]> for Shared {
    fn as_ref(&self) -> &[u8] {
        &self.0
    }
}

impl From<Vec<u8>> for Shared {
    fn from(bytes: Vec<u8>) -> Self {
        Self(Rc::new(bytes))
    }
}

/// Where the content of a file is.
pub(crate) enum Located {
    Held(Vec<u8>),
    Blob(Box<Blob>),
    Made(Box<Made>),
}

/// Opens a repository at what its reference names now.
pub(crate) async fn open(
    driver: &Driver,
    reference: &Reference,
    options: Options,
) -> Result<Snapshot, Failure> {
    let mut opening = Opening::new(reference, options);
    loop {
        let answer = answer(driver, opening.ask()).await?;
        if let Some(snapshot) = opening.answer(answer)? {
            return Ok(snapshot);
        }
    }
}

async fn answer(driver: &Driver, ask: &Ask) -> Result<Answer, Failure> {
    Ok(match ask {
        Ask::Manifest {
            repository,
            selector,
        } => Answer::Manifest(find_manifest(driver, repository, selector.clone()).await?),
        Ask::Referrers {
            repository,
            subject,
            artifact_type,
        } => {
            let list = driver.run(Job::default(), |session| {
                session.referrers(repository, *subject, Some(artifact_type))
            });
            Answer::Referrers(list.await?)
        }
        Ask::Blob {
            repository,
            descriptor,
            limit,
        } => {
            let pull = driver.run(Job::default(), |session| {
                session.pull_blob_bytes(repository, descriptor, *limit)
            });
            match pull.await {
                Ok(bytes) => Answer::Blob(Some(bytes)),
                Err(failure) if failure.is_not_found() => Answer::Blob(None),
                Err(failure) => return Err(failure),
            }
        }
    })
}

/// A manifest, or `None` if there is none.
pub(crate) async fn find_manifest(
    driver: &Driver,
    repository: &Repository,
    selector: Selector,
) -> Result<Option<Manifest>, Failure> {
    let pull = driver.run(Job::default(), |session| {
        session.pull_manifest(repository, selector)
    });
    match pull.await {
        Ok(manifest) => Ok(Some(manifest)),
        Err(failure) if failure.is_not_found() => Ok(None),
        Err(failure) => Err(failure),
    }
}

/// Finds a file. Packages of an index must have been learnt before.
pub(crate) async fn locate(
    driver: &Driver,
    snapshot: &Snapshot,
    path: &Href,
) -> Result<Option<Located>, Failure> {
    Ok(match snapshot.resolve(path)? {
        Target::Held(bytes) => Some(Located::Held(bytes.to_vec())),
        Target::Blob(blob) => Some(Located::Blob(Box::new(blob))),
        Target::Made(made) => Some(Located::Made(Box::new(made))),
        Target::Listed(list) => {
            match find_manifest(driver, &list.repository, list.selector).await? {
                Some(manifest) => snapshot
                    .listed(path, &manifest)?
                    .map(|blob| Located::Blob(Box::new(blob))),
                None => None,
            }
        }
        Target::Packages | Target::Missing => None,
    })
}

/// Pulls a blob into memory, verified. Some caches before registries serve only blobs of
/// manifests they have seen, so where it seems to be missing its manifest is pulled, and the
/// blob asked for once more.
pub(crate) async fn pull(
    driver: &Driver,
    blob: &Blob,
    most: u64,
    on_bytes: Option<OnBytes>,
) -> Result<Vec<u8>, Failure> {
    let size = blob.descriptor.size;
    if size > most {
        return Err(Failure::new(
            "too-large",
            format!("it has {size} bytes, and at most {most} are read into memory"),
        ));
    }
    let once = || async {
        let memory = Rc::new(RefCell::new(Vec::new()));
        let job = Job {
            target: Some(target::Target::Memory(Rc::clone(&memory))),
            on_bytes: on_bytes.clone(),
            ..Job::default()
        };
        let pulled = driver.run(job, |session| {
            session.pull_blob(&blob.repository, &blob.descriptor, Resume::Fresh)
        });
        pulled.await?;
        Ok::<_, Failure>(memory.take())
    };
    let bytes = match (once().await, &blob.list) {
        (Err(failure), Some(list)) if failure.is_not_found() => {
            find_manifest(driver, &list.repository, list.selector.clone()).await?;
            once().await?
        }
        (result, _) => result?,
    };
    if let Some(wanted) = blob.checksum {
        let mut hasher = ChecksumHasher::new(wanted.kind()).map_err(Failure::input)?;
        hasher.update(&bytes);
        let found = hasher.finish();
        if found != wanted {
            return Err(Failure::corrupt(format!(
                "the content has the {} checksum {}, the metadata says {}",
                found.kind(),
                found.hex(),
                wanted.hex()
            )));
        }
    }
    Ok(bytes)
}

/// A metadata file that was pulled.
#[derive(Clone)]
pub(crate) enum Metadata {
    /// As it lies in the registry, and whether a digest from repomd.xml vouches for it.
    Raw(Shared, bool),
    /// As the second module decompressed it, verified before.
    Plain(Shared),
    /// What it is made from.
    Made(Shared, Box<Made>),
}

/// Pulls a metadata file.
pub(crate) async fn metadata(
    driver: &Driver,
    snapshot: &Snapshot,
    record: &Record,
    on_bytes: Option<OnBytes>,
) -> Result<Metadata, Failure> {
    match locate(driver, snapshot, &record.location).await? {
        Some(Located::Held(bytes)) => Ok(Metadata::Raw(bytes.into(), false)),
        Some(Located::Blob(blob)) => {
            let vouched = record.checksum.to_digest() == Some(blob.descriptor.digest);
            let bytes = pull(driver, &blob, MOST_METADATA, on_bytes).await?;
            Ok(Metadata::Raw(bytes.into(), vouched))
        }
        Some(Located::Made(made)) => {
            let bytes = pull(driver, &made.from, MOST_METADATA, on_bytes).await?;
            Ok(Metadata::Made(bytes.into(), made))
        }
        None => Err(Failure::new(
            "incomplete",
            format!(
                "{}: repomd.xml names {}, but it is nowhere to be found",
                snapshot.repository(),
                record.location
            ),
        )),
    }
}

impl Metadata {
    /// In a form that is read here: what is in a rare one goes to the function that has the second
    /// module decompress it.
    pub(crate) async fn readable(
        self,
        record: &Record,
        decompress: &Function,
    ) -> Result<Self, Failure> {
        let Self::Raw(bytes, vouched) = &self else {
            return Ok(self);
        };
        let form = Compression::detect(bytes.as_ref());
        if !matches!(form, Compression::Xz | Compression::Bzip2) {
            return Ok(self);
        }
        if !vouched {
            metadata::verify(record, bytes.as_ref())?;
        }
        let file = JsValue::from_str(record.location.path());
        let bytes = Uint8Array::from(bytes.as_ref());
        let plain = js::call(decompress, &bytes, &file).await;
        let plain = plain.map_err(|error| {
            let kind = js::property(&error, "kind").and_then(|kind| kind.as_string());
            let failure = Failure::thrown(&error);
            match kind.as_deref() {
                Some("too-large") => Failure::new("too-large", failure.message),
                Some(_) => Failure::new("malformed", failure.message),
                // The module could not be loaded.
                None => failure,
            }
        })?;
        Ok(Self::Plain(Uint8Array::from(plain).to_vec().into()))
    }

    /// Its uncompressed content, to be read to its end.
    pub(crate) fn reader(&self, record: &Record) -> Result<Box<dyn BufRead>, Failure> {
        let limits = Limits::default();
        Ok(match self {
            // It was hashed when it came.
            Self::Raw(bytes, true) => {
                let source = BufReader::with_capacity(PIECE, of(bytes));
                let plain = Decompressor::new(source, record.location.path(), limits)?;
                Box::new(BufReader::with_capacity(PIECE, plain))
            }
            Self::Plain(bytes) => Box::new(Cursor::new(bytes.clone())),
            Self::Raw(bytes, false) => Box::new(metadata::open(record, of(bytes), limits)?),
            Self::Made(bytes, made) => {
                let source: Box<dyn Read> = Box::new(made.make(of(bytes))?);
                Box::new(metadata::open(record, source, limits)?)
            }
        })
    }
}

/// A reader of bytes. Of one type for all, so that the module has one decoder of each kind.
fn of(bytes: &Shared) -> Box<dyn Read> {
    Box::new(Cursor::new(bytes.clone()))
}

/// Size of the buffers around a decompressor, in bytes.
const PIECE: usize = 64 << 10;

/// A file that is made in this very moment, complete and verified.
pub(crate) fn made(made: &Made, from: Vec<u8>) -> Result<Vec<u8>, Failure> {
    let mut content = Vec::new();
    let mut source = made.make(of(&from.into()))?;
    source
        .read_to_end(&mut content)
        .map_err(|error: io::Error| Failure::new("malformed", error.to_string()))?;
    match ocirepo::Digest::of(&content) == made.digest {
        true => Ok(content),
        false => Err(Failure::corrupt(
            "what is made from the catalogue is not what repomd.xml says",
        )),
    }
}
