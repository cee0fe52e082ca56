//! Blobs: end-2 (pull, whole or a range) and end-10 (delete).

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, AUTHORIZATION, CONTENT_RANGE, ETAG, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE,
};
use http::{Method, StatusCode};
use ocirepo::digest::Digest;

use crate::error::{Code, Refusal};
use crate::names::DOCKER_CONTENT_DIGEST;
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::Ask;
use crate::router::parse_digest;
use crate::script::Quirk;

const OCTET_STREAM: &str = "application/octet-stream";

impl Registry {
    /// Dispatches `/v2/<name>/blobs/<digest>`.
    pub(crate) fn blobs(&mut self, ask: &Ask, name: &str, digest: &str) -> Result<Reply, Refusal> {
        let digest = parse_digest(digest)?;
        let unknown =
            || Refusal::not_found(Code::BlobUnknown, format!("{name} has no blob {digest}"));
        if ask.method == Method::DELETE {
            self.check_delete()?;
            return if self.store.delete_blob(name, &digest) {
                Ok(Reply::new(StatusCode::ACCEPTED)
                    .header(DOCKER_CONTENT_DIGEST, digest.to_string()))
            } else {
                Err(unknown())
            };
        }
        let bytes = self.store.blob(name, &digest).ok_or_else(unknown)?;
        if let Some(origin) = ask.storage_origin() {
            return Ok(Reply::new(StatusCode::TEMPORARY_REDIRECT)
                .header(LOCATION, format!("{origin}/storage/{digest}?signature=1")));
        }
        Ok(content(ask, &digest, bytes))
    }

    /// Answers as an object store does to a signed URL: with the content, but not to a
    /// request that brings a second authorization.
    pub(crate) fn storage(&self, ask: &Ask, digest: &str) -> Result<Reply, Refusal> {
        let digest = parse_digest(digest)?;
        if ask.headers.contains_key(AUTHORIZATION) {
            return Err(Refusal::bad_request(
                Code::Unsupported,
                "only one authorization is allowed: the URL is signed and a header came too",
            ));
        }
        let unknown = || Refusal::not_found(Code::BlobUnknown, format!("no object {digest}"));
        let bytes = self.store.content(&digest).ok_or_else(unknown)?;
        Ok(content(ask, &digest, bytes))
    }

    /// Refuses deletion where it is switched off.
    pub(crate) fn check_delete(&self) -> Result<(), Refusal> {
        if self.config.delete {
            Ok(())
        } else {
            Err(Refusal::new(
                StatusCode::METHOD_NOT_ALLOWED,
                Code::Unsupported,
                "deletion is switched off",
            ))
        }
    }
}

/// A blob, or the part of it that was asked for.
fn content(ask: &Ask, digest: &Digest, bytes: &Bytes) -> Reply {
    let digest = match ask.has(&Quirk::Sha256Only) {
        true => &Digest::of(bytes),
        false => digest,
    };
    let etag = format!("\"{digest}\"");
    let reply = |status| {
        Reply::new(status)
            .header(DOCKER_CONTENT_DIGEST, digest.to_string())
            .header(ETAG, &etag)
            .header(ACCEPT_RANGES, "bytes")
    };
    if ask.header(IF_NONE_MATCH) == Some(etag.as_str()) {
        return reply(StatusCode::NOT_MODIFIED);
    }
    let ignored = ask.is_head()
        || ask.has(&Quirk::RangeIgnored)
        || ask.header(IF_RANGE).is_some_and(|tag| tag != etag);
    let wanted = ask.header(RANGE).filter(|_| !ignored);
    let whole = bytes.len();
    match wanted.map_or(Wanted::Whole, |range| Wanted::parse(range, whole as u64)) {
        Wanted::Whole => reply(StatusCode::OK).body(OCTET_STREAM, bytes.clone()),
        Wanted::Nothing => Reply::from(Refusal::new(
            StatusCode::RANGE_NOT_SATISFIABLE,
            Code::RangeInvalid,
            format!("the blob has {whole} bytes"),
        ))
        .header(CONTENT_RANGE, format!("bytes */{whole}")),
        Wanted::Part { first, last } => {
            // Both ends lie inside the blob, whose length is a usize.
            let part = bytes.slice(first as usize..=last as usize);
            reply(StatusCode::PARTIAL_CONTENT)
                .header(CONTENT_RANGE, format!("bytes {first}-{last}/{whole}"))
                .body(OCTET_STREAM, part)
        }
    }
}

/// What a `Range` header asks of content of a known length (RFC 9110, section 14.2).
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    /// Everything: the header is no single byte range, and may be ignored.
    Whole,
    /// Nothing that exists.
    Nothing,
    /// These bytes, both ends included, inside the content.
    Part { first: u64, last: u64 },
}

impl Wanted {
    fn parse(header: &str, length: u64) -> Self {
        let Some((first, last)) = header
            .trim()
            .strip_prefix("bytes=")
            .and_then(|range| range.split_once('-'))
        else {
            return Self::Whole;
        };
        let end = length.saturating_sub(1);
        let (first, last) = match (first.trim(), last.trim()) {
            ("", suffix) => match suffix.parse::<u64>() {
                Ok(0) => return Self::Nothing,
                Ok(suffix) => (length.saturating_sub(suffix), end),
                Err(_) => return Self::Whole,
            },
            (first, "") => match first.parse() {
                Ok(first) => (first, end),
                Err(_) => return Self::Whole,
            },
            (first, last) => match (first.parse::<u64>(), last.parse::<u64>()) {
                (Ok(first), Ok(last)) => (first, last.min(end)),
                _ => return Self::Whole,
            },
        };
        if first >= length || first > last {
            Self::Nothing
        } else {
            Self::Part { first, last }
        }
    }
}

impl Ask {
    fn storage_origin(&self) -> Option<&str> {
        self.quirks.iter().find_map(|quirk| match quirk {
            Quirk::StorageRedirect { origin } => Some(origin.as_str()),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_follow_rfc_9110() {
        let part = |first, last| Wanted::Part { first, last };
        let cases = [
            ("bytes=0-0", 10, part(0, 0)),
            ("bytes=2-5", 10, part(2, 5)),
            ("bytes=2-", 10, part(2, 9)),
            ("bytes=2-50", 10, part(2, 9)),
            ("bytes=-3", 10, part(7, 9)),
            ("bytes=-30", 10, part(0, 9)),
            ("bytes=-0", 10, Wanted::Nothing),
            ("bytes=10-", 10, Wanted::Nothing),
            ("bytes=5-2", 10, Wanted::Nothing),
            ("bytes=0-", 0, Wanted::Nothing),
            ("bytes=-1", 0, Wanted::Nothing),
            ("bytes=0-1,3-4", 10, Wanted::Whole),
            ("bytes=a-b", 10, Wanted::Whole),
            ("bytes=99999999999999999999-", 10, Wanted::Whole),
            ("lines=1-2", 10, Wanted::Whole),
            ("bytes", 10, Wanted::Whole),
        ];
        for (header, length, wanted) in cases {
            assert_eq!(
                Wanted::parse(header, length),
                wanted,
                "{header} of {length}"
            );
        }
    }
}
