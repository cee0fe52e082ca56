//! Settings of a client.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ocirepo::auth::{Credentials, TrustedRealms};
use ocirepo::reference::Registry;
use ocirepo::session::{Config, Event};
use tokio::runtime::Handle;
use url::Url;

use super::{Client, Inner};
use crate::cache::{Cache, DEFAULT_LIMIT};
use crate::config::{ClientCertificate, Options, Registries, TrustedRealm};
use crate::credentials::CredentialStore;
use crate::driver::OnEvent;
use crate::environment::Environment;
use crate::error::{Error, Result};
use crate::http::{Http, HttpOptions, Tls};
use crate::throttle::Throttle;

/// How long connecting may take when nobody says otherwise.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a body may stall when nobody says otherwise.
const READ_TIMEOUT: Duration = Duration::from_secs(60);

/// Changes the settings of sessions.
type Change = Box<dyn FnOnce(&mut Config) + Send>;

/// Settings of a [`Client`]. What is set here comes before the configuration files.
#[must_use]
pub struct ClientBuilder {
    environment: Environment,
    options: Options,
    /// In the order in which they were asked for.
    changes: Vec<Change>,
    store: Option<CredentialStore>,
    given: BTreeMap<Registry, Credentials>,
    tls: Tls,
    user_agent: String,
    seed: Option<u64>,
    guard: bool,
    cache: bool,
    on_event: Option<OnEvent>,
}

impl std::fmt::Debug for ClientBuilder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ClientBuilder")
            .field("options", &self.options)
            .finish_non_exhaustive()
    }
}

impl ClientBuilder {
    /// Settings for a client that sees this environment: its variables, its home, its
    /// configuration files.
    pub fn new(environment: Environment) -> Self {
        Self {
            environment,
            options: Options::default(),
            changes: Vec::new(),
            store: None,
            given: BTreeMap::new(),
            tls: Tls::default(),
            user_agent: concat!("ocirepo/", env!("CARGO_PKG_VERSION")).to_owned(),
            seed: None,
            guard: false,
            cache: false,
            on_event: None,
        }
    }

    /// The most requests at once to one registry.
    pub fn parallel(mut self, requests: usize) -> Self {
        self.options.parallel = Some(requests.max(1));
        self
    }

    /// The most bytes a second, for all transfers together.
    pub fn bandwidth(mut self, bytes_per_second: u64) -> Self {
        self.options.bandwidth = Some(bytes_per_second.max(1));
        self
    }

    /// How long connecting may take.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.options.connect_timeout = Some(timeout);
        self
    }

    /// How long a response may keep silent, before its head or in its body, and how long the
    /// body of a request may stall.
    pub fn read_timeout(mut self, timeout: Duration) -> Self {
        self.options.read_timeout = Some(timeout);
        self
    }

    /// Uses the disk cache: the directory and size of the configuration, or
    /// `$XDG_CACHE_HOME/ocirepo` and [`DEFAULT_LIMIT`].
    pub fn cache(mut self) -> Self {
        self.cache = true;
        self
    }

    /// Uses a disk cache in this directory.
    pub fn cache_dir(mut self, dir: impl Into<PathBuf>) -> Self {
        self.options.cache_dir = Some(dir.into());
        self.cache()
    }

    /// How many bytes the disk cache may hold.
    pub fn cache_size(mut self, bytes: u64) -> Self {
        self.options.cache_size = Some(bytes);
        self
    }

    /// Looks for credentials in this store alone.
    pub fn credential_store(mut self, store: CredentialStore) -> Self {
        self.store = Some(store);
        self
    }

    /// Uses these credentials for a registry, whatever the store says.
    pub fn credentials(mut self, registry: Registry, credentials: Credentials) -> Self {
        self.given.insert(registry, credentials);
        self
    }

    /// Trusts a token server with the credentials of a registry (`HOST[:PORT]`).
    pub fn trust_realm(mut self, registry: impl Into<String>, realm: Url) -> Self {
        let registry = registry.into();
        let trusted = TrustedRealm { registry, realm };
        self.options.trusted_realms.push(trusted);
        self
    }

    /// Trusts the authorities in a PEM file, beside those of the system. The path is
    /// for messages.
    pub fn authority(mut self, path: impl Into<PathBuf>, pem: Vec<u8>) -> Self {
        self.tls.authorities.push((path.into(), pem));
        self
    }

    /// Trusts the given authorities alone, and not those of the system.
    pub fn only_given_authorities(mut self) -> Self {
        self.tls.closed = true;
        self
    }

    /// Takes any certificate of any server. Only digests and signatures are left to tell
    /// right content from wrong.
    pub fn any_certificate(mut self) -> Self {
        self.tls.unverified = true;
        self
    }

    /// Shows this certificate to every server that asks for one.
    pub fn client_certificate(mut self, certificate: ClientCertificate) -> Self {
        self.tls.client = Some(certificate);
        self
    }

    /// What `User-Agent` says.
    pub fn user_agent(mut self, user_agent: impl Into<String>) -> Self {
        self.user_agent = user_agent.into();
        self
    }

    /// The seed of the jitter of waits; random when it is not set.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Follows no redirect, realm or link to a loopback, private or link-local address
    /// unless the registry itself is at such an address. For programs that fetch on
    /// behalf of others.
    pub fn guard_local_network(mut self) -> Self {
        self.guard = true;
        self
    }

    /// Tells `on_event` of warnings, retries and redirects. It must not block.
    pub fn on_event(mut self, on_event: impl Fn(&Event) + Send + Sync + 'static) -> Self {
        self.on_event = Some(Arc::new(on_event));
        self
    }

    /// Changes the settings of the sessions: retries, time limits, byte caps. Comes after what
    /// other settings make of them.
    pub fn session(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// Makes the client. To be called within a tokio runtime.
    ///
    /// # Errors
    /// When a configuration file is damaged, the cache cannot be opened, or there is no
    /// runtime.
    pub fn build(self) -> Result<Client> {
        let runtime = Handle::try_current()
            .map_err(|_| Error::Setup("a client needs a tokio runtime to run in".to_owned()))?;
        let options = self.options.or(Options::load(&self.environment)?);
        let cache = match self.cache {
            true => open_cache(&self.environment, &options)?,
            false => None,
        };
        let mut config = Config::default();
        if let Some(parallel) = options.parallel {
            config.concurrency = parallel;
        }
        if let Some(silence) = options.read_timeout {
            // Before the head no byte comes either.
            config.head_timeout_ms = u64::try_from(silence.as_millis()).unwrap_or(u64::MAX);
        }
        for change in self.changes {
            change(&mut config);
        }
        config.trusted_realms = TrustedRealms::default();
        for trusted in &options.trusted_realms {
            let realms = &mut config.trusted_realms;
            realms.insert(&trusted.registry, &trusted.realm);
        }
        let registries = Registries::load(&self.environment)?;
        let store = match self.store {
            Some(store) => store,
            None => CredentialStore::new(self.environment.clone()),
        };
        let http = Http::new(HttpOptions {
            environment: self.environment,
            connect_timeout: options.connect_timeout.unwrap_or(CONNECT_TIMEOUT),
            user_agent: self.user_agent,
            guard: self.guard,
            tls: self.tls,
        });
        let seed = match self.seed {
            Some(seed) => seed,
            None => getrandom::u64().map_err(|error| Error::Setup(error.to_string()))?,
        };
        Ok(Client {
            inner: Arc::new(Inner {
                http: Arc::new(http),
                registries,
                namespaces: store.namespaces(),
                store,
                given: self.given,
                config,
                seed,
                throttle: Throttle::new(options.bandwidth),
                stall: options.read_timeout.unwrap_or(READ_TIMEOUT),
                cache,
                on_event: self.on_event,
                runtime,
                drivers: Mutex::default(),
            }),
            on_progress: None,
        })
    }
}

fn open_cache(environment: &Environment, options: &Options) -> Result<Option<Cache>> {
    let usual = || Some(environment.cache_home()?.join("ocirepo"));
    let Some(dir) = options.cache_dir.clone().or_else(usual) else {
        return Ok(None);
    };
    match Cache::open(dir, options.cache_size.unwrap_or(DEFAULT_LIMIT)) {
        Ok(cache) => Ok(Some(cache)),
        // Reading and publishing work without; who needs one says so.
        Err(error) if error.is_read_only() => {
            tracing::warn!(%error, "cannot use the cache");
            Ok(None)
        }
        Err(error) => Err(error),
    }
}
