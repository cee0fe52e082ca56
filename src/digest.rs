//! Content digests: the names of blobs and manifests.
//!
//! A [`Digest`] is always valid: it parsed as one of the three algorithms that
//! registries agree on, with the right number of lower-case hex digits. That is
//! what makes it safe to put one into a URL or a file name.
//!
//! ```
//! use ocirepo::digest::{Algorithm, Digest, Hasher};
//!
//! let mut hasher = Hasher::new(Algorithm::Sha256);
//! hasher.update(b"hello ");
//! hasher.update(b"world");
//! let digest = hasher.finish();
//! assert_eq!(digest, Digest::of(b"hello world"));
//! assert_eq!(digest.to_string().parse::<Digest>()?, digest);
//! # Ok::<(), ocirepo::digest::ParseDigestError>(())
//! ```

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::digest::common::hazmat::SerializableState;
use sha2::{Digest as _, Sha256, Sha384, Sha512};

/// A hash function that a digest may name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Algorithm {
    /// SHA-256, what nearly every registry uses.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl Algorithm {
    const ALL: [Self; 3] = [Self::Sha256, Self::Sha384, Self::Sha512];

    /// The name as it stands before the colon: `sha256`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha384 => "sha384",
            Self::Sha512 => "sha512",
        }
    }

    /// Length of the hash in bytes; the hex form has twice as many digits.
    #[expect(clippy::len_without_is_empty, reason = "no hash is empty")]
    pub fn len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }

    /// The algorithm of that name, if it is known.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|a| a.as_str() == name)
    }
}

impl fmt::Display for Algorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Longest hash of all known algorithms, in bytes.
const MAX_LEN: usize = 64;

/// The digest of some content: an algorithm and its hash.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest {
    algorithm: Algorithm,
    /// Bytes past `algorithm.len()` are zero, so that the derived comparisons hold.
    hash: [u8; MAX_LEN],
}

impl Digest {
    /// The SHA-256 digest of bytes at hand.
    pub fn of(content: &[u8]) -> Self {
        Self::with(Algorithm::Sha256, content)
    }

    /// The digest of bytes at hand under a chosen algorithm.
    pub fn with(algorithm: Algorithm, content: &[u8]) -> Self {
        let mut hasher = Hasher::new(algorithm);
        hasher.update(content);
        hasher.finish()
    }

    /// A digest from the raw hash, when its length is right.
    pub fn from_hash(algorithm: Algorithm, hash: &[u8]) -> Option<Self> {
        (hash.len() == algorithm.len()).then(|| {
            let mut digest = Self {
                algorithm,
                hash: [0; MAX_LEN],
            };
            digest.hash[..hash.len()].copy_from_slice(hash);
            digest
        })
    }

    /// A digest from an algorithm and its hex digits, which may be of either case
    /// (rpm-md checksums are written by many tools).
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self, ParseDigestError> {
        Self::decode(algorithm, hex, |digit| EITHER_CASE[usize::from(digit)])
    }

    /// Decodes digits by what each is `worth`, more than 15 standing for none.
    fn decode(
        algorithm: Algorithm,
        hex: &str,
        worth: impl Fn(u8) -> u8,
    ) -> Result<Self, ParseDigestError> {
        fits(algorithm, hex)?;
        let mut digest = Self {
            algorithm,
            hash: [0; MAX_LEN],
        };
        let mut worst = 0;
        for (byte, pair) in digest.hash.iter_mut().zip(hex.as_bytes().chunks_exact(2)) {
            let (high, low) = (worth(pair[0]), worth(pair[1]));
            worst |= high | low;
            *byte = high << 4 | low;
        }
        if worst > 15 {
            return Err(ParseDigestError(Problem::NotHex));
        }
        Ok(digest)
    }

    /// The hash function.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The raw hash.
    pub fn hash(&self) -> &[u8] {
        &self.hash[..self.algorithm.len()]
    }

    /// The hash in lower-case hex.
    pub fn hex(&self) -> String {
        let mut hex = String::with_capacity(self.algorithm.len() * 2);
        for byte in self.hash() {
            hex.push(DIGITS[usize::from(byte >> 4)] as char);
            hex.push(DIGITS[usize::from(byte & 15)] as char);
        }
        hex
    }
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

// Manifests have thousands of digests, so what a digit is worth is looked up.
const LOWER_CASE: [u8; 256] = worths(false);
const EITHER_CASE: [u8; 256] = worths(true);

const fn worths(upper: bool) -> [u8; 256] {
    let mut worths = [0xff; 256];
    let mut digit = 0;
    while digit < 16 {
        let lower = DIGITS[digit as usize];
        worths[lower as usize] = digit;
        if upper {
            worths[lower.to_ascii_uppercase() as usize] = digit;
        }
        digit += 1;
    }
    worths
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Digest {
    type Err = ParseDigestError;

    /// Parses `algorithm:hex` as the image specification writes it: known
    /// algorithms, lower-case digits, nothing around them.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, hex) = split(text)?;
        Self::decode(algorithm, hex, |digit| LOWER_CASE[usize::from(digit)])
    }
}

/// The algorithm and the digits of a digest, which nobody has looked at yet.
fn split(text: &str) -> Result<(Algorithm, &str), ParseDigestError> {
    let (name, hex) = (text.split_once(':')).ok_or(ParseDigestError(Problem::NoColon))?;
    let algorithm = Algorithm::from_name(name).ok_or(ParseDigestError(Problem::Algorithm))?;
    Ok((algorithm, hex))
}

/// Refuses more or fewer digits than the algorithm has.
fn fits(algorithm: Algorithm, hex: &str) -> Result<(), ParseDigestError> {
    let got = hex.len();
    match got == algorithm.len() * 2 {
        true => Ok(()),
        false => Err(ParseDigestError(Problem::Length { algorithm, got })),
    }
}

/// Whether a text parses as a digest, in a fraction of the time that it takes to decode it.
pub(crate) fn check(text: &str) -> Result<(), ParseDigestError> {
    let (algorithm, hex) = split(text)?;
    fits(algorithm, hex)?;
    // All of them, always: that way the compiler compares sixteen at once.
    let is_hex = |byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    match hex.bytes().fold(true, |all, byte| all & is_hex(byte)) {
        true => Ok(()),
        false => Err(ParseDigestError(Problem::NotHex)),
    }
}

impl Serialize for Digest {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Digest {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Digest;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a digest such as sha256:…")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Digest, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(Visitor)
    }
}

/// Why a text is not a [`Digest`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseDigestError(Problem);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    NoColon,
    Algorithm,
    Length { algorithm: Algorithm, got: usize },
    NotHex,
}

impl ParseDigestError {
    /// What is wrong, for messages that have said already that it is about a digest.
    pub(crate) fn reason(&self) -> impl fmt::Display {
        self.0
    }
}

impl fmt::Display for ParseDigestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "invalid digest: {}", self.0)
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoColon => f.write_str("no `:` after the algorithm; write sha256:…"),
            Self::Algorithm => {
                f.write_str("unknown algorithm; known are sha256, sha384 and sha512")
            }
            Self::Length { algorithm, got } => write!(
                f,
                "{algorithm} takes {} hex digits, found {got}",
                algorithm.len() * 2
            ),
            Self::NotHex => f.write_str("only lower-case hex digits may follow the `:`"),
        }
    }
}

impl std::error::Error for ParseDigestError {}

/// Computes a [`Digest`] from content that arrives in pieces.
#[derive(Clone)]
pub struct Hasher(State);

#[derive(Clone)]
enum State {
    Sha256(Sha256),
    Sha384(Sha384),
    Sha512(Sha512),
}

impl Hasher {
    /// A hasher that has seen nothing yet.
    pub fn new(algorithm: Algorithm) -> Self {
        Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(Sha256::new()),
            Algorithm::Sha384 => State::Sha384(Sha384::new()),
            Algorithm::Sha512 => State::Sha512(Sha512::new()),
        })
    }

    /// Takes the next piece.
    pub fn update(&mut self, piece: &[u8]) {
        match &mut self.0 {
            State::Sha256(s) => s.update(piece),
            State::Sha384(s) => s.update(piece),
            State::Sha512(s) => s.update(piece),
        }
    }

    /// The hash function in use.
    pub fn algorithm(&self) -> Algorithm {
        match self.0 {
            State::Sha256(_) => Algorithm::Sha256,
            State::Sha384(_) => Algorithm::Sha384,
            State::Sha512(_) => Algorithm::Sha512,
        }
    }

    /// The digest of all pieces.
    pub fn finish(self) -> Digest {
        let algorithm = self.algorithm();
        let mut hash = [0; MAX_LEN];
        match self.0 {
            State::Sha256(s) => hash[..32].copy_from_slice(&s.finalize()),
            State::Sha384(s) => hash[..48].copy_from_slice(&s.finalize()),
            State::Sha512(s) => hash[..64].copy_from_slice(&s.finalize()),
        }
        Digest { algorithm, hash }
    }

    /// The state between two pieces as bytes, for [`Hasher::restore`].
    ///
    /// Whoever restores it vouches for the content it stands for: a forged state
    /// yields any digest its forger likes.
    pub fn save(&self) -> Vec<u8> {
        match &self.0 {
            State::Sha256(s) => s.serialize().to_vec(),
            State::Sha384(s) => s.serialize().to_vec(),
            State::Sha512(s) => s.serialize().to_vec(),
        }
    }

    /// A hasher from what [`Hasher::save`] wrote with the same algorithm; `None`
    /// when the bytes are not such a state.
    pub fn restore(algorithm: Algorithm, saved: &[u8]) -> Option<Self> {
        fn state<T: SerializableState>(saved: &[u8]) -> Option<T> {
            T::deserialize(saved.try_into().ok()?).ok()
        }
        Some(Self(match algorithm {
            Algorithm::Sha256 => State::Sha256(state(saved)?),
            Algorithm::Sha384 => State::Sha384(state(saved)?),
            Algorithm::Sha512 => State::Sha512(state(saved)?),
        }))
    }
}

impl fmt::Debug for Hasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Hasher({})", self.algorithm())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn known_hashes() {
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(
            Digest::with(Algorithm::Sha384, b"abc").hex(),
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed\
             8086072ba1e7cc2358baeca134c825a7"
        );
        assert_eq!(
            Digest::with(Algorithm::Sha512, b"abc").hex(),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a\
             2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"
        );
    }

    #[test]
    fn refuses_what_is_not_a_digest() {
        let cases = [
            ("sha256", "no `:` after the algorithm; write sha256:…"),
            (
                "md5:0",
                "unknown algorithm; known are sha256, sha384 and sha512",
            ),
            (
                "SHA256:0",
                "unknown algorithm; known are sha256, sha384 and sha512",
            ),
            ("sha256:0", "sha256 takes 64 hex digits, found 1"),
        ];
        for (text, message) in cases {
            assert_eq!(
                text.parse::<Digest>().unwrap_err().to_string(),
                format!("invalid digest: {message}"),
                "{text}"
            );
        }
        for hex in ["E3", "g0", "../", "é"] {
            let text = format!("sha256:{hex:0<64}");
            assert!(text.parse::<Digest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_saved_state_goes_on_where_it_was() {
        for algorithm in Algorithm::ALL {
            for cut in [0, 1, 63, 64, 127, 128, 200] {
                let content = [7u8; 300];
                let mut hasher = Hasher::new(algorithm);
                hasher.update(&content[..cut]);
                let saved = hasher.save();
                let mut hasher = Hasher::restore(algorithm, &saved).unwrap();
                hasher.update(&content[cut..]);
                assert_eq!(hasher.finish(), Digest::with(algorithm, &content));
                assert!(Hasher::restore(algorithm, &saved[1..]).is_none());
            }
        }
    }
}
