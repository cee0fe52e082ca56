//! containers-certs.d(5): certificates for one registry each.

use std::path::{Path, PathBuf};

use zeroize::Zeroizing;

use super::document;
use crate::environment::Environment;
use crate::error::{Error, Result};

/// The certificates of one registry, as PEM.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Certificates {
    /// Authorities that are trusted beside those of the system, each with its file.
    pub authorities: Vec<(PathBuf, Vec<u8>)>,
    /// What to show when the registry asks who connects.
    pub client: Option<ClientCertificate>,
}

/// A client certificate with its key, as PEM.
#[derive(Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    /// The file of the certificate, for messages.
    pub path: PathBuf,
    /// The certificate, with its chain.
    pub certificate: Vec<u8>,
    /// The private key.
    pub key: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for ClientCertificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientCertificate")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl Certificates {
    /// Reads the directory for a registry (`HOST` or `HOST:PORT`): the first that exists
    /// of the user's `containers/certs.d`, `/etc/containers/certs.d` and
    /// `/etc/docker/certs.d`. `None` when there is none.
    ///
    /// # Errors
    /// When a file cannot be read, or a certificate lacks its key or the other way round.
    pub fn load(environment: &Environment, authority: &str) -> Result<Option<Self>> {
        let mut dirs = Vec::new();
        dirs.extend(
            environment
                .config_home()
                .map(|dir| dir.join("containers/certs.d")),
        );
        dirs.push(environment.system("/etc/containers/certs.d"));
        dirs.push(environment.system("/etc/docker/certs.d"));
        // An authority is a host and a port; nothing else may choose a directory.
        if authority.is_empty() || authority.starts_with('.') || authority.contains(['/', '\\']) {
            return Ok(None);
        }
        match dirs
            .into_iter()
            .map(|dir| dir.join(authority))
            .find(|dir| dir.is_dir())
        {
            Some(dir) => Self::read(&dir).map(Some),
            None => Ok(None),
        }
    }

    fn read(dir: &Path) -> Result<Self> {
        let mut found = Self::default();
        for path in document::files(dir, ".crt")? {
            let pem = read(&path)?;
            found.authorities.push((path, pem));
        }
        for path in document::files(dir, ".cert")? {
            let key = path.with_extension("key");
            if !key.is_file() {
                return Err(Error::config(
                    path,
                    "this client certificate has no key beside it; put the key there under the \
                     same name with `.key`, or name it `.crt` if it is an authority",
                ));
            }
            found.client = Some(ClientCertificate {
                certificate: read(&path)?,
                key: Zeroizing::new(read(&key)?),
                path,
            });
        }
        for path in document::files(dir, ".key")? {
            if !path.with_extension("cert").is_file() {
                return Err(Error::config(
                    path,
                    "this key has no certificate beside it; put it there under the same name \
                     with `.cert`",
                ));
            }
        }
        Ok(found)
    }
}

fn read(path: &Path) -> Result<Vec<u8>> {
    std::fs::read(path).map_err(|error| Error::io("read", path, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_has_its_authorities_and_one_client_certificate() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::empty(dir.path());
        let certs = dir.path().join("etc/docker/certs.d/reg.example:5000");
        std::fs::create_dir_all(&certs).unwrap();
        std::fs::write(certs.join("ca.crt"), "authority").unwrap();
        std::fs::write(certs.join("me.cert"), "certificate").unwrap();
        let load = |authority: &str| Certificates::load(&environment, authority);

        let error = load("reg.example:5000").unwrap_err().to_string();
        assert!(error.contains("has no key beside it"), "{error}");

        std::fs::write(certs.join("me.key"), "key").unwrap();
        let found = load("reg.example:5000").unwrap().unwrap();
        assert_eq!(found.authorities[0].1, b"authority");
        let client = found.client.unwrap();
        assert_eq!(client.certificate, b"certificate");
        assert!(
            !format!("{client:?}").contains("[107"),
            "the key is not shown"
        );

        assert_eq!(load("reg.example").unwrap(), None);
        assert_eq!(load("../docker/certs.d/reg.example:5000").unwrap(), None);
        assert_eq!(load("..").unwrap(), None);

        std::fs::remove_file(certs.join("me.cert")).unwrap();
        let error = load("reg.example:5000").unwrap_err().to_string();
        assert!(error.contains("has no certificate beside it"), "{error}");
    }

    #[test]
    fn the_users_directory_comes_before_the_systems() {
        let dir = tempfile::tempdir().unwrap();
        let environment = Environment::empty(dir.path()).set("HOME", dir.path());
        for (place, text) in [
            (".config/containers/certs.d/r", "user"),
            ("etc/containers/certs.d/r", "system"),
        ] {
            let place = dir.path().join(place);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("ca.crt"), text).unwrap();
        }
        let found = Certificates::load(&environment, "r").unwrap().unwrap();
        assert_eq!(found.authorities.len(), 1);
        assert_eq!(found.authorities[0].1, b"user");
    }
}
