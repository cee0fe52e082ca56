//! containers-registries.conf(5): which registries have mirrors, live elsewhere, may be
//! reached without verified TLS, or are blocked.
//!
//! Version 2 of the format is read. What is about short names is not for us: a
//! repository is always written with its registry.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::Deserialize;

use super::document;
use crate::environment::Environment;
use crate::error::{Error, Result};

/// The rules of all files together.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    rules: BTreeMap<String, Rule>,
}

/// How a manifest is asked for. Mirrors may be for one of the two only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    /// By a tag, which may move.
    Tag,
    /// By a digest. Blobs always are.
    Digest,
}

/// One place to try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Endpoint {
    /// The registry and the path of the repository: `mirror.example:5000/hub/library/x`.
    pub repository: String,
    /// TLS need not be verified, and plain HTTP may be tried after it.
    pub insecure: bool,
    /// A mirror, which need not have everything.
    pub mirror: bool,
}

#[derive(Clone, Debug)]
struct Rule {
    location: Option<String>,
    insecure: bool,
    blocked: bool,
    mirrors: Vec<Mirror>,
}

#[derive(Clone, Debug)]
struct Mirror {
    location: String,
    insecure: bool,
    only: Option<By>,
}

#[derive(Default, Deserialize)]
struct Document {
    #[serde(default)]
    registry: Vec<RegistryTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct RegistryTable {
    #[serde(default)]
    prefix: String,
    #[serde(default)]
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    blocked: bool,
    #[serde(default)]
    mirror_by_digest_only: bool,
    #[serde(default)]
    mirror: Vec<MirrorTable>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
struct MirrorTable {
    location: String,
    #[serde(default)]
    insecure: bool,
    #[serde(default)]
    pull_from_mirror: PullFrom,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum PullFrom {
    #[default]
    All,
    DigestOnly,
    TagOnly,
}

impl Registries {
    /// Reads the usual files: `$CONTAINERS_REGISTRIES_CONF`, or the user's
    /// `containers/registries.conf`, or the system's; then the drop-in files of the
    /// system and of the user. A later table replaces an earlier one of its prefix.
    ///
    /// # Errors
    /// When a file cannot be read or does not follow the format, with its line.
    pub fn load(environment: &Environment) -> Result<Self> {
        let user = environment.config_home().map(|dir| dir.join("containers"));
        let mut main = Vec::new();
        main.extend(environment.path("CONTAINERS_REGISTRIES_CONF"));
        main.extend(user.as_ref().map(|dir| dir.join("registries.conf")));
        main.push(environment.system("/etc/containers/registries.conf"));
        main.push(environment.system("/usr/share/containers/registries.conf"));

        let mut registries = Self::default();
        for path in main {
            if registries.read(path)? {
                break;
            }
        }
        let mut dirs = vec![environment.system("/etc/containers/registries.conf.d")];
        dirs.extend(user.map(|dir| dir.join("registries.conf.d")));
        for dir in dirs {
            for path in document::files(&dir, ".conf")? {
                registries.read(path)?;
            }
        }
        Ok(registries)
    }

    /// The places to read a repository from, in order: mirrors first, the repository's
    /// own place last.
    ///
    /// # Errors
    /// [`Error::Blocked`] when the administrator blocked it.
    pub fn read_from(&self, registry: &str, path: &str, by: By) -> Result<Vec<Endpoint>> {
        let repository = format!("{registry}/{path}");
        let Some((prefix, rule, rest)) = self.rule(&repository) else {
            return Ok(vec![own(&repository)]);
        };
        if rule.blocked {
            return Err(blocked(&repository, prefix));
        }
        let mut endpoints: Vec<Endpoint> = rule
            .mirrors
            .iter()
            .filter(|mirror| mirror.only.is_none_or(|only| only == by))
            .map(|mirror| Endpoint {
                repository: format!("{}{rest}", mirror.location),
                insecure: mirror.insecure,
                mirror: true,
            })
            .collect();
        endpoints.push(located(rule, &repository, rest));
        Ok(endpoints)
    }

    /// The one place to write a repository to.
    ///
    /// # Errors
    /// [`Error::Blocked`] when the administrator blocked it.
    pub fn write_to(&self, registry: &str, path: &str) -> Result<Endpoint> {
        let repository = format!("{registry}/{path}");
        match self.rule(&repository) {
            None => Ok(own(&repository)),
            Some((prefix, rule, _)) if rule.blocked => Err(blocked(&repository, prefix)),
            Some((_, rule, rest)) => Ok(located(rule, &repository, rest)),
        }
    }

    /// The rule with the longest prefix that matches, and what follows the prefix.
    fn rule<'a>(&'a self, repository: &'a str) -> Option<(&'a str, &'a Rule, &'a str)> {
        self.rules
            .iter()
            .filter_map(|(prefix, rule)| {
                let rest = after(prefix, repository)?;
                Some((prefix.as_str(), rule, rest))
            })
            .max_by_key(|(prefix, ..)| prefix.len())
    }

    fn read(&mut self, path: PathBuf) -> Result<bool> {
        let Some(document) = document::read::<Document>(&path)? else {
            return Ok(false);
        };
        for table in document.registry {
            let (prefix, rule) = table
                .rule()
                .map_err(|message| Error::config(path.clone(), message))?;
            self.rules.insert(prefix, rule);
        }
        Ok(true)
    }
}

impl RegistryTable {
    fn rule(self) -> Result<(String, Rule), String> {
        let location = plain(&self.location)?;
        let prefix = match plain(&self.prefix)? {
            "" => location,
            prefix => prefix,
        };
        if prefix.is_empty() {
            return Err("a [[registry]] table needs `prefix` or `location`; add one".to_owned());
        }
        let wildcard = prefix.strip_prefix("*.");
        if wildcard.unwrap_or(prefix).contains('*') {
            return Err(format!(
                "prefix `{prefix}`: `*` may only stand for subdomains, as in `*.example.com`"
            ));
        }
        let mut mirrors = Vec::new();
        for mirror in &self.mirror {
            let location = plain(&mirror.location)?;
            if location.is_empty() {
                return Err(format!("a mirror of `{prefix}` has no location; add one"));
            }
            let only = match mirror.pull_from_mirror {
                PullFrom::All if self.mirror_by_digest_only => Some(By::Digest),
                PullFrom::All => None,
                PullFrom::DigestOnly => Some(By::Digest),
                PullFrom::TagOnly => Some(By::Tag),
            };
            mirrors.push(Mirror {
                location: location.to_owned(),
                insecure: mirror.insecure,
                only,
            });
        }
        Ok((
            prefix.to_owned(),
            Rule {
                location: Some(location.to_owned()).filter(|text| !text.is_empty()),
                insecure: self.insecure,
                blocked: self.blocked,
                mirrors,
            },
        ))
    }
}

/// Prefixes and locations are written without scheme; a slash at the end is dropped.
fn plain(text: &str) -> Result<&str, String> {
    if text.contains("://") {
        return Err(format!(
            "`{text}` has a scheme; write HOST[:PORT][/PATH], and `insecure = true` for plain HTTP"
        ));
    }
    Ok(text.trim_end_matches('/'))
}

/// What follows a prefix in a repository, if the prefix ends where a component does.
fn after<'a>(prefix: &str, repository: &'a str) -> Option<&'a str> {
    let rest = match prefix.strip_prefix('*') {
        Some(domain) => {
            let start = repository.find(domain)?;
            if start == 0 || repository.get(..start)?.contains('/') {
                return None;
            }
            repository.get(start + domain.len()..)?
        }
        None => repository.strip_prefix(prefix)?,
    };
    (rest.is_empty() || rest.starts_with(['/', ':', '@'])).then_some(rest)
}

fn own(repository: &str) -> Endpoint {
    Endpoint {
        repository: repository.to_owned(),
        insecure: false,
        mirror: false,
    }
}

fn located(rule: &Rule, repository: &str, rest: &str) -> Endpoint {
    Endpoint {
        repository: match &rule.location {
            Some(location) => format!("{location}{rest}"),
            None => repository.to_owned(),
        },
        insecure: rule.insecure,
        mirror: false,
    }
}

fn blocked(repository: &str, prefix: &str) -> Error {
    Error::Blocked {
        repository: repository.to_owned(),
        prefix: prefix.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Registries {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("registries.conf");
        std::fs::write(&file, text).unwrap();
        let environment = Environment::empty(dir.path()).set("CONTAINERS_REGISTRIES_CONF", file);
        Registries::load(&environment).unwrap()
    }

    fn places(registries: &Registries, registry: &str, path: &str, by: By) -> Vec<String> {
        let endpoints = registries.read_from(registry, path, by).unwrap();
        endpoints.into_iter().map(|e| e.repository).collect()
    }

    #[test]
    fn mirrors_come_before_the_location_and_keep_what_follows_the_prefix() {
        let registries = rules(
            r#"
            unqualified-search-registries = ["docker.io"]
            [[registry]]
            prefix = "docker.io/library"
            location = "hub.example/lib"
            [[registry.mirror]]
            location = "mirror.example:5000/hub"
            insecure = true
            [[registry.mirror]]
            location = "tags.example"
            pull-from-mirror = "tag-only"
            "#,
        );
        assert_eq!(
            places(&registries, "docker.io", "library/x", By::Tag),
            [
                "mirror.example:5000/hub/x",
                "tags.example/x",
                "hub.example/lib/x"
            ]
        );
        assert_eq!(
            places(&registries, "docker.io", "library/x", By::Digest),
            ["mirror.example:5000/hub/x", "hub.example/lib/x"]
        );
        assert_eq!(
            places(&registries, "docker.io", "librarys/x", By::Tag),
            ["docker.io/librarys/x"]
        );
        let write = registries.write_to("docker.io", "library/x").unwrap();
        assert_eq!(write.repository, "hub.example/lib/x");
    }

    #[test]
    fn the_longest_prefix_decides_and_wildcards_are_for_subdomains() {
        let registries = rules(
            r#"
            [[registry]]
            prefix = "*.example.com"
            blocked = true
            [[registry]]
            location = "good.example.com/open"
            insecure = true
            "#,
        );
        let open = registries
            .read_from("good.example.com", "open/x", By::Tag)
            .unwrap();
        assert!(open[0].insecure);
        let error = registries
            .read_from("bad.example.com", "x", By::Tag)
            .unwrap_err();
        assert!(error.to_string().contains("*.example.com"), "{error}");
        for allowed in ["example.com", "badexample.com", "x.example.community"] {
            assert!(
                registries.read_from(allowed, "a", By::Tag).is_ok(),
                "{allowed}"
            );
        }
        assert!(
            registries
                .read_from("other", "a.example.com/b", By::Tag)
                .is_ok(),
            "a wildcard is for hosts, not for paths"
        );
    }

    #[test]
    fn drop_in_files_replace_tables_of_their_prefix() {
        let dir = tempfile::tempdir().unwrap();
        let etc = dir.path().join("etc/containers");
        let home = dir.path().join("home/.config/containers/registries.conf.d");
        std::fs::create_dir_all(etc.join("registries.conf.d")).unwrap();
        std::fs::create_dir_all(&home).unwrap();
        let table = |location| format!("[[registry]]\nprefix = \"a\"\nlocation = \"{location}\"\n");
        std::fs::write(etc.join("registries.conf"), table("main")).unwrap();
        std::fs::write(etc.join("registries.conf.d/1.conf"), table("one")).unwrap();
        std::fs::write(etc.join("registries.conf.d/2.conf.off"), table("off")).unwrap();
        let environment = Environment::empty(dir.path()).set("HOME", dir.path().join("home"));
        let load = || Registries::load(&environment).unwrap();
        assert_eq!(places(&load(), "a", "x", By::Tag), ["one/x"]);
        std::fs::write(home.join("0.conf"), table("user")).unwrap();
        assert_eq!(places(&load(), "a", "x", By::Tag), ["user/x"]);
    }

    #[test]
    fn mistakes_are_reported_with_the_file_and_the_line() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("r.conf");
        let environment =
            Environment::empty(dir.path()).set("CONTAINERS_REGISTRIES_CONF", file.clone());
        for (text, expected) in [
            ("[[registry]]\nlocation = 3", "r.conf:2: invalid type"),
            (
                "[[registry]]\ninsecure = true",
                "needs `prefix` or `location`",
            ),
            ("[[registry]]\nlocation = \"http://a\"", "has a scheme"),
            (
                "[[registry]]\nprefix = \"a.*.b\"",
                "may only stand for subdomains",
            ),
        ] {
            std::fs::write(&file, text).unwrap();
            let error = Registries::load(&environment).unwrap_err().to_string();
            assert!(error.contains(expected), "{error}");
        }
    }
}
