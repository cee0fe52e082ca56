//! The keys a reader was given.

use pgp::composed::{PublicOrSecret, SignedPublicKey};
use pgp::types::KeyDetails;

use super::certificate::Candidate;
use super::error::SignatureError;
use super::verdict::Verdict;

/// More certificates than this in one file are not read.
const MAX_CERTIFICATES: usize = 1024;

/// Public keys (certificates) that signatures are checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    certificates: Vec<SignedPublicKey>,
    check: Check,
}

/// How signatures are checked. It is called through every keyring, so that a program which
/// never makes one, such as the first module of a web page, has no cryptography linked into
/// it.
#[derive(Clone, Copy)]
struct Check(Function);

type Function = fn(&[u8], &[u8], &Keyring, u64) -> Result<Verdict, SignatureError>;

impl Default for Check {
    fn default() -> Self {
        Self(super::check_all)
    }
}

impl PartialEq for Check {
    /// There is only one.
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Check {}

impl std::fmt::Debug for Check {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Check")
    }
}

impl Keyring {
    /// Reads a key file: one or more armored blocks, each with one or more certificates,
    /// or the same unarmored. Text around the blocks is ignored.
    ///
    /// Certificates in forms that are not supported are left out; fails when none is
    /// left, and on private keys.
    pub fn parse(file: &[u8]) -> Result<Self, SignatureError> {
        let mut certificates = Vec::new();
        let mut cause = String::from("nothing in it");
        for block in blocks(file) {
            let keys = match PublicOrSecret::from_reader_many(block) {
                Ok((keys, _)) => keys,
                Err(error) => {
                    cause = error.to_string();
                    continue;
                }
            };
            for key in keys.take(MAX_CERTIFICATES) {
                match key {
                    Ok(PublicOrSecret::Public(certificate)) => certificates.push(certificate),
                    Ok(PublicOrSecret::Secret(_)) => return Err(SignatureError::private_key()),
                    Err(error) => cause = error.to_string(),
                }
            }
        }
        if certificates.is_empty() {
            return Err(SignatureError::no_key(cause));
        }
        certificates.truncate(MAX_CERTIFICATES);
        Ok(Self {
            certificates,
            check: Check::default(),
        })
    }

    /// Checks every signature in a file; see [`verify`](super::verify).
    pub(super) fn check(
        &self,
        data: &[u8],
        signature: &[u8],
        now: u64,
    ) -> Result<Verdict, SignatureError> {
        (self.check.0)(data, signature, self, now)
    }

    /// Adds the keys of another keyring.
    pub fn extend(&mut self, other: Self) {
        self.certificates.extend(other.certificates);
    }

    /// Whether there is no key, so that no signature can be good.
    pub fn is_empty(&self) -> bool {
        self.certificates.is_empty()
    }

    /// The fingerprints of the certificates, upper-case hex.
    pub fn fingerprints(&self) -> Vec<String> {
        self.certificates
            .iter()
            .map(|c| c.fingerprint().to_string().to_ascii_uppercase())
            .collect()
    }

    /// Every primary key and subkey.
    pub(super) fn candidates(&self) -> impl Iterator<Item = Candidate<'_>> {
        self.certificates.iter().flat_map(Candidate::all)
    }
}

const BEGIN: &[u8] = b"-----BEGIN PGP ";
const END: &[u8] = b"-----END PGP ";

/// The armored blocks of a file, or the whole of an unarmored one.
///
/// Files with several blocks one after the other are common (`cat` of several keys).
pub(super) fn blocks(file: &[u8]) -> Vec<&[u8]> {
    // Every OpenPGP packet begins with a set high bit, which no text in ASCII has.
    if file.first().is_some_and(|byte| byte & 0x80 != 0) {
        return vec![file];
    }
    let mut blocks = Vec::new();
    let (mut at, mut begin) = (0, None);
    for line in file.split_inclusive(|&byte| byte == b'\n') {
        if line.starts_with(BEGIN) {
            begin = Some(at);
        }
        at += line.len();
        if line.starts_with(END) {
            blocks.extend(begin.take().and_then(|begin| file.get(begin..at)));
        }
    }
    blocks
}
