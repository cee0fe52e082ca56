//! The in-memory registry behind HTTP/1.1, kept in a directory on request.
//!
//! ```no_run
//! # async fn example() -> std::io::Result<()> {
//! use ocirepo_cli::registry_server::{Options, RegistryServer};
//!
//! let server = RegistryServer::start(Options::default()).await?;
//! println!("oci://{}/me/repo", server.address());
//! server.stop().await;
//! # Ok(())
//! # }
//! ```

mod data;

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use futures_util::{StreamExt as _, stream};
use http::{Method, Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Body as _, Frame, Incoming};
use ocirepo_registry::{Config, Fault, Registry};
use tokio::net::TcpListener;

use crate::http_server::{self, Body, Server, Service};
use data::Data;

/// How a [`RegistryServer`] is set up.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where to listen; port 0 lets the system choose.
    pub listen: SocketAddr,
    /// The directory the content is kept in, as an OCI image layout. It is made when it
    /// is not there. Without one the content ends with the server.
    pub data: Option<PathBuf>,
    /// How the registry behaves. The journal is turned on when there is a directory.
    pub config: Config,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)),
            data: None,
            config: Config::default(),
        }
    }
}

/// A registry that answers on a socket until it is stopped or dropped.
#[derive(Debug)]
pub struct RegistryServer {
    server: Server,
    shared: Arc<Shared>,
}

impl RegistryServer {
    /// Loads the directory, if there is one, and starts to listen.
    pub async fn start(options: Options) -> io::Result<Self> {
        let mut config = options.config;
        config.journal = options.data.is_some();
        let mut registry = Registry::new(config);
        let data = match options.data {
            None => None,
            Some(directory) => {
                let (data, loaded) = tokio::task::spawn_blocking(move || {
                    let data = Data::open(directory)?;
                    data.load(&mut registry)?;
                    io::Result::Ok((data, registry))
                })
                .await
                .map_err(io::Error::other)??;
                registry = loaded;
                Some(data)
            }
        };
        let listener = TcpListener::bind(options.listen).await.map_err(|error| {
            let message = format!("cannot listen on {}: {error}", options.listen);
            io::Error::new(error.kind(), message)
        })?;
        let shared = Arc::new(Shared {
            registry: Mutex::new(registry),
            data,
            writing: tokio::sync::Mutex::new(()),
        });
        let server = Server::start(listener, shared.clone())?;
        Ok(Self { server, shared })
    }

    /// The address listened on, with the port the system chose.
    pub fn address(&self) -> SocketAddr {
        self.server.local()
    }

    /// The registry itself: to script it, to read its log, to set the scene. Requests
    /// wait while the guard is held.
    pub fn registry(&self) -> MutexGuard<'_, Registry> {
        self.shared.lock()
    }

    /// Stops accepting, lets open responses finish, and writes what is not yet written.
    pub async fn stop(self) {
        self.server.stop().await;
        if let Err(error) = self.shared.keep().await {
            tracing::error!("{error}");
        }
    }
}

#[derive(Debug)]
struct Shared {
    registry: Mutex<Registry>,
    data: Option<Data>,
    /// Held by whoever writes to the directory. Requests that wait for it find their
    /// changes written with those of others.
    writing: tokio::sync::Mutex<()>,
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what changed so far to the directory.
    async fn keep(self: &Arc<Self>) -> io::Result<()> {
        if self.data.is_none() {
            return Ok(());
        }
        let shared = self.clone();
        let _writing = self.writing.lock().await;
        tokio::task::spawn_blocking(move || {
            let changes = shared.lock().take_changes();
            match &shared.data {
                Some(data) => data.write(changes),
                None => Ok(()),
            }
        })
        .await
        .map_err(io::Error::other)?
    }
}

impl Service for Shared {
    async fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        _peer: SocketAddr,
    ) -> io::Result<Response<Body>> {
        let (parts, body) = request.into_parts();
        let reads = matches!(parts.method, Method::GET | Method::HEAD | Method::OPTIONS);
        let early = self.lock().answers_early(&parts.method, parts.uri.path());
        let body = match early {
            true => Bytes::new(),
            false => collect(body).await?,
        };
        let now = SystemTime::now()
            .duration_since(UNIX_EPOCH)
            .map_or(0, |elapsed| elapsed.as_secs());
        let (method, path) = (parts.method.clone(), parts.uri.path().to_owned());
        let received = body.len();
        let mut response = self.lock().handle(now, Request::from_parts(parts, body));
        tracing::info!(
            %method,
            path,
            status = response.status().as_u16(),
            received,
            sent = response.body().len(),
            "request"
        );
        if !reads && response.status().is_success() {
            // Whoever reads the answer may count on it after a crash.
            self.keep().await?;
        }
        let fault = response.extensions_mut().remove::<Fault>();
        act_out(response, fault.unwrap_or_default()).await
    }
}

/// The whole body. It grows as bytes arrive, never to what a header promises.
async fn collect(mut body: Incoming) -> io::Result<Bytes> {
    let mut bytes = Vec::new();
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    while let Some(frame) = body.frame().await {
        if let Ok(data) = frame.map_err(io::Error::other)?.into_data() {
            bytes.extend_from_slice(&data);
        }
    }
    Ok(bytes.into())
}

/// The answer, as late, cut or lost as the script of the registry wants it.
async fn act_out(response: Response<Bytes>, fault: Fault) -> io::Result<Response<Body>> {
    if fault.delay_ms > 0 {
        tokio::time::sleep(Duration::from_millis(fault.delay_ms)).await;
    }
    if fault.reset || fault.unprocessed {
        return Err(io::ErrorKind::ConnectionReset.into());
    }
    let (parts, bytes) = response.into_parts();
    let short = |length: Option<u64>| {
        length
            .and_then(|length| usize::try_from(length).ok())
            .filter(|length| *length < bytes.len())
    };
    let body = match (short(fault.cut_after), short(fault.stall_after)) {
        (None, None) => http_server::full(bytes),
        (_, Some(length)) => {
            let start = stream::iter([Ok(Frame::data(bytes.slice(..length)))]);
            StreamBody::new(start.chain(stream::pending())).boxed_unsync()
        }
        (Some(length), None) => {
            let frames = [
                Ok(Frame::data(bytes.slice(..length))),
                Err(io::ErrorKind::ConnectionReset.into()),
            ];
            StreamBody::new(stream::iter(frames)).boxed_unsync()
        }
    };
    Ok(Response::from_parts(parts, body))
}
