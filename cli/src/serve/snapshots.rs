//! The snapshots the bridge holds open, and where their files are.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use ocirepo::Digest;
use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::{Reference, Repository, Selector};
use ocirepo_native::Client;
use ocirepo_native::cache::Memory;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::layout::format::{REPODATA, REPOMD};
use ocirepo_rpm::snapshot::{Answer, Ask, Opening, Options, Snapshot, Target};

use crate::exit::Failure;
use crate::repository::{self, Located};

/// Snapshots held in memory; the rest is read again when somebody wants it.
const MOST_OPEN: usize = 64;

/// One repository at one tag, as a client of one kind sees it.
#[derive(Clone, Debug)]
pub(super) struct Place {
    pub(super) client: Client,
    pub(super) reference: Reference,
    /// Names the place in the history; differs between kinds of clients.
    pub(super) key: String,
}

/// One snapshot.
#[derive(Debug)]
pub(super) struct Open {
    snapshot: Mutex<Arc<Snapshot>>,
    /// Held by whoever reads the list of packages.
    learning: tokio::sync::Mutex<()>,
}

/// The place and the digest of a snapshot.
type Key = (String, Digest);

/// Everything that is open.
#[derive(Debug)]
pub(super) struct Snapshots {
    trust: Options,
    /// How far each repository was seen to be.
    memory: Option<Memory>,
    open: Mutex<HashMap<Key, (u64, Arc<Open>)>>,
}

impl Snapshots {
    pub(super) fn new(trust: Options, memory: Option<Memory>) -> Self {
        Self {
            trust,
            memory,
            open: Mutex::default(),
        }
    }

    fn options(&self) -> Options {
        Options {
            signature: true,
            now: crate::clock::now(),
            ..self.trust.clone()
        }
    }

    /// Looks up what the tag points to, and opens it unless that is open already.
    /// `before` is what it pointed to last.
    pub(super) async fn newest(
        &self,
        place: &Place,
        before: Option<Digest>,
    ) -> Result<(Digest, Arc<Open>), Failure> {
        let before = before.and_then(|digest| Some((digest, self.held(place, digest)?)));
        let mut options = self.options();
        if let Some((digest, open)) = before {
            if open.snapshot().root().is_some() {
                let reference = &place.reference;
                let found = place
                    .client
                    .resolve(reference.repository(), reference.selector())
                    .await?;
                if found.digest == digest {
                    if let Some(max_age) = options.max_age {
                        open.snapshot().check_age(max_age, options.now)?;
                    }
                    return Ok((digest, open));
                }
            } else {
                options.layout = Some(Layout::Tree);
            }
        }
        // Whoever names a digest wants that snapshot, however old it is.
        let by_tag = place.reference.digest().is_none();
        let memory = self.memory.as_ref().filter(|_| by_tag);
        let opened =
            ocirepo_native::repository::open(&place.client, &place.reference, options, memory);
        let snapshot = opened.await?;
        let digest = snapshot.digest();
        Ok((digest, self.hold(place, digest, snapshot)))
    }

    /// A snapshot that was served before.
    pub(super) async fn earlier(
        &self,
        place: &Place,
        digest: Digest,
    ) -> Result<Arc<Open>, Failure> {
        if let Some(open) = self.held(place, digest) {
            return Ok(open);
        }
        let repository = place.reference.repository();
        let reference = Reference::new(repository.clone()).with_digest(digest);
        let options = Options {
            // It was new enough when it was served first.
            max_age: None,
            ..self.options()
        };
        let by_digest = repository::open(&place.client, &reference, options).await;
        let snapshot = match by_digest {
            Ok(snapshot) => snapshot,
            Err(error) => match self.earlier_tree(place, digest).await? {
                Some(snapshot) => snapshot,
                None => return Err(error),
            },
        };
        Ok(self.hold(place, digest, snapshot))
    }

    /// An earlier state of a tree, which has no manifest of its own: its `repomd.xml` is
    /// the snapshot's digest, and names everything else.
    async fn earlier_tree(
        &self,
        place: &Place,
        digest: Digest,
    ) -> Result<Option<Snapshot>, Failure> {
        let Some(cache) = place.client.cache().cloned() else {
            return Ok(None);
        };
        let entry = tokio::task::spawn_blocking(move || cache.get(&digest))
            .await
            .map_err(Failure::failed)??;
        let Some(entry) = entry else {
            return Ok(None);
        };
        let repomd = Descriptor::new("text/xml", digest, entry.size());
        let manifest = ImageManifest::artifact("").layer(repomd).to_manifest();
        let options = Options {
            layout: Some(Layout::Tree),
            // Its signature was verified when it was the newest.
            keys: None,
            signature: false,
            max_age: None,
            ..self.options()
        };
        let repository = Reference::new(place.reference.repository().clone());
        let mut opening = Opening::new(&repository, options);
        loop {
            let answer = match opening.ask().clone() {
                Ask::Manifest { repository, .. } => {
                    Answer::Manifest(is_repomd(&repository).then(|| Manifest::clone(&manifest)))
                }
                Ask::Referrers { .. } => Answer::Referrers(Vec::new()),
                Ask::Blob {
                    repository,
                    descriptor,
                    limit,
                } => {
                    let bytes = place.client.pull_bytes(&repository, &descriptor, limit);
                    Answer::Blob(Some(bytes.await?))
                }
            };
            if let Some(snapshot) = opening.answer(answer)? {
                return Ok(Some(snapshot));
            }
        }
    }

    fn held(&self, place: &Place, digest: Digest) -> Option<Arc<Open>> {
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = open.values().map(|(turn, _)| *turn).max().unwrap_or(0) + 1;
        let (used, held) = open.get_mut(&(place.key.clone(), digest))?;
        *used = turn;
        Some(held.clone())
    }

    fn hold(&self, place: &Place, digest: Digest, snapshot: Snapshot) -> Arc<Open> {
        let new = Arc::new(Open {
            snapshot: Mutex::new(Arc::new(snapshot)),
            learning: tokio::sync::Mutex::default(),
        });
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let turn = open.values().map(|(turn, _)| *turn).max().unwrap_or(0) + 1;
        let key = (place.key.clone(), digest);
        let held = open.entry(key).or_insert((turn, new)).1.clone();
        while open.len() > MOST_OPEN {
            let oldest = open.iter().min_by_key(|(_, (turn, _))| *turn);
            let Some(oldest) = oldest.map(|(key, _)| key.clone()) else {
                break;
            };
            open.remove(&oldest);
        }
        held
    }
}

impl Open {
    pub(super) fn snapshot(&self) -> Arc<Snapshot> {
        let snapshot = self.snapshot.lock().unwrap_or_else(PoisonError::into_inner);
        snapshot.clone()
    }

    /// Finds a file. The list of packages is read when it is needed: in an index, which
    /// has packages spread over manifests, and in a tree, where a tag may have moved on.
    pub(super) async fn locate(
        &self,
        client: &Client,
        path: &Href,
    ) -> Result<Option<Located>, Failure> {
        let snapshot = self.snapshot();
        let unknown = match snapshot.layout() {
            Layout::Tree => {
                !path.path().starts_with(REPODATA)
                    && matches!(snapshot.resolve(path)?, Target::Listed(_))
            }
            _ => matches!(snapshot.resolve(path)?, Target::Packages),
        };
        if unknown && !snapshot.knows_packages() {
            self.learn(client).await?;
        }
        repository::locate(client, &self.snapshot(), path).await
    }

    async fn learn(&self, client: &Client) -> Result<(), Failure> {
        let _learning = self.learning.lock().await;
        let snapshot = self.snapshot();
        if snapshot.knows_packages() {
            return Ok(());
        }
        let learnt = repository::learn(client, &snapshot).await?;
        *self.snapshot.lock().unwrap_or_else(PoisonError::into_inner) = learnt;
        Ok(())
    }

    /// When the metadata was written, in Unix seconds, as far as it tells.
    pub(super) fn modified(&self) -> Option<u64> {
        let snapshot = self.snapshot();
        let repomd = snapshot.repomd();
        let times = repomd.records.iter().filter_map(|record| record.timestamp);
        let revision = repomd.revision.as_ref().and_then(|text| text.parse().ok());
        times.max().or(revision)
    }
}

fn is_repomd(repository: &Repository) -> bool {
    repository.name().ends_with(REPOMD)
}

/// What a place's tag or digest is called in the history.
pub(super) fn fixed(reference: &Reference) -> Option<Digest> {
    match reference.selector() {
        Selector::Digest(digest) => Some(digest),
        Selector::Tag(_) => None,
    }
}
