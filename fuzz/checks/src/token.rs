//! Token responses: what is taken for a token can be sent, and neither it nor an error tells it.

use http::{HeaderMap, StatusCode};
use ocirepo::auth::Scope;
use ocirepo::endpoint::token::{Grant, get, issued, post};
use ocirepo::exchange::Head;
use url::Url;

/// The first byte chooses the status, the rest is the body.
pub fn check(data: &[u8]) {
    let Some((choice, body)) = data.split_first() else {
        return;
    };
    let statuses = [200_u16, 200, 200, 200, 201, 204, 401, 500];
    let status = statuses[usize::from(choice % 8)];
    let head = Head {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        url: None,
    };
    let document: Option<serde_json::Value> = serde_json::from_slice(body).ok();
    match issued(&head, body) {
        Err(error) => {
            let said = format!("{error} {error:?}");
            assert!(!tells(&said, body), "{said}");
        }
        Ok(issued) => {
            assert_eq!(status, 200);
            let token = issued.token.expose();
            assert!(!token.is_empty());
            // Of fields nobody asks for, not everything is looked at.
            if let Some(document) = &document {
                let named = [&document["token"], &document["access_token"]];
                assert!(named.iter().any(|named| named.as_str() == Some(token)));
            }
            let header = issued
                .token
                .bearer_header()
                .expect("a token that can be sent");
            assert!(header.is_sensitive());
            assert_eq!(header.as_bytes(), format!("Bearer {token}").as_bytes());
            assert!(issued.expires_in_secs > 0);
            let shown = format!("{issued:?}");
            assert!(!tells(&shown, token.as_bytes()), "{shown}");
            if let Some(refresh) = &issued.refresh_token {
                assert!(!tells(&shown, refresh.expose().as_bytes()), "{shown}");
                let realm = Url::parse("https://registry.example/t").unwrap();
                let call = post(&realm, None, &[], Grant::Refresh(refresh), "x");
                assert!(!tells(&format!("{call:?}"), refresh.expose().as_bytes()));
                assert_eq!(call.url, realm, "a secret is no part of a URL");
            }
        }
    }
    scopes(&String::from_utf8_lossy(body));
}

/// Whether a text quotes what may be secret: any 20 bytes without a blank, for fewer may be chance,
/// and our own words are shorter.
fn tells(said: &str, secret: &[u8]) -> bool {
    let said = said.as_bytes();
    let mut windows = secret.windows(20);
    windows.any(|window| {
        let word = !window.iter().any(u8::is_ascii_whitespace);
        word && window.iter().any(|byte| *byte != window[0])
            && said.windows(20).any(|at| at == window)
    })
}

/// A scope in a challenge becomes the same scope in a query, whatever it is.
fn scopes(text: &str) {
    let scopes = Scope::parse_list(text);
    for scope in &scopes {
        assert_eq!(scope.to_string().parse().as_ref(), Ok(scope));
        assert!(scope.covers(scope));
        let mut merged = scope.clone();
        merged.merge(&scopes[0]);
        assert!(merged.covers(scope));
    }
    let realm = Url::parse("https://registry.example/t?x=1").unwrap();
    let call = get(&realm, Some(text), &scopes, Some(text));
    assert_eq!(call.url.origin(), realm.origin());
    assert_eq!(call.url.path(), "/t");
    let sent: Vec<_> = (call.url.query_pairs())
        .filter(|(name, _)| name == "scope")
        .map(|(_, scope)| scope.into_owned())
        .collect();
    let meant: Vec<_> = scopes.iter().map(Scope::to_string).collect();
    assert_eq!(sent, meant);
}
