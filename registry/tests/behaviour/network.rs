//! What the network does, and what the registry knows afterwards.

use bytes::Bytes;
use http::{Method, Response};
use ocirepo::digest::Digest;
use ocirepo_registry::{Fault, Quirk, Rule};

use crate::scene::{Scene, text};

fn fault(response: &Response<Bytes>) -> Fault {
    response.extensions().get().copied().unwrap_or_default()
}

#[test]
fn a_response_that_is_fine_carries_no_fault() {
    let response = Scene::open().get("/v2/");
    assert!(response.extensions().get::<Fault>().is_none());
}

#[test]
fn faults_add_up() {
    let mut scene = Scene::with(Rule::new(Quirk::CutAfter(3)));
    scene.registry.script(Rule::new(Quirk::Delay(40)));
    scene.registry.script(Rule::new(Quirk::Delay(2)));
    assert_eq!(
        fault(&scene.get("/v2/")),
        Fault {
            delay_ms: 42,
            cut_after: Some(3),
            ..Fault::default()
        }
    );
}

#[test]
fn an_early_answer_is_announced_and_looks_at_no_body() {
    let quirk = Quirk::EarlyHead(http::StatusCode::PAYLOAD_TOO_LARGE);
    let mut scene = Scene::with(Rule::new(quirk).method(Method::PATCH).nth(2));
    let upload = scene.start_upload();
    let early = |scene: &Scene| scene.registry.answers_early(&Method::PATCH, &upload);
    assert!(!early(&scene), "the first is not");
    assert_eq!(scene.patch(&upload, "con").status(), 202);
    assert!(early(&scene));
    assert!(early(&scene), "asking does not count");
    assert_eq!(scene.patch(&upload, "").status(), 413);
    assert!(!early(&scene));
    assert_eq!(scene.close_upload(&upload, b"con").status(), 201);
}

#[test]
fn a_lost_answer_is_to_a_request_that_was_carried_out() {
    let mut scene = Scene::with(Rule::new(Quirk::Reset).first(1));
    let digest = Digest::of(b"content");
    let target = format!("/v2/r/blobs/uploads/?digest={digest}");
    assert!(fault(&scene.post(&target, "content")).reset);
    assert!(scene.registry.blob("r", &digest).is_some());
}

#[test]
fn an_unprocessed_request_was_not_carried_out() {
    let mut scene = Scene::with(Rule::new(Quirk::Unprocessed).first(1));
    let digest = Digest::of(b"content");
    let target = format!("/v2/r/blobs/uploads/?digest={digest}");
    assert!(fault(&scene.post(&target, "content")).unprocessed);
    assert!(scene.registry.blob("r", &digest).is_none());
}

#[test]
fn an_upload_goes_on_from_what_arrived() {
    for method in [Method::PATCH, Method::PUT] {
        let rule = Rule::new(Quirk::LostAfter(3));
        let mut scene = Scene::with(rule.method(method.clone()).first(1));
        let upload = scene.start_upload();
        let target = match method {
            Method::PUT => format!("{upload}?digest={}", Digest::of(b"content")),
            _ => upload.clone(),
        };
        let headers = [("content-range", "0-6")];
        assert!(fault(&scene.send(method, &target, &headers, "content")).reset);
        let status = scene.get(&upload);
        assert_eq!(text(status.headers(), "range"), "0-2");
        let headers = [("content-range", "3-6")];
        let response = scene.send(Method::PATCH, &upload, &headers, "tent");
        assert_eq!(response.status(), 202);
        assert_eq!(scene.close_upload(&upload, b"content").status(), 201);
    }
}
