//! Basic credentials, and who may do what.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use ocirepo_registry::{Account, Auth, Config, Quirk, Rights, Rule};

use crate::scene::{Scene, code, text};

pub(crate) fn basic(name: &str, password: &str) -> String {
    format!("Basic {}", STANDARD.encode(format!("{name}:{password}")))
}

fn scene() -> Scene {
    let mut auth = Auth::basic("writer", "w:w");
    auth.accounts.push(Account {
        name: "reader".to_owned(),
        password: "r".to_owned(),
        rights: Rights::Pull,
    });
    Scene::new(Config {
        auth: Some(auth),
        ..Config::default()
    })
}

#[test]
fn strangers_are_challenged() {
    let mut scene = scene();
    for target in ["/v2/", "/v2/r/tags/list", "/v2/_catalog"] {
        let response = scene.get(target);
        assert_eq!(response.status(), 401, "{target}");
        assert_eq!(code(&response), "UNAUTHORIZED");
        let challenge = text(response.headers(), "www-authenticate");
        assert_eq!(challenge, "Basic realm=\"registry\"");
    }
}

#[test]
fn credentials_open_what_the_account_may_do() {
    let mut scene = scene();
    let cases = [
        (basic("writer", "w:w"), Method::GET, 200),
        (basic("writer", "w:w"), Method::POST, 202),
        (basic("reader", "r"), Method::GET, 200),
        (basic("reader", "r"), Method::POST, 403),
        (basic("reader", "wrong"), Method::GET, 401),
        ("Basic !".to_owned(), Method::GET, 401),
        ("Bearer x".to_owned(), Method::GET, 401),
    ];
    for (credentials, method, status) in cases {
        let target = match method {
            Method::GET => "/v2/",
            _ => "/v2/r/blobs/uploads/",
        };
        let headers = [("authorization", credentials.as_str())];
        let response = scene.send(method, target, &headers, "");
        assert_eq!(response.status(), status, "{credentials}");
    }
}

#[test]
fn anonymous_pulls_can_be_allowed() {
    let mut auth = Auth::basic("writer", "w");
    auth.anonymous = Rights::Pull;
    let mut scene = Scene::new(Config {
        auth: Some(auth),
        ..Config::default()
    });
    let digest = scene.registry.put_blob("r", "content");
    assert_eq!(scene.get(&format!("/v2/r/blobs/{digest}")).status(), 200);
    assert_eq!(scene.post("/v2/r/blobs/uploads/", "").status(), 401);
}

#[test]
fn storage_is_no_way_around_a_log_in() {
    let mut scene = scene();
    let digest = scene.registry.put_blob("r", "secret");
    let target = format!("/storage/{digest}");
    assert_eq!(scene.get(&target).status(), 404);
    scene.registry.script(Rule::new(Quirk::StorageRedirect {
        origin: "https://storage.example".to_owned(),
    }));
    assert_eq!(scene.get(&target).status(), 200);
}

#[test]
fn passwords_are_not_shown() {
    let shown = format!("{:?}", Auth::basic("writer", "hunter2"));
    assert!(shown.contains("writer") && !shown.contains("hunter2"));
}
