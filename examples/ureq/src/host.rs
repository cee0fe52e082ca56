//! A whole host: the session driven by hand over a blocking HTTP library.
//!
//! Every request that is under way has a thread, and there are never more of them than the
//! session's `concurrency` allows. The session is behind a lock that is held for one call at
//! a time; sinks and sources stay with the threads that move the bytes.

#![expect(
    clippy::disallowed_methods,
    reason = "hosts have the clocks that the session does without"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use ocirepo::auth::Credentials;
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::operation::OperationId;
use ocirepo::reference::Registry;
use ocirepo::retry::Cause;
use ocirepo::session::{Config, Destination, Event, Input, Output, Request};
use ocirepo::sink::{BlobSink, Keep};
use ocirepo::source::BlobSource;
use ocirepo::{Now, Session};
use ureq::http::{Method, Response};
use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};

/// Answers the session's question for credentials.
pub(crate) type Ask = Box<dyn Fn(&Registry) -> Option<Credentials> + Send + Sync>;

/// What a host is set up with.
pub(crate) struct Options {
    pub(crate) session: Config,
    /// How long the next bytes of a body may take.
    pub(crate) stall: Duration,
    /// Certificates in PEM to trust, instead of those built in.
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) credentials: Ask,
    pub(crate) on_event: Box<dyn Fn(&Event) + Send + Sync>,
}

/// A session with the threads that perform its requests. Clones are the same.
#[derive(Clone)]
pub(crate) struct Host(Arc<Shared>);

struct Shared {
    options: Options,
    agent: ureq::Agent,
    start: Instant,
    state: Mutex<State>,
    /// Told when an operation ended or the next wait is another one.
    changed: Condvar,
}

struct State {
    session: Session,
    /// Exchanges that the session did not drop.
    live: BTreeSet<ExchangeId>,
    transfers: BTreeMap<OperationId, Transfer>,
    done: Vec<OperationId>,
    until: Option<u64>,
}

/// The bytes of an operation on this side.
struct Transfer {
    file: Arc<Mutex<File>>,
    /// Cancel the operation when so many bytes were moved.
    cancel: Option<u64>,
}

impl Host {
    pub(crate) fn new(options: Options) -> Self {
        let head = Duration::from_millis(options.session.head_timeout_ms);
        let mut agent = ureq::Agent::config_builder()
            .http_status_as_error(false) // statuses are for the session to judge,
            .max_redirects(0) // and so are redirects
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(head.saturating_mul(5))) // as patient as it ever is
            .timeout_per_read(Some(options.stall));
        if let Some(pem) = &options.authorities {
            let certificates = parse_pem(pem).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            let roots = RootCerts::from(certificates);
            agent = agent.tls_config(TlsConfig::builder().root_certs(roots).build());
        }
        Self(Arc::new(Shared {
            agent: agent.build().new_agent(),
            start: Instant::now(),
            state: Mutex::new(State {
                session: Session::new(options.session.clone(), u64::from(std::process::id())),
                live: BTreeSet::new(),
                transfers: BTreeMap::new(),
                done: Vec::new(),
                until: None,
            }),
            changed: Condvar::new(),
            options,
        }))
    }

    /// Starts an operation. Nothing happens before [`run`](Self::run).
    pub(crate) fn start<T>(&self, start: impl FnOnce(&mut Session) -> T) -> T {
        start(&mut self.lock().session)
    }

    /// Says where the bytes of an operation go, or come from.
    pub(crate) fn attach(&self, operation: OperationId, file: File, cancel: Option<u64>) {
        let file = Arc::new(Mutex::new(file));
        let transfers = &mut self.lock().transfers;
        transfers.insert(operation, Transfer { file, cancel });
    }

    /// Works until every operation has ended. `done` takes the results.
    pub(crate) fn run<E>(
        &self,
        mut done: impl FnMut(&mut Session, OperationId) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut state = self.lock();
        self.drain(&mut state);
        loop {
            for operation in std::mem::take(&mut state.done) {
                state.transfers.remove(&operation);
                done(&mut state.session, operation)?;
            }
            if state.session.is_idle() {
                return Ok(());
            }
            let now = self.now().monotonic_ms;
            let wait = state.until.map_or(u64::MAX, |at| at.saturating_sub(now));
            if wait == 0 {
                state.session.handle(self.now(), Input::Timeout);
                self.drain(&mut state);
            } else {
                let wait = Duration::from_millis(wait.min(60_000));
                let waited = self.0.changed.wait_timeout(state, wait);
                state = waited.unwrap_or_else(PoisonError::into_inner).0;
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        let state = self.0.state.lock();
        state.unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Now {
        let date = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            monotonic_ms: self.0.start.elapsed().as_millis() as u64,
            unix_secs: date.map_or(0, |date| date.as_secs()),
        }
    }

    /// Tells the session something and does what it then wants.
    fn handle(&self, input: Input<'_>) {
        let mut state = self.lock();
        state.session.handle(self.now(), input);
        self.drain(&mut state);
    }

    /// Takes everything the session has to say, as is due after every input.
    fn drain(&self, state: &mut State) {
        state.until = loop {
            match state.session.poll(self.now()) {
                Output::Request(request) => {
                    state.live.insert(request.exchange);
                    let host = self.clone();
                    thread::spawn(move || host.perform(*request));
                }
                Output::Abort(exchange) => {
                    state.live.remove(&exchange);
                }
                Output::Credentials { registry } => {
                    let credentials = (self.0.options.credentials)(&registry);
                    let input = Input::Credentials {
                        registry,
                        credentials,
                    };
                    state.session.handle(self.now(), input);
                }
                Output::Event(event) => (self.0.options.on_event)(&event),
                Output::Done(operation) => state.done.push(operation),
                Output::Wait { until } => break until,
            }
        };
        self.0.changed.notify_all();
    }

    /// One request and its response, on a thread of its own.
    fn perform(&self, mut request: Request) {
        let exchange = request.exchange;
        let ends = self.ends(request.operation);
        let mut source = request.source.take();
        let sent = self.send(request, &mut source, ends.as_ref());
        if let Some(source) = source.take_if(|_| sent.is_ok()) {
            // The head came before everything was sent.
            self.handle(Input::Sent { exchange, source });
        }
        match sent {
            Ok(response) => self.receive(exchange, response, ends.as_ref()),
            Err(cause) => self.lost(exchange, cause, None, source),
        }
    }

    /// Sends a request and waits for the head of the response. What is left in `source`
    /// was not given back to the session.
    fn send(
        &self,
        request: Request,
        source: &mut Option<BlobSource>,
        ends: Option<&Ends>,
    ) -> Result<Response<ureq::Body>, Cause> {
        let agent = &self.0.agent;
        let length = request.body.len();
        let mut builder = ureq::http::Request::builder()
            .method(&request.method)
            .uri(request.url.as_str());
        if let Some(headers) = builder.headers_mut() {
            *headers = request.headers;
        }
        let local = |_| Cause::Local;
        let response = match request.body {
            Body::Source(range) => {
                let mut reading = Reading {
                    host: self,
                    exchange: request.exchange,
                    ends: ends.ok_or(Cause::Local)?,
                    at: range.start,
                    end: range.end,
                    source,
                    failed: false,
                };
                let body = ureq::SendBody::from_reader(&mut reading);
                let request = builder.header("content-length", length).body(body);
                let response = agent.run(request.map_err(local)?);
                if reading.failed {
                    return Err(Cause::Local);
                }
                response
            }
            Body::Bytes(bytes) => agent.run(builder.body(bytes).map_err(local)?),
            // With a length of 0, where servers want one.
            Body::Empty if has_body(&request.method) => {
                agent.run(builder.body(&[] as &[u8]).map_err(local)?)
            }
            Body::Empty => agent.run(builder.body(()).map_err(local)?),
        };
        response.map_err(|error| cause(&error))
    }

    /// Reads a body to its end, or until the session has seen enough of it. Blobs go
    /// through the sink to the file; the session sees manifests, tokens and errors only.
    fn receive(&self, exchange: ExchangeId, response: Response<ureq::Body>, ends: Option<&Ends>) {
        let (parts, body) = response.into_parts();
        let head = Head {
            status: parts.status,
            headers: parts.headers,
            url: None,
        };
        let destination = {
            let mut state = self.lock();
            let destination = state.session.head(self.now(), exchange, head);
            self.drain(&mut state);
            destination
        };
        let mut sink = match destination {
            Destination::Discard => return,
            Destination::Collect => None,
            Destination::Stream(sink) => Some(sink),
        };
        let mut body = body.into_reader();
        let mut buffer = vec![0; 64 << 10];
        while self.lock().live.contains(&exchange) {
            let bytes = match body.read(&mut buffer) {
                Ok(0) => return self.handle(Input::End { exchange, sink }),
                Ok(read) => &buffer[..read],
                Err(error) => return self.lost(exchange, cause(&error.into()), sink, None),
            };
            let Some(taking) = &mut sink else {
                self.handle(Input::Data { exchange, bytes });
                continue;
            };
            let Some(ends) = ends else {
                return self.lost(exchange, Cause::Local, sink, None);
            };
            let Ok(keep) = taking.chunk(bytes) else {
                // Longer than declared: dropping the body closes the connection.
                return self.lost(exchange, Cause::Reset, sink, None);
            };
            if ends.write(keep).is_err() {
                return self.lost(exchange, Cause::Local, None, None);
            }
            self.moved(ends, taking.offset());
        }
    }

    fn lost(
        &self,
        exchange: ExchangeId,
        cause: Cause,
        sink: Option<BlobSink>,
        source: Option<BlobSource>,
    ) {
        self.handle(Input::Lost {
            exchange,
            cause,
            sink,
            source,
        });
    }

    /// Where the bytes of an operation go or come from.
    fn ends(&self, operation: Option<OperationId>) -> Option<Ends> {
        let operation = operation?;
        let file = Arc::clone(&self.lock().transfers.get(&operation)?.file);
        Some(Ends { operation, file })
    }

    /// Notes how far an operation is, and cancels it where that is wanted.
    fn moved(&self, ends: &Ends, bytes: u64) {
        let mut state = self.lock();
        let transfer = state.transfers.get_mut(&ends.operation);
        let due = |transfer: &mut Transfer| transfer.cancel.take_if(|most| bytes >= *most);
        if transfer.and_then(due).is_some() {
            state.session.cancel(ends.operation);
            self.drain(&mut state);
        }
    }
}

/// The end of a transfer on this side. No two threads use it at once, for an operation has
/// one exchange at a time; but one that was dropped may still be in the middle of a call.
struct Ends {
    operation: OperationId,
    file: Arc<Mutex<File>>,
}

impl Ends {
    fn lock(&self) -> MutexGuard<'_, File> {
        self.file.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn write(&self, keep: Keep<'_>) -> io::Result<()> {
        let mut file = self.lock();
        file.seek(SeekFrom::Start(keep.offset))?;
        file.write_all(keep.bytes)
    }

    fn read(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let mut file = self.lock();
        file.seek(SeekFrom::Start(offset))?;
        file.read_exact(buffer)
    }
}

/// The body of an upload: read from the file, shown to the source, then sent.
struct Reading<'a> {
    host: &'a Host,
    exchange: ExchangeId,
    ends: &'a Ends,
    at: u64,
    end: u64,
    source: &'a mut Option<BlobSource>,
    /// Whether this side is to blame when the request is lost.
    failed: bool,
}

impl Reading<'_> {
    fn next(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.ends.read(self.at, buffer)?;
        let source = self.source.as_mut();
        let source = source.ok_or_else(|| io::Error::other("the source is gone"))?;
        source.chunk(self.at, buffer).map_err(io::Error::other)
    }
}

impl Read for Reading<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let rest = usize::try_from(self.end - self.at).unwrap_or(usize::MAX);
        let length = rest.min(buffer.len());
        if length == 0 {
            return Ok(0);
        }
        self.next(&mut buffer[..length])
            .inspect_err(|_| self.failed = true)?;
        self.at += length as u64;
        self.host.moved(self.ends, self.at);
        if self.at == self.end
            && let Some(source) = self.source.take()
        {
            // The time limit for the head runs from here.
            let exchange = self.exchange;
            self.host.handle(Input::Sent { exchange, source });
        }
        Ok(length)
    }
}

fn has_body(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}

/// Whether it is worth another try is for the session to know.
fn cause(error: &ureq::Error) -> Cause {
    match error {
        ureq::Error::Timeout(_) => Cause::Timeout,
        ureq::Error::HostNotFound | ureq::Error::ConnectionFailed => Cause::Unreachable,
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
            Cause::Unreachable
        }
        ureq::Error::Tls(_) | ureq::Error::Rustls(_) => Cause::Tls,
        ureq::Error::Io(error) if error.kind() == io::ErrorKind::InvalidData => Cause::Tls,
        _ => Cause::Reset,
    }
}
