//! What a session wants of its host, as a tagged union.

use ocirepo::Digest;
use ocirepo::exchange::Body;
use ocirepo::session::{Event, Output, Request};

use crate::OCIREPO_NOTHING;
use crate::source::ocirepo_source;
use crate::text::{Store, ocirepo_bytes, ocirepo_pair, ocirepo_str};
use crate::versioned::{Versioned, zeroed};

/// What the host is to do next.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_output_kind {
    /// Nothing until input comes, or until a moment: `u.wait`.
    Wait = 0,
    /// Perform a request: `u.request`.
    Request = 1,
    /// Drop an exchange; nothing more is expected of it: `u.exchange`.
    Abort = 2,
    /// Answer with `ocirepo_session_credentials`, now or later: `u.registry`.
    Credentials = 3,
    /// Something for people and logs: `u.event`.
    Event = 4,
    /// An operation ended, take its result: `u.operation`.
    Done = 5,
}

/// What a request carries.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_body_kind {
    /// Nothing; `POST`, `PUT` and `PATCH` need `Content-Length: 0`.
    Empty = 0,
    /// `body`.
    Bytes = 1,
    /// `source_len` bytes of the blob from `source_offset` on, each chunk shown to `source`
    /// first.
    Source = 2,
}

/// What is worth telling.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_event_kind {
    /// One of a newer core that this library has no words for.
    Other = 0,
    /// The registry sent a warning: `registry` and `text`.
    Warning = 1,
    /// An operation waits `wait_ms` before it tries again, because of `text`.
    Retry = 2,
    /// A response led to another place, whose origin is `text`.
    Redirect = 3,
}

/// A registry.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_registry {
    /// `https` or `http`.
    pub scheme: ocirepo_str,
    /// `host[:port]`.
    pub name: ocirepo_str,
}

/// A request for the host to perform: as it is, without following redirects.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_request {
    /// Names the exchange in everything the host reports of it.
    pub exchange: u64,
    /// The operation it serves; `OCIREPO_NOTHING` for what serves several, such as a token.
    pub operation: u64,
    /// The registry it is made for, wherever it goes.
    pub registry: ocirepo_registry,
    /// The method.
    pub method: ocirepo_str,
    /// Where to send it.
    pub url: ocirepo_str,
    /// All header fields but those of the connection: `Host`, `Content-Length`, `User-Agent`.
    pub headers: *const ocirepo_pair,
    /// How many they are.
    pub headers_len: usize,
    /// An `ocirepo_body_kind`.
    pub body_kind: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// For `OCIREPO_BODY_KIND_BYTES`.
    pub body: ocirepo_bytes,
    /// For `OCIREPO_BODY_KIND_SOURCE`: the offset of the first byte in the blob.
    pub source_offset: u64,
    /// And how many to send.
    pub source_len: u64,
    /// The host's from now on, until it is given back with `ocirepo_session_sent` or
    /// `ocirepo_session_lost`, or freed after an abort.
    pub source: *mut ocirepo_source,
}

/// Something for people and logs.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_event {
    /// An `ocirepo_event_kind`.
    pub kind: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// Which operation it is about, or `OCIREPO_NOTHING`.
    pub operation: u64,
    /// Who warns.
    pub registry: ocirepo_registry,
    /// What there is to say; URLs in it have no secrets.
    pub text: ocirepo_str,
    /// How long the operation waits, in milliseconds.
    pub wait_ms: u64,
}

/// The present one of these.
#[repr(C)]
#[derive(Clone, Copy)]
pub union ocirepo_output_data {
    /// When to call `ocirepo_session_timeout`, on the monotonic clock in milliseconds;
    /// `OCIREPO_NOTHING` for never.
    pub wait: u64,
    /// The request.
    pub request: ocirepo_request,
    /// The exchange to drop.
    pub exchange: u64,
    /// Who wants credentials.
    pub registry: ocirepo_registry,
    /// The event.
    pub event: ocirepo_event,
    /// The operation that ended.
    pub operation: u64,
}

/// What the host is to do next. Pointers in it hold until the next call on the session.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_output {
    /// `sizeof(ocirepo_output)`.
    pub size: usize,
    /// An `ocirepo_output_kind`.
    pub kind: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// What belongs to the kind.
    pub u: ocirepo_output_data,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_output {}

fn registry(registry: &ocirepo::reference::Registry, store: &mut Store) -> ocirepo_registry {
    ocirepo_registry {
        scheme: store.text(registry.scheme().as_str()),
        name: store.text(registry.authority()),
    }
}

/// Everything but the request's source, which only the session can say whose it is.
pub(crate) fn output(from: &mut Output, store: &mut Store) -> ocirepo_output {
    let (kind, u) = match from {
        Output::Wait { until } => {
            let wait = until.unwrap_or(OCIREPO_NOTHING);
            (ocirepo_output_kind::Wait, ocirepo_output_data { wait })
        }
        Output::Request(from) => {
            let request = request(from, store);
            (
                ocirepo_output_kind::Request,
                ocirepo_output_data { request },
            )
        }
        Output::Abort(exchange) => {
            let exchange = exchange.get();
            (ocirepo_output_kind::Abort, ocirepo_output_data { exchange })
        }
        Output::Credentials { registry: from } => {
            let registry = registry(from, store);
            (
                ocirepo_output_kind::Credentials,
                ocirepo_output_data { registry },
            )
        }
        Output::Event(from) => {
            let event = event(from, store);
            (ocirepo_output_kind::Event, ocirepo_output_data { event })
        }
        Output::Done(operation) => {
            let operation = operation.get();
            (ocirepo_output_kind::Done, ocirepo_output_data { operation })
        }
    };
    ocirepo_output {
        kind: kind as u32,
        u,
        ..zeroed()
    }
}

fn request(from: &mut Request, store: &mut Store) -> ocirepo_request {
    let headers: Vec<ocirepo_pair> = from
        .headers
        .iter()
        .map(|(name, value)| ocirepo_pair {
            name: store.text(name),
            value: store.text(value),
        })
        .collect();
    let (mut body, mut range) = (ocirepo_bytes::EMPTY, 0..0);
    let body_kind = match &mut from.body {
        Body::Empty => ocirepo_body_kind::Empty,
        Body::Bytes(bytes) => {
            body = store.bytes(std::mem::take(bytes));
            ocirepo_body_kind::Bytes
        }
        Body::Source(asked) => {
            range = asked.clone();
            ocirepo_body_kind::Source
        }
    };
    ocirepo_request {
        exchange: from.exchange.get(),
        operation: from.operation.map_or(OCIREPO_NOTHING, |id| id.get()),
        registry: registry(&from.registry, store),
        method: store.text(from.method.as_str()),
        url: store.text(from.url.as_str()),
        headers_len: headers.len(),
        headers: store.pairs(headers),
        body_kind: body_kind as u32,
        reserved: 0,
        body,
        source_offset: range.start,
        source_len: range.end.saturating_sub(range.start),
        source: std::ptr::null_mut(),
    }
}

fn event(from: &Event, store: &mut Store) -> ocirepo_event {
    let nobody = ocirepo_registry {
        scheme: ocirepo_str::EMPTY,
        name: ocirepo_str::EMPTY,
    };
    let mut event = ocirepo_event {
        kind: ocirepo_event_kind::Other as u32,
        reserved: 0,
        operation: OCIREPO_NOTHING,
        registry: nobody,
        text: ocirepo_str::EMPTY,
        wait_ms: 0,
    };
    match from {
        Event::Warning {
            registry: from,
            text,
        } => {
            event.kind = ocirepo_event_kind::Warning as u32;
            event.registry = registry(from, store);
            event.text = store.text(text);
        }
        Event::Retry {
            operation,
            reason,
            wait_ms,
        } => {
            event.kind = ocirepo_event_kind::Retry as u32;
            event.operation = operation.map_or(OCIREPO_NOTHING, |id| id.get());
            event.text = store.text(reason);
            event.wait_ms = *wait_ms;
        }
        Event::Redirect { operation, to } => {
            event.kind = ocirepo_event_kind::Redirect as u32;
            event.operation = operation.map_or(OCIREPO_NOTHING, |id| id.get());
            event.text = store.text(to);
        }
        other => event.text = store.text(format!("{other:?}")),
    }
    event
}

/// A digest as text.
pub(crate) fn digest_text(digest: Digest, store: &mut Store) -> ocirepo_str {
    store.text(digest.to_string())
}
