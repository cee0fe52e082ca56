//! Pull a manifest.
//!
//! ```text
//! Pulling --200--> done if it is what was asked for
//! ```

use super::{Env, Machine, Outgoing, Response, Step, Take, named};
use crate::auth::scope::Scope;
use crate::endpoint::manifests;
use crate::reference::{Registry, Repository, Selector};

#[derive(Debug)]
pub(crate) struct PullManifest {
    repository: Repository,
    selector: Selector,
    cap: u64,
}

impl PullManifest {
    pub(crate) fn new(repository: Repository, selector: Selector, cap: u64) -> Self {
        Self {
            repository,
            selector,
            cap,
        }
    }
}

impl Machine for PullManifest {
    fn doing(&self) -> String {
        format!("pull manifest {}", named(&self.repository, &self.selector))
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        Outgoing::new(
            manifests::get(&self.repository, &self.selector),
            Take::Collect { cap: self.cap },
        )
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        if !response.status().is_success() {
            return Step::fail(response.failure());
        }
        Step::end(manifests::received(
            &response.head,
            response.body,
            &self.selector,
        ))
    }
}
