//! Push a manifest, and see to it that its subject lists it.
//!
//! ```text
//! Putting --201--> done                  no subject, or the registry lists it
//! Putting --201, subject not noticed--> Reading
//! Reading --200/404--> Listing           the index under the fallback tag
//! Reading --listed already--> done
//! Listing --201--> done
//! ```

use super::{Env, Machine, Outgoing, Response, Step, Take, named};
use crate::auth::scope::Scope;
use crate::descriptor::Descriptor;
use crate::endpoint::manifests::Condition;
use crate::endpoint::{manifests, referrers};
use crate::error::{Error, ErrorKind};
use crate::manifest::{ImageIndex, Manifest};
use crate::reference::{Registry, Repository, Selector};

#[derive(Debug)]
pub(crate) struct PushManifest {
    repository: Repository,
    selector: Selector,
    manifest: Manifest,
    condition: Option<Condition>,
    cap: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Putting,
    Reading,
    Listing(Box<Manifest>),
}

impl PushManifest {
    pub(crate) fn new(
        repository: Repository,
        selector: Selector,
        manifest: Manifest,
        cap: u64,
    ) -> Self {
        Self {
            repository,
            selector,
            manifest,
            condition: None,
            cap,
            state: State::Putting,
        }
    }

    /// Puts it only where the condition holds, as far as the registry looks at it.
    pub(crate) fn only_if(mut self, condition: Condition) -> Self {
        self.condition = Some(condition);
        self
    }

    fn fallback(&self) -> Option<Selector> {
        let subject = self.manifest.subject()?;
        Some(Selector::Tag(referrers::fallback_tag(&subject.digest)))
    }

    fn put(&mut self, response: &Response, env: &Env<'_>) -> Step {
        let stored = match manifests::stored(&response.head) {
            Ok(stored) => stored,
            Err(error) => return Step::fail(error),
        };
        let ours = self.manifest.digest();
        if let Some(digest) = stored.digest
            && digest.algorithm() == ours.algorithm()
            && digest != ours
        {
            return Step::fail(Error::new(
                ErrorKind::Corrupt,
                format!("the registry stored the manifest as {digest} instead of {ours}"),
            ));
        }
        if self.manifest.subject().is_none() || stored.subject.is_some() {
            return self.done();
        }
        if env.capabilities.hides_headers {
            return Step::fail(
                Error::new(
                    ErrorKind::Capability,
                    "the manifest is stored, but whether its subject lists it cannot be seen; \
                 the registry must expose the header `OCI-Subject`",
                )
                .hidden("OCI-Subject"),
            );
        }
        self.state = State::Reading;
        Step::Next
    }

    /// Adds the manifest to the list of referrers that the tag holds.
    fn list(&mut self, present: Option<&Manifest>) -> Step {
        let mut index = match present.map(Manifest::as_index) {
            None => ImageIndex::new(),
            Some(Some(index)) => index.clone(),
            Some(None) => {
                return Step::fail(Error::new(
                    ErrorKind::InvalidResponse,
                    "the tag for the list of referrers holds something else; delete that tag",
                ));
            }
        };
        let entry = self.manifest.referrer();
        if index.manifests.iter().any(|m| m.digest == entry.digest) {
            return self.done();
        }
        index.manifests.push(entry);
        self.state = State::Listing(Box::new(index.to_manifest()));
        Step::Next
    }

    fn done(&self) -> Step {
        Step::done::<Descriptor>(self.manifest.descriptor())
    }
}

impl Machine for PushManifest {
    fn doing(&self) -> String {
        format!("push manifest {}", named(&self.repository, &self.selector))
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::push(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        let repository = &self.repository;
        let fallback = self.fallback().unwrap_or_else(|| self.selector.clone());
        match &self.state {
            State::Putting => {
                let (selector, manifest) = (&self.selector, &self.manifest);
                let call = match &self.condition {
                    Some(condition) => manifests::put_if(repository, selector, manifest, condition),
                    None => manifests::put(repository, selector, manifest),
                };
                Outgoing::new(call, Take::Nothing).patient()
            }
            State::Reading => Outgoing::new(
                manifests::get(repository, &fallback),
                Take::Collect { cap: self.cap },
            ),
            State::Listing(index) => {
                Outgoing::new(manifests::put(repository, &fallback, index), Take::Nothing)
            }
        }
    }

    fn response(&mut self, response: Response, env: &Env<'_>) -> Step {
        let status = response.status();
        match &self.state {
            State::Putting if status.is_success() => self.put(&response, env),
            State::Putting if status.as_u16() == 412 && self.condition.is_some() => {
                Step::fail(response.conflict())
            }
            State::Reading if status.is_success() => {
                let fallback = self.fallback().unwrap_or_else(|| self.selector.clone());
                match manifests::received(&response.head, response.body, &fallback) {
                    Ok(present) => self.list(Some(&present)),
                    Err(error) => Step::fail(error),
                }
            }
            State::Reading if status.as_u16() == 404 => self.list(None),
            State::Listing(_) if status.is_success() => self.done(),
            State::Putting | State::Reading | State::Listing(_) => Step::fail(response.failure()),
        }
    }
}
