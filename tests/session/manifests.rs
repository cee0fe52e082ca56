//! Resolving, pulling, pushing, copying and deleting manifests.

use http::{Method, StatusCode};
use ocirepo::manifest::{ImageManifest, Manifest};
use ocirepo::operation::{BlobCopy, Condition};
use ocirepo::reference::{Selector, Tag};
use ocirepo::{Digest, ErrorKind};
use ocirepo_registry::{Config as RegistryConfig, Quirk, Rule};

use crate::scenario::{Scenario, assert_kind, header, on, repository};

fn tag() -> Tag {
    "el9".parse().unwrap()
}

fn manifest() -> Manifest {
    ImageManifest::artifact("application/x").to_manifest()
}

fn pushed(rules: Vec<Rule>) -> Scenario {
    let mut scenario = Scenario::new();
    scenario.blob(&b"{}"[..]);
    let stored = scenario
        .run(|s, r| s.push_manifest(r, tag(), manifest()))
        .unwrap();
    assert_eq!(stored.digest, manifest().digest());
    scenario.simulator.sent.clear();
    for rule in rules {
        scenario.script(rule);
    }
    scenario
}

#[test]
fn a_manifest_comes_back_byte_for_byte() {
    let mut scenario = pushed(vec![]);
    let pulled = scenario.run(|s, r| s.pull_manifest(r, tag())).unwrap();
    assert_eq!(pulled.raw(), manifest().raw());
    let by_digest = Selector::Digest(manifest().digest());
    let pulled = scenario.run(|s, r| s.pull_manifest(r, by_digest)).unwrap();
    assert_eq!(pulled.raw(), manifest().raw());
    assert_eq!(scenario.requests().len(), 2);
}

#[test]
fn resolving_asks_and_pulls_only_if_it_must() {
    let mut scenario = pushed(vec![]);
    let found = scenario.run(|s, r| s.resolve(r, tag())).unwrap();
    assert_eq!(
        (found.digest, found.size),
        (manifest().digest(), manifest().raw().len() as u64)
    );
    assert_eq!(scenario.requests(), ["HEAD manifests/el9"]);

    for rule in [
        Rule::new(Quirk::WithoutHeader(header("docker-content-digest"))),
        on(Method::HEAD, Quirk::Status(StatusCode::METHOD_NOT_ALLOWED)),
        on(Method::HEAD, Quirk::Status(StatusCode::FORBIDDEN)),
    ] {
        let mut scenario = pushed(vec![rule]);
        let found = scenario.run(|s, r| s.resolve(r, tag())).unwrap();
        assert_eq!(found.digest, manifest().digest());
        assert_eq!(
            scenario.requests(),
            ["HEAD manifests/el9", "GET manifests/el9"]
        );
    }
}

#[test]
fn a_missing_tag_is_not_found() {
    let mut scenario = pushed(vec![]);
    let missing: Tag = "el8".parse().unwrap();
    let result = scenario.run(|s, r| s.resolve(r, missing.clone()));
    assert_kind(
        result,
        ErrorKind::NotFound,
        "resolve registry.example/me/demo:el8",
    );
    let found = scenario.run(|s, r| s.manifest_exists(r, missing)).unwrap();
    assert_eq!(found, None);
}

#[test]
fn a_head_that_is_redirected_or_refused_still_says_whether_it_exists() {
    let mut scenario = pushed(vec![on(
        Method::HEAD,
        Quirk::Status(StatusCode::METHOD_NOT_ALLOWED),
    )]);
    let found = scenario
        .run(|s, r| s.manifest_exists(r, tag()))
        .unwrap()
        .unwrap();
    assert_eq!(found.digest, manifest().digest());
    let digest = scenario.blob(&b"hello"[..]);
    let found = scenario
        .run(|s, r| s.blob_exists(r, digest))
        .unwrap()
        .unwrap();
    assert_eq!(found.size, Some(5));
    assert_eq!(
        scenario
            .run(|s, r| s.blob_exists(r, Digest::of(b"no")))
            .unwrap(),
        None
    );
}

#[test]
fn a_manifest_that_is_not_what_was_asked_for_is_refused() {
    let by_digest = || Selector::Digest(manifest().digest());
    for quirk in [
        Quirk::Corrupt { at: 5 },
        Quirk::Body(b"{}".to_vec()),
        Quirk::Body(
            ImageManifest::artifact("application/y")
                .to_manifest()
                .into_raw(),
        ),
    ] {
        let mut scenario = pushed(vec![on(Method::GET, quirk)]);
        let error = scenario
            .run(|s, r| s.pull_manifest(r, by_digest()))
            .unwrap_err();
        assert!(
            matches!(
                error.kind(),
                ErrorKind::Corrupt | ErrorKind::InvalidResponse
            ),
            "{error}"
        );
    }
    let lies = Quirk::SetHeader(
        header("content-type"),
        "application/vnd.oci.image.index.v1+json".into(),
    );
    let mut scenario = pushed(vec![on(Method::GET, lies)]);
    let result = scenario.run(|s, r| s.pull_manifest(r, tag()));
    assert_kind(result, ErrorKind::InvalidResponse, "");
}

#[test]
fn a_manifest_over_the_cap_is_not_read() {
    let mut scenario = Scenario::new();
    scenario.session = ocirepo::Session::new(
        ocirepo::session::Config {
            limits: ocirepo::session::Limits {
                manifest: 100,
                ..Default::default()
            },
            ..Default::default()
        },
        1,
    );
    let name = scenario.repository.name().to_owned();
    let raw = manifest();
    assert!(raw.raw().len() > 100);
    scenario.blob(&b"{}"[..]);
    let _ = scenario.registry().put_manifest(
        &name,
        Some("el9"),
        Some(raw.media_type()),
        raw.raw().to_vec(),
    );
    let result = scenario.run(|s, r| s.pull_manifest(r, tag()));
    assert_kind(result, ErrorKind::TooLarge, "100 bytes");
}

#[test]
fn a_manifest_goes_where_the_condition_holds() {
    let next = || ImageManifest::artifact("application/y").to_manifest();
    let first = Condition::Digest(manifest().digest());
    let second = Condition::Digest(next().digest());

    let mut scenario = pushed(vec![]);
    for wrong in [Condition::Absent, second] {
        let result = scenario.run(|s, r| s.push_manifest_if(r, tag(), next(), wrong));
        assert_kind(result, ErrorKind::Conflict, "look again at what is there");
    }
    let found = scenario.run(|s, r| s.resolve(r, tag())).unwrap();
    assert_eq!(found.digest, manifest().digest());
    let result = scenario.run(|s, r| s.push_manifest_if(r, tag(), next(), first));
    assert_eq!(result.unwrap().digest, next().digest());
    let new: Tag = "el10".parse().unwrap();
    let result = scenario.run(|s, r| s.push_manifest_if(r, new, next(), Condition::Absent));
    assert_eq!(result.unwrap().digest, next().digest());
}

#[test]
fn a_registry_may_ignore_conditions_and_a_refusal_without_one_is_no_conflict() {
    let next = || ImageManifest::artifact("application/y").to_manifest();
    let mut scenario = pushed(vec![Rule::new(Quirk::ConditionsIgnored)]);
    scenario
        .run(|s, r| s.push_manifest_if(r, tag(), next(), Condition::Absent))
        .unwrap();

    let refusal = Quirk::AnswerWith(StatusCode::PRECONDITION_FAILED);
    let mut scenario = pushed(vec![on(Method::PUT, refusal)]);
    let result = scenario.run(|s, r| s.push_manifest(r, tag(), next()));
    assert_kind(result, ErrorKind::Refused, "refuses the request");
}

#[test]
fn an_answer_that_was_lost_may_make_a_push_conflict_with_itself() {
    let next = || ImageManifest::artifact("application/y").to_manifest();
    let mut scenario = pushed(vec![on(Method::PUT, Quirk::Reset).nth(1)]);
    let first = Condition::Digest(manifest().digest());
    let result = scenario.run(|s, r| s.push_manifest_if(r, tag(), next(), first));
    assert_kind(result, ErrorKind::Conflict, "look again at what is there");
    let found = scenario.run(|s, r| s.resolve(r, tag())).unwrap();
    assert_eq!(found.digest, next().digest());
}

#[test]
fn a_tag_that_does_not_move_refuses_even_what_it_points_at() {
    let mut scenario = pushed(vec![Rule::new(Quirk::TagsImmutable)]);
    let result = scenario.run(|s, r| s.push_manifest(r, tag(), manifest()));
    assert_kind(result, ErrorKind::Refused, "TAG_INVALID");
    let new: Tag = "el10".parse().unwrap();
    scenario
        .run(|s, r| s.push_manifest(r, new, manifest()))
        .unwrap();
}

#[test]
fn a_missing_location_after_a_manifest_is_no_error() {
    let mut scenario = pushed(vec![Rule::new(Quirk::WithoutHeader(header("location")))]);
    scenario
        .run(|s, r| s.push_manifest(r, tag(), manifest()))
        .unwrap();
}

#[test]
fn unknown_blobs_are_an_error_that_names_the_code() {
    let strict = RegistryConfig {
        sparse: false,
        ..RegistryConfig::default()
    };
    let mut scenario = Scenario::with(Default::default(), strict);
    let needs = ImageManifest::artifact("application/x")
        .layer(ocirepo::Descriptor::of(
            "application/octet-stream",
            b"missing",
        ))
        .to_manifest();
    let error = scenario
        .run(|s, r| s.push_manifest(r, tag(), needs))
        .unwrap_err();
    assert!(error.has_code("MANIFEST_BLOB_UNKNOWN"), "{error}");
}

#[test]
fn tags_and_manifests_and_blobs_can_be_deleted() {
    let mut scenario = pushed(vec![]);
    scenario.run(|s, r| s.delete_manifest(r, tag())).unwrap();
    assert_kind(
        scenario.run(|s, r| s.pull_manifest(r, tag())),
        ErrorKind::NotFound,
        "el9",
    );
    let digest = manifest().digest();
    scenario
        .run(|s, r| s.delete_manifest(r, Selector::Digest(digest)))
        .unwrap();
    let blob = scenario.blob(&b"hello"[..]);
    scenario.run(|s, r| s.delete_blob(r, blob)).unwrap();
    assert_kind(
        scenario.run(|s, r| s.delete_blob(r, blob)),
        ErrorKind::NotFound,
        "delete blob",
    );
}

#[test]
fn a_manifest_is_copied_byte_for_byte() {
    let mut scenario = pushed(vec![]);
    let to = repository("copy/of");
    scenario.registry().put_blob("copy/of", &b"{}"[..]);
    let copied = scenario.run(|s, r| s.copy_manifest(r, &to, tag())).unwrap();
    assert_eq!(copied.digest, manifest().digest());
    let (digest, _, raw) = scenario.registry().manifest("copy/of", "el9").unwrap();
    assert_eq!((digest, &raw[..]), (manifest().digest(), manifest().raw()));
}

#[test]
fn a_blob_is_copied_without_moving_bytes_where_that_goes() {
    let mut scenario = Scenario::new();
    let digest = scenario.blob(&b"hello"[..]);
    let to = repository("copy/of");
    let copy = |scenario: &mut Scenario| scenario.run(|s, r| s.copy_blob(r, &to, digest)).unwrap();
    assert_eq!(copy(&mut scenario), BlobCopy::Mounted);
    assert_eq!(copy(&mut scenario), BlobCopy::Present);

    let mut scenario = Scenario::quirky([Rule::new(Quirk::MountIgnored)]);
    scenario.blob(&b"hello"[..]);
    assert_eq!(copy(&mut scenario), BlobCopy::ToBeSent);
    assert_eq!(
        scenario.requests().last().unwrap().split(' ').next(),
        Some("DELETE")
    );
}
