//! Delete a tag, a manifest or a blob.
//!
//! ```text
//! Deleting --202, or 404 after an answer was lost--> done
//! ```

use http::StatusCode;

use super::{Env, Machine, Outgoing, Response, Step, Take, named};
use crate::auth::scope::Scope;
use crate::endpoint::{blobs, manifests};
use crate::operation::exists::What;
use crate::reference::{Registry, Repository};
use crate::sink::BlobSink;

#[derive(Debug)]
pub(crate) struct Delete {
    repository: Repository,
    what: What,
    /// An earlier request may have been carried out.
    asked: bool,
}

impl Delete {
    pub(crate) fn new(repository: Repository, what: What) -> Self {
        Self {
            repository,
            what,
            asked: false,
        }
    }
}

impl Machine for Delete {
    fn doing(&self) -> String {
        match &self.what {
            What::Blob(digest) => format!("delete blob {}@{digest}", self.repository),
            What::Manifest(selector) => {
                format!("delete {}", named(&self.repository, selector))
            }
        }
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::delete(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        let call = match &self.what {
            What::Blob(digest) => blobs::delete(&self.repository, digest),
            What::Manifest(selector) => manifests::delete(&self.repository, selector),
        };
        Outgoing::new(call, Take::Nothing)
    }

    fn response(&mut self, response: Response, _: &Env<'_>) -> Step {
        let gone = self.asked && response.status() == StatusCode::NOT_FOUND;
        if response.status().is_success() || gone {
            return Step::done(());
        }
        Step::fail(response.failure())
    }

    fn interrupted(&mut self, _: Option<BlobSink>) -> Step {
        self.asked = true;
        Step::Next
    }
}
