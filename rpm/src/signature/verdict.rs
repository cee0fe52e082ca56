//! What is said about the signatures of a file.

use std::fmt;

use super::error::SignatureError;
use crate::date::date;

/// What [`verify`](super::verify) found: each signature, in the order of the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub(super) signatures: Vec<Checked>,
}

impl Verdict {
    /// Every signature with what was found.
    pub fn signatures(&self) -> &[Checked] {
        &self.signatures
    }

    /// The first good signature, if there is one.
    pub fn good(&self) -> Option<&Good> {
        self.signatures
            .iter()
            .find_map(|checked| checked.outcome.as_ref().ok())
    }

    /// The first good signature, or an error that says for each signature why it is not.
    pub fn into_good(self) -> Result<Good, SignatureError> {
        match self.good() {
            Some(good) => Ok(good.clone()),
            None => Err(SignatureError::refused(self)),
        }
    }
}

/// One signature and what was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Who the signature says made it: unverified, for messages.
    pub issuer: Issuer,
    /// When the signature says it was made, in Unix seconds: unverified, for messages.
    pub created: Option<u64>,
    /// The key that made it, or why the signature does not count.
    pub outcome: Result<Good, Refusal>,
}

/// A signature that counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Good {
    pub(super) certificate: String,
    pub(super) signer: String,
    pub(super) user_id: Option<String>,
}

impl Good {
    /// Fingerprint of the certificate (its primary key), upper-case hex.
    pub fn fingerprint(&self) -> &str {
        &self.certificate
    }

    /// Fingerprint of the primary key or subkey that signed, upper-case hex.
    pub fn signer(&self) -> &str {
        &self.signer
    }

    /// The first user ID of the certificate, if it has one.
    pub fn user_id(&self) -> Option<&str> {
        self.user_id.as_deref()
    }
}

/// Who a signature says made it: a fingerprint, a key ID, or nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Issuer(pub(super) Option<String>);

impl Issuer {
    /// The fingerprint or key ID in upper-case hex, if the signature names one.
    pub fn hex(&self) -> Option<&str> {
        self.0.as_deref()
    }
}

impl fmt::Display for Issuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(hex) => write!(f, "key {hex}"),
            None => f.write_str("an unnamed key"),
        }
    }
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// None of the given keys is the one that the signature names.
    UnknownKey,
    /// The key is given, but did not sign this data.
    Wrong,
    /// The data was hashed with a function that no longer protects it.
    WeakHash {
        /// Its name, such as `SHA1`.
        hash: String,
    },
    /// The signing or primary key is too short.
    WeakKey {
        /// Algorithm and size, such as `RSA 1024`.
        key: String,
    },
    /// An algorithm or form of signature that is not supported.
    Unsupported,
    /// The signature holds a critical part that is not understood here.
    Critical,
    /// The signature does not say when it was made.
    NoTime,
    /// The signature was made after `now`.
    InTheFuture {
        /// When, in Unix seconds.
        created: u64,
    },
    /// The signature is older than the key it names.
    BeforeKey {
        /// Creation time of the key in Unix seconds.
        key_created: u64,
    },
    /// The signature itself has expired.
    Expired {
        /// When, in Unix seconds.
        at: u64,
    },
    /// The key or its certificate has expired.
    KeyExpired {
        /// When, in Unix seconds.
        at: u64,
    },
    /// The key or its certificate is revoked.
    KeyRevoked,
    /// The certificate has no valid self-signature.
    NotCertified,
    /// The subkey is not bound to its primary key.
    NotBound,
    /// The subkey has not signed its own binding (the back-signature is missing or bad).
    NoBackSignature,
    /// The key is not meant for signing.
    NotForSigning,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKey => f.write_str(
                "this key is not among the given ones; if you trust it, get it from the \
                 publisher and name it with gpgkey=",
            ),
            Self::Wrong => f.write_str(
                "the signature does not match the data; the file or its signature was changed",
            ),
            Self::WeakHash { hash } => write!(
                f,
                "{hash} does not protect signatures any more; the publisher must sign with SHA-256 or better"
            ),
            Self::WeakKey { key } => write!(
                f,
                "the key is too weak ({key}); the publisher must sign with RSA of at least 2048 bits, ECDSA or EdDSA"
            ),
            Self::Unsupported => f.write_str("this form of signature is not supported"),
            Self::Critical => {
                f.write_str("the signature has a critical part that is not understood here")
            }
            Self::NoTime => f.write_str("the signature does not say when it was made"),
            Self::InTheFuture { created } => write!(
                f,
                "the signature was made in the future, on {}; set the clock of this machine",
                date(*created)
            ),
            Self::BeforeKey { key_created } => write!(
                f,
                "the signature claims to be older than its key, which is of {}",
                date(*key_created)
            ),
            Self::Expired { at } => write!(f, "the signature expired on {}", date(*at)),
            Self::KeyExpired { at } => write!(
                f,
                "the key expired on {}; get the current key from the publisher and name it with gpgkey=",
                date(*at)
            ),
            Self::KeyRevoked => f.write_str(
                "the key is revoked; get the current key from the publisher and name it with gpgkey=",
            ),
            Self::NotCertified => f.write_str("the key has no valid self-signature"),
            Self::NotBound => {
                f.write_str("the signing subkey is not validly bound to its primary key")
            }
            Self::NoBackSignature => f.write_str(
                "the signing subkey has not confirmed its primary key (no valid back-signature)",
            ),
            Self::NotForSigning => f.write_str("the key is not meant for signing"),
        }
    }
}
