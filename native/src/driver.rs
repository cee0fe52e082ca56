//! Drives one session: every input is followed by draining its outputs, every request
//! becomes a task, and whoever asked for an operation waits for its result.
//!
//! The session is behind a lock that is held for moments only. Sinks and sources stay
//! with the tasks, so that bytes are hashed where they arrive, on as many cores as there
//! are transfers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ocirepo::auth::credentials::Credentials;
use ocirepo::exchange::{ExchangeId, Head};
use ocirepo::operation::{Operation, OperationId, Outcome};
use ocirepo::reference::Registry;
use ocirepo::session::{Destination, Event, Input, Output};
use ocirepo::{ErrorKind, Now, Session};
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio::task::AbortHandle;

use crate::credentials::CredentialStore;
use crate::error::{Error, Result};
use crate::exchange;
use crate::http::{self, Failure, Http, lock};
use crate::target::Target;
use crate::throttle::Throttle;

/// Is told how many bytes of a transfer are done.
pub(crate) type OnBytes = Arc<dyn Fn(u64) + Send + Sync>;

/// Is told what a person may want to know.
pub(crate) type OnEvent = Arc<dyn Fn(&Event) + Send + Sync>;

/// A session with the tasks that perform its requests. Clones are the same session.
#[derive(Clone)]
pub(crate) struct Driver(Arc<Shared>);

pub(crate) struct Shared {
    pub(crate) http: Arc<Http>,
    pub(crate) throttle: Throttle,
    /// How long a body may stall, in either direction.
    pub(crate) stall: Duration,
    login: Login,
    on_event: Option<OnEvent>,
    runtime: Handle,
    start: Instant,
    state: Mutex<State>,
}

/// Where credentials come from.
pub(crate) struct Login {
    pub(crate) store: CredentialStore,
    /// What the program was given itself.
    pub(crate) given: BTreeMap<Registry, Credentials>,
    /// The namespace (`HOST/PATH`) whose credentials this session uses.
    pub(crate) namespace: Option<String>,
}

struct State {
    session: Session,
    jobs: BTreeMap<OperationId, Running>,
    exchanges: BTreeMap<ExchangeId, AbortHandle>,
    timer: Option<(u64, AbortHandle)>,
    /// Why there are no credentials for a registry, by its authority.
    no_login: BTreeMap<String, String>,
}

/// What an operation needs beside the session.
#[derive(Default)]
pub(crate) struct Job {
    /// Where pulled bytes go.
    pub(crate) target: Option<Target>,
    /// Where pushed bytes come from.
    pub(crate) content: Option<http::Content>,
    /// Is told of the bytes.
    pub(crate) on_bytes: Option<OnBytes>,
}

struct Running {
    target: Option<Arc<tokio::sync::Mutex<Target>>>,
    content: Option<http::Content>,
    on_bytes: OnBytes,
    done: Option<oneshot::Sender<()>>,
    /// The authority of the registry that was asked last.
    asked: Option<String>,
    /// What the last lost exchange died of.
    detail: Option<String>,
    /// What failed on this side, if anything did.
    local: Option<Error>,
}

impl Driver {
    pub(crate) fn new(
        session: Session,
        http: Arc<Http>,
        login: Login,
        throttle: Throttle,
        stall: Duration,
        on_event: Option<OnEvent>,
        runtime: Handle,
    ) -> Self {
        Self(Arc::new(Shared {
            http,
            throttle,
            stall,
            login,
            on_event,
            runtime,
            start: Instant::now(),
            state: Mutex::new(State {
                session,
                jobs: BTreeMap::new(),
                exchanges: BTreeMap::new(),
                timer: None,
                no_login: BTreeMap::new(),
            }),
        }))
    }

    /// Starts an operation and waits for its result. Dropping the future cancels it.
    pub(crate) async fn run<T: Outcome>(
        &self,
        job: Job,
        start: impl FnOnce(&mut Session) -> Operation<T>,
    ) -> Result<T> {
        let (sender, done) = oneshot::channel();
        let operation = {
            let mut state = self.0.lock();
            let operation = start(&mut state.session);
            state.jobs.insert(
                operation.id(),
                Running {
                    target: job
                        .target
                        .map(|target| Arc::new(tokio::sync::Mutex::new(target))),
                    content: job.content,
                    on_bytes: job.on_bytes.unwrap_or_else(|| Arc::new(|_| {})),
                    done: Some(sender),
                    asked: None,
                    detail: None,
                    local: None,
                },
            );
            self.0.drain(&mut state);
            operation
        };
        let _cancel = CancelOnDrop(&self.0, operation.id());
        // The sender goes only after it was used, or with the whole driver.
        let _ = done.await;
        let mut state = self.0.lock();
        let result = state.session.take(operation);
        let job = state.jobs.remove(&operation.id());
        match result {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(explain(error, job, &state.no_login)),
            None => Err(Error::Setup("the runtime was shut down".to_owned())),
        }
    }
}

/// Puts what is known on this side to the session's error.
fn explain(
    error: ocirepo::Error,
    job: Option<Running>,
    no_login: &BTreeMap<String, String>,
) -> Error {
    let (asked, detail, local) =
        job.map_or((None, None, None), |job| (job.asked, job.detail, job.local));
    match (error.kind(), local, detail) {
        (ErrorKind::Local, Some(local), _) => local,
        (ErrorKind::Network | ErrorKind::Tls | ErrorKind::Local, _, Some(detail)) => {
            Error::Connection { error, detail }
        }
        (ErrorKind::Unauthorized | ErrorKind::Denied, ..) => {
            match asked.and_then(|asked| no_login.get(&asked)).cloned() {
                Some(detail) => Error::Connection { error, detail },
                None => Error::Registry(error),
            }
        }
        _ => Error::Registry(error),
    }
}

struct CancelOnDrop<'a>(&'a Arc<Shared>, OperationId);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        let Self(shared, operation) = self;
        let mut state = shared.lock();
        if state.jobs.remove(operation).is_some() {
            state.session.cancel(*operation);
            state.session.forget(*operation);
            shared.drain(&mut state);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    fn now(&self) -> Now {
        let unix = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            monotonic_ms: u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX),
            unix_secs: unix.map_or(0, |since| since.as_secs()),
        }
    }

    /// Tells the session something and does what it then wants.
    pub(crate) fn handle(self: &Arc<Self>, input: Input<'_>) {
        let mut state = self.lock();
        if let Input::End { exchange, .. } | Input::Lost { exchange, .. } = &input {
            state.exchanges.remove(exchange);
        }
        state.session.handle(self.now(), input);
        self.drain(&mut state);
    }

    /// Tells the session the head of a response; it says where the body goes.
    pub(crate) fn head(self: &Arc<Self>, exchange: ExchangeId, head: Head) -> Destination {
        let mut state = self.lock();
        let destination = state.session.head(self.now(), exchange, head);
        if matches!(destination, Destination::Discard) {
            state.exchanges.remove(&exchange);
        }
        self.drain(&mut state);
        destination
    }

    /// Where the bytes of an operation go or come from, and who is told.
    pub(crate) fn target(&self, operation: Option<OperationId>) -> Option<exchange::Ends> {
        let state = self.lock();
        let job = state.jobs.get(&operation?)?;
        Some(exchange::Ends {
            target: job.target.clone(),
            content: job.content.clone(),
            on_bytes: Arc::clone(&job.on_bytes),
        })
    }

    /// Notes why an exchange failed, for the error if it comes to one.
    pub(crate) fn note(&self, operation: Option<OperationId>, failure: &Failure) {
        let mut state = self.lock();
        if let Some(job) = operation.and_then(|operation| state.jobs.get_mut(&operation)) {
            job.detail = Some(failure.detail.clone());
        }
    }

    /// Notes what failed on this side.
    pub(crate) fn note_local(&self, operation: Option<OperationId>, error: Error) {
        let mut state = self.lock();
        if let Some(job) = operation.and_then(|operation| state.jobs.get_mut(&operation)) {
            job.local = Some(error);
        }
    }

    fn drain(self: &Arc<Self>, state: &mut State) {
        loop {
            match state.session.poll(self.now()) {
                Output::Request(request) => {
                    let id = request.exchange;
                    if let Some(job) = request.operation.and_then(|id| state.jobs.get_mut(&id)) {
                        job.asked = Some(request.registry.authority().to_owned());
                    }
                    let task = exchange::perform(Arc::clone(self), request);
                    let handle = self.runtime.spawn(task).abort_handle();
                    state.exchanges.insert(id, handle);
                }
                Output::Abort(id) => {
                    if let Some(task) = state.exchanges.remove(&id) {
                        task.abort();
                    }
                }
                Output::Credentials { registry } => {
                    self.runtime.spawn(Arc::clone(self).log_in(registry));
                }
                Output::Event(event) => self.tell(&event),
                Output::Done(operation) => {
                    if let Some(job) = state.jobs.get_mut(&operation) {
                        if let Some(done) = job.done.take() {
                            let _ = done.send(());
                        }
                        // A reader of a stream sees its end when the target goes.
                        job.target = None;
                    }
                }
                Output::Wait { until } => return self.wake_at(state, until),
            }
        }
    }

    /// Arranges for the session to look at the clock again.
    fn wake_at(self: &Arc<Self>, state: &mut State, until: Option<u64>) {
        if state.timer.as_ref().map(|(at, _)| *at) == until {
            return;
        }
        if let Some((_, timer)) = state.timer.take() {
            timer.abort();
        }
        let Some(at) = until else {
            return;
        };
        let shared = Arc::downgrade(self);
        let wait = Duration::from_millis(at.saturating_sub(self.now().monotonic_ms));
        let timer = self.runtime.spawn(async move {
            // Half a millisecond more, for the session counts whole ones.
            tokio::time::sleep(wait + Duration::from_millis(1)).await;
            if let Some(shared) = shared.upgrade() {
                let mut state = shared.lock();
                state.timer = None;
                state.session.handle(shared.now(), Input::Timeout);
                shared.drain(&mut state);
            }
        });
        state.timer = Some((at, timer.abort_handle()));
    }

    /// Looks for credentials; helpers may take their time.
    async fn log_in(self: Arc<Self>, registry: Registry) {
        let credentials = match self.login.given.get(&registry) {
            Some(credentials) => Some(credentials.clone()),
            None => {
                let authority = registry.authority();
                let path = self
                    .login
                    .namespace
                    .as_deref()
                    .and_then(|namespace| namespace.strip_prefix(authority)?.strip_prefix('/'));
                match self.login.store.find(authority, path).await {
                    Ok(found) => found.map(|found| {
                        tracing::debug!(%registry, place = %found.place, "found credentials");
                        found.credentials
                    }),
                    Err(error) => {
                        tracing::warn!(%registry, %error, "cannot look for credentials");
                        let mut state = self.lock();
                        let authority = registry.authority().to_owned();
                        state.no_login.insert(authority, error.to_string());
                        None
                    }
                }
            }
        };
        self.handle(Input::Credentials {
            registry,
            credentials,
        });
    }

    fn tell(&self, event: &Event) {
        tracing::debug!(?event, "session event");
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }
}
