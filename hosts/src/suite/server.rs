//! Registries on sockets of the loopback, which act their scripts out and note every
//! request.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::header::CONTENT_LENGTH;
use http::request::Parts;
use http::{Method, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::TokioIo;
use ocirepo_registry::{Config, Cors, Fault, Registry};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

use super::Result;
use super::seen::Wire;
use super::world::{Address, Shape, unix_now};

/// The pause between the last byte of a cut body and the end of its connection, so that
/// the bytes arrive.
const BEFORE_CUT: Duration = Duration::from_millis(30);

/// Sockets that were bound before anybody knew what is served there.
#[derive(Debug)]
pub(crate) struct Sockets(BTreeMap<String, (Option<TcpListener>, Address)>);

impl Sockets {
    /// Binds a free port for each origin. Those that are down have one too, which nobody
    /// listens at.
    pub(crate) async fn bind(shapes: &BTreeMap<String, Shape>) -> Result<Self> {
        let mut sockets = BTreeMap::new();
        for (name, shape) in shapes {
            let listener = TcpListener::bind(SocketAddr::from(([127, 0, 0, 1], 0))).await?;
            let port = listener.local_addr()?.port();
            let host = if shape.localhost {
                "localhost"
            } else {
                "127.0.0.1"
            };
            let address = Address {
                tls: shape.tls,
                authority: format!("{host}:{port}"),
            };
            let listener = (!shape.down).then_some(listener);
            sockets.insert(name.clone(), (listener, address));
        }
        Ok(Self(sockets))
    }

    pub(crate) fn addresses(&self) -> BTreeMap<String, Address> {
        let addresses = self.0.iter();
        addresses
            .map(|(name, (_, address))| (name.clone(), address.clone()))
            .collect()
    }
}

/// What all origins of a scenario note.
#[derive(Debug, Default)]
struct Notes {
    requests: Vec<Wire>,
    under_way: usize,
    at_once: usize,
}

/// Servers that run until this is dropped.
#[derive(Debug)]
pub(crate) struct Servers {
    notes: Arc<Mutex<Notes>>,
    registries: BTreeMap<String, Arc<Mutex<Registry>>>,
    _tasks: JoinSet<()>,
}

impl Servers {
    pub(crate) fn start(
        sockets: Sockets,
        mut registries: BTreeMap<String, Registry>,
        tls: &TlsAcceptor,
    ) -> Self {
        let notes = Arc::default();
        let mut tasks = JoinSet::new();
        let mut shared = BTreeMap::new();
        for (name, (listener, address)) in sockets.0 {
            let Some((listener, registry)) = listener.zip(registries.remove(&name)) else {
                continue;
            };
            let registry = Arc::new(Mutex::new(registry));
            shared.insert(name.clone(), Arc::clone(&registry));
            let origin = Arc::new(Origin {
                name,
                registry,
                notes: Arc::clone(&notes),
            });
            tasks.spawn(accept(listener, address.tls.then(|| tls.clone()), origin));
        }
        Self {
            notes,
            registries: shared,
            _tasks: tasks,
        }
    }

    /// Every request so far, the most that were under way at once, and the registries as
    /// they are now.
    pub(crate) fn end(self) -> (Vec<Wire>, usize, BTreeMap<String, Registry>) {
        let notes = lock(&self.notes);
        let registries = self.registries.iter();
        let registries = registries.map(|(name, registry)| (name.clone(), lock(registry).clone()));
        (notes.requests.clone(), notes.at_once, registries.collect())
    }
}

struct Origin {
    name: String,
    registry: Arc<Mutex<Registry>>,
    notes: Arc<Mutex<Notes>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, origin: Arc<Origin>) {
    // Dropped with the listener, so that no connection outlives its scenario.
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, origin) = (tls.clone(), Arc::clone(&origin));
        connections.spawn(async move {
            match tls {
                None => serve(stream, origin).await,
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, origin).await;
                    }
                }
            }
        });
    }
}

async fn serve(stream: impl AsyncRead + AsyncWrite + Unpin, origin: Arc<Origin>) {
    let service = service_fn(move |request| answer(Arc::clone(&origin), request));
    // Faults end connections on purpose.
    let _ = http1::Builder::new()
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn answer(origin: Arc<Origin>, request: Request<Incoming>) -> io::Result<Response<Body>> {
    let (parts, body) = request.into_parts();
    if parts.method == Method::OPTIONS {
        return Ok(preflight(parts));
    }
    let note = origin.note(&parts, body.is_end_stream());
    let early = lock(&origin.registry).answers_early(&parts.method, parts.uri.path());
    let body = match early {
        true => Bytes::new(),
        false => body.collect().await.map_err(io::Error::other)?.to_bytes(),
    };
    let mut response = lock(&origin.registry).handle(unix_now(), Request::from_parts(parts, body));
    note.status(response.status().as_u16());
    let fault = response.extensions_mut().remove::<Fault>();
    act_out(response, fault.unwrap_or_default()).await
}

/// What browsers ask before they ask is no part of the exchange: nothing befalls it.
fn preflight(parts: Parts) -> Response<Body> {
    let mut open = Registry::new(Config {
        cors: Some(Cors::default()),
        ..Config::default()
    });
    let request = Request::from_parts(parts, Bytes::new());
    open.handle(unix_now(), request).map(whole)
}

fn whole(bytes: Bytes) -> Body {
    Full::new(bytes)
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

async fn act_out(response: Response<Bytes>, fault: Fault) -> io::Result<Response<Body>> {
    tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    if fault.reset || fault.unprocessed {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let (parts, bytes) = response.into_parts();
    let start = |length: u64| {
        let length = usize::try_from(length).unwrap_or(bytes.len());
        stream::iter([Ok(Frame::data(bytes.slice(..length.min(bytes.len()))))])
    };
    let body = match (fault.cut_after, fault.stall_after) {
        (None, None) => whole(bytes),
        (_, Some(length)) => StreamBody::new(start(length).chain(stream::pending())).boxed_unsync(),
        (Some(length), None) => {
            let end = stream::once(async {
                tokio::time::sleep(BEFORE_CUT).await;
                Err(io::ErrorKind::ConnectionReset.into())
            });
            StreamBody::new(start(length).chain(end)).boxed_unsync()
        }
    };
    Ok(Response::from_parts(parts, body))
}

impl Origin {
    fn note(&self, parts: &Parts, empty: bool) -> Note {
        let length = parts.headers.get(CONTENT_LENGTH);
        let length = length.and_then(|length| length.to_str().ok()?.parse().ok());
        let mut notes = lock(&self.notes);
        notes.requests.push(Wire {
            method: parts.method.clone(),
            origin: self.name.clone(),
            path_and_query: parts
                .uri
                .path_and_query()
                .map_or("/", |p| p.as_str())
                .to_owned(),
            headers: parts.headers.clone(),
            body: if empty { Some(0) } else { length },
            status: None,
        });
        notes.under_way += 1;
        notes.at_once = notes.at_once.max(notes.under_way);
        Note {
            index: notes.requests.len() - 1,
            notes: Arc::clone(&self.notes),
        }
    }
}

/// A request under way; it no longer is when this is dropped.
struct Note {
    index: usize,
    notes: Arc<Mutex<Notes>>,
}

impl Note {
    fn status(&self, status: u16) {
        if let Some(wire) = lock(&self.notes).requests.get_mut(self.index) {
            wire.status = Some(status);
        }
    }
}

impl Drop for Note {
    fn drop(&mut self) {
        lock(&self.notes).under_way -= 1;
    }
}
