//! Browsers on other origins.

use http::Method;
use ocirepo_registry::{Auth, Config, Cors};

use crate::scene::{Scene, text};

const ORIGIN: (&str, &str) = ("origin", "https://inspector.example");

fn scene(origins: &[&str]) -> Scene {
    Scene::new(Config {
        auth: Some(Auth::basic("me", "secret")),
        cors: Some(Cors {
            origins: origins.iter().map(|&origin| origin.to_owned()).collect(),
            ..Cors::default()
        }),
        ..Config::default()
    })
}

#[test]
fn a_preflight_needs_no_authorization() {
    let mut scene = scene(&["*"]);
    let headers = [ORIGIN, ("access-control-request-method", "PUT")];
    let response = scene.send(Method::OPTIONS, "/v2/r/manifests/t", &headers, "");
    assert_eq!(response.status(), 204);
    let headers = response.headers();
    assert_eq!(text(headers, "access-control-allow-origin"), "*");
    assert!(text(headers, "access-control-allow-methods").contains("PUT"));
    assert!(text(headers, "access-control-allow-headers").contains("Authorization"));
}

#[test]
fn refusals_can_be_read_too() {
    let mut scene = scene(&["*"]);
    let response = scene.send(Method::GET, "/v2/", &[ORIGIN], "");
    assert_eq!(response.status(), 401);
    let exposed = text(response.headers(), "access-control-expose-headers");
    for header in [
        "Www-Authenticate",
        "Docker-Content-Digest",
        "Location",
        "Link",
    ] {
        assert!(exposed.contains(header), "{header}");
    }
}

#[test]
fn only_the_origins_named_are_admitted() {
    let mut scene = scene(&["https://inspector.example"]);
    let response = scene.send(Method::GET, "/v2/", &[ORIGIN], "");
    let headers = response.headers();
    assert_eq!(text(headers, "access-control-allow-origin"), ORIGIN.1);
    assert_eq!(text(headers, "vary"), "Origin");
    let other = ("origin", "https://other.example");
    let response = scene.send(Method::GET, "/v2/", &[other], "");
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-origin")
    );
}

#[test]
fn without_cors_nothing_is_said_and_no_preflight_answered() {
    let mut scene = Scene::open();
    let response = scene.send(Method::GET, "/v2/", &[ORIGIN], "");
    assert!(
        !response
            .headers()
            .contains_key("access-control-allow-origin")
    );
    let headers = [ORIGIN, ("access-control-request-method", "PUT")];
    let response = scene.send(Method::OPTIONS, "/v2/", &headers, "");
    assert_eq!(response.status(), 405);
}
