//! Drives one session: every input is followed by draining its outputs, every request
//! becomes a task on the event loop, and whoever asked for an operation waits for its
//! result.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;

use ocirepo::auth::credentials::Credentials;
use ocirepo::exchange::{ExchangeId, Head};
use ocirepo::operation::{Operation, OperationId, Outcome};
use ocirepo::reference::Registry;
use ocirepo::session::{Destination, Event, Input, Output, Request};
use ocirepo::{ErrorKind, Now, Session};
use wasm_bindgen_futures::spawn_local;

use crate::cors;
use crate::exchange;
use crate::failure::Failure;
use crate::gateway::Gateway;
use crate::js::{self, AbortController};
use crate::pairs::Pairs;
use crate::target::Target;
use crate::wait::{Bell, Timer};

/// Is told how many bytes of a transfer are done.
pub(crate) type OnBytes = Rc<dyn Fn(u64)>;

/// Hears of what the session tells people.
pub(crate) type OnEvent = Box<dyn Fn(&Event)>;

/// Asks somebody for credentials.
pub(crate) type Ask =
    Rc<dyn Fn(Registry) -> std::pin::Pin<Box<dyn Future<Output = Option<Credentials>>>>>;

/// A session with the tasks that perform its requests. Clones are the same session.
#[derive(Clone)]
pub(crate) struct Driver(Rc<Shared>);

pub(crate) struct Shared {
    pub(crate) gateway: Option<Gateway>,
    /// How long a body may stall, in milliseconds.
    pub(crate) stall: f64,
    on_event: Option<OnEvent>,
    ask: Option<Ask>,
    state: RefCell<State>,
    bell: Bell,
}

struct State {
    session: Session,
    jobs: BTreeMap<OperationId, Running>,
    exchanges: Pairs<ExchangeId, AbortController>,
    timer: Option<(u64, Timer)>,
    /// By authority.
    given: Pairs<String, Credentials>,
}

/// What an operation needs beside the session.
#[derive(Default)]
pub(crate) struct Job {
    /// Where pulled bytes go.
    pub(crate) target: Option<Target>,
    /// Where pushed bytes come from.
    pub(crate) source: Option<js::Blob>,
    /// Is told of the bytes.
    pub(crate) on_bytes: Option<OnBytes>,
}

struct Running {
    job: Job,
    done: bool,
    /// The registry that was asked last.
    asked: Option<Registry>,
    /// What the last lost exchange was.
    lost: Option<cors::Lost>,
    /// What failed on this side, if anything did.
    local: Option<Failure>,
}

impl Driver {
    pub(crate) fn new(
        session: Session,
        gateway: Option<Gateway>,
        stall: f64,
        on_event: Option<OnEvent>,
        ask: Option<Ask>,
    ) -> Self {
        Self(Rc::new(Shared {
            gateway,
            stall,
            on_event,
            ask,
            state: RefCell::new(State {
                session,
                jobs: BTreeMap::new(),
                exchanges: Pairs::default(),
                timer: None,
                given: Pairs::default(),
            }),
            bell: Bell::default(),
        }))
    }

    /// Keeps credentials for a registry, and shows them to it if it waits for some.
    pub(crate) fn give(&self, registry: Registry, credentials: Option<Credentials>) {
        let authority = registry.authority().to_ascii_lowercase();
        {
            let mut state = self.0.state.borrow_mut();
            state.given.remove(&authority);
            if let Some(credentials) = credentials.clone() {
                state.given.insert(authority, credentials);
            }
        }
        self.0.handle(Input::Credentials {
            registry,
            credentials,
        });
    }

    /// Starts an operation and waits for its result. Dropping the future cancels it.
    pub(crate) async fn run<T: Outcome>(
        &self,
        job: Job,
        start: impl FnOnce(&mut Session) -> Operation<T>,
    ) -> Result<T, Failure> {
        let shared = &self.0;
        let operation = {
            let mut state = shared.state.borrow_mut();
            let operation = start(&mut state.session);
            let running = Running {
                job,
                done: false,
                asked: None,
                lost: None,
                local: None,
            };
            state.jobs.insert(operation.id(), running);
            operation
        };
        shared.drain();
        let cancel = CancelOnDrop(shared, operation.id());
        let done = || {
            let state = shared.state.borrow();
            let job = state.jobs.get(&operation.id());
            job.is_none_or(|job| job.done).then_some(())
        };
        shared.bell.until(done).await;
        let (result, job) = {
            let mut state = shared.state.borrow_mut();
            let result = state.session.take(operation);
            (result, state.jobs.remove(&operation.id()))
        };
        drop(cancel);
        match result {
            Some(Ok(value)) => Ok(value),
            Some(Err(error)) => Err(self.explain(error, job).await),
            None => Err(Failure::closed()),
        }
    }

    /// Puts what is known on this side to the session's error.
    async fn explain(&self, error: ocirepo::Error, job: Option<Running>) -> Failure {
        let Some(job) = job else {
            return error.into();
        };
        let asked = job.asked;
        let failure = match (error.kind(), job.local, job.lost) {
            (ErrorKind::Local, Some(local), _) => local,
            (ErrorKind::Network, _, Some(lost)) if self.0.gateway.is_none() => {
                cors::explain(error, lost).await
            }
            (ErrorKind::Network | ErrorKind::Tls, _, Some(lost)) => {
                Failure::from(error).detail(&lost.detail)
            }
            _ => error.into(),
        };
        match asked {
            Some(registry) => failure.registry(registry.authority()),
            None => failure,
        }
    }

    /// Waits until the session has nothing left to do.
    pub(crate) async fn settled(&self) {
        let shared = &self.0;
        let idle = || shared.state.borrow().session.is_idle().then_some(());
        shared.bell.until(idle).await;
    }

    /// Ends everything that is under way.
    pub(crate) fn close(&self) {
        let running: Vec<OperationId> = {
            let state = self.0.state.borrow();
            state.jobs.keys().copied().collect()
        };
        for operation in running {
            self.0.cancel(operation);
        }
        self.0.bell.ring();
    }
}

struct CancelOnDrop<'a>(&'a Rc<Shared>, OperationId);

impl Drop for CancelOnDrop<'_> {
    fn drop(&mut self) {
        self.0.cancel(self.1);
    }
}

impl Shared {
    fn cancel(self: &Rc<Self>, operation: OperationId) {
        {
            let mut state = self.state.borrow_mut();
            if state.jobs.remove(&operation).is_none() {
                return;
            }
            state.session.cancel(operation);
            state.session.forget(operation);
        }
        self.drain();
    }

    /// Tells the session something and does what it then wants.
    pub(crate) fn handle(self: &Rc<Self>, input: Input<'_>) {
        {
            let mut state = self.state.borrow_mut();
            if let Input::End { exchange, .. } | Input::Lost { exchange, .. } = &input {
                state.exchanges.remove(exchange);
            }
            state.session.handle(now(), input);
        }
        self.drain();
    }

    /// Tells the session the head of a response; it says where the body goes.
    pub(crate) fn head(self: &Rc<Self>, exchange: ExchangeId, head: Head) -> Destination {
        let destination = {
            let mut state = self.state.borrow_mut();
            let destination = state.session.head(now(), exchange, head);
            if matches!(destination, Destination::Discard) {
                state.exchanges.remove(&exchange);
            }
            destination
        };
        self.drain();
        destination
    }

    /// Where the bytes of an operation go, and who is told.
    pub(crate) fn ends(&self, operation: Option<OperationId>) -> Option<(Target, Option<OnBytes>)> {
        let state = self.state.borrow();
        let job = &state.jobs.get(&operation?)?.job;
        Some((job.target.clone()?, job.on_bytes.clone()))
    }

    /// Where the bytes of an operation come from, and who is told.
    pub(crate) fn source(
        &self,
        operation: Option<OperationId>,
    ) -> Option<(js::Blob, Option<OnBytes>)> {
        let state = self.state.borrow();
        let job = &state.jobs.get(&operation?)?.job;
        Some((job.source.clone()?, job.on_bytes.clone()))
    }

    /// Notes why an exchange failed, for the error if it comes to one.
    pub(crate) fn note(&self, operation: Option<OperationId>, lost: cors::Lost) {
        let mut state = self.state.borrow_mut();
        match operation {
            Some(operation) => {
                if let Some(job) = state.jobs.get_mut(&operation) {
                    job.lost = Some(lost);
                }
            }
            // A token: whoever waits for it fails with it.
            None => {
                for job in state.jobs.values_mut() {
                    job.lost.get_or_insert_with(|| lost.clone());
                }
            }
        }
    }

    /// Notes what failed on this side.
    pub(crate) fn note_local(&self, operation: Option<OperationId>, failure: Failure) {
        let mut state = self.state.borrow_mut();
        if let Some(job) = operation.and_then(|operation| state.jobs.get_mut(&operation)) {
            job.local = Some(failure);
        }
    }

    /// Nothing is called while the state is borrowed, for what is called may call back.
    fn drain(self: &Rc<Self>) {
        loop {
            let output = self.state.borrow_mut().session.poll(now());
            match output {
                Output::Request(request) => self.perform(request),
                Output::Abort(exchange) => {
                    let aborted = self.state.borrow_mut().exchanges.remove(&exchange);
                    if let Some(controller) = aborted {
                        controller.abort();
                    }
                }
                Output::Credentials { registry } => spawn_local(Rc::clone(self).log_in(registry)),
                Output::Event(event) => {
                    if let Some(on_event) = &self.on_event {
                        on_event(&event);
                    }
                }
                Output::Done(operation) => {
                    if let Some(job) = self.state.borrow_mut().jobs.get_mut(&operation) {
                        job.done = true;
                        job.job = Job::default();
                    }
                    self.bell.ring();
                }
                Output::Wait { until } => {
                    if self.state.borrow().session.is_idle() {
                        self.bell.ring();
                    }
                    return self.wake_at(until);
                }
            }
        }
    }

    fn perform(self: &Rc<Self>, request: Box<Request>) {
        let controller = AbortController::new();
        let signal = controller.signal();
        {
            let mut state = self.state.borrow_mut();
            state.exchanges.insert(request.exchange, controller);
            let job = request.operation.and_then(|id| state.jobs.get_mut(&id));
            if let Some(job) = job {
                job.asked = Some(request.registry.clone());
            }
        }
        spawn_local(exchange::perform(Rc::clone(self), request, signal));
    }

    /// Arranges for the session to look at the clock again.
    fn wake_at(self: &Rc<Self>, until: Option<u64>) {
        let mut state = self.state.borrow_mut();
        if state.timer.as_ref().map(|(at, _)| *at) == until {
            return;
        }
        state.timer = until.map(|at| {
            let shared = Rc::downgrade(self);
            let wait = at.saturating_sub(now().monotonic_ms) as f64;
            // One more, for the session counts whole milliseconds.
            let timer = Timer::new(wait + 1.0, move || {
                if let Some(shared) = shared.upgrade() {
                    let timer = shared.state.borrow_mut().timer.take();
                    shared.handle(Input::Timeout);
                    // It is the timer that is calling.
                    drop(timer);
                }
            });
            (at, timer)
        });
    }

    async fn log_in(self: Rc<Self>, registry: Registry) {
        let authority = registry.authority().to_ascii_lowercase();
        let given = self.state.borrow().given.get(&authority).cloned();
        let credentials = match (given, &self.ask) {
            (Some(credentials), _) => Some(credentials),
            (None, Some(ask)) => ask(registry.clone()).await,
            (None, None) => None,
        };
        self.handle(Input::Credentials {
            registry,
            credentials,
        });
    }
}

/// Both clocks.
pub(crate) fn now() -> Now {
    Now {
        monotonic_ms: js::performance_now() as u64,
        unix_secs: (js_sys::Date::now() / 1000.0) as u64,
    }
}
