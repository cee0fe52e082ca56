//! Changes of a credentials file: everything else in it stays as it is.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use ocirepo::auth::credentials::Credentials;
use serde_json::{Map, Value};

use super::file::{aliases, is_url_of, server};
use super::login::to_auth;
use crate::error::{Error, Result};

/// Writes a login below a key (a registry, or a namespace of one).
pub(super) fn put(path: &Path, key: &str, credentials: &Credentials) -> Result<()> {
    let mut document = read(path)?;
    let mut entry = Map::new();
    let mut set = |name: &str, text: &str| entry.insert(name.to_owned(), Value::from(text));
    match credentials {
        Credentials::Basic { username, password } => {
            set("auth", to_auth(username, password.expose()).expose());
        }
        Credentials::IdentityToken { token, username } => {
            let username = username.as_deref().unwrap_or_default();
            set("auth", to_auth(username, "").expose());
            set("identitytoken", token.expose());
        }
        Credentials::Bearer(token) => {
            set("registrytoken", token.expose());
        }
    }
    auths(path, &mut document)?.insert(file_key(key), Value::Object(entry));
    write(path, &document)
}

/// Takes the entry of a registry or namespace out. Returns whether there was one.
pub(super) fn remove(path: &Path, key: &str) -> Result<bool> {
    if !path.is_file() {
        return Ok(false);
    }
    let mut document = read(path)?;
    let auths = auths(path, &mut document)?;
    let before = auths.len();
    auths.retain(|name, _| !aliases(key).contains(&name.as_str()) && !is_url_of(name, key));
    if auths.len() == before {
        return Ok(false);
    }
    write(path, &document)?;
    Ok(true)
}

/// Docker finds its own registry only under the address of old.
fn file_key(key: &str) -> String {
    server(key).to_owned()
}

fn read(path: &Path) -> Result<Map<String, Value>> {
    let bytes = match std::fs::read(path) {
        Ok(bytes) => zeroize::Zeroizing::new(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Map::new()),
        Err(error) => return Err(Error::io("read credentials from", path, error)),
    };
    if bytes.trim_ascii().is_empty() {
        return Ok(Map::new());
    }
    serde_json::from_slice(&bytes).map_err(|error| Error::Config {
        place: path.to_owned(),
        line: Some(error.line()),
        message: "not a JSON object, so nothing was changed; mend it or move it away".to_owned(),
    })
}

fn auths<'a>(
    path: &Path,
    document: &'a mut Map<String, Value>,
) -> Result<&'a mut Map<String, Value>> {
    let auths = document
        .entry("auths")
        .or_insert_with(|| Value::Object(Map::new()));
    if auths.is_null() {
        *auths = Value::Object(Map::new());
    }
    auths.as_object_mut().ok_or_else(|| {
        Error::config(
            path,
            "`auths` is not an object, so nothing was changed; mend it",
        )
    })
}

/// Replaces the file in one step, readable by its owner alone.
fn write(path: &Path, document: &Map<String, Value>) -> Result<()> {
    let failed = |error| Error::io("write credentials to", path, error);
    // A link stays a link: people keep these files in a repository of dotfiles.
    let target: PathBuf = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let dir = target.parent().filter(|dir| !dir.as_os_str().is_empty());
    let dir = dir.unwrap_or(Path::new("."));
    std::fs::create_dir_all(dir).map_err(failed)?;
    let text = serde_json::to_vec_pretty(document).map_err(|error| failed(error.into()))?;
    let text = zeroize::Zeroizing::new(text);
    // Temporary files are made with mode 0600, and keep it when they are renamed.
    let mut file = tempfile::Builder::new()
        .prefix(".auth-")
        .tempfile_in(dir)
        .map_err(failed)?;
    file.write_all(&text).map_err(failed)?;
    file.write_all(b"\n").map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    file.persist(&target).map_err(|error| failed(error.error))?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn login() -> Credentials {
        Credentials::basic("me", "p")
    }

    #[test]
    fn a_login_changes_one_entry_and_keeps_what_it_does_not_know() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("deep/config.json");
        put(&path, "a.example", &login()).unwrap();
        let mut document = read(&path).unwrap();
        document.insert("HttpHeaders".into(), serde_json::json!({"X": "y"}));
        write(&path, &document).unwrap();
        put(&path, "docker.io", &login()).unwrap();

        let document = read(&path).unwrap();
        assert_eq!(document["HttpHeaders"]["X"], "y");
        assert_eq!(document["auths"]["a.example"]["auth"], "bWU6cA==");
        assert!(document["auths"]["https://index.docker.io/v1/"].is_object());

        assert!(remove(&path, "docker.io").unwrap());
        assert!(!remove(&path, "docker.io").unwrap());
        assert_eq!(read(&path).unwrap()["auths"].as_object().unwrap().len(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn the_file_is_the_owners_alone_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt as _;
        let dir = tempfile::tempdir().unwrap();
        let (target, link) = (dir.path().join("real.json"), dir.path().join("link.json"));
        std::fs::write(&target, "{}").unwrap();
        std::os::unix::fs::symlink(&target, &link).unwrap();
        put(&link, "a", &login()).unwrap();
        assert!(std::fs::symlink_metadata(&link).unwrap().is_symlink());
        let mode = std::fs::metadata(&target).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }

    #[test]
    fn a_damaged_file_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        for text in ["[]", "{\"auths\": 3}"] {
            std::fs::write(&path, text).unwrap();
            let error = put(&path, "a", &login()).unwrap_err().to_string();
            assert!(error.contains("nothing was changed"), "{error}");
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
