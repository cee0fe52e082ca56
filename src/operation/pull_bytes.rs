//! Pull a small blob, or a range of one, into memory.
//!
//! ```text
//! PullBytes:
//! Pulling --200, right digest--> done
//!
//! PullRange:
//! Pulling --206/200--> done, unverified
//! ```

use std::ops::Range;

use super::{Env, Machine, Outgoing, Response, Step, Take};
use crate::auth::scope::Scope;
use crate::digest::Digest;
use crate::endpoint::blobs;
use crate::error::{Error, ErrorKind};
use crate::reference::{Registry, Repository};
use crate::sink::Content;

#[derive(Debug)]
pub(crate) struct PullBytes {
    repository: Repository,
    content: Content,
    cap: u64,
}

impl PullBytes {
    pub(crate) fn new(repository: Repository, content: Content, cap: u64) -> Self {
        Self {
            repository,
            content,
            cap,
        }
    }
}

impl Machine for PullBytes {
    fn doing(&self) -> String {
        format!("pull blob {}@{}", self.repository, self.content.digest)
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn begin(&mut self) -> Step {
        match self.content.size {
            Some(size) if size > self.cap => Step::fail(Error::new(
                ErrorKind::TooLarge,
                format!("it has {size} bytes, more than the limit of {}", self.cap),
            )),
            _ => Step::Next,
        }
    }

    fn request(&mut self) -> Outgoing {
        let call = blobs::get(&self.repository, &self.content.digest, None);
        let cap = self.content.size.unwrap_or(self.cap);
        Outgoing::new(call, Take::Collect { cap })
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        if !response.status().is_success() {
            return Step::fail(response.failure());
        }
        let bytes = response.body;
        let digest = self.content.digest;
        let right_size = self
            .content
            .size
            .is_none_or(|size| size == bytes.len() as u64);
        if right_size && Digest::with(digest.algorithm(), &bytes) == digest {
            return Step::done(bytes);
        }
        Step::fail(Error::new(
            ErrorKind::Corrupt,
            format!("the {} bytes received do not hash to {digest}", bytes.len()),
        ))
    }
}

/// A part of a blob. No digest covers it, so it is only as good as the registry.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unverified {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// Where they stand in the blob. Ends where the blob does, if that is earlier than
    /// was asked for.
    pub range: Range<u64>,
}

#[derive(Debug)]
pub(crate) struct PullRange {
    repository: Repository,
    digest: Digest,
    range: Range<u64>,
}

impl PullRange {
    pub(crate) fn new(repository: Repository, digest: Digest, range: Range<u64>) -> Self {
        Self {
            repository,
            digest,
            range,
        }
    }

    fn unverified(&self, bytes: Vec<u8>) -> Step {
        let start = self.range.start;
        let range = start..start.saturating_add(bytes.len() as u64);
        Step::done(Unverified { bytes, range })
    }
}

impl Machine for PullRange {
    fn doing(&self) -> String {
        format!(
            "pull bytes {}-{} of blob {}@{}",
            self.range.start, self.range.end, self.repository, self.digest
        )
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn begin(&mut self) -> Step {
        if self.range.is_empty() {
            return self.unverified(Vec::new());
        }
        Step::Next
    }

    fn request(&mut self) -> Outgoing {
        let call = blobs::get_range(&self.repository, &self.digest, self.range.clone());
        Outgoing::new(call, Take::Window(self.range.clone()))
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        if response.status().is_success() {
            return self.unverified(response.body);
        }
        Step::fail(response.failure())
    }
}
