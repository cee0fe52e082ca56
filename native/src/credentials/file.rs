//! One file with credentials: Docker's `config.json`, containers' `auth.json`, or the
//! `.dockercfg` of old.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use ocirepo::auth::credentials::{Credentials, Secret};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use zeroize::Zeroizing;

use super::login::from_auth;
use crate::error::{Error, Result};

/// The names Docker Hub goes by. They are one registry.
const HUB: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// The server address under which Docker keeps credentials of Docker Hub.
const HUB_SERVER: &str = "https://index.docker.io/v1/";

/// Which of the two formats a file is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// `config.json` and `auth.json`: entries below `auths`, helpers beside it.
    Auths,
    /// `.dockercfg`: nothing but entries, never for a namespace.
    Legacy,
}

/// The parts of a file that say who one is.
#[derive(Debug, Default, Deserialize)]
pub(super) struct AuthFile {
    #[serde(default, deserialize_with = "nullable")]
    auths: BTreeMap<String, Option<Entry>>,
    #[serde(default, rename = "credHelpers", deserialize_with = "nullable")]
    helpers: BTreeMap<String, String>,
    #[serde(default, rename = "credsStore", deserialize_with = "nullable")]
    store: String,
    #[serde(skip)]
    path: PathBuf,
}

#[derive(Debug, Default, Deserialize)]
#[serde(default)]
struct Entry {
    auth: Option<Secret>,
    username: Option<String>,
    password: Option<Secret>,
    identitytoken: Option<Secret>,
    registrytoken: Option<Secret>,
}

/// Go writes `null` for empty maps and strings.
fn nullable<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: serde::Deserializer<'de>,
    T: DeserializeOwned + Default,
{
    Ok(Option::<T>::deserialize(deserializer)?.unwrap_or_default())
}

impl AuthFile {
    /// Reads a file; `None` when there is none.
    pub(super) fn read(path: &Path, format: Format) -> Result<Option<Self>> {
        let bytes = match std::fs::read(path) {
            Ok(bytes) => Zeroizing::new(bytes),
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::NotADirectory
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(Error::io("read credentials from", path, error)),
        };
        Self::parse(path, &bytes, format).map(Some)
    }

    /// Reads the content of a file; the path is for messages.
    pub(super) fn parse(path: &Path, bytes: &[u8], format: Format) -> Result<Self> {
        if bytes.trim_ascii().is_empty() {
            return Ok(Self::default());
        }
        let parsed = match format {
            Format::Auths => serde_json::from_slice::<Self>(bytes),
            Format::Legacy => serde_json::from_slice(bytes).map(|auths| Self {
                auths,
                ..Self::default()
            }),
        };
        let mut file = parsed.map_err(|error| Error::Config {
            place: path.to_owned(),
            line: Some(error.line()),
            // The parser's own words may quote a secret.
            message: "not a JSON file of credentials as Docker and Podman write it; \
                      mend it, or move it away and log in again"
                .to_owned(),
        })?;
        file.path = path.to_owned();
        Ok(file)
    }

    /// The same with nothing but what it holds itself.
    pub(super) fn without_helpers(mut self) -> Self {
        self.helpers.clear();
        self.store.clear();
        self
    }

    /// The name of the helper that this file sets aside for one registry.
    pub(super) fn helper(&self, registry: &str) -> Option<&str> {
        aliases(registry)
            .into_iter()
            .find_map(|name| self.helpers.get(name))
            .or_else(|| self.helpers.get(server(registry)))
            .map(String::as_str)
            .filter(|name| !name.is_empty())
    }

    /// The name of the helper that keeps everything else.
    pub(super) fn store(&self) -> Option<&str> {
        Some(self.store.as_str()).filter(|name| !name.is_empty())
    }

    /// The entry for a repository: the longest key that is the registry with the
    /// repository's path or one of its parents, then the registry, then the registry
    /// as the URLs that `docker login` once accepted.
    pub(super) fn login(&self, registry: &str, path: Option<&str>) -> Result<Option<Credentials>> {
        for registry in aliases(registry) {
            for key in keys(registry, path) {
                if let Some(login) = self.decode(&key)? {
                    return Ok(Some(login));
                }
            }
        }
        for key in self.auths.keys() {
            if is_url_of(key, registry)
                && let Some(login) = self.decode(key)?
            {
                return Ok(Some(login));
            }
        }
        Ok(None)
    }

    /// The keys that are for a namespace of a registry and not for all of it.
    pub(super) fn namespaces(&self) -> impl Iterator<Item = &str> {
        self.auths
            .keys()
            .map(String::as_str)
            .filter(|key| key.contains('/') && !key.contains("://"))
    }

    fn decode(&self, key: &str) -> Result<Option<Credentials>> {
        let Some(Some(entry)) = self.auths.get(key) else {
            return Ok(None);
        };
        let filled = |secret: &Option<Secret>| secret.clone().filter(|s| !s.expose().is_empty());
        if let Some(token) = filled(&entry.registrytoken) {
            return Ok(Some(Credentials::Bearer(token)));
        }
        let basic = match filled(&entry.auth) {
            Some(auth) => from_auth(auth.expose()),
            None => Some(Credentials::basic(
                entry.username.clone().unwrap_or_default(),
                entry.password.clone().unwrap_or_else(|| Secret::new("")),
            )),
        };
        if let Some(token) = filled(&entry.identitytoken) {
            let username = basic.as_ref().and_then(Credentials::username);
            return Ok(Some(Credentials::IdentityToken {
                token,
                username: username.filter(|name| !name.is_empty()).map(str::to_owned),
            }));
        }
        match basic {
            // `docker login` leaves `{}` here when a helper keeps the secret.
            Some(Credentials::Basic { username, password })
                if username.is_empty() && password.expose().is_empty() =>
            {
                Ok(None)
            }
            Some(credentials) => Ok(Some(credentials)),
            None => Err(Error::config(
                &self.path,
                format!("`auth` of `{key}` is not base64 of USER:PASSWORD; log in again"),
            )),
        }
    }
}

/// The address helpers know a registry by.
pub(super) fn server(registry: &str) -> &str {
    if HUB.contains(&registry) {
        HUB_SERVER
    } else {
        registry
    }
}

/// The registry's own name, or all of them if it is Docker Hub.
pub(super) fn aliases(registry: &str) -> Vec<&str> {
    if HUB.contains(&registry) {
        HUB.to_vec()
    } else {
        vec![registry]
    }
}

/// `r/a/b`, `r/a`, `r` for registry `r` and path `a/b`.
fn keys(registry: &str, path: Option<&str>) -> Vec<String> {
    let mut keys = Vec::new();
    let mut path = path.filter(|path| !path.is_empty());
    while let Some(namespace) = path {
        keys.push(format!("{registry}/{namespace}"));
        path = namespace.rsplit_once('/').map(|(parent, _)| parent);
    }
    keys.push(registry.to_owned());
    keys
}

/// Whether a key is a URL of the registry, such as `https://index.docker.io/v1/`.
pub(super) fn is_url_of(key: &str, registry: &str) -> bool {
    let key = key
        .strip_prefix("https://")
        .or_else(|| key.strip_prefix("http://"));
    let host = key.and_then(|key| key.split('/').next());
    host.is_some_and(|host| aliases(registry).contains(&host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(json: &str) -> AuthFile {
        serde_json::from_str(json).unwrap()
    }

    fn user(credentials: Option<Credentials>) -> Option<String> {
        credentials?.username().map(str::to_owned)
    }

    // base64 of "root:p", "team:p", "repo:p"
    const NAMESPACES: &str = r#"{"auths": {
        "reg.example": {"auth": "cm9vdDpw"},
        "reg.example/team": {"auth": "dGVhbTpw"},
        "reg.example/team/repo": {"auth": "cmVwbzpw"}
    }}"#;

    #[test]
    fn the_longest_key_that_covers_the_repository_wins() {
        let file = parse(NAMESPACES);
        for (path, expected) in [
            (Some("team/repo"), "repo"),
            (Some("team/repo/deep"), "repo"),
            (Some("team/repository"), "team"),
            (Some("teams"), "root"),
            (None, "root"),
        ] {
            let login = file.login("reg.example", path).unwrap();
            assert_eq!(user(login).as_deref(), Some(expected), "{path:?}");
        }
        assert_eq!(file.login("reg.example:5000", None).unwrap(), None);
        assert_eq!(file.namespaces().count(), 2);
    }

    #[test]
    fn docker_hub_is_found_under_all_its_names() {
        for key in [
            "https://index.docker.io/v1/",
            "docker.io",
            "index.docker.io",
            "http://index.docker.io",
        ] {
            let file = parse(&format!(
                r#"{{"auths": {{"{key}": {{"auth": "cm9vdDpw"}}}}}}"#
            ));
            let login = file.login("docker.io", Some("library/x")).unwrap();
            assert_eq!(user(login).as_deref(), Some("root"), "{key}");
        }
        assert!(!is_url_of("https://docker.io.evil.example/", "docker.io"));
    }

    #[test]
    fn tokens_come_before_passwords_and_empty_entries_are_nothing() {
        let file = parse(
            r#"{"auths": {
                "a": {"auth": "cm9vdDpw", "identitytoken": "refresh"},
                "b": {"registrytoken": "bearer", "auth": null},
                "c": {},
                "d": null,
                "e": {"username": "root", "password": "p"}
            }, "credHelpers": null, "credsStore": null, "HttpHeaders": {"x": 1}}"#,
        );
        assert_eq!(
            file.login("a", None).unwrap(),
            Some(Credentials::IdentityToken {
                token: Secret::new("refresh"),
                username: Some("root".into()),
            })
        );
        assert_eq!(
            file.login("b", None).unwrap(),
            Some(Credentials::Bearer(Secret::new("bearer")))
        );
        assert_eq!(file.login("c", None).unwrap(), None);
        assert_eq!(file.login("d", None).unwrap(), None);
        assert_eq!(
            user(file.login("e", None).unwrap()).as_deref(),
            Some("root")
        );
    }

    #[test]
    fn a_damaged_file_is_an_error_with_its_line_and_without_its_content() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, "{\n\"auths\": {\"a\": {\"auth\": [\"c2VjcmV0\"]}}}").unwrap();
        let error = AuthFile::read(&path, Format::Auths)
            .unwrap_err()
            .to_string();
        assert!(error.contains("config.json:2: not a JSON file"), "{error}");
        assert!(!error.contains("c2VjcmV0"), "{error}");
        assert!(
            AuthFile::read(&dir.path().join("none"), Format::Auths)
                .unwrap()
                .is_none()
        );
    }

    #[test]
    fn the_old_format_has_entries_at_the_top() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join(".dockercfg");
        std::fs::write(
            &path,
            r#"{"https://index.docker.io/v1/": {"auth": "cm9vdDpw", "email": "x@y"}}"#,
        )
        .unwrap();
        let file = AuthFile::read(&path, Format::Legacy).unwrap().unwrap();
        assert!(file.login("docker.io", None).unwrap().is_some());
    }
}
