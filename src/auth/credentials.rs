//! Secrets and credentials that do not leak by accident.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderValue;
use serde::Deserialize;
use zeroize::Zeroizing;

/// A password or token: erased from memory when dropped, never shown by `Debug` or
/// `Display`. Only [`Secret::expose`] gives it away.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(from = "String")]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes a secret over. The caller answers for copies made before.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(Zeroizing::new(secret.into()))
    }

    /// The secret itself.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// `Authorization: Bearer …`, marked sensitive; `None` when the secret holds what
    /// no header field can, such as a line break.
    pub fn bearer_header(&self) -> Option<HeaderValue> {
        header("Bearer ", self.expose())
    }
}

impl From<String> for Secret {
    fn from(secret: String) -> Self {
        Self::new(secret)
    }
}

impl From<&str> for Secret {
    fn from(secret: &str) -> Self {
        Self::new(secret)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

impl fmt::Display for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What a user shows a registry, or its token server, to be let in. Whoever has no
/// account, or wants to use none, has no `Credentials`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Credentials {
    /// A user name and a password or personal access token.
    Basic {
        /// The user name, without a colon (RFC 7617 §2).
        username: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth2 refresh token, which Docker calls identity token: traded for access
    /// tokens at the token endpoint, never sent to the registry itself.
    IdentityToken {
        /// The refresh token.
        token: Secret,
        /// Whose it is, where known.
        username: Option<String>,
    },
    /// An access token that goes to the registry as it is (Docker's `registrytoken`).
    Bearer(Secret),
}

impl Credentials {
    /// A user name and a password.
    pub fn basic(username: impl Into<String>, password: impl Into<Secret>) -> Self {
        Self::Basic {
            username: username.into(),
            password: password.into(),
        }
    }

    /// The user name, where there is one.
    pub fn username(&self) -> Option<&str> {
        match self {
            Self::Basic { username, .. } => Some(username),
            Self::IdentityToken { username, .. } => username.as_deref(),
            Self::Bearer(_) => None,
        }
    }

    /// `Authorization: Basic …` (RFC 7617) in UTF-8, marked sensitive. `None` for
    /// anything but [`Credentials::Basic`], and for a user name with a colon, which
    /// would make another name and password of it.
    pub fn basic_header(&self) -> Option<HeaderValue> {
        let Self::Basic { username, password } = self else {
            return None;
        };
        if username.contains(':') {
            return None;
        }
        let pair = Zeroizing::new(format!("{username}:{}", password.expose()));
        header("Basic ", &Zeroizing::new(STANDARD.encode(pair.as_bytes())))
    }
}

fn header(scheme: &str, secret: &str) -> Option<HeaderValue> {
    let text = Zeroizing::new(format!("{scheme}{secret}"));
    let mut value = HeaderValue::from_str(&text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_rfc_7617() {
        let header = Credentials::basic("Aladdin", "open sesame")
            .basic_header()
            .unwrap();
        assert_eq!(header, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==");
        assert!(header.is_sensitive());
        let header = Credentials::basic("test", "123£").basic_header().unwrap();
        assert_eq!(header, "Basic dGVzdDoxMjPCow==");
    }

    #[test]
    fn nothing_but_expose_shows_a_secret() {
        let all = [
            Credentials::basic("me", "hunter2"),
            Credentials::Bearer("hunter2".into()),
            Credentials::IdentityToken {
                token: "hunter2".into(),
                username: None,
            },
        ];
        let shown = format!("{all:?} {}", Secret::from("hunter2"));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert_eq!(Secret::from("hunter2").expose(), "hunter2");
        let header = Secret::from("hunter2").bearer_header().unwrap();
        assert!(header.is_sensitive());
        assert!(!format!("{header:?}").contains("hunter2"));
    }

    #[test]
    fn what_cannot_be_sent_is_no_header() {
        assert_eq!(Secret::from("a\r\nX: y").bearer_header(), None);
        assert_eq!(Credentials::basic("a:b", "c").basic_header(), None);
        assert_eq!(Credentials::Bearer("t".into()).basic_header(), None);
    }
}
