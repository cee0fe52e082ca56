//! Performing requests: TLS, proxies, time limits, and which addresses may be reached.

mod cause;
mod guard;
mod proxy;
mod tls;
mod upload;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use ocirepo::reference::{Registry, Scheme};
use url::Url;

pub(crate) use self::cause::Failure;
pub(crate) use self::tls::Tls;
pub(crate) use self::upload::{Content, Ended, Upload};

use self::guard::Zones;
use crate::config::Certificates;
use crate::environment::Environment;
use crate::error::{Error, Result};

/// How connections are made.
#[derive(Clone, Debug)]
pub(crate) struct HttpOptions {
    pub(crate) environment: Environment,
    pub(crate) connect_timeout: Duration,
    pub(crate) user_agent: String,
    /// Refuse what leads to addresses in the local network, unless the registry is there.
    pub(crate) guard: bool,
    pub(crate) tls: Tls,
}

/// The HTTP clients of one [`Client`](crate::Client): a single one with a single pool,
/// and more only for registries with certificates of their own.
#[derive(Debug)]
pub(crate) struct Http {
    options: HttpOptions,
    clients: Mutex<BTreeMap<Key, reqwest::Client>>,
    certificates: Mutex<BTreeMap<String, Option<Arc<Certificates>>>>,
    insecure: Mutex<BTreeSet<String>>,
}

/// What makes a client differ from the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    secure: bool,
    /// The registries whose authorities are trusted.
    trusted: BTreeSet<String>,
    /// The registry whose client certificate is shown.
    identity: Option<String>,
    /// The certificate of the server is not looked at.
    unverified: bool,
    /// The only zones of the local network that may be reached.
    zones: Option<Zones>,
}

impl Http {
    pub(crate) fn new(options: HttpOptions) -> Self {
        Self {
            options,
            clients: Mutex::default(),
            certificates: Mutex::default(),
            insecure: Mutex::default(),
        }
    }

    /// Lets a registry do without verified TLS, because the administrator says so.
    pub(crate) fn allow_insecure(&self, authority: &str) {
        lock(&self.insecure).insert(authority.to_owned());
    }

    /// The client for a request on behalf of a registry.
    ///
    /// Authorities of a registry also vouch for the token servers and the storage that
    /// it names. Its client certificate is shown to the registry alone.
    pub(crate) async fn client(
        &self,
        registry: &Registry,
        url: &Url,
    ) -> Result<reqwest::Client, Failure> {
        let base = registry.base();
        let at_home = base.host() == url.host()
            && base.port_or_known_default() == url.port_or_known_default();
        let mut key = Key {
            secure: url.scheme() == Scheme::Https.as_str(),
            ..Key::default()
        };
        if self.options.guard && !at_home {
            key.zones = Some(guard::permit(&base, url).await?);
        }
        if key.secure {
            self.choose_certificates(&mut key, registry.authority(), at_home.then_some(url), url)
                .map_err(Failure::local)?;
        }
        if let Some(client) = lock(&self.clients).get(&key) {
            return Ok(client.clone());
        }
        let client = self.build(&key).map_err(Failure::local)?;
        Ok(lock(&self.clients).entry(key).or_insert(client).clone())
    }

    fn choose_certificates(
        &self,
        key: &mut Key,
        registry: &str,
        home: Option<&Url>,
        url: &Url,
    ) -> Result<()> {
        let here = authority(url);
        for name in [registry, &here] {
            let Some(certificates) = self.certificates(name)? else {
                continue;
            };
            if !certificates.authorities.is_empty() {
                key.trusted.insert(name.to_owned());
            }
            if certificates.client.is_some() && (home.is_some() || name == here) {
                key.identity = Some(name.to_owned());
            }
        }
        let insecure = lock(&self.insecure);
        key.unverified =
            insecure.contains(&here) || (home.is_some() && insecure.contains(registry));
        Ok(())
    }

    /// The certificates of a registry, read once.
    fn certificates(&self, authority: &str) -> Result<Option<Arc<Certificates>>> {
        let mut known = lock(&self.certificates);
        if let Some(certificates) = known.get(authority) {
            return Ok(certificates.clone());
        }
        let found = Certificates::load(&self.options.environment, authority)?.map(Arc::new);
        known.insert(authority.to_owned(), found.clone());
        Ok(found)
    }

    /// A client for other web servers than registries. It follows redirects, never from
    /// https to http.
    pub(crate) fn web(&self) -> Result<reqwest::Client> {
        /// Most redirects of one request.
        const MAX: usize = 10;
        let policy = reqwest::redirect::Policy::custom(|attempt| {
            let downgrade = attempt.url().scheme() != "https"
                && attempt.previous().iter().any(|url| url.scheme() == "https");
            if downgrade {
                attempt.error("it redirects from https to http")
            } else if attempt.previous().len() > MAX {
                attempt.error("it redirects too often")
            } else {
                attempt.follow()
            }
        });
        let key = Key {
            secure: true,
            ..Key::default()
        };
        self.builder(&key)?
            .redirect(policy)
            .build()
            .map_err(|error| Error::Setup(cause::chain(&error)))
    }

    fn build(&self, key: &Key) -> Result<reqwest::Client> {
        self.builder(key)?
            .build()
            .map_err(|error| Error::Setup(cause::chain(&error)))
    }

    fn builder(&self, key: &Key) -> Result<reqwest::ClientBuilder> {
        let mut tls = self.options.tls.clone();
        for name in &key.trusted {
            if let Some(certificates) = self.certificates(name)? {
                tls.authorities
                    .extend(certificates.authorities.iter().cloned());
            }
        }
        if let Some(name) = &key.identity
            && let Some(certificates) = self.certificates(name)?
        {
            tls.client.clone_from(&certificates.client);
        }
        let config = if key.secure {
            tls.config(key.unverified)?
        } else {
            tls::plain()?
        };
        let mut builder = reqwest::Client::builder()
            .tls_backend_preconfigured(config)
            // Redirects and retries are the session's to decide.
            .redirect(reqwest::redirect::Policy::none())
            .retry(reqwest::retry::never())
            .referer(false)
            .no_proxy()
            .connect_timeout(self.options.connect_timeout)
            .pool_idle_timeout(Duration::from_secs(30))
            .tcp_keepalive(Duration::from_secs(30))
            .user_agent(&self.options.user_agent);
        for proxy in proxy::from_environment(&self.options.environment)? {
            builder = builder.proxy(proxy);
        }
        if let Some(zones) = key.zones {
            builder = builder.dns_resolver(Arc::new(guard::GuardedResolver::new(
                zones,
                proxy::hosts(&self.options.environment),
            )));
        }
        Ok(builder)
    }
}

/// `HOST[:PORT]` as it is written in references.
fn authority(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    match url.port() {
        Some(port) => format!("{host}:{port}"),
        None => host.to_owned(),
    }
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept here is whole after each statement, whoever panics.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
