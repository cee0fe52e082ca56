//! What a bridge that runs as a service serves: files that may change while it runs.
//!
//! ```toml
//! repositories = ["oci://ghcr.io/me/repo"]
//! allow = ["registry.lan:5000/rpm"]
//! names = ["bridge.example.org"]
//!
//! [registry."ghcr.io"]
//! username = "me"
//! password-file = "ghcr"
//! public = true
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ocirepo::auth::credentials::{Credentials, Secret};
use ocirepo::reference::{Registry, Scheme};
use ocirepo_native::ClientBuilder;
use serde::Deserialize;

use crate::exit::Failure;

/// What the files say, all together.
#[derive(Debug, Default)]
pub(crate) struct Settings {
    /// As the command line takes them.
    pub(crate) repositories: Vec<String>,
    pub(crate) allow: Vec<String>,
    pub(crate) names: Vec<String>,
    logins: Vec<Login>,
}

/// One file.
#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    #[serde(default)]
    repositories: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    names: Vec<String>,
    #[serde(default)]
    registry: BTreeMap<String, Table>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Table {
    username: String,
    /// Relative paths are below `$CREDENTIALS_DIRECTORY`, or beside the file.
    password_file: PathBuf,
    /// Whether everybody gets what the credentials unlock.
    #[serde(default)]
    public: bool,
}

/// Credentials for one registry.
#[derive(Debug)]
struct Login {
    registry: Registry,
    credentials: Credentials,
    public: bool,
}

impl Settings {
    /// Reads `*.toml` files, and those of directories in the order of their names; a
    /// directory need not be there. `credentials` is where passwords are kept.
    pub(crate) fn load(paths: &[PathBuf], credentials: Option<&Path>) -> Result<Self, Failure> {
        let mut settings = Self::default();
        for path in paths {
            for file in files(path)? {
                settings.add(&file, credentials)?;
            }
        }
        Ok(settings)
    }

    fn add(&mut self, path: &Path, credentials: Option<&Path>) -> Result<(), Failure> {
        let refuse =
            |error: &dyn std::fmt::Display| Failure::failed(format!("{}: {error}", path.display()));
        let text = std::fs::read_to_string(path).map_err(|error| refuse(&error))?;
        let document: Document = toml::from_str(&text).map_err(|error| {
            let before = error.span().and_then(|span| text.get(..span.start));
            let line = before.unwrap_or_default().matches('\n').count() + 1;
            refuse(&format_args!("line {line}: {}", error.message()))
        })?;
        self.repositories.extend(document.repositories);
        self.allow.extend(document.allow);
        self.names.extend(document.names);
        for (name, table) in document.registry {
            let registry = Registry::with_default_scheme(&name)
                .map_err(|error| refuse(&format_args!("registry `{name}`: {error}")))?;
            let beside = path.parent().unwrap_or(Path::new("."));
            let file = credentials.unwrap_or(beside).join(&table.password_file);
            let password = std::fs::read_to_string(&file).map_err(|error| {
                refuse(&format_args!(
                    "cannot read the password for {name} in {}: {error}",
                    file.display()
                ))
            })?;
            let password = Secret::new(password.trim_end_matches(['\n', '\r']));
            self.logins.push(Login {
                registry,
                credentials: Credentials::basic(table.username, password),
                public: table.public,
            });
        }
        Ok(())
    }

    /// Gives a client the credentials: all of them, or those that everybody profits from.
    pub(crate) fn log_in(&self, mut builder: ClientBuilder, only_public: bool) -> ClientBuilder {
        for login in &self.logins {
            if only_public && !login.public {
                continue;
            }
            // A registry is named here without a scheme, which only repositories have.
            for scheme in [Scheme::Https, Scheme::Http] {
                let registry = login.registry.clone().with_scheme(scheme);
                builder = builder.credentials(registry, login.credentials.clone());
            }
        }
        builder
    }
}

fn files(path: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed =
        |error: std::io::Error| Failure::failed(format!("cannot read {}: {error}", path.display()));
    let is_file = path
        .extension()
        .is_some_and(|extension| extension == "toml");
    if is_file && !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = match std::fs::read_dir(path) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let file = entry.map_err(failed)?.path();
        if file
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            files.push(file);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(text: &str) -> Result<Settings, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let drop_ins = directory.path().join("serve.d");
        std::fs::create_dir(&drop_ins).unwrap();
        std::fs::write(drop_ins.join("a.toml"), text).unwrap();
        std::fs::write(drop_ins.join("b.toml"), "names = [\"b\"]").unwrap();
        std::fs::write(drop_ins.join("c.toml.off"), "nonsense").unwrap();
        std::fs::write(drop_ins.join("ghcr"), "hunter2\n").unwrap();
        Settings::load(&[drop_ins, directory.path().join("none.d")], None)
    }

    #[test]
    fn files_of_a_directory_add_up_and_passwords_are_in_files_of_their_own() {
        let settings = load(
            "repositories = [\"oci://ghcr.io/me/repo\"]\nnames = [\"a\"]\n\
             [registry.\"ghcr.io\"]\nusername = \"me\"\npassword-file = \"ghcr\"",
        )
        .unwrap();
        assert_eq!(settings.repositories, ["oci://ghcr.io/me/repo"]);
        assert_eq!(settings.names, ["a", "b"]);
        let login = &settings.logins[0];
        assert_eq!(login.credentials, Credentials::basic("me", "hunter2"));
        assert!(!login.public);
        assert!(!format!("{settings:?}").contains("hunter2"));
    }

    #[test]
    fn mistakes_are_reported_with_the_file_and_what_is_wrong() {
        for (text, expected) in [
            ("\nrepos = []", "a.toml: line 2: unknown field `repos`"),
            (
                "[registry.\"a b\"]\nusername = \"x\"\npassword-file = \"ghcr\"",
                "registry `a b`",
            ),
            (
                "[registry.\"ghcr.io\"]\nusername = \"x\"\npassword-file = \"none\"",
                "cannot read the password for ghcr.io",
            ),
        ] {
            let error = load(text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let error = Settings::load(&["/no/such/serve.toml".into()], None).unwrap_err();
        assert!(error.to_string().contains("/no/such/serve.toml"), "{error}");
    }
}
