//! Errors of keys, and of signing.

use std::fmt;

use ocirepo::digest::Digest;

/// A key that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyError(Problem);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Pem(&'static str),
    NotPublic(String),
    NotPrivate(String),
    Private,
    Unsupported(String),
    Weak(usize),
    Malformed,
    Sealed(&'static str),
    NeedsPassword,
    WrongPassword,
}

impl KeyError {
    /// Whether the key is encrypted and no password was given.
    pub fn needs_password(&self) -> bool {
        self.0 == Problem::NeedsPassword
    }
}

impl From<Problem> for KeyError {
    fn from(problem: Problem) -> Self {
        Self(problem)
    }
}

impl fmt::Display for KeyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Problem::Pem(why) => write!(f, "no key could be read: {why}"),
            Problem::NotPublic(label) => write!(
                f,
                "no public key could be read: the file holds `{label}`; it should begin with \
                 -----BEGIN PUBLIC KEY-----"
            ),
            Problem::NotPrivate(label) => write!(
                f,
                "no private key could be read: the file holds `{label}`; it should begin with \
                 -----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY----- or -----BEGIN PRIVATE KEY-----"
            ),
            Problem::Private => f.write_str(
                "the file holds a private key; give the public one, and keep this one where \
                 only the publisher can read it",
            ),
            Problem::Unsupported(kind) => write!(
                f,
                "the key is {kind}, which is not supported; `cosign generate-key-pair` makes \
                 ECDSA P-256 keys"
            ),
            Problem::Weak(bits) => write!(f, "the RSA key has {bits} bits, 2048 are needed"),
            Problem::Malformed => f.write_str("the key is damaged"),
            Problem::Sealed(why) => write!(f, "the encrypted private key cannot be opened: {why}"),
            Problem::NeedsPassword => {
                f.write_str("the private key is encrypted, and no password was given")
            }
            Problem::WrongPassword => {
                f.write_str("the password does not open the private key, or the file is damaged")
            }
        }
    }
}

impl std::error::Error for KeyError {}

/// Why a manifest cannot be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignError(pub(super) Unsignable);

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Unsignable {
    Key(KeyError),
    Digest(Digest),
    Occupied(String),
    Full(usize),
}

impl fmt::Display for SignError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Unsignable::Key(error) => error.fmt(f),
            Unsignable::Digest(digest) => write!(
                f,
                "{digest} cannot be signed: signatures are found by SHA-256 digests alone"
            ),
            Unsignable::Occupied(tag) => write!(
                f,
                "the tag {tag} holds something that is no list of signatures; delete it, and \
                 sign again"
            ),
            Unsignable::Full(most) => write!(
                f,
                "there are {most} signatures of it already, and readers look at no more; \
                 delete the tag, and sign again"
            ),
        }
    }
}

impl std::error::Error for SignError {}
