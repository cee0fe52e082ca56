//! Bearer tokens and where they come from.

use http::Method;
use ocirepo_registry::{Auth, Config, Quirk, Rights, Rule, TokenField};

use crate::auth::basic;
use crate::scene::{Scene, body, text};

fn scene() -> Scene {
    Scene::new(Config {
        auth: Some(Auth::bearer("me", "secret")),
        origin: Some("https://registry.example".to_owned()),
        ..Config::default()
    })
}

/// A token by `GET` for some scopes.
fn token(scene: &mut Scene, scopes: &str) -> String {
    let credentials = basic("me", "secret");
    let target = format!("/token?service=registry&scope={scopes}");
    let headers = [("authorization", credentials.as_str())];
    let response = scene.send(Method::GET, &target, &headers, "");
    assert_eq!(response.status(), 200);
    body(&response)["token"].as_str().unwrap().to_owned()
}

fn status_with(scene: &mut Scene, token: &str, method: Method, target: &str) -> u16 {
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    scene.send(method, target, &headers, "").status().as_u16()
}

#[test]
fn a_challenge_names_what_is_needed() {
    let mut scene = scene();
    let mut challenge = |method, target| {
        let response = scene.send(method, target, &[], "");
        assert_eq!(response.status(), 401);
        text(response.headers(), "www-authenticate")
    };
    let front = "Bearer realm=\"https://registry.example/token\",service=\"registry\"";
    assert_eq!(challenge(Method::GET, "/v2/"), front);
    for (method, target, scope) in [
        (Method::GET, "/v2/a/b/tags/list", "repository:a/b:pull"),
        (
            Method::POST,
            "/v2/a/blobs/uploads/",
            "repository:a:pull,push",
        ),
        (Method::DELETE, "/v2/a/manifests/t", "repository:a:delete"),
        (Method::GET, "/v2/_catalog", "registry:catalog:*"),
        (
            Method::POST,
            "/v2/a/blobs/uploads/?mount=sha256:x&from=b",
            "repository:a:pull,push repository:b:pull",
        ),
    ] {
        assert_eq!(
            challenge(method, target),
            format!("{front},scope=\"{scope}\"")
        );
    }
}

#[test]
fn the_realm_follows_the_host_the_client_used() {
    let mut scene = Scene::new(Config {
        auth: Some(Auth::bearer("me", "secret")),
        ..Config::default()
    });
    for (target, host, realm) in [
        ("/v2/", "127.0.0.1:5050", "http://127.0.0.1:5050/token"),
        ("https://r.example/v2/", "", "https://r.example/token"),
        ("/v2/", "evil\",x=\"", "http://localhost/token"),
    ] {
        let response = scene.send(Method::GET, target, &[("host", host)], "");
        let challenge = text(response.headers(), "www-authenticate");
        assert!(
            challenge.contains(&format!("realm=\"{realm}\"")),
            "{challenge}"
        );
    }
}

#[test]
fn a_token_opens_its_scopes_only() {
    let mut scene = scene();
    let push = token(&mut scene, "repository:a:pull,push");
    let start = "/v2/a/blobs/uploads/";
    assert_eq!(status_with(&mut scene, &push, Method::GET, "/v2/"), 200);
    assert_eq!(status_with(&mut scene, &push, Method::POST, start), 202);
    assert_eq!(
        status_with(&mut scene, &push, Method::GET, "/v2/b/tags/list"),
        401
    );
    assert_eq!(
        status_with(&mut scene, &push, Method::DELETE, "/v2/a/manifests/t"),
        401
    );
    let both = token(&mut scene, "repository:a:pull&scope=repository:b:pull");
    for target in ["/v2/a/tags/list", "/v2/b/tags/list"] {
        assert_eq!(status_with(&mut scene, &both, Method::GET, target), 404);
    }
}

#[test]
fn a_token_ends_with_its_time() {
    let mut scene = scene();
    let token = token(&mut scene, "repository:a:pull");
    scene.now += 299;
    assert_eq!(status_with(&mut scene, &token, Method::GET, "/v2/"), 200);
    scene.now += 1;
    let bearer = format!("bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let response = scene.send(Method::GET, "/v2/", &headers, "");
    let challenge = text(response.headers(), "www-authenticate");
    assert!(
        challenge.ends_with("error=\"invalid_token\""),
        "{challenge}"
    );
}

#[test]
fn a_token_for_nobody_grants_what_nobody_may() {
    let mut auth = Auth::bearer("me", "secret");
    auth.anonymous = Rights::Pull;
    let mut scene = Scene::new(Config {
        auth: Some(auth),
        ..Config::default()
    });
    let response = scene.get("/token?scope=repository:a:pull,push");
    assert_eq!(body(&response)["scope"], "repository:a:pull");
}

#[test]
fn wrong_credentials_get_no_token() {
    let mut scene = scene();
    let credentials = basic("me", "wrong");
    let headers = [("authorization", credentials.as_str())];
    let response = scene.send(Method::GET, "/token", &headers, "");
    assert_eq!(response.status(), 401);
    let form = "grant_type=password&username=me&password=wrong";
    assert_eq!(scene.post("/token", form).status(), 401);
    let form = "grant_type=refresh_token&refresh_token=guess";
    assert_eq!(scene.post("/token", form).status(), 401);
    assert_eq!(scene.post("/token", "grant_type=other").status(), 400);
    assert_eq!(scene.get("/token?service=other").status(), 400);
}

#[test]
fn a_refresh_token_stands_in_for_the_password() {
    let mut scene = scene();
    let form = "grant_type=password&username=me&password=secret&access_type=offline\
                &service=registry&client_id=test&scope=repository:a:pull";
    let response = scene.post("/token", form);
    let refresh = body(&response)["refresh_token"]
        .as_str()
        .unwrap()
        .to_owned();
    let form =
        format!("grant_type=refresh_token&refresh_token={refresh}&scope=repository:a:pull,push");
    let answer = body(&scene.post("/token", form));
    assert_eq!(answer["refresh_token"], refresh);
    assert_eq!(answer["scope"], "repository:a:pull,push");
    let token = answer["access_token"].as_str().unwrap();
    let start = "/v2/a/blobs/uploads/";
    assert_eq!(status_with(&mut scene, token, Method::POST, start), 202);
}

#[test]
fn an_issued_token_needs_no_endpoint() {
    let mut scene = scene();
    let token = scene
        .registry
        .issue_token("repository:a:pull", scene.now + 10);
    let target = "/v2/a/tags/list";
    assert_eq!(status_with(&mut scene, &token, Method::GET, target), 404);
    scene.registry.revoke_tokens();
    assert_eq!(status_with(&mut scene, &token, Method::GET, target), 401);
}

#[test]
fn the_token_endpoint_belongs_to_bearer_registries() {
    assert_eq!(Scene::open().get("/token").status(), 404);
}

#[test]
fn token_answers_can_be_told_to_differ() {
    let cases: [(Quirk, &[&str], &[&str]); 4] = [
        (
            Quirk::TokenField(TokenField::Token),
            &["token"],
            &["access_token"],
        ),
        (
            Quirk::TokenField(TokenField::AccessToken),
            &["access_token"],
            &["token"],
        ),
        (Quirk::ExpiresIn(None), &["token"], &["expires_in"]),
        (Quirk::ExpiresIn(Some(0)), &["token", "expires_in"], &[]),
    ];
    for (quirk, present, absent) in cases {
        let mut scene = scene();
        scene.registry.script(Rule::new(quirk));
        let answer = body(&scene.get("/token"));
        assert!(present.iter().all(|field| !answer[field].is_null()));
        assert!(absent.iter().all(|field| answer[field].is_null()));
    }
}

#[test]
fn only_the_first_scope_may_count() {
    let mut scene = scene();
    scene.registry.script(Rule::new(Quirk::FirstScopeOnly));
    let token = token(&mut scene, "repository:a:pull%20repository:b:pull");
    let mut status = |target| status_with(&mut scene, &token, Method::GET, target);
    assert_eq!(status("/v2/a/tags/list"), 404);
    assert_eq!(status("/v2/b/tags/list"), 401);
}

#[test]
fn tokens_can_stop_working_in_the_middle_of_a_push() {
    let mut scene = scene();
    let rule = Rule::new(Quirk::TokensRevoked);
    scene.registry.script(rule.method(Method::PATCH).nth(2));
    let token = token(&mut scene, "repository:r:pull,push");
    let bearer = format!("Bearer {token}");
    let headers = [("authorization", bearer.as_str())];
    let started = scene.send(Method::POST, "/v2/r/blobs/uploads/", &headers, "");
    let upload = text(started.headers(), "location");
    let mut status = |method| scene.send(method, &upload, &headers, "x").status();
    assert_eq!(status(Method::PATCH), 202);
    assert_eq!(status(Method::PATCH), 401);
    assert_eq!(status(Method::GET), 401);
}

#[test]
fn challenges_can_be_told_to_differ() {
    let mut scene = scene();
    scene.registry.script(Rule::new(Quirk::NoScopeInChallenge));
    let headers = vec![
        "BASIC realm=\"x\", {own}".to_owned(),
        "Negotiate".to_owned(),
    ];
    scene.registry.script(Rule::new(Quirk::Challenges(headers)));
    let response = scene.get("/v2/r/tags/list");
    let challenges: Vec<_> = response
        .headers()
        .get_all("www-authenticate")
        .iter()
        .collect();
    assert_eq!(
        challenges,
        [
            "BASIC realm=\"x\", Bearer realm=\"https://registry.example/token\",service=\"registry\"",
            "Negotiate",
        ]
    );
}
