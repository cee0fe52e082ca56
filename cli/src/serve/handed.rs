//! A bridge for one run of one client, which hands over what it knows: repositories, and
//! what is needed to reach each of them.
//!
//! The client (the dnf plugin) may run as root; the bridge it starts does not, and reads
//! none of root's files. So everything secret comes in as one line of JSON on standard
//! input, where no other user of the machine sees it. The bridge answers with one line of
//! JSON, and ends when its standard input does.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use ocirepo::auth::credentials::{Credentials, Secret as Password};
use ocirepo::reference::{Location, Reference, Registry};
use ocirepo_native::config::ClientCertificate;
use ocirepo_native::credentials::CredentialStore;
use ocirepo_native::environment::Environment;
use serde::{Deserialize, Serialize};

use super::allow::AllowList;
use super::door::Door;
use super::guard::{PROXY_HOST, Secret};
use super::target::Target;
use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;

/// What is handed over. A field this program does not know may be a restriction, so it is
/// an error.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Handed {
    /// Variables of the environment; those of the process do not count.
    #[serde(default)]
    environment: BTreeMap<String, String>,
    /// Files of credentials as they are, in the order in which they are asked. Without,
    /// the bridge looks where the environment says.
    auth_files: Option<Vec<HandedFile>>,
    /// Where content is cached; a directory that ends with the bridge when not given.
    pub(crate) cache_dir: Option<PathBuf>,
    /// By the client's own names for them.
    repositories: BTreeMap<String, HandedRepository>,
}

/// A file, read by somebody else.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandedFile {
    path: PathBuf,
    content: Password,
}

/// One repository, with the options that dnf.conf(5) has for it.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct HandedRepository {
    /// `oci://…`, at least one. They hold the same.
    urls: Vec<String>,
    /// `oci://…/FILE`: a file below one of the URLs, or of another repository with its tag.
    #[serde(default)]
    keys: Vec<String>,
    username: Option<String>,
    password: Option<Password>,
    /// With its user and password; empty for none, whatever the environment says.
    proxy: Option<Password>,
    /// Whether certificates of servers are looked at.
    #[serde(default = "yes")]
    verify: bool,
    /// The only authorities to trust.
    authorities: Option<HandedFile>,
    certificate: Option<HandedFile>,
    key: Option<HandedFile>,
    /// Seconds.
    timeout: Option<u64>,
    /// How often a request is tried in all.
    attempts: Option<u32>,
}

fn yes() -> bool {
    true
}

/// How the client gets at one of its repositories.
#[derive(Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Answer {
    /// It cannot: the repository is not served.
    Error(String),
    /// Through the bridge as a proxy.
    Served {
        /// The proxy password. The user name does not matter.
        password: String,
        /// What to ask for instead of the URLs, in their order. They stay the same from run
        /// to run, whatever port the bridge has.
        urls: Vec<String>,
        /// What to ask for instead of the keys.
        keys: Vec<String>,
    },
}

impl Handed {
    /// Reads the line.
    pub(crate) fn parse(line: &[u8]) -> Result<Self, Failure> {
        serde_json::from_slice(line).map_err(|error| {
            // Its own words may quote what was read.
            Failure::usage(format!(
                "what was handed over on standard input is not understood (column {}); the \
                 plugin and this program must be of the same version",
                error.column()
            ))
        })
    }

    /// A door for each repository, and what to tell the client of it. A repository that
    /// cannot be served takes none of the others with it.
    pub(crate) fn doors(
        &self,
        cache: &Path,
        global: &Global,
    ) -> Result<(Vec<Door>, BTreeMap<String, Answer>), Failure> {
        let mut doors = Vec::new();
        let mut answers = BTreeMap::new();
        for (id, repository) in &self.repositories {
            let secret = super::state::random()?;
            let answer = match self.door(id, repository, &secret, cache, global) {
                Ok((door, urls, keys)) => {
                    doors.push(door);
                    let password = secret;
                    Answer::Served {
                        password,
                        urls,
                        keys,
                    }
                }
                Err(failure) => Answer::Error(failure.to_string()),
            };
            answers.insert(id.clone(), answer);
        }
        Ok((doors, answers))
    }

    fn door(
        &self,
        id: &str,
        repository: &HandedRepository,
        secret: &str,
        cache: &Path,
        global: &Global,
    ) -> Result<(Door, Vec<String>, Vec<String>), Failure> {
        let mut allow = AllowList::default();
        let mut registries = Vec::new();
        let mut bases = Vec::new();
        for url in &repository.urls {
            let reference = reference(url)?;
            allow.repository(reference.repository());
            registries.push(reference.registry().clone());
            bases.push((url.trim_end_matches('/'), base(&reference)));
        }
        let mut keys = Vec::new();
        for key in &repository.keys {
            let mut below = bases.iter().filter_map(|(url, base)| {
                let path = key.strip_prefix(url)?.strip_prefix('/')?;
                Some(format!("{base}{path}"))
            });
            keys.push(match below.next() {
                Some(url) => url,
                None => elsewhere(key, &mut allow)?,
            });
        }
        let urls = bases.into_iter().map(|(_, base)| base).collect();
        let client = self.client(repository, registries, cache, global)?;
        let name = format!("repository {id}");
        let secret = Secret::new(secret.to_owned());
        Ok((Door::new(name, Some(secret), allow, client), urls, keys))
    }

    fn client(
        &self,
        repository: &HandedRepository,
        registries: Vec<Registry>,
        cache: &Path,
        global: &Global,
    ) -> Result<ocirepo_native::Client, Failure> {
        let mut environment = Environment::empty("/");
        for (name, value) in &self.environment {
            environment = environment.set(name, value);
        }
        if let Some(proxy) = &repository.proxy {
            for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"] {
                environment = environment.set(name, "").set(name.to_ascii_lowercase(), "");
            }
            environment = environment.set("all_proxy", proxy.expose());
        }
        let mut builder = client::builder_in(environment, global)?
            .cache_dir(cache)
            .guard_local_network();
        if let Some(files) = &self.auth_files {
            let contents = files
                .iter()
                .map(|file| (file.path.clone(), file.content.expose().into()));
            builder = builder.credential_store(CredentialStore::with_contents(contents));
        }
        if let Some(username) = &repository.username {
            let empty = Password::new("");
            let password = repository.password.as_ref().unwrap_or(&empty);
            for registry in registries {
                let credentials = Credentials::basic(username, password.clone());
                builder = builder.credentials(registry, credentials);
            }
        }
        if !repository.verify {
            builder = builder.any_certificate();
        }
        if let Some(file) = &repository.authorities {
            let pem = file.content.expose().into();
            builder = builder.authority(&file.path, pem).only_given_authorities();
        }
        match (&repository.certificate, &repository.key) {
            (Some(certificate), key) => {
                // The key may be in the same file.
                let key = key.as_ref().unwrap_or(certificate);
                builder = builder.client_certificate(ClientCertificate {
                    path: certificate.path.clone(),
                    certificate: certificate.content.expose().into(),
                    key: key.content.expose().as_bytes().to_vec().into(),
                });
            }
            (None, Some(key)) => {
                return Err(Failure::usage(format!(
                    "the key {} is of no use without its certificate; set sslclientcert, too",
                    key.path.display()
                )));
            }
            (None, None) => {}
        }
        if let Some(seconds) = repository.timeout {
            let timeout = Duration::from_secs(seconds.max(1));
            builder = builder.connect_timeout(timeout).read_timeout(timeout);
        }
        if let Some(attempts) = repository.attempts {
            builder =
                builder.session(move |config| config.retry.retries = attempts.saturating_sub(1));
        }
        Ok(builder.build()?)
    }
}

fn reference(url: &str) -> Result<Reference, Failure> {
    let location = Location::parse(url.trim_end_matches('/'));
    let location = location.map_err(|error| {
        Failure::usage(format!(
            "{error}; a repository is written oci://HOST[:PORT]/NAME[:TAG|@DIGEST]"
        ))
    })?;
    Ok(location.into_reference())
}

/// What the client asks the bridge for.
fn base(reference: &Reference) -> String {
    super::base(PROXY_HOST, reference)
}

/// A file of another repository, which is let in for it.
fn elsewhere(key: &str, allow: &mut AllowList) -> Result<String, Failure> {
    let refuse = |reason: &dyn std::fmt::Display| {
        Failure::usage(format!(
            "the key `{key}`: {reason}; it is written oci://HOST[:PORT]/NAME:TAG/FILE"
        ))
    };
    let (scheme, rest) = key
        .split_once("://")
        .ok_or_else(|| refuse(&"it is no URL"))?;
    let Target::File { reference, path } =
        Target::parse(&format!("/{rest}")).map_err(|error| refuse(&error))?
    else {
        return Err(refuse(&"it names no file"));
    };
    // The scheme is not part of what the client asks for.
    let named = format!("{scheme}://{}", reference.repository());
    allow.repository(self::reference(&named)?.repository());
    Ok(format!("{}{path}", base(&reference)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(json: &str) -> BTreeMap<String, Answer> {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let _runtime = runtime.enter();
        let cache = tempfile::tempdir().unwrap();
        let handed = Handed::parse(json.as_bytes()).unwrap();
        let (doors, answers) = handed.doors(cache.path(), &Global::default()).unwrap();
        let count = answers
            .values()
            .filter(|answer| matches!(answer, Answer::Served { .. }))
            .count();
        assert_eq!(doors.len(), count);
        answers
    }

    fn urls(answer: &Answer) -> (&[String], &[String]) {
        match answer {
            Answer::Served { urls, keys, .. } => (urls, keys),
            Answer::Error(error) => panic!("{error}"),
        }
    }

    fn error(answer: &Answer) -> &str {
        match answer {
            Answer::Served { urls, .. } => panic!("{urls:?}"),
            Answer::Error(error) => error,
        }
    }

    #[test]
    fn addresses_stay_the_same_and_have_their_tag_written_out() {
        let answers = served(
            r#"{"repositories": {"a": {"urls": [
                "oci://ghcr.io/me/repo", "oci+http://registry.lan:5000/repo:el9/"
            ], "keys": [
                "oci://ghcr.io/me/repo/RPM-GPG-KEY-me", "oci://quay.io/keys:all/a/KEY"
            ]}}}"#,
        );
        let (urls, keys) = urls(&answers["a"]);
        assert_eq!(
            urls,
            [
                "http://oci.ocirepo.invalid/ghcr.io/me/repo:latest/",
                "http://oci.ocirepo.invalid/registry.lan:5000/repo:el9/"
            ]
        );
        assert_eq!(
            keys,
            [
                "http://oci.ocirepo.invalid/ghcr.io/me/repo:latest/RPM-GPG-KEY-me",
                "http://oci.ocirepo.invalid/quay.io/keys:all/a/KEY"
            ]
        );
    }

    #[test]
    fn a_repository_that_cannot_be_served_takes_no_other_with_it() {
        let answers = served(
            r#"{"repositories": {
                "bad": {"urls": ["oci://ghcr.io/UPPER"]},
                "key": {"urls": ["oci://ghcr.io/me/repo"], "keys": ["oci://quay.io/keys"]},
                "tls": {"urls": ["oci://ghcr.io/me/repo"],
                        "key": {"path": "/k.pem", "content": ""}},
                "good": {"urls": ["oci://ghcr.io/me/repo"]}
            }}"#,
        );
        assert!(error(&answers["bad"]).contains("oci://HOST[:PORT]/NAME"));
        assert!(error(&answers["key"]).contains("oci://quay.io/keys"));
        assert!(error(&answers["tls"]).contains("sslclientcert"));
        assert_eq!(urls(&answers["good"]).0.len(), 1);
    }

    #[test]
    fn what_is_not_understood_is_refused_without_quoting_it() {
        for json in [r#"{"repositories": {}, "hunter2": 1}"#, "hunter2", ""] {
            let Err(failure) = Handed::parse(json.as_bytes()) else {
                panic!("{json} is understood");
            };
            assert!(!failure.to_string().contains("hunter2"), "{failure}");
        }
    }
}
