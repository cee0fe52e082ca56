//! The `auth` field of Docker's files: base64 of `user:password`.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use ocirepo::auth::credentials::{Credentials, Secret};
use zeroize::Zeroizing;

/// Decodes an `auth` field.
pub(super) fn from_auth(auth: &str) -> Option<Credentials> {
    let bytes = Zeroizing::new(BASE64_STANDARD.decode(auth.trim()).ok()?);
    let text = std::str::from_utf8(&bytes).ok()?;
    let (username, password) = text.split_once(':')?;
    // Old versions of Docker padded the password with zero bytes.
    Some(Credentials::basic(
        username,
        password.trim_end_matches('\0'),
    ))
}

/// The `auth` field for a user and a password.
pub(super) fn to_auth(username: &str, password: &str) -> Secret {
    let text = Zeroizing::new(format!("{username}:{password}"));
    Secret::new(BASE64_STANDARD.encode(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn auth_fields_may_have_colons_in_the_password_and_padding_at_the_end() {
        let credentials = from_auth(&BASE64_STANDARD.encode("me:a:b\0\0")).unwrap();
        assert_eq!(credentials, Credentials::basic("me", "a:b"));
        assert_eq!(to_auth("me", "a:b").expose(), "bWU6YTpi");
        assert_eq!(from_auth("%%%"), None);
    }
}
