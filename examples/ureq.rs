//! A whole host in one file: the session driven by hand over a blocking HTTP library.
//!
//! ```text
//! cargo run --example ureq -- oci://registry.example/me/demo:el9        # its manifest
//! cargo run --example ureq -- oci://127.0.0.1:5050/me/demo@sha256:… F   # a blob, to F
//! ```
//!
//! Credentials come from `OCI_USERNAME` and `OCI_PASSWORD`. It performs one request at a
//! time and pushes nothing; every other rule of the contract (`ocirepo::session`) is kept.

#![expect(
    clippy::disallowed_methods,
    reason = "hosts have the clocks that the session does without"
)]

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, thread};

use ocirepo::auth::Credentials;
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::operation::Resume;
use ocirepo::retry::Cause;
use ocirepo::session::{Config, Destination, Input, Output, Request};
use ocirepo::sink::{BlobSink, Keep};
use ocirepo::{Location, Now, Session};

fn main() -> ExitCode {
    match pull() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn pull() -> Result<(), Box<dyn std::error::Error>> {
    let usage = "usage: ureq oci://HOST/NAME:TAG, or oci://HOST/NAME@DIGEST FILE";
    let mut arguments = env::args().skip(1);
    let place: Location = arguments.next().ok_or(usage)?.parse()?;
    let reference = place.reference();
    let repository = reference.repository();

    let mut host = Host::new();
    if let Some(digest) = reference.digest() {
        host.file = Some(File::create(arguments.next().ok_or(usage)?)?);
        let pull = host.session.pull_blob(repository, digest, Resume::Fresh);
        host.run();
        // Only now do the bytes in the file count as what was asked for.
        let blob = host.session.take(pull).ok_or("no result")??;
        eprintln!("verified {} bytes of {digest}", blob.size);
    } else {
        let tag = reference.tag().ok_or(usage)?.clone();
        let pull = host.session.pull_manifest(repository, tag);
        host.run();
        let manifest = host.session.take(pull).ok_or("no result")??;
        io::stdout().write_all(manifest.raw())?;
    }
    Ok(())
}

struct Host {
    session: Session,
    agent: ureq::Agent,
    start: Instant,
    waiting: VecDeque<Request>,
    /// The exchange under way, unless the session dropped it.
    current: Option<ExchangeId>,
    file: Option<File>,
}

impl Host {
    fn new() -> Self {
        let config = Config::default();
        let head = Duration::from_millis(config.head_timeout_ms);
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false) // statuses are for the session to judge,
            .max_redirects(0) // and so are redirects
            .max_redirects_will_error(false)
            .timeout_connect(Some(Duration::from_secs(10)))
            .timeout_recv_response(Some(head)) // a blocked thread reads no timers
            .timeout_per_read(Some(Duration::from_secs(30)))
            .build()
            .new_agent();
        Self {
            session: Session::new(config, u64::from(std::process::id())),
            agent,
            start: Instant::now(),
            waiting: VecDeque::new(),
            current: None,
            file: None,
        }
    }

    fn now(&self) -> Now {
        let date = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            monotonic_ms: self.start.elapsed().as_millis() as u64,
            unix_secs: date.map_or(0, |date| date.as_secs()),
        }
    }

    /// Works until every operation has ended.
    fn run(&mut self) {
        loop {
            let until = self.drain();
            if let Some(request) = self.waiting.pop_front() {
                self.perform(request);
            } else if let Some(until) = until.filter(|_| !self.session.is_idle()) {
                let wait = until.saturating_sub(self.now().monotonic_ms);
                thread::sleep(Duration::from_millis(wait));
                self.session.handle(self.now(), Input::Timeout);
            } else {
                return;
            }
        }
    }

    /// Takes everything the session has to say, as is due after every input.
    fn drain(&mut self) -> Option<u64> {
        loop {
            match self.session.poll(self.now()) {
                Output::Request(request) => self.waiting.push_back(*request),
                Output::Abort(exchange) => {
                    self.waiting.retain(|request| request.exchange != exchange);
                    self.current = self.current.filter(|current| *current != exchange);
                }
                Output::Credentials { registry } => {
                    let pair = env::var("OCI_USERNAME")
                        .ok()
                        .zip(env::var("OCI_PASSWORD").ok());
                    let credentials = pair.map(|(name, word)| Credentials::basic(name, word));
                    let input = Input::Credentials {
                        registry,
                        credentials,
                    };
                    self.session.handle(self.now(), input);
                }
                Output::Event(event) => eprintln!("{event:?}"),
                Output::Done(_) => {} // `pull` takes the result
                Output::Wait { until } => return until,
            }
        }
    }

    fn perform(&mut self, request: Request) {
        let exchange = request.exchange;
        self.current = Some(exchange);
        let response = match self.send(request) {
            Ok(response) => response,
            Err(error) => return self.lost(exchange, cause(&error), None),
        };
        let (parts, body) = response.into_parts();
        let head = Head {
            status: parts.status,
            headers: parts.headers,
            url: None,
        };
        let sink = match self.session.head(self.now(), exchange, head) {
            Destination::Discard => return,
            Destination::Collect => None,
            Destination::Stream(sink) => Some(sink),
        };
        self.receive(exchange, body.into_reader(), sink);
    }

    fn send(&self, request: Request) -> Result<ureq::http::Response<ureq::Body>, ureq::Error> {
        let mut builder = ureq::http::Request::builder()
            .method(request.method)
            .uri(request.url.as_str());
        if let Some(headers) = builder.headers_mut() {
            *headers = request.headers;
        }
        match request.body {
            Body::Bytes(bytes) => self.agent.run(builder.body(bytes)?),
            // Nothing is pushed here, so there is no source to read from.
            Body::Empty | Body::Source(_) => self.agent.run(builder.body(())?),
        }
    }

    /// Reads a body to its end, or until the session has seen enough of it. Blobs go
    /// through the sink to the file; the session sees manifests, tokens and errors only.
    fn receive(&mut self, exchange: ExchangeId, mut body: impl Read, mut sink: Option<BlobSink>) {
        let mut buffer = vec![0; 64 << 10];
        while self.current == Some(exchange) {
            let bytes = match body.read(&mut buffer) {
                Ok(0) => {
                    return self
                        .session
                        .handle(self.now(), Input::End { exchange, sink });
                }
                Ok(read) => &buffer[..read],
                Err(error) => return self.lost(exchange, cause(&error.into()), sink),
            };
            if let Some(sink) = &mut sink {
                match sink.chunk(bytes).map(|keep| self.write(keep)) {
                    Ok(Ok(())) => {}
                    Ok(Err(_)) => return self.lost(exchange, Cause::Local, None),
                    // Longer than declared: dropping the body closes the connection.
                    Err(_) => break,
                }
            } else {
                self.session
                    .handle(self.now(), Input::Data { exchange, bytes });
                self.drain();
            }
        }
        self.lost(exchange, Cause::Reset, sink); // ignored if the session dropped it
    }

    fn write(&mut self, keep: Keep<'_>) -> io::Result<()> {
        let file = self.file.as_mut().ok_or(io::ErrorKind::NotFound)?;
        file.seek(SeekFrom::Start(keep.offset))?;
        file.write_all(keep.bytes)
    }

    fn lost(&mut self, exchange: ExchangeId, cause: Cause, sink: Option<BlobSink>) {
        let lost = Input::Lost {
            exchange,
            cause,
            sink,
            source: None,
        };
        self.session.handle(self.now(), lost);
    }
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
