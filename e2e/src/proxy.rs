//! A proxy between dnf and the bridge, that does something before each request.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

/// A running proxy. It forwards requests without a body, each over a connection of its own.
pub struct Proxy {
    address: SocketAddr,
    seen: Arc<Mutex<Vec<String>>>,
}

impl Proxy {
    /// Starts it before `upstream`. `before` is called with the number of requests seen until
    /// then, one call at a time, and the request waits for it.
    ///
    /// It runs until the process ends: it holds nothing but a port.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(
        upstream: SocketAddr,
        before: impl FnMut(usize) + Send + 'static,
    ) -> io::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&seen);
        let before = Arc::new(Mutex::new(before));
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (log, before) = (Arc::clone(&log), Arc::clone(&before));
                // A client that hangs up is its own affair.
                thread::spawn(move || forward(stream, upstream, &log, &before));
            }
        });
        Ok(Proxy { address, seen })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The paths asked for so far, oldest first.
    pub fn requests(&self) -> Vec<String> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

fn forward(
    client: TcpStream,
    upstream: SocketAddr,
    log: &Mutex<Vec<String>>,
    before: &Mutex<impl FnMut(usize)>,
) -> io::Result<()> {
    let mut reader = BufReader::new(client.try_clone()?.take(64 * 1024));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut head = first.clone();
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line == "\r\n" {
            break;
        }
        let name = line.split(':').next().unwrap_or_default();
        if !["connection", "host"].contains(&name.to_ascii_lowercase().as_str()) {
            head.push_str(&line);
        }
    }
    head.push_str(&format!("Host: {upstream}\r\nConnection: close\r\n\r\n"));
    {
        let mut before = before.lock().unwrap_or_else(PoisonError::into_inner);
        let mut log = log.lock().unwrap_or_else(PoisonError::into_inner);
        before(log.len());
        let target = first.split(' ').nth(1).unwrap_or_default();
        log.push(target.to_owned());
    }
    let mut server = TcpStream::connect(upstream)?;
    server.write_all(head.as_bytes())?;
    let copied = io::copy(&mut server, &mut &client);
    client.shutdown(Shutdown::Both)?;
    copied.map(|_| ())
}
