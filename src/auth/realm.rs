//! Where a user's secret may go.
//!
//! The realm of a `Bearer` challenge is hostile input: a registry, or whoever can
//! answer in its place, names the URL the client takes the user's password to. So a
//! realm has to be https unless the registry itself was addressed over http, and a
//! secret only goes to the registry's own site, or to one the user trusts.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use url::{Host, Url};

use crate::error::{Error, ErrorKind, redacted};
use crate::reference::{Registry, Scheme};

/// Token servers that may have the user's secrets though they are on another site than
/// the registry that names them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedRealms(BTreeSet<TrustedRealm>);

impl TrustedRealms {
    /// Trusts one more.
    pub fn insert(&mut self, realm: TrustedRealm) {
        self.0.insert(realm);
    }

    /// Whether secrets may go there. Only host and port count; the scheme is
    /// [`check`]'s business.
    pub fn contains(&self, realm: &Url) -> bool {
        let Some(host) = realm.host_str().map(without_dot) else {
            return false;
        };
        self.0.iter().any(|trusted| {
            trusted.host == host
                && trusted
                    .port
                    .is_none_or(|port| realm.port_or_known_default() == Some(port))
        })
    }
}

impl FromIterator<TrustedRealm> for TrustedRealms {
    fn from_iter<I: IntoIterator<Item = TrustedRealm>>(realms: I) -> Self {
        Self(realms.into_iter().collect())
    }
}

/// A token server by its host, `auth.example.com`, at any port, or at one,
/// `auth.example.com:8443`. A whole realm such as `https://auth.example.com/token` reads
/// too, as its host and port.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TrustedRealm {
    host: String,
    port: Option<u16>,
}

impl FromStr for TrustedRealm {
    type Err = ParseTrustedRealmError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim();
        let whole = text.contains("://");
        // A URL parser overlooks line breaks, and would find more than a host in these.
        if text.contains(char::is_control) || (!whole && text.contains(['/', '?', '#', '@', '\\']))
        {
            return Err(ParseTrustedRealmError(()));
        }
        let url = match whole {
            true => Url::parse(text),
            false => Url::parse(&format!("https://{text}/")),
        };
        let url = url.map_err(|_| ParseTrustedRealmError(()))?;
        if !matches!(url.scheme(), "https" | "http")
            || !url.username().is_empty()
            || url.password().is_some()
        {
            return Err(ParseTrustedRealmError(()));
        }
        let host = url.host_str().ok_or(ParseTrustedRealmError(()))?;
        // A parsed URL does not tell `host:443` from `host`.
        let after_host = text.rsplit_once(']').map_or(text, |(_, after)| after);
        let port = (whole || after_host.contains(':'))
            .then(|| url.port_or_known_default())
            .flatten();
        Ok(Self {
            host: without_dot(host).to_owned(),
            port,
        })
    }
}

impl fmt::Display for TrustedRealm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.host)?;
        match self.port {
            Some(port) => write!(f, ":{port}"),
            None => Ok(()),
        }
    }
}

/// Why a text is not a [`TrustedRealm`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseTrustedRealmError(());

impl fmt::Display for ParseTrustedRealmError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "invalid realm: expected a host such as auth.example.com or auth.example.com:8443",
        )
    }
}

impl std::error::Error for ParseTrustedRealmError {}

/// Token servers of well-known registries that are siblings of them, not parents.
const BUILT_IN: [(&str, &str); 1] = [("registry-1.docker.io", "auth.docker.io")];

/// Decides whether a token may be asked for at `realm` on behalf of `registry`.
///
/// Without https, or with a user name in it, a realm is refused even for anonymous
/// tokens, unless the registry itself was addressed over http. With `sending_secret`, it
/// must also be on the registry's site or in `trusted`. Two hosts are one site when they
/// are equal, at whatever ports, or when one is a parent domain of the other with at
/// least two labels; IP addresses have no parents.
///
/// The error is of kind [`UntrustedRealm`](ErrorKind::UntrustedRealm).
pub fn check(
    realm: &Url,
    registry: &Registry,
    sending_secret: bool,
    trusted: &TrustedRealms,
) -> Result<(), Error> {
    let refuse = |why: String| {
        Err(Error::new(
            ErrorKind::UntrustedRealm,
            format!(
                "the registry {registry} sends its users to {} for a token, {why}",
                redacted(realm)
            ),
        ))
    };
    match realm.scheme() {
        "https" => {}
        "http" if registry.scheme() == Scheme::Http => {}
        _ => {
            return refuse(
                "which is not https and would give the token away; ask its operator to set the \
                 realm to an https URL"
                    .to_owned(),
            );
        }
    }
    if !realm.username().is_empty() || realm.password().is_some() {
        return refuse(
            "with a user name in that URL; ask its operator to remove it from the realm".to_owned(),
        );
    }
    if sending_secret && !same_site(realm, &registry.base()) && !trusted.contains(realm) {
        let host = realm.host_str().unwrap_or_default();
        return refuse(format!(
            "which is another site, so your credentials were not sent there; if they belong \
             there, add {host} to trusted-realms in the configuration of ocirepo"
        ));
    }
    Ok(())
}

fn same_site(realm: &Url, registry: &Url) -> bool {
    let (Some(realm), Some(registry)) = (realm.host(), registry.host()) else {
        return false;
    };
    match (realm, registry) {
        (Host::Domain(realm), Host::Domain(registry)) => {
            let (realm, registry) = (without_dot(realm), without_dot(registry));
            realm == registry
                || is_parent(realm, registry)
                || is_parent(registry, realm)
                || BUILT_IN.contains(&(registry, realm))
        }
        (realm, registry) => realm == registry,
    }
}

/// Whether `child` is `parent` with labels before it. A single label is nobody's
/// parent: that would be a whole top-level domain.
fn is_parent(parent: &str, child: &str) -> bool {
    parent.contains('.')
        && child
            .strip_suffix(parent)
            .is_some_and(|labels| labels.ends_with('.') && labels.len() > 1)
}

/// `example.com.` is `example.com`.
fn without_dot(host: &str) -> &str {
    host.strip_suffix('.').unwrap_or(host)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn allowed(realm: &str, registry: &Registry, secret: bool, trusted: &[&str]) -> bool {
        let trusted = trusted.iter().map(|t| t.parse().unwrap()).collect();
        check(&Url::parse(realm).unwrap(), registry, secret, &trusted).is_ok()
    }

    fn https(authority: &str) -> Registry {
        Registry::new(Scheme::Https, authority).unwrap()
    }

    fn http(authority: &str) -> Registry {
        Registry::new(Scheme::Http, authority).unwrap()
    }

    #[test]
    fn a_secret_goes_to_the_registrys_own_site() {
        for (registry, realm) in [
            ("ghcr.io", "https://ghcr.io/token"),
            ("ghcr.io", "https://GHCR.IO./token"),
            (
                "registry.example.com:5000",
                "https://registry.example.com:5001/",
            ),
            ("example.com", "https://auth.example.com/"),
            ("registry.gitlab.com", "https://gitlab.com/jwt/auth"),
            ("docker.io", "https://auth.docker.io/token"),
            ("localhost:5000", "https://localhost:5001/"),
            ("127.0.0.1:5000", "https://127.0.0.1:5001/"),
            ("[::1]:5000", "https://[::1]:5001/"),
        ] {
            assert!(
                allowed(realm, &https(registry), true, &[]),
                "{registry} {realm}"
            );
        }
    }

    #[test]
    fn a_secret_goes_nowhere_else() {
        for (registry, realm) in [
            ("registry.example.com", "https://auth.example.com/"),
            ("registry.example.com", "https://evil-registry.example.com/"),
            ("example.com", "https://evilexample.com/"),
            ("example.com", "https://example.com.evil.org/"),
            ("example.com", "https://example.org/"),
            ("registry.com", "https://com/"),
            ("ghcr.io", "https://auth.docker.io/token"),
            ("quay.io", "https://registry-1.docker.io/"),
            ("127.0.0.1:5000", "https://0.0.1/"),
            ("10.0.0.1:5000", "https://10.0.0.2/"),
            ("1.example.com:5000", "https://127.0.0.1/"),
        ] {
            assert!(
                !allowed(realm, &https(registry), true, &[]),
                "{registry} {realm}"
            );
            assert!(
                allowed(realm, &https(registry), false, &[]),
                "{registry} {realm}"
            );
        }
    }

    #[test]
    fn only_a_registry_over_http_has_a_realm_over_http() {
        let realm = "http://127.0.0.1:5004/token";
        for secret in [true, false] {
            assert!(allowed(realm, &http("127.0.0.1:5003"), secret, &[]));
            assert!(!allowed(
                realm,
                &https("127.0.0.1:5003"),
                secret,
                &["127.0.0.1"]
            ));
        }
        assert!(!allowed(
            "file:///etc/passwd",
            &http("127.0.0.1:5003"),
            false,
            &[]
        ));
    }

    #[test]
    fn a_realm_names_no_user() {
        for realm in ["https://me@ghcr.io/token", "https://:pw@ghcr.io/token"] {
            assert!(
                !allowed(realm, &https("ghcr.io"), false, &["ghcr.io"]),
                "{realm}"
            );
        }
    }

    #[test]
    fn a_trusted_realm_is_a_host_with_or_without_port() {
        let registry = https("registry.example.com");
        for (realm, trusted, expected) in [
            ("https://auth.example.org/t", "auth.example.org", true),
            ("https://auth.example.org:99/t", "Auth.Example.ORG", true),
            ("https://auth.example.org:99/t", "auth.example.org:99", true),
            ("https://auth.example.org/t", "auth.example.org:443", true),
            (
                "https://auth.example.org:99/t",
                "auth.example.org:443",
                false,
            ),
            (
                "https://auth.example.org:99/t",
                "auth.example.org:0443",
                false,
            ),
            ("https://[::1]:99/t", "[::1]", true),
            ("https://[::1]:99/t", "[::1]:443", false),
            (
                "https://auth.example.org/t",
                "https://auth.example.org/x",
                true,
            ),
            (
                "https://auth.example.org:99/",
                "https://auth.example.org/x",
                false,
            ),
            ("https://sub.auth.example.org/t", "auth.example.org", false),
            ("https://example.org/t", "auth.example.org", false),
        ] {
            assert_eq!(
                allowed(realm, &registry, true, &[trusted]),
                expected,
                "{realm} {trusted}"
            );
        }
        for text in [
            "",
            "a b",
            "me@host",
            "ho\nst",
            "host/path",
            "ftp://host",
            "https://me@host/",
        ] {
            assert!(text.parse::<TrustedRealm>().is_err(), "{text}");
        }
    }

    #[test]
    fn the_refusal_names_both_and_says_how_to_trust() {
        let realm = Url::parse("https://auth.example.org/token?key=secret").unwrap();
        let error = check(&realm, &https("ghcr.io"), true, &TrustedRealms::default()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UntrustedRealm);
        assert_eq!(
            error.to_string(),
            "the registry ghcr.io sends its users to https://auth.example.org/token?… for a \
             token, which is another site, so your credentials were not sent there; if they \
             belong there, add auth.example.org to trusted-realms in the configuration of ocirepo"
        );
    }

    proptest! {
        #[test]
        fn a_secret_never_leaves_the_last_two_labels(
            registry in "[a-c](\\.[a-c]){1,3}",
            realm in "[a-c](\\.[a-c]){0,3}",
        ) {
            let last_two = |host: &str| host.rsplit('.').take(2).map(str::to_owned).collect::<Vec<_>>();
            if allowed(&format!("https://{realm}/"), &https(&registry), true, &[]) {
                prop_assert_eq!(last_two(&realm), last_two(&registry));
            }
        }

        #[test]
        fn an_https_registry_has_no_realm_of_another_scheme(
            scheme in "http|ftp|ws|wss|file|data|x", rest in "//[a-c.]{1,9}/", secret: bool,
        ) {
            if let Ok(realm) = Url::parse(&format!("{scheme}:{rest}")) {
                let trusted = realm.host_str().and_then(|h| h.parse().ok()).into_iter().collect();
                prop_assert!(check(&realm, &https("a.b"), secret, &trusted).is_err());
            }
        }

        #[test]
        fn trust_is_exact(host in "[a-c]{1,3}(\\.[a-c]{1,3}){0,2}", other in "[a-c]{1,3}(\\.[a-c]{1,3}){0,2}") {
            let trusted: TrustedRealms = [host.parse().unwrap()].into_iter().collect();
            let realm = Url::parse(&format!("https://{other}/")).unwrap();
            prop_assert_eq!(trusted.contains(&realm), host == other);
        }
    }
}
