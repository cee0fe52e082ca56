//! Copy a manifest, or a blob without moving its bytes.
//!
//! ```text
//! CopyManifest:
//! Pulling --200--> Pushing
//! Pushing --done--> done
//!
//! CopyBlob:
//! Checking --200--> done, present
//! Checking --404--> Mounting             within one registry
//! Checking --404--> done, to be sent     between registries
//! Mounting --201--> done, mounted
//! Mounting --202--> Cancelling           it opened an upload instead
//! Cancelling --any--> done, to be sent
//! ```

use url::Url;

use super::{Env, Machine, Outgoing, PullManifest, PushManifest, Response, Step, Take};
use crate::auth::scope::Scope;
use crate::digest::Digest;
use crate::endpoint::blobs;
use crate::endpoint::uploads::{self, Started};
use crate::operation::Value;
use crate::reference::{Registry, Repository, Selector};
use crate::sink::BlobSink;
use crate::source::BlobSource;

#[derive(Debug)]
pub(crate) struct CopyManifest {
    to: Repository,
    selector: Selector,
    cap: u64,
    state: CopyState,
}

#[derive(Debug)]
enum CopyState {
    Pulling(PullManifest),
    Pushing(Box<PushManifest>),
}

impl CopyManifest {
    /// Copies what `selector` names in `from` to `to`, under the same tag or digest.
    pub(crate) fn new(from: Repository, to: Repository, selector: Selector, cap: u64) -> Self {
        Self {
            to,
            selector: selector.clone(),
            cap,
            state: CopyState::Pulling(PullManifest::new(from, selector, cap)),
        }
    }

    fn machine(&self) -> &dyn Machine {
        match &self.state {
            CopyState::Pulling(pull) => pull,
            CopyState::Pushing(push) => push.as_ref(),
        }
    }

    fn machine_mut(&mut self) -> &mut dyn Machine {
        match &mut self.state {
            CopyState::Pulling(pull) => pull,
            CopyState::Pushing(push) => push.as_mut(),
        }
    }
}

impl Machine for CopyManifest {
    fn doing(&self) -> String {
        self.machine().doing()
    }

    fn registry(&self) -> &Registry {
        self.machine().registry()
    }

    fn scopes(&self) -> Vec<Scope> {
        self.machine().scopes()
    }

    fn request(&mut self) -> Outgoing {
        self.machine_mut().request()
    }

    fn keep_source(&mut self, source: BlobSource) {
        self.machine_mut().keep_source(source);
    }

    fn response(&mut self, response: Response, env: &Env<'_>) -> Step {
        match self.machine_mut().response(response, env) {
            Step::Done(Ok(Value::Manifest(manifest))) => {
                let push =
                    PushManifest::new(self.to.clone(), self.selector.clone(), *manifest, self.cap);
                self.state = CopyState::Pushing(Box::new(push));
                Step::Next
            }
            step => step,
        }
    }

    fn interrupted(&mut self, sink: Option<BlobSink>) -> Step {
        self.machine_mut().interrupted(sink)
    }
}

/// How far a blob could be copied without moving its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BlobCopy {
    /// The destination had it.
    Present,
    /// The registry made it available in the destination.
    Mounted,
    /// It has to be pulled and pushed.
    ToBeSent,
}

#[derive(Debug)]
pub(crate) struct CopyBlob {
    from: Repository,
    to: Repository,
    digest: Digest,
    state: MountState,
}

#[derive(Clone, Debug)]
enum MountState {
    Checking,
    Mounting,
    Cancelling(Url),
}

impl CopyBlob {
    pub(crate) fn new(from: Repository, to: Repository, digest: Digest) -> Self {
        Self {
            from,
            to,
            digest,
            state: MountState::Checking,
        }
    }

    fn mounted(&mut self, response: &Response) -> Step {
        match uploads::started(&response.head, &response.url) {
            Ok(Started::Done) => Step::done(BlobCopy::Mounted),
            Ok(Started::Upload { location, .. }) => {
                self.state = MountState::Cancelling(location);
                Step::Next
            }
            // Without a location there is nothing to cancel.
            Err(_) => Step::done(BlobCopy::ToBeSent),
        }
    }
}

impl Machine for CopyBlob {
    fn doing(&self) -> String {
        format!("copy blob {}@{} to {}", self.from, self.digest, self.to)
    }

    fn registry(&self) -> &Registry {
        &self.to.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        let mut scopes = vec![Scope::push(&self.to)];
        if self.from.registry == self.to.registry {
            scopes.push(Scope::pull(&self.from));
        }
        scopes
    }

    fn request(&mut self) -> Outgoing {
        let call = match &self.state {
            MountState::Checking => blobs::head(&self.to, &self.digest),
            MountState::Mounting => uploads::mount(&self.to, &self.digest, Some(&self.from)),
            MountState::Cancelling(location) => uploads::cancel(location),
        };
        Outgoing::new(call, Take::Nothing)
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        let success = response.status().is_success();
        match &self.state {
            MountState::Checking if success => Step::done(BlobCopy::Present),
            MountState::Checking if self.from.registry == self.to.registry => {
                self.state = MountState::Mounting;
                Step::Next
            }
            MountState::Mounting if success => self.mounted(&response),
            MountState::Checking | MountState::Mounting | MountState::Cancelling(_) => {
                Step::done(BlobCopy::ToBeSent)
            }
        }
    }
}
