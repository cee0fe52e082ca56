//! Challenges: any field is read, within bounds.

use http::header::{HeaderMap, HeaderValue, WWW_AUTHENTICATE};
use ocirepo::auth::Challenge;
use ocirepo::exchange::Head;

/// Each line is one field.
pub fn check(data: &[u8]) {
    let mut headers = HeaderMap::new();
    for line in data.split(|byte| *byte == b'\n').take(8) {
        if let Ok(value) = HeaderValue::from_bytes(line) {
            headers.append(WWW_AUTHENTICATE, value);
        }
    }
    let head = Head {
        status: http::StatusCode::UNAUTHORIZED,
        headers,
        url: None,
    };
    let challenges = Challenge::all(&head);
    assert!(challenges.len() <= 32);
    assert_eq!(challenges, Challenge::all(&head));
    for challenge in &challenges {
        assert!(challenge.token68().is_none_or(|token| !token.is_empty()));
        assert_eq!(challenge.param("realm"), challenge.param("REALM"));
        if let Some(Ok(bearer)) = challenge.bearer() {
            assert_eq!(challenge.param("service"), bearer.service.as_deref());
        }
    }
}
