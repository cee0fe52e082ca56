//! Manifests: pull, check, push, delete (end-3, end-7, end-9).

use http::header::{ACCEPT, CONTENT_TYPE, IF_MATCH, IF_NONE_MATCH};
use http::{HeaderValue, Method, StatusCode};

use super::{
    DOCKER_CONTENT_DIGEST, Found, Stored, call_in, digest, expect, found as found_in, invalid,
    stored as stored_in,
};
use crate::digest::Digest;
use crate::error::{Error, ErrorKind};
use crate::exchange::{Body, Call, Head};
use crate::manifest::Manifest;
use crate::media_type;
use crate::reference::{Repository, Selector};

/// Pulls a manifest (end-3, "Pulling manifests").
///
/// `Accept` names every manifest type this crate reads: registries answer 404, or
/// convert, when the stored one is not among them.
pub fn get(repository: &Repository, selector: &Selector) -> Call {
    accepting(manifest(Method::GET, repository, selector))
}

/// Asks whether there is a manifest, and what its digest, type and size are (end-3,
/// "Checking if content exists in the registry").
pub fn head(repository: &Repository, selector: &Selector) -> Call {
    accepting(manifest(Method::HEAD, repository, selector))
}

/// Pushes a manifest under a tag or its digest (end-7, "Pushing Manifests"). What it
/// refers to has to be there already.
pub fn put(repository: &Repository, selector: &Selector, document: &Manifest) -> Call {
    let mut call = manifest(Method::PUT, repository, selector);
    // A type that no field can hold is one no registry stores: it will say so itself.
    if let Ok(kind) = HeaderValue::from_str(document.media_type()) {
        call = call.header(CONTENT_TYPE, kind);
    }
    call.body(Body::Bytes(document.raw().to_vec()))
}

/// What must be at a tag for a manifest to be put there (RFC 9110, section 13.1).
///
/// The distribution specification leaves this to registries, and most ignore it; those
/// that look at it answer 412 where it does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// The manifest with this digest, which registries give as the `ETag` (`If-Match`).
    Digest(Digest),
    /// Nothing (`If-None-Match: *`).
    Absent,
}

/// Pushes a manifest as [`put`] does, if the condition holds or the registry ignores it.
pub fn put_if(
    repository: &Repository,
    selector: &Selector,
    document: &Manifest,
    condition: &Condition,
) -> Call {
    let call = put(repository, selector, document);
    match condition {
        Condition::Digest(digest) => call.header(
            IF_MATCH,
            HeaderValue::try_from(format!("\"{digest}\"")).expect("digests are legal in a field"),
        ),
        Condition::Absent => call.header(IF_NONE_MATCH, HeaderValue::from_static("*")),
    }
}

/// Deletes a manifest by its digest, or a tag alone (end-9, "Content Management").
/// Registries may refuse either with 400 or 405.
pub fn delete(repository: &Repository, selector: &Selector) -> Call {
    manifest(Method::DELETE, repository, selector)
}

/// Reads the answer to [`head`]. All of it is claims, and each may be missing.
pub fn found(head: &Head) -> Result<Found, Error> {
    found_in(head)
}

/// Reads the answer to [`get`], and verifies it.
///
/// Pulled by digest, the body hashes to that digest or is refused as
/// [`Corrupt`](ErrorKind::Corrupt), whatever the header says. Pulled by tag, the body
/// is as good as the connection it came over; a `Docker-Content-Digest` it does not hash
/// to still makes it `Corrupt`, for then one of the two was damaged. The `Content-Type`
/// must agree with the document.
pub fn received(head: &Head, body: Vec<u8>, selector: &Selector) -> Result<Manifest, Error> {
    expect(head, &[StatusCode::OK])?;
    let claimed = match selector {
        Selector::Digest(digest) => Some(*digest),
        Selector::Tag(_) => digest(head, DOCKER_CONTENT_DIGEST),
    };
    if let Some(claimed) = claimed {
        let found = Digest::with(claimed.algorithm(), &body);
        if found != claimed {
            let size = body.len();
            return Err(Error::new(
                ErrorKind::Corrupt,
                format!(
                    "the manifest hashes to {found}, not to {claimed} ({size} bytes); try again, \
                     and if it stays so, push it anew"
                ),
            ));
        }
    }
    let manifest = Manifest::parse(head.text(CONTENT_TYPE), body)
        .map_err(|error| invalid(error.to_string()))?;
    Ok(match selector {
        Selector::Digest(digest) => manifest.hashed_with(digest.algorithm()),
        Selector::Tag(_) => manifest,
    })
}

/// Reads the answer to [`put`]: 201, or another success. `Location` may be missing.
pub fn stored(head: &Head) -> Result<Stored, Error> {
    stored_in(head)
}

fn manifest(method: Method, repository: &Repository, selector: &Selector) -> Call {
    call_in(method, repository, &format!("manifests/{selector}"))
}

fn accepting(call: Call) -> Call {
    let types = media_type::MANIFESTS.join(", ");
    call.header(
        ACCEPT,
        HeaderValue::try_from(types).expect("the manifest types are legal in a field"),
    )
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::digest::Algorithm;
    use proptest::prelude::*;

    const INDEX: &[u8] = br#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.index.v1+json","manifests":[]}"#;

    fn tag() -> Selector {
        Selector::Tag("el9".parse().unwrap())
    }

    fn ok(fields: &[(&str, &str)]) -> Head {
        answer(200, fields)
    }

    #[test]
    fn end_3() {
        let call = get(&repository(), &tag());
        assert_eq!(line(&call), "GET /v2/me/repo/manifests/el9");
        assert_eq!(
            field(&call, "accept"),
            Some(
                "application/vnd.oci.image.manifest.v1+json, \
                 application/vnd.oci.image.index.v1+json, \
                 application/vnd.docker.distribution.manifest.v2+json, \
                 application/vnd.docker.distribution.manifest.list.v2+json"
            )
        );
        let call = super::head(&repository(), &Selector::Digest(some_digest()));
        assert_eq!(
            line(&call),
            format!("HEAD /v2/me/repo/manifests/{}", some_digest())
        );
        assert!(call.headers.contains_key(ACCEPT));
    }

    #[test]
    fn end_7() {
        let manifest = Manifest::parse(None, INDEX.to_vec()).unwrap();
        let call = put(&repository(), &tag(), &manifest);
        assert_eq!(line(&call), "PUT /v2/me/repo/manifests/el9");
        assert_eq!(field(&call, "content-type"), Some(media_type::OCI_INDEX));
        assert_eq!(call.body, Body::Bytes(INDEX.to_vec()));
    }

    #[test]
    fn a_condition_is_a_header_of_its_own() {
        let manifest = Manifest::parse(None, INDEX.to_vec()).unwrap();
        let call = |condition| put_if(&repository(), &tag(), &manifest, &condition);
        let replaced = call(Condition::Digest(some_digest()));
        let etag = format!("\"{}\"", some_digest());
        assert_eq!(field(&replaced, "if-match"), Some(etag.as_str()));
        assert_eq!(field(&replaced, "if-none-match"), None);
        let first = call(Condition::Absent);
        assert_eq!(field(&first, "if-match"), None);
        assert_eq!(field(&first, "if-none-match"), Some("*"));
        assert_eq!(first.body, Body::Bytes(INDEX.to_vec()));
    }

    #[test]
    fn end_9() {
        let call = delete(&repository(), &tag());
        assert_eq!(line(&call), "DELETE /v2/me/repo/manifests/el9");
        assert!(call.headers.is_empty());
    }

    #[test]
    fn a_head_says_what_it_says_and_no_more() {
        let digest = some_digest().to_string();
        let full = ok(&[
            ("Docker-Content-Digest", &digest),
            ("Content-Type", media_type::OCI_INDEX),
            ("Content-Length", "87"),
        ]);
        let found = found(&full).unwrap();
        assert_eq!(found.digest.map(|d| d.to_string()), Some(digest));
        assert_eq!(found.media_type.as_deref(), Some(media_type::OCI_INDEX));
        assert_eq!(found.size, Some(87));

        let poor = ok(&[
            ("Docker-Content-Digest", "md5:1234"),
            ("Content-Length", "+87"),
        ]);
        assert_eq!(super::found(&poor).unwrap(), Found::default());
        let missing = answer(404, &[]);
        assert_eq!(
            super::found(&missing).unwrap_err().kind(),
            ErrorKind::NotFound
        );
    }

    #[test]
    fn what_was_asked_for_by_digest_hashes_to_it() {
        for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
            let digest = Digest::with(algorithm, INDEX);
            // The header may name another domain's digest; only ours counts.
            let head = ok(&[("Docker-Content-Digest", "sha256:00")]);
            let manifest = received(&head, INDEX.to_vec(), &digest.into()).unwrap();
            assert_eq!(manifest.digest(), digest);
            assert_eq!(manifest.raw(), INDEX);
        }
        let head = ok(&[("Docker-Content-Digest", &Digest::of(INDEX).to_string())]);
        let error = received(&head, INDEX.to_vec(), &some_digest().into()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Corrupt);
    }

    #[test]
    fn a_header_digest_that_disagrees_damns_a_tag() {
        let good = Digest::of(INDEX).to_string();
        let bad = some_digest().to_string();
        for (value, kind) in [
            (good.as_str(), None),
            ("md5:1234", None),
            (bad.as_str(), Some(ErrorKind::Corrupt)),
        ] {
            let head = ok(&[("Docker-Content-Digest", value)]);
            let error = received(&head, INDEX.to_vec(), &tag()).err();
            assert_eq!(error.map(|error| error.kind()), kind, "{value}");
        }
    }

    #[test]
    fn the_content_type_must_agree() {
        let parameters = format!("{}; charset=utf-8", media_type::OCI_INDEX);
        assert!(
            received(
                &ok(&[("Content-Type", &parameters)]),
                INDEX.to_vec(),
                &tag()
            )
            .is_ok()
        );
        let other = ok(&[("Content-Type", media_type::OCI_MANIFEST)]);
        let error = received(&other, INDEX.to_vec(), &tag()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidResponse);
        let partial = answer(206, &[]);
        assert!(received(&partial, INDEX.to_vec(), &tag()).is_err());
    }

    #[test]
    fn a_push_may_be_acknowledged_tersely() {
        let digest = some_digest().to_string();
        let full = answer(
            201,
            &[
                ("Location", "/v2/me/repo/manifests/el9"),
                ("Docker-Content-Digest", &digest),
                ("OCI-Subject", &digest),
            ],
        );
        let stored = stored(&full).unwrap();
        assert_eq!(
            stored.location.as_deref(),
            Some("/v2/me/repo/manifests/el9")
        );
        assert_eq!(stored.subject, stored.digest);
        let terse = answer(201, &[]);
        assert_eq!(super::stored(&terse).unwrap(), Stored::default());
        let refused = answer(413, &[]);
        assert_eq!(
            super::stored(&refused).unwrap_err().kind(),
            ErrorKind::Refused
        );
    }

    proptest! {
        #[test]
        fn any_answer_is_read_without_panic(body: Vec<u8>, kind: Vec<u8>) {
            let mut head = ok(&[]);
            if let Ok(kind) = HeaderValue::from_bytes(&kind) {
                head.headers.insert(CONTENT_TYPE, kind);
            }
            let _ = received(&head, body, &tag());
        }
    }
}
