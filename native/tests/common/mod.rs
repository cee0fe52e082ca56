//! The in-memory registry on a socket of the loopback, and clients that see nothing of
//! the machine's own configuration.

#![allow(dead_code, reason = "each test program uses a part of it")]
#![allow(clippy::unwrap_used, reason = "these are tests")]

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::request::Parts;
use http::{Request, Response};
use http_body_util::{BodyExt as _, StreamBody, combinators::UnsyncBoxBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use ocirepo::reference::{Registry as Address, Repository, Scheme};
use ocirepo_native::environment::Environment;
use ocirepo_native::{Client, ClientBuilder};
use ocirepo_registry::{Config, Entry, Fault, Registry, Rule};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

/// A registry that answers until the test ends.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    scheme: Scheme,
    registry: Arc<Mutex<Registry>>,
    before: Arc<Mutex<Option<Before>>>,
}

/// What happens in the registry before it handles a request.
type Before = Box<dyn FnMut(&mut Registry, &Parts) + Send>;

impl Server {
    pub(crate) async fn start(config: Config) -> Self {
        Self::of(Registry::new(config)).await
    }

    /// A registry with what it holds already.
    pub(crate) async fn of(registry: Registry) -> Self {
        Self::listen(registry, None).await
    }

    /// Over TLS, and HTTP/2 if the client likes.
    pub(crate) async fn start_tls(config: Config, tls: tokio_rustls::rustls::ServerConfig) -> Self {
        Self::listen(
            Registry::new(config),
            Some(TlsAcceptor::from(Arc::new(tls))),
        )
        .await
    }

    async fn listen(registry: Registry, tls: Option<TlsAcceptor>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let registry = Arc::new(Mutex::new(registry));
        let scheme = match tls {
            Some(_) => Scheme::Https,
            None => Scheme::Http,
        };
        let before = Arc::default();
        let state = (Arc::clone(&registry), Arc::clone(&before));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (tls, shared) = (tls.clone(), state.clone());
                tokio::spawn(async move {
                    match tls {
                        None => serve(stream, shared).await,
                        Some(tls) => {
                            if let Ok(stream) = tls.accept(stream).await {
                                serve(stream, shared).await;
                            }
                        }
                    }
                });
            }
        });
        Self {
            address,
            scheme,
            registry,
            before,
        }
    }

    /// Does something in the registry before it handles each request from now on.
    pub(crate) fn before(&self, before: impl FnMut(&mut Registry, &Parts) + Send + 'static) {
        let mut place = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        *place = Some(Box::new(before));
    }

    pub(crate) fn registry(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn script(&self, rule: Rule) {
        self.registry().script(rule);
    }

    /// `http://127.0.0.1:PORT`
    pub(crate) fn origin(&self) -> String {
        format!("{}://{}", self.scheme.as_str(), self.authority())
    }

    /// The name certificates are for, and the port.
    pub(crate) fn authority(&self) -> String {
        match self.scheme {
            Scheme::Https => format!("localhost:{}", self.address.port()),
            Scheme::Http => self.address.to_string(),
        }
    }

    pub(crate) fn at(&self) -> Address {
        Address::new(self.scheme, &self.authority()).unwrap()
    }

    pub(crate) fn repository(&self, name: &str) -> Repository {
        Repository::new(self.at(), name).unwrap()
    }

    /// What was asked so far, as `METHOD path`.
    pub(crate) fn asked(&self) -> Vec<String> {
        let mut registry = self.registry();
        let line = |entry: &Entry| format!("{} {}", entry.method, entry.path);
        registry.log().iter().map(line).collect()
    }

    pub(crate) fn log(&self) -> Vec<Entry> {
        self.registry().log().to_vec()
    }
}

type State = (Arc<Mutex<Registry>>, Arc<Mutex<Option<Before>>>);

async fn serve<S>(stream: S, state: State)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin + Send + 'static,
{
    let service = service_fn(move |request| answer(state.clone(), request));
    // Faults end connections on purpose.
    let _ = auto::Builder::new(TokioExecutor::new())
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

type Body = UnsyncBoxBody<Bytes, io::Error>;

async fn answer(
    (registry, before): State,
    request: Request<Incoming>,
) -> Result<Response<Body>, io::Error> {
    let lock = || registry.lock().unwrap_or_else(PoisonError::into_inner);
    let (parts, body) = request.into_parts();
    let early = lock().answers_early(&parts.method, parts.uri.path());
    let body = match early {
        true => Bytes::new(),
        false => body.collect().await.map_err(io::Error::other)?.to_bytes(),
    };
    {
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(before) = before.as_mut() {
            before(&mut lock(), &parts);
        }
    }
    let mut response = lock().handle(1_700_000_000, Request::from_parts(parts, body));
    let fault = response
        .extensions_mut()
        .remove::<Fault>()
        .unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    if fault.reset || fault.unprocessed {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let (parts, bytes) = response.into_parts();
    let cut = fault.cut_after.map_or(bytes.len(), |cut| {
        usize::try_from(cut).unwrap().min(bytes.len())
    });
    let whole = cut == bytes.len();
    let mut frames = vec![Ok(Frame::data(bytes.slice(..cut)))];
    if !whole {
        frames.push(Err(io::ErrorKind::ConnectionReset.into()));
    }
    let body = match whole {
        true => http_body_util::Full::new(bytes)
            .map_err(|never: Infallible| match never {})
            .boxed_unsync(),
        // What was sent before the connection is lost does arrive.
        false => StreamBody::new(stream::iter(frames).then(|frame| async {
            if frame.is_err() {
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
            frame
        }))
        .boxed_unsync(),
    };
    Ok(Response::from_parts(parts, body))
}

/// A client whose home and system files are in a scratch directory, and that waits
/// little between retries.
pub(crate) fn builder(home: &Path) -> ClientBuilder {
    ClientBuilder::new(environment(home))
        .seed(7)
        .session(|config| {
            config.retry.first_wait_ms = 5;
            config.retry.longest_wait_ms = 50;
        })
}

pub(crate) fn environment(home: &Path) -> Environment {
    Environment::empty(home).set("HOME", home)
}

/// A client with nothing configured.
pub(crate) fn client(home: &Path) -> Client {
    builder(home).build().unwrap()
}

/// Bytes that no two places of are alike.
pub(crate) fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}
