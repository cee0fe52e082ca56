//! Every endpoint of the distribution specification 1.1 as pure functions: builders make
//! a [`Call`], parsers read the response's [`Head`] and body. Nothing here sends, retries
//! or remembers; [`Session`](crate::session) does.
//!
//! | endpoint | request | builder | parser |
//! | --- | --- | --- | --- |
//! | end-1 | `GET /v2/` | [`base::get`] | [`base::supports`] |
//! | end-2 | `GET /v2/<name>/blobs/<digest>` | [`blobs::get`], [`blobs::get_range`] | [`blobs::body`] |
//! | end-2 | `HEAD /v2/<name>/blobs/<digest>` | [`blobs::head`] | [`blobs::found`] |
//! | end-3 | `GET /v2/<name>/manifests/<reference>` | [`manifests::get`] | [`manifests::received`] |
//! | end-3 | `HEAD /v2/<name>/manifests/<reference>` | [`manifests::head`] | [`manifests::found`] |
//! | end-4a | `POST /v2/<name>/blobs/uploads/` | [`uploads::start`] | [`uploads::started`] |
//! | end-4b | `POST /v2/<name>/blobs/uploads/?digest=` | [`uploads::single`] | [`uploads::started`] |
//! | end-5 | `PATCH <location>` | [`uploads::patch`], [`uploads::patch_stream`] | [`uploads::progress`] |
//! | end-6 | `PUT <location>?digest=` | [`uploads::close`] | [`uploads::closed`] |
//! | end-7 | `PUT /v2/<name>/manifests/<reference>` | [`manifests::put`] | [`manifests::stored`] |
//! | end-8a, end-8b | `GET /v2/<name>/tags/list` | [`tags::list`] | [`tags::page`] |
//! | end-9 | `DELETE /v2/<name>/manifests/<reference>` | [`manifests::delete`] | [`deleted`] |
//! | end-10 | `DELETE /v2/<name>/blobs/<digest>` | [`blobs::delete`] | [`deleted`] |
//! | end-11 | `POST /v2/<name>/blobs/uploads/?mount=&from=` | [`uploads::mount`] | [`uploads::started`] |
//! | end-12a, end-12b | `GET /v2/<name>/referrers/<digest>` | [`referrers::list`] | [`referrers::page`] |
//! | end-13 | `GET <location>` | [`uploads::status`] | [`uploads::progress`] |
//! | end-14 | `DELETE <location>` | [`uploads::cancel`] | none: failures are ignored |
//!
//! Outside its table: `GET /v2/_catalog` of Docker's registry ([`catalog`]), Docker's
//! token server ([`token`]), and `Warning` fields ([`warning()`]).
//!
//! ```
//! use http::{HeaderValue, StatusCode};
//! use ocirepo::endpoint::tags;
//! use ocirepo::exchange::Head;
//! use ocirepo::reference::{Registry, Repository, Scheme};
//!
//! let registry = Registry::new(Scheme::Https, "registry.example")?;
//! let call = tags::list(&Repository::new(registry, "me/repo")?, Some(2), None);
//! assert_eq!(call.url.as_str(), "https://registry.example/v2/me/repo/tags/list?n=2");
//!
//! // What came back, however it was sent:
//! let mut head = Head { status: StatusCode::OK, ..Head::default() };
//! let link = HeaderValue::from_static("</v2/me/repo/tags/list?n=2&last=b>; rel=next");
//! head.headers.insert(http::header::LINK, link);
//! let page = tags::page(&head, br#"{"name": "me/repo", "tags": ["a", "b"]}"#, &call.url)?;
//! assert_eq!(page.items.len(), 2);
//! assert_eq!(page.next.unwrap().query(), Some("n=2&last=b"));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A parser refuses every status its endpoint does not succeed with. For a response
//! that is no success, [`failure`] makes the better error: it reads the body too.

pub mod base;
pub mod blobs;
pub mod catalog;
mod failure;
pub mod manifests;
pub mod referrers;
pub mod tags;
pub mod token;
pub mod uploads;
mod warning;

use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderName};
use http::{Method, StatusCode};
use url::Url;

pub use failure::failure;
pub use warning::warning;

use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Call, Head};
use crate::range;
use crate::reference::{Registry, Repository};

/// What a `HEAD` says about a blob or manifest. Claims, all of them: content is only
/// known by what it hashes to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Found {
    /// `Docker-Content-Digest`, when there is one that reads as a digest.
    pub digest: Option<Digest>,
    /// `Content-Type`, as it was written.
    pub media_type: Option<String>,
    /// `Content-Length` in bytes.
    pub size: Option<u64>,
}

/// What the answer to a completed push says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stored {
    /// `Location`, as it was written: where the content may be pulled.
    pub location: Option<String>,
    /// `Docker-Content-Digest`, when there is one that reads as a digest.
    pub digest: Option<Digest>,
    /// `OCI-Subject`: the registry has put the manifest into its subject's referrers.
    /// Without it, whoever pushed has to (distribution-spec, "Pushing Manifests with
    /// Subject").
    pub subject: Option<Digest>,
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The entries, in the registry's order. Entries that are not valid are left out.
    pub items: Vec<T>,
    /// Where the next page is; `None` on the last one.
    pub next: Option<Url>,
}

/// Reads the answer to a `DELETE` of a manifest, tag or blob (end-9, end-10): 202, or
/// another success.
pub fn deleted(head: &Head) -> Result<(), Error> {
    success(head)
}

const DOCKER_CONTENT_DIGEST: HeaderName = HeaderName::from_static("docker-content-digest");
const OCI_SUBJECT: HeaderName = HeaderName::from_static("oci-subject");

fn found(head: &Head) -> Result<Found, Error> {
    expect(head, &[StatusCode::OK])?;
    Ok(Found {
        digest: digest(head, DOCKER_CONTENT_DIGEST),
        media_type: head.text(CONTENT_TYPE).map(str::to_owned),
        size: content_length(head),
    })
}

fn stored(head: &Head) -> Result<Stored, Error> {
    success(head)?;
    Ok(Stored {
        location: text(head, http::header::LOCATION),
        digest: digest(head, DOCKER_CONTENT_DIGEST),
        subject: digest(head, OCI_SUBJECT),
    })
}

/// A call to `/v2/` plus `path`, which holds nothing but validated names.
fn call(method: Method, registry: &Registry, path: &str) -> Call {
    let mut url = registry.base();
    let path = format!("{}/v2/{path}", url.path().trim_end_matches('/'));
    url.set_path(&path);
    Call::new(method, url)
}

/// A call to `/v2/<name>/` plus `path`.
fn call_in(method: Method, repository: &Repository, path: &str) -> Call {
    call(
        method,
        &repository.registry,
        &format!("{}/{path}", repository.name()),
    )
}

/// The first value of a field. `Head::text` would lose what is not ASCII.
fn text(head: &Head, name: HeaderName) -> Option<String> {
    let value = head.headers.get(name)?;
    Some(String::from_utf8_lossy(value.as_bytes()).into_owned())
}

/// A digest of an algorithm this crate does not know is no use to it.
fn digest(head: &Head, name: HeaderName) -> Option<Digest> {
    head.text(name)?.trim().parse().ok()
}

fn content_length(head: &Head) -> Option<u64> {
    range::number(head.text(CONTENT_LENGTH)?.trim())
}

fn success(head: &Head) -> Result<(), Error> {
    match head.status.is_success() {
        true => Ok(()),
        false => Err(failure::without_body(head)),
    }
}

fn expect(head: &Head, statuses: &[StatusCode]) -> Result<(), Error> {
    match statuses.contains(&head.status) {
        true => Ok(()),
        false => Err(unexpected(head, statuses)),
    }
}

/// The error of a status that is none of `statuses`, which are successes.
fn unexpected(head: &Head, statuses: &[StatusCode]) -> Error {
    if !head.status.is_success() {
        return failure::without_body(head);
    }
    let expected: Vec<_> = statuses.iter().map(StatusCode::as_str).collect();
    invalid(format!(
        "the registry answered with a status that is not {}; check that the address is that \
         of a registry, and that no proxy answers in its place",
        expected.join(" or ")
    ))
    .status(head.status)
}

fn invalid(message: impl Into<String>) -> Error {
    Error::new(ErrorKind::InvalidResponse, message)
}

/// The document of a list, with the advice its absence deserves.
fn json<'a, T: serde::Deserialize<'a>>(head: &Head, body: &'a [u8]) -> Result<T, Error> {
    // As every document is read: from a text, so that a small program has one reader of JSON.
    let document = match std::str::from_utf8(body) {
        Ok(text) => serde_json::from_str(text),
        Err(error) => Err(serde::de::Error::custom(error)),
    };
    document.map_err(|error: serde_json::Error| {
        let kind = head.text(CONTENT_TYPE).unwrap_or("no Content-Type");
        let kind: String = kind.chars().take(60).collect();
        invalid(format!(
            "the answer is not the JSON document the specification has here ({kind}, line {} \
             column {}); check that the address is that of a registry",
            error.line(),
            error.column()
        ))
        .status(head.status)
    })
}

#[cfg(test)]
mod testing;
