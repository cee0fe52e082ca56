//! What one registry accepts as proof of who is asking.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use zeroize::Zeroizing;

use super::secret::Secret;

/// One way to log in to a registry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Login {
    /// A user and a password (or a personal access token used as one).
    Password {
        /// The user's name.
        username: String,
        /// The password.
        password: Secret,
    },
    /// An OAuth 2 refresh token, which token servers turn into access tokens.
    IdentityToken {
        /// The user's name, when it was stored with the token.
        username: String,
        /// The token.
        token: Secret,
    },
    /// A bearer token that is sent to the registry as it is.
    RegistryToken(Secret),
}

impl Login {
    /// Decodes the `auth` field of Docker's files: base64 of `user:password`.
    pub(super) fn from_auth(auth: &str) -> Option<Self> {
        let bytes = Zeroizing::new(BASE64_STANDARD.decode(auth.trim()).ok()?);
        let text = std::str::from_utf8(&bytes).ok()?;
        let (username, password) = text.split_once(':')?;
        Some(Self::Password {
            username: username.to_owned(),
            // Old versions of Docker padded the password with zero bytes.
            password: Secret::new(password.trim_end_matches('\0')),
        })
    }

    /// The `auth` field for a user and a password.
    pub(super) fn to_auth(username: &str, password: &Secret) -> Secret {
        let text = Zeroizing::new(format!("{username}:{}", password.expose()));
        Secret::new(BASE64_STANDARD.encode(text.as_bytes()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_fields_may_have_colons_in_the_password_and_padding_at_the_end() {
        let login = Login::from_auth(&BASE64_STANDARD.encode("me:a:b\0\0")).unwrap();
        let Login::Password { username, password } = login else {
            panic!("{login:?}");
        };
        assert_eq!((username.as_str(), password.expose()), ("me", "a:b"));
        assert_eq!(Login::to_auth("me", &password).expose(), "bWU6YTpi");
        assert_eq!(Login::from_auth("%%%"), None);
    }
}
