//! A host without a network: drives a session against registries in memory.
//!
//! It performs what [`Session::poll`] asks for, on a clock of its own, and acts out
//! what a [`Fault`] says. Splits of bodies, the order of exchanges and random losses
//! come from a seed, so every run can be repeated.
//!
//! ```
//! use ocirepo::reference::Location;
//! use ocirepo::session::{Config, Session};
//! use ocirepo_registry::simulator::Simulator;
//!
//! let place: Location = "oci://registry.example/demo".parse()?;
//! let mut simulator = Simulator::new(1);
//! let digest = simulator
//!     .registry("https://registry.example")
//!     .put_blob("demo", &b"hello"[..]);
//!
//! let mut session = Session::new(Config::default(), 1);
//! let blob = session.pull_blob_bytes(place.repository(), digest, 100);
//! simulator.run(&mut session);
//! assert_eq!(session.take(blob).unwrap()?, b"hello");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeMap;

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode};
use ocirepo::auth::Credentials;
use ocirepo::clock::Now;
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::operation::OperationId;
use ocirepo::reference::Registry as Address;
use ocirepo::retry::Cause;
use ocirepo::session::{Destination, Event, Input, Output, Request, Session};
use ocirepo::sink::BlobSink;
use url::Url;

use crate::{Config, Fault, Registry};

/// How the simulated network and host behave.
#[derive(Clone, Copy, Debug, Default)]
pub struct Weather {
    /// The most bytes of a chunk; 0 leaves bodies whole.
    pub chunk: usize,
    /// Of a thousand steps, how many lose their exchange.
    pub losses: u32,
    /// Of a thousand losses, how many lose the sink or the source too.
    pub forgets: u32,
}

/// One request as it went over the wire.
#[derive(Clone, Debug)]
pub struct Sent {
    /// The operation it served.
    pub operation: Option<OperationId>,
    /// The method.
    pub method: Method,
    /// Where it went.
    pub url: Url,
    /// Its header fields.
    pub headers: HeaderMap,
    /// What it was to send.
    pub body: Body,
    /// The status of the answer, if one came.
    pub status: Option<StatusCode>,
}

/// A host in memory.
#[derive(Debug)]
pub struct Simulator {
    registries: BTreeMap<String, Registry>,
    credentials: BTreeMap<Address, Credentials>,
    /// How the network behaves.
    pub weather: Weather,
    /// What operations push, by operation.
    pub sources: BTreeMap<OperationId, Bytes>,
    /// What operations pulled through sinks, by operation.
    pub files: BTreeMap<OperationId, Vec<u8>>,
    /// How far sources were read for what operations push, by operation.
    pub read: BTreeMap<OperationId, u64>,
    /// Every request, in order.
    pub sent: Vec<Sent>,
    /// Every event, in order.
    pub events: Vec<Event>,
    /// Operations in the order in which they ended.
    pub done: Vec<OperationId>,
    /// How often the session asked for credentials.
    pub asked: usize,
    /// The largest number of requests that were under way at once.
    pub most_in_flight: usize,
    now: Now,
    random: u64,
    flights: Vec<Flight>,
}

/// One exchange on its way.
#[derive(Debug)]
struct Flight {
    exchange: ExchangeId,
    operation: Option<OperationId>,
    index: usize,
    stage: Stage,
}

#[derive(Debug)]
enum Stage {
    Request(Box<Request>, usize),
    Head(http::Response<Bytes>),
    Body {
        body: Bytes,
        at: usize,
        /// Why there is no more of it.
        cut: Option<Cause>,
        sink: Option<BlobSink>,
    },
}

impl Simulator {
    /// A host that can reach nothing yet.
    pub fn new(seed: u64) -> Self {
        Self {
            registries: BTreeMap::new(),
            credentials: BTreeMap::new(),
            weather: Weather::default(),
            sources: BTreeMap::new(),
            files: BTreeMap::new(),
            read: BTreeMap::new(),
            sent: Vec::new(),
            events: Vec::new(),
            done: Vec::new(),
            asked: 0,
            most_in_flight: 0,
            now: Now {
                monotonic_ms: 1,
                unix_secs: 1_700_000_000,
            },
            random: seed,
            flights: Vec::new(),
        }
    }

    /// The registry at an origin (`https://registry.example`), made when it is first
    /// named.
    pub fn registry(&mut self, origin: &str) -> &mut Registry {
        self.registries
            .entry(origin.to_owned())
            .or_insert_with(|| Registry::new(origin_config(origin)))
    }

    /// Puts a registry with other settings at an origin.
    pub fn add_registry(&mut self, origin: &str, config: Config) -> &mut Registry {
        let registry = Registry::new(Config {
            origin: Some(origin.to_owned()),
            ..config
        });
        self.registries.insert(origin.to_owned(), registry);
        self.registry(origin)
    }

    /// What the user has for a registry. Without, the session is told so.
    pub fn log_in(&mut self, registry: Address, credentials: Credentials) {
        self.credentials.insert(registry, credentials);
    }

    /// The present moment.
    pub fn now(&self) -> Now {
        self.now
    }

    /// Lets time pass.
    pub fn pass(&mut self, ms: u64) {
        let before = self.now.monotonic_ms / 1000;
        self.now.monotonic_ms += ms;
        self.now.unix_secs += self.now.monotonic_ms / 1000 - before;
    }

    /// Drives a session until it has nothing more to do. Waits take no time.
    pub fn run(&mut self, session: &mut Session) {
        while self.step(session) {}
    }

    /// Performs everything a session asks for and one step of one exchange, or waits.
    /// False when there is nothing to do and nothing to wait for.
    pub fn step(&mut self, session: &mut Session) -> bool {
        let until = loop {
            match session.poll(self.now) {
                Output::Request(request) => self.launch(*request),
                Output::Abort(exchange) => self.flights.retain(|f| f.exchange != exchange),
                Output::Credentials { registry } => {
                    self.asked += 1;
                    let credentials = self.credentials.get(&registry).cloned();
                    session.handle(
                        self.now,
                        Input::Credentials {
                            registry,
                            credentials,
                        },
                    );
                }
                Output::Event(event) => self.events.push(event),
                Output::Done(operation) => self.done.push(operation),
                Output::Wait { until } => break until,
            }
        };
        if !self.flights.is_empty() {
            let which = self.below(self.flights.len());
            let flight = self.flights.swap_remove(which);
            self.fly(session, flight);
            return true;
        }
        let Some(until) = until else {
            return false;
        };
        self.pass(until.saturating_sub(self.now.monotonic_ms));
        session.handle(self.now, Input::Timeout);
        true
    }

    fn launch(&mut self, request: Request) {
        self.sent.push(Sent {
            operation: request.operation,
            method: request.method.clone(),
            url: request.url.clone(),
            headers: request.headers.clone(),
            body: request.body.clone(),
            status: None,
        });
        self.flights.push(Flight {
            exchange: request.exchange,
            operation: request.operation,
            index: self.sent.len() - 1,
            stage: Stage::Request(Box::new(request), 0),
        });
        self.most_in_flight = self.most_in_flight.max(self.flights.len());
    }

    /// Takes an exchange one step on.
    fn fly(&mut self, session: &mut Session, flight: Flight) {
        let lost = self.chance(self.weather.losses);
        let Flight {
            exchange,
            operation,
            index,
            stage,
        } = flight;
        let next = match stage {
            Stage::Request(request, at) => self.send(session, index, request, at, lost),
            Stage::Head(response) => self.answer(session, exchange, operation, response, lost),
            Stage::Body {
                body,
                at,
                cut,
                sink,
            } => {
                let read = Reading {
                    body,
                    at,
                    cut: if lost { Some(Cause::Reset) } else { cut },
                    lost,
                };
                self.read(session, exchange, operation, read, sink)
            }
        };
        if let Some(stage) = next {
            self.flights.push(Flight {
                exchange,
                operation,
                index,
                stage,
            });
        }
    }

    /// Sends the next piece of a request; the last piece makes the registry answer.
    fn send(
        &mut self,
        session: &mut Session,
        index: usize,
        mut request: Box<Request>,
        at: usize,
        lost: bool,
    ) -> Option<Stage> {
        let exchange = request.exchange;
        let origin = request.url.origin().ascii_serialization();
        let early = self
            .registries
            .get(&origin)
            .is_some_and(|registry| registry.answers_early(&request.method, request.url.path()));
        let body = match &request.body {
            Body::Empty => Bytes::new(),
            // The answer is there before anything is sent.
            Body::Source(_) if early => Bytes::new(),
            Body::Bytes(bytes) => Bytes::from(bytes.clone()),
            Body::Source(range) => {
                let operation = request.operation?;
                let source = self.sources.get(&operation).cloned().unwrap_or_default();
                let end = (range.end as usize).min(source.len());
                let part = source.slice((range.start as usize).min(end)..end);
                let piece = self.piece(part.len().saturating_sub(at));
                if let Some(source) = &mut request.source {
                    let offset = range.start + at as u64;
                    let shown = source.chunk(offset, &part[at..at + piece]);
                    self.read.insert(operation, offset + piece as u64);
                    if shown.is_err() {
                        let source = request.source.take();
                        self.lose(session, exchange, Cause::Local, None, source);
                        return None;
                    }
                }
                if at + piece < part.len() && !lost {
                    return Some(Stage::Request(request, at + piece));
                }
                part
            }
        };
        if lost {
            let source = request.source.take();
            self.lose(session, exchange, Cause::Reset, None, source);
            return None;
        }
        let Some(registry) = self.registries.get_mut(&origin) else {
            let source = request.source.take();
            self.lose(session, exchange, Cause::Unreachable, None, source);
            return None;
        };
        let mut sent = http::Request::new(body);
        *sent.method_mut() = request.method.clone();
        *sent.headers_mut() = request.headers.clone();
        let target = match request.url.query() {
            Some(query) => format!("{}?{query}", request.url.path()),
            None => request.url.path().to_owned(),
        };
        *sent.uri_mut() = target.parse().unwrap_or_default();
        let response = registry.handle(self.now.unix_secs, sent);
        if let Some(source) = request.source.take() {
            session.handle(self.now, Input::Sent { exchange, source });
        }
        if let Some(sent) = self.sent.get_mut(index) {
            sent.status = Some(response.status());
        }
        Some(Stage::Head(response))
    }

    fn answer(
        &mut self,
        session: &mut Session,
        exchange: ExchangeId,
        operation: Option<OperationId>,
        response: http::Response<Bytes>,
        lost: bool,
    ) -> Option<Stage> {
        let fault = response
            .extensions()
            .get::<Fault>()
            .copied()
            .unwrap_or_default();
        if fault.delay_ms > 0 {
            self.pass(fault.delay_ms);
            session.handle(self.now, Input::Timeout);
        }
        if lost || fault.reset || fault.unprocessed {
            let cause = match fault.unprocessed {
                true => Cause::Unprocessed,
                false => Cause::Reset,
            };
            self.lose(session, exchange, cause, None, None);
            return None;
        }
        let (parts, body) = response.into_parts();
        let head = Head {
            status: parts.status,
            headers: parts.headers,
            url: None,
        };
        let sink = match session.head(self.now, exchange, head) {
            Destination::Discard => return None,
            Destination::Collect => None,
            Destination::Stream(sink) => {
                if let Some(operation) = operation {
                    self.files.entry(operation).or_default();
                }
                Some(sink)
            }
        };
        let (cut, cause) = match (fault.cut_after, fault.stall_after) {
            (_, Some(bytes)) => (Some(bytes), Some(Cause::Timeout)),
            (Some(bytes), None) => (Some(bytes), Some(Cause::Reset)),
            (None, None) => (None, None),
        };
        let kept = cut.map_or(body.len(), |cut| body.len().min(cut as usize));
        Some(Stage::Body {
            body: body.slice(..kept),
            at: 0,
            cut: cause,
            sink,
        })
    }

    fn read(
        &mut self,
        session: &mut Session,
        exchange: ExchangeId,
        operation: Option<OperationId>,
        reading: Reading,
        mut sink: Option<BlobSink>,
    ) -> Option<Stage> {
        let Reading {
            body,
            at,
            cut,
            lost,
        } = reading;
        if lost || at == body.len() {
            if let Some(cause) = cut {
                self.lose(session, exchange, cause, sink, None);
            } else {
                session.handle(self.now, Input::End { exchange, sink });
            }
            return None;
        }
        let piece = self.piece(body.len() - at);
        let bytes = &body[at..at + piece];
        match &mut sink {
            None => session.handle(self.now, Input::Data { exchange, bytes }),
            Some(taking) => match taking.chunk(bytes) {
                Ok(keep) => {
                    if let Some(operation) = operation {
                        let file = self.files.entry(operation).or_default();
                        let offset = keep.offset as usize;
                        file.resize(file.len().max(offset + keep.bytes.len()), 0);
                        file[offset..offset + keep.bytes.len()].copy_from_slice(keep.bytes);
                    }
                }
                Err(_) => {
                    self.lose(session, exchange, Cause::Reset, sink, None);
                    return None;
                }
            },
        }
        Some(Stage::Body {
            body,
            at: at + piece,
            cut,
            sink,
        })
    }

    fn lose(
        &mut self,
        session: &mut Session,
        exchange: ExchangeId,
        cause: Cause,
        sink: Option<BlobSink>,
        source: Option<ocirepo::source::BlobSource>,
    ) {
        let forget = self.chance(self.weather.forgets);
        let input = Input::Lost {
            exchange,
            cause,
            sink: sink.filter(|_| !forget),
            source: source.filter(|_| !forget),
        };
        session.handle(self.now, input);
    }

    fn piece(&mut self, left: usize) -> usize {
        match self.weather.chunk {
            0 => left,
            most => (self.below(most) + 1).min(left),
        }
    }

    fn chance(&mut self, of_thousand: u32) -> bool {
        of_thousand > 0 && self.below(1000) < of_thousand as usize
    }

    fn below(&mut self, bound: usize) -> usize {
        // SplitMix64: no more than a source of variety.
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.random;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % bound.max(1) as u64) as usize
    }
}

/// A body on its way in.
struct Reading {
    body: Bytes,
    at: usize,
    cut: Option<Cause>,
    lost: bool,
}

fn origin_config(origin: &str) -> Config {
    Config {
        origin: Some(origin.to_owned()),
        ..Config::default()
    }
}
