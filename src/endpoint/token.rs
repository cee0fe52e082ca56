//! Token servers: Docker's token specification (`GET`) and its OAuth2 form (`POST`).

use http::header::CONTENT_TYPE;
use http::{HeaderValue, Method, StatusCode};
use serde::Deserialize;
use serde_json::Value;
use url::Url;
use url::form_urlencoded::Serializer;

use super::{expect, invalid, json};
use crate::auth::{Scope, Secret};
use crate::date::rfc3339;
use crate::error::Error;
use crate::exchange::{Body, Call, Head};

/// Asks for a token, anonymously or, once `Authorization: Basic` is added, for a user
/// (Docker's "Token Authentication Specification").
///
/// Each scope is a parameter of its own. Some servers only read the first, so the one
/// that matters most goes first.
pub fn get(realm: &Url, service: Option<&str>, scopes: &[Scope], account: Option<&str>) -> Call {
    let mut url = realm.clone();
    if service.is_some() || account.is_some() || !scopes.is_empty() {
        let mut query = url.query_pairs_mut();
        if let Some(account) = account {
            query.append_pair("account", account);
        }
        for scope in scopes {
            query.append_pair("scope", &scope.to_string());
        }
        if let Some(service) = service {
            query.append_pair("service", service);
        }
    }
    Call::new(Method::GET, url)
}

/// What is traded for a token in [`post`].
#[derive(Clone, Copy, Debug)]
pub enum Grant<'a> {
    /// A refresh token, which Docker calls identity token.
    Refresh(&'a Secret),
    /// A user name and a password.
    Password {
        /// The user name.
        username: &'a str,
        /// The password.
        password: &'a Secret,
    },
}

/// Asks for a token by a form ("Authentication using OAuth2"). Servers without it
/// answer 404, 405 or 401; [`get`] serves passwords there.
///
/// `client_id` names this program to the server's log.
pub fn post(
    realm: &Url,
    service: Option<&str>,
    scopes: &[Scope],
    grant: Grant<'_>,
    client_id: &str,
) -> Call {
    let mut form = Serializer::new(String::new());
    match grant {
        Grant::Refresh(token) => {
            form.append_pair("grant_type", "refresh_token")
                .append_pair("refresh_token", token.expose());
        }
        Grant::Password { username, password } => {
            form.append_pair("grant_type", "password")
                .append_pair("username", username)
                .append_pair("password", password.expose());
        }
    }
    form.append_pair("client_id", client_id);
    if let Some(service) = service {
        form.append_pair("service", service);
    }
    if !scopes.is_empty() {
        let scopes: Vec<_> = scopes.iter().map(Scope::to_string).collect();
        form.append_pair("scope", &scopes.join(" "));
    }
    Call::new(Method::POST, realm.clone())
        .header(
            CONTENT_TYPE,
            HeaderValue::from_static("application/x-www-form-urlencoded"),
        )
        .body(Body::Bytes(form.finish().into_bytes()))
}

/// A token as the server issued it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issued {
    /// What goes into `Authorization: Bearer`.
    pub token: Secret,
    /// How long it is good for, in seconds; 60 when the server does not say, as the
    /// token specification has it.
    pub expires_in_secs: u64,
    /// When it was issued, in Unix seconds by the server's clock. Without it the time
    /// counts from the response.
    pub issued_at: Option<u64>,
    /// A refresh token, where the server gives one.
    pub refresh_token: Option<Secret>,
}

/// The life of a token whose server does not say, in seconds.
const DEFAULT_LIFE: u64 = 60;

/// Reads the answer to [`get`] or [`post`].
pub fn issued(head: &Head, body: &[u8]) -> Result<Issued, Error> {
    #[derive(Deserialize)]
    struct Answer {
        token: Option<Secret>,
        access_token: Option<Secret>,
        refresh_token: Option<Secret>,
        expires_in: Option<Value>,
        issued_at: Option<Value>,
    }
    expect(head, &[StatusCode::OK])?;
    let answer: Answer = json(head, body)?;
    let given = |secret: &Secret| !secret.expose().is_empty();
    let token = answer.token.filter(given);
    let token = token.or(answer.access_token.filter(given)).ok_or_else(|| {
        invalid(
            "the token server answered without a token; check the account, and the token \
             server's log",
        )
        .status(head.status)
    })?;
    if token.bearer_header().is_none() {
        return Err(
            invalid("the token server issued a token that no header can carry").status(head.status),
        );
    }
    Ok(Issued {
        token,
        expires_in_secs: (answer.expires_in.as_ref().and_then(seconds))
            .filter(|&life| life > 0)
            .unwrap_or(DEFAULT_LIFE),
        issued_at: answer
            .issued_at
            .as_ref()
            .and_then(Value::as_str)
            .and_then(rfc3339),
        refresh_token: answer.refresh_token.filter(given),
    })
}

/// Servers write a number, with or without a fraction, or a number in quotes. A
/// negative one is no life, as 0 is.
fn seconds(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => text.trim().parse().ok(),
        // `as` saturates, which is right for lives of more than 500 billion years.
        Value::Number(number) => number.as_u64().or(number.as_f64().map(|f| f as u64)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn scopes() -> [Scope; 2] {
        ["repository:samalba/my-app:pull,push", "repository:b:pull"].map(|s| s.parse().unwrap())
    }

    fn read(body: &str) -> Result<Issued, Error> {
        issued(&answer(200, &[]), body.as_bytes())
    }

    fn form(call: &Call) -> Vec<(String, String)> {
        let Body::Bytes(bytes) = &call.body else {
            panic!("no form");
        };
        url::form_urlencoded::parse(bytes).into_owned().collect()
    }

    #[test]
    fn the_request_of_the_token_specification() {
        let realm = url("https://auth.docker.io/token");
        let call = get(
            &realm,
            Some("registry.docker.io"),
            &scopes()[..1],
            Some("jlhawn"),
        );
        assert_eq!(call.method, Method::GET);
        assert_eq!(
            call.url.as_str(),
            "https://auth.docker.io/token?account=jlhawn\
             &scope=repository%3Asamalba%2Fmy-app%3Apull%2Cpush&service=registry.docker.io"
        );
        assert_eq!(get(&realm, None, &[], None).url, realm);
        let only = |service, account| get(&realm, service, &[], account).url.to_string();
        assert_eq!(
            only(Some("s"), None),
            "https://auth.docker.io/token?service=s"
        );
        assert_eq!(
            only(None, Some("a")),
            "https://auth.docker.io/token?account=a"
        );
    }

    #[test]
    fn a_query_of_the_realm_stays_and_scopes_repeat() {
        let call = get(&url("https://a.example/t?x=%2B"), None, &scopes(), None);
        assert_eq!(
            call.url.query(),
            Some(
                "x=%2B&scope=repository%3Asamalba%2Fmy-app%3Apull%2Cpush&scope=repository%3Ab%3Apull"
            )
        );
    }

    #[test]
    fn the_forms_of_oauth2() {
        let realm = url("https://auth.docker.io/token");
        let secret = Secret::from("a&b=c");
        let call = post(
            &realm,
            Some("hub"),
            &scopes(),
            Grant::Refresh(&secret),
            "ocirepo",
        );
        assert_eq!(call.method, Method::POST);
        assert_eq!(call.url, realm);
        assert_eq!(
            field(&call, "content-type"),
            Some("application/x-www-form-urlencoded")
        );
        let pairs = |pairs: &[(&str, &str)]| -> Vec<(String, String)> {
            (pairs.iter())
                .map(|(k, v)| (k.to_string(), v.to_string()))
                .collect()
        };
        assert_eq!(
            form(&call),
            pairs(&[
                ("grant_type", "refresh_token"),
                ("refresh_token", "a&b=c"),
                ("client_id", "ocirepo"),
                ("service", "hub"),
                (
                    "scope",
                    "repository:samalba/my-app:pull,push repository:b:pull"
                ),
            ])
        );
        let grant = Grant::Password {
            username: "me",
            password: &secret,
        };
        let call = post(&realm, None, &[], grant, "ocirepo");
        assert_eq!(
            form(&call),
            pairs(&[
                ("grant_type", "password"),
                ("username", "me"),
                ("password", "a&b=c"),
                ("client_id", "ocirepo"),
            ])
        );
        assert!(!format!("{grant:?} {call:?}").contains("a&b"));
    }

    #[test]
    fn the_response_of_the_token_specification() {
        let issued =
            read(r#"{"token": "eyJh", "expires_in": 3600, "issued_at": "2009-11-10T23:00:00Z"}"#)
                .unwrap();
        assert_eq!(issued.token.expose(), "eyJh");
        assert_eq!(issued.expires_in_secs, 3600);
        assert_eq!(issued.issued_at, Some(1_257_894_000));
        assert_eq!(issued.refresh_token, None);
    }

    #[test]
    fn the_response_of_oauth2() {
        let issued = read(
            r#"{"refresh_token": "kas9", "access_token": "eyJh", "expires_in": 900,
                "scope": "repository:samalba/my-app:pull"}"#,
        )
        .unwrap();
        assert_eq!(issued.token.expose(), "eyJh");
        assert_eq!(issued.refresh_token.unwrap().expose(), "kas9");
    }

    #[test]
    fn a_life_that_is_not_said_is_a_minute() {
        for (life, seconds) in [
            ("null", 60),
            ("0", 60),
            ("-5", 60),
            ("\"\"", 60),
            ("[]", 60),
            ("\"300\"", 300),
            ("299.9", 299),
            ("1e300", u64::MAX),
            ("18446744073709551615", u64::MAX),
        ] {
            let issued = read(&format!(r#"{{"token":"t","expires_in":{life}}}"#)).unwrap();
            assert_eq!(issued.expires_in_secs, seconds, "{life}");
        }
        assert_eq!(read(r#"{"token":"t"}"#).unwrap().expires_in_secs, 60);
        let odd = read(r#"{"token":"t","issued_at":1257894000}"#).unwrap();
        assert_eq!(odd.issued_at, None);
    }

    #[test]
    fn either_name_will_do() {
        for body in [
            r#"{"token":"t","access_token":"u"}"#,
            r#"{"token":"t","access_token":""}"#,
            r#"{"token":"","access_token":"t"}"#,
            r#"{"token":null,"access_token":"t"}"#,
        ] {
            assert_eq!(read(body).unwrap().token.expose(), "t", "{body}");
        }
    }

    #[test]
    fn what_is_no_token_is_an_error() {
        for body in [
            "",
            "{}",
            "<html>",
            r#"{"token":""}"#,
            r#"{"token":"a\r\nb"}"#,
        ] {
            let error = read(body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{body}");
        }
        let error = issued(&answer(401, &[]), b"{}").unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unauthorized);
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in "\\{\"token\":\"a\",[ -~é]{0,40}\\}|[ -~]{0,40}") {
            let _ = read(&body);
        }
    }
}
