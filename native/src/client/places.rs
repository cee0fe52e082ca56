//! Mirrors and locations from `registries.conf`.

use ocirepo::operation::{Operation, Outcome};
use ocirepo::reference::{Registry, Repository, Scheme};
use ocirepo::{ErrorKind, Session};

use super::Client;
use crate::config::{By, Endpoint};
use crate::driver::Job;
use crate::error::{Error, Result};

impl Client {
    /// Reads from the mirrors of a repository in turn, then from the repository itself.
    /// The error is that of the last place.
    pub(super) async fn read<T, F>(
        &self,
        repository: &Repository,
        by: By,
        attempt: impl Fn(Repository) -> F,
    ) -> Result<T>
    where
        F: Future<Output = Result<T>>,
    {
        let (authority, name) = (repository.registry.authority(), repository.name());
        let endpoints = self.inner.registries.read_from(authority, name, by)?;
        let mut last = None;
        for endpoint in endpoints {
            for place in self.places(repository, &endpoint)? {
                match attempt(place.clone()).await {
                    Err(error) if another_may_do_better(&error) => {
                        tracing::debug!(%place, %error, "could not read here");
                        last = Some(error);
                    }
                    result => return result,
                }
            }
        }
        Err(last.unwrap_or_else(|| Error::Setup(format!("{repository} has no place to be at"))))
    }

    /// Runs one operation at the repository's own place, without its mirrors.
    pub(super) async fn at_home<T: Outcome>(
        &self,
        repository: &Repository,
        start: impl FnOnce(&mut Session, &Repository) -> Operation<T>,
    ) -> Result<T> {
        let place = self.own_place(repository)?;
        let driver = self.driver(&place);
        driver.run(Job::default(), |s| start(s, &place)).await
    }

    /// Where a repository is itself, without its mirrors.
    pub(super) fn own_place(&self, repository: &Repository) -> Result<Repository> {
        let (authority, name) = (repository.registry.authority(), repository.name());
        let endpoint = self.inner.registries.write_to(authority, name)?;
        let places = self.places(repository, &endpoint)?;
        Ok(places.into_iter().next().unwrap_or(repository.clone()))
    }

    /// The repositories an endpoint stands for. An insecure one is asked over TLS that
    /// need not be verified, and then over plain HTTP.
    fn places(&self, asked: &Repository, endpoint: &Endpoint) -> Result<Vec<Repository>> {
        let same = format!("{}/{}", asked.registry.authority(), asked.name());
        let place = if endpoint.repository == same {
            asked.clone()
        } else {
            parse(&endpoint.repository)?
        };
        let mut places = vec![place.clone()];
        if endpoint.insecure && place.registry.scheme() == Scheme::Https {
            self.inner.http.allow_insecure(place.registry.authority());
            let plain = place.registry.clone().with_scheme(Scheme::Http);
            let plain = Repository::new(plain, place.name());
            places.push(plain.map_err(|error| invalid(&endpoint.repository, error))?);
        }
        Ok(places)
    }
}

/// What went wrong on this side goes wrong everywhere.
fn another_may_do_better(error: &Error) -> bool {
    !matches!(
        error.kind(),
        None | Some(ErrorKind::Local | ErrorKind::Cancelled)
    )
}

fn parse(text: &str) -> Result<Repository> {
    let (authority, name) = text
        .split_once('/')
        .ok_or_else(|| invalid(text, "a registry alone is no repository"))?;
    let registry =
        Registry::with_default_scheme(authority).map_err(|error| invalid(text, error))?;
    Repository::new(registry, name).map_err(|error| invalid(text, error))
}

fn invalid(text: &str, error: impl std::fmt::Display) -> Error {
    Error::config(
        "registries.conf",
        format!("leads to `{text}`, which is no repository: {error}; correct its `location`"),
    )
}
