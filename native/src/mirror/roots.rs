//! Which tags to copy, and what the target has already.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::stream::{self, StreamExt as _, TryStreamExt as _};
use ocirepo::reference::{Selector, Tag};
use ocirepo::{Descriptor, Digest, Manifest, media_type};
use ocirepo_rpm::layout::{format, tags};
use ocirepo_rpm::mirror::names::{Role, snapshots};

use super::place::Place;
use super::{Options, packages};
use crate::error::{Error, Result};

/// Tags asked for at a time.
const AT_ONCE: usize = 16;

/// Where the walk begins and which tags it ends with.
#[derive(Debug, Default)]
pub(super) struct Roots {
    /// The manifest at the one tag that was asked for.
    pub(super) root: Option<Digest>,
    /// What to copy beside what the tags point at.
    pub(super) untagged: Vec<Descriptor>,
    /// Tags of manifests below others, to be put with them.
    pub(super) early: BTreeMap<Digest, Vec<Tag>>,
    /// Tags that stay where they are, to be put before those that move.
    pub(super) fixed: Vec<(Tag, Descriptor)>,
    /// Tags that move, with what they are at in the target.
    pub(super) moving: Vec<(Tag, Descriptor, Option<Descriptor>)>,
    /// The tags of cosign at the source, by what they are about.
    pub(super) attached: BTreeMap<Digest, Vec<Tag>>,
    /// The tags of the target.
    pub(super) there: BTreeSet<Tag>,
    /// Blobs the target is known to have.
    pub(super) known: BTreeSet<Digest>,
    /// Tags that say since when what was at the moving tags is superseded.
    pub(super) superseded: Vec<(Tag, Manifest)>,
}

impl Roots {
    pub(super) async fn of_one(
        from: &Place,
        what: &Selector,
        to: &Place,
        tag: &Tag,
        options: &Options,
    ) -> Result<Self> {
        let manifest = from.manifest(what.clone()).await?.ok_or_else(|| {
            let at = match what {
                Selector::Tag(tag) => format!("{}:{tag}", from.name()),
                Selector::Digest(digest) => format!("{}@{digest}", from.name()),
            };
            Error::NotFound(format!("{at} is not there; `ocirepo tags` shows what is"))
        })?;
        let listed = from.tags().await?.unwrap_or_default();
        let mut roots = Self {
            root: Some(manifest.digest()),
            ..Self::between(&listed, to).await?
        };
        let mut along = match what {
            Selector::Tag(from) if options.snapshots => snapshots(&listed, from, tag),
            _ => Vec::new(),
        };
        // The newest is known, whether the registry lists tags or not.
        if let Some(own) =
            format::sequence(&manifest).and_then(|n| tags::snapshot(tag, n, &manifest.digest()))
        {
            along.retain(|(_, to)| *to != own);
            roots.fixed.push((own, manifest.descriptor()));
        }
        // A tag that went while we were reading the list belongs to nobody any more.
        roots.fixed.extend(resolved(from, along).await?);
        roots.moving(tag, &manifest, to, options).await?;
        roots.packages(from, options).await?;
        Ok(roots)
    }

    pub(super) async fn of_all(from: &Place, to: &Place, options: &Options) -> Result<Self> {
        let listed = from.tags().await?.ok_or_else(|| {
            Error::NotFound(format!(
                "{} does not list its tags; copy them one by one",
                from.name()
            ))
        })?;
        let mut roots = Self::between(&listed, to).await?;
        let pairs = listed.iter().map(|tag| (tag.clone(), tag.clone()));
        for (tag, descriptor) in resolved(from, pairs).await? {
            match Role::of(&tag) {
                Role::Child(digest) if digest == descriptor.digest => {
                    roots.below(tag, descriptor);
                }
                Role::Package(_) => roots.below(tag, descriptor),
                // The target gets a list of its own when it is given the referrers.
                Role::Referrers(_) if media_type::is_index(&descriptor.media_type) => {
                    if options.referrers {
                        let list = from.required(&descriptor.digest).await?;
                        roots.untagged.extend(list.children().iter().cloned());
                    }
                }
                Role::Other => {
                    let manifest = from.required(&descriptor.digest).await?;
                    roots.moving(&tag, &manifest, to, options).await?;
                }
                // It comes with what it is attached to, if that is there.
                _ => roots.fixed.push((tag, descriptor)),
            }
        }
        Ok(roots)
    }

    /// Adds something that has a tag of its own though it is below a root.
    fn below(&mut self, tag: Tag, descriptor: Descriptor) {
        let tags = self.early.entry(descriptor.digest).or_default();
        tags.push(tag);
        self.untagged.push(descriptor);
    }

    /// Adds the packages of catalogues. Where the target has the tag of a snapshot it has
    /// the packages of that, and where it has the tag of a package it has the package.
    async fn packages(&mut self, from: &Place, options: &Options) -> Result<()> {
        let is_new = |tag: &Tag| options.recheck || !self.there.contains(tag);
        let fixed = self.fixed.iter().filter(|(tag, _)| is_new(tag));
        let roots: BTreeSet<Digest> = fixed
            .filter(|(_, to)| media_type::is_image(&to.media_type))
            .map(|(_, to)| to.digest)
            .collect();
        let mut wanted = BTreeSet::new();
        for digest in roots {
            let root = from.required(&digest).await?;
            if packages::is_catalogue(&root) {
                wanted.extend(packages::of(from, &root).await?);
            }
        }
        wanted.retain(|tag| options.recheck || !self.there.contains(tag));
        let pairs = wanted.iter().map(|tag| (tag.clone(), tag.clone()));
        let mut missing = wanted.clone();
        for (tag, descriptor) in resolved(from, pairs).await? {
            missing.remove(&tag);
            self.below(tag, descriptor);
        }
        match missing.first() {
            None => Ok(()),
            Some(tag) => Err(Error::NotFound(format!(
                "{} lacks {} packages that a catalogue names, such as {tag}; publish it again",
                from.name(),
                missing.len()
            ))),
        }
    }

    async fn between(listed: &[Tag], to: &Place) -> Result<Self> {
        let mut roots = Self {
            there: to.tags().await?.unwrap_or_default().into_iter().collect(),
            ..Self::default()
        };
        for tag in listed {
            if let Role::Attached(digest) = Role::of(tag) {
                roots.attached.entry(digest).or_default().push(tag.clone());
            }
        }
        Ok(roots)
    }

    /// Adds a moving tag, unless that would lead readers of the target back.
    async fn moving(
        &mut self,
        tag: &Tag,
        manifest: &Manifest,
        to: &Place,
        options: &Options,
    ) -> Result<()> {
        let before = to.tagged(tag).await?;
        if let Some(before) = &before
            && before.digest != manifest.digest()
            && let Some(old) = to.manifest(before.digest.into()).await?
        {
            if let (Some(has), Some(new)) = (format::sequence(&old), format::sequence(manifest))
                && has > new
                && !options.allow_rollback
            {
                return Err(Error::Older {
                    place: format!("{}:{tag}", to.name()),
                    has,
                    new,
                });
            }
            self.know(&old, manifest, to).await?;
            self.supersede(tag, old, options.now);
        }
        self.moving
            .push((tag.clone(), manifest.descriptor(), before));
        Ok(())
    }

    /// Notes the blobs of what changes between two snapshots: the target has those that
    /// the old one names.
    async fn know(&mut self, old: &Manifest, new: &Manifest, to: &Place) -> Result<()> {
        self.known.extend(old.blobs().map(|blob| blob.digest));
        let stay: BTreeSet<Digest> = new.children().iter().map(|child| child.digest).collect();
        let gone = old.children().iter().filter(|child| {
            // Indexes of others list whatever they like.
            child.annotation(format::ROLE).is_some() && !stay.contains(&child.digest)
        });
        let pulls = gone.map(|child| to.manifest(child.digest.into()));
        let mut pulls = stream::iter(pulls.collect::<Vec<_>>()).buffer_unordered(AT_ONCE);
        while let Some(shard) = pulls.try_next().await? {
            let shard = shard.iter().flat_map(Manifest::blobs);
            self.known.extend(shard.map(|blob| blob.digest));
        }
        Ok(())
    }

    /// Says since when what the target has is superseded, where nobody says so.
    fn supersede(&mut self, tag: &Tag, old: Manifest, now: u64) {
        let Some(number) = format::sequence(&old).filter(|_| now > 0) else {
            return;
        };
        let Some(own) = tags::snapshot(tag, number, &old.digest()) else {
            return;
        };
        let fixed = self.fixed.iter().map(|(tag, _)| tag);
        let marked = fixed
            .chain(&self.there)
            .any(|tag| matches!(Role::of(tag), Role::Unused { of, .. } if of == own));
        if !marked && let Some(mark) = tags::unused(&own, now) {
            if !self.there.contains(&own) {
                self.superseded.push((own, old.clone()));
            }
            self.superseded.push((mark, old));
        }
    }
}

/// What tags of the source point at, under the names they get. Tags that are gone are left
/// out.
async fn resolved(
    from: &Place,
    pairs: impl IntoIterator<Item = (Tag, Tag)>,
) -> Result<Vec<(Tag, Descriptor)>> {
    let asks = pairs.into_iter().map(|(tag, name)| async move {
        let found = from.tagged(&tag).await?;
        Ok::<_, Error>(found.map(|descriptor| (name, bare(&descriptor))))
    });
    let found: Vec<_> = stream::iter(asks).buffered(AT_ONCE).try_collect().await?;
    Ok(found.into_iter().flatten().collect())
}

/// The descriptor without what a list says beside it.
pub(super) fn bare(descriptor: &Descriptor) -> Descriptor {
    Descriptor::new(
        descriptor.media_type.as_str(),
        descriptor.digest,
        descriptor.size,
    )
}
