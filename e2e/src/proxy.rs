//! A proxy between a client and a server, that does something before each request, and lets
//! happen to it whatever it is told.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;

use crate::faults::{Fault, Faulty, Stream, reset};

/// A running proxy, which stops listening when it is dropped. Every exchange has a connection
/// of its own.
#[derive(Debug)]
pub struct Proxy {
    address: SocketAddr,
    shared: Arc<Shared>,
}

/// What was asked for through the proxy, and what came of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// `GET`, `PUT`, …
    pub method: String,
    /// Path and query, as the client wrote them.
    pub target: String,
    /// The status the server answered; 0 when none came.
    pub status: u16,
    /// The bytes of body that the server sent.
    pub received: u64,
    /// The bytes of body that the client sent.
    pub sent: u64,
}

#[derive(Debug, Default)]
struct Shared {
    exchanges: Mutex<Vec<Passed>>,
    stopped: AtomicBool,
}

impl Shared {
    fn exchanges(&self) -> MutexGuard<'_, Vec<Passed>> {
        self.exchanges
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Proxy {
    /// Starts it before `upstream`. `before` is called with the number of requests seen until
    /// then, one call at a time, and the request waits for it.
    ///
    /// # Errors
    /// When no port is free.
    pub fn start(
        upstream: SocketAddr,
        mut before: impl FnMut(usize) + Send + 'static,
    ) -> io::Result<Proxy> {
        Proxy::faulty(upstream, move |number, _| {
            before(number);
            None
        })
    }

    /// Starts it before `upstream`. `choose` is called with the number of requests seen until
    /// then and this one, one call at a time, and says what happens to it.
    ///
    /// # Errors
    /// When no port is free.
    pub fn faulty(
        upstream: SocketAddr,
        choose: impl FnMut(usize, &Passed) -> Option<Fault> + Send + 'static,
    ) -> io::Result<Proxy> {
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::default());
        let known = Arc::clone(&shared);
        let choose = Arc::new(Mutex::new(choose));
        thread::spawn(move || {
            for client in listener.incoming().flatten() {
                if known.stopped.load(Ordering::Relaxed) {
                    return;
                }
                let (shared, choose) = (Arc::clone(&known), Arc::clone(&choose));
                // A client that hangs up is its own affair.
                thread::spawn(move || exchange(client, upstream, &shared, &*choose));
            }
        });
        Ok(Proxy { address, shared })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was asked for so far, oldest first.
    pub fn exchanges(&self) -> Vec<Passed> {
        self.shared.exchanges().clone()
    }

    /// The paths asked for so far, oldest first.
    pub fn requests(&self) -> Vec<String> {
        let exchanges = self.shared.exchanges();
        exchanges
            .iter()
            .map(|passed| passed.target.clone())
            .collect()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.shared.stopped.store(true, Ordering::Relaxed);
        // Wakes it up to see that.
        let _ = TcpStream::connect(self.address);
    }
}

/// The most bytes a head may have.
const HEAD: u64 = 64 << 10;

/// Reads a head up to its empty line.
fn head(from: &mut impl BufRead) -> io::Result<String> {
    let mut head = String::new();
    let mut from = from.take(HEAD);
    loop {
        let start = head.len();
        if from.read_line(&mut head)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        if &head[start..] == "\r\n" {
            return Ok(head);
        }
    }
}

fn exchange(
    client: TcpStream,
    upstream: SocketAddr,
    shared: &Shared,
    choose: &Mutex<impl FnMut(usize, &Passed) -> Option<Fault>>,
) -> io::Result<()> {
    let mut from_client = BufReader::new(client.try_clone()?);
    let asked = head(&mut from_client)?;
    let mut words = asked.split(' ').map(str::to_owned);
    let passed = Passed {
        method: words.next().unwrap_or_default(),
        target: words.next().unwrap_or_default(),
        ..Passed::default()
    };
    let (number, fault) = {
        let mut choose = choose.lock().unwrap_or_else(PoisonError::into_inner);
        let number = shared.exchanges().len();
        let fault = (*choose)(number, &passed);
        shared.exchanges().push(passed);
        (number, fault)
    };
    let damage = |wanted: Stream| match fault {
        Some(Fault::Damage { stream, at, how }) if stream == wanted => Some((at, how)),
        _ => None,
    };
    match &fault {
        Some(Fault::Refuse) => {
            reset(&client);
            return Ok(());
        }
        Some(Fault::Answer(answer)) => {
            (&client).write_all(answer.as_bytes())?;
            client.shutdown(Shutdown::Write)?;
            // What the client still sends must not turn the answer into a reset.
            return io::copy(&mut from_client, &mut io::sink()).map(|_| ());
        }
        Some(Fault::Damage { .. }) | None => {}
    }
    let server = TcpStream::connect(upstream)?;
    (&server).write_all(without_keep_alive(&asked).as_bytes())?;
    let upload = damage(Stream::Upload);
    thread::scope(|scope| {
        scope.spawn(|| {
            let mut faulty = Faulty::new(&server, upload);
            let well = io::copy(&mut from_client, &mut faulty).is_ok();
            let sent = faulty.count;
            if !(well && faulty.finish().is_ok()) {
                // Neither side learns more than that the connection is gone.
                let _ = server.shutdown(Shutdown::Both);
                let _ = client.shutdown(Shutdown::Both);
            }
            if let Some(passed) = shared.exchanges().get_mut(number) {
                passed.sent = sent;
            }
        });
        let answered = answer(&server, &client, &damage, shared, number);
        let _ = server.shutdown(Shutdown::Both);
        let _ = client.shutdown(Shutdown::Both);
        answered
    })
}

/// Passes the response on.
fn answer(
    server: &TcpStream,
    client: &TcpStream,
    damage: &impl Fn(Stream) -> Option<(u64, crate::faults::How)>,
    shared: &Shared,
    number: usize,
) -> io::Result<()> {
    let mut from_server = BufReader::new(server);
    let answered = head(&mut from_server)?;
    let status = answered
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok());
    let mut counted = Counted {
        from: from_server,
        count: 0,
    };
    let copied = match damage(Stream::Body) {
        Some(damage) => {
            let mut to = client;
            to.write_all(answered.as_bytes())?;
            let mut faulty = Faulty::new(client, Some(damage));
            let copied = io::copy(&mut counted, &mut faulty);
            copied.and_then(|_| faulty.finish())
        }
        None => {
            let mut faulty = Faulty::new(client, damage(Stream::Response));
            let copied = faulty
                .write_all(answered.as_bytes())
                .and_then(|()| io::copy(&mut counted, &mut faulty));
            copied.and_then(|_| faulty.finish())
        }
    };
    if let Some(passed) = shared.exchanges().get_mut(number) {
        passed.status = status.unwrap_or(0);
        passed.received = counted.count;
    }
    copied.map(|_| ())
}

/// Counts what is read.
struct Counted<R> {
    from: R,
    count: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.from.read(buffer)?;
        self.count += read as u64;
        Ok(read)
    }
}

/// The head of a request, after which the server closes the connection.
fn without_keep_alive(head: &str) -> String {
    let mut lines = head.split_inclusive("\r\n");
    let mut rewritten = lines.next().unwrap_or_default().to_owned();
    for line in lines.filter(|line| *line != "\r\n") {
        let name = line.split(':').next().unwrap_or_default();
        if !name.eq_ignore_ascii_case("connection") {
            rewritten.push_str(line);
        }
    }
    rewritten.push_str("Connection: close\r\n\r\n");
    rewritten
}
