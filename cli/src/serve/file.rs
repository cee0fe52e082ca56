//! The answer to a request for one file: conditions, ranges, the whole.

use std::fs::File;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_RANGES, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_RANGE, CONTENT_TYPE, ETAG, IF_MATCH,
    IF_MODIFIED_SINCE, IF_NONE_MATCH, IF_RANGE, IF_UNMODIFIED_SINCE, LAST_MODIFIED, RANGE,
};
use http::request::Parts;
use http::response::Builder;
use http::{HeaderName, Method, Response, StatusCode};
use ocirepo::Digest;

use super::body;
use super::door::Failures;
use super::flight::Found;
use super::range::Ranges;
use crate::exit::Failure;
use crate::http_server::{Body, full};

/// Files up to this size are sent only when they are verified as a whole, so that what
/// goes wrong can still be said with a status.
const SMALL: u64 = 256 * 1024;

/// What is known of a file before its content is.
#[derive(Clone, Debug)]
pub(super) struct Facts {
    pub(super) digest: Digest,
    /// Not every repomd.xml tells.
    pub(super) size: Option<u64>,
    /// Unix seconds.
    pub(super) modified: Option<u64>,
    pub(super) content_type: &'static str,
    /// Whether the same path may have other content later.
    pub(super) moves: bool,
}

impl Facts {
    fn etag(&self) -> String {
        format!("\"{}\"", self.digest)
    }

    fn head(&self, status: StatusCode) -> Builder {
        let head = Response::builder()
            .status(status)
            .header(ETAG, self.etag())
            .header(ACCEPT_RANGES, "bytes")
            .header(
                CACHE_CONTROL,
                if self.moves { "no-cache" } else { "max-age=60" },
            );
        match self.modified {
            Some(modified) => head.header(LAST_MODIFIED, super::date::format(modified)),
            None => head,
        }
    }

    /// The answer when no content is needed for it: the client has it already, or asks
    /// for its head.
    pub(super) fn without_content(&self, request: &Parts) -> Option<Response<Body>> {
        if let Some(status) = self.precondition(request) {
            return self.head(status).body(full("")).ok();
        }
        let size = self.size.filter(|_| request.method == Method::HEAD)?;
        self.head(StatusCode::OK)
            .header(CONTENT_TYPE, self.content_type)
            .header(CONTENT_LENGTH, size)
            .body(full(""))
            .ok()
    }

    /// RFC 9110, section 13.2.2.
    fn precondition(&self, request: &Parts) -> Option<StatusCode> {
        let field = |name: HeaderName| request.headers.get(name)?.to_str().ok();
        let lists = |list: &str| {
            let own = self.etag();
            let mut tags = list.split(',').map(str::trim);
            list.trim() == "*" || tags.any(|tag| tag.strip_prefix("W/").unwrap_or(tag) == own)
        };
        // A date is compared to the second, as it was sent.
        let modified_after = |date: &str| Some(self.modified? > super::date::parse(date)?);
        if let Some(list) = field(IF_MATCH) {
            if !lists(list) {
                return Some(StatusCode::PRECONDITION_FAILED);
            }
        } else if field(IF_UNMODIFIED_SINCE).and_then(modified_after) == Some(true) {
            return Some(StatusCode::PRECONDITION_FAILED);
        }
        if let Some(list) = field(IF_NONE_MATCH) {
            lists(list).then_some(StatusCode::NOT_MODIFIED)
        } else {
            let unmodified = field(IF_MODIFIED_SINCE).and_then(modified_after) == Some(false);
            unmodified.then_some(StatusCode::NOT_MODIFIED)
        }
    }

    /// The ranges asked for, if they are of this very content.
    fn ranges(&self, request: &Parts, size: u64) -> Ranges {
        let field = |name: HeaderName| request.headers.get(name)?.to_str().ok();
        let Some(wanted) = field(RANGE).filter(|_| request.method == Method::GET) else {
            return Ranges::Whole;
        };
        let same = field(IF_RANGE).is_none_or(|condition| {
            condition == self.etag()
                || self
                    .modified
                    .is_some_and(|at| super::date::parse(condition) == Some(at))
        });
        if same {
            Ranges::parse(wanted, size)
        } else {
            Ranges::Whole
        }
    }

    /// The answer with content. Ranges, small files and files of unknown size wait until
    /// all is verified; others are sent while they arrive.
    pub(super) async fn with_content(
        &self,
        request: &Parts,
        found: Found,
        failures: &Failures,
    ) -> Result<Response<Body>, Arc<Failure>> {
        let failed = |error: std::io::Error| Arc::new(Failure::from(error));
        let file = match found {
            Found::Cached(entry) => Arc::new(entry.into_file()),
            Found::Flying(mut flight) => {
                let streamed = self
                    .size
                    .filter(|size| *size > SMALL && self.ranges(request, *size) == Ranges::Whole);
                if let Some(size) = streamed {
                    return self.whole(size, body::following(flight, size, failures.clone()));
                }
                flight.verified().await?;
                flight.file()
            }
        };
        let size = file.metadata().map_err(failed)?.len();
        if request.method == Method::HEAD {
            return self.whole(size, full(""));
        }
        match self.ranges(request, size) {
            Ranges::Whole => {
                let all = vec![(Bytes::new(), 0..size)];
                self.whole(size, body::ranges(file, all, Bytes::new()))
            }
            Ranges::Unsatisfiable => built(
                self.head(StatusCode::RANGE_NOT_SATISFIABLE)
                    .header(CONTENT_RANGE, format!("bytes */{size}"))
                    .body(full("")),
            ),
            Ranges::Parts(parts) => self.partial(size, parts, file),
        }
    }

    fn whole(&self, size: u64, body: Body) -> Result<Response<Body>, Arc<Failure>> {
        built(
            self.head(StatusCode::OK)
                .header(CONTENT_TYPE, self.content_type)
                .header(CONTENT_LENGTH, size)
                .body(body),
        )
    }

    fn partial(
        &self,
        size: u64,
        parts: Vec<std::ops::Range<u64>>,
        file: Arc<File>,
    ) -> Result<Response<Body>, Arc<Failure>> {
        let head = self.head(StatusCode::PARTIAL_CONTENT);
        let content_range = |range: &std::ops::Range<u64>| {
            format!("bytes {}-{}/{size}", range.start, range.end - 1)
        };
        if let [range] = &*parts {
            return built(
                head.header(CONTENT_TYPE, self.content_type)
                    .header(CONTENT_RANGE, content_range(range))
                    .header(CONTENT_LENGTH, range.end - range.start)
                    .body(body::ranges(
                        file,
                        vec![(Bytes::new(), range.clone())],
                        Bytes::new(),
                    )),
            );
        }
        // The boundary must not occur in the content; whoever could make a file that
        // holds its own digest could as well break SHA-256.
        let boundary = self.digest.hex();
        let parts: Vec<_> = parts
            .into_iter()
            .map(|range| {
                let prefix = format!(
                    "\r\n--{boundary}\r\nContent-Type: {}\r\nContent-Range: {}\r\n\r\n",
                    self.content_type,
                    content_range(&range)
                );
                (Bytes::from(prefix), range)
            })
            .collect();
        let end = Bytes::from(format!("\r\n--{boundary}--\r\n"));
        let length = parts
            .iter()
            .map(|(prefix, range)| prefix.len() as u64 + range.end - range.start)
            .sum::<u64>()
            + end.len() as u64;
        built(
            head.header(
                CONTENT_TYPE,
                format!("multipart/byteranges; boundary={boundary}"),
            )
            .header(CONTENT_LENGTH, length)
            .body(body::ranges(file, parts, end)),
        )
    }
}

fn built(response: http::Result<Response<Body>>) -> Result<Response<Body>, Arc<Failure>> {
    response.map_err(|error| Arc::new(Failure::failed(error)))
}

/// The media type a client expects of a path.
pub(super) fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("xml") => "text/xml",
        Some("gz") => "application/gzip",
        Some("xz") => "application/x-xz",
        Some("bz2") => "application/x-bzip2",
        Some("zst" | "zck") => "application/zstd",
        Some("rpm") => "application/x-rpm",
        Some("asc") => "application/pgp-signature",
        _ => "application/octet-stream",
    }
}
