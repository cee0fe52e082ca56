//! What a response means: a body to take, a redirect, a challenge, a failure to wait
//! out, or an answer for the machine.

use http::header::{CONTENT_ENCODING, CONTENT_LENGTH};
use http::{Method, StatusCode};

use super::engine::{env, refused_credentials};
use super::task::{Collected, Exchange, Full, Hop};
use super::{Destination, Event, Output, Session, Timer};
use crate::auth::challenge::{Challenge, Scheme};
use crate::auth::tokens::Used;
use crate::clock::Now;
use crate::endpoint;
use crate::error::{Error, ErrorKind};
use crate::exchange::{ExchangeId, Head};
use crate::link;
use crate::operation::{Authorize, Reject, Response, Step, Take};
use crate::redirect::{self, MOST_REDIRECTS};
use crate::reference::Registry;
use crate::retry::{self, Cause};
use crate::retry_after;
use crate::sink::BlobSink;

/// How often a request is sent to the registry again because storage that it led to
/// refused: signed URLs expire.
const MOST_DEAD_ENDS: u8 = 2;

/// The most warnings that are remembered, so that a registry cannot fill the memory.
const MOST_WARNINGS: usize = 1000;

impl Session {
    /// Takes the head of a response and says where its body goes.
    ///
    /// A head for an exchange that ended, or a second one, is answered with
    /// [`Destination::Discard`]. So is an interim (1xx) one, which the host need not
    /// report.
    pub fn head(&mut self, now: Now, exchange: ExchangeId, head: Head) -> Destination {
        let Some(state) = self.exchanges.get_mut(&exchange) else {
            return Destination::Discard;
        };
        if state.head.is_some() || head.status.is_informational() {
            return Destination::Discard;
        }
        // From here on the host watches that the body does not stall.
        if let Some(deadline) = state.deadline.take() {
            self.timers.remove(&(deadline, Timer::Head(exchange)));
        }
        let registry = state.registry.clone();
        let from_registry = redirect::may_authorize(&registry, &state.url);
        if let Some(url) = &head.url
            && self.config.capabilities.follows_redirects
        {
            if let Err(error) = link::check(&state.url, url, "Location") {
                return self.give_up(exchange, error);
            }
            state.followed = *url != state.url;
            state.url = url.clone();
        }
        if from_registry {
            self.warn(&registry, &head);
            if head.status != StatusCode::UNAUTHORIZED
                && let Some(state) = self.registries.get_mut(&registry)
            {
                state.access.answered();
                self.dirty.insert(registry);
            }
        }
        if head.status.is_success() {
            self.successful_head(now, exchange, head)
        } else {
            self.other_head(now, exchange, head)
        }
    }

    fn successful_head(&mut self, now: Now, exchange: ExchangeId, head: Head) -> Destination {
        let Some(state) = self.exchanges.get_mut(&exchange) else {
            return Destination::Discard;
        };
        let with_body = state.method != Method::HEAD;
        if with_body
            && !matches!(state.take, Take::Nothing)
            && let Some(error) = encoded(&head, self.config.capabilities.decodes_bodies)
        {
            return self.give_up(exchange, error);
        }
        match &state.take {
            _ if !with_body => {}
            Take::Nothing => {}
            Take::Collect { cap } => {
                let cap = *cap;
                if declared(&head).is_some_and(|declared| declared > cap) {
                    return self.give_up(exchange, too_large(cap));
                }
                state.collected.cap = cap;
                state.head = Some(head);
                return Destination::Collect;
            }
            Take::Window(range) => {
                let range = range.clone();
                let hides = self.config.capabilities.hides_headers;
                let asked = endpoint::blobs::Asked::Range(range.clone());
                match endpoint::blobs::body(&head, &asked, hides) {
                    Ok(body) if body.offset <= range.start => {
                        state.collected = Collected {
                            skip: range.start - body.offset,
                            cap: range.end.saturating_sub(range.start),
                            full: Full::Enough,
                            ..Collected::default()
                        };
                        state.head = Some(head);
                        return Destination::Collect;
                    }
                    Ok(_) => {
                        let error = Error::new(
                            ErrorKind::InvalidResponse,
                            "the registry answered with another range than was asked for",
                        );
                        return self.give_up(exchange, error.status(head.status));
                    }
                    Err(error) => return self.give_up(exchange, error),
                }
            }
            Take::Stream => return self.stream(now, exchange, head),
        }
        self.complete(now, exchange, head, None);
        Destination::Discard
    }

    /// Asks the machine for the sink of a body.
    fn stream(&mut self, now: Now, exchange: ExchangeId, head: Head) -> Destination {
        let Some(state) = self.exchanges.get_mut(&exchange) else {
            return Destination::Discard;
        };
        let operation = state.task;
        let Some(task) = self.tasks.get_mut(&operation) else {
            return Destination::Discard;
        };
        match task.machine.stream(&head, &env(&self.config, now)) {
            Ok(sink) => {
                state.head = Some(head);
                Destination::Stream(sink)
            }
            Err(Reject::Fail(error)) => self.give_up(exchange, error),
            Err(Reject::Restart) => {
                self.close_exchange(exchange);
                let error = Error::new(
                    ErrorKind::InvalidResponse,
                    "the registry answered with another range than was asked for",
                )
                .status(head.status);
                let retries = self.config.retry.retries;
                self.retry(now, operation, retries, Some(0), error);
                self.outputs.push_back(Output::Abort(exchange));
                Destination::Discard
            }
        }
    }

    fn other_head(&mut self, now: Now, exchange: ExchangeId, head: Head) -> Destination {
        let Some(state) = self.exchanges.get_mut(&exchange) else {
            return Destination::Discard;
        };
        if head.status.is_redirection() && !self.config.capabilities.follows_redirects {
            match redirect::follow(&state.method, &state.url, &head) {
                Ok(Some(to)) => {
                    self.redirected(exchange, to, head.status);
                    return Destination::Discard;
                }
                Ok(None) => {}
                Err(error) => return self.give_up(exchange, error),
            }
        }
        if state.method == Method::HEAD {
            self.complete(now, exchange, head, None);
            return Destination::Discard;
        }
        state.collected.cap = self.config.limits.error;
        state.collected.full = Full::Enough;
        state.head = Some(head);
        Destination::Collect
    }

    fn redirected(&mut self, exchange: ExchangeId, to: url::Url, status: StatusCode) {
        let Some(state) = self.close_exchange(exchange) else {
            return;
        };
        let Some(task) = self.tasks.get_mut(&state.task) else {
            return;
        };
        if state.authorize == Authorize::Itself && to.origin() != state.url.origin() {
            // It holds what the server may be shown and no one else.
            let error = Error::new(
                ErrorKind::Redirect,
                "the token server leads to another site",
            );
            return self.fail(state.task, error.at(&state.url).status(status));
        }
        let count = task.hop.as_ref().map_or(0, |hop| hop.count) + 1;
        if count > MOST_REDIRECTS {
            let error = Error::new(
                ErrorKind::Redirect,
                format!("more than {MOST_REDIRECTS} redirects"),
            );
            return self.fail(state.task, error.at(&state.url).status(status));
        }
        let mut shown = to.clone();
        shown.set_path("");
        shown.set_query(None);
        shown.set_fragment(None);
        task.hop = Some(Hop { url: to, count });
        self.outputs.push_back(Output::Event(Event::Redirect {
            operation: Some(state.task),
            to: shown.to_string(),
        }));
        self.enqueue(state.registry, state.task, true);
    }

    pub(super) fn data(&mut self, now: Now, exchange: ExchangeId, bytes: &[u8]) {
        let Some(state) = self.exchanges.get_mut(&exchange) else {
            return;
        };
        if state.head.is_none() || matches!((&state.take, state.success()), (Take::Stream, true)) {
            return;
        }
        let collected = &mut state.collected;
        collected.seen = collected.seen.saturating_add(bytes.len() as u64);
        let skip = usize::try_from(collected.skip).map_or(bytes.len(), |s| s.min(bytes.len()));
        collected.skip -= skip as u64;
        let fresh = &bytes[skip..];
        let room = collected.cap.saturating_sub(collected.bytes.len() as u64);
        let kept = usize::try_from(room).map_or(fresh.len(), |room| room.min(fresh.len()));
        collected.bytes.extend_from_slice(&fresh[..kept]);
        let over = kept < fresh.len();
        match collected.full {
            Full::TooLarge if over => {
                let error = too_large(collected.cap);
                self.outputs.push_back(Output::Abort(exchange));
                self.give_up(exchange, error);
            }
            Full::Enough if over || collected.bytes.len() as u64 == collected.cap => {
                self.outputs.push_back(Output::Abort(exchange));
                self.complete_with_stored_head(now, exchange, None);
            }
            Full::TooLarge | Full::Enough => {}
        }
    }

    pub(super) fn end(&mut self, now: Now, exchange: ExchangeId, sink: Option<BlobSink>) {
        let Some(state) = self.exchanges.get(&exchange) else {
            return;
        };
        let Some(head) = &state.head else {
            return self.lost(now, exchange, Cause::Reset, sink);
        };
        let streamed = matches!(state.take, Take::Stream) && state.success();
        let cut = if streamed {
            sink.is_none()
        } else {
            // The host's HTTP library may not have noticed.
            state.success()
                && !self.config.capabilities.decodes_bodies
                && declared(head).is_some_and(|declared| declared != state.collected.seen)
        };
        if cut {
            return self.lost(now, exchange, Cause::Reset, sink);
        }
        self.complete_with_stored_head(now, exchange, sink);
    }

    pub(super) fn lost(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        cause: Cause,
        sink: Option<BlobSink>,
    ) {
        let Some(state) = self.exchanges.get(&exchange) else {
            return;
        };
        // An error whose body was cut is still that error.
        if state.head.is_some() && !state.success() {
            return self.complete_with_stored_head(now, exchange, None);
        }
        let Some(state) = self.close_exchange(exchange) else {
            return;
        };
        // What could not be put where it belongs is not there, however much of it came.
        let sink = sink.filter(|_| cause != Cause::Local);
        let kind = match cause {
            Cause::Tls => ErrorKind::Tls,
            Cause::Local => ErrorKind::Local,
            _ => ErrorKind::Network,
        };
        let error = Error::new(kind, cause.to_string()).at(&state.url);
        let retries = cause.retries(&self.config.retry);
        self.interrupt(now, state.task, sink, retries, None, error);
    }

    fn complete_with_stored_head(
        &mut self,
        now: Now,
        exchange: ExchangeId,
        sink: Option<BlobSink>,
    ) {
        if let Some(head) = self
            .exchanges
            .get_mut(&exchange)
            .and_then(|state| state.head.take())
        {
            self.complete(now, exchange, head, sink);
        }
    }

    /// The response is all there: the session acts on it, or the machine does.
    fn complete(&mut self, now: Now, exchange: ExchangeId, head: Head, sink: Option<BlobSink>) {
        let Some(state) = self.close_exchange(exchange) else {
            return;
        };
        let operation = state.task;
        let Some(task) = self.tasks.get_mut(&operation) else {
            return;
        };
        task.recovering = task.machine.is_recovering();
        let response = Response {
            head,
            url: state.url.clone(),
            body: state.collected.bytes.clone(),
            sink,
        };
        let status = response.status();
        let at_registry = redirect::may_authorize(&state.registry, &state.url);
        if status == StatusCode::UNAUTHORIZED
            && state.authorize == Authorize::Registry
            && at_registry
        {
            return self.unauthorized(now, &state, response);
        }
        if retry::is_transient(status) {
            let after = retry_after::parse(&response.head, now.unix_secs);
            let retries = self.config.retry.retries;
            let error = response.failure();
            return self.interrupt(now, operation, response.sink, retries, after, error);
        }
        let led_away = task.hop.is_some() || state.followed;
        if status.is_client_error() && led_away && task.dead_ends < MOST_DEAD_ENDS {
            task.dead_ends += 1;
            task.hop = None;
            return self.enqueue(state.registry, operation, true);
        }
        let step = task.machine.response(response, &env(&self.config, now));
        self.advance(now, operation, step);
    }

    /// A 401 of the registry: learns from it how to be authorised, then lets the same
    /// request try again.
    fn unauthorized(&mut self, now: Now, state: &Exchange, response: Response) {
        let operation = state.task;
        let (Some(task), Some(known)) = (
            self.tasks.get_mut(&operation),
            self.registries.get_mut(&state.registry),
        ) else {
            return;
        };
        let access = &mut known.access;
        match state.used {
            Used::Nothing => {}
            Used::Password | Used::Static => {
                access.refused();
                let error = refused_credentials(&state.registry).status(response.status());
                return self.fail(operation, error.at(&response.url));
            }
            Used::Token(id) => {
                access.invalidate(id);
                if std::mem::replace(&mut task.renewed, true) {
                    // Some requests are only short cuts: the machine may know another way.
                    let step = task.machine.response(response, &env(&self.config, now));
                    return self.advance(now, operation, step);
                }
            }
        }
        let challenges = Challenge::all(&response.head);
        let bearer = challenges.iter().find_map(Challenge::bearer);
        let basic = challenges.iter().any(|c| *c.scheme() == Scheme::Basic);
        let hides = self.config.capabilities.hides_headers;
        match bearer {
            Some(Ok(bearer)) => {
                task.asked_scopes.extend(bearer.scopes.iter().cloned());
                access.wants_token(bearer);
            }
            _ if basic && state.used == Used::Nothing => access.wants_password(),
            Some(Err(error)) => return self.fail(operation, error),
            None if challenges.is_empty() && hides => {
                let error = Error::new(
                    ErrorKind::Capability,
                    "the registry wants a login, but this page may not see how; \
                     the registry must expose the header `WWW-Authenticate`",
                )
                .hidden("WWW-Authenticate");
                return self.fail(operation, error.at(&response.url).status(response.status()));
            }
            None => {
                let error = response.failure();
                return self.fail(operation, error);
            }
        }
        if state.from_source {
            // The registry may have taken some of it: ask before sending it again.
            if let Step::Done(result) = task.machine.interrupted(None) {
                return self.finish(operation, result);
            }
        }
        let registry = task.machine.registry().clone();
        self.enqueue(registry, operation, true);
    }

    /// Ends an exchange and its operation.
    fn give_up(&mut self, exchange: ExchangeId, error: Error) -> Destination {
        if let Some(state) = self.close_exchange(exchange) {
            self.fail(state.task, error.at(&state.url));
        }
        Destination::Discard
    }

    fn warn(&mut self, registry: &Registry, head: &Head) {
        for text in endpoint::warning(head) {
            let text: String = text.chars().filter(|c| !c.is_control()).take(500).collect();
            let key = (registry.clone(), text);
            if self.warned.len() < MOST_WARNINGS && self.warned.insert(key.clone()) {
                let (registry, text) = key;
                self.outputs
                    .push_back(Output::Event(Event::Warning { registry, text }));
            }
        }
    }
}

impl Exchange {
    fn success(&self) -> bool {
        self.head
            .as_ref()
            .is_some_and(|head| head.status.is_success())
    }
}

/// The declared length of a body, in bytes.
fn declared(head: &Head) -> Option<u64> {
    head.text(CONTENT_LENGTH)?.trim().parse().ok()
}

fn encoded(head: &Head, decodes: bool) -> Option<Error> {
    let encoding = head.text(CONTENT_ENCODING)?;
    let plain = encoding.trim().is_empty() || encoding.trim().eq_ignore_ascii_case("identity");
    (!plain && !decodes).then(|| {
        Error::new(
            ErrorKind::InvalidResponse,
            format!(
                "the body is encoded as `{}`, although it was asked for as it is",
                encoding.escape_default()
            ),
        )
        .status(head.status)
    })
}

fn too_large(cap: u64) -> Error {
    Error::new(
        ErrorKind::TooLarge,
        format!("the response is larger than {cap} bytes, the limit for it"),
    )
}
