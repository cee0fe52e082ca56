//! The client: registries as an asynchronous program would like them.

mod blob_stream;
mod builder;
mod copy;
pub mod doctor;
mod places;
mod progress;
mod pull;
mod push;
pub mod relay;
mod token;

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ocirepo::auth::Credentials;
use ocirepo::operation::Unverified;
use ocirepo::reference::{Registry, Repository, Selector, Tag};
use ocirepo::session::Config;
use ocirepo::sink::Content;
use ocirepo::{Descriptor, Digest, Manifest, Session};
use tokio::runtime::Handle;

pub use self::blob_stream::BlobStream;
pub use self::builder::ClientBuilder;
pub use self::progress::Progress;

pub(crate) use self::push::ASK_FROM;

use self::progress::OnProgress;
use crate::cache::Cache;
use crate::config::{By, Registries};
use crate::credentials::CredentialStore;
use crate::driver::{Driver, Job, Login, OnEvent};
use crate::environment::Environment;
use crate::error::Result;
use crate::http::{Http, lock};
use crate::throttle::Throttle;

/// Talks to registries. Clones share connections, tokens and limits.
///
/// Dropping the future of a call cancels it: its request is dropped, and an upload that
/// was begun is cancelled at the registry.
///
/// ```no_run
/// use ocirepo::Reference;
/// use ocirepo_native::Client;
///
/// # async fn example() -> Result<(), Box<dyn std::error::Error>> {
/// let client = Client::new()?;
/// let reference: Reference = "ghcr.io/me/repo:el9".parse()?;
/// let manifest = client
///     .pull_manifest(reference.repository(), reference.selector())
///     .await?;
/// println!("{}", manifest.digest());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Client {
    inner: Arc<Inner>,
    on_progress: Option<OnProgress>,
}

struct Inner {
    http: Arc<Http>,
    registries: Registries,
    store: CredentialStore,
    /// Namespaces with credentials of their own; each gets a session of its own.
    namespaces: Vec<String>,
    given: BTreeMap<Registry, Credentials>,
    config: Config,
    seed: u64,
    throttle: Throttle,
    stall: Duration,
    cache: Option<Cache>,
    on_event: Option<OnEvent>,
    runtime: Handle,
    drivers: Mutex<BTreeMap<Option<String>, Driver>>,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

impl Client {
    /// A client with the configuration of the user and the machine. To be called within
    /// a tokio runtime.
    ///
    /// # Errors
    /// When a configuration file is damaged, or there is no runtime.
    pub fn new() -> Result<Self> {
        Self::builder().build()
    }

    /// Settings for a client in this process's environment.
    pub fn builder() -> ClientBuilder {
        ClientBuilder::new(Environment::of_process())
    }

    /// The same client, whose transfers through this handle tell `on_progress` how far
    /// they are. It is called often and must not block.
    pub fn on_progress(&self, on_progress: impl Fn(Progress) + Send + Sync + 'static) -> Self {
        Self {
            inner: Arc::clone(&self.inner),
            on_progress: Some(Arc::new(on_progress)),
        }
    }

    /// Where credentials are looked for.
    pub fn credentials(&self) -> &CredentialStore {
        &self.inner.store
    }

    /// The disk cache, if there is one.
    pub fn cache(&self) -> Option<&Cache> {
        self.inner.cache.as_ref()
    }

    /// Asks a registry whether it speaks the protocol, with the credentials there are.
    ///
    /// # Errors
    /// Kind `Unauthorized` when the credentials are wrong; whatever else the exchange
    /// fails with.
    pub async fn ping(&self, registry: &Registry) -> Result<()> {
        let driver = self.driver_of(None);
        driver.run(Job::default(), |s| s.ping(registry)).await
    }

    /// Finds out media type, digest and size of what a tag or digest names.
    ///
    /// # Errors
    /// Kind `NotFound` when there is no such manifest; whatever else the exchange fails
    /// with.
    pub async fn resolve(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Result<Descriptor> {
        let selector = selector.into();
        self.read(repository, by(&selector), |place| {
            let selector = selector.clone();
            async move {
                let driver = self.driver(&place);
                driver
                    .run(Job::default(), |s| s.resolve(&place, selector))
                    .await
            }
        })
        .await
    }

    /// Finds out what a tag points at in the repository itself, never in a mirror of it.
    ///
    /// # Errors
    /// Whatever the exchange fails with; absence is `Ok(None)`.
    pub async fn tag_at_home(
        &self,
        repository: &Repository,
        tag: &Tag,
    ) -> Result<Option<Descriptor>> {
        let tag = tag.clone();
        match self
            .at_home(repository, |s, place| s.resolve(place, tag))
            .await
        {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Pulls a manifest.
    ///
    /// # Errors
    /// As for [`Client::resolve`].
    pub async fn pull_manifest(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Result<Manifest> {
        let selector = selector.into();
        self.read(repository, by(&selector), |place| {
            let selector = selector.clone();
            async move {
                let driver = self.driver(&place);
                driver
                    .run(Job::default(), |s| s.pull_manifest(&place, selector))
                    .await
            }
        })
        .await
    }

    /// Pulls a manifest, if it is there.
    ///
    /// # Errors
    /// Whatever the exchange fails with; absence is `Ok(None)`.
    pub async fn find_manifest(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Result<Option<Manifest>> {
        match self.pull_manifest(repository, selector).await {
            Ok(manifest) => Ok(Some(manifest)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Asks whether a repository has a manifest.
    ///
    /// # Errors
    /// Whatever the exchange fails with; absence is `Ok(None)`.
    pub async fn manifest_exists(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Result<Option<Content>> {
        let selector = selector.into();
        self.at_home(repository, |s, place| s.manifest_exists(place, selector))
            .await
    }

    /// Asks whether a repository has a blob.
    ///
    /// # Errors
    /// Whatever the exchange fails with; absence is `Ok(None)`.
    pub async fn blob_exists(
        &self,
        repository: &Repository,
        digest: Digest,
    ) -> Result<Option<Content>> {
        self.at_home(repository, |s, place| s.blob_exists(place, digest))
            .await
    }

    /// Pulls the bytes `range` of a blob. No digest covers them.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn pull_range(
        &self,
        repository: &Repository,
        digest: Digest,
        range: Range<u64>,
    ) -> Result<Unverified> {
        self.read(repository, By::Digest, |place| {
            let range = range.clone();
            async move {
                let driver = self.driver(&place);
                let start = |s: &mut Session| s.pull_blob_range(&place, digest, range);
                driver.run(Job::default(), start).await
            }
        })
        .await
    }

    /// Lists the tags of a repository, in the registry's order.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn tags(&self, repository: &Repository) -> Result<Vec<Tag>> {
        self.at_home(repository, |s, place| s.tags(place)).await
    }

    /// Lists the repositories of a registry, where it offers that.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn repositories(&self, registry: &Registry) -> Result<Vec<Repository>> {
        let driver = self.driver_of(None);
        driver
            .run(Job::default(), |s| s.repositories(registry))
            .await
    }

    /// Lists the manifests whose subject is `subject`, all or those of one artifact type.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn referrers(
        &self,
        repository: &Repository,
        subject: Digest,
        artifact_type: Option<&str>,
    ) -> Result<Vec<Descriptor>> {
        self.at_home(repository, |s, place| {
            s.referrers(place, subject, artifact_type)
        })
        .await
    }

    /// Deletes a tag, or a manifest with all its tags when it is named by digest.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn delete_manifest(
        &self,
        repository: &Repository,
        selector: impl Into<Selector>,
    ) -> Result<()> {
        let selector = selector.into();
        self.at_home(repository, |s, place| s.delete_manifest(place, selector))
            .await
    }

    /// Deletes a blob.
    ///
    /// # Errors
    /// Whatever the exchange fails with.
    pub async fn delete_blob(&self, repository: &Repository, digest: Digest) -> Result<()> {
        self.at_home(repository, |s, place| s.delete_blob(place, digest))
            .await
    }

    /// What to fetch from other web servers with: proxies, certificates, bandwidth, and how
    /// long a server may be silent.
    pub(crate) fn web(&self) -> Result<(reqwest::Client, Throttle, Duration)> {
        let inner = &self.inner;
        Ok((inner.http.web()?, inner.throttle.clone(), inner.stall))
    }

    /// The session for a repository: that of the namespace it is in, if one has
    /// credentials of its own.
    fn driver(&self, repository: &Repository) -> Driver {
        let name = format!("{}/{}", repository.registry.authority(), repository.name());
        let covers = |namespace: &&String| {
            let rest = name.strip_prefix(namespace.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let namespaces = self.inner.namespaces.iter();
        self.driver_of(namespaces.filter(covers).max_by_key(|n| n.len()))
    }

    fn driver_of(&self, namespace: Option<&String>) -> Driver {
        let inner = &self.inner;
        let mut drivers = lock(&inner.drivers);
        if let Some(driver) = drivers.get(&namespace.cloned()) {
            return driver.clone();
        }
        let login = Login {
            store: inner.store.clone(),
            given: inner.given.clone(),
            namespace: namespace.cloned(),
        };
        let seed = inner.seed.wrapping_add(drivers.len() as u64);
        let driver = Driver::new(
            Session::new(inner.config.clone(), seed),
            Arc::clone(&inner.http),
            login,
            inner.throttle.clone(),
            inner.stall,
            inner.on_event.clone(),
            inner.runtime.clone(),
        );
        drivers.insert(namespace.cloned(), driver.clone());
        driver
    }
}

fn by(selector: &Selector) -> By {
    match selector {
        Selector::Tag(_) => By::Tag,
        Selector::Digest(_) => By::Digest,
    }
}
