//! The single steps of a copy: reading a manifest, writing it with its blobs, tagging it.

use std::collections::BTreeSet;

use ocirepo::reference::{Selector, Tag};
use ocirepo::{Descriptor, Digest, Manifest, media_type};
use ocirepo_rpm::mirror::names::Role;
use tokio::sync::Mutex;

use super::Options;
use super::blobs::Blobs;
use super::place::Place;
use super::roots::bare;
use crate::error::Result;

/// A manifest that was read.
pub(super) struct Waiting {
    pub(super) manifest: Box<Manifest>,
    /// The target said that it does not have it.
    pub(super) absent: bool,
}

/// Something to do.
pub(super) enum Task {
    Read {
        descriptor: Box<Descriptor>,
        /// Its tags, to be put with it.
        tags: Vec<Tag>,
        /// The tags of cosign about it.
        attached: Vec<Tag>,
        /// Read it although it is at the target.
        always: bool,
    },
    Write(Waiting, Vec<Tag>),
}

/// What came of it.
pub(super) enum Outcome {
    Read {
        digest: Digest,
        /// None when the target has it with all it names.
        read: Option<Waiting>,
        referrers: Vec<Descriptor>,
        attached: Vec<(Tag, Descriptor)>,
    },
    Written {
        digest: Digest,
        /// Whether it was there but for its tags.
        present: bool,
    },
}

/// What all steps of a copy share.
pub(super) struct Transfer<'a> {
    pub(super) from: &'a Place,
    pub(super) to: &'a Place,
    pub(super) options: &'a Options,
    /// The tags of the target.
    pub(super) there: BTreeSet<Tag>,
    pub(super) blobs: Blobs,
    /// Held by whoever puts a manifest about another one: two at a time would change the
    /// list of referrers under each other's hands, where a registry keeps it in a tag.
    pub(super) about: Mutex<()>,
}

impl Transfer<'_> {
    pub(super) async fn perform(&self, task: Task) -> Result<Outcome> {
        match task {
            Task::Read {
                descriptor,
                tags,
                attached,
                always,
            } => {
                let digest = descriptor.digest;
                let read = match always || self.options.recheck {
                    true => Some(self.read(&digest, false).await?),
                    false => self.read_absent(&descriptor, &tags).await?,
                };
                let referrers = match self.options.referrers {
                    true => self.from.referrers(&digest).await?,
                    false => Vec::new(),
                };
                let mut found = Vec::new();
                for tag in attached.into_iter().filter(|_| self.options.referrers) {
                    let at = self.from.tagged(&tag).await?;
                    found.extend(at.map(|at| (tag, bare(&at))));
                }
                Ok(Outcome::Read {
                    digest,
                    read,
                    referrers,
                    attached: found,
                })
            }
            Task::Write(waiting, tags) => self.write(waiting, &tags).await,
        }
    }

    async fn read(&self, digest: &Digest, absent: bool) -> Result<Waiting> {
        let manifest = self.from.required(digest).await?;
        Ok(Waiting {
            manifest: Box::new(manifest),
            absent,
        })
    }

    /// Reads a manifest, unless it is at the target with all its blobs and tags. What an
    /// index lists may be missing though the index is there.
    async fn read_absent(&self, descriptor: &Descriptor, tags: &[Tag]) -> Result<Option<Waiting>> {
        let digest = descriptor.digest;
        if !media_type::is_image(&descriptor.media_type) || self.missing(tags).next().is_some() {
            return Ok(Some(self.read(&digest, false).await?));
        }
        // Its tags are made of its digest.
        let listed = !tags.is_empty() && matches!(self.to, Place::Registry { .. });
        if listed || self.to.has_manifest(&digest).await? {
            return Ok(None);
        }
        Ok(Some(self.read(&digest, true).await?))
    }

    async fn write(&self, waiting: Waiting, tags: &[Tag]) -> Result<Outcome> {
        let Waiting { manifest, absent } = waiting;
        let digest = manifest.digest();
        let is_about = manifest.subject().is_some();
        let present = !self.options.recheck && !absent && self.to.has_manifest(&digest).await?;
        if !present {
            self.blobs.of(&manifest, false).await?;
        }
        let _turn = match is_about {
            true => Some(self.about.lock().await),
            false => None,
        };
        let mut selectors: Vec<Selector> = self.missing(tags).cloned().map(Into::into).collect();
        if selectors.is_empty() && (!present || is_about) {
            selectors.push(digest.into());
        }
        for selector in selectors {
            self.put(selector, &manifest).await?;
        }
        Ok(Outcome::Written { digest, present })
    }

    /// Puts a manifest. Where the registry does not have what something said that it has,
    /// that is sent after all.
    async fn put(&self, selector: Selector, manifest: &Manifest) -> Result<()> {
        match self.to.put(selector.clone(), manifest.clone()).await {
            Err(error) if error.is_unknown_content() => {
                tracing::info!(%error, "sending what the registry lacks");
                self.blobs.of(manifest, true).await?;
                self.to.put(selector, manifest.clone()).await
            }
            put => put,
        }
    }

    fn missing<'t>(&self, tags: &'t [Tag]) -> impl Iterator<Item = &'t Tag> {
        tags.iter().filter(|tag| !self.there.contains(tag))
    }

    /// Puts the tags of one root that are not there or elsewhere. Returns them.
    pub(super) async fn tag(&self, digest: &Digest, tags: &BTreeSet<Tag>) -> Result<Vec<Tag>> {
        let mut put = Vec::new();
        let mut manifest = None;
        for tag in tags {
            if self.there.contains(tag) {
                // These are made of the digest.
                let stays = matches!(Role::of(tag), Role::Snapshot { .. } | Role::Unused { .. });
                if stays
                    || self
                        .to
                        .tagged(tag)
                        .await?
                        .is_some_and(|at| at.digest == *digest)
                {
                    continue;
                }
            }
            let manifest = match &manifest {
                Some(manifest) => manifest,
                None => manifest.insert(self.from.required(digest).await?),
            };
            self.to.put(tag.clone().into(), manifest.clone()).await?;
            put.push(tag.clone());
        }
        Ok(put)
    }
}
