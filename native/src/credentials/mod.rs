//! Who one is: Docker's and Podman's credential files, credential helpers, and the
//! environment.
//!
//! [`CredentialStore::find`] asks, in this order:
//!
//! 1. the variables `OCIREPO_REGISTRY`, `OCIREPO_USERNAME`, `OCIREPO_PASSWORD` and
//!    `OCIREPO_TOKEN`;
//! 2. each file of containers-auth.json(5): `$REGISTRY_AUTH_FILE` alone when it is set,
//!    otherwise `$XDG_RUNTIME_DIR/containers/auth.json`,
//!    `$XDG_CONFIG_HOME/containers/auth.json`, Docker's `config.json` and `.dockercfg`.
//!    In each file: the helper that `credHelpers` names for the registry, the longest
//!    key of `auths` that covers the repository, the helper of `credsStore`.
//!
//! Files are read anew for each search, so that a login takes effect at once.

mod file;
mod helper;
mod login;
mod places;
mod variables;
mod write;

#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::time::Duration;

use ocirepo::auth::credentials::Credentials;

use self::file::{AuthFile, server};
use self::helper::Helper;
use self::places::Place;
use self::variables::Variables;
use crate::environment::Environment;
use crate::error::{Error, Result};

/// How long a helper may take: it may have to ask a person.
const PATIENCE: Duration = Duration::from_secs(120);

/// Finds, keeps and forgets credentials.
#[derive(Clone, Debug)]
pub struct CredentialStore {
    environment: Environment,
    places: Vec<Place>,
    patience: Duration,
}

/// Credentials, and where they were found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The credentials.
    pub credentials: Credentials,
    /// A file, a helper program, or the environment, in words for people.
    pub place: String,
}

impl CredentialStore {
    /// The store of whoever owns the environment.
    pub fn new(environment: Environment) -> Self {
        Self {
            places: places::usual(&environment),
            environment,
            patience: PATIENCE,
        }
    }

    /// Reads and writes one file alone, and the environment's variables before it.
    pub fn with_file(environment: Environment, path: PathBuf) -> Self {
        Self {
            places: vec![Place::auths(path)],
            environment,
            patience: PATIENCE,
        }
    }

    /// Reads what somebody else found in their files, each given with its path, in this
    /// order. Nothing is written, no variable counts, and helpers that the files name are
    /// not asked. For programs that do not parse files of secrets themselves but hand them
    /// to one with fewer rights.
    pub fn with_contents(contents: impl IntoIterator<Item = (PathBuf, Vec<u8>)>) -> Self {
        let places = contents
            .into_iter()
            .map(|(path, content)| Place::read_before(path, content));
        Self {
            environment: Environment::empty(PathBuf::new()),
            places: places.collect(),
            patience: PATIENCE,
        }
    }

    /// Sets how long a helper may take.
    pub fn helper_patience(mut self, patience: Duration) -> Self {
        self.patience = patience;
        self
    }

    /// Finds credentials for a registry (`ghcr.io`, `127.0.0.1:5000`), for the
    /// repository of that path when one is given.
    ///
    /// # Errors
    /// When a file or variable is damaged, or a helper fails. A place that has nothing
    /// is no error.
    pub async fn find(&self, registry: &str, path: Option<&str>) -> Result<Option<Found>> {
        if let Some(variables) = Variables::read(&self.environment)?
            && let Some(credentials) = variables.credentials(registry, path)
        {
            return Ok(Some(Found {
                credentials: credentials.clone(),
                place: "the environment".to_owned(),
            }));
        }
        for place in &self.places {
            let Some(file) = place.file()? else {
                continue;
            };
            if let Some(name) = file.helper(registry)
                && let Some(found) = self.ask(name, registry).await?
            {
                return Ok(Some(found));
            }
            if let Some(credentials) = file.login(registry, path)? {
                return Ok(Some(Found {
                    credentials,
                    place: place.path.display().to_string(),
                }));
            }
            if let Some(name) = file.store()
                && let Some(found) = self.ask(name, registry).await?
            {
                return Ok(Some(found));
            }
        }
        Ok(None)
    }

    /// The registries' namespaces that have credentials of their own, such as
    /// `ghcr.io/me`. Files that cannot be read are passed over: [`Self::find`] reports
    /// them.
    pub fn namespaces(&self) -> Vec<String> {
        let mut namespaces = Vec::new();
        if let Ok(Some(variables)) = Variables::read(&self.environment) {
            namespaces.extend(variables.namespace().map(str::to_owned));
        }
        for place in &self.places {
            if let Ok(Some(file)) = place.file() {
                namespaces.extend(file.namespaces().map(str::to_owned));
            }
        }
        namespaces
    }

    /// Keeps credentials for a registry or a namespace of one (`ghcr.io/me`). Returns
    /// where: the helper that the file names, or the file itself, replaced in one step
    /// and readable by its owner alone.
    ///
    /// # Errors
    /// When there is no place to write to, or writing fails; the file is then as it was.
    pub async fn login(&self, key: &str, credentials: &Credentials) -> Result<String> {
        let Some(path) = places::to_write(&self.places, &self.environment) else {
            return Err(Error::config(
                "HOME",
                "is not set, so there is no place to keep credentials in; set it or \
                 REGISTRY_AUTH_FILE",
            ));
        };
        let file = AuthFile::read(&path, file::Format::Auths)?.unwrap_or_default();
        let helper = file.helper(key).or_else(|| file.store());
        // Helpers know registries only, and cannot hold every kind of secret.
        let for_helper = !key.contains('/') && !matches!(credentials, Credentials::Bearer(_));
        if let Some(name) = helper.filter(|_| for_helper) {
            let helper = Helper::find(name, &self.environment, self.patience)?;
            helper.store(server(key), credentials).await?;
            return Ok(format!("docker-credential-{name}"));
        }
        write::put(&path, key, credentials)?;
        Ok(path.display().to_string())
    }

    /// Forgets a registry or namespace everywhere. Returns the places that knew it.
    ///
    /// # Errors
    /// When a file cannot be changed or a helper fails.
    pub async fn logout(&self, key: &str) -> Result<Vec<String>> {
        let mut forgotten = Vec::new();
        for place in &self.places {
            let Some(file) = place.file()? else {
                continue;
            };
            for name in [file.helper(key), file.store()].into_iter().flatten() {
                let helper = Helper::find(name, &self.environment, self.patience)?;
                if helper.get(server(key)).await?.is_some() && helper.erase(server(key)).await? {
                    forgotten.push(format!("docker-credential-{name}"));
                }
            }
            if place.content.is_none()
                && place.format == file::Format::Auths
                && write::remove(&place.path, key)?
            {
                forgotten.push(place.path.display().to_string());
            }
        }
        Ok(forgotten)
    }

    /// Helpers keep Docker Hub under Docker's address, or Podman's name for it.
    async fn ask(&self, name: &str, registry: &str) -> Result<Option<Found>> {
        let helper = Helper::find(name, &self.environment, self.patience)?;
        let mut servers = vec![server(registry)];
        if server(registry) != registry {
            servers.push("docker.io");
        }
        for server in servers {
            if let Some(credentials) = helper.get(server).await? {
                return Ok(Some(Found {
                    credentials,
                    place: format!("docker-credential-{name}"),
                }));
            }
        }
        Ok(None)
    }
}
