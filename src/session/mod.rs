//! The driver: owns operations, shares tokens among them and gives the host work.
//!
//! # Driving it
//!
//! A [`Session`] never does I/O and never looks at a clock. Its host drains
//! [`Session::poll`] until it says [`Output::Wait`], performs what it was told to, and
//! reports what happened; after every input and every new operation it drains again.
//!
//! ```
//! use ocirepo::exchange::Head;
//! use ocirepo::reference::Location;
//! use ocirepo::session::{Config, Destination, Input, Output, Session};
//! use ocirepo::{Digest, clock::Now};
//!
//! let now = Now { monotonic_ms: 0, unix_secs: 1_700_000_000 };
//! let place: Location = "oci://registry.example/demo".parse()?;
//! let repository = place.reference().repository();
//!
//! let mut session = Session::new(Config::default(), 42);
//! let blob = session.pull_blob_bytes(repository, Digest::of(b"hello"), 1024);
//! let result = loop {
//!     match session.poll(now) {
//!         Output::Request(request) => {
//!             // A real host sends `request` and comes back when the head arrived.
//!             assert_eq!(request.method, "GET");
//!             let exchange = request.exchange;
//!             match session.head(now, exchange, Head::default()) {
//!                 Destination::Collect => {
//!                     session.handle(now, Input::Data { exchange, bytes: b"hello" });
//!                     session.handle(now, Input::End { exchange, sink: None });
//!                 }
//!                 Destination::Stream(_) | Destination::Discard => {}
//!             }
//!         }
//!         Output::Done(_) => break session.take(blob),
//!         Output::Credentials { registry } => {
//!             session.handle(now, Input::Credentials { registry, credentials: None });
//!         }
//!         Output::Abort(_) | Output::Event(_) | Output::Wait { .. } => {}
//!     }
//! };
//! assert_eq!(result.unwrap().unwrap(), b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # Rules
//!
//! - The same inputs with the same seed give the same outputs.
//! - Every operation ends in exactly one [`Output::Done`], cancelled ones too.
//! - Inputs for exchanges that ended are ignored, so a host need not be careful about
//!   what it still reports.
//! - Payload never enters: blobs go through [sinks](crate::sink) and come from
//!   [sources](crate::source) that the host feeds on whichever thread it likes. What is
//!   collected inside (manifests, tokens, lists, errors) is capped by [`Limits`].

mod config;
mod engine;
mod io;
mod response;
mod start;
mod task;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use config::{Config, Limits};
pub use io::{Destination, Event, Input, Output, Request};

use crate::auth::tokens::Access;
use crate::error::Error;
use crate::exchange::ExchangeId;
use crate::operation::{Operation, OperationId, Outcome, Value};
use crate::reference::Registry;
use crate::retry::Random;
use task::{Exchange, Task};

/// A set of operations that share tokens, queues and one host.
///
/// - To **start** something: [`pull_manifest`](Self::pull_manifest),
///   [`pull_blob`](Self::pull_blob), [`push_blob`](Self::push_blob) and their siblings.
/// - To **drive** it: [`poll`](Self::poll), [`head`](Self::head),
///   [`handle`](Self::handle).
/// - To **end** it: [`take`](Self::take), [`cancel`](Self::cancel),
///   [`forget`](Self::forget).
#[derive(Debug)]
pub struct Session {
    config: Config,
    random: Random,
    outputs: VecDeque<Output>,
    tasks: BTreeMap<OperationId, Task>,
    results: BTreeMap<OperationId, Result<Value, Error>>,
    exchanges: BTreeMap<ExchangeId, Exchange>,
    registries: BTreeMap<Registry, RegistryState>,
    /// Registries whose queue may have something to launch.
    dirty: BTreeSet<Registry>,
    timers: BTreeSet<(u64, Timer)>,
    warned: BTreeSet<(Registry, String)>,
    next_operation: u64,
    next_exchange: u64,
}

/// What the session shares among the operations at one registry.
#[derive(Debug, Default)]
struct RegistryState {
    queue: VecDeque<OperationId>,
    in_flight: usize,
    access: Access,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Timer {
    Retry(OperationId),
    Head(ExchangeId),
}

impl Session {
    /// A session that knows nothing yet. The seed decides the jitter of waits, nothing
    /// else; give each process another one.
    pub fn new(config: Config, seed: u64) -> Self {
        Self {
            config,
            random: Random::new(seed),
            outputs: VecDeque::new(),
            tasks: BTreeMap::new(),
            results: BTreeMap::new(),
            exchanges: BTreeMap::new(),
            registries: BTreeMap::new(),
            dirty: BTreeSet::new(),
            timers: BTreeSet::new(),
            warned: BTreeSet::new(),
            next_operation: 0,
            next_exchange: 0,
        }
    }

    /// The settings.
    pub fn config(&self) -> &Config {
        &self.config
    }

    /// Whether no operation is under way.
    pub fn is_idle(&self) -> bool {
        self.tasks.is_empty()
    }

    /// The result of an operation, once. `None` while it is under way, and after it was
    /// taken or forgotten.
    pub fn take<T: Outcome>(&mut self, operation: Operation<T>) -> Option<Result<T, Error>> {
        match self.results.remove(&operation.id())? {
            Ok(value) => T::unwrap(value).map(Ok),
            Err(error) => Some(Err(error)),
        }
    }

    /// Frees a result that nobody will take, now or when the operation ends.
    pub fn forget(&mut self, operation: OperationId) {
        self.results.remove(&operation);
        if let Some(task) = self.tasks.get_mut(&operation) {
            task.audience = task::Audience::Forgotten;
        }
    }
}
