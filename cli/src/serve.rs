//! The bridge: RPM repositories in registries over plain HTTP, for clients that know
//! nothing of registries. `docs/serve.md` is its contract.

pub(crate) mod allow;
mod body;
mod bridge;
mod date;
mod door;
mod file;
mod flight;
pub(crate) mod guard;
pub(crate) mod handed;
mod history;
mod metrics;
mod range;
pub(crate) mod settings;
mod snapshots;
pub(crate) mod socket;
pub(crate) mod state;
mod target;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, RwLock};
use std::time::Duration;

use ocirepo::reference::{Reference, Repository};
use ocirepo_native::Client;
use ocirepo_native::cache::Memory;
use ocirepo_rpm::snapshot;
use tokio::net::TcpListener;

pub(crate) use self::door::Door;
pub(crate) use self::metrics::AccessLog;
use crate::exit::Failure;
use crate::http_server::Server;

/// How a bridge is set up.
pub(crate) struct Options {
    /// Names it goes by, besides addresses and localhost.
    pub(crate) names: Vec<String>,
    /// Where is kept what was served, and how far repositories were seen to be; without,
    /// that ends with the bridge.
    pub(crate) state: Option<PathBuf>,
    /// How repositories are to be opened, at any time.
    pub(crate) trust: snapshot::Options,
    /// Where every request is written down.
    pub(crate) access_log: Option<Arc<AccessLog>>,
    /// Who may have what. All their clients have the same cache.
    pub(crate) doors: Vec<Door>,
}

/// What is to be had by everybody alike.
pub(crate) struct Named<'a> {
    pub(crate) repositories: &'a [Repository],
    /// Prefixes as `--allow` takes them.
    pub(crate) prefixes: &'a [String],
}

/// The two doors to what was named: one for everybody, who get what registries give to
/// everybody, and one for those who present the secret that is kept in the state
/// directory, who get what the stored credentials unlock, too.
pub(crate) fn doors(
    named: &Named<'_>,
    state: Option<&Path>,
    anonymous: Client,
    trusted: Client,
) -> Result<Vec<Door>, Failure> {
    let mut allow = allow::AllowList::default();
    for repository in named.repositories {
        allow.repository(repository);
    }
    for prefix in named.prefixes {
        allow.prefix(prefix)?;
    }
    if allow.is_empty() {
        return Err(Failure::usage(
            "nothing to serve: name repositories, or prefixes with --allow REGISTRY[/PREFIX]",
        ));
    }
    let secret = match state {
        Some(directory) => state::secret(&directory.join("secret"))?,
        None => guard::Secret::new(state::random()?),
    };
    Ok(vec![
        Door::new("anonymous", None, allow.clone(), anonymous),
        Door::new("trusted", Some(secret), allow, trusted),
    ])
}

/// The base URL of a repository at a bridge, given as `HOST[:PORT]`.
pub(crate) fn base(bridge: &str, reference: &Reference) -> String {
    let joint = match reference.digest() {
        Some(_) => '@',
        None => ':',
    };
    let (repository, selector) = (reference.repository(), reference.selector());
    format!("http://{bridge}/{repository}{joint}{selector}/")
}

/// A running bridge. Dropping it stops it at once.
pub(crate) struct Running {
    server: Server,
    bridge: Arc<bridge::Bridge>,
}

/// Starts a bridge that answers at this socket.
pub(crate) fn start(options: Options, listener: TcpListener) -> Result<Running, Failure> {
    let mut caches = options.doors.iter().filter_map(|door| door.client.cache());
    let cache = caches.next().cloned();
    let cache = cache.ok_or_else(|| Failure::failed("the bridge needs a cache directory"))?;
    let memory = options
        .state
        .as_ref()
        .map(|directory| Memory::new(directory.join("repositories")));
    let kept = options
        .state
        .map(|directory| directory.join("history.json"));
    let history = kept.as_deref().map(state::history).unwrap_or_default();
    let entrance = bridge::Entrance::new(&options.names, options.doors);
    let bridge = Arc::new(bridge::Bridge {
        entrance: RwLock::new(Arc::new(entrance)),
        flights: flight::Flights::new(cache),
        snapshots: snapshots::Snapshots::new(options.trust, memory),
        history: Mutex::new(history),
        state: kept,
        gates: Mutex::new(HashMap::new()),
        outages: Mutex::default(),
        metrics: Arc::default(),
        access_log: options.access_log,
    });
    Ok(Running {
        server: Server::start(listener, bridge.clone())?,
        bridge,
    })
}

impl Running {
    /// The address listened on, with the port the system chose.
    pub(crate) fn local(&self) -> SocketAddr {
        self.server.local()
    }

    /// Goes by other names and has other doors from now on. What is being answered goes on
    /// as it began.
    pub(crate) fn replace(&self, names: &[String], doors: Vec<Door>) {
        self.bridge.replace(bridge::Entrance::new(names, doors));
    }

    /// Completes when nobody was connected for this long.
    pub(crate) async fn idle(&self, duration: Duration) {
        self.server.idle(duration).await;
    }

    /// Stops accepting, lets open responses finish for a few seconds, then closes.
    pub(crate) async fn stop(self) {
        self.server.stop().await;
    }
}
