//! Ask a registry whether it speaks the protocol and lets us in.
//!
//! ```text
//! Asking --200--> done
//! ```

use super::{Env, Machine, Outgoing, Response, Step, Take};
use crate::auth::scope::Scope;
use crate::endpoint::base;
use crate::reference::Registry;

#[derive(Debug)]
pub(crate) struct Ping {
    registry: Registry,
}

impl Ping {
    pub(crate) fn new(registry: Registry) -> Self {
        Self { registry }
    }
}

impl Machine for Ping {
    fn doing(&self) -> String {
        format!("talk to the registry {}", self.registry)
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        Vec::new()
    }

    fn request(&mut self) -> Outgoing {
        Outgoing::new(base::get(&self.registry), Take::Nothing)
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        if response.status().is_success() {
            return Step::done(());
        }
        Step::fail(response.failure())
    }
}
