//! List the manifests that refer to another.
//!
//! ```text
//! Asking --200, next page--> Asking
//! Asking --200, last page--> done
//! Asking --404--> Falling                the registry has no referrers API
//! Falling --200--> done                  the list is an index under a tag
//! Falling --404--> done, empty
//! ```

use super::list::Pages;
use super::{Env, Machine, Outgoing, Response, Step, Take};
use crate::auth::scope::Scope;
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::endpoint::{Page, manifests, referrers};
use crate::error::{Error, ErrorKind};
use crate::reference::{Registry, Repository, Selector};

#[derive(Debug)]
pub(crate) struct ListReferrers {
    repository: Repository,
    subject: Digest,
    artifact_type: Option<String>,
    page_cap: u64,
    state: State,
}

#[derive(Debug)]
enum State {
    Asking(Pages<Descriptor>),
    Falling,
}

impl ListReferrers {
    pub(crate) fn new(
        repository: Repository,
        subject: Digest,
        artifact_type: Option<String>,
        page_cap: u64,
    ) -> Self {
        Self {
            repository,
            subject,
            artifact_type,
            page_cap,
            state: State::Asking(Pages::default()),
        }
    }

    /// Registries may leave the filtering to us, and the tag schema does.
    fn filtered(&self, mut referrers: Vec<Descriptor>) -> Step {
        if let Some(wanted) = &self.artifact_type {
            referrers.retain(|r| r.artifact_type.as_ref() == Some(wanted));
        }
        Step::done(referrers)
    }
}

impl Machine for ListReferrers {
    fn doing(&self) -> String {
        format!("list referrers of {}@{}", self.repository, self.subject)
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        let call = match &self.state {
            State::Asking(pages) => pages.next().unwrap_or_else(|| {
                referrers::list(
                    &self.repository,
                    &self.subject,
                    self.artifact_type.as_deref(),
                )
            }),
            State::Falling => {
                let tag = referrers::fallback_tag(&self.subject);
                manifests::get(&self.repository, &Selector::Tag(tag))
            }
        };
        Outgoing::new(call, Take::Collect { cap: self.page_cap })
    }

    fn response(&mut self, response: Response, env: &Env<'_>) -> Step {
        let status = response.status();
        match &mut self.state {
            State::Asking(pages) if status.is_success() => {
                let more = referrers::page(&response.head, &response.body, &response.url).and_then(
                    |page| {
                        let page = Page {
                            items: page.items,
                            next: page.next,
                        };
                        pages.add(page, env.limits.entries)
                    },
                );
                match more {
                    Ok(true) => Step::Next,
                    Ok(false) => {
                        let all = pages.take();
                        self.filtered(all)
                    }
                    Err(error) => Step::fail(error),
                }
            }
            State::Asking(_) if matches!(status.as_u16(), 404 | 405 | 501) => {
                self.state = State::Falling;
                Step::Next
            }
            State::Falling if status.is_success() => {
                let tag = Selector::Tag(referrers::fallback_tag(&self.subject));
                match manifests::received(&response.head, response.body, &tag) {
                    Ok(manifest) if manifest.as_index().is_some() => {
                        self.filtered(manifest.children().to_vec())
                    }
                    Ok(_) => Step::fail(Error::new(
                        ErrorKind::InvalidResponse,
                        format!("the tag {tag} is not the list of referrers that it should be"),
                    )),
                    Err(error) => Step::fail(error),
                }
            }
            State::Falling if status.as_u16() == 404 => Step::done(Vec::<Descriptor>::new()),
            State::Asking(_) | State::Falling => Step::fail(response.failure()),
        }
    }
}
