//! Where credentials are kept, in the order in which the places are asked.

use std::path::PathBuf;
use std::sync::Arc;

use zeroize::Zeroizing;

use super::file::{AuthFile, Format};
use crate::environment::Environment;
use crate::error::Result;

/// A file that may hold credentials.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) path: PathBuf,
    pub(super) format: Format,
    /// What is in it, where somebody else has read it.
    pub(super) content: Option<Arc<Zeroizing<Vec<u8>>>>,
}

impl Place {
    pub(super) fn auths(path: PathBuf) -> Self {
        Self {
            path,
            format: Format::Auths,
            content: None,
        }
    }

    /// A file that was read already; its name tells the format.
    pub(super) fn read_before(path: PathBuf, content: Vec<u8>) -> Self {
        let legacy = path.file_name().is_some_and(|name| name == ".dockercfg");
        Self {
            path,
            format: if legacy {
                Format::Legacy
            } else {
                Format::Auths
            },
            content: Some(Arc::new(Zeroizing::new(content))),
        }
    }

    /// What it says now; `None` when there is no such file. What was read by somebody else
    /// names no helpers: they would run as whoever reads now, who has no secrets of theirs.
    pub(super) fn file(&self) -> Result<Option<AuthFile>> {
        match &self.content {
            Some(content) => {
                let file = AuthFile::parse(&self.path, content, self.format)?;
                Ok(Some(file.without_helpers()))
            }
            None => AuthFile::read(&self.path, self.format),
        }
    }
}

/// The usual places, as containers-auth.json(5) has them: `$REGISTRY_AUTH_FILE` alone
/// when it is set; otherwise `auth.json` of the run-time and the configuration
/// directory, Docker's `config.json`, and `.dockercfg`.
pub(super) fn usual(environment: &Environment) -> Vec<Place> {
    if let Some(path) = environment.path("REGISTRY_AUTH_FILE") {
        return vec![Place::auths(path)];
    }
    let mut places = Vec::new();
    let containers = |dir: PathBuf| Place::auths(dir.join("containers/auth.json"));
    places.extend(environment.runtime_dir().map(containers));
    places.extend(environment.config_home().map(containers));
    let docker = environment
        .path("DOCKER_CONFIG")
        .or_else(|| Some(environment.home()?.join(".docker")));
    places.extend(docker.map(|dir| Place::auths(dir.join("config.json"))));
    places.extend(environment.home().map(|home| Place {
        path: home.join(".dockercfg"),
        format: Format::Legacy,
        content: None,
    }));
    places
}

/// Where a login is written: the first place that exists already, so that it is found
/// before anything else, or a new `auth.json` that survives a restart.
pub(super) fn to_write(places: &[Place], environment: &Environment) -> Option<PathBuf> {
    let mut candidates =
        (places.iter()).filter(|place| place.content.is_none() && place.format == Format::Auths);
    let existing = candidates.clone().find(|place| place.path.is_file());
    if let Some(place) = existing {
        return Some(place.path.clone());
    }
    let lasting = environment
        .config_home()
        .map(|dir| dir.join("containers/auth.json"));
    if places
        .iter()
        .any(|place| Some(&place.path) == lasting.as_ref())
    {
        return lasting;
    }
    candidates.next().map(|place| place.path.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn paths(environment: &Environment) -> Vec<String> {
        usual(environment)
            .iter()
            .map(|place| place.path.display().to_string())
            .collect()
    }

    #[test]
    fn places_are_asked_in_the_order_of_the_manual_page() {
        let environment = Environment::empty("/")
            .set("HOME", "/home/me")
            .set("XDG_RUNTIME_DIR", "/run/user/1");
        assert_eq!(
            paths(&environment),
            [
                "/run/user/1/containers/auth.json",
                "/home/me/.config/containers/auth.json",
                "/home/me/.docker/config.json",
                "/home/me/.dockercfg",
            ]
        );
        let environment = environment.set("DOCKER_CONFIG", "/docker");
        assert!(paths(&environment).contains(&"/docker/config.json".to_owned()));
        let environment = environment.set("REGISTRY_AUTH_FILE", "/only.json");
        assert_eq!(paths(&environment), ["/only.json"]);
    }

    #[test]
    fn a_login_goes_to_the_first_existing_file_or_a_lasting_one() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::empty("/")
            .set("HOME", dir.path())
            .set("XDG_RUNTIME_DIR", dir.path().join("run"));
        let places = usual(&environment);
        assert_eq!(
            to_write(&places, &environment),
            Some(dir.path().join(".config/containers/auth.json"))
        );
        let docker = dir.path().join(".docker/config.json");
        std::fs::create_dir_all(docker.parent().unwrap()).unwrap();
        std::fs::write(&docker, "{}").unwrap();
        assert_eq!(to_write(&places, &environment), Some(docker));
    }
}
