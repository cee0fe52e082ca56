//! What the setup limits.

use http::Method;
use ocirepo::digest::Digest;
use ocirepo_registry::Config;
use serde_json::json;

use crate::scene::{MANIFEST, Scene, body, code, image, text};

#[test]
fn manifests_over_the_limit_are_refused() {
    let image = image(0);
    let mut scene = Scene::new(Config {
        manifest_limit: image.len(),
        ..Config::default()
    });
    assert_eq!(scene.put("/v2/r/manifests/t", image.clone()).status(), 201);
    let response = scene.put("/v2/r/manifests/t", format!("{image} "));
    assert_eq!(response.status(), 413);
}

#[test]
fn blobs_over_the_limit_are_refused() {
    let mut scene = Scene::new(Config {
        blob_limit: 4,
        ..Config::default()
    });
    let upload = scene.start_upload();
    assert_eq!(scene.patch(&upload, "abc").status(), 202);
    assert_eq!(scene.patch(&upload, "de").status(), 413);
    assert_eq!(scene.close_upload(&upload, b"abc").status(), 201);
}

#[test]
fn the_smallest_chunk_is_told_and_enforced() {
    let mut scene = Scene::new(Config {
        chunk_min: Some(3),
        ..Config::default()
    });
    let response = scene.post("/v2/r/blobs/uploads/", "");
    assert_eq!(text(response.headers(), "oci-chunk-min-length"), "3");
    let upload = text(response.headers(), "location");
    assert_eq!(scene.patch(&upload, "abc").status(), 202);
    assert_eq!(
        scene.patch(&upload, "d").status(),
        202,
        "it may be the last"
    );
    let response = scene.patch(&upload, "efg");
    assert_eq!(response.status(), 400, "it was not");
    assert_eq!(code(&response), "SIZE_INVALID");
    assert_eq!(scene.close_upload(&upload, b"abcd").status(), 201);
}

#[test]
fn uploads_nobody_touches_are_forgotten() {
    let mut scene = Scene::new(Config {
        upload_lifetime: 60,
        ..Config::default()
    });
    let (old, new) = (scene.start_upload(), scene.start_upload());
    scene.now += 60;
    scene.patch(&new, "x");
    scene.now += 1;
    scene.start_upload();
    assert_eq!(scene.get(&old).status(), 404);
    assert_eq!(scene.get(&new).status(), 204);
}

#[test]
fn uploads_belong_to_their_repository() {
    let mut scene = Scene::open();
    let upload = scene.start_upload();
    let elsewhere = upload.replace("/v2/r/", "/v2/s/");
    assert_eq!(scene.get(&elsewhere).status(), 404);
    assert_eq!(scene.get(&upload).status(), 204);
}

#[test]
fn deletion_can_be_switched_off() {
    let mut scene = Scene::new(Config {
        delete: false,
        ..Config::default()
    });
    let digest = scene.registry.put_blob("r", "content");
    for target in [format!("/v2/r/blobs/{digest}"), "/v2/r/manifests/t".into()] {
        let response = scene.send(Method::DELETE, &target, &[], "");
        assert_eq!(response.status(), 405);
        assert_eq!(code(&response), "UNSUPPORTED");
    }
}

#[test]
fn a_strict_registry_wants_blobs_before_manifests() {
    let mut scene = Scene::new(Config {
        sparse: false,
        ..Config::default()
    });
    let headers = [("content-type", MANIFEST)];
    let put = |scene: &mut Scene| {
        let response = scene.send(Method::PUT, "/v2/r/manifests/t", &headers, image(1));
        response.status().as_u16()
    };
    assert_eq!(put(&mut scene), 400);
    scene.registry.put_blob("r", "");
    assert_eq!(put(&mut scene), 201);
}

#[test]
fn a_strict_registry_does_not_miss_subjects() {
    let mut scene = Scene::new(Config {
        sparse: false,
        ..Config::default()
    });
    let index = json!({
        "schemaVersion": 2, "mediaType": crate::scene::INDEX, "manifests": [],
        "subject": { "mediaType": MANIFEST, "digest": Digest::of(b"missing"), "size": 7 },
    });
    let response = scene.put("/v2/r/manifests/t", index.to_string());
    assert_eq!(response.status(), 201);
}

/// Follows `Link` to the end; gives the pages.
fn pages(scene: &mut Scene, first: &str) -> Vec<serde_json::Value> {
    let mut pages = Vec::new();
    let mut next = Some(first.to_owned());
    while let Some(target) = next {
        let response = scene.get(&target);
        assert_eq!(response.status(), 200);
        pages.push(body(&response));
        next = response.headers().get("link").map(|link| {
            let link = link.to_str().unwrap();
            let (target, rest) = link.strip_prefix('<').unwrap().split_once('>').unwrap();
            assert_eq!(rest, "; rel=\"next\"");
            target.to_owned()
        });
    }
    pages
}

#[test]
fn long_lists_come_by_pages() {
    let mut scene = Scene::new(Config {
        page_limit: Some(2),
        ..Config::default()
    });
    let subject = Digest::of(b"subject");
    for (n, tag) in ["a", "b", "c", "d"].into_iter().enumerate() {
        let index = json!({
            "schemaVersion": 2, "mediaType": crate::scene::INDEX, "manifests": [],
            "artifactType": "application/x; kind",
            "annotations": { "n": n.to_string() },
            "subject": { "mediaType": MANIFEST, "digest": subject, "size": 7 },
        });
        let name = format!("r{n}");
        for repository in ["r", &name] {
            let content = index.to_string();
            scene
                .registry
                .put_manifest(repository, Some(tag), None, content)
                .unwrap();
        }
    }
    let tags = pages(&mut scene, "/v2/r/tags/list?n=3");
    assert_eq!(tags.len(), 2, "the fewer of what client and registry want");
    assert_eq!(tags[1]["tags"], json!(["c", "d"]));
    let names = pages(&mut scene, "/v2/_catalog");
    assert_eq!(names[0]["repositories"], json!(["r", "r0"]));
    assert_eq!(names.len(), 3);
    let target = format!("/v2/r/referrers/{subject}?artifactType=application/x;%20kind");
    let referrers = pages(&mut scene, &target);
    let sizes: Vec<_> = referrers
        .iter()
        .map(|page| page["manifests"].as_array().unwrap().len())
        .collect();
    assert_eq!(sizes, [2, 2]);
    assert_ne!(referrers[0], referrers[1]);
    for n in ["x", "-1", ""] {
        let response = scene.get(&format!("/v2/r/tags/list?n={n}"));
        assert_eq!(response.status(), 400, "{n:?}");
        assert_eq!(code(&response), "PAGINATION_NUMBER_INVALID");
    }
}

#[test]
fn the_log_keeps_the_newest_requests() {
    let mut scene = Scene::new(Config {
        log_limit: 2,
        ..Config::default()
    });
    let headers = [("authorization", "Bearer x")];
    for target in ["/v2/", "/v2/a/tags/list?n=1", "/nowhere"] {
        scene.send(Method::GET, target, &headers, "");
    }
    let log = scene.registry.log();
    let seen: Vec<_> = log
        .iter()
        .map(|entry| {
            (
                entry.path.as_str(),
                entry.query.as_str(),
                entry.status.as_u16(),
            )
        })
        .collect();
    assert_eq!(
        seen,
        [("/v2/a/tags/list", "n=1", 404), ("/nowhere", "", 404)]
    );
    assert_eq!(log[0].headers["authorization"], "Bearer x");
    scene.registry.clear_log();
    assert!(scene.registry.log().is_empty());
}
