//! Deleting the snapshots that retention lets go, with everything that nothing else needs.
//!
//! [`survey`] only reads: it decides what goes ([`ocirepo_rpm::mirror::retention`]) and
//! finds what is below it. [`Survey::carry_out`] deletes, in an order that breaks nothing
//! that stays:
//!
//! 1. Tags that say since when something has not been in use are put where there is none,
//!    on what is about to go, too: an interrupted run leaves what the next one needs.
//! 2. The tags of the repository are read again, and what they reach by now stays.
//! 3. The roots go, so that no reader finds one without what it lists.
//! 4. Once more what the tags reach stays; the rest goes.
//! 5. Once more: what somebody published meanwhile may refer to what went, so that is put
//!    back. Blobs stay until the registry collects garbage.
//!
//! Only what has one of the format's tags goes, with what refers to it (signatures). What
//! any other tag reaches stays.

mod reach;
mod sweep;

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use ocirepo::reference::{Repository, Tag};
use ocirepo::{Digest, Manifest};
use ocirepo_rpm::layout::tags;
use ocirepo_rpm::mirror::names::Role;
use ocirepo_rpm::mirror::retention::{self, Expired, Orphan, Policy};

pub use self::sweep::OnProgress;

use self::reach::{Reach, Spool};
use crate::client::Client;
use crate::error::Result;
use crate::mirror::{Place, packages};

/// Requests at a time.
const AT_ONCE: usize = 16;

/// What would go.
#[derive(Debug)]
pub struct Survey {
    client: Client,
    repository: Repository,
    expired: Vec<Expired>,
    kept: Reach,
    /// The tags of the packages that the roots that stay name.
    packages: BTreeSet<Tag>,
    /// How many snapshots stay.
    snapshots: usize,
    /// Everything that goes, roots too.
    doomed: BTreeMap<Digest, Doomed>,
    marks: Vec<(Tag, Digest)>,
    /// What the tags of roots pointed at.
    roots: BTreeMap<Tag, Digest>,
    listed: BTreeSet<Tag>,
    bytes: u64,
    spool: Spool,
}

/// A manifest that goes.
#[derive(Clone, Debug)]
struct Doomed {
    media_type: String,
    /// The tags it has as far as we know.
    tags: Vec<Tag>,
    /// Since when it has not been in use, for those that have a tag to say so.
    since: Option<u64>,
    /// What it is about: a signature stays with what it signs.
    about: Option<Digest>,
}

/// What went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// How many snapshots.
    pub snapshots: u64,
    /// How many manifests, those of snapshots among them.
    pub manifests: u64,
    /// How many were to go, but came into use meanwhile.
    pub rescued: u64,
    /// How many were seen to be out of use for the first time.
    pub marked: u64,
}

/// Finds out what is to go. Nothing is changed.
///
/// # Errors
/// Whatever the exchanges and the disk (for what may have to be put back) fail with. A
/// registry that does not list tags cannot be pruned.
pub async fn survey(client: &Client, repository: &Repository, policy: &Policy) -> Result<Survey> {
    let listed: BTreeSet<Tag> = client.tags(repository).await?.into_iter().collect();
    let roots = roots(client, repository, &listed).await?;
    let decision = retention::decide(&roots, &listed, policy);
    let spool = Spool::new().await?;
    let mut survey = Survey {
        kept: Reach::default(),
        packages: BTreeSet::new(),
        snapshots: (roots.iter())
            .filter(|(tag, digest)| {
                matches!(Role::of(tag), Role::Snapshot { .. }) && decision.kept.contains(digest)
            })
            .count(),
        client: client.clone(),
        repository: repository.clone(),
        doomed: BTreeMap::new(),
        marks: decision.marks,
        expired: decision.expired,
        roots,
        listed,
        bytes: 0,
        spool,
    };
    let kept = decision.kept.into_iter();
    let mut catalogues = Vec::new();
    let mut found = |manifest: &Manifest| {
        if packages::is_catalogue(manifest) {
            catalogues.push(manifest.clone());
        }
        Ok(())
    };
    survey.kept = reach::from(client, repository, kept, |_| false, &mut found).await?;
    for root in &catalogues {
        let more = packages::of(&survey.place(), root).await?;
        survey.packages.extend(more);
    }
    survey.find_below().await?;
    survey.find_orphans(policy).await?;
    survey.find_attached().await?;
    Ok(survey)
}

/// What the tags of snapshots, and those that are somebody's own, point at.
async fn roots(
    client: &Client,
    repository: &Repository,
    listed: &BTreeSet<Tag>,
) -> Result<BTreeMap<Tag, Digest>> {
    let of_roots = listed
        .iter()
        .filter(|tag| matches!(Role::of(tag), Role::Snapshot { .. } | Role::Other));
    let found = resolved(client, repository, of_roots).await?;
    Ok(found.into_iter().collect())
}

/// What tags point at, in their order, without those that are gone.
async fn resolved(
    client: &Client,
    repository: &Repository,
    tags: impl Iterator<Item = &Tag>,
) -> Result<Vec<(Tag, Digest)>> {
    let asks = tags.map(|tag| async move {
        let found = client.tag_at_home(repository, tag).await?;
        Ok::<_, crate::Error>(found.map(|found| (tag.clone(), found.digest)))
    });
    let found: Vec<_> = stream::iter(asks).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

impl Survey {
    /// The snapshots that go, oldest first.
    pub fn expired(&self) -> &[Expired] {
        &self.expired
    }

    /// How many snapshots stay.
    pub fn kept(&self) -> usize {
        self.snapshots
    }

    /// How many manifests go, those of snapshots among them.
    pub fn manifests(&self) -> usize {
        self.doomed.len()
    }

    /// How many are seen to be out of use for the first time.
    pub fn marked(&self) -> usize {
        self.marks.len()
    }

    /// The size of what goes in bytes: manifests, and the blobs that nothing else in the
    /// repository names. The registry frees it when it collects garbage.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// The roots that go and what only they reach, the one superseded last first, so that
    /// each manifest gets the latest time.
    async fn find_below(&mut self) -> Result<()> {
        for expired in self.expired.clone().into_iter().rev() {
            for manifest in self.read(expired.digest).await? {
                let digest = manifest.digest();
                let mut tags = Vec::new();
                if digest == expired.digest {
                    tags.push(expired.tag.clone());
                } else {
                    let child = tags::child(&digest);
                    tags.extend(child.filter(|tag| self.listed.contains(tag)));
                }
                if packages::is_catalogue(&manifest) {
                    self.find_packages(&manifest, expired.since).await?;
                }
                self.doom(&manifest, tags, Some(expired.since), None);
            }
        }
        Ok(())
    }

    /// The packages that only roots that go name.
    async fn find_packages(&mut self, root: &Manifest, since: u64) -> Result<()> {
        let mut tags = packages::of(&self.place(), root).await?;
        tags.retain(|tag| !self.packages.contains(tag) && self.listed.contains(tag));
        for (tag, digest) in self.resolved(&tags).await? {
            self.find_one(tag, digest, since).await?;
        }
        Ok(())
    }

    /// Something that has a tag of its own, and whatever hangs below it.
    async fn find_one(&mut self, tag: Tag, digest: Digest, since: u64) -> Result<()> {
        for manifest in self.read(digest).await? {
            let own = manifest.digest() == digest;
            let tags = own.then(|| tag.clone()).into_iter().collect();
            self.doom(&manifest, tags, own.then_some(since), None);
        }
        Ok(())
    }

    /// What the tags of packages point at.
    async fn resolved(&self, tags: &BTreeSet<Tag>) -> Result<Vec<(Tag, Digest)>> {
        resolved(&self.client, &self.repository, tags.iter()).await
    }

    /// Whether it is decided already what becomes of a manifest.
    fn is_decided(&self, digest: &Digest) -> bool {
        self.kept.manifests.contains(digest) || self.doomed.contains_key(digest)
    }

    fn place(&self) -> Place {
        Place::registry(&self.client, &self.repository)
    }

    /// What is below no root at all.
    async fn find_orphans(&mut self, policy: &Policy) -> Result<()> {
        let marked = retention::marked(&self.listed);
        let (mut children, mut packages) = (Vec::new(), BTreeSet::new());
        let gone: BTreeSet<&Tag> = self.doomed.values().flat_map(|d| &d.tags).collect();
        for tag in &self.listed {
            match Role::of(tag) {
                Role::Child(digest) if !self.is_decided(&digest) => {
                    children.push((tag.clone(), digest));
                }
                Role::Package(_) if !self.packages.contains(tag) && !gone.contains(tag) => {
                    packages.insert(tag.clone());
                }
                _ => {}
            }
        }
        packages.retain(|tag| retention::orphan(tag, None, &marked, policy) != Orphan::Waits);
        children.extend(self.resolved(&packages).await?);
        for (tag, digest) in children {
            match retention::orphan(&tag, None, &marked, policy) {
                Orphan::Expired(since) => self.find_one(tag, digest, since).await?,
                Orphan::Unmarked => {
                    let mark = tags::unused(&tag, policy.now);
                    self.marks.extend(mark.map(|mark| (mark, digest)));
                }
                Orphan::Waits => {}
            }
        }
        Ok(())
    }

    /// Signatures and whatever else refers to what goes, and lists of those.
    async fn find_attached(&mut self) -> Result<()> {
        let mut attached: BTreeMap<Digest, Vec<Tag>> = BTreeMap::new();
        for tag in &self.listed {
            if let Role::Attached(about) | Role::Referrers(about) = Role::of(tag) {
                attached.entry(about).or_default().push(tag.clone());
            }
        }
        let mut subjects: Vec<Digest> = self.doomed.keys().copied().collect();
        while !subjects.is_empty() {
            let (client, repository) = (&self.client, &self.repository);
            let asks = subjects.iter().map(|subject| async {
                let mut found = Vec::new();
                for referrer in client.referrers(repository, *subject, None).await? {
                    found.push((None, referrer.digest, *subject));
                }
                for tag in attached.get(subject).into_iter().flatten() {
                    let at = client.tag_at_home(repository, tag).await?;
                    found.extend(at.map(|at| (Some(tag.clone()), at.digest, *subject)));
                }
                Ok::<_, crate::Error>(found)
            });
            let found: Vec<_> = stream::iter(asks.collect::<Vec<_>>())
                .buffer_unordered(AT_ONCE)
                .try_collect()
                .await?;
            subjects.clear();
            for (tag, digest, about) in found.into_iter().flatten() {
                if self.is_decided(&digest) {
                    continue;
                }
                // A list of referrers reaches them, which are about what goes as well.
                for manifest in self.read(digest).await? {
                    subjects.push(manifest.digest());
                    let own = manifest.digest() == digest;
                    let tags = tag.clone().filter(|_| own).into_iter().collect();
                    self.doom(&manifest, tags, None, Some(about));
                }
            }
        }
        Ok(())
    }

    /// Reads what a manifest reaches and nothing was decided about yet, and puts it aside in
    /// case it has to be put back.
    async fn read(&self, root: Digest) -> Result<Vec<Manifest>> {
        let mut found = Vec::new();
        let mut keep = |manifest: &Manifest| {
            self.spool.put(manifest)?;
            found.push(manifest.clone());
            Ok(())
        };
        let seen = |digest: &Digest| self.is_decided(digest);
        reach::from(&self.client, &self.repository, [root], seen, &mut keep).await?;
        Ok(found)
    }

    fn doom(
        &mut self,
        manifest: &Manifest,
        tags: Vec<Tag>,
        since: Option<u64>,
        about: Option<Digest>,
    ) {
        self.bytes += manifest.raw().len() as u64;
        for blob in manifest.blobs() {
            // Counted once, and not if it stays for something else.
            if self.kept.blobs.insert(blob.digest) {
                self.bytes += blob.size;
            }
        }
        let doomed = Doomed {
            media_type: manifest.media_type().to_owned(),
            tags,
            since,
            about,
        };
        self.doomed.insert(manifest.digest(), doomed);
    }
}
