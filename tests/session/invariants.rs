//! The invariants of the exchange, each a property with a name. They are checked on every request
//! that is emitted and on every result that is returned, whatever the test is about.
//!
//! The numbers are those of `docs/security.md`. The tenth and eleventh are of publishing and of
//! snapshots, and are checked with them: `native/tests/publish/failures.rs`,
//! `rpm/tests/layouts/trust.rs`.

use http::StatusCode;
use ocirepo::exchange::Body;
use ocirepo::session::Config;
use ocirepo::{Digest, Error, ErrorKind, Manifest};
use ocirepo_registry::simulator::{Sent, Simulator};

use crate::model::{Ask, Outcome};
use crate::scenario::ORIGIN;

/// The user's secrets in a run.
pub(crate) const SECRETS: [&str; 2] = ["labpass", "bGFiOmxhYnBhc3M"];

/// The most requests one operation makes, retries and pages and all.
const MOST_REQUESTS: usize = 1000;

/// Every request of a run.
pub(crate) fn of_requests(simulator: &Simulator, operations: usize) {
    for sent in &simulator.sent {
        invariant_1_a_secret_stays_at_its_origin(sent);
        invariant_2_a_password_goes_to_the_site_of_the_registry(sent);
        invariant_3_nothing_goes_down_to_http(sent);
        invariant_5_only_valid_names_are_in_urls(sent);
    }
    invariant_3_redirects_are_bounded(simulator);
    invariant_8_the_number_of_requests_is_bounded(simulator, operations);
    invariant_8_each_operation_ends_once(simulator, operations);
}

fn invariant_1_a_secret_stays_at_its_origin(sent: &Sent) {
    if let Some(value) = sent.headers.get("authorization") {
        let origin = sent.url.origin().ascii_serialization();
        assert_eq!(origin, ORIGIN, "a secret left its origin: {}", sent.url);
        assert!(value.is_sensitive(), "hosts may log it");
    }
}

/// In runs every token server of the registry's site is the registry itself.
fn invariant_2_a_password_goes_to_the_site_of_the_registry(sent: &Sent) {
    for secret in SECRETS {
        assert!(
            !sent.url.as_str().contains(secret),
            "in a URL: {}",
            sent.url
        );
        if let Body::Bytes(bytes) = &sent.body {
            let told = bytes
                .windows(secret.len())
                .any(|at| at == secret.as_bytes());
            let origin = sent.url.origin().ascii_serialization();
            assert!(!told || origin == ORIGIN, "a password went to {}", sent.url);
        }
    }
}

fn invariant_3_nothing_goes_down_to_http(sent: &Sent) {
    assert_eq!(sent.url.scheme(), "https", "{}", sent.url);
    assert!(sent.url.username().is_empty() && sent.url.password().is_none());
}

fn invariant_3_redirects_are_bounded(simulator: &Simulator) {
    let redirects = |sent: &&Sent| sent.status.is_some_and(|status| status.is_redirection());
    let longest = (simulator.sent.iter().map(|sent| sent.operation)).map(|operation| {
        let own = simulator
            .sent
            .iter()
            .filter(|sent| sent.operation == operation);
        own.filter(redirects).count()
    });
    let longest = longest.max().unwrap_or_default();
    // Ten for each try.
    assert!(longest <= MOST_REQUESTS, "{longest} redirects");
}

/// What is verified is what the model has, at exactly its size; and its digest is recomputed here.
pub(crate) fn invariant_4_what_is_verified_is_what_was_asked_for(got: &Outcome, model: &Outcome) {
    if let Outcome::Verified(bytes) = got {
        let Outcome::Verified(stored) = model else {
            panic!("{} verified bytes of what is not there", bytes.len());
        };
        assert_eq!(Digest::of(bytes), Digest::of(stored));
        assert_eq!(bytes, stored);
    }
    if let (Outcome::Pushed(..), Outcome::Pushed(..)) = (got, model) {
        assert_eq!(got, model, "what is said to be stored is what was pushed");
    }
}

fn invariant_5_only_valid_names_are_in_urls(sent: &Sent) {
    let path = sent.url.path();
    assert!(!path.contains("/../") && !path.contains("//"), "{path}");
    assert!(!path.contains('\\') && !path.contains("%2e"), "{path}");
    if let Some((_, digest)) = path.split_once("/blobs/sha256:") {
        assert_eq!(digest.len(), 64, "{path}");
    }
    if let Some((name, _)) = path
        .strip_prefix("/v2/")
        .and_then(|p| p.split_once("/manifests/"))
    {
        assert_eq!(name, "me/demo", "{path}");
    }
}

/// One document, one meaning: read again without its `Content-Type` it is the same.
pub(crate) fn invariant_6_a_manifest_means_one_thing(manifest: &Manifest) {
    let again = Manifest::parse(None, manifest.raw().to_vec()).expect("it was read");
    assert_eq!(again.media_type(), manifest.media_type());
    assert!(manifest.layers().is_empty() || manifest.children().is_empty());
    let text: serde_json::Value = serde_json::from_slice(manifest.raw()).expect("JSON");
    assert!(text.get("manifests").is_none() || text.get("layers").is_none());
}

/// Nothing that was collected is larger than its cap.
pub(crate) fn invariant_7_what_is_collected_is_capped(got: &Outcome, cap: usize) {
    let len = match got {
        Outcome::Verified(bytes) | Outcome::Unverified(bytes) | Outcome::Manifest(bytes) => {
            bytes.len()
        }
        Outcome::Tags(tags) => tags.len(),
        _ => 0,
    };
    assert!(len <= cap, "{len} of at most {cap}");
}

fn invariant_8_the_number_of_requests_is_bounded(simulator: &Simulator, operations: usize) {
    let most = operations * MOST_REQUESTS;
    assert!(
        simulator.sent.len() <= most,
        "{} requests",
        simulator.sent.len()
    );
    assert!(simulator.most_in_flight <= Config::default().concurrency);
}

fn invariant_8_each_operation_ends_once(simulator: &Simulator, operations: usize) {
    let mut done = simulator.done.clone();
    done.sort();
    done.dedup();
    assert_eq!(done.len(), simulator.done.len(), "one Done each");
    assert_eq!(done.len(), operations, "a Done for each");
}

/// What the model says, whatever the registry and the network do: verified results are exact,
/// unverified ones are no longer than asked for, everything else is an error.
pub(crate) fn of_a_result(ask: &Ask, got: &Outcome, model: &Outcome) {
    invariant_4_what_is_verified_is_what_was_asked_for(got, model);
    match ask {
        Ask::Range(_, _, len) => invariant_7_what_is_collected_is_capped(got, *len as usize),
        _ => invariant_7_what_is_collected_is_capped(got, 8 << 20),
    }
    if let (Ask::Missing, Outcome::Verified(_)) = (ask, got) {
        panic!("what was never stored was found");
    }
}

/// What the model says, at a registry that is only peculiar: exactly that.
pub(crate) fn is_exactly(ask: &Ask, got: &Outcome, model: &Outcome) {
    match (ask, got, model) {
        (Ask::Cancelled(_), Outcome::Error(ErrorKind::Cancelled), _) => {}
        // Past the end there is nothing to get, and registries may say so.
        (Ask::Range(..), Outcome::Error(ErrorKind::Refused), Outcome::Unverified(part))
            if part.is_empty() => {}
        _ => assert_eq!(got, model, "{ask:?}"),
    }
}

/// No error tells a secret.
pub(crate) fn of_an_error(error: &Error) {
    let said = format!("{error} {error:?}");
    for secret in SECRETS.into_iter().chain(["Bearer ey"]) {
        assert!(!said.contains(secret), "{said}");
    }
    assert!(error.http_status() != Some(StatusCode::OK) || !said.is_empty());
}
