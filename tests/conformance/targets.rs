//! The registries the table is run against.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request};
use ocirepo_registry::Registry;
use url::Url;

use crate::client::Target;

/// The registry of this workspace, without a network.
pub(crate) struct InMemory(pub(crate) Registry);

impl Target for InMemory {
    fn base(&self) -> Url {
        Url::parse("http://registry.example/").unwrap()
    }

    fn send(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, HeaderMap, Vec<u8>), String> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request
            .body(Bytes::copy_from_slice(body))
            .map_err(|error| error.to_string())?;
        let (head, body) = self.0.handle(1_700_000_000, request).into_parts();
        Ok((head.status.as_u16(), head.headers, body.to_vec()))
    }
}

/// A registry behind HTTP/1.1, asked over one connection a request.
pub(crate) struct OverHttp {
    base: Url,
    authority: String,
}

impl OverHttp {
    pub(crate) fn new(url: &str) -> Result<Self, String> {
        let base = Url::parse(url).map_err(|error| format!("{url}: {error}"))?;
        let host = base.host_str().ok_or_else(|| format!("{url}: no host"))?;
        let port = base.port_or_known_default().unwrap_or(80);
        Ok(Self {
            authority: format!("{host}:{port}"),
            base,
        })
    }
}

impl Target for OverHttp {
    fn base(&self) -> Url {
        self.base.clone()
    }

    fn send(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, HeaderMap, Vec<u8>), String> {
        let exchange = || -> std::io::Result<Vec<u8>> {
            let mut stream = TcpStream::connect(&self.authority)?;
            stream.set_read_timeout(Some(Duration::from_secs(30)))?;
            let query = url.query().map_or(String::new(), |q| format!("?{q}"));
            let mut request = format!(
                "{method} {}{query} HTTP/1.1\r\nhost: {}\r\nconnection: close\r\ncontent-length: {}\r\n",
                url.path(),
                self.authority,
                body.len()
            );
            for (name, value) in headers {
                request.push_str(&format!("{name}: {value}\r\n"));
            }
            request.push_str("\r\n");
            stream.write_all(request.as_bytes())?;
            // A refusal may come, and the connection go, before the body was taken.
            let _ = stream.write_all(body);
            let mut answer = Vec::new();
            match stream.read_to_end(&mut answer) {
                Err(error) if answer.is_empty() => Err(error),
                _ => Ok(answer),
            }
        };
        let answer = exchange().map_err(|error| error.to_string())?;
        parse(&answer).ok_or_else(|| "the answer is no HTTP".to_owned())
    }
}

fn parse(answer: &[u8]) -> Option<(u16, HeaderMap, Vec<u8>)> {
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n")?;
    let head = std::str::from_utf8(&answer[..end]).ok()?;
    let mut lines = head.split("\r\n");
    let status = lines.next()?.split(' ').nth(1)?.parse().ok()?;
    let mut headers = HeaderMap::new();
    for line in lines {
        let (name, value) = line.split_once(':')?;
        let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
        headers.append(name, HeaderValue::from_str(value.trim()).ok()?);
    }
    let body = &answer[end + 4..];
    let chunked = headers
        .get("transfer-encoding")
        .is_some_and(|value| value == "chunked");
    let body = if chunked {
        dechunk(body)?
    } else {
        body.to_vec()
    };
    Some((status, headers, body))
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let end = rest.windows(2).position(|window| window == b"\r\n")?;
        let size = std::str::from_utf8(&rest[..end]).ok()?;
        let size = usize::from_str_radix(size.trim(), 16).ok()?;
        rest = rest.get(end + 2..)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(rest.get(..size)?);
        rest = rest.get(size + 2..)?;
    }
}
