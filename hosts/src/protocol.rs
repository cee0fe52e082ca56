//! What a host is told and what it answers: the lines of `tests/hosts/README.md`, for
//! hosts in Rust.
//!
//! [`Batch::read`] reads what is to be done. A host that drives a
//! [`Session`](ocirepo::Session) starts each [`Job`] with [`Job::start`]; any other one looks
//! at [`Job::ask`] itself. [`answers`] says how results are written.

pub mod answers;
mod ask;
mod start;

use std::collections::BTreeMap;
use std::io::{self, BufRead};
use std::path::PathBuf;
use std::time::Duration;

use ocirepo::auth::credentials::{Credentials, Secret};
use ocirepo::reference::Registry;
use ocirepo::session::Config;
use url::Url;

pub use ask::{Ask, Job};
pub use start::Running;

/// What a host is to do in one session.
#[derive(Debug)]
pub struct Batch {
    /// How.
    pub settings: Settings,
    /// What, side by side.
    pub jobs: Vec<Job>,
}

/// What holds for a batch.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The settings of the session.
    pub session: Config,
    /// How long the next bytes of a body may take.
    pub stall: Duration,
    /// A PEM file of the authorities to trust.
    pub authorities: Option<PathBuf>,
    /// Credentials by the registry's `HOST:PORT`.
    pub logins: BTreeMap<String, Credentials>,
    /// Token servers that may be shown credentials, as registry and origin.
    pub trusted: Vec<(String, Url)>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            session: Config::default(),
            stall: Duration::from_secs(30),
            authorities: None,
            logins: BTreeMap::new(),
            trusted: Vec::new(),
        }
    }
}

impl Settings {
    /// The answer to `Output::Credentials`.
    pub fn credentials(&self, registry: &Registry) -> Option<Credentials> {
        self.logins.get(registry.authority()).cloned()
    }

    fn line(&mut self, words: &[&str]) -> io::Result<()> {
        match *words {
            ["set", "ca", file] => self.authorities = Some(file.into()),
            ["set", name, value] => self.set(name, number(value)?)?,
            ["login", authority, user, password] => {
                let credentials = Credentials::basic(user, password);
                self.logins.insert(authority.to_owned(), credentials);
            }
            ["identity", authority, token] => {
                let credentials = Credentials::IdentityToken {
                    token: Secret::new(token),
                    username: None,
                };
                self.logins.insert(authority.to_owned(), credentials);
            }
            ["trust", registry, origin] => {
                let origin: Url = origin.parse().map_err(io::Error::other)?;
                self.session.trusted_realms.insert(registry, &origin);
                self.trusted.push((registry.to_owned(), origin));
            }
            _ => return Err(unknown(words)),
        }
        Ok(())
    }

    fn set(&mut self, name: &str, value: u64) -> io::Result<()> {
        let session = &mut self.session;
        match name {
            "concurrency" => session.concurrency = usize::try_from(value).unwrap_or(usize::MAX),
            "retries" => session.retry.retries = u32::try_from(value).unwrap_or(u32::MAX),
            "first-wait-ms" => session.retry.first_wait_ms = value,
            "longest-wait-ms" => session.retry.longest_wait_ms = value,
            "longest-retry-after-ms" => session.retry.longest_retry_after_ms = value,
            "head-timeout-ms" => session.head_timeout_ms = value,
            "stall-ms" => self.stall = Duration::from_millis(value),
            "manifest-limit" => session.limits.manifest = value,
            _ => return Err(unknown(&["set", name])),
        }
        Ok(())
    }
}

impl Batch {
    /// The next batch; `None` at the end of the input.
    ///
    /// # Errors
    /// When a line says nothing that is known.
    pub fn read(input: &mut impl BufRead) -> io::Result<Option<Self>> {
        let mut batch = Self {
            settings: Settings::default(),
            jobs: Vec::new(),
        };
        for line in input.lines() {
            let line = line?;
            let words: Vec<&str> = line.split(' ').collect();
            match words[..] {
                ["run"] => return Ok(Some(batch)),
                ["set" | "login" | "identity" | "trust", ..] => batch.settings.line(&words)?,
                _ => batch.jobs.push(Job::parse(&words)?),
            }
        }
        Ok(None)
    }
}

fn number(word: &str) -> io::Result<u64> {
    word.parse()
        .map_err(|_| io::Error::other(format!("{word} is not a number")))
}

fn unknown(words: &[&str]) -> io::Error {
    io::Error::other(format!("cannot read the line `{}`", words.join(" ")))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "these are tests")]

    use super::*;

    #[test]
    fn batches_are_read_one_by_one() {
        let text = "set retries 2\nlogin a:1 me secret\n1 tags oci+http://a:1/b\nrun\nrun\n";
        let mut input = text.as_bytes();
        let first = Batch::read(&mut input).unwrap().unwrap();
        assert_eq!(first.settings.session.retry.retries, 2);
        assert!(first.settings.logins.contains_key("a:1"));
        assert!(matches!(first.jobs[0].ask, Ask::Tags(_)));
        assert!(Batch::read(&mut input).unwrap().unwrap().jobs.is_empty());
        assert!(Batch::read(&mut input).unwrap().is_none());
    }

    #[test]
    fn what_is_not_known_is_an_error() {
        for line in ["set colour 3", "set retries many", "1 sing oci://a/b", "1"] {
            let text = format!("{line}\nrun\n");
            assert!(Batch::read(&mut text.as_bytes()).is_err(), "{line}");
        }
    }
}
