//! What was found about each signature.

use std::fmt;

use ocirepo::digest::Digest;

/// All signatures that were looked at.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    pub(super) signatures: Vec<Checked>,
}

impl Verdict {
    /// The first good signature.
    pub fn good(&self) -> Option<&Good> {
        self.signatures
            .iter()
            .find_map(|checked| checked.outcome.as_ref().ok())
    }

    /// What was found about each, in the order it was looked at.
    pub fn signatures(&self) -> &[Checked] {
        &self.signatures
    }
}

/// One signature and what was found about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Checked {
    /// Where it is.
    pub found: Found,
    /// Whether it is good.
    pub outcome: Result<Good, Refusal>,
}

/// Where a signature is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// A layer of the manifest at the `.sig` tag, the first being 0.
    Layer(usize),
    /// A bundle in the manifest with this digest, which refers to the root.
    Bundle(Digest),
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Layer(at) => write!(f, "layer {at} of the .sig tag"),
            Self::Bundle(digest) => write!(f, "bundle {digest}"),
        }
    }
}

/// A good signature.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Good {
    /// The [fingerprint](super::PublicKey::fingerprint) of the key that made it.
    pub key: String,
    /// The repository it was made for, as the signer named it. A copy in another place has
    /// the same signature, so this is for people to look at. Bundles do not say.
    pub identity: Option<String>,
}

/// Why a signature does not count.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Refusal {
    /// None of the given keys made it over what it is said to be over.
    NotByKey,
    /// It is by a given key and about another manifest.
    OtherDigest,
    /// It is something else than a signature: an attestation, or of an unknown type.
    OtherKind,
    /// It has no signature to check.
    NoSignature,
    /// A part of it cannot be read.
    Malformed(&'static str),
    /// It has more bytes than are read.
    TooLarge {
        /// How many.
        size: u64,
        /// How many are read.
        limit: u64,
    },
    /// A manifest names it, and it is not there.
    Missing,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotByKey => f.write_str("not made by a given key"),
            Self::OtherDigest => f.write_str("about another manifest"),
            Self::OtherKind => f.write_str("not a signature of this kind"),
            Self::NoSignature => f.write_str("without a signature"),
            Self::Malformed(what) => write!(f, "its {what} cannot be read"),
            Self::TooLarge { size, limit } => {
                write!(f, "it has {size} bytes; at most {limit} are read")
            }
            Self::Missing => f.write_str("the registry does not have it"),
        }
    }
}
