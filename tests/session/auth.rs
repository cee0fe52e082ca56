//! Challenges, tokens and whom they are shown.

use http::{Method, StatusCode};
use ocirepo::auth::{Credentials, Secret};
use ocirepo::operation::Upload;
use ocirepo::reference::Tag;
use ocirepo::{Digest, ErrorKind};
use ocirepo_registry::{Auth, Quirk, Rights, Rule, TokenField};

use crate::scenario::{ORIGIN, Scenario, assert_kind, on};

fn bearer() -> Scenario {
    let mut scenario = Scenario::with_auth(Auth::bearer("lab", "labpass"));
    scenario.log_in();
    scenario
}

fn pull(scenario: &mut Scenario) -> Result<Vec<u8>, ocirepo::Error> {
    let digest = scenario.blob(&b"hello"[..]);
    scenario.run(|session, repository| session.pull_blob_bytes(repository, digest, 100))
}

#[test]
fn a_token_is_fetched_once_and_kept() {
    let mut scenario = bearer();
    assert_eq!(pull(&mut scenario).unwrap(), b"hello");
    assert_eq!(
        scenario.requests(),
        ["GET blobs/", "GET /token", "GET blobs/"]
    );
    assert_eq!(pull(&mut scenario).unwrap(), b"hello");
    assert_eq!(scenario.requests().len(), 4);
    assert_eq!(scenario.simulator.asked, 1);
}

#[test]
fn many_waiting_operations_share_one_token() {
    let mut scenario = bearer();
    let digests: Vec<Digest> = (0..50u8).map(|i| scenario.blob(vec![i; 10])).collect();
    let operations: Vec<_> = digests
        .iter()
        .map(|digest| {
            scenario
                .session
                .pull_blob_bytes(&scenario.repository, *digest, 100)
        })
        .collect();
    scenario.simulator.run(&mut scenario.session);
    for operation in operations {
        assert!(scenario.session.take(operation).unwrap().is_ok());
    }
    // One request finds out about the challenge, the others wait for it.
    assert_eq!(scenario.requests().len(), 1 + 1 + 50);
    assert_eq!(scenario.simulator.asked, 1);
}

#[test]
fn an_expired_token_is_replaced_before_it_is_refused() {
    let mut scenario = bearer();
    pull(&mut scenario).unwrap();
    scenario.simulator.pass(299_000);
    pull(&mut scenario).unwrap();
    assert_eq!(
        scenario.requests(),
        [
            "GET blobs/",
            "GET /token",
            "GET blobs/",
            "GET /token",
            "GET blobs/"
        ]
    );
}

#[test]
fn a_revoked_token_is_renewed_once_for_an_exchange() {
    let mut scenario = bearer();
    pull(&mut scenario).unwrap();
    scenario.registry().revoke_tokens();
    pull(&mut scenario).unwrap();
    assert_eq!(
        scenario.requests()[3..],
        ["GET blobs/", "GET /token", "GET blobs/"]
    );

    scenario.script(Rule::new(Quirk::TokensRevoked).path("/v2/*"));
    let result = pull(&mut scenario);
    assert_kind(result, ErrorKind::Unauthorized, "401");
    assert_eq!(
        scenario.requests()[6..],
        ["GET blobs/", "GET /token", "GET blobs/"]
    );
}

#[test]
fn token_servers_write_their_answers_in_several_ways() {
    for quirk in [
        Quirk::TokenField(TokenField::Token),
        Quirk::TokenField(TokenField::AccessToken),
        Quirk::ExpiresIn(None),
        Quirk::ExpiresIn(Some(0)),
        Quirk::NoScopeInChallenge,
        Quirk::FirstScopeOnly,
    ] {
        let mut scenario = bearer();
        scenario.script(Rule::new(quirk.clone()));
        assert_eq!(pull(&mut scenario).unwrap(), b"hello", "{quirk:?}");
        scenario.simulator.pass(50_000);
        pull(&mut scenario).unwrap();
        assert_eq!(
            scenario.requests().len(),
            4,
            "good for sixty seconds: {quirk:?}"
        );
    }
}

#[test]
fn tokens_that_expire_at_once_do_not_keep_us_busy() {
    let mut scenario = bearer();
    scenario.script(Rule::new(Quirk::ExpiresIn(Some(1))));
    scenario.script(Rule::new(Quirk::Delay(2000)).path("/token"));
    let _ = pull(&mut scenario);
    assert!(scenario.requests().len() < 20);
}

#[test]
fn challenges_come_in_many_shapes() {
    for challenges in [
        vec!["{own}"],
        vec!["Basic realm=\"x\", {own}"],
        vec!["Negotiate", "{own}"],
        vec!["{own}", "Basic realm=\"x\""],
        vec!["NTLM dG9rZW42OA==, {own}"],
    ] {
        let mut scenario = bearer();
        let list = challenges.iter().map(|c| (*c).to_owned()).collect();
        scenario.script(Rule::new(Quirk::Challenges(list)));
        assert_eq!(pull(&mut scenario).unwrap(), b"hello", "{challenges:?}");
        assert_eq!(scenario.requests().len(), 3, "{challenges:?}");
    }
    for basic in [
        "BASIC realm=\"x\"",
        "basic",
        "Basic realm=x, charset=\"UTF-8\"",
    ] {
        let mut scenario = Scenario::with_auth(Auth::basic("lab", "labpass"));
        scenario.log_in();
        scenario.script(Rule::new(Quirk::Challenges(vec![basic.to_owned()])));
        assert_eq!(pull(&mut scenario).unwrap(), b"hello", "{basic}");
    }
}

#[test]
fn basic_credentials_are_sent_only_when_asked_for() {
    let mut scenario = Scenario::new();
    scenario.log_in();
    pull(&mut scenario).unwrap();
    assert_eq!((scenario.authorized(), scenario.simulator.asked), (0, 0));

    let mut scenario = Scenario::with_auth(Auth::basic("lab", "labpass"));
    scenario.log_in();
    pull(&mut scenario).unwrap();
    assert_eq!(scenario.requests(), ["GET blobs/", "GET blobs/"]);
    assert_eq!(scenario.authorized(), 1);
}

#[test]
fn refused_credentials_are_not_tried_again_until_there_are_others() {
    for auth in [
        Auth::basic("lab", "labpass"),
        Auth::bearer("lab", "labpass"),
    ] {
        let mut scenario = Scenario::with_auth(auth);
        scenario.log_in_as(Credentials::basic("lab", "wrong"));
        assert_kind(pull(&mut scenario), ErrorKind::Unauthorized, "");
        let requests = scenario.requests().len();
        assert_kind(pull(&mut scenario), ErrorKind::Unauthorized, "log in again");
        assert_eq!(scenario.requests().len(), requests, "nothing was sent");

        let registry = scenario.repository.registry.clone();
        scenario.session.handle(
            scenario.simulator.now(),
            ocirepo::session::Input::Credentials {
                registry,
                credentials: Some(Credentials::basic("lab", "labpass")),
            },
        );
        assert_eq!(pull(&mut scenario).unwrap(), b"hello");
    }
}

#[test]
fn without_credentials_the_error_says_to_log_in() {
    let mut scenario = Scenario::with_auth(Auth::basic("lab", "labpass"));
    assert_kind(pull(&mut scenario), ErrorKind::Unauthorized, "log in first");
}

#[test]
fn anonymous_tokens_pull_what_is_public() {
    let auth = Auth {
        anonymous: Rights::Pull,
        ..Auth::bearer("lab", "labpass")
    };
    let mut scenario = Scenario::with_auth(auth);
    assert_eq!(pull(&mut scenario).unwrap(), b"hello");
    assert_eq!(
        scenario.requests(),
        ["GET blobs/", "GET /token", "GET blobs/"]
    );
    let result = scenario.push(b"mine", true, Upload::default());
    assert!(matches!(
        result.unwrap_err().kind(),
        ErrorKind::Unauthorized | ErrorKind::Denied
    ));
}

#[test]
fn identity_tokens_go_by_post_and_fall_back_to_get() {
    for refusal in [None, Some(404), Some(405), Some(401)] {
        let mut scenario = Scenario::with_auth(Auth::bearer("lab", "labpass"));
        // The registry takes the password as a refresh token's stand-in by GET only.
        scenario.log_in_as(Credentials::IdentityToken {
            token: Secret::new("labpass"),
            username: Some("lab".to_owned()),
        });
        if let Some(status) = refusal {
            let status = StatusCode::from_u16(status).unwrap();
            scenario.script(on(Method::POST, Quirk::Status(status)).path("/token"));
        }
        let _ = pull(&mut scenario);
        let requests = scenario.requests();
        assert_eq!(requests[1], "POST /token");
        if refusal.is_some() {
            assert_eq!(requests[2], "GET /token", "{requests:?}");
        }
    }
}

#[test]
fn the_scope_that_matters_stands_first() {
    let mut scenario = bearer();
    scenario.registry().put_blob("a/place", &b"hello"[..]);
    scenario.script(Rule::new(Quirk::FirstScopeOnly));
    let mount = Upload {
        mount_from: Some(crate::scenario::repository("a/place")),
        ..Upload::default()
    };
    scenario.push(b"hello", true, mount).unwrap();
    let asked = &scenario.simulator.sent[1];
    assert_eq!(asked.url.path(), "/token");
    let query = asked.url.query().unwrap();
    let ours = query.find("me%2Fdemo").unwrap();
    assert!(ours < query.find("a%2Fplace").unwrap(), "{query}");
}

#[test]
fn pinging_a_registry_tells_whether_the_credentials_are_right() {
    for auth in [
        Auth::basic("lab", "labpass"),
        Auth::bearer("lab", "labpass"),
    ] {
        let mut scenario = Scenario::with_auth(auth);
        scenario.log_in();
        scenario.run(|s, r| s.ping(&r.registry)).unwrap();
        assert!(scenario.requests().len() <= 3);
    }
    for auth in [
        Auth::basic("lab", "labpass"),
        Auth::bearer("lab", "labpass"),
    ] {
        let mut scenario = Scenario::with_auth(auth);
        scenario.log_in_as(Credentials::basic("lab", "wrong"));
        let result = scenario.run(|s, r| s.ping(&r.registry));
        assert_kind(result, ErrorKind::Unauthorized, "");
    }
}

#[test]
fn a_static_token_is_sent_as_it_is() {
    let mut scenario = Scenario::with_auth(Auth::bearer("lab", "labpass"));
    let token = scenario
        .registry()
        .issue_token("repository:me/demo:pull", 10_000_000_000);
    scenario.log_in_as(Credentials::Bearer(Secret::new(token)));
    assert_eq!(pull(&mut scenario).unwrap(), b"hello");
    assert_eq!(scenario.requests(), ["GET blobs/", "GET blobs/"]);

    let mut scenario = Scenario::with_auth(Auth::bearer("lab", "labpass"));
    scenario.log_in_as(Credentials::Bearer(Secret::new("worn out")));
    assert_kind(pull(&mut scenario), ErrorKind::Unauthorized, "log in again");
    assert_eq!(scenario.requests().len(), 2);
}

#[test]
fn a_password_never_goes_to_a_realm_that_nobody_trusted() {
    for realm in [
        "https://thief.example/token",
        "http://registry.example/token",
    ] {
        let mut scenario = bearer();
        scenario.script(Rule::new(Quirk::Challenges(vec![format!(
            "Bearer realm=\"{realm}\",service=\"registry\""
        )])));
        let error = pull(&mut scenario).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UntrustedRealm, "{error}");
        assert_eq!(scenario.requests(), ["GET blobs/"], "{realm} was not asked");
    }
}

#[test]
fn a_realm_on_another_site_may_be_asked_without_secrets() {
    let mut scenario = Scenario::with_auth(Auth::bearer("lab", "labpass"));
    scenario.script(Rule::new(Quirk::Challenges(vec![
        "Bearer realm=\"https://tokens.example/token\",service=\"registry\"".into(),
    ])));
    let error = pull(&mut scenario).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Network, "nobody is there: {error}");
    let asked = &scenario.simulator.sent[1];
    assert_eq!(asked.url.host_str(), Some("tokens.example"));
    assert!(!asked.headers.contains_key("authorization"));
}

#[test]
fn a_token_server_may_not_pass_us_on_to_another_site() {
    let mut scenario = bearer();
    scenario.script(
        Rule::new(Quirk::Redirect {
            origin: "https://thief.example".into(),
        })
        .path("/token*"),
    );
    let error = pull(&mut scenario).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Redirect, "{error}");
    assert_eq!(scenario.requests().len(), 2);
}

#[test]
fn a_redirect_to_another_host_never_carries_a_token() {
    let mut scenario = bearer();
    pull(&mut scenario).unwrap();
    scenario.script(
        Rule::new(Quirk::Redirect {
            origin: "https://mirror.example".into(),
        })
        .path("/v2/*"),
    );
    let _ = pull(&mut scenario);
    let mut seen = 0;
    for sent in &scenario.simulator.sent {
        if sent.url.origin().ascii_serialization() != ORIGIN {
            assert!(!sent.headers.contains_key("authorization"), "{}", sent.url);
            seen += 1;
        }
    }
    assert!(seen > 0);
}

#[test]
fn pull_and_push_need_different_tokens_and_each_is_fetched_once() {
    let mut scenario = bearer();
    pull(&mut scenario).unwrap();
    scenario.push(b"one", true, Upload::default()).unwrap();
    scenario.push(b"two", true, Upload::default()).unwrap();
    pull(&mut scenario).unwrap();
    let tokens = scenario
        .requests()
        .iter()
        .filter(|r| r.ends_with("/token"))
        .count();
    assert_eq!(tokens, 2);
    let tag: Tag = "latest".parse().unwrap();
    let result = scenario.run(|s, r| s.pull_manifest(r, tag));
    assert_kind(result, ErrorKind::NotFound, "me/demo:latest");
}
