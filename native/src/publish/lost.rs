//! Lost publishes: snapshots that are not in the history of the moving tag.
//!
//! Every snapshot has a tag of its own before the moving tag points at it. Where a registry
//! ignores conditions, two publishers may move the tag at the same moment, and the one who is
//! overwritten may not live to notice. What is left is a snapshot that no snapshot after it
//! has as its parent.

use std::collections::BTreeMap;

use ocirepo::reference::{Repository, Selector, Tag};
use ocirepo::{Digest, Manifest};
use ocirepo_rpm::layout::{format, tags};
use ocirepo_rpm::snapshot::Snapshot;

use crate::client::Client;
use crate::error::Result;

/// The most manifests that are pulled to tell which of several snapshots with the same
/// number is in the history; older numbers are not looked at then.
const MOST_PULLS: usize = 16;

/// A snapshot that is not in the history of its moving tag: its publisher was overwritten
/// or interrupted, or is at work this very moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// Its tag.
    pub tag: Tag,
    /// Its number.
    pub sequence: u64,
}

/// Finds the snapshots that are not in the history of a moving tag, the newest first.
///
/// Costs the list of tags; and, for each number that more than one snapshot has, usually one
/// manifest, 16 manifests at most. A tree has no snapshots.
///
/// # Errors
/// Whatever the exchanges fail with.
pub async fn lost(client: &Client, tag: &Tag, snapshot: &Snapshot) -> Result<Vec<Lost>> {
    match snapshot.root() {
        Some(root) => of_root(client, snapshot.repository(), tag, root).await,
        None => Ok(Vec::new()),
    }
}

/// The same, with the root that the tag points at.
pub(super) async fn of_root(
    client: &Client,
    repository: &Repository,
    moving: &Tag,
    root: &Manifest,
) -> Result<Vec<Lost>> {
    let history = History::new(root);
    let mut numbered: BTreeMap<u64, Vec<Tag>> = BTreeMap::new();
    for tag in client.tags(repository).await? {
        let Some(snapshot) = tags::Snapshot::parse(&tag) else {
            continue;
        };
        if snapshot.moving == moving.as_str() && !history.merged(snapshot.digest) {
            numbered.entry(snapshot.sequence).or_default().push(tag);
        }
    }
    history.outside(client, repository, numbered).await
}

/// What the root says about its history.
struct History {
    root: Digest,
    sequence: u64,
    parent: Option<Digest>,
    merged: Vec<Digest>,
}

impl History {
    fn new(root: &Manifest) -> Self {
        Self {
            root: root.digest(),
            sequence: format::sequence(root).unwrap_or(0),
            parent: format::parent(root),
            merged: format::merged(Some(root)),
        }
    }

    fn merged(&self, short: &str) -> bool {
        self.merged.iter().any(|d| d.hex().starts_with(short))
    }

    /// The tags, by number, of which none points at the snapshot with that number in the
    /// history.
    async fn outside(
        &self,
        client: &Client,
        repository: &Repository,
        mut numbered: BTreeMap<u64, Vec<Tag>>,
    ) -> Result<Vec<Lost>> {
        let mut lost = Vec::new();
        let mut add = |sequence, tags: Vec<Tag>, known: Option<Digest>| {
            let of_history = |tag: &Tag| known.is_some_and(|digest| is_of(tag, &digest));
            let outside = tags.into_iter().filter(|tag| !of_history(tag));
            lost.extend(outside.map(|tag| Lost { tag, sequence }));
        };
        let newer = numbered.split_off(&self.sequence.saturating_add(1));
        for (sequence, tags) in newer.into_iter().rev() {
            add(sequence, tags, None);
        }
        if let Some(tags) = numbered.remove(&self.sequence) {
            add(self.sequence, tags, Some(self.root));
        }
        // A number with one tag: it is that of the history, which has had one.
        let ambiguous: Vec<u64> = numbered
            .iter()
            .filter_map(|(sequence, tags)| (tags.len() > 1).then_some(*sequence))
            .collect();
        let mut walk = Walk {
            at: self.sequence,
            below: self.parent,
            pulls: 0,
        };
        for sequence in ambiguous.into_iter().rev() {
            // Begins where the history is known next, so that not all of it is followed.
            let nearest = numbered
                .range(sequence.saturating_add(1)..walk.at)
                .find(|(_, tags)| tags.len() == 1);
            if let Some((above, tags)) = nearest {
                walk.jump(client, repository, *above, tags).await?;
            }
            let Some(known) = walk.down_to(client, repository, sequence).await? else {
                break;
            };
            add(
                sequence,
                numbered.remove(&sequence).unwrap_or_default(),
                Some(known),
            );
        }
        Ok(lost)
    }
}

/// A way back through history.
struct Walk {
    /// The number of the snapshot that was reached.
    at: u64,
    /// Its parent.
    below: Option<Digest>,
    pulls: usize,
}

impl Walk {
    /// Goes to the snapshot with a number, by its tag.
    async fn jump(
        &mut self,
        client: &Client,
        repository: &Repository,
        sequence: u64,
        tags: &[Tag],
    ) -> Result<()> {
        if let Some(tag) = tags.first()
            && let Some(root) = self.pull(client, repository, tag.clone().into()).await?
        {
            (self.at, self.below) = (sequence, format::parent(&root));
        }
        Ok(())
    }

    /// The digest of the snapshot with a number; `None` where that cannot be told.
    async fn down_to(
        &mut self,
        client: &Client,
        repository: &Repository,
        sequence: u64,
    ) -> Result<Option<Digest>> {
        while self.at > sequence.saturating_add(1) {
            let Some(below) = self.below else {
                return Ok(None);
            };
            let Some(root) = self.pull(client, repository, below.into()).await? else {
                return Ok(None);
            };
            (self.at, self.below) = (self.at - 1, format::parent(&root));
        }
        Ok(self.below)
    }

    async fn pull(
        &mut self,
        client: &Client,
        repository: &Repository,
        selector: Selector,
    ) -> Result<Option<Manifest>> {
        self.pulls += 1;
        if self.pulls > MOST_PULLS {
            return Ok(None);
        }
        client.find_manifest(repository, selector).await
    }
}

fn is_of(tag: &Tag, digest: &Digest) -> bool {
    tags::Snapshot::parse(tag).is_some_and(|snapshot| digest.hex().starts_with(snapshot.digest))
}
