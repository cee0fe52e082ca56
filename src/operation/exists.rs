//! Ask whether a blob or a manifest is there.
//!
//! ```text
//! Asking --200--> done, there
//! Asking --404--> done, not there
//! Asking --405/501--> Fetching           where HEAD is not offered
//! Fetching --200/404--> done
//! ```

use super::{Env, Machine, Outgoing, Response, Step, Take, digest_of, named};
use crate::auth::scope::Scope;
use crate::digest::Digest;
use crate::endpoint::{blobs, manifests};
use crate::error::{Error, ErrorKind};
use crate::reference::{Registry, Repository, Selector};
use crate::sink::Content;

#[derive(Debug)]
pub(crate) struct Exists {
    repository: Repository,
    what: What,
    state: State,
}

#[derive(Clone, Debug)]
pub(crate) enum What {
    Blob(Digest),
    Manifest(Selector),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Fetching,
}

impl Exists {
    pub(crate) fn new(repository: Repository, what: What) -> Self {
        Self {
            repository,
            what,
            state: State::Asking,
        }
    }

    /// What the head says of it. A missing digest of a manifest stays unknown, which
    /// only [`Resolve`](super::Resolve) mends.
    fn there(&self, response: &Response) -> Step {
        let found = match manifests::found(&response.head) {
            Ok(found) => found,
            Err(error) => return Step::fail(error),
        };
        let digest = match &self.what {
            What::Blob(digest) => Some(*digest),
            What::Manifest(selector) => digest_of(selector).or(found.digest),
        };
        match digest {
            Some(digest) => Step::done(Some(Content {
                digest,
                size: found.size,
            })),
            None => Step::fail(Error::new(
                ErrorKind::InvalidResponse,
                "the manifest is there, but the registry does not say under which digest",
            )),
        }
    }
}

impl Machine for Exists {
    fn doing(&self) -> String {
        match &self.what {
            What::Blob(digest) => format!("look for blob {}@{digest}", self.repository),
            What::Manifest(selector) => {
                format!("look for manifest {}", named(&self.repository, selector))
            }
        }
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        let call = match (&self.what, self.state) {
            (What::Blob(digest), State::Asking) => blobs::head(&self.repository, digest),
            (What::Blob(digest), State::Fetching) => blobs::get(&self.repository, digest, None),
            (What::Manifest(selector), State::Asking) => {
                manifests::head(&self.repository, selector)
            }
            (What::Manifest(selector), State::Fetching) => {
                manifests::get(&self.repository, selector)
            }
        };
        Outgoing::new(call, Take::Nothing)
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        match response.status().as_u16() {
            200..=299 => self.there(&response),
            404 => Step::done(None::<Content>),
            405 | 501 if self.state == State::Asking => {
                self.state = State::Fetching;
                Step::Next
            }
            _ => Step::fail(response.failure()),
        }
    }
}
