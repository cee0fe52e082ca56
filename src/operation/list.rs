//! List tags or repositories, page by page.
//!
//! ```text
//! Listing --200, next page--> Listing
//! Listing --200, last page--> done
//! ```

use http::Method;
use url::Url;

use super::{Env, Machine, Outgoing, Response, Step, Take};
use crate::auth::scope::Scope;
use crate::endpoint::{Page, catalog, tags};
use crate::error::{Error, ErrorKind};
use crate::exchange::Call;
use crate::reference::{Registry, Repository, Tag};

/// The entries of the pages read so far, and where the next page is.
#[derive(Debug)]
pub(super) struct Pages<T> {
    entries: Vec<T>,
    next: Option<Url>,
    read: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Self {
        Self {
            entries: Vec::new(),
            next: None,
            read: 0,
        }
    }
}

impl<T> Pages<T> {
    /// The next page, once the first was read.
    pub(super) fn next(&self) -> Option<Call> {
        Some(Call::new(Method::GET, self.next.clone()?))
    }

    /// Takes a page. `Ok(true)` when another one follows.
    ///
    /// Pages are bounded in number as entries are: a registry that links empty pages
    /// to each other would keep us busy for ever. A page that links to itself is told at
    /// once.
    pub(super) fn add(&mut self, page: Page<T>, limit: usize) -> Result<bool, Error> {
        if page.next.is_some() && page.next == self.next {
            return Err(Error::new(
                ErrorKind::InvalidResponse,
                "the list does not end: its next page is the page itself",
            ));
        }
        self.read += 1;
        self.entries.extend(page.items);
        if self.entries.len() > limit || self.read > limit.min(MOST_PAGES) {
            return Err(Error::new(
                ErrorKind::TooLarge,
                format!(
                    "the list is longer than the limit of {limit} entries or {MOST_PAGES} pages"
                ),
            ));
        }
        self.next = page.next;
        Ok(self.next.is_some())
    }

    pub(super) fn take(&mut self) -> Vec<T> {
        std::mem::take(&mut self.entries)
    }
}

const MOST_PAGES: usize = 10_000;

#[derive(Debug)]
pub(crate) struct ListTags {
    repository: Repository,
    page_cap: u64,
    pages: Pages<Tag>,
}

impl ListTags {
    pub(crate) fn new(repository: Repository, page_cap: u64) -> Self {
        Self {
            repository,
            page_cap,
            pages: Pages::default(),
        }
    }
}

impl Machine for ListTags {
    fn doing(&self) -> String {
        format!("list tags of {}", self.repository)
    }

    fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::pull(&self.repository)]
    }

    fn request(&mut self) -> Outgoing {
        let call = self
            .pages
            .next()
            .unwrap_or_else(|| tags::list(&self.repository, None, None));
        Outgoing::new(call, Take::Collect { cap: self.page_cap })
    }

    fn response(&mut self, response: Response, env: &Env<'_>) -> Step {
        if !response.status().is_success() {
            return Step::fail(response.failure());
        }
        let more = tags::page(&response.head, &response.body, &response.url)
            .and_then(|page| self.pages.add(page, env.limits.entries));
        match more {
            Ok(true) => Step::Next,
            Ok(false) => Step::done(self.pages.take()),
            Err(error) => Step::fail(error),
        }
    }
}

#[derive(Debug)]
pub(crate) struct ListRepositories {
    registry: Registry,
    page_cap: u64,
    pages: Pages<Repository>,
}

impl ListRepositories {
    pub(crate) fn new(registry: Registry, page_cap: u64) -> Self {
        Self {
            registry,
            page_cap,
            pages: Pages::default(),
        }
    }
}

impl Machine for ListRepositories {
    fn doing(&self) -> String {
        format!("list repositories of {}", self.registry)
    }

    fn registry(&self) -> &Registry {
        &self.registry
    }

    fn scopes(&self) -> Vec<Scope> {
        vec![Scope::catalog()]
    }

    fn request(&mut self) -> Outgoing {
        let call = self
            .pages
            .next()
            .unwrap_or_else(|| catalog::list(&self.registry, None, None));
        Outgoing::new(call, Take::Collect { cap: self.page_cap })
    }

    fn response(&mut self, response: Response, env: &Env<'_>) -> Step {
        if !response.status().is_success() {
            return Step::fail(response.failure());
        }
        let more = catalog::page(
            &response.head,
            &response.body,
            &response.url,
            &self.registry,
        )
        .and_then(|page| self.pages.add(page, env.limits.entries));
        match more {
            Ok(true) => Step::Next,
            Ok(false) => Step::done(self.pages.take()),
            Err(error) => Step::fail(error),
        }
    }
}
