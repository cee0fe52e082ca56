//! The keys a reader was given.

use pgp::composed::{PublicOrSecret, SignedPublicKey};
use pgp::types::KeyDetails;

use super::certificate::Candidate;
use super::error::SignatureError;

/// More certificates than this in one file are not read.
const MAX_CERTIFICATES: usize = 1024;

/// Public keys (certificates) that signatures are checked against.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Keyring {
    certificates: Vec<SignedPublicKey>,
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
        Ok(Self { certificates })
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
