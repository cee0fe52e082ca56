//! The registry's content as an OCI image layout, for hosts that keep it in a
//! directory. The registry itself reads and writes no file.

use std::collections::BTreeMap;
use std::fmt;

use bytes::Bytes;
use ocirepo::digest::Digest;
use serde::Deserialize;
use serde_json::json;

use crate::manifests::{Document, OCI_INDEX};
use crate::registry::Registry;
use crate::router::{check_name, check_tag};
use crate::store::Store;

/// The content of the file `oci-layout`.
pub const OCI_LAYOUT: &str = r#"{"imageLayoutVersion":"1.0.0"}"#;

const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// What changed since the last time, to be carried out in this order: a directory that
/// lacks the rest is still whole.
#[derive(Clone, Debug, Default)]
pub struct Changes {
    /// Content to write to `blobs/<algorithm>/<hex>`.
    pub put: Vec<(Digest, Bytes)>,
    /// The new `index.json`, to be put in place of the old one at once.
    pub index: Option<Vec<u8>>,
    /// Content that may be removed from `blobs/`.
    pub delete: Vec<Digest>,
}

/// What was not yet taken by the host.
#[derive(Clone, Debug, Default)]
pub(crate) struct Journal {
    pub(crate) enabled: bool,
    /// The last thing that happened to each content: stored, or gone.
    contents: BTreeMap<Digest, Option<Bytes>>,
    index: bool,
}

impl Journal {
    pub(crate) fn put(&mut self, digest: Digest, bytes: &Bytes) {
        if self.enabled {
            self.contents.insert(digest, Some(bytes.clone()));
        }
    }

    pub(crate) fn delete(&mut self, digest: Digest) {
        if self.enabled {
            self.contents.insert(digest, None);
        }
    }

    pub(crate) fn index_changed(&mut self) {
        self.index = self.enabled;
    }
}

impl Registry {
    /// Takes what changed since the last call, when [`Config::journal`] is set.
    ///
    /// Writing `index.json` costs as much as there are manifests, so a busy host asks
    /// once in a while, not after each request.
    ///
    /// [`Config::journal`]: crate::Config::journal
    pub fn take_changes(&mut self) -> Changes {
        let journal = &mut self.store.journal;
        let mut changes = Changes::default();
        for (digest, content) in std::mem::take(&mut journal.contents) {
            match content {
                Some(bytes) => changes.put.push((digest, bytes)),
                None => changes.delete.push(digest),
            }
        }
        if std::mem::take(&mut journal.index) {
            changes.index = Some(self.layout_index());
        }
        changes
    }

    /// The `index.json` of the layout: every manifest of every repository, once for each
    /// of its tags. The annotation `org.opencontainers.image.ref.name` holds
    /// `<repository>:<tag>`, or `<repository>@<digest>` where there is no tag.
    pub fn layout_index(&self) -> Vec<u8> {
        let mut manifests = Vec::new();
        for (name, repository) in self.store.repositories() {
            let mut tags: BTreeMap<&Digest, Vec<&str>> = BTreeMap::new();
            for (tag, digest) in &repository.tags {
                tags.entry(digest).or_default().push(tag);
            }
            for (digest, facts) in &repository.manifests {
                let names = match tags.remove(digest) {
                    Some(tags) => tags.iter().map(|tag| format!("{name}:{tag}")).collect(),
                    None => vec![format!("{name}@{digest}")],
                };
                for name in names {
                    manifests.push(json!({
                        "mediaType": facts.media_type,
                        "digest": digest,
                        "size": facts.size,
                        "annotations": { REF_NAME: name },
                    }));
                }
            }
        }
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": manifests,
        });
        // Strings and numbers always serialise.
        serde_json::to_vec_pretty(&index).unwrap_or_default()
    }

    /// Fills an empty registry from a layout: its `index.json`, and a function that
    /// reads the content of `blobs/`. Every repository gets back its manifests, its tags
    /// and the blobs its manifests name; blobs that no manifest named are not brought
    /// back. Content that is not what its name says is an error, content that is not
    /// there is not: manifests may be sparse.
    ///
    /// A layout written by other tools loads too: a reference name without a repository
    /// becomes a tag of `repository`, when one is given.
    pub fn load(
        &mut self,
        index: &[u8],
        repository: Option<&str>,
        mut read: impl FnMut(&Digest) -> Option<Bytes>,
    ) -> Result<(), LoadError> {
        let index: Index = serde_json::from_slice(index)
            .map_err(|error| LoadError(format!("index.json: {error}")))?;
        let journal = std::mem::take(&mut self.store.journal);
        let result = index.manifests.iter().try_for_each(|entry| {
            let name = entry.annotations.get(REF_NAME).map(String::as_str);
            let (name, tag) = place(name.unwrap_or_default(), repository)
                .ok_or_else(|| LoadError(format!("{}: no place in a repository", entry.digest)))?;
            load_manifest(&mut self.store, name, entry, &mut read)?;
            if let Some(tag) = tag {
                self.store.tag(name, tag, entry.digest);
            }
            Ok(())
        });
        self.store.journal = journal;
        result
    }
}

/// Splits a reference name into repository and tag.
fn place<'a>(name: &'a str, default: Option<&'a str>) -> Option<(&'a str, Option<&'a str>)> {
    let (repository, tag) = match name.split_once('@') {
        Some((repository, _)) => (repository, None),
        None => match name.split_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (default?, Some(name).filter(|tag| !tag.is_empty())),
        },
    };
    let valid = check_name(repository).is_ok() && tag.is_none_or(|tag| check_tag(tag).is_ok());
    valid.then_some((repository, tag))
}

fn load_manifest(
    store: &mut Store,
    name: &str,
    entry: &IndexEntry,
    read: &mut impl FnMut(&Digest) -> Option<Bytes>,
) -> Result<(), LoadError> {
    if store.manifest(name, &entry.digest).is_some() {
        return Ok(());
    }
    let Some(raw) = checked(store, &entry.digest, read)? else {
        return Err(LoadError(format!("manifest {}: not there", entry.digest)));
    };
    let (document, facts) = Document::parse(entry.media_type.as_deref(), &raw)
        .map_err(|refusal| LoadError(format!("manifest {}: {refusal}", entry.digest)))?;
    for digest in document.blobs() {
        if store.blob(name, &digest).is_none()
            && let Some(bytes) = checked(store, &digest, read)?
        {
            store.put_blob(name, digest, bytes);
        }
    }
    store.put_manifest(name, entry.digest, raw, facts);
    Ok(())
}

/// Content by its digest: shared if it was read before, else read and verified.
fn checked(
    store: &Store,
    digest: &Digest,
    read: &mut impl FnMut(&Digest) -> Option<Bytes>,
) -> Result<Option<Bytes>, LoadError> {
    if let Some(bytes) = store.content(digest) {
        return Ok(Some(bytes.clone()));
    }
    let Some(bytes) = read(digest) else {
        return Ok(None);
    };
    let actual = Digest::with(digest.algorithm(), &bytes);
    if actual == *digest {
        Ok(Some(bytes))
    } else {
        Err(LoadError(format!("blob {digest}: the content is {actual}")))
    }
}

#[derive(Deserialize)]
struct Index {
    manifests: Vec<IndexEntry>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct IndexEntry {
    media_type: Option<String>,
    digest: Digest,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
}

/// Why a layout could not be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError(String);

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot load the image layout: {}", self.0)
    }
}

impl std::error::Error for LoadError {}
