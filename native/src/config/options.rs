//! Our own configuration file, `ocirepo/config.toml`.
//!
//! ```toml
//! parallel = 6              # requests at once to one registry
//! bandwidth = "20M"         # bytes a second, for all transfers together
//! connect-timeout = 20      # seconds
//! read-timeout = 60         # seconds without a byte
//! cache-dir = "/var/cache/ocirepo"
//! cache-size = "10G"
//!
//! [trusted-realms]          # token servers that may see passwords for a registry
//! "registry.example.com" = ["https://auth.example.org"]
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::Deserialize;
use url::Url;

use super::document;
use super::size::parse_size;
use crate::environment::Environment;
use crate::error::{Error, Result};

/// What the files say. `None` is for what they leave open.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The most requests at once to one registry.
    pub parallel: Option<usize>,
    /// The most bytes a second, for all transfers together.
    pub bandwidth: Option<u64>,
    /// How long connecting may take.
    pub connect_timeout: Option<Duration>,
    /// How long a body may stall.
    pub read_timeout: Option<Duration>,
    /// Where content is cached.
    pub cache_dir: Option<PathBuf>,
    /// The most bytes the cache may hold.
    pub cache_size: Option<u64>,
    /// Token servers on other sites that may be sent passwords and refresh tokens.
    pub trusted_realms: Vec<TrustedRealm>,
}

/// A token server that may see the credentials of one registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TrustedRealm {
    /// The registry, `HOST[:PORT]`.
    pub registry: String,
    /// The token server: scheme, host and port of this URL.
    pub realm: Url,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Document {
    parallel: Option<usize>,
    bandwidth: Option<Amount>,
    connect_timeout: Option<u64>,
    read_timeout: Option<u64>,
    cache_dir: Option<PathBuf>,
    cache_size: Option<Amount>,
    #[serde(default)]
    trusted_realms: BTreeMap<String, Vec<String>>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Amount {
    Bytes(u64),
    Text(String),
}

impl Options {
    /// Reads `/etc/ocirepo/config.toml`, then the user's `ocirepo/config.toml`, which
    /// comes first where both say something; realms of both are trusted.
    /// `$OCIREPO_CONFIG` names a file to read instead of the two.
    ///
    /// # Errors
    /// When a file cannot be read or says something that is not understood.
    pub fn load(environment: &Environment) -> Result<Self> {
        if let Some(path) = environment.path("OCIREPO_CONFIG") {
            return Self::read(&path)?.ok_or_else(|| {
                Error::config(path, "OCIREPO_CONFIG names this file, but there is none")
            });
        }
        let system = Self::read(&environment.system("/etc/ocirepo/config.toml"))?;
        let user = match environment.config_home() {
            Some(dir) => Self::read(&dir.join("ocirepo/config.toml"))?,
            None => None,
        };
        Ok(user.unwrap_or_default().or(system.unwrap_or_default()))
    }

    /// These options, and the others where these leave something open.
    pub fn or(mut self, others: Self) -> Self {
        self.trusted_realms.extend(others.trusted_realms);
        Self {
            parallel: self.parallel.or(others.parallel),
            bandwidth: self.bandwidth.or(others.bandwidth),
            connect_timeout: self.connect_timeout.or(others.connect_timeout),
            read_timeout: self.read_timeout.or(others.read_timeout),
            cache_dir: self.cache_dir.or(others.cache_dir),
            cache_size: self.cache_size.or(others.cache_size),
            trusted_realms: self.trusted_realms,
        }
    }

    fn read(path: &Path) -> Result<Option<Self>> {
        let Some(document) = document::read::<Document>(path)? else {
            return Ok(None);
        };
        let bytes = |name: &str, amount: Option<Amount>| match amount {
            None => Ok(None),
            Some(Amount::Bytes(bytes)) => Ok(Some(bytes)),
            Some(Amount::Text(text)) => parse_size(&text).map(Some).ok_or_else(|| {
                Error::config(
                    path,
                    format!("`{name} = \"{text}\"` is no number of bytes; write it like \"10M\""),
                )
            }),
        };
        if document.parallel == Some(0) {
            return Err(Error::config(path, "`parallel` must be at least 1"));
        }
        let bandwidth = bytes("bandwidth", document.bandwidth)?;
        if bandwidth == Some(0) {
            return Err(Error::config(
                path,
                "`bandwidth` must be more than 0; leave it out for no limit",
            ));
        }
        let cache_size = bytes("cache-size", document.cache_size)?;
        let seconds = |seconds: Option<u64>| seconds.map(Duration::from_secs);
        let mut trusted_realms = Vec::new();
        for (registry, realms) in document.trusted_realms {
            for text in realms {
                trusted_realms.push(TrustedRealm {
                    realm: realm(path, &registry, &text)?,
                    registry: registry.clone(),
                });
            }
        }
        Ok(Some(Self {
            parallel: document.parallel,
            bandwidth,
            connect_timeout: seconds(document.connect_timeout),
            read_timeout: seconds(document.read_timeout),
            cache_dir: document.cache_dir,
            cache_size,
            trusted_realms,
        }))
    }
}

fn realm(path: &Path, registry: &str, text: &str) -> Result<Url> {
    let url = Url::parse(text).ok();
    url.filter(|url| matches!(url.scheme(), "https" | "http") && url.has_host())
        .ok_or_else(|| {
            Error::config(
                path,
                format!(
                    "trusted realm `{text}` of `{registry}` is no URL; write it like \
                     \"https://auth.example.org\""
                ),
            )
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(system: &str, user: &str) -> Result<Options> {
        let dir = tempfile::tempdir().unwrap();
        for (place, text) in [("etc/ocirepo", system), ("home/.config/ocirepo", user)] {
            let place = dir.path().join(place);
            std::fs::create_dir_all(&place).unwrap();
            std::fs::write(place.join("config.toml"), text).unwrap();
        }
        Options::load(&Environment::empty(dir.path()).set("HOME", dir.path().join("home")))
    }

    #[test]
    fn the_users_file_comes_first_and_realms_of_both_are_trusted() {
        let options = load(
            "parallel = 2\nbandwidth = \"1M\"\n[trusted-realms]\n\"a\" = [\"https://x\"]",
            "parallel = 3\nread-timeout = 5\n[trusted-realms]\n\"b\" = [\"https://y\"]",
        )
        .unwrap();
        assert_eq!(options.parallel, Some(3));
        assert_eq!(options.bandwidth, Some(1 << 20));
        assert_eq!(options.read_timeout, Some(Duration::from_secs(5)));
        let realms: Vec<_> = options
            .trusted_realms
            .iter()
            .map(|trusted| (trusted.registry.as_str(), trusted.realm.as_str()))
            .collect();
        assert_eq!(realms, [("b", "https://y/"), ("a", "https://x/")]);
    }

    #[test]
    fn what_is_not_understood_is_an_error_with_its_place() {
        for (text, expected) in [
            ("\nparalel = 2", "config.toml:2: unknown field `paralel`"),
            ("parallel = 0", "at least 1"),
            ("bandwidth = 0", "more than 0"),
            ("cache-size = \"lots\"", "no number of bytes"),
            ("[trusted-realms]\n\"a\" = [\"auth.example\"]", "is no URL"),
        ] {
            let error = load("", text).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
        let environment = Environment::empty("/").set("OCIREPO_CONFIG", "/none.toml");
        let error = Options::load(&environment).unwrap_err().to_string();
        assert!(error.contains("there is none"), "{error}");
    }
}
