//! What the tests of all endpoints share.

use http::{HeaderName, HeaderValue, StatusCode};
use url::Url;

use crate::digest::Digest;
use crate::exchange::{Call, Head};
use crate::reference::{Registry, Repository, Scheme};

pub(super) fn registry() -> Registry {
    Registry::new(Scheme::Https, "registry.example").unwrap()
}

pub(super) fn repository() -> Repository {
    Repository::new(registry(), "me/repo").unwrap()
}

pub(super) fn some_digest() -> Digest {
    "sha256:6c3c624b58dbbcd3c0dd82b4c53f04194d1247c6eebdaab7c610cf7d66709b3b"
        .parse()
        .unwrap()
}

pub(super) fn url(text: &str) -> Url {
    Url::parse(text).unwrap()
}

pub(super) fn answer(status: u16, fields: &[(&str, &str)]) -> Head {
    let mut head = Head {
        status: StatusCode::from_u16(status).unwrap(),
        ..Head::default()
    };
    for (name, value) in fields {
        head.headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    head
}

/// Method, path and query, as the table of the specification writes them.
pub(super) fn line(call: &Call) -> String {
    assert_eq!(call.url.origin(), url("https://registry.example").origin());
    let query = call
        .url
        .query()
        .map(|q| format!("?{q}"))
        .unwrap_or_default();
    format!("{} {}{query}", call.method, call.url.path())
}

pub(super) fn field<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.headers.get(name).map(|value| value.to_str().unwrap())
}
