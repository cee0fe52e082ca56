//! Responses that are no success (distribution-spec, "Error Codes").

use http::StatusCode;
use serde_json::Value;
use url::Url;

use crate::error::{Error, ErrorKind, RegistryError};
use crate::exchange::Head;

/// The error that a response other than a success stands for, with what the registry
/// says about it.
///
/// `url` is where the request went. The body may be of any kind; of JSON, the errors are
/// read in the form of the specification and in those of common token servers and
/// gateways, the first 16 of them.
pub fn failure(head: &Head, body: &[u8], url: &Url) -> Error {
    let errors = errors(body);
    // Docker's registry refuses what it does not do with 400 and this code.
    let unsupported = head.status.is_client_error()
        && errors
            .iter()
            .any(|error| error.code.eq_ignore_ascii_case("UNSUPPORTED"));
    let status = match unsupported {
        true => StatusCode::METHOD_NOT_ALLOWED,
        false => head.status,
    };
    let (kind, message) = classify(status);
    Error::new(kind, message)
        .at(head.url.as_ref().unwrap_or(url))
        .status(head.status)
        .registry(errors)
}

/// The error of a response whose body nobody read.
pub(super) fn without_body(head: &Head) -> Error {
    let (kind, message) = classify(head.status);
    let error = Error::new(kind, message).status(head.status);
    match &head.url {
        Some(url) => error.at(url),
        None => error,
    }
}

fn classify(status: StatusCode) -> (ErrorKind, &'static str) {
    match status {
        StatusCode::UNAUTHORIZED => (
            ErrorKind::Unauthorized,
            "the registry wants other credentials than it got; log in to it, or check the \
             stored ones",
        ),
        StatusCode::FORBIDDEN => (
            ErrorKind::Denied,
            "access denied; the account needs a permission it does not have here",
        ),
        StatusCode::NOT_FOUND => (
            ErrorKind::NotFound,
            "not found; check the name, and that the account may see it",
        ),
        StatusCode::METHOD_NOT_ALLOWED | StatusCode::NOT_IMPLEMENTED => (
            ErrorKind::Unsupported,
            "the registry does not offer this; ask its operator to enable it",
        ),
        StatusCode::TOO_MANY_REQUESTS => (
            ErrorKind::RateLimited,
            "too many requests; wait a while, or log in for a higher limit",
        ),
        StatusCode::REQUEST_TIMEOUT => (
            ErrorKind::Unavailable,
            "the registry gave up waiting for the request; try again",
        ),
        StatusCode::PROXY_AUTHENTICATION_REQUIRED => (
            ErrorKind::Refused,
            "the proxy wants credentials; put them into the proxy's URL",
        ),
        StatusCode::PAYLOAD_TOO_LARGE => (
            ErrorKind::Refused,
            "too large for the registry; raise its limit, or that of the proxy before it",
        ),
        StatusCode::RANGE_NOT_SATISFIABLE => (
            ErrorKind::Refused,
            "the registry has no such range; start over from where it stands",
        ),
        status if status.is_server_error() => (
            ErrorKind::Unavailable,
            "the registry failed; try again later",
        ),
        status if status.is_client_error() => (
            ErrorKind::Refused,
            "the registry refuses the request as it stands",
        ),
        _ => (
            ErrorKind::InvalidResponse,
            "the registry answered with a status that has no place here; check that the \
             address is that of a registry",
        ),
    }
}

/// Most errors that are kept of one response.
const MAX_ERRORS: usize = 16;

/// Larger bodies are pages for people; a document of the specification is small.
const MAX_BODY: usize = 64 * 1024;

/// Longest code or message that is kept, in characters.
const MAX_TEXT: usize = 500;

fn errors(body: &[u8]) -> Vec<RegistryError> {
    if body.len() > MAX_BODY {
        return Vec::new();
    }
    let Ok(Value::Object(document)) = serde_json::from_str(&String::from_utf8_lossy(body)) else {
        return Vec::new();
    };
    let errors: Vec<_> = match document.get("errors") {
        Some(Value::Array(errors)) => errors.iter().filter_map(one).take(MAX_ERRORS).collect(),
        Some(error) => one(error).into_iter().collect(),
        None => Vec::new(),
    };
    if !errors.is_empty() {
        return errors;
    }
    // `{"error": {…}}` of gateways; `{"error": "…", "error_description": "…"}` of RFC
    // 6749; `{"message": "…"}` and `{"details": "…"}` of token servers.
    match document.get("error") {
        Some(error @ Value::Object(_)) => one(error).into_iter().collect(),
        _ => one(&Value::Object(document)).into_iter().collect(),
    }
}

fn one(error: &Value) -> Option<RegistryError> {
    let first = |names: &[&str]| {
        names
            .iter()
            .find_map(|name| words(error.get(name)?))
            .unwrap_or_default()
    };
    let error = match error {
        Value::String(_) => RegistryError {
            code: String::new(),
            message: words(error)?,
        },
        _ => RegistryError {
            code: first(&["code", "error"]),
            message: first(&["message", "error_description", "details"]),
        },
    };
    (!error.code.is_empty() || !error.message.is_empty()).then_some(error)
}

fn words(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.chars().take(MAX_TEXT).collect(),
        Value::Number(number) => number.to_string(),
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    fn read(status: u16, body: &str) -> Error {
        failure(
            &answer(status, &[]),
            body.as_bytes(),
            &url("https://registry.example/v2/a/manifests/b"),
        )
    }

    fn said(body: &str) -> Vec<(String, String)> {
        (read(400, body).registry_errors().iter())
            .map(|error| (error.code.clone(), error.message.clone()))
            .collect()
    }

    #[test]
    fn the_form_of_the_specification() {
        let error = read(
            404,
            r#"{"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown",
                "detail": {"Tag": "latest"}}]}"#,
        );
        assert_eq!(error.kind(), ErrorKind::NotFound);
        assert!(error.has_code("MANIFEST_UNKNOWN"));
        assert_eq!(
            error.to_string(),
            "not found; check the name, and that the account may see it \
             (status 404 from https://registry.example/v2/a/manifests/b); \
             the registry says: MANIFEST_UNKNOWN: manifest unknown"
        );
    }

    #[test]
    fn every_status_has_its_kind() {
        for (status, kind) in [
            (401, ErrorKind::Unauthorized),
            (403, ErrorKind::Denied),
            (404, ErrorKind::NotFound),
            (405, ErrorKind::Unsupported),
            (501, ErrorKind::Unsupported),
            (408, ErrorKind::Unavailable),
            (500, ErrorKind::Unavailable),
            (503, ErrorKind::Unavailable),
            (429, ErrorKind::RateLimited),
            (400, ErrorKind::Refused),
            (413, ErrorKind::Refused),
            (416, ErrorKind::Refused),
            (302, ErrorKind::InvalidResponse),
        ] {
            let error = read(status, "");
            assert_eq!(error.kind(), kind, "{status}");
            assert_eq!(error.http_status().map(|s| s.as_u16()), Some(status));
            assert_eq!(without_body(&answer(status, &[])).kind(), kind, "{status}");
        }
    }

    #[test]
    fn a_refusal_that_says_unsupported_is_one() {
        let body =
            r#"{"errors":[{"code":"UNSUPPORTED","message":"The operation is unsupported."}]}"#;
        let error = read(400, body);
        assert_eq!(error.kind(), ErrorKind::Unsupported);
        assert_eq!(error.http_status(), Some(StatusCode::BAD_REQUEST));
        assert_eq!(read(500, body).kind(), ErrorKind::Unavailable);
    }

    #[test]
    fn the_forms_of_token_servers_and_gateways() {
        let pair = |code: &str, message: &str| vec![(code.to_owned(), message.to_owned())];
        for (body, expected) in [
            (
                r#"{"error":"invalid_grant","error_description":"expired"}"#,
                pair("invalid_grant", "expired"),
            ),
            (r#"{"message":"nope"}"#, pair("", "nope")),
            (
                r#"{"details":"incorrect username or password"}"#,
                pair("", "incorrect username or password"),
            ),
            (
                r#"{"error":{"code":404,"message":"Requested entity was not found."}}"#,
                pair("404", "Requested entity was not found."),
            ),
            (r#"{"errors":["plain"]}"#, pair("", "plain")),
            (r#"{"errors":[{"code":7}]}"#, pair("7", "")),
            (r#"{"errors":{"code":"X","message":"y"}}"#, pair("X", "y")),
            (r#"{"errors":null,"message":"m"}"#, pair("", "m")),
        ] {
            assert_eq!(said(body), expected, "{body}");
        }
    }

    #[test]
    fn other_bodies_are_ignored() {
        for body in [
            "",
            "<html>503</html>",
            "404 page not found",
            "[]",
            "{}",
            r#"{"errors":[]}"#,
            r#"{"errors":[{}, null, 1.5, []]}"#,
            r#"{"errors":"#,
        ] {
            assert!(said(body).is_empty(), "{body}");
        }
    }

    #[test]
    fn a_flood_of_errors_is_cut() {
        let entry = format!(r#"{{"code":"A","message":"{}"}},"#, "x".repeat(3000));
        let body = format!(r#"{{"errors":[{}null]}}"#, entry.repeat(20));
        assert_eq!(said(&body).len(), MAX_ERRORS);
        assert!(
            said(&body)
                .iter()
                .all(|(_, message)| message.len() == MAX_TEXT)
        );
        assert!(said(&format!(r#"{{"errors":[{}null]}}"#, entry.repeat(50))).is_empty());
        assert!(said(&"[".repeat(60_000)).is_empty());
    }

    #[test]
    fn where_the_host_was_led_is_named() {
        let mut head = answer(403, &[]);
        head.url = Some(url("https://storage.example/x?sig=secret"));
        let error = failure(&head, b"", &url("https://registry.example/v2/"));
        assert_eq!(error.url(), Some("https://storage.example/x?…"));
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body: Vec<u8>, status in 100u16..1000) {
            failure(&answer(status, &[]), &body, &url("https://a.example/")).to_string();
        }

        #[test]
        fn any_document_is_read_without_panic(body in "[\\{\\}\\[\\]:,\"a-z0-9]{0,60}|\\{\"error(s)?\":[\\{\\}\\[\\]:,\"a-z]{0,40}\\}") {
            said(&body);
        }
    }
}
