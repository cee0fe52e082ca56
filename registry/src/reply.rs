//! A small response builder that cannot fail.

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue, TRANSFER_ENCODING};
use http::{HeaderMap, Response, StatusCode};
use serde::Serialize;

/// The answer under construction.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn new(status: StatusCode) -> Self {
        Self {
            status,
            headers: HeaderMap::new(),
            body: Bytes::new(),
        }
    }

    /// Sets a header. A value that no header can carry is left out: values come from
    /// validated names and digests, or from a script that asked for nonsense.
    pub(crate) fn header(mut self, name: HeaderName, value: impl AsRef<str>) -> Self {
        if let Ok(value) = HeaderValue::from_str(value.as_ref()) {
            self.headers.insert(name, value);
        }
        self
    }

    pub(crate) fn append(mut self, name: HeaderName, value: HeaderValue) -> Self {
        self.headers.append(name, value);
        self
    }

    pub(crate) fn body(mut self, content_type: &str, body: Bytes) -> Self {
        self.body = body;
        self.header(CONTENT_TYPE, content_type)
    }

    pub(crate) fn json(self, value: &impl Serialize) -> Self {
        // Only maps with keys that are no strings fail to serialise, and there are none.
        let body = serde_json::to_vec(value).unwrap_or_default();
        self.body("application/json", body.into())
    }

    /// The response as it goes out: with its length, and for `HEAD` without its body.
    pub(crate) fn finish(mut self, head: bool) -> Response<Bytes> {
        let bodiless = self.status == StatusCode::NO_CONTENT
            || self.status == StatusCode::NOT_MODIFIED
            || self.status.is_informational();
        if bodiless {
            self.body = Bytes::new();
            self.headers.remove(CONTENT_LENGTH);
        } else if !self.headers.contains_key(CONTENT_LENGTH)
            && !self.headers.contains_key(TRANSFER_ENCODING)
        {
            let length = HeaderValue::from(self.body.len());
            self.headers.insert(CONTENT_LENGTH, length);
        }
        if head {
            self.body = Bytes::new();
        }
        let mut response = Response::new(self.body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}
