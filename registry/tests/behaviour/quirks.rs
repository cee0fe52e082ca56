//! Each way to misbehave.

use http::header::{LINK, LOCATION};
use http::{HeaderName, Method, StatusCode};
use ocirepo::digest::Digest;
use ocirepo_registry::{Quirk, Rule};
use serde_json::{Value, json};

use crate::scene::{INDEX, MANIFEST, Scene, body, image, text};

fn with(quirk: Quirk) -> Scene {
    Scene::with(Rule::new(quirk))
}

/// A scene whose repository `r` has the tags `a` and `b`; and a blob.
fn stocked(quirk: Quirk) -> (Scene, Digest) {
    let mut scene = with(quirk);
    let digest = scene.registry.put_blob("r", "content");
    for tag in ["a", "b"] {
        scene
            .registry
            .put_manifest("r", Some(tag), None, image(0))
            .unwrap();
    }
    (scene, digest)
}

#[test]
fn a_status_in_place_of_an_answer() {
    let rule = Rule::new(Quirk::Status(StatusCode::METHOD_NOT_ALLOWED));
    let mut scene = Scene::with(rule.method(Method::HEAD));
    let digest = scene.registry.put_blob("r", "content");
    let target = format!("/v2/r/blobs/{digest}");
    assert_eq!(scene.send(Method::HEAD, &target, &[], "").status(), 405);
    assert_eq!(scene.get(&target).status(), 200);
}

#[test]
fn too_many_requests() {
    let wait = "Wed, 21 Oct 2026 07:28:00 GMT";
    for retry_after in [Some("3".to_owned()), Some(wait.to_owned()), None] {
        let quirk = Quirk::TooManyRequests {
            retry_after: retry_after.clone(),
        };
        let response = with(quirk).get("/v2/");
        assert_eq!(response.status(), 429);
        let told = response.headers().get("retry-after");
        assert_eq!(told.map(|v| v.to_str().unwrap().to_owned()), retry_after);
        assert!(serde_json::from_slice::<Value>(response.body()).is_err());
    }
}

#[test]
fn redirects() {
    let quirk = Quirk::Redirect {
        origin: "https://mirror.example".to_owned(),
    };
    let response = with(quirk).get("/v2/r/tags/list?n=1");
    assert_eq!(response.status(), 307);
    assert_eq!(
        text(response.headers(), "location"),
        "https://mirror.example/v2/r/tags/list?n=1"
    );
}

#[test]
fn storage_refuses_a_second_authorization() {
    let (mut scene, digest) = stocked(Quirk::StorageRedirect {
        origin: "https://storage.example".to_owned(),
    });
    let response = scene.get(&format!("/v2/r/blobs/{digest}"));
    assert_eq!(response.status(), 307);
    let location = text(response.headers(), "location");
    let target = location.strip_prefix("https://storage.example").unwrap();
    let response = scene.send(Method::GET, target, &[("range", "bytes=1-2")], "");
    assert_eq!(
        (response.status().as_u16(), &response.body()[..]),
        (206, &b"on"[..])
    );
    let headers = [("authorization", "Bearer x")];
    let response = scene.send(Method::GET, target, &headers, "");
    assert_eq!(response.status(), 400);
}

#[test]
fn no_referrers() {
    let mut scene = with(Quirk::NoReferrers);
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [],
        "subject": { "mediaType": MANIFEST, "digest": Digest::of(b"x"), "size": 1 },
    });
    let response = scene.put("/v2/r/manifests/t", index.to_string());
    assert!(!response.headers().contains_key("oci-subject"));
    let target = format!("/v2/r/referrers/{}", Digest::of(b"x"));
    assert_eq!(scene.get(&target).status(), 404);
}

#[test]
fn filters_that_are_not_applied() {
    let mut scene = with(Quirk::FiltersIgnored);
    let index = json!({
        "schemaVersion": 2, "mediaType": INDEX, "manifests": [],
        "subject": { "mediaType": MANIFEST, "digest": Digest::of(b"x"), "size": 1 },
    });
    scene
        .registry
        .put_manifest("r", None, None, index.to_string())
        .unwrap();
    let target = format!("/v2/r/referrers/{}?artifactType=other", Digest::of(b"x"));
    let response = scene.get(&target);
    assert!(!response.headers().contains_key("oci-filters-applied"));
    assert_eq!(body(&response)["manifests"].as_array().unwrap().len(), 1);
}

#[test]
fn chunks_that_are_not_taken() {
    let mut scene = with(Quirk::NoChunkedUpload);
    let upload = scene.start_upload();
    assert_eq!(scene.patch(&upload, "x").status(), 405);

    let mut scene = with(Quirk::ChunkLimit(3));
    let upload = scene.start_upload();
    assert_eq!(scene.patch(&upload, "abcd").status(), 413);
    assert_eq!(scene.patch(&upload, "abc").status(), 202);
}

#[test]
fn an_empty_closing_put_that_is_refused() {
    let mut scene = with(Quirk::EmptyPutRefused);
    let upload = scene.start_upload();
    scene.patch(&upload, "abc");
    assert_eq!(scene.close_upload(&upload, b"abc").status(), 400);
    let target = format!("{upload}?digest={}", Digest::of(b"abcd"));
    assert_eq!(
        scene.put(&target, "d").status(),
        201,
        "the upload is still there"
    );
}

#[test]
fn shortcuts_that_are_not_taken() {
    for (quirk, parameter) in [
        (Quirk::SinglePostIgnored, "digest"),
        (Quirk::MountIgnored, "mount"),
        (Quirk::MountNeedsFrom, "mount"),
    ] {
        let (mut scene, digest) = stocked(quirk);
        let target = format!("/v2/s/blobs/uploads/?{parameter}={digest}");
        let response = scene.post(&target, "content");
        assert_eq!(response.status(), 202, "{parameter}");
        let upload = text(response.headers(), "location");
        assert_eq!(
            scene.close_upload(&upload, b"").status(),
            201,
            "nothing was kept"
        );
    }
}

#[test]
fn ranges_that_are_ignored() {
    let (mut scene, digest) = stocked(Quirk::RangeIgnored);
    let target = format!("/v2/r/blobs/{digest}");
    let response = scene.send(Method::GET, &target, &[("range", "bytes=1-2")], "");
    assert_eq!(
        (response.status().as_u16(), &response.body()[..]),
        (200, &b"content"[..])
    );
}

#[test]
fn manifests_that_are_too_large() {
    let put = |quirk, layers| {
        let response = with(quirk).put("/v2/r/manifests/t", image(layers));
        response.status().as_u16()
    };
    assert_eq!(put(Quirk::LayerLimit(2), 2), 201);
    assert_eq!(put(Quirk::LayerLimit(2), 3), 400);
    let length = image(2).len();
    assert_eq!(put(Quirk::ManifestLimit(length), 2), 201);
    assert_eq!(put(Quirk::ManifestLimit(length - 1), 2), 413);
}

#[test]
fn another_status_for_what_was_done() {
    let mut scene = with(Quirk::AnswerWith(StatusCode::CREATED));
    let digest = Digest::of(b"abc");
    let response = scene.post("/v2/r/blobs/uploads/", "");
    let upload = text(response.headers(), "location");
    assert_eq!(scene.patch(&upload, "abc").status(), 201);
    scene.close_upload(&upload, b"abc");
    assert!(scene.registry.blob("r", &digest).is_some());
}

#[test]
fn headers_that_are_missing_or_other() {
    let digest = HeaderName::from_static("docker-content-digest");
    let response = stocked(Quirk::WithoutHeader(digest.clone()))
        .0
        .get("/v2/r/manifests/a");
    assert_eq!(response.status(), 200);
    assert!(!response.headers().contains_key(digest));

    let mut scene = with(Quirk::WithoutHeader(LOCATION));
    let response = scene.put("/v2/r/manifests/t", image(0));
    assert_eq!(response.status(), 201);
    assert!(!response.headers().contains_key(LOCATION));

    let (mut scene, _) = stocked(Quirk::WithoutHeader(LINK));
    let response = scene.get("/v2/r/tags/list?n=1");
    assert!(!response.headers().contains_key(LINK));

    let quirk = Quirk::SetHeader(LOCATION, "https://elsewhere.example/".to_owned());
    let response = with(quirk).get("/v2/");
    assert_eq!(
        text(response.headers(), "location"),
        "https://elsewhere.example/"
    );
}

#[test]
fn warnings() {
    let mut scene = with(Quirk::Warning("Your quota is nearly used up".to_owned()));
    scene
        .registry
        .script(Rule::new(Quirk::Warning("Moving soon".to_owned())));
    let response = scene.get("/v2/");
    let warnings: Vec<_> = response.headers().get_all("warning").iter().collect();
    assert_eq!(
        warnings,
        [
            "299 - \"Your quota is nearly used up\"",
            "299 - \"Moving soon\""
        ]
    );
}

#[test]
fn locations_elsewhere_and_with_a_query() {
    let mut scene = with(Quirk::LocationQuery("_state=a%2Fb".to_owned()));
    let elsewhere = Quirk::LocationOrigin("https://upload.example".to_owned());
    scene.registry.script(Rule::new(elsewhere));
    let upload = scene.start_upload();
    assert!(upload.starts_with("https://upload.example/v2/r/blobs/uploads/"));
    assert!(upload.ends_with("?_state=a%2Fb"));
    assert_eq!(scene.patch(&upload, "abc").status(), 202);
    assert_eq!(scene.close_upload(&upload, b"abc").status(), 201);
}

#[test]
fn links_of_other_kinds() {
    let quirk = Quirk::LinkOrigin("https://registry.example".to_owned());
    let response = stocked(quirk).0.get("/v2/r/tags/list?n=1");
    let link = text(response.headers(), "link");
    assert!(
        link.starts_with("<https://registry.example/v2/r/tags/list?"),
        "{link}"
    );

    let (mut scene, _) = stocked(Quirk::OpaqueLink);
    let link = text(scene.get("/v2/r/tags/list?n=1").headers(), "link");
    assert!(!link.contains("last="), "{link}");
    let target = link.strip_prefix('<').unwrap().split('>').next().unwrap();
    assert_eq!(body(&scene.get(target))["tags"], json!(["b"]));
    // A cursor the registry did not make up begins at the beginning.
    let response = scene.get("/v2/r/tags/list?cursor=!");
    assert_eq!(body(&response)["tags"], json!(["a", "b"]));
}

#[test]
fn content_that_is_not_what_it_should_be() {
    let got = |quirk| {
        let (mut scene, digest) = stocked(quirk);
        let response = scene.get(&format!("/v2/r/blobs/{digest}"));
        let length = response.headers().get("content-length");
        let length = length.map(|v| v.to_str().unwrap().to_owned());
        (response.into_body(), length)
    };
    let (body, length) = got(Quirk::Corrupt { at: 0 });
    assert_eq!((&body[..], length.as_deref()), (&b"bontent"[..], Some("7")));
    let (body, _) = got(Quirk::Corrupt { at: 7 });
    assert_eq!(body, "content");
    let (body, length) = got(Quirk::Surplus(b"!".to_vec()));
    assert_eq!((&body[..], length.as_deref()), (&b"content!"[..], None));
    let (body, length) = got(Quirk::Body(b"other".to_vec()));
    assert_eq!((&body[..], length.as_deref()), (&b"other"[..], Some("5")));
}
