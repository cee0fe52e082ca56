//! Find out what a tag or digest names, without pulling it.
//!
//! ```text
//! Asking --200, digest given--> done
//! Asking --200, no digest--> Pulling     it has to be hashed
//! Asking --405/400/403/501--> Pulling    some registries do HEAD badly
//! Asking --404--> failed
//! Pulling --200--> done
//! ```

use super::{Env, Machine, Outgoing, Response, Step, Take, digest_of, named};
use crate::auth::scope::Scope;
use crate::descriptor::Descriptor;
use crate::endpoint::{Found, manifests};
use crate::reference::{Registry, Repository, Selector};

#[derive(Debug)]
pub(crate) struct Resolve {
    repository: Repository,
    selector: Selector,
    cap: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Asking,
    Pulling,
}

impl Resolve {
    pub(crate) fn new(repository: Repository, selector: Selector, cap: u64) -> Self {
        Self {
            repository,
            selector,
            cap,
            state: State::Asking,
        }
    }

    fn asked(&mut self, response: &Response) -> Step {
        match response.status().as_u16() {
            200 => match manifests::found(&response.head) {
                Ok(Found {
                    digest: Some(digest),
                    media_type: Some(media_type),
                    size: Some(size),
                }) if digest_of(&self.selector).is_none_or(|asked| asked == digest) => {
                    Step::done(Descriptor::new(media_type, digest, size))
                }
                _ => self.pull(),
            },
            404 => Step::fail(response.failure()),
            _ => self.pull(),
        }
    }

    fn pull(&mut self) -> Step {
        self.state = State::Pulling;
        Step::Next
    }
}

impl Machine for Resolve {
    fn doing(&self) -> String {
        format!("resolve {}", named(&self.repository, &self.selector))
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        match self.state {
            State::Asking => Outgoing::new(
                manifests::head(&self.repository, &self.selector),
                Take::Nothing,
            ),
            State::Pulling => Outgoing::new(
                manifests::get(&self.repository, &self.selector),
                Take::Collect { cap: self.cap },
            ),
        }
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        match self.state {
            State::Asking => self.asked(&response),
            State::Pulling if response.status().is_success() => Step::end(
                manifests::received(&response.head, response.body, &self.selector)
                    .map(|manifest| manifest.descriptor()),
            ),
            State::Pulling => Step::fail(response.failure()),
        }
    }
}
