//! A plain repository that was opened: its metadata, and what files it says there are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use ocirepo_rpm::checksum::Checksum;
use ocirepo_rpm::deltas::Deltas;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::format::{REPOMD, SIGNATURE};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::publish::Package;
use ocirepo_rpm::repomd::{Record, Repomd};
use ocirepo_rpm::signature::{Good, Keyring};
use tempfile::TempPath;
use url::Url;

use super::address::{Address, Head, Places, check_scheme, path};
use super::error::{ImportError, ImportErrorKind};
use super::mirrors::{Expected, Fetched, Mirrors};
use super::web::Web;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::file::blocking;
use crate::publish::{Fetch, Fetching};
use crate::work_dir::WorkDir;

/// The largest file that is named by nothing but its path, in bytes.
const MAX_ALSO: u64 = 64 << 20;

/// How a plain repository is read.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The keys of the publisher. With them, a repository without a good signature of one
    /// of them is refused.
    pub keys: Option<Keyring>,
    /// The time of day, in Unix seconds.
    pub now: u64,
    /// Files beside those that the metadata names, such as keys and `.treeinfo`. Nothing
    /// vouches for them.
    pub also: Vec<Href>,
    /// Write the metadata anew where it sends readers to other places, which loses the
    /// vendor's signature of it.
    pub allow_rewrite: bool,
}

/// A plain repository.
#[derive(Debug)]
pub struct Origin {
    mirrors: Mirrors,
    /// The places that `xml:base` names.
    elsewhere: BTreeMap<Arc<str>, Mirrors>,
    /// Where files lie for as long as they are needed.
    spool: WorkDir,
    pub(super) raw_repomd: Vec<u8>,
    pub(super) repomd: Repomd,
    pub(super) signature: Option<Vec<u8>>,
    pub(super) signer: Option<Good>,
    behind: bool,
    pub(super) files: BTreeMap<Href, Entry>,
    /// Files at hand, which nothing vouches for.
    also: BTreeMap<Href, Vec<u8>>,
    /// Files that were made here.
    pub(super) kept: BTreeMap<Href, PathBuf>,
    packages: Vec<Package>,
}

/// A file that the metadata names, as a publisher asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Named<'a> {
    /// Where it is in the repository.
    pub path: &'a Href,
    /// Its checksum in the metadata.
    pub checksum: Checksum,
    /// Its size in bytes, where the metadata tells.
    pub size: Option<u64>,
}

/// A file that the metadata names.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) expected: Expected,
    /// The place it is at, where that is not the repository.
    pub(super) base: Option<Arc<str>>,
}

impl Origin {
    /// Reads the metadata of a repository.
    ///
    /// # Errors
    /// [`Error::Import`] when it cannot be had or is not what vouches for it;
    /// [`Error::Metadata`] when it cannot be read.
    pub async fn open(client: &Client, address: &Address, options: &Options) -> Result<Self> {
        let web = Web::of(client)?;
        let places = address.places(web.clone()).await?;
        let head = places.head(options.keys.as_ref(), options.now).await?;
        let spool = blocking(WorkDir::new).await?;
        let mut origin = Self::of(places, head, spool);
        for path in &options.also {
            let file = origin.mirrors.bytes(path, MAX_ALSO).await?;
            origin.also.insert(path.clone(), file);
        }
        for record in origin.repomd.records.clone() {
            let entry = Entry {
                expected: Expected {
                    checksum: record.checksum,
                    size: record.size,
                },
                base: None,
            };
            origin.add(&record.location, entry)?;
        }
        let primary = origin.repomd.require("primary")?.clone();
        for (package, entry) in origin.read(&primary, listed).await? {
            if origin.add(&package.path, entry)? {
                origin.packages.push(package);
            }
        }
        if let Some(record) = origin.repomd.record("prestodelta").cloned() {
            for (path, entry) in origin.read(&record, deltas).await? {
                origin.add(&path, entry)?;
            }
        }
        let bases: Vec<Arc<str>> = origin.bases().cloned().collect();
        if let Some(base) = bases.first()
            && !options.allow_rewrite
        {
            let message = format!(
                "packages of {} lie elsewhere, at {base} (xml:base). A repository in a registry \
                 holds its packages itself, so its metadata would have to be written anew, and \
                 the vendor's signature of it would be lost; give --allow-rewrite to accept that",
                origin.place()
            );
            return Err(ImportError::new(ImportErrorKind::Refused, message).into());
        }
        for base in bases {
            let mirrors = origin.place_of(&base, &web, address)?;
            origin.elsewhere.insert(base, mirrors);
        }
        if origin.is_rewritten() {
            origin.rewrite().await?;
        }
        Ok(origin)
    }

    fn of(places: Places, head: Head, spool: WorkDir) -> Self {
        Self {
            mirrors: places.mirrors,
            elsewhere: BTreeMap::new(),
            spool,
            raw_repomd: head.raw,
            repomd: head.repomd,
            signature: head.signature,
            signer: head.signer,
            behind: head.behind,
            files: BTreeMap::new(),
            also: BTreeMap::new(),
            kept: BTreeMap::new(),
            packages: Vec::new(),
        }
    }

    /// Where it is, without what is secret in it.
    pub fn place(&self) -> String {
        self.mirrors.shown()
    }

    /// What `repomd.xml` says, as it is to be published.
    pub fn repomd(&self) -> &Repomd {
        &self.repomd
    }

    /// The packages, each once.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The files that the metadata names, each once, by path.
    pub fn named(&self) -> impl Iterator<Item = Named<'_>> {
        self.files.iter().map(|(path, entry)| Named {
            path,
            checksum: entry.expected.checksum,
            size: entry.expected.size,
        })
    }

    /// The files at hand that no metadata names: `repomd.xml`, its signature, and those that
    /// were asked for.
    pub fn held(&self) -> Result<Vec<(Href, &[u8])>, ImportError> {
        let mut held = vec![(path(REPOMD)?, &*self.raw_repomd)];
        if let Some(signature) = &self.signature {
            held.push((path(SIGNATURE)?, signature));
        }
        held.extend(self.also.iter().map(|(path, file)| (path.clone(), &**file)));
        Ok(held)
    }

    /// The key that signed `repomd.xml`, where keys were given.
    pub fn signer(&self) -> Option<&Good> {
        self.signer.as_ref()
    }

    /// Whether `repomd.xml` is published with the signature that it came with.
    pub fn is_signed(&self) -> bool {
        self.signature.is_some()
    }

    /// Whether this is an earlier version than the metalink's latest, because no mirror has
    /// that one.
    pub fn is_behind(&self) -> bool {
        self.behind
    }

    /// Whether packages lay elsewhere, so that the metadata was written anew, without the
    /// vendor's signature.
    pub fn is_rewritten(&self) -> bool {
        self.bases().next().is_some()
    }

    fn bases(&self) -> impl Iterator<Item = &Arc<str>> {
        let mut bases: Vec<&Arc<str>> = self
            .files
            .values()
            .filter_map(|entry| entry.base.as_ref())
            .collect();
        bases.sort();
        bases.dedup();
        bases.into_iter()
    }

    /// The place that a base means. What came over the network names no local files.
    fn place_of(&self, base: &str, web: &Web, address: &Address) -> Result<Mirrors, ImportError> {
        let refuse = |error: &dyn std::fmt::Display| {
            let message = format!("{}: xml:base `{base}`: {error}", self.place());
            ImportError::new(ImportErrorKind::Refused, message)
        };
        let url: Url = base.parse().map_err(|error| refuse(&error))?;
        check_scheme(&url)?;
        let local = |url: &Url| url.scheme() == "file";
        if local(&url) && !matches!(address, Address::Base(own) if local(own)) {
            return Err(refuse(
                &"it leads to files of this machine, which is not followed",
            ));
        }
        Ok(Mirrors::new(web.clone(), vec![url]))
    }

    /// Notes a file. Whether it is new: metadata may name a file twice, but not in two ways.
    fn add(&mut self, path: &Href, entry: Entry) -> Result<bool, ImportError> {
        if path.path() == REPOMD || path.path() == SIGNATURE {
            let message = format!("the metadata names {path} as one of its files");
            return Err(ImportError::new(ImportErrorKind::Corrupt, message));
        }
        match self.files.get(path) {
            None => {
                self.files.insert(path.clone(), entry);
                Ok(true)
            }
            Some(known) if known.expected.checksum == entry.expected.checksum => Ok(false),
            Some(_) => {
                let message = format!(
                    "the metadata of {} names {path} twice, with two checksums",
                    self.place()
                );
                Err(ImportError::new(ImportErrorKind::Corrupt, message))
            }
        }
    }

    /// Fetches a metadata file and reads it to its verified end.
    async fn read<T: Send + 'static>(
        &self,
        record: &Record,
        read: fn(Source, &str) -> Result<T>,
    ) -> Result<T> {
        let file = self.fetch(&record.location).await?;
        let record = record.clone();
        blocking(move || {
            let failed = |error| Error::io("read", &file, error);
            let raw = std::fs::File::open(&file).map_err(failed)?;
            let opened = metadata::open(&record, raw, Limits::default())?;
            read(opened, record.location.path())
        })
        .await
    }

    /// Fetches a file that the metadata names. It is deleted when it is dropped.
    ///
    /// # Errors
    /// [`Error::Import`] when no mirror has it as the metadata says.
    pub async fn fetch(&self, path: &Href) -> Result<TempPath> {
        if let Some(kept) = self.kept.get(path) {
            let (kept, copy) = (kept.clone(), self.spooled()?);
            return blocking(move || match std::fs::copy(&kept, &copy) {
                Ok(_) => Ok(copy),
                Err(error) => Err(Error::io("copy", &kept, error)),
            })
            .await;
        }
        let entry = self.entry(path)?;
        let file = self.spooled()?;
        self.at(entry)?.file(path, &entry.expected, &file).await?;
        Ok(file)
    }

    /// Finds out digest and size of a file by reading it.
    ///
    /// # Errors
    /// When no mirror has it as the metadata says.
    pub async fn measure(&self, path: &Href) -> Result<Fetched, ImportError> {
        let entry = self.entry(path)?;
        self.at(entry)?.measure(path, &entry.expected).await
    }

    /// A place for a file.
    fn spooled(&self) -> Result<TempPath> {
        tempfile::NamedTempFile::new_in(self.spool.path())
            .map(tempfile::NamedTempFile::into_temp_path)
            .map_err(|error| Error::io("write", self.spool.path(), error))
    }

    fn entry(&self, path: &Href) -> Result<&Entry, ImportError> {
        self.files.get(path).ok_or_else(|| {
            let message = format!("{}: its metadata does not name {path}", self.place());
            ImportError::new(ImportErrorKind::NotFound, message)
        })
    }

    fn at(&self, entry: &Entry) -> Result<&Mirrors, ImportError> {
        let Some(base) = &entry.base else {
            return Ok(&self.mirrors);
        };
        self.elsewhere.get(base).ok_or_else(|| {
            let message = format!("{}: nobody looked at xml:base `{base}`", self.place());
            ImportError::new(ImportErrorKind::Refused, message)
        })
    }

    /// Where a file lies until the origin is dropped.
    pub(super) fn keep(&self, name: &str) -> PathBuf {
        self.spool.path().join(name)
    }
}

impl Fetch for Origin {
    fn fetch<'a>(&'a self, path: &'a str) -> Fetching<'a> {
        Box::pin(async move {
            match Href::from_path(path) {
                Ok(path) if self.files.contains_key(&path) => {
                    Origin::fetch(self, &path).await.map(Some)
                }
                _ => Ok(None),
            }
        })
    }
}

type Source = metadata::Opened<std::fs::File>;

/// The packages of `primary`.
fn listed(source: Source, file: &str) -> Result<Vec<(Package, Entry)>> {
    let mut bases = std::collections::BTreeSet::<Arc<str>>::new();
    let mut found = Vec::new();
    for package in Primary::open(source, file, Limits::default())?.keep_base() {
        let package = package?;
        let base = package.base.as_deref().map(|base| match bases.get(base) {
            Some(known) => Arc::clone(known),
            None => {
                let base = Arc::<str>::from(base);
                bases.insert(Arc::clone(&base));
                base
            }
        });
        let size = package.size.package;
        let expected = Expected {
            checksum: package.checksum,
            // No package is empty: it was left out.
            size: (size != 0).then_some(size),
        };
        found.push((Package::from(&package), Entry { expected, base }));
    }
    Ok(found)
}

/// The delta RPMs of `prestodelta`.
fn deltas(source: Source, file: &str) -> Result<Vec<(Href, Entry)>> {
    let mut found = Vec::new();
    for delta in Deltas::open(source, file, Limits::default())? {
        let delta = delta?;
        let expected = Expected {
            checksum: delta.checksum,
            size: Some(delta.size),
        };
        found.push((
            delta.location,
            Entry {
                expected,
                base: None,
            },
        ));
    }
    Ok(found)
}
