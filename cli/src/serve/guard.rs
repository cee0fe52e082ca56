//! Who may ask: the `Host` a request names, and the secret a client presents.

use std::fmt;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::header::{AUTHORIZATION, HOST, PROXY_AUTHORIZATION};
use http::request::Parts;
use http::uri::Authority;

/// A name that no resolver knows (RFC 6761), for clients that reach the bridge as their
/// proxy: their base URL then stays the same whatever port the bridge has.
pub(super) const PROXY_HOST: &str = "oci.ocirepo.invalid";

/// The rules for one bridge.
pub(super) struct Guard {
    /// Names the bridge goes by, in lower case.
    names: Vec<String>,
    /// The secret of each door; a door without is open to whoever presents nothing.
    secrets: Vec<Option<Secret>>,
}

/// What a client presents, as the password of Basic credentials, to be let in by a door.
#[derive(Clone)]
pub(crate) struct Secret(String);

impl Secret {
    pub(crate) fn new(secret: String) -> Self {
        Self(secret)
    }

    /// Compares without telling by its duration where the difference is.
    pub(crate) fn is(&self, presented: &str) -> bool {
        let (a, b) = (self.0.as_bytes(), presented.as_bytes());
        let difference = a.iter().zip(b).fold(0, |all, (a, b)| all | (a ^ b));
        a.len() == b.len() && difference == 0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Why a request is turned away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// 421: a name that is not ours, as in DNS rebinding.
    Host,
    /// 401, or 407 as a proxy: no credentials where some are needed, or wrong ones.
    Secret,
}

impl Guard {
    pub(super) fn new(names: &[String], secrets: Vec<Option<Secret>>) -> Self {
        Self {
            names: names.iter().map(|name| name.to_ascii_lowercase()).collect(),
            secrets,
        }
    }

    /// The number of the door that lets the client in, or why it is turned away.
    pub(super) fn check(&self, request: &Parts) -> Result<usize, Refusal> {
        if !knows_host(&self.names, request) {
            return Err(Refusal::Host);
        }
        let mut presented = [AUTHORIZATION, PROXY_AUTHORIZATION]
            .into_iter()
            .flat_map(|name| request.headers.get_all(name))
            .peekable();
        let mut secrets = self.secrets.iter();
        let door = if presented.peek().is_none() {
            secrets.position(Option::is_none)
        } else {
            let presented: Vec<_> = presented
                .filter_map(|value| password(value.as_bytes()))
                .collect();
            secrets.position(|secret| {
                let right = |password: &String| secret.as_ref().is_some_and(|s| s.is(password));
                presented.iter().any(right)
            })
        };
        door.ok_or(Refusal::Secret)
    }
}

/// Whether the request names us: by an address, as localhost, or by one of these names in lower
/// case.
///
/// Rebinding works with names only: whoever makes a browser ask for an address gets
/// no further than the same-origin policy of that address.
pub(crate) fn knows_host(names: &[String], request: &Parts) -> bool {
    let mut hosts = request.headers.get_all(HOST).iter();
    let header = match (hosts.next(), hosts.next()) {
        (Some(host), None) => match Authority::try_from(host.as_bytes()) {
            Ok(authority) => Some(authority),
            Err(_) => return false,
        },
        (None, None) => None,
        _ => return false,
    };
    // In a request to a proxy the request line counts (RFC 9112, section 3.2.2).
    let authority = request.uri.authority().or(header.as_ref());
    let Some(authority) = authority.filter(|authority| !authority.as_str().contains('@')) else {
        return false;
    };
    let host = authority.host().to_ascii_lowercase();
    let literal = host.trim_start_matches('[').trim_end_matches(']');
    literal.parse::<IpAddr>().is_ok()
        || host == "localhost"
        || host == PROXY_HOST
        || names.contains(&host)
}

/// The password of Basic credentials.
fn password(value: &[u8]) -> Option<String> {
    let (scheme, encoded) = std::str::from_utf8(value).ok()?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok()?;
    Some(decoded.split_once(':')?.1.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request;

    /// The numbers of the doors.
    const ANONYMOUS: usize = 0;
    const TRUSTED: usize = 1;

    fn check(uri: &str, headers: &[(&str, &str)]) -> Result<usize, Refusal> {
        let secrets = vec![None, Some(Secret::new("s3cret".into()))];
        let guard = Guard::new(&["Bridge.example".into()], secrets);
        let mut request = Request::get(uri);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        guard.check(&request.body(()).unwrap().into_parts().0)
    }

    #[test]
    fn addresses_and_own_names_are_known() {
        for host in [
            "127.0.0.1:7413",
            "[::1]:7413",
            "localhost",
            "LOCALHOST:7413",
            "192.0.2.7",
            "bridge.EXAMPLE:80",
            "oci.ocirepo.invalid",
        ] {
            assert_eq!(check("/a", &[("host", host)]), Ok(ANONYMOUS), "{host}");
        }
    }

    #[test]
    fn other_names_are_rebinding() {
        for host in [
            "evil.example",
            "localhost.evil.example",
            "a@127.0.0.1",
            "",
            "[x]",
        ] {
            assert_eq!(
                check("/a", &[("host", host)]),
                Err(Refusal::Host),
                "{host:?}"
            );
        }
        assert_eq!(check("/a", &[]), Err(Refusal::Host));
        let twice = [("host", "localhost"), ("host", "localhost")];
        assert_eq!(check("/a", &twice), Err(Refusal::Host));
    }

    #[test]
    fn the_request_line_of_a_proxy_request_counts() {
        let uri = "http://oci.ocirepo.invalid/ghcr.io/a:b/c";
        assert_eq!(check(uri, &[("host", "other.example")]), Ok(ANONYMOUS));
        let uri = "http://evil.example/ghcr.io/a:b/c";
        assert_eq!(check(uri, &[("host", "localhost")]), Err(Refusal::Host));
    }

    #[test]
    fn the_secret_unlocks_and_a_wrong_one_is_refused() {
        let basic = |text: &str| format!("Basic {}", STANDARD.encode(text));
        let right = basic("anybody:s3cret");
        for name in ["authorization", "proxy-authorization"] {
            let headers = [("host", "localhost"), (name, &*right)];
            assert_eq!(check("/a", &headers), Ok(TRUSTED));
        }
        for wrong in [
            basic("s3cret:"),
            basic("a:s3cres"),
            basic("a:"),
            "Bearer s3cret".into(),
        ] {
            let headers = [("host", "localhost"), ("authorization", &*wrong)];
            assert_eq!(check("/a", &headers), Err(Refusal::Secret), "{wrong}");
        }
    }

    #[test]
    fn without_an_open_door_everybody_needs_a_secret_and_each_has_its_own_door() {
        let secrets = vec![
            Some(Secret::new("one".into())),
            Some(Secret::new("two".into())),
        ];
        let guard = Guard::new(&[], secrets);
        let check = |password: Option<&str>| {
            let mut request = Request::get("/a").header("host", "localhost");
            if let Some(password) = password {
                let value = format!("Basic {}", STANDARD.encode(format!("x:{password}")));
                request = request.header("proxy-authorization", value);
            }
            guard.check(&request.body(()).unwrap().into_parts().0)
        };
        assert_eq!(check(None), Err(Refusal::Secret));
        assert_eq!(check(Some("one")), Ok(0));
        assert_eq!(check(Some("two")), Ok(1));
        assert_eq!(check(Some("three")), Err(Refusal::Secret));
    }
}
