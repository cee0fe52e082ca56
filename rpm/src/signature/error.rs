//! Errors of keys and signatures.

use std::fmt;

use super::verdict::Verdict;

/// A key or a signature that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureError {
    problem: Problem,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Problem {
    NoSignature(String),
    TooLarge(usize),
    TooMany(usize),
    Refused(Verdict),
    NoKey(String),
    PrivateKey,
    Signing(String),
}

impl SignatureError {
    pub(super) fn no_signature(cause: impl fmt::Display) -> Self {
        Problem::NoSignature(brief(cause)).into()
    }

    pub(super) fn too_large(size: usize) -> Self {
        Problem::TooLarge(size).into()
    }

    pub(super) fn too_many(limit: usize) -> Self {
        Problem::TooMany(limit).into()
    }

    pub(super) fn refused(verdict: Verdict) -> Self {
        Problem::Refused(verdict).into()
    }

    pub(super) fn no_key(cause: impl fmt::Display) -> Self {
        Problem::NoKey(brief(cause)).into()
    }

    pub(super) fn private_key() -> Self {
        Problem::PrivateKey.into()
    }

    pub(super) fn signing(cause: impl fmt::Display) -> Self {
        Problem::Signing(brief(cause)).into()
    }

    /// What was found about each signature, when all were refused.
    pub fn verdict(&self) -> Option<&Verdict> {
        match &self.problem {
            Problem::Refused(verdict) => Some(verdict),
            _ => None,
        }
    }
}

impl From<Problem> for SignatureError {
    fn from(problem: Problem) -> Self {
        Self { problem }
    }
}

/// Causes come from a parser that may quote its input.
fn brief(cause: impl fmt::Display) -> String {
    let text: String = cause.to_string().chars().take(200).collect();
    text.lines().next().unwrap_or_default().to_owned()
}

impl fmt::Display for SignatureError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.problem {
            Problem::NoSignature(cause) => {
                write!(f, "the signature file holds no OpenPGP signature ({cause})")
            }
            Problem::TooLarge(size) => write!(
                f,
                "the signature file has {size} bytes; it is not a detached signature"
            ),
            Problem::TooMany(limit) => write!(
                f,
                "the signature file holds more than {limit} signatures; the publisher \
                 should keep one for each current key"
            ),
            Problem::Refused(verdict) => {
                f.write_str("no signature by a given key is good")?;
                for checked in verdict.signatures() {
                    if let Err(reason) = &checked.outcome {
                        write!(f, "; by {}: {reason}", checked.issuer)?;
                    }
                }
                Ok(())
            }
            Problem::NoKey(cause) => write!(
                f,
                "no OpenPGP public key could be read from the key file ({cause}); it \
                 should begin with -----BEGIN PGP PUBLIC KEY BLOCK-----"
            ),
            Problem::PrivateKey => f.write_str(
                "the key file holds a private key; give the public one, and keep this one \
                 where only the publisher can read it",
            ),
            Problem::Signing(cause) => write!(f, "signing failed: {cause}"),
        }
    }
}

impl std::error::Error for SignatureError {}
