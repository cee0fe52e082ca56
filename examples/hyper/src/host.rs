//! A whole host over tokio and hyper.
//!
//! [`Host`] owns the session and is the only one to call it, so that there is no lock. Each
//! request is a task that tells the host what happens to it, through a channel that also
//! keeps tasks from running ahead. Sinks and sources go with the tasks.

#![expect(
    clippy::disallowed_methods,
    reason = "hosts have the clocks that the session does without"
)]

use std::collections::{BTreeMap, VecDeque};
use std::io::{self, SeekFrom};
use std::sync::{Arc, Mutex as SyncMutex, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{Stream, stream};
use http::header::CONTENT_LENGTH;
use http::{Method, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::{Client, Error};
use hyper_util::rt::TokioExecutor;
use ocirepo::auth::Credentials;
use ocirepo::exchange::{Body, ExchangeId, Head};
use ocirepo::operation::OperationId;
use ocirepo::reference::Registry;
use ocirepo::retry::Cause;
use ocirepo::session::{Config, Destination, Event, Input, Output, Request};
use ocirepo::sink::{BlobSink, Keep};
use ocirepo::source::BlobSource;
use ocirepo::{Now, Session};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use rustls::{ClientConfig, RootCertStore, crypto::ring};
use tokio::fs::File;
use tokio::io::{AsyncReadExt as _, AsyncSeekExt as _, AsyncWriteExt as _};
use tokio::sync::{Mutex, mpsc, oneshot};
use tokio::task::AbortHandle;
use tokio::time::{sleep, timeout};

/// How many bytes of a source are read at once.
const PIECE: u64 = 64 << 10;

/// Answers the session's question for credentials.
pub(crate) type Ask = Box<dyn Fn(&Registry) -> Option<Credentials>>;

/// What a host is set up with.
pub(crate) struct Options {
    pub(crate) session: Config,
    /// How long the next bytes of a body may take.
    pub(crate) stall: Duration,
    /// Certificates in PEM to trust, instead of the machine's.
    pub(crate) authorities: Option<Vec<u8>>,
    pub(crate) credentials: Ask,
    pub(crate) on_event: Box<dyn Fn(&Event)>,
}

/// A session with the tasks that perform its requests.
pub(crate) struct Host {
    /// To start operations in, and to take results from.
    pub(crate) session: Session,
    options: Options,
    client: Client<HttpsConnector<HttpConnector>, Outgoing>,
    start: Instant,
    tasks: BTreeMap<ExchangeId, AbortHandle>,
    transfers: BTreeMap<OperationId, Transfer>,
    done: VecDeque<OperationId>,
    tell: mpsc::Sender<Happened>,
    happened: mpsc::Receiver<Happened>,
}

type Outgoing = UnsyncBoxBody<Bytes, io::Error>;

/// The bytes of an operation on this side.
struct Transfer {
    file: Arc<Mutex<File>>,
    /// Cancel the operation when so many bytes were moved.
    cancel: Option<u64>,
}

/// What a task tells.
enum Happened {
    Head(ExchangeId, Head, oneshot::Sender<Destination>),
    Data(ExchangeId, Bytes),
    End(ExchangeId, Option<BlobSink>),
    Sent(ExchangeId, BlobSource),
    Lost(ExchangeId, Cause, Option<BlobSink>, Option<BlobSource>),
    Moved(OperationId, u64),
}

impl Host {
    pub(crate) fn new(options: Options) -> io::Result<Self> {
        let (tell, happened) = mpsc::channel(16);
        Ok(Self {
            session: Session::new(options.session.clone(), u64::from(std::process::id())),
            client: client(options.authorities.as_deref())?,
            options,
            start: Instant::now(),
            tasks: BTreeMap::new(),
            transfers: BTreeMap::new(),
            done: VecDeque::new(),
            tell,
            happened,
        })
    }

    /// Says where the bytes of an operation go, or come from.
    pub(crate) fn attach(
        &mut self,
        operation: OperationId,
        file: std::fs::File,
        cancel: Option<u64>,
    ) {
        let file = Arc::new(Mutex::new(File::from_std(file)));
        self.transfers.insert(operation, Transfer { file, cancel });
    }

    /// Works until the next operation has ended; `None` when all have.
    pub(crate) async fn next(&mut self) -> Option<OperationId> {
        loop {
            let until = self.drain();
            if let Some(operation) = self.done.pop_front() {
                self.transfers.remove(&operation);
                return Some(operation);
            }
            if self.session.is_idle() {
                return None;
            }
            let now = self.now().monotonic_ms;
            let wait = until.map_or(u64::MAX, |at| at.saturating_sub(now));
            tokio::select! {
                // The channel stays open, for this end of it is ours too.
                Some(happened) = self.happened.recv() => self.apply(happened),
                () = sleep(Duration::from_millis(wait)) => {
                    self.session.handle(self.now(), Input::Timeout);
                }
            }
        }
    }

    fn now(&self) -> Now {
        let date = SystemTime::now().duration_since(UNIX_EPOCH);
        Now {
            monotonic_ms: self.start.elapsed().as_millis() as u64,
            unix_secs: date.map_or(0, |date| date.as_secs()),
        }
    }

    /// Takes everything the session has to say, as is due after every input.
    fn drain(&mut self) -> Option<u64> {
        loop {
            match self.session.poll(self.now()) {
                Output::Request(request) => self.launch(*request),
                Output::Abort(exchange) => {
                    if let Some(task) = self.tasks.remove(&exchange) {
                        task.abort();
                    }
                }
                Output::Credentials { registry } => {
                    let credentials = (self.options.credentials)(&registry);
                    let input = Input::Credentials {
                        registry,
                        credentials,
                    };
                    self.session.handle(self.now(), input);
                }
                Output::Event(event) => (self.options.on_event)(&event),
                Output::Done(operation) => self.done.push_back(operation),
                Output::Wait { until } => return until,
            }
        }
    }

    fn launch(&mut self, request: Request) {
        let id = request.exchange;
        let transfer = request.operation.and_then(|id| self.transfers.get(&id));
        let exchange = Exchange {
            id,
            operation: request.operation,
            client: self.client.clone(),
            stall: self.options.stall,
            file: transfer.map(|transfer| Arc::clone(&transfer.file)),
            tell: self.tell.clone(),
        };
        let task = tokio::spawn(exchange.perform(request));
        self.tasks.insert(id, task.abort_handle());
    }

    fn apply(&mut self, happened: Happened) {
        let now = self.now();
        let input = match happened {
            Happened::Head(exchange, head, reply) => {
                let destination = self.session.head(now, exchange, head);
                // A task that was aborted does not wait for it.
                let _ = reply.send(destination);
                return;
            }
            Happened::Moved(operation, bytes) => {
                let transfer = self.transfers.get_mut(&operation);
                let due = |t: &mut Transfer| t.cancel.take_if(|most| bytes >= *most);
                if transfer.and_then(due).is_some() {
                    self.session.cancel(operation);
                }
                return;
            }
            Happened::Data(exchange, ref bytes) => Input::Data { exchange, bytes },
            Happened::End(exchange, sink) => Input::End { exchange, sink },
            Happened::Sent(exchange, source) => Input::Sent { exchange, source },
            Happened::Lost(exchange, cause, sink, source) => Input::Lost {
                exchange,
                cause,
                sink,
                source,
            },
        };
        if let Input::End { exchange, .. } | Input::Lost { exchange, .. } = &input {
            self.tasks.remove(exchange);
        }
        self.session.handle(now, input);
    }
}

/// A client that follows nothing and decodes nothing.
fn client(
    authorities: Option<&[u8]>,
) -> io::Result<Client<HttpsConnector<HttpConnector>, Outgoing>> {
    let mut tcp = HttpConnector::new();
    tcp.enforce_http(false);
    tcp.set_connect_timeout(Some(Duration::from_secs(10)));
    let provider = Arc::new(ring::default_provider());
    let builder = HttpsConnectorBuilder::new();
    let builder = match authorities {
        None => builder
            .with_provider_and_platform_verifier(provider)
            .map_err(io::Error::other)?,
        Some(pem) => {
            let mut roots = RootCertStore::empty();
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(io::Error::other)?;
                roots.add(certificate).map_err(io::Error::other)?;
            }
            let config = ClientConfig::builder_with_provider(provider)
                .with_safe_default_protocol_versions()
                .map_err(io::Error::other)?
                .with_root_certificates(roots)
                .with_no_client_auth();
            builder.with_tls_config(config)
        }
    };
    let connector = builder.https_or_http().enable_http1().wrap_connector(tcp);
    Ok(Client::builder(TokioExecutor::new()).build(connector))
}

/// One request and its response.
struct Exchange {
    id: ExchangeId,
    operation: Option<OperationId>,
    client: Client<HttpsConnector<HttpConnector>, Outgoing>,
    stall: Duration,
    file: Option<Arc<Mutex<File>>>,
    tell: mpsc::Sender<Happened>,
}

impl Exchange {
    async fn perform(self, request: Request) {
        // What is left in there was not given back to the session.
        let source = Arc::new(SyncMutex::new(None));
        let sent = self.send(request, &source).await;
        let source = source.lock().unwrap_or_else(PoisonError::into_inner).take();
        match sent {
            Err(cause) => {
                self.tell(Happened::Lost(self.id, cause, None, source))
                    .await
            }
            Ok(response) => {
                if let Some(source) = source {
                    // The head came before everything was sent.
                    self.tell(Happened::Sent(self.id, source)).await;
                }
                self.receive(response).await;
            }
        }
    }

    async fn tell(&self, happened: Happened) {
        // The host is gone when nobody hears it.
        let _ = self.tell.send(happened).await;
    }

    async fn send(
        &self,
        request: Request,
        source: &Arc<SyncMutex<Option<BlobSource>>>,
    ) -> Result<Response<Incoming>, Cause> {
        let length = request.body.len();
        let body = match request.body {
            Body::Empty => full(Vec::new()),
            Body::Bytes(bytes) => full(bytes),
            Body::Source(range) => {
                *source.lock().unwrap_or_else(PoisonError::into_inner) = request.source;
                let reading = Reading {
                    id: self.id,
                    operation: self.operation,
                    file: self.file.clone().ok_or(Cause::Local)?,
                    at: range.start,
                    end: range.end,
                    source: Arc::clone(source),
                    tell: self.tell.clone(),
                };
                StreamBody::new(reading.pieces()).boxed_unsync()
            }
        };
        let mut outgoing = http::Request::new(body);
        *outgoing.uri_mut() = request.url.as_str().parse().map_err(|_| Cause::Local)?;
        *outgoing.headers_mut() = request.headers;
        if matches!(request.method, Method::POST | Method::PUT | Method::PATCH) {
            let headers = outgoing.headers_mut();
            headers.insert(CONTENT_LENGTH, length.into());
        }
        *outgoing.method_mut() = request.method;
        let response = self.client.request(outgoing).await;
        response.map_err(|error| cause(&error))
    }

    async fn receive(&self, response: Response<Incoming>) {
        let (parts, mut body) = response.into_parts();
        let head = Head {
            status: parts.status,
            headers: parts.headers,
            url: None,
        };
        let (reply, destination) = oneshot::channel();
        self.tell(Happened::Head(self.id, head, reply)).await;
        let mut sink = match destination.await {
            Ok(Destination::Collect) => None,
            Ok(Destination::Stream(sink)) => Some(sink),
            Ok(Destination::Discard) | Err(_) => return,
        };
        let lost = loop {
            let bytes = match timeout(self.stall, body.frame()).await {
                Err(_) => break Cause::Timeout,
                Ok(Some(Err(_))) => break Cause::Reset,
                Ok(None) => return self.tell(Happened::End(self.id, sink)).await,
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(bytes) => bytes,
                    Err(_trailers) => continue,
                },
            };
            match &mut sink {
                None => self.tell(Happened::Data(self.id, bytes)).await,
                Some(taking) => {
                    let Ok(keep) = taking.chunk(&bytes) else {
                        // Longer than declared: dropping the body closes the connection.
                        break Cause::Reset;
                    };
                    if self.write(keep).await.is_err() {
                        break Cause::Local;
                    }
                    if let Some(operation) = self.operation {
                        self.tell(Happened::Moved(operation, taking.offset())).await;
                    }
                }
            }
        };
        self.tell(Happened::Lost(self.id, lost, sink, None)).await;
    }

    async fn write(&self, keep: Keep<'_>) -> io::Result<()> {
        let mut file = match &self.file {
            Some(file) => file.lock().await,
            None => return Err(io::ErrorKind::NotFound.into()),
        };
        file.seek(SeekFrom::Start(keep.offset)).await?;
        file.write_all(keep.bytes).await?;
        // What the sink took counts as written.
        file.flush().await
    }
}

/// The body of an upload: read from the file, shown to the source, then sent.
struct Reading {
    id: ExchangeId,
    operation: Option<OperationId>,
    file: Arc<Mutex<File>>,
    at: u64,
    end: u64,
    source: Arc<SyncMutex<Option<BlobSource>>>,
    tell: mpsc::Sender<Happened>,
}

impl Reading {
    fn pieces(self) -> impl Stream<Item = io::Result<Frame<Bytes>>> {
        stream::try_unfold(self, |mut reading| async move {
            let piece = reading.next().await?;
            Ok(piece.map(|bytes| (Frame::data(bytes), reading)))
        })
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        let length = (self.end - self.at).min(PIECE);
        if length == 0 {
            return Ok(None);
        }
        let mut piece = vec![0; length as usize];
        {
            let mut file = self.file.lock().await;
            file.seek(SeekFrom::Start(self.at)).await?;
            file.read_exact(&mut piece).await?;
        }
        let sent = {
            let mut source = self.source.lock().unwrap_or_else(PoisonError::into_inner);
            let shown = source.as_mut().ok_or(io::ErrorKind::NotFound)?;
            shown.chunk(self.at, &piece).map_err(io::Error::other)?;
            self.at += length;
            source.take_if(|_| self.at == self.end)
        };
        if let Some(operation) = self.operation {
            let _ = self.tell.send(Happened::Moved(operation, self.at)).await;
        }
        if let Some(source) = sent {
            // The time limit for the head runs from here.
            let _ = self.tell.send(Happened::Sent(self.id, source)).await;
        }
        Ok(Some(piece.into()))
    }
}

fn full(bytes: Vec<u8>) -> Outgoing {
    Full::new(Bytes::from(bytes))
        .map_err(|never| match never {})
        .boxed_unsync()
}

/// Whether it is worth another try is for the session to know.
fn cause(error: &Error) -> Cause {
    let mut next = std::error::Error::source(error);
    while let Some(layer) = next {
        if layer.is::<rustls::Error>() {
            return Cause::Tls;
        }
        // Our own end failed: the file, or what it should be.
        if layer
            .downcast_ref::<hyper::Error>()
            .is_some_and(hyper::Error::is_user)
        {
            return Cause::Local;
        }
        next = match layer
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref)
        {
            // Asked for its source, an io::Error passes over the error it wraps.
            Some(wrapped) => Some(wrapped),
            None => layer.source(),
        };
    }
    match error.is_connect() {
        true => Cause::Unreachable,
        false => Cause::Reset,
    }
}
