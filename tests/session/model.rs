//! What must come of an operation, as anybody can see: a repository is two maps.

use std::collections::BTreeMap;

use ocirepo::manifest::ImageManifest;
use ocirepo::{Digest, ErrorKind, Manifest};

/// What a run asks for.
#[derive(Clone, Debug)]
pub(crate) enum Ask {
    Bytes(usize),
    Stream(usize),
    Range(usize, u64, u64),
    Missing,
    Push {
        len: usize,
        known: bool,
        chunk: Option<u64>,
    },
    Resolve,
    Manifest,
    Tags,
    Referrers,
    Cancelled(usize),
}

/// What an operation yields, in the terms of the model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// Content that counts as verified.
    Verified(Vec<u8>),
    /// Content that does not.
    Unverified(Vec<u8>),
    /// What was pushed, and its size.
    Pushed(Digest, u64),
    /// What a tag means.
    Resolved(Digest),
    /// A manifest, to the byte.
    Manifest(Vec<u8>),
    /// Names of tags, in order.
    Tags(Vec<String>),
    /// Digests of referrers.
    Referrers(Vec<Digest>),
    Error(ErrorKind),
}

/// A repository, and nothing about how it is spoken to.
pub(crate) struct Model {
    blobs: BTreeMap<Digest, Vec<u8>>,
    tags: BTreeMap<String, Manifest>,
}

pub(crate) const CONTENTS: usize = 5;

pub(crate) fn content(n: usize) -> Vec<u8> {
    let len = [0, 1, 7, 300, 5000][n % CONTENTS];
    (0..len).map(|i: usize| (i * 13 + n) as u8).collect()
}

/// What a push of this length pushes.
pub(crate) fn pushed(len: usize) -> Vec<u8> {
    (0..len).map(|i| (i * 3 + len) as u8).collect()
}

pub(crate) fn manifest() -> Manifest {
    ImageManifest::artifact("application/x").to_manifest()
}

impl Model {
    /// What every run begins with.
    pub(crate) fn new() -> Self {
        let blobs = (0..CONTENTS).map(content).chain([b"{}".to_vec()]);
        let tags = ["el8", "el9", "el10"].map(|tag| (tag.to_owned(), manifest()));
        Self {
            blobs: blobs.map(|blob| (Digest::of(&blob), blob)).collect(),
            tags: tags.into(),
        }
    }

    pub(crate) fn blobs(&self) -> impl Iterator<Item = &Vec<u8>> {
        self.blobs.values()
    }

    pub(crate) fn tags(&self) -> impl Iterator<Item = (&str, &Manifest)> {
        self.tags.iter().map(|(tag, manifest)| (&**tag, manifest))
    }

    /// What an operation must yield at a registry that does as it is told. `None` where it may
    /// yield that or be cancelled first.
    pub(crate) fn predict(&self, ask: &Ask) -> Outcome {
        let verified = |digest: Digest| match self.blobs.get(&digest) {
            Some(blob) => Outcome::Verified(blob.clone()),
            None => Outcome::Error(ErrorKind::NotFound),
        };
        match ask {
            Ask::Bytes(n) | Ask::Stream(n) => verified(Digest::of(&content(*n))),
            Ask::Cancelled(_) => verified(Digest::of(&content(CONTENTS - 1))),
            Ask::Missing => verified(Digest::of(b"never stored")),
            Ask::Range(n, start, len) => {
                let (content, start, len) = (content(*n), *start as usize, *len as usize);
                let part = content.into_iter().skip(start).take(len);
                Outcome::Unverified(part.collect())
            }
            Ask::Push { len, .. } => Outcome::Pushed(Digest::of(&pushed(*len)), *len as u64),
            Ask::Resolve => Outcome::Resolved(self.tags["el9"].digest()),
            Ask::Manifest => Outcome::Manifest(self.tags["el9"].raw().to_vec()),
            Ask::Tags => Outcome::Tags(self.tags.keys().cloned().collect()),
            Ask::Referrers => Outcome::Referrers(Vec::new()),
        }
    }
}
