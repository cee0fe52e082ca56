//! HTTP/1.1 as plain as a client can speak it, for looking at what a server really sends.

use std::io::{self, BufRead as _, BufReader, Read, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// A connection to a server.
#[derive(Debug)]
pub struct Connection {
    stream: BufReader<TcpStream>,
    address: SocketAddr,
}

/// The head of an answer.
#[derive(Clone, Debug)]
pub struct Head {
    /// 200, 404, …
    pub status: u16,
    /// Names in lower case, with their values.
    fields: Vec<(String, String)>,
}

impl Head {
    /// A field, named in lower case.
    pub fn field(&self, name: &str) -> Option<&str> {
        let found = self.fields.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str())
    }

    /// How many bytes the answer says to have.
    pub fn length(&self) -> Option<u64> {
        self.field("content-length")?.parse().ok()
    }
}

impl Connection {
    /// Connects. No single wait for the server is longer than `patience`.
    ///
    /// # Errors
    /// When nobody answers there.
    pub fn open(address: SocketAddr, patience: Duration) -> io::Result<Connection> {
        let stream = TcpStream::connect(address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(patience))?;
        stream.set_write_timeout(Some(patience))?;
        Ok(Connection {
            stream: BufReader::new(stream),
            address,
        })
    }

    /// Sends a request for a path, which is not encoded yet, and reads the head of the answer.
    ///
    /// # Errors
    /// When the connection ends, or what comes is no head.
    pub fn ask(&mut self, method: &str, path: &str, fields: &[(&str, &str)]) -> io::Result<Head> {
        let mut request = format!("{method} {} HTTP/1.1\r\n", encoded(path));
        request.push_str(&format!("Host: {}\r\n", self.address));
        for (name, value) in fields {
            request.push_str(&format!("{name}: {value}\r\n"));
        }
        request.push_str("\r\n");
        self.stream.get_mut().write_all(request.as_bytes())?;
        let first = self.line()?;
        let status = first.split(' ').nth(1).and_then(|code| code.parse().ok());
        let mut head = Head {
            status: status.ok_or(io::ErrorKind::InvalidData)?,
            fields: Vec::new(),
        };
        loop {
            let line = self.line()?;
            if line.is_empty() {
                return Ok(head);
            }
            let (name, value) = line.split_once(':').ok_or(io::ErrorKind::InvalidData)?;
            let (name, value) = (name.to_ascii_lowercase(), value.trim().to_owned());
            head.fields.push((name, value));
        }
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        line.truncate(line.trim_end().len());
        Ok(line)
    }

    /// Reads the body that belongs to a head, or all there is where the head does not say.
    ///
    /// # Errors
    /// When the connection ends before.
    pub fn body(&mut self, head: &Head) -> io::Result<Vec<u8>> {
        let mut body = Vec::new();
        if head.field("transfer-encoding") == Some("chunked") {
            loop {
                let size = u64::from_str_radix(&self.line()?, 16);
                let size = size.map_err(|_| io::ErrorKind::InvalidData)?;
                self.piece(size, &mut body)?;
                self.line()?;
                if size == 0 {
                    return Ok(body);
                }
            }
        }
        match head.length() {
            Some(length) => self.piece(length, &mut body)?,
            None => drop(self.stream.read_to_end(&mut body)?),
        }
        Ok(body)
    }

    fn piece(&mut self, size: u64, body: &mut Vec<u8>) -> io::Result<()> {
        let read = self.stream.by_ref().take(size).read_to_end(body)?;
        match read as u64 == size {
            true => Ok(()),
            false => Err(io::ErrorKind::UnexpectedEof.into()),
        }
    }
}

impl Read for Connection {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.stream.read(buffer)
    }
}

/// The status and the body of an answer that came as a whole, with this value of `Authorization`.
///
/// # Errors
/// When it did not.
pub fn get(
    address: SocketAddr,
    path: &str,
    authorization: &str,
    patience: Duration,
) -> io::Result<(u16, Vec<u8>)> {
    let mut connection = Connection::open(address, patience)?;
    let fields = [("Connection", "close"), ("Authorization", authorization)];
    let head = connection.ask("GET", path, &fields)?;
    let body = connection.body(&head)?;
    Ok((head.status, body))
}

fn encoded(path: &str) -> String {
    path.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b':' => {
                char::from(byte).to_string()
            }
            other => format!("%{other:02x}"),
        })
        .collect()
}
