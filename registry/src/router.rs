//! From a path to the endpoint it names.
//!
//! Repository names contain slashes, so paths are read from their end.

use ocirepo::digest::Digest;

use crate::error::{Code, Refusal};

/// What a request path addresses (distribution-spec, section "Endpoints").
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Route {
    /// `/v2/`: end-1.
    Base,
    /// `/v2/_catalog`: docker-registry's list of repositories.
    Catalog,
    /// `/v2/<name>/tags/list`: end-8.
    Tags(String),
    /// `/v2/<name>/manifests/<reference>`: end-3, end-7, end-9. The reference is not yet parsed.
    Manifest(String, String),
    /// `/v2/<name>/blobs/<digest>`: end-2, end-10. The digest is not yet parsed.
    Blob(String, String),
    /// `/v2/<name>/blobs/uploads/`: end-4, end-11.
    Uploads(String),
    /// `/v2/<name>/blobs/uploads/<reference>`: end-5, end-6, end-13, end-14.
    Upload(String, String),
    /// `/v2/<name>/referrers/<digest>`: end-12. The digest is not yet parsed.
    Referrers(String, String),
    /// `/token`: where bearer tokens come from.
    Token,
    /// `/storage/<digest>`: where redirected blob requests end.
    Storage(String),
    /// Nothing this registry knows.
    Unknown,
}

impl Route {
    /// Reads a request path, percent-encoded as it came.
    pub(crate) fn of(path: &str) -> Self {
        let path = decode(path);
        match path.as_str() {
            "/v2" | "/v2/" => return Self::Base,
            "/v2/_catalog" => return Self::Catalog,
            "/token" => return Self::Token,
            _ => {}
        }
        if let Some(digest) = path.strip_prefix("/storage/") {
            return Self::Storage(digest.to_owned());
        }
        let Some(rest) = path.strip_prefix("/v2/") else {
            return Self::Unknown;
        };
        let Some((front, last)) = rest.rsplit_once('/') else {
            return Self::Unknown;
        };
        if let Some(name) = front.strip_suffix("/blobs/uploads") {
            return if last.is_empty() {
                Self::Uploads(name.to_owned())
            } else {
                Self::Upload(name.to_owned(), last.to_owned())
            };
        }
        let Some((name, kind)) = front.rsplit_once('/') else {
            return Self::Unknown;
        };
        let (name, last) = (name.to_owned(), last.to_owned());
        match kind {
            "tags" if last == "list" => Self::Tags(name),
            "manifests" => Self::Manifest(name, last),
            "blobs" if last == "uploads" => Self::Uploads(name),
            "blobs" => Self::Blob(name, last),
            "referrers" => Self::Referrers(name, last),
            _ => Self::Unknown,
        }
    }

    /// The repository concerned.
    pub(crate) fn repository(&self) -> Option<&str> {
        match self {
            Self::Tags(name)
            | Self::Manifest(name, _)
            | Self::Blob(name, _)
            | Self::Uploads(name)
            | Self::Upload(name, _)
            | Self::Referrers(name, _) => Some(name),
            _ => None,
        }
    }

    /// The methods this route answers, for `Allow`.
    pub(crate) fn methods(&self) -> &'static str {
        match self {
            Self::Base | Self::Catalog | Self::Tags(_) | Self::Referrers(..) => "GET, HEAD",
            Self::Storage(_) => "GET, HEAD",
            Self::Manifest(..) => "GET, HEAD, PUT, DELETE",
            Self::Blob(..) => "GET, HEAD, DELETE",
            Self::Uploads(_) => "POST",
            Self::Upload(..) => "GET, PATCH, PUT, DELETE",
            Self::Token => "GET, POST",
            Self::Unknown => "",
        }
    }
}

/// Undoes percent-encoding; what is no encoding stays as it is.
fn decode(text: &str) -> String {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        let mut ahead = bytes.clone();
        let pair = (byte == b'%')
            .then(|| Some((hex(ahead.next()?)?, hex(ahead.next()?)?)))
            .flatten();
        match pair {
            Some((high, low)) => {
                decoded.push(high << 4 | low);
                bytes = ahead;
            }
            None => decoded.push(byte),
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

fn hex(digit: u8) -> Option<u8> {
    char::from(digit)
        .to_digit(16)
        .and_then(|value| u8::try_from(value).ok())
}

/// Refuses what is no repository name: components
/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*` with slashes between, 255 characters at most.
pub(crate) fn check_name(name: &str) -> Result<(), Refusal> {
    if name.len() <= 255 && name.split('/').all(is_component) {
        Ok(())
    } else {
        Err(Refusal::bad_request(
            Code::NameInvalid,
            format!("invalid repository name {name:?}"),
        ))
    }
}

fn is_component(component: &str) -> bool {
    let is_alphanumeric = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    let separators = component.split(is_alphanumeric).filter(|s| !s.is_empty());
    component.starts_with(is_alphanumeric)
        && component.ends_with(is_alphanumeric)
        && separators
            .into_iter()
            .all(|s| matches!(s, "." | "_" | "__") || s.bytes().all(|b| b == b'-'))
}

/// Refuses what is no tag: `[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}`.
pub(crate) fn check_tag(tag: &str) -> Result<(), Refusal> {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    if tag.len() <= 128
        && tag.starts_with(is_word)
        && tag.chars().all(|c| is_word(c) || c == '.' || c == '-')
    {
        Ok(())
    } else {
        Err(Refusal::bad_request(
            Code::TagInvalid,
            format!("invalid tag {tag:?}"),
        ))
    }
}

/// Reads a digest out of a path or query.
pub(crate) fn parse_digest(text: &str) -> Result<Digest, Refusal> {
    text.parse().map_err(|error| {
        Refusal::bad_request(Code::DigestInvalid, format!("digest {text:?}: {error}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_read_from_their_end() {
        let name = || "a/blobs/uploads".to_owned();
        let cases = [
            ("/v2", Route::Base),
            ("/v2/", Route::Base),
            ("/v2/_catalog", Route::Catalog),
            (
                "/v2/a/blobs/uploads/manifests/x",
                Route::Manifest(name(), "x".into()),
            ),
            ("/v2/a/blobs/uploads/blobs/uploads/", Route::Uploads(name())),
            ("/v2/a/b/blobs/uploads", Route::Uploads("a/b".into())),
            (
                "/v2/a/blobs/uploads/1",
                Route::Upload("a".into(), "1".into()),
            ),
            (
                "/v2/a/blobs/sha256%3Aab",
                Route::Blob("a".into(), "sha256:ab".into()),
            ),
            ("/v2/tags/list/tags/list", Route::Tags("tags/list".into())),
            ("/v2/a/tags/other", Route::Unknown),
            ("/v2/manifests/x", Route::Unknown),
            ("/v1/", Route::Unknown),
            ("", Route::Unknown),
        ];
        for (path, route) in cases {
            assert_eq!(Route::of(path), route, "{path}");
        }
    }

    #[test]
    fn names_follow_the_specification() {
        let longest = "a".repeat(255);
        for name in ["a", "a/b", "a.b_c__d-e--f/0", longest.as_str()] {
            assert!(check_name(name).is_ok(), "{name}");
        }
        let too_long = "a".repeat(256);
        for name in [
            "",
            "/a",
            "a/",
            "a//b",
            "A",
            "a___b",
            "a..b",
            "a._b",
            "-a",
            "a-",
            "é",
            "..",
            too_long.as_str(),
        ] {
            assert!(check_name(name).is_err(), "{name}");
        }
    }

    #[test]
    fn tags_follow_the_specification() {
        let longest = "a".repeat(128);
        for tag in ["latest", "_1", "V1.0-x", longest.as_str()] {
            assert!(check_tag(tag).is_ok(), "{tag}");
        }
        let too_long = "a".repeat(129);
        for tag in ["", ".a", "-a", "a:b", "a/b", "ä", too_long.as_str()] {
            assert!(check_tag(tag).is_err(), "{tag}");
        }
    }
}
