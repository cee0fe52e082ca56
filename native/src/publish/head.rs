//! The moving tag: read before it is moved, and afterwards.
//!
//! Registries have no transactions. A publisher makes a snapshot on top of the one it
//! found, and must not move the tag away from one that somebody else put there meanwhile.
//! So the tag is read immediately before its PUT, which carries the condition that it is
//! still there (registries that look at it refuse to move the tag away from another one),
//! and read again afterwards: where another snapshot is there that was not made on top of
//! ours, we were overwritten.

use std::time::Duration;

use ocirepo::operation::Condition;
use ocirepo::reference::{Repository, Selector, Tag};
use ocirepo::{Digest, ErrorKind, Manifest};
use ocirepo_rpm::layout::format;
use ocirepo_rpm::publish::ManifestPush;

use super::error::Refusal;
use crate::client::Client;
use crate::error::{Error, Result};

/// How long to wait, in milliseconds, before the tag is read once more when it seems not to
/// have moved: some registries answer from what they remember.
const WAITS: [u64; 4] = [50, 200, 800, 3200];

/// How far back a line of snapshots is followed.
const MOST_STEPS: usize = 1000;

/// A moving tag, and what it pointed at when the change was made.
#[derive(Debug)]
pub(super) struct Head<'a> {
    pub(super) client: &'a Client,
    pub(super) repository: &'a Repository,
    pub(super) tag: &'a Tag,
    pub(super) before: Option<Digest>,
}

/// Why a snapshot is not at the tag.
#[derive(Debug)]
pub(super) enum Stop {
    /// Somebody else moved the tag there (or took it away).
    Overtaken(Option<Digest>),
    /// It went wrong.
    Failed(Error),
}

impl<E: Into<Error>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

impl Head<'_> {
    /// Whether a push is the one that moves the tag.
    pub(super) fn is_at(&self, push: &ManifestPush) -> bool {
        let here = matches!(&push.selector, Selector::Tag(tag) if tag == self.tag);
        here && push.repository == *self.repository
    }

    /// What the tag points at now.
    async fn now(&self) -> Result<Option<Digest>> {
        let there = self.client.tag_at_home(self.repository, self.tag).await?;
        Ok(there.map(|root| root.digest))
    }

    /// Makes sure that nobody moved the tag since.
    pub(super) async fn still(&self) -> Result<(), Stop> {
        match self.now().await? {
            now if now == self.before => Ok(()),
            now => Err(Stop::Overtaken(now)),
        }
    }

    /// Moves the tag to a root which the registry accepted already.
    pub(super) async fn advance(&self, root: &Manifest) -> Result<(), Stop> {
        let ours = root.digest();
        match self.now().await? {
            now if now == Some(ours) => return Ok(()),
            now if now == self.before => {}
            now => return Err(Stop::Overtaken(now)),
        }
        let condition = self.before.map_or(Condition::Absent, Condition::Digest);
        let put = self.put(root, Some(condition)).await;
        let put = match put {
            Err(error) if is_conflict(&error) => match self.now().await? {
                // An answer was lost, and what came then was the answer to the repetition.
                now if now == Some(ours) => return Ok(()),
                // The registry means something else by the condition.
                now if now == self.before => self.put(root, None).await,
                now => return Err(Stop::Overtaken(now)),
            },
            put => put,
        };
        match put {
            Ok(()) => self.settled(root).await,
            Err(error) => Err(self.refused(ours, error).await?.into()),
        }
    }

    async fn put(&self, root: &Manifest, condition: Option<Condition>) -> Result<()> {
        let (client, tag, root) = (self.client, self.tag.clone(), root.clone());
        match condition {
            Some(condition) => {
                client
                    .push_manifest_if(self.repository, tag, root, condition)
                    .await?
            }
            None => client.push_manifest(self.repository, tag, root).await?,
        };
        Ok(())
    }

    /// Makes sure that the tag points at the root, or at one on top of it.
    async fn settled(&self, root: &Manifest) -> Result<(), Stop> {
        let ours = root.digest();
        let mut waits = WAITS.iter();
        loop {
            let now = self.now().await?;
            match now {
                Some(now) if now == ours => return Ok(()),
                Some(now) if self.before != Some(now) => {
                    return match self.descends(now, ours).await? {
                        true => Ok(()),
                        false => Err(Stop::Overtaken(Some(now))),
                    };
                }
                // Where it was before, or nowhere.
                _ => match waits.next() {
                    Some(wait) => tokio::time::sleep(Duration::from_millis(*wait)).await,
                    None => return Err(self.stuck(ours).into()),
                },
            }
        }
    }

    fn stuck(&self, root: Digest) -> Refusal {
        Refusal::Stuck {
            repository: self.repository.clone(),
            tag: self.tag.clone(),
            root,
        }
    }

    /// Whether a root was made on top of another.
    async fn descends(&self, root: Digest, from: Digest) -> Result<bool> {
        let mut next = root;
        for _ in 0..MOST_STEPS {
            let pulled = self.client.find_manifest(self.repository, next).await;
            // What is gone was there before ours.
            let Some(manifest) = pulled? else {
                return Ok(false);
            };
            match format::parent(&manifest) {
                Some(parent) if parent == from => return Ok(true),
                Some(parent) => next = parent,
                None => return Ok(false),
            }
        }
        Ok(false)
    }

    /// What a refusal to move the tag means. The same manifest was accepted at the tag of
    /// the snapshot.
    async fn refused(&self, ours: Digest, error: Error) -> Result<Error> {
        if !is_about_the_tag(&error) {
            return Ok(error);
        }
        Ok(match self.now().await? {
            Some(now) if now != ours => Refusal::Immutable {
                repository: self.repository.clone(),
                tag: self.tag.clone(),
                holds: now,
                cause: error.to_string(),
            }
            .into(),
            _ => error,
        })
    }
}

fn is_conflict(error: &Error) -> bool {
    error.kind() == Some(ErrorKind::Conflict)
}

/// Whether a registry that refuses a manifest at a tag may do so because of the tag.
pub(super) fn is_about_the_tag(error: &Error) -> bool {
    let Error::Registry(refusal) = error else {
        return false;
    };
    let kinds = [
        ErrorKind::Refused,
        ErrorKind::Conflict,
        ErrorKind::Denied,
        ErrorKind::Unsupported,
    ];
    let codes = ["MANIFEST_INVALID", "SIZE_INVALID", "DIGEST_INVALID"];
    kinds.contains(&refusal.kind())
        && refusal.http_status().is_none_or(|status| status != 413)
        && !codes.iter().any(|code| refusal.has_code(code))
}
