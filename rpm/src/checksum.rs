//! The checksums of rpm-md: how metadata files and packages are named and verified.
//!
//! Unlike an OCI digest, a checksum may be of an old kind. Those are read, so that
//! old repositories can be looked at, and flagged by [`Checksum::is_weak`]; MD5 is
//! recognised but never verified against. Only SHA-256 addresses a blob.

use std::fmt;

use ocirepo::digest::{Algorithm, Digest};
use sha1::Sha1;
use sha2::{Digest as _, Sha224, Sha256, Sha384, Sha512};

use crate::error::excerpt;

/// The hash function of a [`Checksum`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum ChecksumKind {
    /// MD5. Recognised, refused for verifying.
    Md5,
    /// SHA-1, also written `sha`.
    Sha1,
    /// SHA-224.
    Sha224,
    /// SHA-256, what every tool writes today.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl ChecksumKind {
    const ALL: [Self; 6] = [
        Self::Md5,
        Self::Sha1,
        Self::Sha224,
        Self::Sha256,
        Self::Sha384,
        Self::Sha512,
    ];

    /// The kind that a `type` attribute names, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        if name.eq_ignore_ascii_case("sha") {
            return Some(Self::Sha1);
        }
        Self::ALL
            .into_iter()
            .find(|kind| name.eq_ignore_ascii_case(kind.as_str()))
    }

    /// The name as the `type` attribute is written: `sha256`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "md5",
            Self::Sha1 => "sha1",
            Self::Sha224 => "sha224",
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the hash in bytes; the hex form has twice as many digits.
    pub fn hash_len(self) -> usize {
        match self {
            Self::Md5 => 16,
            Self::Sha1 => 20,
            Self::Sha224 => 28,
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

impl fmt::Display for ChecksumKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Longest hash of all kinds, in bytes.
const MAX_LEN: usize = 64;

/// A hash function and the hash it gave for some file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Checksum {
    kind: ChecksumKind,
    /// Bytes past `kind.hash_len()` are zero, so that the derived comparisons hold.
    hash: [u8; MAX_LEN],
}

impl Checksum {
    /// A checksum from the `type` attribute and the text of a `checksum` element.
    /// Digits may be of either case.
    pub fn parse(kind: &str, hex: &str) -> Result<Self, ChecksumError> {
        let kind = ChecksumKind::from_name(kind)
            .ok_or_else(|| ChecksumError::UnknownKind(excerpt(kind)))?;
        Self::from_hex(kind, hex)
    }

    /// A checksum from a `pkgid` attribute, whose length tells its kind.
    pub fn from_pkgid(hex: &str) -> Result<Self, ChecksumError> {
        let kind = ChecksumKind::ALL
            .into_iter()
            .find(|kind| kind.hash_len() * 2 == hex.len())
            .ok_or_else(|| ChecksumError::BadLength(excerpt(hex)))?;
        Self::from_hex(kind, hex)
    }

    /// A checksum from its hex digits, of either case.
    pub fn from_hex(kind: ChecksumKind, hex: &str) -> Result<Self, ChecksumError> {
        let bad = || ChecksumError::BadValue {
            kind,
            value: excerpt(hex),
        };
        if hex.len() != kind.hash_len() * 2 {
            return Err(bad());
        }
        let mut hash = [0; MAX_LEN];
        for (byte, pair) in hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let digit = |at: usize| {
                let digit = char::from(*pair.get(at)?);
                digit.to_digit(16).and_then(|d| u8::try_from(d).ok())
            };
            *byte = digit(0).ok_or_else(bad)? << 4 | digit(1).ok_or_else(bad)?;
        }
        Ok(Self { kind, hash })
    }

    /// A checksum from the raw hash, when its length is right.
    pub fn from_hash(kind: ChecksumKind, hash: &[u8]) -> Option<Self> {
        let mut padded = [0; MAX_LEN];
        padded
            .get_mut(..kind.hash_len())?
            .copy_from_slice((hash.len() == kind.hash_len()).then_some(hash)?);
        Some(Self { kind, hash: padded })
    }

    /// The hash function.
    pub fn kind(&self) -> ChecksumKind {
        self.kind
    }

    /// The raw hash.
    pub fn hash(&self) -> &[u8] {
        self.hash.get(..self.kind.hash_len()).unwrap_or(&self.hash)
    }

    /// The hash in lower-case hex.
    pub fn hex(&self) -> String {
        use fmt::Write as _;
        let mut hex = String::with_capacity(self.kind.hash_len() * 2);
        for byte in self.hash() {
            // Writing to a string does not fail.
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }

    /// Whether collisions of this kind can be made (MD5 and SHA-1): such a checksum
    /// finds accidents, not attackers.
    pub fn is_weak(&self) -> bool {
        matches!(self.kind, ChecksumKind::Md5 | ChecksumKind::Sha1)
    }

    /// The digest of the same content, by which a registry serves it as a blob.
    /// Only SHA-256 has one: registries name content by nothing else in practice.
    pub fn to_digest(&self) -> Option<Digest> {
        match self.kind {
            ChecksumKind::Sha256 => Digest::from_hash(Algorithm::Sha256, self.hash()),
            _ => None,
        }
    }
}

impl From<Digest> for Checksum {
    fn from(digest: Digest) -> Self {
        let kind = match digest.algorithm() {
            Algorithm::Sha384 => ChecksumKind::Sha384,
            Algorithm::Sha512 => ChecksumKind::Sha512,
            _ => ChecksumKind::Sha256,
        };
        let mut hash = [0; MAX_LEN];
        for (to, from) in hash.iter_mut().zip(digest.hash()) {
            *to = *from;
        }
        Self { kind, hash }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.kind, self.hex())
    }
}

impl fmt::Debug for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why something is not a checksum, or not one to verify against.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ChecksumError {
    /// The `type` attribute names no known hash function.
    UnknownKind(String),
    /// The value is not as many hex digits as the kind takes.
    BadValue {
        /// The hash function.
        kind: ChecksumKind,
        /// The value, shortened.
        value: String,
    },
    /// A `pkgid`, shortened, that is as long as the hash of no known function.
    BadLength(String),
    /// The kind is recognised but proves nothing (MD5).
    Broken(ChecksumKind),
}

impl fmt::Display for ChecksumError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownKind(kind) => write!(
                f,
                "unknown checksum type `{kind}`: known are sha1, sha224, sha256, sha384 and sha512"
            ),
            Self::BadValue { kind, value } => write!(
                f,
                "invalid checksum `{value}`: {kind} takes {} hex digits",
                kind.hash_len() * 2
            ),
            Self::BadLength(value) => write!(f, "`{value}` is as long as no checksum"),
            Self::Broken(kind) => write!(
                f,
                "a {kind} checksum proves nothing and is not verified against; \
                 the repository must be written again with sha256"
            ),
        }
    }
}

impl std::error::Error for ChecksumError {}

/// Computes a [`Checksum`] from content that arrives in pieces.
#[derive(Clone)]
pub struct ChecksumHasher(State);

#[derive(Clone)]
enum State {
    Sha1(Sha1),
    Sha224(Sha224),
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl ChecksumHasher {
    /// A hasher that has seen nothing yet; an error for MD5.
    pub fn new(kind: ChecksumKind) -> Result<Self, ChecksumError> {
        Ok(Self(match kind {
            ChecksumKind::Md5 => return Err(ChecksumError::Broken(kind)),
            ChecksumKind::Sha1 => State::Sha1(Sha1::new()),
            ChecksumKind::Sha224 => State::Sha224(Sha224::new()),
            ChecksumKind::Sha256 => State::Sha256(Sha256::new()),
            ChecksumKind::Sha384 => State::Sha384(Sha384::new()),
            ChecksumKind::Sha512 => State::Sha512(Sha512::new()),
        }))
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            State::Sha1(s) => s.update(piece),
            State::Sha224(s) => s.update(piece),
            State::Sha256(s) => s.update(piece),
            State::Sha384(s) => s.update(piece),
            State::Sha512(s) => s.update(piece),
        }
    }

    /// The checksum of all pieces.
    pub fn finish(self) -> Checksum {
        fn padded(kind: ChecksumKind, hash: &[u8]) -> Checksum {
            let mut padded = [0; MAX_LEN];
            for (to, from) in padded.iter_mut().zip(hash) {
                *to = *from;
            }
            Checksum { kind, hash: padded }
        }
        match self.0 {
            State::Sha1(s) => padded(ChecksumKind::Sha1, &s.finalize()),
            State::Sha224(s) => padded(ChecksumKind::Sha224, &s.finalize()),
            State::Sha256(s) => padded(ChecksumKind::Sha256, &s.finalize()),
            State::Sha384(s) => padded(ChecksumKind::Sha384, &s.finalize()),
            State::Sha512(s) => padded(ChecksumKind::Sha512, &s.finalize()),
        }
    }
}

impl fmt::Debug for ChecksumHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Sha1(_) => "ChecksumHasher(sha1)",
            State::Sha224(_) => "ChecksumHasher(sha224)",
            State::Sha256(_) => "ChecksumHasher(sha256)",
            State::Sha384(_) => "ChecksumHasher(sha384)",
            State::Sha512(_) => "ChecksumHasher(sha512)",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(kind: ChecksumKind, content: &[u8]) -> Checksum {
        let mut hasher = ChecksumHasher::new(kind).unwrap();
        for byte in content {
            hasher.update(std::slice::from_ref(byte));
        }
        hasher.finish()
    }

    #[test]
    fn known_hashes() {
        let cases = [
            ("sha", "a9993e364706816aba3e25717850c26c9cd0d89d"),
            (
                "sha224",
                "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7",
            ),
            (
                "SHA256",
                "BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61F20015AD",
            ),
        ];
        for (kind, hex) in cases {
            let checksum = Checksum::parse(kind, hex).unwrap();
            assert_eq!(of(checksum.kind(), b"abc"), checksum);
            assert_eq!(checksum.hex(), hex.to_ascii_lowercase());
        }
        for kind in [ChecksumKind::Sha384, ChecksumKind::Sha512] {
            let algorithm = Algorithm::from_name(kind.as_str()).unwrap();
            let digest = Digest::with(algorithm, b"abc");
            assert_eq!(of(kind, b"abc"), Checksum::from(digest));
        }
    }

    #[test]
    fn only_sha256_names_a_blob() {
        let sha256 = of(ChecksumKind::Sha256, b"abc");
        assert_eq!(sha256.to_digest(), Some(Digest::of(b"abc")));
        for kind in [
            ChecksumKind::Sha1,
            ChecksumKind::Sha384,
            ChecksumKind::Sha512,
        ] {
            assert_eq!(of(kind, b"abc").to_digest(), None, "{kind}");
        }
    }

    #[test]
    fn md5_and_sha1_are_weak_and_md5_verifies_nothing() {
        let md5 = Checksum::parse("md5", &"0".repeat(32)).unwrap();
        assert!(md5.is_weak());
        assert_eq!(
            ChecksumHasher::new(md5.kind()).unwrap_err(),
            ChecksumError::Broken(ChecksumKind::Md5)
        );
        assert!(of(ChecksumKind::Sha1, b"").is_weak());
        assert!(!of(ChecksumKind::Sha224, b"").is_weak());
    }

    #[test]
    fn a_value_must_be_as_many_hex_digits_as_its_kind_takes() {
        for hex in [
            "",
            "0",
            "é",
            &"0".repeat(39),
            &"0".repeat(41),
            &"g".repeat(40),
            &"é".repeat(20),
        ] {
            let error = Checksum::parse("sha1", hex).unwrap_err();
            assert!(
                error.to_string().contains("sha1 takes 40 hex digits"),
                "{error}"
            );
        }
        assert_eq!(
            Checksum::parse("crc32\u{1b}", "00")
                .unwrap_err()
                .to_string(),
            "unknown checksum type `crc32\\u{1b}`: \
             known are sha1, sha224, sha256, sha384 and sha512"
        );
        assert_eq!(Checksum::from_hash(ChecksumKind::Sha256, &[0; 31]), None);
        assert_eq!(Checksum::from_hash(ChecksumKind::Sha1, &[0; 32]), None);
    }
}
