//! The bridge: RPM repositories in registries over plain HTTP, for clients that know
//! nothing of registries. `docs/serve.md` is its contract.

mod allow;
mod body;
mod bridge;
mod date;
mod file;
mod flight;
mod guard;
mod history;
mod range;
mod snapshots;
mod state;
mod target;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use ocirepo::reference::Repository;
use ocirepo_native::Client;
use ocirepo_rpm::signature::Keyring;
use tokio::net::TcpListener;

use crate::exit::Failure;
use crate::http_server::Server;

/// How a bridge is set up.
pub(crate) struct Options {
    pub(crate) listen: SocketAddr,
    pub(crate) repositories: Vec<Repository>,
    /// Prefixes as `--allow` takes them.
    pub(crate) allow: Vec<String>,
    /// Names it goes by, besides addresses and localhost.
    pub(crate) names: Vec<String>,
    /// Where the secret and the history are kept; without, they end with the bridge.
    pub(crate) state: Option<PathBuf>,
    /// Serve only what one of these keys signed.
    pub(crate) keys: Option<Keyring>,
    /// Talks to registries without credentials.
    pub(crate) anonymous: Client,
    /// Talks to registries with the stored credentials. Both have the same cache.
    pub(crate) trusted: Client,
}

/// Starts a bridge.
pub(crate) async fn start(options: Options) -> Result<Server, Failure> {
    let mut allow = allow::AllowList::default();
    for repository in &options.repositories {
        allow.repository(repository);
    }
    for prefix in &options.allow {
        allow.prefix(prefix)?;
    }
    if allow.is_empty() {
        return Err(Failure::usage(
            "nothing to serve: name repositories, or prefixes with --allow REGISTRY[/PREFIX]",
        ));
    }
    let cache = options.trusted.cache().cloned();
    let cache = cache.ok_or_else(|| Failure::failed("the bridge needs a cache directory"))?;
    let (secret, history) = match &options.state {
        Some(directory) => (
            state::secret(&directory.join("secret"))?,
            state::history(&directory.join("history.json")),
        ),
        None => (
            guard::Secret::new(state::random()?),
            history::History::default(),
        ),
    };
    let listener = TcpListener::bind(options.listen).await.map_err(|error| {
        Failure::failed(format!("cannot listen on {}: {error}", options.listen))
    })?;
    let bridge = bridge::Bridge {
        allow,
        guard: guard::Guard::new(&options.names, secret),
        anonymous: options.anonymous,
        trusted: options.trusted,
        flights: flight::Flights::new(cache),
        snapshots: snapshots::Snapshots::new(options.keys),
        history: Mutex::new(history),
        state: options
            .state
            .map(|directory| directory.join("history.json")),
        gates: Mutex::new(HashMap::new()),
        outages: Mutex::default(),
        counts: bridge::Counts::default(),
    };
    Ok(Server::start(listener, Arc::new(bridge))?)
}
