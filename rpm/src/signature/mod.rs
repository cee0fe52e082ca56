//! Detached OpenPGP signatures: `repomd.xml.asc`.
//!
//! [`verify`] says for each signature in the file whether one of the given keys made it
//! over exactly this data and may be believed. The cryptography is rPGP's; which
//! signatures count is decided here, the same for every host:
//!
//! | what | rule |
//! | --- | --- |
//! | hash of the data | SHA-2 or SHA-3; MD5, SHA-1 and RIPEMD-160 are refused |
//! | keys | RSA and DSA of at least 2048 bits, ECDSA, EdDSA |
//! | signature | version 4 or 6, over binary or text data, made neither in the future nor before its key, not expired, no critical part that is unknown |
//! | certificate | a valid self-signature; neither revoked, for whatever reason, nor expired at `now` |
//! | signing key | has the signing flag (a primary key without any flags may sign) |
//! | subkey | bound by the primary key, has signed that binding itself, neither revoked nor expired |
//!
//! One good signature by one given key suffices, whatever stands beside it. Where this
//! differs from `gpg` and `sqv` is listed in `docs/signatures.md`.
//!
//! ```
//! use ocirepo_rpm::signature::{self, Keyring, SecretKey};
//!
//! let (now, seed) = (1_700_000_000, [7; 32]);
//! let key = SecretKey::generate("Demo <demo@example.org>", now, seed)?;
//! let asc = key.sign(b"<repomd/>", now, None, seed)?;
//!
//! let keys = Keyring::parse(key.certificate()?.as_bytes())?;
//! let verdict = signature::verify(b"<repomd/>", asc.as_bytes(), &keys, now)?;
//! assert_eq!(verdict.good().unwrap().fingerprint(), key.fingerprint());
//!
//! let verdict = signature::verify(b"<other/>", asc.as_bytes(), &keys, now)?;
//! assert!(verdict.good().is_none());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod certificate;
mod error;
mod keyring;
mod sign;
mod verdict;

pub use error::SignatureError;
pub use keyring::Keyring;
pub use sign::{SecretKey, Seed};
pub use verdict::{Checked, Good, Issuer, Refusal, Verdict};

use pgp::composed::{Deserializable, DetachedSignature};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureConfig, SignatureType, SignatureVersion, SubpacketData};

use certificate::Candidate;

/// Signature files larger than this, in bytes, are refused: one signature takes a few
/// hundred.
pub const MAX_SIGNATURE_FILE: usize = 256 * 1024;

/// How many signatures of one file are looked at.
const MAX_SIGNATURES: usize = 16;

/// How many keys are tried for a signature that does not say who made it.
const MAX_CANDIDATES: usize = 64;

/// Checks every signature in `signature` (armored or binary) over `data`.
///
/// `now` is in Unix seconds. Fails only where there is no signature to check; whether a
/// signature was good is in the verdict.
pub fn verify(
    data: &[u8],
    signature: &[u8],
    keys: &Keyring,
    now: u64,
) -> Result<Verdict, SignatureError> {
    keys.check(data, signature, now)
}

/// [`verify`], as keyrings call it.
fn check_all(
    data: &[u8],
    signature: &[u8],
    keys: &Keyring,
    now: u64,
) -> Result<Verdict, SignatureError> {
    if signature.len() > MAX_SIGNATURE_FILE {
        return Err(SignatureError::too_large(signature.len()));
    }
    let mut signatures = Vec::new();
    for block in keyring::blocks(signature) {
        let parsed = DetachedSignature::from_reader_many(block);
        let (parsed, _) = parsed.map_err(SignatureError::no_signature)?;
        for signature in parsed.take(MAX_SIGNATURES + 1) {
            signatures.push(signature.map_err(SignatureError::no_signature)?.signature);
        }
        if signatures.len() > MAX_SIGNATURES {
            return Err(SignatureError::too_many(MAX_SIGNATURES));
        }
    }
    if signatures.is_empty() {
        return Err(SignatureError::no_signature("nothing in it"));
    }
    let checked = signatures.iter().map(|signature| Checked {
        issuer: issuer(signature),
        created: signature.created().map(|t| u64::from(t.as_secs())),
        outcome: check(signature, data, keys, now),
    });
    Ok(Verdict {
        signatures: checked.collect(),
    })
}

fn check(signature: &Signature, data: &[u8], keys: &Keyring, now: u64) -> Result<Good, Refusal> {
    let config = signature.config().ok_or(Refusal::Unsupported)?;
    let created = acceptable(config, now)?;
    if let Some(lifetime) = signature.signature_expiration_time() {
        certificate::alive(created, u64::from(lifetime.as_secs()), now)
            .map_err(|at| Refusal::Expired { at })?;
    }
    let candidates: Vec<Candidate<'_>> = keys
        .candidates()
        .filter(|candidate| candidate.may_have_made(signature))
        .take(MAX_CANDIDATES)
        .collect();
    // Two certificates may hold the same key; the most telling refusal is kept.
    let mut refusal = Refusal::UnknownKey;
    for candidate in candidates {
        if !candidate.made(signature, data) {
            if refusal == Refusal::UnknownKey {
                refusal = Refusal::Wrong;
            }
            continue;
        }
        match candidate.may_sign(created, now) {
            Ok(()) => return Ok(candidate.good()),
            Err(reason) => refusal = reason,
        }
    }
    Err(refusal)
}

/// What can be said about a signature without knowing the key. Returns when it was made.
fn acceptable(config: &SignatureConfig, now: u64) -> Result<u64, Refusal> {
    if !matches!(
        config.version(),
        SignatureVersion::V4 | SignatureVersion::V6
    ) || !matches!(config.typ(), SignatureType::Binary | SignatureType::Text)
    {
        return Err(Refusal::Unsupported);
    }
    if !strong(config.hash_alg) {
        return Err(Refusal::WeakHash {
            hash: config.hash_alg.to_string(),
        });
    }
    // What is critical and not understood here may be a restriction.
    let unknown = config.hashed_subpackets().any(|subpacket| {
        subpacket.is_critical
            && matches!(
                subpacket.data,
                SubpacketData::Other(..)
                    | SubpacketData::Experimental(..)
                    | SubpacketData::Notation(_)
            )
    });
    if unknown {
        return Err(Refusal::Critical);
    }
    let created = config.created().ok_or(Refusal::NoTime)?;
    let created = u64::from(created.as_secs());
    if created > now {
        return Err(Refusal::InTheFuture { created });
    }
    Ok(created)
}

/// Hashes for which nobody can make two documents that share a signature.
fn strong(hash: HashAlgorithm) -> bool {
    matches!(
        hash,
        HashAlgorithm::Sha224
            | HashAlgorithm::Sha256
            | HashAlgorithm::Sha384
            | HashAlgorithm::Sha512
            | HashAlgorithm::Sha3_256
            | HashAlgorithm::Sha3_512
    )
}

/// Who the signature says made it; only a hint.
fn issuer(signature: &Signature) -> Issuer {
    let fingerprint = signature
        .issuer_fingerprint()
        .first()
        .map(|f| f.to_string());
    let key_id = signature.issuer_key_id().first().map(|id| id.to_string());
    Issuer(fingerprint.or(key_id).map(|hex| hex.to_ascii_uppercase()))
}
