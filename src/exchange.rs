//! One request and its response, as values.
//!
//! [`Call`] is what an [endpoint](crate::endpoint) builds: a request without
//! credentials. The [session](crate::session) turns it into a
//! [`Request`](crate::session::Request) with an [`ExchangeId`] and hands it to the host.

use std::fmt;
use std::ops::Range;

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

/// A request as an endpoint builds it: complete but for credentials.
#[derive(Clone, Debug)]
pub struct Call {
    /// The method.
    pub method: Method,
    /// The absolute URL.
    pub url: Url,
    /// Header fields; never `Authorization`.
    pub headers: HeaderMap,
    /// What is sent.
    pub body: Body,
}

impl Call {
    /// A request without a body.
    pub fn new(method: Method, url: Url) -> Self {
        Self {
            method,
            url,
            headers: HeaderMap::new(),
            body: Body::Empty,
        }
    }

    /// Sets one header field.
    pub fn header(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    /// Sets the body.
    pub fn body(mut self, body: Body) -> Self {
        self.body = body;
        self
    }
}

/// The body of a request.
#[derive(Clone, Default, PartialEq, Eq)]
pub enum Body {
    /// No body; hosts send `Content-Length: 0` with POST, PUT and PATCH.
    #[default]
    Empty,
    /// Bytes at hand: manifests and token forms.
    Bytes(Vec<u8>),
    /// A range of the upload's source, in bytes from its start, which the host
    /// reads while it sends. Its length is the `Content-Length`.
    Source(Range<u64>),
}

impl Body {
    /// The number of bytes to send.
    pub fn len(&self) -> u64 {
        match self {
            Self::Empty => 0,
            Self::Bytes(bytes) => bytes.len() as u64,
            Self::Source(range) => range.end.saturating_sub(range.start),
        }
    }

    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl fmt::Debug for Body {
    /// Token forms hold secrets, so bytes are never shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("Empty"),
            Self::Bytes(bytes) => write!(f, "Bytes({} bytes)", bytes.len()),
            Self::Source(range) => write!(f, "Source({range:?})"),
        }
    }
}

/// The status line and header fields of a response.
#[derive(Clone, Debug, Default)]
pub struct Head {
    /// The status.
    pub status: StatusCode,
    /// The header fields the host can see.
    pub headers: HeaderMap,
    /// Where the response came from, when the host followed redirects itself.
    pub url: Option<Url>,
}

impl Head {
    /// The first value of a field, when it is text.
    pub fn text(&self, name: impl http::header::AsHeaderName) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

/// Names one exchange of a session. Ids are never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ExchangeId(pub(crate) u64);

impl ExchangeId {
    /// The id as a number, for hosts that keep it in a foreign table.
    pub fn get(self) -> u64 {
        self.0
    }
}

impl From<u64> for ExchangeId {
    /// Takes a number back that [`ExchangeId::get`] gave. An id the session does
    /// not know is ignored wherever it is used.
    fn from(id: u64) -> Self {
        Self(id)
    }
}
