//! Credentials from environment variables, for pipelines.
//!
//! `OCIREPO_REGISTRY` says whom they are for: a registry (`ghcr.io`) or a namespace of
//! one (`ghcr.io/me`). Without it the other variables are an error, for they would go
//! to whichever registry asks. `OCIREPO_USERNAME` and `OCIREPO_PASSWORD` log in by
//! password; `OCIREPO_TOKEN` is a bearer token that is sent as it is.

use ocirepo::auth::credentials::{Credentials, Secret};

use super::file::aliases;
use crate::environment::Environment;
use crate::error::{Error, Result};

const REGISTRY: &str = "OCIREPO_REGISTRY";
const USERNAME: &str = "OCIREPO_USERNAME";
const PASSWORD: &str = "OCIREPO_PASSWORD";
const TOKEN: &str = "OCIREPO_TOKEN";

/// The registry or namespace that the variables are for, and what they say.
#[derive(Debug)]
pub(super) struct Variables {
    scope: String,
    credentials: Credentials,
}

impl Variables {
    pub(super) fn read(environment: &Environment) -> Result<Option<Self>> {
        let (username, password) = (environment.var(USERNAME), environment.var(PASSWORD));
        let credentials = match (environment.var(TOKEN), username, password) {
            (None, None, None) => return Ok(None),
            (Some(token), None, None) => Credentials::Bearer(Secret::new(token)),
            (None, Some(username), Some(password)) => Credentials::basic(username, password),
            (Some(_), ..) => {
                return Err(Error::config(
                    TOKEN,
                    format!("set it, or {USERNAME} and {PASSWORD}, but not both"),
                ));
            }
            (None, Some(_), None) => {
                return Err(Error::config(
                    USERNAME,
                    format!("is set without {PASSWORD}; set both"),
                ));
            }
            (None, None, Some(_)) => {
                return Err(Error::config(
                    PASSWORD,
                    format!("is set without {USERNAME}; set both"),
                ));
            }
        };
        let Some(scope) = environment.var(REGISTRY) else {
            return Err(Error::config(
                REGISTRY,
                "is not set, so it is not known which registry may get the credentials in the \
                 environment; set it to a registry (`ghcr.io`) or to a namespace of one \
                 (`ghcr.io/me`)",
            ));
        };
        Ok(Some(Self {
            scope: scope.trim_end_matches('/').to_owned(),
            credentials,
        }))
    }

    /// The namespace the variables are limited to, with its registry.
    pub(super) fn namespace(&self) -> Option<&str> {
        Some(self.scope.as_str()).filter(|scope| scope.contains('/'))
    }

    pub(super) fn credentials(&self, registry: &str, path: Option<&str>) -> Option<&Credentials> {
        let covered = aliases(registry).into_iter().any(|registry| {
            let Some(rest) = self.scope.strip_prefix(registry) else {
                return false;
            };
            match (rest.strip_prefix('/'), path) {
                (None, _) => rest.is_empty(),
                (Some(namespace), Some(path)) => path
                    .strip_prefix(namespace)
                    .is_some_and(|rest| rest.is_empty() || rest.starts_with('/')),
                (Some(_), None) => false,
            }
        });
        covered.then_some(&self.credentials)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn environment() -> Environment {
        Environment::empty("/")
            .set(USERNAME, "me")
            .set(PASSWORD, "hunter2")
    }

    #[test]
    fn variables_go_to_the_named_registry_or_namespace_only() {
        let whole = Variables::read(&environment().set(REGISTRY, "ghcr.io"))
            .unwrap()
            .unwrap();
        assert!(whole.credentials("ghcr.io", Some("me/repo")).is_some());
        assert!(whole.credentials("ghcr.io", None).is_some());
        assert!(whole.credentials("ghcr.io.evil", None).is_none());
        assert!(whole.credentials("quay.io", None).is_none());

        let part = Variables::read(&environment().set(REGISTRY, "ghcr.io/me"))
            .unwrap()
            .unwrap();
        assert!(part.credentials("ghcr.io", Some("me/repo")).is_some());
        assert!(part.credentials("ghcr.io", Some("meme/repo")).is_none());
        assert!(part.credentials("ghcr.io", None).is_none());
    }

    #[test]
    fn half_a_login_and_a_login_for_nobody_are_errors() {
        for (environment, expected) in [
            (environment(), "OCIREPO_REGISTRY: is not set"),
            (
                environment().set(TOKEN, "t").set(REGISTRY, "r"),
                "but not both",
            ),
            (
                Environment::empty("/").set(USERNAME, "me"),
                "without OCIREPO_PASSWORD",
            ),
            (
                Environment::empty("/").set(PASSWORD, "p"),
                "without OCIREPO_USERNAME",
            ),
        ] {
            let error = Variables::read(&environment).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
