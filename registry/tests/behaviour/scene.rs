//! A registry, a clock, and short ways to ask.

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response};
use ocirepo::digest::Digest;
use ocirepo_registry::{Config, Registry, Rule};
use serde_json::{Value, json};

pub(crate) const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const INDEX: &str = "application/vnd.oci.image.index.v1+json";

pub(crate) struct Scene {
    pub(crate) registry: Registry,
    pub(crate) now: u64,
}

impl Scene {
    pub(crate) fn new(config: Config) -> Self {
        Self {
            registry: Registry::new(config),
            now: 1_700_000_000,
        }
    }

    pub(crate) fn open() -> Self {
        Self::new(Config::default())
    }

    /// An open registry with one rule.
    pub(crate) fn with(rule: Rule) -> Self {
        let mut scene = Self::open();
        scene.registry.script(rule);
        scene
    }

    pub(crate) fn send(
        &mut self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
        body: impl Into<Bytes>,
    ) -> Response<Bytes> {
        let mut request = Request::builder().method(method).uri(target);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(body.into()).unwrap();
        self.registry.handle(self.now, request)
    }

    pub(crate) fn get(&mut self, target: &str) -> Response<Bytes> {
        self.send(Method::GET, target, &[], "")
    }

    pub(crate) fn post(&mut self, target: &str, body: impl Into<Bytes>) -> Response<Bytes> {
        self.send(Method::POST, target, &[], body)
    }

    pub(crate) fn put(&mut self, target: &str, body: impl Into<Bytes>) -> Response<Bytes> {
        self.send(Method::PUT, target, &[], body)
    }

    pub(crate) fn patch(&mut self, target: &str, body: impl Into<Bytes>) -> Response<Bytes> {
        self.send(Method::PATCH, target, &[], body)
    }

    /// Starts an upload in the repository `r`; gives its location.
    pub(crate) fn start_upload(&mut self) -> String {
        let response = self.post("/v2/r/blobs/uploads/", "");
        assert_eq!(response.status(), 202);
        text(response.headers(), "location")
    }

    pub(crate) fn close_upload(&mut self, upload: &str, content: &[u8]) -> Response<Bytes> {
        let digest = Digest::of(content);
        let joint = if upload.contains('?') { '&' } else { '?' };
        self.put(&format!("{upload}{joint}digest={digest}"), "")
    }
}

/// A header that must be there, as text.
pub(crate) fn text(headers: &HeaderMap, name: &str) -> String {
    let value = headers.get(name).unwrap_or_else(|| panic!("no {name}"));
    value.to_str().unwrap().to_owned()
}

pub(crate) fn body(response: &Response<Bytes>) -> Value {
    serde_json::from_slice(response.body()).unwrap()
}

/// The code of the first error.
pub(crate) fn code(response: &Response<Bytes>) -> String {
    let code = &body(response)["errors"][0]["code"];
    code.as_str().unwrap().to_owned()
}

/// An image manifest with this many layers, all the same and none pushed.
pub(crate) fn image(layers: usize) -> String {
    let descriptor = |kind| json!({ "mediaType": kind, "digest": Digest::of(b""), "size": 0 });
    json!({
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": descriptor("application/vnd.oci.empty.v1+json"),
        "layers": vec![descriptor("application/octet-stream"); layers],
    })
    .to_string()
}
