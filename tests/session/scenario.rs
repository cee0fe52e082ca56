//! What every scenario needs: one registry, one repository, one session.

use bytes::Bytes;
use http::Method;
use ocirepo::auth::Credentials;
use ocirepo::operation::Operation;
use ocirepo::operation::{PushedBlob, Upload};
use ocirepo::reference::{Repository, Scheme};
use ocirepo::session::{Config, Session};
use ocirepo::source::BlobSource;
use ocirepo::{Digest, Error, ErrorKind};
use ocirepo_registry::simulator::Simulator;
use ocirepo_registry::{Auth, Config as RegistryConfig, Quirk, Registry, Rule};

pub(crate) const ORIGIN: &str = "https://registry.example";

pub(crate) struct Scenario {
    pub session: Session,
    pub simulator: Simulator,
    pub repository: Repository,
}

impl Scenario {
    /// A registry that behaves.
    pub(crate) fn new() -> Self {
        Self::with(Config::default(), RegistryConfig::default())
    }

    pub(crate) fn with(config: Config, registry: RegistryConfig) -> Self {
        let mut simulator = Simulator::new(7);
        simulator.add_registry(ORIGIN, registry);
        Self {
            session: Session::new(config, 7),
            simulator,
            repository: repository("me/demo"),
        }
    }

    /// A registry with one account, `lab` with the password `labpass`.
    pub(crate) fn with_auth(auth: Auth) -> Self {
        Self::with(
            Config::default(),
            RegistryConfig {
                auth: Some(auth),
                ..RegistryConfig::default()
            },
        )
    }

    /// A registry with quirks.
    pub(crate) fn quirky(rules: impl IntoIterator<Item = Rule>) -> Self {
        let mut scenario = Self::new();
        for rule in rules {
            scenario.registry().script(rule);
        }
        scenario
    }

    pub(crate) fn log_in(&mut self) {
        self.log_in_as(Credentials::basic("lab", "labpass"));
    }

    pub(crate) fn log_in_as(&mut self, credentials: Credentials) {
        let registry = self.repository.registry.clone();
        self.simulator.log_in(registry, credentials);
    }

    pub(crate) fn registry(&mut self) -> &mut Registry {
        self.simulator.registry(ORIGIN)
    }

    pub(crate) fn script(&mut self, rule: Rule) {
        self.registry().script(rule);
    }

    pub(crate) fn blob(&mut self, content: impl Into<Bytes>) -> Digest {
        let name = self.repository.name().to_owned();
        self.registry().put_blob(&name, content)
    }

    /// Starts something, drives it to its end and returns what came of it.
    pub(crate) fn run<T: ocirepo::operation::Outcome>(
        &mut self,
        start: impl FnOnce(&mut Session, &Repository) -> Operation<T>,
    ) -> Result<T, Error> {
        let operation = start(&mut self.session, &self.repository);
        self.simulator.run(&mut self.session);
        assert!(self.session.is_idle(), "the operation came to an end");
        self.session.take(operation).expect("a result")
    }

    /// Pushes a blob whose digest the session has to find out, or is told.
    pub(crate) fn push(
        &mut self,
        content: &[u8],
        known: bool,
        upload: Upload,
    ) -> Result<PushedBlob, Error> {
        let size = content.len() as u64;
        let source = match known {
            true => BlobSource::with_digest(size, Digest::of(content)),
            false => BlobSource::new(size),
        };
        let operation = self.session.push_blob(&self.repository, source, upload);
        self.simulator
            .sources
            .insert(operation.id(), Bytes::copy_from_slice(content));
        self.simulator.run(&mut self.session);
        let result = self.session.take(operation).expect("a result");
        if result.is_ok() {
            let name = self.repository.name().to_owned();
            let stored = self.registry().blob(&name, &Digest::of(content));
            assert_eq!(
                stored.as_deref(),
                Some(content),
                "what is stored is what was pushed"
            );
        }
        result
    }

    /// `METHOD path` of every request, without the parts that differ from run to run.
    pub(crate) fn requests(&self) -> Vec<String> {
        self.simulator
            .sent
            .iter()
            .map(|sent| {
                let path = sent.url.path().trim_start_matches("/v2/me/demo/");
                let path = match path.strip_prefix("blobs/uploads/") {
                    Some("") => "uploads",
                    Some(_) => "upload",
                    None => path.split_once("sha256:").map_or(path, |(start, _)| start),
                };
                format!("{} {path}", sent.method)
            })
            .collect()
    }

    /// How many requests carried `Authorization`.
    pub(crate) fn authorized(&self) -> usize {
        self.simulator
            .sent
            .iter()
            .filter(|sent| sent.headers.contains_key("authorization"))
            .count()
    }
}

pub(crate) fn repository(name: &str) -> Repository {
    let registry = ocirepo::reference::Registry::new(Scheme::Https, "registry.example").unwrap();
    Repository::new(registry, name).unwrap()
}

pub(crate) fn on(method: Method, quirk: Quirk) -> Rule {
    Rule::new(quirk).method(method)
}

pub(crate) fn header(name: &'static str) -> http::HeaderName {
    http::HeaderName::from_static(name)
}

#[track_caller]
pub(crate) fn assert_kind<T: std::fmt::Debug>(
    result: Result<T, Error>,
    kind: ErrorKind,
    says: &str,
) {
    let error = result.unwrap_err();
    assert_eq!(error.kind(), kind, "{error}");
    let text = error.to_string();
    assert!(text.contains(says), "{text:?} says nothing of {says:?}");
    assert!(!text.contains("labpass"), "{text:?} tells the password");
}
