//! Tags, repositories and referrers.

use http::Method;
use ocirepo::descriptor::Descriptor;
use ocirepo::manifest::{ImageManifest, Manifest};
use ocirepo::reference::{Selector, Tag};
use ocirepo::session::{Config, Limits};
use ocirepo::{Digest, ErrorKind};
use ocirepo_registry::{Config as RegistryConfig, Quirk, Rule};

use crate::scenario::{ORIGIN, Scenario, assert_kind, header, on};

fn manifest(n: usize, artifact_type: &str) -> Manifest {
    ImageManifest::artifact(artifact_type)
        .annotate("n", n.to_string())
        .to_manifest()
}

fn tagged(scenario: &mut Scenario, tags: usize) {
    for n in 0..tags {
        let manifest = manifest(n, "application/x");
        let tag: Tag = format!("t{n:03}").parse().unwrap();
        scenario.blob(&b"{}"[..]);
        scenario
            .run(|s, r| s.push_manifest(r, tag, manifest))
            .unwrap();
    }
    scenario.simulator.sent.clear();
}

#[test]
fn tags_are_read_to_the_last_page() {
    let registry = RegistryConfig {
        page_limit: Some(10),
        ..RegistryConfig::default()
    };
    let mut scenario = Scenario::with(Config::default(), registry);
    tagged(&mut scenario, 25);
    let tags = scenario.run(|s, r| s.tags(r)).unwrap();
    assert_eq!(tags.len(), 25);
    assert_eq!(scenario.requests().len(), 3);
}

#[test]
fn a_list_without_a_link_is_one_page() {
    let registry = RegistryConfig {
        page_limit: Some(10),
        ..RegistryConfig::default()
    };
    let mut scenario = Scenario::with(Config::default(), registry);
    tagged(&mut scenario, 25);
    scenario.script(Rule::new(Quirk::WithoutHeader(header("link"))));
    assert_eq!(scenario.run(|s, r| s.tags(r)).unwrap().len(), 10);
}

#[test]
fn no_tags_may_be_null() {
    let mut scenario = Scenario::quirky([Rule::new(Quirk::TagsNull)]);
    scenario.blob(&b"x"[..]);
    assert_eq!(scenario.run(|s, r| s.tags(r)).unwrap(), []);
}

#[test]
fn a_page_that_leads_to_itself_is_told() {
    let mut scenario = Scenario::new();
    tagged(&mut scenario, 2);
    scenario.script(Rule::new(Quirk::SetHeader(
        header("link"),
        "</v2/me/demo/tags/list?n=10>; rel=\"next\"".into(),
    )));
    assert_kind(
        scenario.run(|s, r| s.tags(r)),
        ErrorKind::InvalidResponse,
        "the page itself",
    );
    assert_eq!(scenario.requests().len(), 2);
}

#[test]
fn pages_that_lead_in_a_circle_end() {
    let registry = RegistryConfig {
        page_limit: Some(10),
        ..RegistryConfig::default()
    };
    let config = Config {
        limits: Limits {
            entries: 200,
            ..Limits::default()
        },
        ..Config::default()
    };
    let mut scenario = Scenario::with(config, registry);
    tagged(&mut scenario, 25);
    // Every third page, the last one, leads to the first.
    let first = Quirk::SetHeader(
        header("link"),
        "</v2/me/demo/tags/list?n=10>; rel=\"next\"".into(),
    );
    for last in (3..=60).step_by(3) {
        let rule = on(http::Method::GET, first.clone());
        scenario.script(rule.nth(last));
    }
    assert_kind(
        scenario.run(|s, r| s.tags(r)),
        ErrorKind::TooLarge,
        "200 entries",
    );
    assert!(scenario.requests().len() <= 201);
}

#[test]
fn a_next_page_on_another_host_sees_no_credentials() {
    let mut scenario = Scenario::with_auth(ocirepo_registry::Auth::bearer("lab", "labpass"));
    scenario.log_in();
    tagged(&mut scenario, 1);
    scenario.script(Rule::new(Quirk::SetHeader(
        header("link"),
        "<https://thief.example/v2/x>; rel=next".into(),
    )));
    let _ = scenario.run(|s, r| s.tags(r));
    for sent in &scenario.simulator.sent {
        if sent.url.origin().ascii_serialization() != ORIGIN {
            assert!(!sent.headers.contains_key("authorization"));
        }
    }
    assert!(
        scenario
            .simulator
            .sent
            .iter()
            .any(|s| s.url.host_str() == Some("thief.example"))
            || scenario.requests().len() == 1
    );
}

#[test]
fn repositories_are_listed_where_the_registry_offers_it() {
    let mut scenario = Scenario::new();
    scenario.blob(&b"x"[..]);
    scenario.registry().put_blob("other", &b"y"[..]);
    let registry = scenario.repository.registry.clone();
    let names: Vec<String> = scenario
        .run(|s, _| s.repositories(&registry))
        .unwrap()
        .iter()
        .map(|repository| repository.name().to_owned())
        .collect();
    assert_eq!(names, ["me/demo", "other"]);
}

/// A subject and two referrers of different types, pushed through the session.
fn with_referrers(rules: Vec<Rule>) -> (Scenario, Digest) {
    let mut scenario = Scenario::quirky(rules);
    scenario.blob(&b"{}"[..]);
    let subject = manifest(0, "application/x");
    let digest = subject.digest();
    let about: Descriptor = subject.descriptor();
    scenario
        .run(|s, r| s.push_manifest(r, Selector::Digest(digest), subject))
        .unwrap();
    for kind in ["application/signature", "application/sbom"] {
        let referrer = ImageManifest::artifact(kind)
            .about(about.clone())
            .to_manifest();
        let selector = Selector::Digest(referrer.digest());
        scenario
            .run(|s, r| s.push_manifest(r, selector, referrer))
            .unwrap();
    }
    (scenario, digest)
}

#[test]
fn referrers_are_found_with_and_without_the_api() {
    for rules in [
        vec![],
        vec![Rule::new(Quirk::NoReferrers)],
        vec![Rule::new(Quirk::FiltersIgnored)],
    ] {
        let (mut scenario, subject) = with_referrers(rules.clone());
        let all = scenario.run(|s, r| s.referrers(r, subject, None)).unwrap();
        assert_eq!(all.len(), 2, "{rules:?}");
        let some = scenario
            .run(|s, r| s.referrers(r, subject, Some("application/sbom")))
            .unwrap();
        assert_eq!(some.len(), 1, "{rules:?}");
        assert_eq!(some[0].artifact_type.as_deref(), Some("application/sbom"));
        let none = scenario
            .run(|s, r| s.referrers(r, Digest::of(b"nothing"), None))
            .unwrap();
        assert_eq!(none, []);
    }
}

#[test]
fn the_list_under_the_fallback_tag_names_a_referrer_once() {
    let (mut scenario, subject) = with_referrers(vec![Rule::new(Quirk::NoReferrers)]);
    let referrer = scenario.run(|s, r| s.referrers(r, subject, None)).unwrap()[0].clone();
    let again = scenario
        .run(|s, r| s.pull_manifest(r, Selector::Digest(referrer.digest)))
        .unwrap();
    let selector = Selector::Digest(again.digest());
    scenario
        .run(|s, r| s.push_manifest(r, selector, again))
        .unwrap();
    let all = scenario.run(|s, r| s.referrers(r, subject, None)).unwrap();
    assert_eq!(all.len(), 2);
}

#[test]
fn a_subject_that_is_noticed_costs_no_further_request() {
    let (mut scenario, subject) = with_referrers(vec![]);
    let puts = scenario
        .requests()
        .iter()
        .filter(|r| r.starts_with("PUT"))
        .count();
    assert_eq!(puts, 3);
    assert_eq!(scenario.requests().len(), 3);
    let _ = scenario.run(|s, r| s.referrers(r, subject, None));
    let _ = on(Method::GET, Quirk::NoReferrers);
}
