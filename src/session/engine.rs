//! Scheduling: which request goes out next, with which credentials, and what a timer
//! or a cancellation does.

use super::task::{Audience, Collected, Exchange, Phase, Task};
use super::{Config, Event, Input, Output, Request, Session, Timer};
use crate::auth::tokens::{Authorization, Login, Scheme, Used};
use crate::clock::Now;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Body, ExchangeId};
use crate::operation::{Authorize, Env, FetchToken, Machine, OperationId, Outgoing, Step, Value};
use crate::redirect;
use crate::reference::Registry;
use crate::retry::{self, Cause, MOST_FAILURES};
use crate::sink::BlobSink;
use http::header::AUTHORIZATION;

/// How often one request may wait for a token before the token server is taken for
/// broken: one that hands out tokens which expire at once would keep us busy for ever.
const MOST_TOKEN_WAITS: u8 = 4;

impl Session {
    /// What the host is to do next.
    ///
    /// Drain it until [`Output::Wait`] after every input and every new operation.
    pub fn poll(&mut self, now: Now) -> Output {
        loop {
            if let Some(output) = self.outputs.pop_front() {
                return output;
            }
            let Some(registry) = self.dirty.pop_first() else {
                return Output::Wait {
                    until: self.timers.first().map(|(at, _)| *at),
                };
            };
            self.schedule(&registry, now);
        }
    }

    /// Takes what happened at the host.
    pub fn handle(&mut self, now: Now, input: Input<'_>) {
        match input {
            Input::Data { exchange, bytes } => self.data(now, exchange, bytes),
            Input::End { exchange, sink } => self.end(now, exchange, sink),
            Input::Sent { exchange, source } => self.sent(now, exchange, source),
            Input::Lost {
                exchange,
                cause,
                sink,
                source,
            } => {
                if let Some(source) = source {
                    self.keep_source(exchange, source);
                }
                self.lost(now, exchange, cause, sink);
            }
            Input::Credentials {
                registry,
                credentials,
            } => {
                let state = self.registries.entry(registry.clone()).or_default();
                state.access.login = Login::Known(credentials);
                let waiting = std::mem::take(&mut state.access.waiting);
                self.requeue_first(&registry, waiting);
            }
            Input::Timeout => self.timeout(now),
        }
    }

    /// Stops an operation. It ends with [`ErrorKind::Cancelled`]; an upload that was
    /// begun is cancelled at the registry too.
    pub fn cancel(&mut self, operation: OperationId) {
        let Some(task) = self.tasks.remove(&operation) else {
            return;
        };
        if let Phase::InFlight(exchange) = task.phase {
            self.close_exchange(exchange);
            self.outputs.push_back(Output::Abort(exchange));
        }
        let doing = task.machine.doing();
        let cancelled = Error::new(ErrorKind::Cancelled, "it was cancelled").doing(|| doing);
        self.report(operation, &task.audience, Err(cancelled));
        if let Some(cleanup) = task.machine.cancelled() {
            self.add(cleanup, Audience::Nobody);
        }
    }

    /// Adds an operation to the queue of its registry.
    pub(super) fn add(&mut self, mut machine: Box<dyn Machine>, audience: Audience) -> OperationId {
        let operation = OperationId(self.next_operation);
        self.next_operation += 1;
        if let Step::Done(result) = machine.begin() {
            let result = result.map_err(|error| error.doing(|| machine.doing()));
            self.report(operation, &audience, result);
            return operation;
        }
        let registry = machine.registry().clone();
        self.tasks.insert(operation, Task::new(machine, audience));
        self.enqueue(registry, operation, false);
        operation
    }

    pub(super) fn enqueue(&mut self, registry: Registry, operation: OperationId, first: bool) {
        if let Some(task) = self.tasks.get_mut(&operation) {
            task.phase = Phase::Queued;
            let queue = &mut self.registries.entry(registry.clone()).or_default().queue;
            if first {
                queue.push_front(operation);
            } else {
                queue.push_back(operation);
            }
            self.dirty.insert(registry);
        }
    }

    /// Puts operations that waited before all others, in their order.
    fn requeue_first(&mut self, registry: &Registry, waiting: Vec<OperationId>) {
        for operation in waiting.into_iter().rev() {
            self.enqueue(registry.clone(), operation, true);
        }
    }

    /// Launches from the queue of one registry while there are free slots.
    fn schedule(&mut self, registry: &Registry, now: Now) {
        loop {
            let Some(state) = self.registries.get_mut(registry) else {
                return;
            };
            // The first request finds out how the registry wants to be authorised;
            // the others wait, or each would be answered by the same challenge.
            let limit = match state.access.scheme {
                Scheme::Unknown => 1,
                _ => self.config.concurrency.max(1),
            };
            if state.in_flight >= limit {
                return;
            }
            let Some(operation) = state.queue.pop_front() else {
                return;
            };
            let Some(task) = self.tasks.get_mut(&operation) else {
                continue;
            };
            if task.phase == Phase::Queued {
                self.launch(registry, operation, now);
            }
        }
    }

    /// Sends the present request of one operation, or finds out what it waits for.
    fn launch(&mut self, registry: &Registry, operation: OperationId, now: Now) {
        let Some(task) = self.tasks.get_mut(&operation) else {
            return;
        };
        let outgoing = task.machine.request();
        let url = match &task.hop {
            Some(hop) => hop.url.clone(),
            None => outgoing.call.url.clone(),
        };
        let mut used = Used::Nothing;
        let mut value = None;
        if outgoing.authorize == Authorize::Registry && redirect::may_authorize(registry, &url) {
            // Some token servers honour only the first scope, so ours stands first.
            let mut scopes = task.machine.scopes();
            for asked in &task.asked_scopes {
                if !scopes.iter().any(|scope| scope.covers(asked)) {
                    scopes.push(asked.clone());
                }
            }
            let Some(state) = self.registries.get_mut(registry) else {
                return;
            };
            match state
                .access
                .authorization(operation, &scopes, now.monotonic_ms)
            {
                Authorization::Ready(ready, how) => (value, used) = (ready, how),
                waits => {
                    if let Some(source) = outgoing.source {
                        task.machine.keep_source(source);
                    }
                    return self.wait_for_access(registry, operation, waits);
                }
            }
        }
        self.send(registry, operation, outgoing, url, (value, used), now);
    }

    /// Deals with a request that cannot go out yet, or ever.
    fn wait_for_access(
        &mut self,
        registry: &Registry,
        operation: OperationId,
        waits: Authorization,
    ) {
        let (Some(task), Some(state)) = (
            self.tasks.get_mut(&operation),
            self.registries.get_mut(registry),
        ) else {
            return;
        };
        task.phase = Phase::Waiting;
        match waits {
            Authorization::Ready(..) => {}
            Authorization::AskCredentials => {
                state.access.login = Login::Asked;
                state.access.waiting.push(operation);
                self.outputs.push_back(Output::Credentials {
                    registry: registry.clone(),
                });
            }
            Authorization::AwaitCredentials => state.access.waiting.push(operation),
            Authorization::AwaitToken | Authorization::Fetch(_)
                if task.token_waits >= MOST_TOKEN_WAITS =>
            {
                self.fail(
                    operation,
                    Error::new(
                        ErrorKind::Unauthorized,
                        format!("the token server of {registry} issues tokens that expire before they can be used"),
                    ),
                );
            }
            Authorization::AwaitToken => task.token_waits += 1,
            Authorization::Fetch(scopes) => {
                task.token_waits += 1;
                let Scheme::Bearer { realm, service } = state.access.scheme.clone() else {
                    return;
                };
                let credentials = match &state.access.login {
                    Login::Known(credentials) => credentials.clone(),
                    _ => None,
                };
                match FetchToken::new(
                    registry.clone(),
                    realm,
                    service,
                    scopes.clone(),
                    credentials,
                    &self.config.trusted_realms,
                    self.config.limits.token,
                ) {
                    Ok(machine) => {
                        let audience = Audience::TokenOf(registry.clone());
                        let fetching = self.add(Box::new(machine), audience);
                        // Everything that waits depends on it.
                        if let Some(state) = self.registries.get_mut(registry) {
                            state.queue.retain(|queued| *queued != fetching);
                            state.queue.push_front(fetching);
                            state.access.fetching(fetching, scopes, operation);
                        }
                    }
                    Err(error) => self.fail(operation, error),
                }
            }
            Authorization::NoCredentials => self.fail(
                operation,
                Error::new(
                    ErrorKind::Unauthorized,
                    format!("{registry} wants a user name and password, and none are known for it; log in first"),
                ),
            ),
            Authorization::RefusedCredentials => self.fail(operation, refused_credentials(registry)),
        }
    }

    fn send(
        &mut self,
        registry: &Registry,
        operation: OperationId,
        outgoing: Outgoing,
        url: url::Url,
        (value, used): (Option<http::HeaderValue>, Used),
        now: Now,
    ) {
        let (Some(task), Some(state)) = (
            self.tasks.get_mut(&operation),
            self.registries.get_mut(registry),
        ) else {
            return;
        };
        let exchange = ExchangeId(self.next_exchange);
        self.next_exchange += 1;
        state.in_flight += 1;
        task.phase = Phase::InFlight(exchange);
        let shown = task.shown_as(operation);
        let mut headers = outgoing.call.headers;
        // What comes encoded would neither hash nor count as declared.
        headers
            .entry(http::header::ACCEPT_ENCODING)
            .or_insert(http::HeaderValue::from_static("identity"));
        if let Some(value) = value {
            headers.insert(AUTHORIZATION, value);
        }
        let head_timeout_ms = self
            .config
            .head_timeout_ms
            .saturating_mul(outgoing.patience);
        let sending = matches!(outgoing.call.body, Body::Source(_));
        self.exchanges.insert(
            exchange,
            Exchange {
                task: operation,
                registry: registry.clone(),
                method: outgoing.call.method.clone(),
                url: url.clone(),
                followed: false,
                authorize: outgoing.authorize,
                used,
                take: outgoing.take,
                sending,
                from_source: sending,
                head_timeout_ms,
                deadline: None,
                head: None,
                collected: Collected::default(),
            },
        );
        if !sending {
            self.start_head_timer(exchange, now);
        }
        self.outputs.push_back(Output::Request(Box::new(Request {
            exchange,
            operation: shown,
            registry: registry.clone(),
            method: outgoing.call.method,
            url,
            headers,
            body: outgoing.call.body,
            source: outgoing.source,
        })));
    }

    fn start_head_timer(&mut self, exchange: ExchangeId, now: Now) {
        if let Some(state) = self.exchanges.get_mut(&exchange) {
            let deadline = now.monotonic_ms.saturating_add(state.head_timeout_ms);
            state.deadline = Some(deadline);
            self.timers.insert((deadline, Timer::Head(exchange)));
        }
    }

    fn sent(&mut self, now: Now, exchange: ExchangeId, source: crate::source::BlobSource) {
        self.keep_source(exchange, source);
        if self
            .exchanges
            .get(&exchange)
            .is_some_and(|e| e.head.is_none() && e.deadline.is_none())
        {
            self.start_head_timer(exchange, now);
        }
    }

    fn keep_source(&mut self, exchange: ExchangeId, source: crate::source::BlobSource) {
        if let Some(state) = self.exchanges.get_mut(&exchange)
            && std::mem::take(&mut state.sending)
            && let Some(task) = self.tasks.get_mut(&state.task)
        {
            task.machine.keep_source(source);
        }
    }

    /// Frees the slot of an exchange. What the host still says of it is ignored.
    pub(super) fn close_exchange(&mut self, exchange: ExchangeId) -> Option<Exchange> {
        let state = self.exchanges.remove(&exchange)?;
        if let Some(deadline) = state.deadline {
            self.timers.remove(&(deadline, Timer::Head(exchange)));
        }
        if let Some(registry) = self.registries.get_mut(&state.registry) {
            registry.in_flight = registry.in_flight.saturating_sub(1);
            self.dirty.insert(state.registry.clone());
        }
        Some(state)
    }

    fn timeout(&mut self, now: Now) {
        while let Some((at, timer)) = self.timers.first().copied() {
            if at > now.monotonic_ms {
                return;
            }
            self.timers.pop_first();
            match timer {
                Timer::Retry(operation) => {
                    if let Some(task) = self.tasks.get(&operation)
                        && task.phase == Phase::Backoff
                    {
                        let registry = task.machine.registry().clone();
                        self.enqueue(registry, operation, true);
                    }
                }
                Timer::Head(exchange) => {
                    if self.exchanges.contains_key(&exchange) {
                        self.outputs.push_back(Output::Abort(exchange));
                        self.lost(now, exchange, Cause::Timeout, None);
                    }
                }
            }
        }
    }

    /// Waits and tries again, if that still makes sense; else fails with `error`.
    pub(super) fn retry(
        &mut self,
        now: Now,
        operation: OperationId,
        retries: u32,
        after_ms: Option<u64>,
        error: Error,
    ) {
        let Some(task) = self.tasks.get_mut(&operation) else {
            return;
        };
        let progress = task.machine.progress();
        if progress > task.progress {
            task.failures = 0;
        }
        task.progress = progress;
        task.failures += 1;
        task.all_failures += 1;
        let policy = &self.config.retry;
        if task.failures > retries || task.all_failures > MOST_FAILURES {
            return self.fail(operation, error);
        }
        let wait_ms = match after_ms {
            Some(ms) if ms > policy.longest_retry_after_ms => {
                return self.fail(operation, error);
            }
            Some(ms) => ms,
            None => retry::backoff(policy, task.failures, &mut self.random),
        };
        task.phase = Phase::Backoff;
        // Another answer may come from where the registry now points to.
        task.hop = None;
        let shown = task.shown_as(operation);
        let due = now.monotonic_ms.saturating_add(wait_ms);
        self.timers.insert((due, Timer::Retry(operation)));
        self.outputs.push_back(Output::Event(Event::Retry {
            operation: shown,
            reason: error.to_string(),
            wait_ms,
        }));
    }

    /// Lets a machine step back, then tries again; or ends it, if that tells it enough.
    pub(super) fn interrupt(
        &mut self,
        now: Now,
        operation: OperationId,
        sink: Option<BlobSink>,
        retries: u32,
        after_ms: Option<u64>,
        error: Error,
    ) {
        let Some(task) = self.tasks.get_mut(&operation) else {
            return;
        };
        match task.machine.interrupted(sink) {
            Step::Done(result) => self.finish(operation, result),
            Step::Next | Step::Again(_) => self.retry(now, operation, retries, after_ms, error),
        }
    }

    /// Goes where a machine wants to go after a response.
    pub(super) fn advance(&mut self, now: Now, operation: OperationId, step: Step) {
        match step {
            Step::Done(result) => self.finish(operation, result),
            Step::Again(cause) => {
                let retries = cause.retries(&self.config.retry);
                let error = Error::new(ErrorKind::Network, cause.to_string());
                self.retry(now, operation, retries, None, error);
            }
            Step::Next => {
                if let Some(task) = self.tasks.get_mut(&operation) {
                    task.progressed();
                    let registry = task.machine.registry().clone();
                    self.enqueue(registry, operation, true);
                }
            }
        }
    }

    pub(super) fn fail(&mut self, operation: OperationId, error: Error) {
        self.finish(operation, Err(error));
    }

    pub(super) fn finish(&mut self, operation: OperationId, result: Result<Value, Error>) {
        if let Some(task) = self.tasks.remove(&operation) {
            let result = result.map_err(|error| error.doing(|| task.machine.doing()));
            self.report(operation, &task.audience, result);
        }
    }

    /// Gives a result to whoever wants it.
    fn report(
        &mut self,
        operation: OperationId,
        audience: &Audience,
        result: Result<Value, Error>,
    ) {
        match audience {
            Audience::Nobody => {}
            Audience::Caller => {
                self.results.insert(operation, result);
                self.outputs.push_back(Output::Done(operation));
            }
            Audience::Forgotten => self.outputs.push_back(Output::Done(operation)),
            Audience::TokenOf(registry) => self.token_fetched(operation, registry, result),
        }
    }

    fn token_fetched(
        &mut self,
        fetching: OperationId,
        registry: &Registry,
        result: Result<Value, Error>,
    ) {
        let Some(state) = self.registries.get_mut(registry) else {
            return;
        };
        match result {
            Ok(Value::Token(token)) => {
                let waiting = state.access.fetched(fetching, Some(*token));
                self.requeue_first(registry, waiting);
            }
            Ok(_) => {}
            Err(error) => {
                if error.kind() == ErrorKind::Unauthorized {
                    state.access.refused();
                }
                for operation in state.access.fetched(fetching, None) {
                    self.fail(operation, error.clone());
                }
            }
        }
    }
}

pub(super) fn env(config: &Config, now: Now) -> Env<'_> {
    Env {
        capabilities: &config.capabilities,
        limits: &config.limits,
        now,
    }
}

/// The error of everything that needs credentials which were refused before.
pub(super) fn refused_credentials(registry: &Registry) -> Error {
    Error::new(
        ErrorKind::Unauthorized,
        format!("{registry} refused the credentials known for it; log in again"),
    )
}
