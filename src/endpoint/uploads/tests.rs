use proptest::prelude::*;

use super::super::testing::{answer, field, line, registry, repository, some_digest, url};
use super::*;
use crate::error::ErrorKind;

const UPLOAD: &str = "https://registry.example/v2/me/repo/blobs/uploads/1234?_state=a%2Bb%3D&x";

fn upload(location: &str) -> Started {
    Started::Upload {
        location: url(location),
        chunk_min: None,
    }
}

#[test]
fn end_4a() {
    let call = start(&repository());
    assert_eq!(line(&call), "POST /v2/me/repo/blobs/uploads/");
    assert_eq!(call.body, Body::Empty);
}

#[test]
fn end_4b() {
    let call = single(&repository(), &some_digest(), 77);
    assert_eq!(
        line(&call),
        format!("POST /v2/me/repo/blobs/uploads/?digest={}", some_digest())
    );
    assert_eq!(
        field(&call, "content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(call.body, Body::Source(0..77));
}

#[test]
fn end_5() {
    let call = patch(&url(UPLOAD), 1024..2048);
    assert_eq!(call.method, Method::PATCH);
    assert_eq!(call.url.as_str(), UPLOAD);
    assert_eq!(field(&call, "content-range"), Some("1024-2047"));
    assert_eq!(
        field(&call, "content-type"),
        Some("application/octet-stream")
    );
    assert_eq!(call.body, Body::Source(1024..2048));

    let call = patch_stream(&url(UPLOAD), 0..2048);
    assert_eq!(field(&call, "content-range"), None);
    assert_eq!(call.body, Body::Source(0..2048));
}

#[test]
fn end_6() {
    let empty = close(&url(UPLOAD), &some_digest(), None);
    assert_eq!(empty.method, Method::PUT);
    assert_eq!(empty.body, Body::Empty);
    assert!(empty.headers.is_empty());

    let last = close(&url(UPLOAD), &some_digest(), Some(2048..3000));
    assert_eq!(field(&last, "content-range"), Some("2048-2999"));
    assert_eq!(last.body, Body::Source(2048..3000));

    let whole = close(&url(UPLOAD), &some_digest(), Some(0..3000));
    assert_eq!(field(&whole, "content-range"), None);
    assert_eq!(
        field(&whole, "content-type"),
        Some("application/octet-stream")
    );
}

#[test]
fn closing_keeps_the_query_byte_for_byte() {
    for (location, query) in [
        ("https://a.example/u", format!("digest={}", some_digest())),
        ("https://a.example/u?", format!("digest={}", some_digest())),
        (
            "https://a.example/u?_state=a%2Bb+c%3D%3d&y&",
            format!("_state=a%2Bb+c%3D%3d&y&digest={}", some_digest()),
        ),
        (
            "https://a.example/u?uuid=1;b={|}",
            format!("uuid=1;b={{|}}&digest={}", some_digest()),
        ),
    ] {
        let call = close(&url(location), &some_digest(), None);
        assert_eq!(call.url.query(), Some(query.as_str()), "{location}");
    }
}

#[test]
fn end_11() {
    let other = Repository::new(registry(), "other/repo").unwrap();
    assert_eq!(
        line(&mount(&repository(), &some_digest(), Some(&other))),
        format!(
            "POST /v2/me/repo/blobs/uploads/?mount={}&from=other/repo",
            some_digest()
        )
    );
    assert_eq!(
        line(&mount(&repository(), &some_digest(), None)),
        format!("POST /v2/me/repo/blobs/uploads/?mount={}", some_digest())
    );
}

#[test]
fn end_13_and_end_14() {
    let call = status(&url(UPLOAD));
    assert_eq!((call.method, call.url.as_str()), (Method::GET, UPLOAD));
    let call = cancel(&url(UPLOAD));
    assert_eq!((call.method, call.url.as_str()), (Method::DELETE, UPLOAD));
}

#[test]
fn an_upload_is_wherever_the_location_says() {
    let base = url("https://registry.example/v2/me/repo/blobs/uploads/?digest=x");
    for (location, expected) in [
        ("/v2/me/repo/blobs/uploads/1234?_state=a%2Bb%3D&x", UPLOAD),
        ("1234?_state=a%2Bb%3D&x", UPLOAD),
        (UPLOAD, UPLOAD),
        (
            "https://storage.example:8443/u?sig=A%2F",
            "https://storage.example:8443/u?sig=A%2F",
        ),
        ("//storage.example/u#fragment", "https://storage.example/u"),
    ] {
        let head = answer(202, &[("Location", location)]);
        assert_eq!(
            started(&head, &base).unwrap(),
            upload(expected),
            "{location}"
        );
    }
}

#[test]
fn the_final_url_of_a_followed_redirect_is_the_base() {
    let mut head = answer(202, &[("Location", "1234")]);
    head.url = Some(url("https://eu.registry.example/v2/a/"));
    assert_eq!(
        started(&head, &url("https://registry.example/v2/")).unwrap(),
        upload("https://eu.registry.example/v2/a/1234")
    );
}

#[test]
fn an_upload_that_cannot_be_followed_is_an_error() {
    let base = url("https://registry.example/v2/me/repo/blobs/uploads/");
    for (location, kind) in [
        (None, ErrorKind::InvalidResponse),
        (Some(""), ErrorKind::InvalidResponse),
        (Some("https://"), ErrorKind::InvalidResponse),
        (Some("ftp://registry.example/"), ErrorKind::InvalidResponse),
        (
            Some("https://u:p@registry.example/"),
            ErrorKind::InvalidResponse,
        ),
        (Some("http://registry.example/u"), ErrorKind::Redirect),
    ] {
        let fields: Vec<_> = location.iter().map(|l| ("Location", *l)).collect();
        let error = started(&answer(202, &fields), &base).unwrap_err();
        assert_eq!(error.kind(), kind, "{location:?}");
    }
    let error = started(&answer(200, &[("Location", "/u")]), &base).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::InvalidResponse);
    let error = started(&answer(404, &[]), &base).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_mount_or_single_post_may_be_done_at_once() {
    let base = url("https://registry.example/v2/me/repo/blobs/uploads/");
    assert_eq!(started(&answer(201, &[]), &base).unwrap(), Started::Done);
}

#[test]
fn the_least_chunk_is_read() {
    let base = url("https://registry.example/");
    for (value, expected) in [
        ("5242880", Some(5_242_880)),
        ("0", None),
        ("-1", None),
        ("many", None),
    ] {
        let head = answer(202, &[("Location", "u"), ("OCI-Chunk-Min-Length", value)]);
        let Started::Upload { chunk_min, .. } = started(&head, &base).unwrap() else {
            panic!("not an upload");
        };
        assert_eq!(chunk_min, expected, "{value}");
    }
}

#[test]
fn progress_is_what_the_registry_says_or_else_what_was_assumed() {
    let base = url(UPLOAD);
    for (status, range, received) in [
        (202, Some("0-1023"), 1024),
        (204, Some("bytes=0-1023"), 1024),
        (201, Some("0-1023"), 1024),
        (202, Some("0-0"), 77),
        (202, Some("1023"), 77),
        (202, None, 77),
    ] {
        let fields: Vec<_> = range.iter().map(|r| ("Range", *r)).collect();
        let progress = progress(&answer(status, &fields), &base, 77).unwrap();
        assert_eq!(progress.received, received, "{range:?}");
        assert_eq!(progress.location, base);
    }
    let moved = answer(202, &[("Location", "5678"), ("Range", "0-9")]);
    let progress = progress(&moved, &base, 0).unwrap();
    assert_eq!(
        progress.location.as_str(),
        "https://registry.example/v2/me/repo/blobs/uploads/5678"
    );
    assert_eq!(progress.received, 10);
}

#[test]
fn an_out_of_order_chunk_is_an_error_with_its_status() {
    let error = progress(&answer(416, &[("Range", "0-9")]), &url(UPLOAD), 0).unwrap_err();
    assert_eq!(error.http_status(), Some(StatusCode::RANGE_NOT_SATISFIABLE));
    let error = progress(&answer(404, &[]), &url(UPLOAD), 0).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_closed_upload_is_a_stored_blob() {
    let digest = some_digest().to_string();
    let fields = [
        ("Location", "/v2/me/repo/blobs/x"),
        ("Docker-Content-Digest", digest.as_str()),
    ];
    let stored = closed(&answer(201, &fields)).unwrap();
    assert_eq!(stored.digest.map(|d| d.to_string()), Some(digest));
    assert_eq!(closed(&answer(201, &[])).unwrap(), Stored::default());
    assert!(closed(&answer(400, &[])).is_err());
}

proptest! {
    #[test]
    fn no_location_leaves_https_or_carries_a_user(target in "(https?|ftp)?:?/{0,3}[a-z@:.]{0,12}[ -~é]{0,20}") {
        let base = url("https://registry.example/v2/");
        if let Ok(Started::Upload { location, .. }) = started(&answer(202, &[("Location", &target)]), &base) {
            prop_assert_eq!(location.scheme(), "https");
            prop_assert!(location.username().is_empty() && location.password().is_none());
            prop_assert_eq!(location.fragment(), None);
        }
    }

    #[test]
    fn closing_adds_to_any_query_and_changes_nothing(query in "[!-~&&[^#]]{0,40}") {
        let location = url(&format!("https://a.example/u?{query}"));
        let before = location.query().unwrap_or_default().to_owned();
        let call = close(&location, &some_digest(), None);
        prop_assert!(call.url.query().unwrap().starts_with(&before));
        let suffix = format!("digest={}", some_digest());
        prop_assert!(call.url.query().unwrap().ends_with(&suffix));
    }
}
