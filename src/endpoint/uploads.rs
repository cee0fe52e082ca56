//! Blob uploads (end-4a to end-6, end-11, end-13, end-14; "Pushing blobs").
//!
//! An upload lives at a URL that changes with every answer. It may be relative, carry a
//! query that is part of its identity, and be on another host; it is kept byte for byte
//! and only ever added to.

use std::ops::Range;

use http::header::{CONTENT_RANGE, CONTENT_TYPE, LOCATION, RANGE};
use http::{HeaderName, HeaderValue, Method, StatusCode};
use url::Url;

use super::{Stored, call_in, expect, invalid, stored, success, text};
use crate::digest::Digest;
use crate::error::Error;
use crate::exchange::{Body, Call, Head};
use crate::link;
use crate::range;
use crate::reference::Repository;

/// Starts an upload (end-4a, "POST then PUT").
pub fn start(repository: &Repository) -> Call {
    call_in(Method::POST, repository, "blobs/uploads/")
}

/// Uploads a blob of `len` bytes in one request (end-4b, "Single POST"). Registries that
/// do not support it answer as if it had been [`start`].
pub fn single(repository: &Repository, digest: &Digest, len: u64) -> Call {
    let mut call = start(repository);
    add_query(&mut call.url, &format!("digest={digest}"));
    octets(call, 0..len)
}

/// Takes a blob over from another repository of the registry (end-11, "Mounting a blob
/// from another repository"); without `from`, from wherever the registry finds it.
/// Registries that cannot answer as if it had been [`start`].
pub fn mount(repository: &Repository, digest: &Digest, from: Option<&Repository>) -> Call {
    let mut call = start(repository);
    add_query(&mut call.url, &format!("mount={digest}"));
    if let Some(from) = from {
        // Names hold nothing that would need escaping.
        add_query(&mut call.url, &format!("from={}", from.name()));
    }
    call
}

/// Uploads a chunk (end-5, "Pushing a blob in chunks"): bytes `chunk` of the source,
/// which have to follow what the registry has.
pub fn patch(location: &Url, chunk: Range<u64>) -> Call {
    let announced = range::chunk(&chunk);
    patch_stream(location, chunk).header(CONTENT_RANGE, announced)
}

/// Uploads bytes `chunk` of the source as [`patch`] does, without `Content-Range`: what
/// Docker's client sends, for registries that know no chunks.
pub fn patch_stream(location: &Url, chunk: Range<u64>) -> Call {
    octets(Call::new(Method::PATCH, location.clone()), chunk)
}

/// Closes an upload (end-6), with the bytes `last` of the source that the registry does
/// not have yet, if any. Bytes from 0 on are the whole blob ("POST then PUT") and carry
/// no `Content-Range`.
pub fn close(location: &Url, digest: &Digest, last: Option<Range<u64>>) -> Call {
    let mut call = Call::new(Method::PUT, location.clone());
    add_query(&mut call.url, &format!("digest={digest}"));
    match last {
        None => call,
        Some(last) if last.start == 0 || last.is_empty() => octets(call, last),
        Some(last) => {
            let announced = range::chunk(&last);
            octets(call, last).header(CONTENT_RANGE, announced)
        }
    }
}

/// Asks how far an upload got (end-13).
pub fn status(location: &Url) -> Call {
    Call::new(Method::GET, location.clone())
}

/// Gives an upload up (end-14, "Cancel a blob upload"). Failures are to be ignored.
pub fn cancel(location: &Url) -> Call {
    Call::new(Method::DELETE, location.clone())
}

/// What came of [`start`], [`single`] or [`mount`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Started {
    /// An upload is open (202), and no byte of it has been stored.
    Upload {
        /// Where it is.
        location: Url,
        /// Least size of a chunk in bytes, but for the last (`OCI-Chunk-Min-Length`).
        chunk_min: Option<u64>,
    },
    /// The blob is there (201).
    Done,
}

/// Reads the answer to [`start`], [`single`] or [`mount`]; `base` is where the request
/// went.
pub fn started(head: &Head, base: &Url) -> Result<Started, Error> {
    const CHUNK_MIN: HeaderName = HeaderName::from_static("oci-chunk-min-length");
    expect(head, &[StatusCode::CREATED, StatusCode::ACCEPTED])?;
    if head.status == StatusCode::CREATED {
        return Ok(Started::Done);
    }
    let location = location(head, base)?.ok_or_else(|| {
        invalid(
            "the registry opened an upload without saying where: there is no Location header \
             (a browser sees it only if the registry exposes it)",
        )
        .status(head.status)
    })?;
    Ok(Started::Upload {
        location,
        chunk_min: (head.text(CHUNK_MIN).map(str::trim))
            .and_then(range::number)
            .filter(|&bytes| bytes > 0),
    })
}

/// How far an upload got.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Progress {
    /// Where it goes on.
    pub location: Url,
    /// The number of bytes the registry has.
    pub received: u64,
}

/// Reads the answer to [`patch`], [`patch_stream`] or [`status`]; `base` is where the
/// request went, and where the upload stays when there is no `Location`.
///
/// The specification has 202 and 204; registries also answer 200 and 201.
///
/// `otherwise` is the number of bytes to assume when the registry does not say: when
/// `Range` is missing, unreadable, or `0-0`, which registries write before the first
/// byte came as well as after it, and some write always. After a chunk that was
/// accepted it is the chunk's end; after [`status`] it is 0.
pub fn progress(head: &Head, base: &Url, otherwise: u64) -> Result<Progress, Error> {
    success(head)?;
    let received = head.text(RANGE).and_then(range::received);
    Ok(Progress {
        location: location(head, base)?.unwrap_or_else(|| base.clone()),
        received: received.filter(|&bytes| bytes > 1).unwrap_or(otherwise),
    })
}

/// Reads the answer to [`close`]: 201, or another success. The digest it names may be of
/// another algorithm than the one that was asked for.
pub fn closed(head: &Head) -> Result<Stored, Error> {
    stored(head)
}

fn location(head: &Head, base: &Url) -> Result<Option<Url>, Error> {
    match text(head, LOCATION) {
        None => Ok(None),
        Some(target) if target.trim().is_empty() => Ok(None),
        Some(target) => link::resolve(head, base, &target, "Location").map(Some),
    }
}

/// Adds to a query without touching what is there.
fn add_query(url: &mut Url, pair: &str) {
    let query = match url.query() {
        None | Some("") => pair.to_owned(),
        Some(query) if query.ends_with('&') => format!("{query}{pair}"),
        Some(query) => format!("{query}&{pair}"),
    };
    url.set_query(Some(&query));
}

fn octets(call: Call, bytes: Range<u64>) -> Call {
    call.header(
        CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    )
    .body(Body::Source(bytes))
}

#[cfg(test)]
mod tests;
