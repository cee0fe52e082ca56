//! Blobs: pull, whole or in part, check, delete (end-2, end-10).

use std::ops::Range;

use http::header::{CONTENT_ENCODING, CONTENT_RANGE, CONTENT_TYPE, RANGE};
use http::{Method, StatusCode};

use super::{Found, call_in, content_length, found as found_in, invalid, unexpected};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Call, Head};
use crate::range::{self, ContentRange};
use crate::reference::Repository;

/// Pulls a blob, whole or from byte `from` on (end-2, "Pulling blobs"). Registries may
/// ignore the range; [`body`] tells.
pub fn get(repository: &Repository, digest: &Digest, from: Option<u64>) -> Call {
    let call = blob(Method::GET, repository, digest);
    match from {
        None => call,
        Some(first) => call.header(RANGE, range::from(first)),
    }
}

/// Pulls some bytes of a blob (end-2). An empty range cannot be asked for: one byte
/// comes instead.
pub fn get_range(repository: &Repository, digest: &Digest, bytes: Range<u64>) -> Call {
    blob(Method::GET, repository, digest).header(RANGE, range::within(&bytes))
}

/// Asks whether there is a blob, and how large it is (end-2, "Checking if content
/// exists in the registry").
pub fn head(repository: &Repository, digest: &Digest) -> Call {
    blob(Method::HEAD, repository, digest)
}

/// Deletes a blob (end-10, "Deleting Blobs"). Registries may refuse with 400 or 405.
pub fn delete(repository: &Repository, digest: &Digest) -> Call {
    blob(Method::DELETE, repository, digest)
}

/// Reads the answer to [`head`].
pub fn found(head: &Head) -> Result<Found, Error> {
    found_in(head)
}

/// The part of a blob that a request asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Asked {
    /// All of it, without `Range`.
    Whole,
    /// Everything from this byte on.
    From(u64),
    /// These bytes.
    Range(Range<u64>),
}

/// Which part of a blob the body of a response is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BodyStart {
    /// Where the first byte of the body belongs, in bytes from the blob's start. With
    /// status 200 it is 0, whatever was asked for: the body is to be windowed, never
    /// appended.
    pub offset: u64,
    /// The size of the whole blob in bytes, as far as the response tells. A claim.
    pub total: Option<u64>,
}

/// Reads the head of an answer to [`get`] or [`get_range`].
///
/// With `hidden`, the host cannot see `Content-Range` (browsers show few fields across
/// origins); a 206 without it then counts as what was asked for, for the digest will
/// decide. Otherwise its absence is an error, as is a visible one that does not begin
/// where it should: ask anew, without a range. A 416 is an error with that
/// [status](Error::http_status); its message says how large the blob is.
pub fn body(head: &Head, asked: &Asked, hidden: bool) -> Result<BodyStart, Error> {
    match head.status {
        StatusCode::OK => {
            // Of an encoded body the length is not the blob's.
            let encoded = head
                .headers
                .get(CONTENT_ENCODING)
                .is_some_and(|coding| coding != "identity");
            Ok(BodyStart {
                offset: 0,
                total: content_length(head).filter(|_| !encoded),
            })
        }
        StatusCode::PARTIAL_CONTENT => {
            partial(head, asked, hidden).map_err(|error| error.status(head.status))
        }
        StatusCode::RANGE_NOT_SATISFIABLE => {
            let size = match content_range(head) {
                Some(Some(ContentRange::Unsatisfied { total })) => format!("{total} bytes"),
                _ => "fewer bytes".to_owned(),
            };
            let asked = match asked {
                Asked::Whole => "all bytes".to_owned(),
                Asked::From(first) => format!("bytes from {first} on"),
                Asked::Range(range) => format!("bytes {} to {}", range.start, range.end),
            };
            Err(Error::new(
                ErrorKind::Refused,
                format!("asked for {asked}, but the blob has {size}; pull it anew"),
            )
            .status(head.status))
        }
        _ => Err(unexpected(
            head,
            &[StatusCode::OK, StatusCode::PARTIAL_CONTENT],
        )),
    }
}

fn partial(head: &Head, asked: &Asked, hidden: bool) -> Result<BodyStart, Error> {
    let (first, end) = match asked {
        Asked::Whole => (0, None),
        Asked::From(first) => (*first, None),
        Asked::Range(range) => (range.start, Some(range.end)),
    };
    let several = head.text(CONTENT_TYPE).is_some_and(|kind| {
        kind.trim_start()
            .to_ascii_lowercase()
            .starts_with("multipart/")
    });
    if several {
        return Err(invalid(
            "one range was asked for and several came; pull the whole blob",
        ));
    }
    match content_range(head) {
        Some(Some(ContentRange::Bytes { range, total })) => {
            let fits = range.start == first
                && end.is_none_or(|end| range.end <= end)
                && (*asked != Asked::Whole || total == Some(range.end));
            if !fits {
                return Err(invalid(format!(
                    "other bytes came than were asked for: {} to {} instead of those from \
                     {first} on; pull the whole blob",
                    range.start, range.end
                )));
            }
            Ok(BodyStart {
                offset: first,
                total,
            })
        }
        Some(_) => Err(invalid(
            "a part came whose Content-Range makes no sense; pull the whole blob",
        )),
        None if hidden => Ok(BodyStart {
            offset: first,
            total: None,
        }),
        None => Err(invalid(
            "a part came without Content-Range; pull the whole blob",
        )),
    }
}

/// `Some(None)` is a field that does not read.
fn content_range(head: &Head) -> Option<Option<ContentRange>> {
    let value = head.headers.get(CONTENT_RANGE)?;
    Some(value.to_str().ok().and_then(ContentRange::parse))
}

fn blob(method: Method, repository: &Repository, digest: &Digest) -> Call {
    call_in(method, repository, &format!("blobs/{digest}"))
}

#[cfg(test)]
mod tests {
    use super::super::testing::{answer, field, line, repository, some_digest};
    use super::*;
    use proptest::prelude::*;

    fn start(offset: u64, total: Option<u64>) -> BodyStart {
        BodyStart { offset, total }
    }

    #[test]
    fn end_2() {
        let call = get(&repository(), &some_digest(), None);
        assert_eq!(
            line(&call),
            format!("GET /v2/me/repo/blobs/{}", some_digest())
        );
        assert!(call.headers.is_empty());
        let call = get(&repository(), &some_digest(), Some(1000));
        assert_eq!(field(&call, "range"), Some("bytes=1000-"));
        let call = get_range(&repository(), &some_digest(), 10..20);
        assert_eq!(field(&call, "range"), Some("bytes=10-19"));
        let call = head(&repository(), &some_digest());
        assert_eq!(
            line(&call),
            format!("HEAD /v2/me/repo/blobs/{}", some_digest())
        );
    }

    #[test]
    fn end_10() {
        let call = delete(&repository(), &some_digest());
        assert_eq!(
            line(&call),
            format!("DELETE /v2/me/repo/blobs/{}", some_digest())
        );
    }

    #[test]
    fn a_200_begins_at_the_beginning_whatever_was_asked_for() {
        let head = answer(200, &[("Content-Length", "500")]);
        for asked in [Asked::Whole, Asked::From(9), Asked::Range(3..5)] {
            assert_eq!(body(&head, &asked, false).unwrap(), start(0, Some(500)));
        }
        let identity = answer(
            200,
            &[("Content-Length", "500"), ("Content-Encoding", "identity")],
        );
        assert_eq!(
            body(&identity, &Asked::Whole, false).unwrap(),
            start(0, Some(500))
        );
        let encoded = answer(
            200,
            &[("Content-Length", "500"), ("Content-Encoding", "gzip")],
        );
        assert_eq!(
            body(&encoded, &Asked::Whole, false).unwrap(),
            start(0, None)
        );
    }

    #[test]
    fn a_206_begins_where_it_was_asked_to() {
        for (field, asked, expected) in [
            ("bytes 9-499/500", Asked::From(9), Some(start(9, Some(500)))),
            ("bytes 9-99/*", Asked::From(9), Some(start(9, None))),
            (
                "bytes 3-4/500",
                Asked::Range(3..5),
                Some(start(3, Some(500))),
            ),
            ("bytes 3-3/4", Asked::Range(3..5), Some(start(3, Some(4)))),
            ("bytes 0-499/500", Asked::Whole, Some(start(0, Some(500)))),
            ("bytes 0-499/500", Asked::From(9), None),
            ("bytes 10-499/500", Asked::From(9), None),
            ("bytes 3-5/500", Asked::Range(3..5), None),
            ("bytes 0-99/500", Asked::Whole, None),
            ("bytes */500", Asked::From(9), None),
            ("bytes 9-3/500", Asked::From(9), None),
            ("garbage", Asked::From(9), None),
        ] {
            for hidden in [false, true] {
                let head = answer(206, &[("Content-Range", field)]);
                let result = body(&head, &asked, hidden);
                assert_eq!(result.as_ref().ok(), expected.as_ref(), "{field} {asked:?}");
                if let Err(error) = result {
                    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
                }
            }
        }
    }

    #[test]
    fn a_hidden_content_range_is_taken_on_trust_and_a_missing_one_is_not() {
        let head = answer(206, &[]);
        let asked = Asked::From(9);
        assert_eq!(body(&head, &asked, true).unwrap(), start(9, None));
        assert!(body(&head, &asked, false).is_err());
    }

    #[test]
    fn several_ranges_are_refused() {
        let head = answer(206, &[("Content-Type", "Multipart/byteranges; boundary=x")]);
        assert!(body(&head, &Asked::From(9), true).is_err());
    }

    #[test]
    fn a_416_says_how_large_the_blob_is() {
        let head = answer(416, &[("Content-Range", "bytes */500")]);
        let error = body(&head, &Asked::From(900), false).unwrap_err();
        assert_eq!(
            error.to_string(),
            "asked for bytes from 900 on, but the blob has 500 bytes; pull it anew (status 416)"
        );
        assert!(body(&answer(416, &[]), &Asked::Range(1..2), false).is_err());
    }

    #[test]
    fn other_statuses_have_no_blob() {
        for (status, kind) in [
            (404, ErrorKind::NotFound),
            (401, ErrorKind::Unauthorized),
            (204, ErrorKind::InvalidResponse),
            (307, ErrorKind::InvalidResponse),
        ] {
            let error = body(&answer(status, &[]), &Asked::Whole, false).unwrap_err();
            assert_eq!(error.kind(), kind, "{status}");
        }
    }

    proptest! {
        #[test]
        fn a_body_never_begins_where_nobody_asked(
            status in prop::sample::select(vec![200u16, 206, 416, 404]),
            field in "bytes [0-9]{1,3}-[0-9]{1,3}/[0-9*]{1,3}|[ -~]{0,20}",
            first in 0u64..1000,
            hidden: bool,
        ) {
            let head = answer(status, &[("Content-Range", &field)]);
            if let Ok(start) = body(&head, &Asked::From(first), hidden) {
                prop_assert!(start.offset == first || (status == 200 && start.offset == 0));
            }
        }
    }
}
