//! The stages of a plan.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use ocirepo::Digest;
use ocirepo::operation::Upload;
use ocirepo_rpm::publish::{BlobPush, ManifestPush, Plan, Source, Stage};

use super::error::Refusal;
use super::sources::{Local, Sources};
use super::{Event, Options};
use crate::client::Client;
use crate::error::Result;

/// Blobs or manifests pushed at a time.
const AT_ONCE: usize = 8;

/// Smaller blobs are sent without asking whether the registry has them: that costs as many
/// requests as it may save.
const ASK_FROM: u64 = 64 << 10;

/// Pushes what a plan says.
pub(super) struct Pusher<'a> {
    client: &'a Client,
    plan: &'a Plan,
    sources: &'a Sources,
    options: &'a Options,
    blobs: AtomicU64,
    bytes: AtomicU64,
}

/// How sure it is that the registry lacks a blob.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Doubt {
    /// Nobody asked.
    Usual,
    /// It refused a manifest because of it.
    Refused,
    /// It refused the manifest again, though it said that it has all its blobs.
    Lied,
}

impl<'a> Pusher<'a> {
    pub(super) fn new(
        client: &'a Client,
        plan: &'a Plan,
        sources: &'a Sources,
        options: &'a Options,
    ) -> Self {
        Self {
            client,
            plan,
            sources,
            options,
            blobs: AtomicU64::new(0),
            bytes: AtomicU64::new(0),
        }
    }

    /// How many blobs were pushed, and their size in bytes.
    pub(super) fn pushed(&self) -> (u64, u64) {
        let read = |number: &AtomicU64| number.load(Ordering::Relaxed);
        (read(&self.blobs), read(&self.bytes))
    }

    /// Blobs before manifests, stage after stage.
    pub(super) async fn run(&self) -> Result<()> {
        let wanted = self.plan.stages.iter().flat_map(|stage| &stage.blobs);
        let blobs = wanted.filter(|blob| !blob.known).count() as u64;
        self.options.tell(Event::Begin { blobs });
        for stage in &self.plan.stages {
            self.stage(stage).await?;
        }
        Ok(())
    }

    async fn stage(&self, stage: &Stage) -> Result<()> {
        let blobs = stage.blobs.iter().filter(|blob| !blob.known);
        some_at_a_time(blobs, |blob| self.blob(blob, Doubt::Usual)).await?;
        let manifests = stage.manifests.iter().filter(|manifest| !manifest.known);
        some_at_a_time(manifests, |push| self.manifest(push)).await
    }

    async fn blob(&self, blob: &BlobPush, doubt: Doubt) -> Result<()> {
        let BlobPush {
            repository,
            descriptor,
            source,
            ..
        } = blob;
        let upload = Upload {
            check: match doubt {
                Doubt::Usual => descriptor.size >= ASK_FROM,
                Doubt::Refused => true,
                Doubt::Lied => false,
            },
            ..Upload::default()
        };
        let digest = Some(descriptor.digest);
        let client = self.client;
        let local = match source {
            Source::Bytes(bytes) => Some(&Local::Bytes(bytes.clone().into())),
            Source::File(path) => self.sources.get(path.path()),
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
            None => return self.there(blob, doubt).await,
        };
        if pushed.uploaded {
            self.blobs.fetch_add(1, Ordering::Relaxed);
            self.bytes.fetch_add(descriptor.size, Ordering::Relaxed);
        }
        let size = descriptor.size;
        self.options.tell(Event::Blob { size });
        Ok(())
    }

    /// Makes sure of a blob that is not on this side: that the registry has it, or that it
    /// is fetched.
    async fn there(&self, blob: &BlobPush, doubt: Doubt) -> Result<()> {
        let BlobPush {
            repository,
            descriptor,
            source,
            ..
        } = blob;
        let digest = descriptor.digest;
        let found = self.client.blob_exists(repository, digest).await?.is_some();
        if !found || doubt == Doubt::Lied {
            let path = match source {
                Source::File(path) => path.path(),
                Source::Bytes(_) => "",
            };
            match self.sources.fetched(path).await? {
                Some(file) => {
                    let upload = Upload::default();
                    let client = self.client;
                    client
                        .push_file(repository, &file, Some(digest), upload)
                        .await?;
                    self.blobs.fetch_add(1, Ordering::Relaxed);
                    self.bytes.fetch_add(descriptor.size, Ordering::Relaxed);
                }
                None if found => {}
                None => {
                    let path = path.to_owned();
                    return Err(Refusal::NoSource { path, digest }.into());
                }
            }
        }
        let size = descriptor.size;
        self.options.tell(Event::Blob { size });
        Ok(())
    }

    /// Pushes a manifest; where the registry turns out not to have what it lists, after
    /// pushing that as well.
    async fn manifest(&self, push: &ManifestPush) -> Result<()> {
        let mut result = self.put(push).await;
        for doubt in [Doubt::Refused, Doubt::Lied] {
            match result {
                Err(error) if error.is_unknown_content() => {
                    tracing::info!(%error, "pushing what the manifest lists");
                    self.supply(push, doubt).await?;
                    result = self.put(push).await;
                }
                done => return done,
            }
        }
        result
    }

    async fn put(&self, push: &ManifestPush) -> Result<()> {
        let selector = push.selector.clone();
        let manifest = push.manifest.clone();
        let client = self.client;
        client
            .push_manifest(&push.repository, selector, manifest)
            .await?;
        Ok(())
    }

    /// Pushes all that a manifest lists.
    async fn supply(&self, push: &ManifestPush, doubt: Doubt) -> Result<()> {
        let wanted = push.manifest.blobs().map(|blob| blob.digest);
        let wanted: BTreeSet<Digest> = wanted.collect();
        let children = push.manifest.children().iter().map(|child| child.digest);
        let children: BTreeSet<Digest> = children.collect();
        let stages = || self.plan.stages.iter();
        let blobs = stages().flat_map(|stage| &stage.blobs).filter(|blob| {
            blob.repository == push.repository && wanted.contains(&blob.descriptor.digest)
        });
        some_at_a_time(blobs, |blob| self.blob(blob, doubt)).await?;
        let manifests = stages()
            .flat_map(|stage| &stage.manifests)
            .filter(|manifest| {
                manifest.repository == push.repository
                    && children.contains(&manifest.manifest.digest())
            });
        some_at_a_time(manifests, |manifest| Box::pin(self.manifest(manifest))).await
    }
}

/// Does the same with all, not all at once; the first that fails ends it.
async fn some_at_a_time<T, F: Future<Output = Result<()>>>(
    items: impl Iterator<Item = T>,
    work: impl Fn(T) -> F,
) -> Result<()> {
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
