//! HTTP/1.1 over a listening socket: what `registry`, `serve` and `demo` share.

mod impatient;

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinHandle;

use self::impatient::Impatient;

/// The body of every response. An error in the middle closes the connection, so that the
/// client sees that the body is not whole.
pub(crate) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// A body that is all there.
pub(crate) fn full(bytes: impl Into<Bytes>) -> Body {
    Full::new(bytes.into())
        .map_err(|never: Infallible| match never {})
        .boxed_unsync()
}

/// Clients that are slow to send a request head are not waited for.
const HEAD_TIMEOUT: Duration = Duration::from_secs(30);
/// Nor those that do not read what they asked for.
const READ_TIMEOUT: Duration = Duration::from_secs(60);
/// How long open responses may take once the server stops.
const DRAIN: Duration = Duration::from_secs(5);
/// Connections at a time: more wait in the listen queue, where they cost nothing.
const CONNECTIONS: usize = 1024;

/// What answers requests. An error closes the connection without an answer.
pub(crate) trait Service: Send + Sync + 'static {
    fn answer(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> impl Future<Output = io::Result<Response<Body>>> + Send;
}

/// A running server. Dropping it stops accepting and closes every connection.
#[derive(Debug)]
pub(crate) struct Server {
    local: SocketAddr,
    stop: watch::Sender<bool>,
    /// How many connections are open.
    open: watch::Sender<usize>,
    task: JoinHandle<()>,
}

impl Server {
    /// Serves every connection to the socket.
    pub(crate) fn start(listener: TcpListener, service: Arc<impl Service>) -> io::Result<Self> {
        let local = listener.local_addr()?;
        let (stop, stopped) = watch::channel(false);
        let open = watch::Sender::new(0);
        let task = tokio::spawn(accept(listener, service, stopped, open.clone()));
        Ok(Self {
            local,
            stop,
            open,
            task,
        })
    }

    /// The address listened on, with the port the system chose.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Completes when nobody was connected for this long.
    pub(crate) async fn idle(&self, duration: Duration) {
        let mut open = self.open.subscribe();
        loop {
            if open.wait_for(|open| *open == 0).await.is_err() {
                return;
            }
            tokio::select! {
                () = tokio::time::sleep(duration) => return,
                // Somebody came: whether they are gone already is seen above.
                changed = open.changed() => if changed.is_err() {
                    return;
                },
            }
        }
    }

    /// Stops accepting, lets open responses finish for a few seconds, then closes.
    pub(crate) async fn stop(mut self) {
        self.stop.send_replace(true);
        let _ = (&mut self.task).await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn accept(
    listener: TcpListener,
    service: Arc<impl Service>,
    mut stop: watch::Receiver<bool>,
    open: watch::Sender<usize>,
) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(CONNECTIONS));
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let place = tokio::select! {
            place = places.clone().acquire_owned() => place,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = stop.wait_for(|stop| *stop) => break,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                // Out of file descriptors, or the client is already gone.
                tracing::warn!("cannot accept a connection: {error}");
                tokio::time::sleep(Duration::from_millis(50)).await;
                continue;
            }
        };
        let _ = stream.set_nodelay(true);
        let service = service.clone();
        let answer = service_fn(move |request| service.clone().answer(request, peer));
        let connection = http1::Builder::new()
            .timer(TokioTimer::new())
            .header_read_timeout(HEAD_TIMEOUT)
            .max_buf_size(64 * 1024)
            .serve_connection(TokioIo::new(Impatient::new(stream, READ_TIMEOUT)), answer);
        let connection = graceful.watch(connection);
        let counted = Counted::new(open.clone());
        connections.spawn(async move {
            let _counted = counted;
            if let Err(error) = connection.await {
                told(peer, &error);
            }
            drop(place);
        });
        while connections.try_join_next().is_some() {}
    }
    drop(listener);
    if tokio::time::timeout(DRAIN, graceful.shutdown())
        .await
        .is_err()
    {
        tracing::info!("closing connections that did not finish");
    }
    // Dropping the set ends what is left of them.
}

/// Writes down why a connection ended early.
fn told(peer: SocketAddr, error: &hyper::Error) {
    let cause = std::error::Error::source(error);
    let cause = cause.map(|cause| format!(": {cause}")).unwrap_or_default();
    match (error.is_parse(), error.is_timeout()) {
        (true, _) => tracing::warn!(%peer, "turned away: {error}{cause}"),
        (_, true) => tracing::info!(%peer, "connection ended: {error}{cause}"),
        _ => tracing::debug!(%peer, "connection ended: {error}{cause}"),
    }
}

/// A connection, for as long as it is open.
struct Counted(watch::Sender<usize>);

impl Counted {
    fn new(open: watch::Sender<usize>) -> Self {
        open.send_modify(|open| *open += 1);
        Self(open)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|open| *open = open.saturating_sub(1));
    }
}

/// Completes when somebody wants the program to end: Ctrl-C, or SIGTERM.
pub(crate) async fn interrupted() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        match signal(SignalKind::terminate()) {
            Ok(mut terminate) => tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            },
            Err(_) => {
                let _ = tokio::signal::ctrl_c().await;
            }
        }
    }
    #[cfg(not(unix))]
    {
        let _ = tokio::signal::ctrl_c().await;
    }
}
