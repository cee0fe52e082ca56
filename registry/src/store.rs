//! What the registry holds: content by digest, shared among the repositories.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;

use bytes::Bytes;
use ocirepo::digest::Digest;

use crate::layout::Journal;
use crate::manifests::Facts;

/// All content and all repositories.
#[derive(Clone, Debug, Default)]
pub(crate) struct Store {
    contents: BTreeMap<Digest, Content>,
    repositories: BTreeMap<String, Repository>,
    pub(crate) journal: Journal,
}

#[derive(Clone, Debug)]
struct Content {
    bytes: Bytes,
    /// How many repositories hold it, as a blob or as a manifest.
    holders: usize,
}

/// One repository: names for shared content.
#[derive(Clone, Debug, Default)]
pub(crate) struct Repository {
    pub(crate) blobs: BTreeSet<Digest>,
    pub(crate) manifests: BTreeMap<Digest, Facts>,
    pub(crate) tags: BTreeMap<String, Digest>,
    /// Whether it ever had a tag.
    pub(crate) tagged: bool,
    /// Subject to the manifests that name it.
    referrers: BTreeMap<Digest, BTreeSet<Digest>>,
}

impl Store {
    pub(crate) fn repositories(&self) -> &BTreeMap<String, Repository> {
        &self.repositories
    }

    pub(crate) fn repository(&self, name: &str) -> Option<&Repository> {
        self.repositories.get(name)
    }

    /// The names of the repositories after one of them.
    pub(crate) fn names_after<'a>(
        &'a self,
        last: Option<&'a str>,
    ) -> impl Iterator<Item = &'a str> {
        after(&self.repositories, last).map(|(name, _)| name.as_str())
    }

    /// Some content of the shared store, whoever holds it.
    pub(crate) fn content(&self, digest: &Digest) -> Option<&Bytes> {
        self.contents.get(digest).map(|content| &content.bytes)
    }

    pub(crate) fn blob(&self, name: &str, digest: &Digest) -> Option<&Bytes> {
        let repository = self.repositories.get(name)?;
        repository
            .blobs
            .contains(digest)
            .then(|| self.content(digest))?
    }

    /// A blob that some repository holds, for mounting without `from`.
    pub(crate) fn blob_anywhere(&self, digest: &Digest) -> Option<&Bytes> {
        self.repositories
            .values()
            .any(|repository| repository.blobs.contains(digest))
            .then(|| self.content(digest))?
    }

    pub(crate) fn put_blob(&mut self, name: &str, digest: Digest, bytes: Bytes) {
        let repository = self.repositories.entry(name.to_owned()).or_default();
        if repository.blobs.insert(digest) {
            self.hold(digest, bytes);
        }
    }

    pub(crate) fn delete_blob(&mut self, name: &str, digest: &Digest) -> bool {
        let held = self
            .repositories
            .get_mut(name)
            .is_some_and(|repository| repository.blobs.remove(digest));
        if held {
            self.release(digest);
        }
        held
    }

    pub(crate) fn manifest(&self, name: &str, digest: &Digest) -> Option<(&Facts, &Bytes)> {
        let facts = self.repositories.get(name)?.manifests.get(digest)?;
        Some((facts, self.content(digest)?))
    }

    /// What a tag points to.
    pub(crate) fn tagged(&self, name: &str, tag: &str) -> Option<Digest> {
        self.repositories.get(name)?.tags.get(tag).copied()
    }

    pub(crate) fn put_manifest(&mut self, name: &str, digest: Digest, bytes: Bytes, facts: Facts) {
        let repository = self.repositories.entry(name.to_owned()).or_default();
        if let Some(subject) = facts.subject {
            repository
                .referrers
                .entry(subject)
                .or_default()
                .insert(digest);
        }
        if repository.manifests.insert(digest, facts).is_none() {
            self.hold(digest, bytes);
        }
        self.journal.index_changed();
    }

    /// Points a tag to a manifest the repository holds; nothing happens when it does not.
    pub(crate) fn tag(&mut self, name: &str, tag: &str, digest: Digest) {
        let Some(repository) = self.repositories.get_mut(name) else {
            return;
        };
        if repository.manifests.contains_key(&digest) {
            repository.tags.insert(tag.to_owned(), digest);
            repository.tagged = true;
            self.journal.index_changed();
        }
    }

    pub(crate) fn untag(&mut self, name: &str, tag: &str) -> bool {
        let removed = self
            .repositories
            .get_mut(name)
            .is_some_and(|repository| repository.tags.remove(tag).is_some());
        if removed {
            self.journal.index_changed();
        }
        removed
    }

    /// Removes a manifest with every tag that points to it.
    pub(crate) fn delete_manifest(&mut self, name: &str, digest: &Digest) -> bool {
        let Some(repository) = self.repositories.get_mut(name) else {
            return false;
        };
        let Some(facts) = repository.manifests.remove(digest) else {
            return false;
        };
        repository.tags.retain(|_, target| target != digest);
        if let Some(subject) = facts.subject
            && let Some(referrers) = repository.referrers.get_mut(&subject)
        {
            referrers.remove(digest);
            if referrers.is_empty() {
                repository.referrers.remove(&subject);
            }
        }
        self.release(digest);
        self.journal.index_changed();
        true
    }

    fn hold(&mut self, digest: Digest, bytes: Bytes) {
        let content = self.contents.entry(digest).or_insert_with(|| {
            self.journal.put(digest, &bytes);
            Content { bytes, holders: 0 }
        });
        content.holders = content.holders.saturating_add(1);
    }

    fn release(&mut self, digest: &Digest) {
        if let Some(content) = self.contents.get_mut(digest) {
            content.holders = content.holders.saturating_sub(1);
            if content.holders == 0 {
                self.contents.remove(digest);
                self.journal.delete(*digest);
            }
        }
    }
}

impl Repository {
    /// The tags after one of them (which need not exist), in byte order.
    pub(crate) fn tags_after<'a>(&'a self, last: Option<&'a str>) -> impl Iterator<Item = &'a str> {
        after(&self.tags, last).map(|(tag, _)| tag.as_str())
    }

    /// The manifests whose subject is this digest, after one of them.
    pub(crate) fn referrers_after<'a>(
        &'a self,
        subject: &Digest,
        last: Option<Digest>,
    ) -> impl Iterator<Item = (&'a Digest, &'a Facts)> {
        let start = last.map_or(Bound::Unbounded, Bound::Excluded);
        self.referrers
            .get(subject)
            .into_iter()
            .flat_map(move |digests| digests.range((start, Bound::Unbounded)))
            .filter_map(|digest| Some((digest, self.manifests.get(digest)?)))
    }
}

fn after<'a, V>(
    map: &'a BTreeMap<String, V>,
    last: Option<&'a str>,
) -> impl Iterator<Item = (&'a String, &'a V)> {
    let start = last.map_or(Bound::Unbounded, Bound::Excluded);
    map.range::<str, _>((start, Bound::Unbounded))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_content_goes_with_its_last_holder() {
        let mut store = Store::default();
        let bytes = Bytes::from_static(b"shared");
        let digest = Digest::of(&bytes);
        store.put_blob("a", digest, bytes.clone());
        store.put_blob("a", digest, bytes.clone());
        store.put_blob("b", digest, bytes);
        assert!(store.delete_blob("a", &digest));
        assert!(!store.delete_blob("a", &digest));
        assert!(store.blob("a", &digest).is_none());
        assert!(store.blob("b", &digest).is_some());
        assert!(store.delete_blob("b", &digest));
        assert!(store.content(&digest).is_none());
    }

    #[test]
    fn deleting_a_manifest_takes_its_tags() {
        let mut store = Store::default();
        let bytes = Bytes::from_static(b"{}");
        let digest = Digest::of(&bytes);
        store.put_manifest("a", digest, bytes, Facts::default());
        store.tag("a", "x", digest);
        store.tag("a", "y", Digest::of(b"not there"));
        assert_eq!(store.tagged("a", "x"), Some(digest));
        assert_eq!(store.tagged("a", "y"), None);
        assert!(store.delete_manifest("a", &digest));
        assert_eq!(store.tagged("a", "x"), None);
    }
}
