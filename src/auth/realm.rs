//! Where a user's secret may go.
//!
//! The realm of a `Bearer` challenge is hostile input: a registry, or whoever can
//! answer in its place, names the URL the client takes the user's password to. So a
//! realm has to be https unless the registry itself was addressed over http, and a
//! secret only goes to the registry's own site, or to one the user trusts.

use std::collections::BTreeSet;

use url::{Host, Origin, Url};

use crate::error::{Error, ErrorKind, redacted};
use crate::reference::{Registry, Scheme};

/// Token servers that may have the user's secrets for a registry though they are on
/// another site than it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TrustedRealms(BTreeSet<(String, String)>);

impl TrustedRealms {
    /// Trusts the token server at the scheme, host and port of `realm` with secrets for
    /// `registry`, which is written `host[:port]`, in any case.
    pub fn insert(&mut self, registry: &str, realm: &Url) {
        self.0.extend(entry(registry, realm));
    }

    /// Whether secrets for `registry` may go to `realm` by the user's own word.
    pub fn contains(&self, registry: &Registry, realm: &Url) -> bool {
        entry(registry.authority(), realm).is_some_and(|entry| self.0.contains(&entry))
    }
}

/// A URL without an origin of its own (`data:`) is no server.
fn entry(registry: &str, realm: &Url) -> Option<(String, String)> {
    match realm.origin() {
        origin @ Origin::Tuple(..) => {
            Some((registry.to_ascii_lowercase(), origin.ascii_serialization()))
        }
        Origin::Opaque(_) => None,
    }
}

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
    if sending_secret && !same_site(realm, &registry.base()) && !trusted.contains(registry, realm) {
        return refuse(format!(
            "which is another site, so your credentials were not sent there; if they belong \
             there, write \"{}\" = [\"{}\"] under [trusted-realms] in the configuration of \
             ocirepo",
            registry.authority(),
            realm.origin().ascii_serialization()
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
            .is_some_and(|labels| labels.ends_with('.'))
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
        let mut realms = TrustedRealms::default();
        for trusted in trusted {
            realms.insert(registry.authority(), &Url::parse(trusted).unwrap());
        }
        check(&Url::parse(realm).unwrap(), registry, secret, &realms).is_ok()
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
                &["http://127.0.0.1:5004"]
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
                !allowed(realm, &https("ghcr.io"), false, &[realm]),
                "{realm}"
            );
        }
    }

    #[test]
    fn a_trusted_realm_is_one_origin_for_one_registry() {
        let registry = https("Registry.example.com");
        for (realm, trusted, expected) in [
            (
                "https://auth.example.org/t",
                "https://auth.example.org/x",
                true,
            ),
            (
                "https://auth.example.org/t",
                "HTTPS://Auth.Example.org:443",
                true,
            ),
            (
                "https://auth.example.org:99/t",
                "https://auth.example.org",
                false,
            ),
            (
                "https://auth.example.org/t",
                "https://auth.example.org:99",
                false,
            ),
            (
                "https://auth.example.org/t",
                "http://auth.example.org:443",
                false,
            ),
            (
                "https://sub.auth.example.org/t",
                "https://auth.example.org",
                false,
            ),
            ("https://example.org/t", "https://auth.example.org", false),
            ("https://example.org/t", "data:,https://example.org", false),
        ] {
            assert_eq!(
                allowed(realm, &registry, true, &[trusted]),
                expected,
                "{realm} {trusted}"
            );
        }
        let realm = Url::parse("https://auth.example.org/t").unwrap();
        let mut trusted = TrustedRealms::default();
        assert!(!trusted.contains(&registry, &Url::parse("data:,x").unwrap()));
        trusted.insert("REGISTRY.example.com", &realm);
        assert!(check(&realm, &registry, true, &trusted).is_ok());
        assert!(check(&realm, &https("registry.example.com:5000"), true, &trusted).is_err());
        assert!(check(&realm, &https("ghcr.io"), true, &trusted).is_err());
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
             belong there, write \"ghcr.io\" = [\"https://auth.example.org\"] under [trusted-realms] \
             in the configuration of ocirepo"
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
                let mut trusted = TrustedRealms::default();
                trusted.insert("a.b", &realm);
                prop_assert!(check(&realm, &https("a.b"), secret, &trusted).is_err());
            }
        }

        #[test]
        fn trust_is_exact(host in "[a-c]{1,3}(\\.[a-c]{1,3}){0,2}", other in "[a-c]{1,3}(\\.[a-c]{1,3}){0,2}") {
            let at = |host: &str| Url::parse(&format!("https://{host}/")).unwrap();
            let mut trusted = TrustedRealms::default();
            trusted.insert("x.y", &at(&host));
            prop_assert_eq!(trusted.contains(&https("x.y"), &at(&other)), host == other);
        }
    }
}
