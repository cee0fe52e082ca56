//! Everything a caller can ask a session for.

use std::ops::Range;

use super::Session;
use super::task::Audience;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::manifest::Manifest;
use crate::operation::exists::What;
use crate::operation::{
    Blob, BlobCopy, Condition, CopyBlob, CopyManifest, Delete, Exists, ListReferrers,
    ListRepositories, ListTags, Machine, Operation, Ping, PullBlob, PullBytes, PullManifest,
    PullRange, PushBlob, PushManifest, PushedBlob, Resolve, Resume, Unverified, Upload,
};
use crate::reference::{Registry, Repository, Selector, Tag};
use crate::sink::Content;
use crate::source::BlobSource;

impl Session {
    fn start<T>(&mut self, machine: impl Machine + 'static) -> Operation<T> {
        Operation::new(self.add(Box::new(machine), Audience::Caller))
    }

    /// Asks a registry whether it speaks the protocol, with the credentials there are.
    pub fn ping(&mut self, registry: &Registry) -> Operation<()> {
        self.start(Ping::new(registry.clone()))
    }

    /// Finds out media type, digest and size of what a tag or digest names. Pulls it
    /// only where the registry does not say. Kind [`NotFound`](crate::ErrorKind) when
    /// there is no such manifest.
    pub fn resolve(
        &mut self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Operation<Descriptor> {
        let cap = self.config.limits.manifest;
        self.start(Resolve::new(repository.clone(), selector.into(), cap))
    }

    /// Pulls a manifest, up to [`Limits::manifest`](super::Limits) bytes.
    pub fn pull_manifest(
        &mut self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Operation<Manifest> {
        let cap = self.config.limits.manifest;
        self.start(PullManifest::new(repository.clone(), selector.into(), cap))
    }

    /// Pulls a blob of any size through a [`BlobSink`](crate::sink::BlobSink) that comes
    /// with the head of the response.
    pub fn pull_blob(
        &mut self,
        repository: &Repository,
        content: impl Into<Content>,
        resume: Resume,
    ) -> Operation<Blob> {
        self.start(PullBlob::new(repository.clone(), content.into(), resume))
    }

    /// Pulls a blob of at most `cap` bytes into memory.
    pub fn pull_blob_bytes(
        &mut self,
        repository: &Repository,
        content: impl Into<Content>,
        cap: u64,
    ) -> Operation<Vec<u8>> {
        self.start(PullBytes::new(repository.clone(), content.into(), cap))
    }

    /// Pulls the bytes `range` of a blob into memory. No digest covers them.
    pub fn pull_blob_range(
        &mut self,
        repository: &Repository,
        digest: Digest,
        range: Range<u64>,
    ) -> Operation<Unverified> {
        self.start(PullRange::new(repository.clone(), digest, range))
    }

    /// Asks whether a repository has a blob, and what size the registry says it has.
    pub fn blob_exists(
        &mut self,
        repository: &Repository,
        digest: Digest,
    ) -> Operation<Option<Content>> {
        self.start(Exists::new(repository.clone(), What::Blob(digest)))
    }

    /// Asks whether a repository has a manifest. Where the registry names no digest for
    /// a tag, [`Session::resolve`] finds it.
    pub fn manifest_exists(
        &mut self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Operation<Option<Content>> {
        self.start(Exists::new(
            repository.clone(),
            What::Manifest(selector.into()),
        ))
    }

    /// Pushes a blob from a source that the host reads.
    pub fn push_blob(
        &mut self,
        repository: &Repository,
        source: BlobSource,
        upload: Upload,
    ) -> Operation<PushedBlob> {
        let largest = self.config.capabilities.largest_upload;
        self.start(PushBlob::new(repository.clone(), source, upload, largest))
    }

    /// Pushes a manifest, byte for byte. When it has a subject and the registry does not
    /// keep lists of referrers, the list under the fallback tag is kept up to date.
    pub fn push_manifest(
        &mut self,
        repository: &Repository,
        selector: impl Into<Selector>,
        manifest: Manifest,
    ) -> Operation<Descriptor> {
        let cap = self.config.limits.manifest;
        self.start(PushManifest::new(
            repository.clone(),
            selector.into(),
            manifest,
            cap,
        ))
    }

    /// Pushes a manifest as [`Session::push_manifest`] does, where what is at the tag now is
    /// as `condition` says. Most registries do not look at it, and put the manifest in any
    /// case. Kind [`Conflict`](crate::ErrorKind) when the condition does not hold; also
    /// when an answer was lost and what is there already is this very manifest.
    pub fn push_manifest_if(
        &mut self,
        repository: &Repository,
        selector: impl Into<Selector>,
        manifest: Manifest,
        condition: Condition,
    ) -> Operation<Descriptor> {
        let cap = self.config.limits.manifest;
        let push = PushManifest::new(repository.clone(), selector.into(), manifest, cap);
        self.start(push.only_if(condition))
    }

    /// Lists the tags of a repository, in the registry's order.
    pub fn tags(&mut self, repository: &Repository) -> Operation<Vec<Tag>> {
        let cap = self.config.limits.page;
        self.start(ListTags::new(repository.clone(), cap))
    }

    /// Lists the repositories of a registry, where it offers that.
    pub fn repositories(&mut self, registry: &Registry) -> Operation<Vec<Repository>> {
        let cap = self.config.limits.page;
        self.start(ListRepositories::new(registry.clone(), cap))
    }

    /// Lists the manifests whose subject is `subject`, all or those of one artifact type.
    pub fn referrers(
        &mut self,
        repository: &Repository,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Operation<Vec<Descriptor>> {
        let cap = self.config.limits.page;
        self.start(ListReferrers::new(
            repository.clone(),
            subject,
            artifact_type.map(str::to_owned),
            cap,
        ))
    }

    /// Deletes a tag, or a manifest with all its tags when it is named by digest.
    pub fn delete_manifest(
        &mut self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Operation<()> {
        self.start(Delete::new(
            repository.clone(),
            What::Manifest(selector.into()),
        ))
    }

    /// Deletes a blob.
    pub fn delete_blob(&mut self, repository: &Repository, digest: Digest) -> Operation<()> {
        self.start(Delete::new(repository.clone(), What::Blob(digest)))
    }

    /// Copies a manifest, byte for byte, to another repository under the same tag or
    /// digest. What it refers to must be there already.
    pub fn copy_manifest(
        &mut self,
        from: &Repository,
        to: &Repository,
        selector: impl Into<Selector>,
    ) -> Operation<Descriptor> {
        let cap = self.config.limits.manifest;
        self.start(CopyManifest::new(
            from.clone(),
            to.clone(),
            selector.into(),
            cap,
        ))
    }

    /// Copies a blob as far as that goes without moving its bytes. When the result is
    /// [`BlobCopy::ToBeSent`], the host pulls it and pushes it.
    pub fn copy_blob(
        &mut self,
        from: &Repository,
        to: &Repository,
        digest: Digest,
    ) -> Operation<BlobCopy> {
        self.start(CopyBlob::new(from.clone(), to.clone(), digest))
    }
}
