//! The stages of a plan.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use ocirepo::operation::Upload;
use ocirepo::reference::Selector;
use ocirepo::{Descriptor, Digest};
use ocirepo_rpm::publish::{BlobPush, ManifestPush, Plan, Source, Stage};

use super::error::Refusal;
use super::head::{Head, Stop, is_about_the_tag};
use super::sources::{Local, Sources};
use super::{Event, Lost, Options, Published};
use crate::client::{ASK_FROM, Client};
use crate::error::{Error, Result};
use crate::http::lock;

/// Blobs or manifests pushed at a time.
const AT_ONCE: usize = 8;

/// What was pushed in all attempts.
#[derive(Debug, Default)]
pub(super) struct Pushed {
    blobs: AtomicU64,
    bytes: AtomicU64,
    /// Whether the last plan got as far as the tag of its snapshot.
    snapshot: AtomicBool,
    /// What need not be pushed again in the next attempt.
    there: Mutex<BTreeSet<Digest>>,
}

impl Pushed {
    pub(super) fn published(&self, plan: Plan, attempts: u32, lost: Vec<Lost>) -> Published {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        Published {
            plan,
            blobs: read(&self.blobs),
            bytes: read(&self.bytes),
            attempts,
            lost,
        }
    }

    /// Whether the last plan got as far as the tag of its snapshot.
    pub(super) fn left_a_snapshot(&self) -> bool {
        self.snapshot.load(Ordering::Relaxed)
    }
}

/// Pushes what a plan says.
pub(super) struct Pusher<'a> {
    pub(super) client: &'a Client,
    pub(super) plan: &'a Plan,
    pub(super) sources: &'a Sources,
    pub(super) options: &'a Options,
    /// The tag to move, where there is one.
    pub(super) head: Option<&'a Head<'a>>,
    pub(super) pushed: &'a Pushed,
}

/// How sure it is that the registry lacks a blob.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Doubt {
    /// Nobody asked.
    Usual,
    /// It refused a manifest because of it.
    Refused,
    /// It refused the manifest again, though it said that it has all its blobs.
    Lied,
}

impl Pusher<'_> {
    /// Blobs before manifests, stage after stage.
    pub(super) async fn run(&self) -> Result<(), Stop> {
        self.pushed.snapshot.store(false, Ordering::Relaxed);
        let stages = || self.plan.stages.iter();
        let blobs = stages().flat_map(|stage| &stage.blobs);
        let blobs = blobs.filter(|blob| !blob.known).count();
        let packages = stages().flat_map(|stage| &stage.packages);
        let packages = packages.filter(|package| !package.known);
        let of_packages = packages.map(|package| if package.known_blob { 2 } else { 3 });
        let blobs = (blobs + of_packages.sum::<usize>()) as u64;
        self.options.tell(Event::Begin { blobs });
        for (at, stage) in self.plan.stages.iter().enumerate() {
            // What others published while blobs and shards were pushed makes the rest
            // useless. The last stage, which moves the tag, looks for itself.
            if let Some(head) = self.head
                && at > 0
                && !stage.manifests.iter().any(|push| head.is_at(push))
            {
                head.still().await?;
            }
            self.stage(stage).await?;
        }
        Ok(())
    }

    async fn stage(&self, stage: &Stage) -> Result<(), Stop> {
        let blobs = stage.blobs.iter().filter(|blob| !blob.known);
        some_at_a_time(blobs, |blob| self.blob(blob, Doubt::Usual)).await?;
        let packages = stage.packages.iter().filter(|package| !package.known);
        some_at_a_time(packages, |push| self.package(push)).await?;
        let manifests = stage.manifests.iter().filter(|manifest| !manifest.known);
        some_at_a_time(manifests, |push| self.manifest(push, &[])).await
    }

    async fn blob(&self, blob: &BlobPush, doubt: Doubt) -> Result<()> {
        self.blob_from(blob, None, doubt).await
    }

    /// Pushes a blob, from somewhere else than the sources say if that is given.
    pub(super) async fn blob_from(
        &self,
        blob: &BlobPush,
        local: Option<&Local>,
        doubt: Doubt,
    ) -> Result<()> {
        let Descriptor { digest, size, .. } = blob.descriptor;
        // In a tree the same content is in many repositories.
        let one_repository = self.head.is_some();
        if one_repository && doubt == Doubt::Usual && lock(&self.pushed.there).contains(&digest) {
            return Ok(());
        }
        if self.send(blob, local, doubt).await? {
            self.pushed.blobs.fetch_add(1, Ordering::Relaxed);
            self.pushed.bytes.fetch_add(size, Ordering::Relaxed);
        }
        if one_repository {
            lock(&self.pushed.there).insert(digest);
        }
        self.options.tell(Event::Blob { size });
        Ok(())
    }

    /// Sees to it that the registry has a blob; whether its bytes had to be sent.
    async fn send(&self, blob: &BlobPush, local: Option<&Local>, doubt: Doubt) -> Result<bool> {
        let (client, repository) = (self.client, &blob.repository);
        let digest = Some(blob.descriptor.digest);
        let upload = Upload {
            mount_from: self.options.mount_from.clone(),
            check: match doubt {
                Doubt::Usual => blob.descriptor.size >= ASK_FROM,
                Doubt::Refused => true,
                Doubt::Lied => false,
            },
            ..Upload::default()
        };
        let local = match &blob.source {
            Source::Bytes(bytes) => Some(&Local::Bytes(bytes.clone().into())),
            Source::File(_) | Source::Part(_) => {
                let key = blob.source.key();
                local.or_else(|| key.and_then(|key| self.sources.get(key)))
            }
        };
        let pushed = match local {
            Some(Local::Bytes(bytes)) => {
                client.push_bytes(repository, bytes.clone(), upload).await?
            }
            Some(Local::File(file)) => client.push_file(repository, file, digest, upload).await?,
            Some(Local::Part { file, range }) => {
                let range = range.clone();
                client
                    .push_part(repository, file, range, digest, upload)
                    .await?
            }
            None => return self.send_from_elsewhere(blob, doubt).await,
        };
        Ok(pushed.uploaded)
    }

    /// Makes sure of a blob that is not on this side: that the registry has it, or that it
    /// is fetched.
    async fn send_from_elsewhere(&self, blob: &BlobPush, doubt: Doubt) -> Result<bool> {
        let (client, repository) = (self.client, &blob.repository);
        let digest = blob.descriptor.digest;
        let found = match &self.options.mount_from {
            None => client.blob_exists(repository, digest).await?.is_some(),
            Some(from) => match client.copy_blob(from, repository, &blob.descriptor).await {
                Ok(_) => true,
                Err(error) if error.is_not_found() => false,
                Err(error) => return Err(error),
            },
        };
        if found && doubt != Doubt::Lied {
            return Ok(false);
        }
        let path = blob.source.key().unwrap_or_default();
        match self.sources.fetched(path).await? {
            Some(file) => {
                let upload = Upload::default();
                let pushed = client.push_file(repository, &file, Some(digest), upload);
                Ok(pushed.await?.uploaded)
            }
            None if found => Ok(false),
            None => {
                let path = path.to_owned();
                Err(Refusal::NoSource { path, digest }.into())
            }
        }
    }

    /// Pushes a manifest; where the registry turns out not to have what it lists, after
    /// pushing that as well. `blobs` are blobs it lists that are not in the plan.
    pub(super) async fn manifest(
        &self,
        push: &ManifestPush,
        blobs: &[BlobPush],
    ) -> Result<(), Stop> {
        let mut result = self.put(push).await;
        for doubt in [Doubt::Refused, Doubt::Lied] {
            match result {
                Err(Stop::Failed(error)) if error.is_unknown_content() => {
                    tracing::info!(%error, "pushing what the manifest lists");
                    self.supply(push, blobs, doubt).await?;
                    result = self.put(push).await;
                }
                done => return done,
            }
        }
        result
    }

    async fn put(&self, push: &ManifestPush) -> Result<(), Stop> {
        let root = push.manifest.digest();
        if let Some(head) = self.head.filter(|head| head.is_at(push)) {
            return head.advance(&push.manifest).await;
        }
        if self.plan.root == Some(root) {
            self.pushed.snapshot.store(true, Ordering::Relaxed);
        }
        let (repository, selector) = (&push.repository, push.selector.clone());
        let manifest = push.manifest.clone();
        let put = self.client.push_manifest(repository, selector, manifest);
        match put.await {
            Ok(_) => Ok(()),
            Err(error) => self.refused(push, error).await,
        }
    }

    /// A tag that does not move may hold the manifest already.
    async fn refused(&self, push: &ManifestPush, error: Error) -> Result<(), Stop> {
        let Selector::Tag(tag) = &push.selector else {
            return Err(error.into());
        };
        if error.is_unknown_content() || !is_about_the_tag(&error) {
            return Err(error.into());
        }
        match self.client.tag_at_home(&push.repository, tag).await? {
            Some(there) if there.digest == push.manifest.digest() => Ok(()),
            Some(there) => Err(Refusal::Immutable {
                repository: push.repository.clone(),
                tag: tag.clone(),
                holds: there.digest,
                cause: error.to_string(),
            }
            .into()),
            None => Err(error.into()),
        }
    }

    /// Pushes all that a manifest lists.
    async fn supply(
        &self,
        push: &ManifestPush,
        blobs: &[BlobPush],
        doubt: Doubt,
    ) -> Result<(), Stop> {
        let wanted = push.manifest.blobs().map(|blob| blob.digest);
        let wanted: BTreeSet<Digest> = wanted.collect();
        let children = push.manifest.children().iter().map(|child| child.digest);
        let children: BTreeSet<Digest> = children.collect();
        let stages = || self.plan.stages.iter();
        let blobs = stages().flat_map(|stage| &stage.blobs).chain(blobs);
        let blobs = blobs.filter(|blob| {
            blob.repository == push.repository && wanted.contains(&blob.descriptor.digest)
        });
        some_at_a_time(blobs, |blob| self.blob(blob, doubt)).await?;
        let manifests = stages()
            .flat_map(|stage| &stage.manifests)
            .filter(|manifest| {
                manifest.repository == push.repository
                    && children.contains(&manifest.manifest.digest())
            });
        some_at_a_time(manifests, |manifest| Box::pin(self.manifest(manifest, &[]))).await
    }
}

/// Does the same with all, not all at once; the first that fails ends it.
async fn some_at_a_time<T, E, F: Future<Output = Result<(), E>>>(
    items: impl Iterator<Item = T>,
    work: impl Fn(T) -> F,
) -> Result<(), E> {
    let mut running = FuturesUnordered::new();
    for item in items {
        if running.len() >= AT_ONCE
            && let Some(done) = running.next().await
        {
            done?;
        }
        running.push(work(item));
    }
    while let Some(done) = running.next().await {
        done?;
    }
    Ok(())
}
