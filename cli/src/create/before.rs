//! The snapshot that is changed.

use std::collections::BTreeMap;
use std::io::Read;

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo_native::Client;
use ocirepo_native::publish::Local;
use ocirepo_rpm::create::Entry;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::publish::File;
use ocirepo_rpm::repomd::Record;
use ocirepo_rpm::snapshot::{Blob, List, Snapshot, Target};

use super::contents::at_hand;
use crate::exit::Failure;
use crate::repository;

/// The snapshot that is changed, and what was read of it.
pub(super) struct Before<'a> {
    client: &'a Client,
    /// It has learnt its packages.
    pub(super) snapshot: Snapshot,
    /// Its packages, in the order of `primary`.
    pub(super) entries: Vec<Entry>,
    /// Manifests that were pulled to find files.
    manifests: BTreeMap<String, Option<Manifest>>,
}

impl<'a> Before<'a> {
    /// Reads `primary`, and keeps little of it.
    pub(super) async fn read(client: &'a Client, snapshot: &Snapshot) -> Result<Self, Failure> {
        let record = snapshot.repomd().require("primary")?;
        let entries: Vec<Entry> = repository::read(client, snapshot, record, |source, file| {
            Primary::open(source, file, Limits::default())?
                .map(|package| package.map(|package| (&package).into()))
                .collect()
        })
        .await?;
        let mut snapshot = snapshot.clone();
        snapshot.learn_packages(entries.iter().map(Into::into));
        Ok(Self {
            client,
            snapshot,
            entries,
            manifests: BTreeMap::new(),
        })
    }

    /// A metadata file, as it lies in the repository.
    pub(super) async fn metadata(&self, kind: &str) -> Result<Old, Failure> {
        let record = self.snapshot.repomd().require(kind)?;
        let source = repository::metadata_file(self.client, &self.snapshot, record).await?;
        Ok(Old {
            record: record.clone(),
            source,
        })
    }

    /// What a package is, as content.
    pub(super) async fn package(&mut self, entry: &Entry) -> Result<File, Failure> {
        if let (Some(digest), 1..) = (entry.checksum.to_digest(), entry.size) {
            return Ok(File {
                path: entry.location.clone(),
                digest,
                size: entry.size,
            });
        }
        self.file(&entry.location).await.map(|(file, _)| file)
    }

    /// What a file is, as content; the content itself if it is at hand and not a blob.
    pub(super) async fn file(&mut self, path: &Href) -> Result<(File, Option<Local>), Failure> {
        let missing = || {
            Failure::not_found(format!(
                "{}: the metadata names {path}, but it is nowhere to be found; publish the \
                 repository anew from its packages",
                self.snapshot.repository()
            ))
        };
        let blob = match self.snapshot.resolve(path)? {
            Target::Held(content) => {
                return Ok(at_hand(path.clone(), content.to_vec()));
            }
            Target::Blob(blob) => blob,
            // What is made from a catalogue is nowhere as it is.
            Target::Made(_) | Target::Packages | Target::Missing => return Err(missing()),
            Target::Listed(list) => {
                let key = format!("{} {}", list.repository, list.selector);
                if !self.manifests.contains_key(&key) {
                    let manifest = self.manifest(&list).await?;
                    self.manifests.insert(key.clone(), manifest);
                }
                let manifest = self.manifests.get(&key).and_then(Option::as_ref);
                let blob = manifest.map(|manifest| self.snapshot.listed(path, manifest));
                blob.transpose()?.flatten().ok_or_else(missing)?
            }
        };
        let Blob { descriptor, .. } = blob;
        Ok((file(path.clone(), &descriptor), None))
    }

    /// The signature of `repomd.xml`, if there is one.
    pub(super) async fn signature(
        &mut self,
        path: &Href,
    ) -> Result<Option<(File, Option<Local>)>, Failure> {
        match self.file(path).await {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.exit() == crate::exit::Exit::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The files that no metadata names.
    pub(super) async fn others(&self) -> Result<BTreeMap<Href, File>, Failure> {
        let mut lists = Vec::new();
        for list in self.snapshot.other_lists() {
            lists.extend(self.manifest(&list).await?);
        }
        let files = self.snapshot.other_files(&lists).into_iter();
        Ok(files
            .map(|(path, layer)| (path.clone(), file(path, &layer)))
            .collect())
    }

    async fn manifest(&self, list: &List) -> Result<Option<Manifest>, Failure> {
        let selector = list.selector.clone();
        Ok(self
            .client
            .find_manifest(&list.repository, selector)
            .await?)
    }
}

/// An old metadata file.
pub(super) struct Old {
    pub(super) record: Record,
    pub(super) source: Box<dyn Read + Send>,
}

fn file(path: Href, layer: &Descriptor) -> File {
    File {
        path,
        digest: layer.digest,
        size: layer.size,
    }
}
