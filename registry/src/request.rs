//! A request as the endpoints see it.

use bytes::Bytes;
use http::header::HOST;
use http::{HeaderMap, HeaderName, Method, Request, Uri};

use crate::script::Quirk;

/// One request, taken apart once.
#[derive(Debug)]
pub(crate) struct Ask {
    /// Unix seconds.
    pub(crate) now: u64,
    pub(crate) method: Method,
    pub(crate) uri: Uri,
    pub(crate) query: Query,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
    /// What the script wants to go differently.
    pub(crate) quirks: Vec<Quirk>,
}

impl Ask {
    pub(crate) fn new(now: u64, request: Request<Bytes>) -> Self {
        let (head, body) = request.into_parts();
        Self {
            now,
            method: head.method,
            query: Query::parse(head.uri.query().unwrap_or_default()),
            uri: head.uri,
            headers: head.headers,
            body,
            quirks: Vec::new(),
        }
    }

    pub(crate) fn is_head(&self) -> bool {
        self.method == Method::HEAD
    }

    pub(crate) fn header(&self, name: HeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    pub(crate) fn has(&self, quirk: &Quirk) -> bool {
        self.quirks.contains(quirk)
    }

    /// Scheme and authority the client used, as far as it told.
    pub(crate) fn origin(&self) -> String {
        let scheme = self.uri.scheme_str().unwrap_or("http");
        let authority = self
            .uri
            .authority()
            .map(|authority| authority.as_str())
            .or_else(|| self.header(HOST))
            .filter(|authority| is_authority(authority))
            .unwrap_or("localhost");
        format!("{scheme}://{authority}")
    }
}

/// Whether a text can stand in a URL between `//` and `/` and inside a quoted string.
fn is_authority(text: &str) -> bool {
    !text.is_empty()
        && text
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
}

/// Query or form parameters, in order, decoded.
#[derive(Clone, Debug, Default)]
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn parse(text: &str) -> Self {
        Self(
            url::form_urlencoded::parse(text.as_bytes())
                .into_owned()
                .collect(),
        )
    }

    /// The first parameter of that name.
    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }

    /// Every parameter of that name.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.0
            .iter()
            .filter(move |(key, _)| key == name)
            .map(|(_, value)| value.as_str())
    }
}

/// One parameter as it stands in a query.
pub(crate) fn encode(value: &str) -> String {
    url::form_urlencoded::byte_serialize(value.as_bytes()).collect()
}
