//! The socket of the bridge: its own, or one that systemd opened for it.

use std::net::SocketAddr;

use tokio::net::TcpListener;

use crate::exit::Failure;

/// A new socket at this address.
pub(crate) async fn listen(address: SocketAddr) -> Result<TcpListener, Failure> {
    let listener = TcpListener::bind(address).await;
    listener.map_err(|error| Failure::failed(format!("cannot listen on {address}: {error}")))
}

/// The socket that whoever started this process opened for it (`LISTEN_FDS`), if one did.
#[cfg(unix)]
pub(crate) fn inherited() -> Result<Option<TcpListener>, Failure> {
    let mut sockets = listenfd::ListenFd::from_env();
    let failed = |error: std::io::Error| {
        Failure::failed(format!(
            "the socket that was handed over is no TCP socket: {error}"
        ))
    };
    match sockets.len() {
        0 => Ok(None),
        1 => {
            let listener = sockets.take_tcp_listener(0).map_err(failed)?;
            let Some(listener) = listener else {
                return Ok(None);
            };
            listener.set_nonblocking(true).map_err(failed)?;
            TcpListener::from_std(listener).map(Some).map_err(failed)
        }
        count => Err(Failure::usage(format!(
            "{count} sockets were handed over, and the bridge serves one; write one ListenStream \
             in the socket unit"
        ))),
    }
}

#[cfg(not(unix))]
pub(crate) fn inherited() -> Result<Option<TcpListener>, Failure> {
    Ok(None)
}
