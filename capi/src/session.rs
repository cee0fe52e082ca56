//! A session and its driving.

use std::collections::BTreeMap;
use std::mem::MaybeUninit;
use std::sync::Arc;

use http::StatusCode;
use ocirepo::exchange::{ExchangeId, Head};
use ocirepo::operation::OperationId;
use ocirepo::retry::Cause;
use ocirepo::session::{Config, Destination, Input, Output, Session};
use ocirepo::{Error, Now};
use url::Url;

use crate::config::{ocirepo_config, ocirepo_credentials, to_config, to_credentials};
use crate::output::{self, ocirepo_output};
use crate::reference;
use crate::result::{Value, ocirepo_result};
use crate::sink::{Origin, ocirepo_sink};
use crate::source::ocirepo_source;
use crate::start::Asked;
use crate::status::{
    Answer, Common, Handle, Misuse, enter, free, ocirepo_status, outside, required,
};
use crate::text::{headers, list, ocirepo_bytes, ocirepo_pair, ocirepo_str};
use crate::versioned::{self, Versioned, zeroed};

/// A set of operations that share tokens, queues and one host. One call at a time; which thread
/// makes it does not matter.
pub struct ocirepo_session {
    pub(crate) common: Common,
    pub(crate) session: Session,
    identity: Arc<()>,
    /// Where the exchanges stand that have not ended.
    exchanges: BTreeMap<u64, Phase>,
    /// One more than the highest id of an exchange so far.
    next_exchange: u64,
    operations: BTreeMap<u64, Begun>,
    /// One more than the highest id of an operation so far.
    next_operation: u64,
}

/// What the host owes the session of an exchange.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// The source, then the head.
    Sending,
    /// The head.
    Waiting,
    /// The body.
    Collecting,
    /// The end of the body, with its sink.
    Streaming,
}

/// An operation whose result was not taken.
struct Begun {
    asked: Asked,
    /// Whether the host was told that it ended.
    ended: bool,
    forgotten: bool,
}

/// The time, on both of the host's clocks.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_now {
    /// Milliseconds since any fixed moment, on a clock that never goes back.
    pub monotonic_ms: u64,
    /// Seconds since 1970.
    pub unix_secs: u64,
}

impl From<ocirepo_now> for Now {
    fn from(now: ocirepo_now) -> Self {
        Self {
            monotonic_ms: now.monotonic_ms,
            unix_secs: now.unix_secs,
        }
    }
}

/// The status line and header fields of a response.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_head {
    /// `sizeof(ocirepo_head)`.
    pub size: usize,
    /// The status, 100 to 999.
    pub status: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// The header fields.
    pub headers: *const ocirepo_pair,
    /// How many they are.
    pub headers_len: usize,
    /// Where the response came from, when the host followed redirects itself; else empty.
    pub url: ocirepo_str,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_head {}

/// Where the host puts the body of a response.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_destination {
    /// Nowhere: the exchange is over.
    Discard = 0,
    /// To the session, with `ocirepo_session_data`, then `ocirepo_session_end`.
    Collect = 1,
    /// Through the sink to wherever the caller wants it, then `ocirepo_session_end`.
    Stream = 2,
}

/// Why an exchange was lost.
#[repr(u32)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ocirepo_cause {
    /// The name did not resolve, or no connection came about.
    Unreachable = 1,
    /// The certificate or the handshake was refused. Never tried again.
    Tls = 2,
    /// Nothing came for too long.
    Timeout = 3,
    /// The connection ended before the response did. When in doubt, this.
    Reset = 4,
    /// The server said that it did not look at the request.
    Unprocessed = 5,
    /// The host cannot tell.
    Opaque = 6,
    /// Something local failed, such as writing to disk. Never tried again.
    Local = 7,
}

fn cause(number: u32) -> Result<Cause, Misuse> {
    Ok(match number {
        1 => Cause::Unreachable,
        2 => Cause::Tls,
        3 => Cause::Timeout,
        4 => Cause::Reset,
        5 => Cause::Unprocessed,
        6 => Cause::Opaque,
        7 => Cause::Local,
        _ => return Err(Misuse::invalid("there is no such cause")),
    })
}

impl Handle for ocirepo_session {
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }
}

impl ocirepo_session {
    fn new(config: Config, seed: u64) -> Self {
        Self {
            common: Common::default(),
            session: Session::new(config, seed),
            identity: Arc::new(()),
            exchanges: BTreeMap::new(),
            next_exchange: 0,
            operations: BTreeMap::new(),
            next_operation: 0,
        }
    }

    /// What tells this session from others.
    pub(crate) fn identity(&self) -> Arc<()> {
        Arc::clone(&self.identity)
    }

    pub(crate) fn is(&self, identity: &Arc<()>) -> bool {
        Arc::ptr_eq(&self.identity, identity)
    }

    /// Keeps what was begun, and tells its id.
    pub(crate) fn begin(&mut self, asked: Asked) -> u64 {
        let id = asked.id().get();
        self.next_operation = self.next_operation.max(id + 1);
        let begun = Begun {
            asked,
            ended: false,
            forgotten: false,
        };
        self.operations.insert(id, begun);
        id
    }

    /// What came of an operation, once. `None` while it is under way.
    pub(crate) fn take(&mut self, id: u64) -> Result<Option<Result<Value, Error>>, Misuse> {
        let Some(begun) = self.operations.get(&id).filter(|begun| !begun.forgotten) else {
            return Err(self.no_operation(id));
        };
        let taken = begun.asked.take(&mut self.session);
        if taken.is_some() {
            self.operations.remove(&id);
        }
        Ok(taken)
    }

    fn no_operation(&self, id: u64) -> Misuse {
        match id < self.next_operation {
            true => Misuse::new(ocirepo_status::Ended, "its result was taken or forgotten"),
            false => Misuse::new(ocirepo_status::Unknown, "no such operation was begun"),
        }
    }

    fn phase(&mut self, exchange: u64) -> Result<Phase, Misuse> {
        self.exchanges
            .get(&exchange)
            .copied()
            .ok_or_else(|| match exchange < self.next_exchange {
                true => Misuse::new(ocirepo_status::Ended, "the exchange has ended"),
                false => Misuse::new(ocirepo_status::Unknown, "no such exchange was begun"),
            })
    }

    fn poll(&mut self, now: Now) -> ocirepo_output {
        let mut polled = self.session.poll(now);
        let mut shown = output::output(&mut polled, &mut self.common.store);
        match polled {
            Output::Request(request) => {
                let exchange = request.exchange.get();
                self.next_exchange = self.next_exchange.max(exchange + 1);
                let phase = match request.source {
                    None => Phase::Waiting,
                    Some(source) => {
                        let origin = Some(self.origin(exchange));
                        let source = Box::into_raw(ocirepo_source::new(source, origin));
                        shown.u.request.source = source;
                        Phase::Sending
                    }
                };
                self.exchanges.insert(exchange, phase);
            }
            Output::Abort(exchange) => {
                self.exchanges.remove(&exchange.get());
            }
            Output::Done(operation) => {
                let id = operation.get();
                if let Some(begun) = self.operations.get_mut(&id) {
                    begun.ended = true;
                    if begun.forgotten {
                        self.operations.remove(&id);
                    }
                }
            }
            Output::Wait { .. } | Output::Credentials { .. } | Output::Event(_) => {}
        }
        shown
    }

    fn origin(&self, exchange: u64) -> Origin {
        Origin {
            session: Arc::clone(&self.identity),
            exchange,
        }
    }

    /// Whether a sink or source that comes back was handed out for this exchange.
    fn own(&self, origin: Option<&Origin>, exchange: u64) -> Result<(), Misuse> {
        if origin.is_some_and(|origin| origin.is(&self.identity, exchange)) {
            return Ok(());
        }
        Err(Misuse::new(
            ocirepo_status::Foreign,
            "what was given back belongs to another exchange",
        ))
    }

    fn head(
        &mut self,
        now: Now,
        exchange: u64,
        head: Head,
    ) -> Result<(ocirepo_destination, *mut ocirepo_sink), Misuse> {
        match self.phase(exchange)? {
            Phase::Waiting => {}
            Phase::Sending => return Err(Misuse::order("the source was not given back yet")),
            Phase::Collecting | Phase::Streaming => {
                return Err(Misuse::order("the head was reported before"));
            }
        }
        if head.status.is_informational() {
            return Err(Misuse::order("an interim response is not reported"));
        }
        Ok(
            match self.session.head(now, ExchangeId::from(exchange), head) {
                Destination::Discard => {
                    self.exchanges.remove(&exchange);
                    (ocirepo_destination::Discard, std::ptr::null_mut())
                }
                Destination::Collect => {
                    self.exchanges.insert(exchange, Phase::Collecting);
                    (ocirepo_destination::Collect, std::ptr::null_mut())
                }
                Destination::Stream(sink) => {
                    self.exchanges.insert(exchange, Phase::Streaming);
                    let sink = ocirepo_sink::new(sink, Some(self.origin(exchange)));
                    (ocirepo_destination::Stream, Box::into_raw(sink))
                }
            },
        )
    }

    fn end(&mut self, now: Now, exchange: u64, sink: Option<Box<ocirepo_sink>>) -> Answer {
        match (self.phase(exchange)?, &sink) {
            (Phase::Collecting, None) => {}
            (Phase::Streaming, Some(sink)) => self.own(sink.origin.as_ref(), exchange)?,
            (Phase::Streaming, None) => {
                return Err(Misuse::invalid("the sink of the body is NULL"));
            }
            (Phase::Collecting, Some(_)) => {
                return Err(Misuse::new(
                    ocirepo_status::Foreign,
                    "the body of this exchange had no sink",
                ));
            }
            (Phase::Sending | Phase::Waiting, _) => {
                return Err(Misuse::order("the head was not reported yet"));
            }
        }
        self.exchanges.remove(&exchange);
        let input = Input::End {
            exchange: ExchangeId::from(exchange),
            sink: sink.map(|sink| sink.sink),
        };
        self.session.handle(now, input);
        Ok(ocirepo_status::Ok)
    }

    fn lost(
        &mut self,
        now: Now,
        exchange: u64,
        cause: Cause,
        sink: Option<Box<ocirepo_sink>>,
        source: Option<Box<ocirepo_source>>,
    ) -> Answer {
        self.phase(exchange)?;
        if let Some(sink) = &sink {
            self.own(sink.origin.as_ref(), exchange)?;
        }
        if let Some(source) = &source {
            self.own(source.origin.as_ref(), exchange)?;
        }
        self.exchanges.remove(&exchange);
        let input = Input::Lost {
            exchange: ExchangeId::from(exchange),
            cause,
            sink: sink.map(|sink| sink.sink),
            source: source.map(|source| source.source),
        };
        self.session.handle(now, input);
        Ok(ocirepo_status::Ok)
    }
}

/// Begins a session. The seed decides the jitter of waits; give each process another one. With
/// NULL for the config, the defaults. It is to be freed with `ocirepo_session_free`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_new(
    config: *const ocirepo_config,
    seed: u64,
    session: Option<&mut MaybeUninit<*mut ocirepo_session>>,
) -> ocirepo_status {
    let work = || {
        let place = required(session, "session")?;
        place.write(std::ptr::null_mut());
        let config = match config.is_null() {
            true => Config::default(),
            false => {
                // SAFETY: the caller's promise for a struct with a size.
                let config = unsafe { versioned::read(config, crate::config::defaults()) }?;
                // SAFETY: the caller's promise for the lists in it.
                unsafe { to_config(&config) }?
            }
        };
        place.write(Box::into_raw(Box::new(ocirepo_session::new(config, seed))));
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

/// Frees a session and everything it knows. Sinks and sources that the host still has remain
/// the host's to free.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_free(session: Option<Box<ocirepo_session>>) {
    free(session);
}

/// What the last call on the session had to say, for people; empty after it went well.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_message(session: Option<&ocirepo_session>) -> ocirepo_str {
    session.map_or(ocirepo_str::EMPTY, |session| session.common.message())
}

/// What the host is to do next. Drain it until `OCIREPO_OUTPUT_KIND_WAIT` after every input and
/// every new operation.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_poll(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
    output: *mut ocirepo_output,
) -> ocirepo_status {
    enter(session, |session| {
        // What is polled is gone, so a place for it must be there first.
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(output, zeroed()) }?;
        let shown = session.poll(now.into());
        // SAFETY: as above.
        unsafe { versioned::write(output, shown) }?;
        Ok(ocirepo_status::Ok)
    })
}

/// Takes the head of a response, and says where the body goes: an `ocirepo_destination`, with
/// the sink for `OCIREPO_DESTINATION_STREAM`, which is the host's until it is given back.
/// Interim (1xx) responses are not reported.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_head(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
    exchange: u64,
    head: *const ocirepo_head,
    destination: Option<&mut MaybeUninit<u32>>,
    sink: Option<&mut MaybeUninit<*mut ocirepo_sink>>,
) -> ocirepo_status {
    enter(session, |session| {
        let destination = required(destination, "destination")?;
        let sink = required(sink, "sink")?;
        destination.write(ocirepo_destination::Discard as u32);
        sink.write(std::ptr::null_mut());
        // SAFETY: the caller's promise for a struct with a size.
        let head = unsafe { versioned::read(head, zeroed()) }?;
        let status = u16::try_from(head.status).map_err(Misuse::malformed)?;
        // SAFETY: the caller's promise for text.
        let url = unsafe { head.url.optional() }?;
        let head = Head {
            status: StatusCode::from_u16(status).map_err(Misuse::malformed)?,
            // SAFETY: the caller's promise for lists.
            headers: unsafe { headers(head.headers, head.headers_len) }?,
            url: url.map(Url::parse).transpose().map_err(Misuse::malformed)?,
        };
        let (to, by) = session.head(now.into(), exchange, head)?;
        destination.write(to as u32);
        sink.write(by);
        Ok(ocirepo_status::Ok)
    })
}

/// Takes a part of a body that is to be collected.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_data(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
    exchange: u64,
    bytes: ocirepo_bytes,
) -> ocirepo_status {
    enter(session, |session| {
        // SAFETY: the caller's promise for bytes.
        let bytes = unsafe { list(bytes.data, bytes.len) }?;
        if session.phase(exchange)? != Phase::Collecting {
            return Err(Misuse::order("the body of this exchange is not collected"));
        }
        let exchange = ExchangeId::from(exchange);
        session
            .session
            .handle(now.into(), Input::Data { exchange, bytes });
        Ok(ocirepo_status::Ok)
    })
}

/// The body ended as the protocol says it should. The sink, if the body went to one, is given
/// back; it is gone whatever the status is.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_end(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
    exchange: u64,
    sink: Option<Box<ocirepo_sink>>,
) -> ocirepo_status {
    enter(session, |session| session.end(now.into(), exchange, sink))
}

/// The request body was sent, or the host stopped sending because the head of the response
/// came. The source is given back; it is gone whatever the status is.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_sent(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
    exchange: u64,
    source: Option<Box<ocirepo_source>>,
) -> ocirepo_status {
    enter(session, |session| {
        let source = required(source, "source")?;
        let phase = session.phase(exchange)?;
        session.own(source.origin.as_ref(), exchange)?;
        if phase != Phase::Sending {
            return Err(Misuse::order("the source was given back before"));
        }
        session.exchanges.insert(exchange, Phase::Waiting);
        let input = Input::Sent {
            exchange: ExchangeId::from(exchange),
            source: source.source,
        };
        session.session.handle(now.into(), input);
        Ok(ocirepo_status::Ok)
    })
}

/// The exchange ended early, because of an `ocirepo_cause`. Sink and source are given back if
/// there are any and they survived; they are gone whatever the status is. Everything the sink
/// took counts as written.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_lost(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
    exchange: u64,
    cause: u32,
    sink: Option<Box<ocirepo_sink>>,
    source: Option<Box<ocirepo_source>>,
) -> ocirepo_status {
    enter(session, |session| {
        let cause = self::cause(cause)?;
        session.lost(now.into(), exchange, cause, sink, source)
    })
}

/// Gives credentials for a registry, or NULL to go on without. May come unasked, and again when
/// the first ones were refused. The scheme may be left out for the usual one.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_credentials(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
    scheme: ocirepo_str,
    registry: ocirepo_str,
    credentials: *const ocirepo_credentials,
) -> ocirepo_status {
    enter(session, |session| {
        // SAFETY: the caller's promise for text.
        let registry = unsafe { reference::registry(scheme, registry) }?;
        // SAFETY: the caller's promise for structs and text.
        let credentials = unsafe { to_credentials(credentials) }?;
        let input = Input::Credentials {
            registry,
            credentials,
        };
        session.session.handle(now.into(), input);
        Ok(ocirepo_status::Ok)
    })
}

/// The moment of `OCIREPO_OUTPUT_KIND_WAIT` has come.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_timeout(
    session: Option<&mut ocirepo_session>,
    now: ocirepo_now,
) -> ocirepo_status {
    enter(session, |session| {
        session.session.handle(now.into(), Input::Timeout);
        Ok(ocirepo_status::Ok)
    })
}

/// Takes the result of an operation, once. `OCIREPO_STATUS_NONE` while it is under way,
/// `OCIREPO_STATUS_FAILED` when it failed. Pointers in it hold until the next call on the
/// session.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_session_take(
    session: Option<&mut ocirepo_session>,
    operation: u64,
    result: *mut ocirepo_result,
) -> ocirepo_status {
    enter(session, |session| {
        // What is taken is gone, so a place for it must be there first.
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(result, zeroed()) }?;
        let Some(taken) = session.take(operation)? else {
            return Ok(ocirepo_status::None);
        };
        let status = match &taken {
            Ok(_) => ocirepo_status::Ok,
            Err(_) => ocirepo_status::Failed,
        };
        let shown = crate::result::result(taken, &mut session.common.store);
        // SAFETY: as above.
        unsafe { versioned::write(result, shown) }?;
        Ok(status)
    })
}

/// Stops an operation. It ends like any other, with `OCIREPO_ERROR_KIND_CANCELLED`.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_cancel(
    session: Option<&mut ocirepo_session>,
    operation: u64,
) -> ocirepo_status {
    enter(session, |session| {
        if !session.operations.contains_key(&operation) {
            return Err(session.no_operation(operation));
        }
        session.session.cancel(OperationId::from(operation));
        Ok(ocirepo_status::Ok)
    })
}

/// Frees a result that nobody will take, now or when the operation ends.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_forget(
    session: Option<&mut ocirepo_session>,
    operation: u64,
) -> ocirepo_status {
    enter(session, |session| {
        let missing = session.no_operation(operation);
        let begun = session.operations.get_mut(&operation).ok_or(missing)?;
        begun.forgotten = true;
        if begun.ended {
            session.operations.remove(&operation);
        }
        session.session.forget(OperationId::from(operation));
        Ok(ocirepo_status::Ok)
    })
}

/// Whether no operation is under way; true for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_is_idle(session: Option<&ocirepo_session>) -> bool {
    session.is_none_or(|session| session.session.is_idle())
}

/// How many operations have results that were not taken, or are under way; 0 for NULL.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_session_operations(session: Option<&ocirepo_session>) -> u64 {
    session.map_or(0, |session| session.operations.len() as u64)
}
