//! Conditional requests.

use http::Method;
use ocirepo::digest::Digest;

use crate::scene::{MANIFEST, Scene, image, text};

#[test]
fn what_did_not_change_is_not_sent_again() {
    let mut scene = Scene::open();
    let blob = scene.registry.put_blob("r", "content");
    let image = image(0);
    scene
        .registry
        .put_manifest("r", Some("t"), None, image)
        .unwrap();
    for target in [
        format!("/v2/r/blobs/{blob}"),
        "/v2/r/manifests/t".to_owned(),
    ] {
        let etag = text(scene.get(&target).headers(), "etag");
        let headers = [("if-none-match", etag.as_str())];
        let response = scene.send(Method::GET, &target, &headers, "");
        assert_eq!(response.status(), 304);
        assert!(response.body().is_empty());
    }
}

#[test]
fn a_range_of_other_content_is_not_sent() {
    let mut scene = Scene::open();
    let blob = scene.registry.put_blob("r", "content");
    let target = format!("/v2/r/blobs/{blob}");
    for (etag, status) in [(format!("\"{blob}\""), 206), ("\"other\"".to_owned(), 200)] {
        let headers = [("range", "bytes=1-2"), ("if-range", etag.as_str())];
        let response = scene.send(Method::GET, &target, &headers, "");
        assert_eq!(response.status(), status);
    }
}

#[test]
fn a_tag_moves_only_from_where_it_is_believed_to_be() {
    let mut scene = Scene::open();
    let (old, new) = (image(0), image(1));
    let at_old = format!("\"{}\"", Digest::of(old.as_bytes()));
    let mut put = |content: &str, condition: (&str, &str)| {
        let headers = [("content-type", MANIFEST), condition];
        let content = content.to_owned();
        let response = scene.send(Method::PUT, "/v2/r/manifests/t", &headers, content);
        response.status().as_u16()
    };
    assert_eq!(put(&old, ("if-match", "*")), 412, "there is no tag yet");
    assert_eq!(put(&old, ("if-none-match", "*")), 201);
    assert_eq!(put(&new, ("if-none-match", "*")), 412, "now there is");
    assert_eq!(put(&new, ("if-match", "\"other\"")), 412);
    assert_eq!(put(&new, ("if-match", &at_old)), 201);
    assert_eq!(put(&new, ("if-match", &at_old)), 412, "it has moved");
}
