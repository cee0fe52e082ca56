//! Whether a key of a certificate may sign.

use pgp::composed::{SignedPublicKey, SignedPublicSubKey};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Signature, SignatureType, SubpacketData};
use pgp::ser::Serialize;
use pgp::types::{KeyDetails, PublicParams, Tag};

use super::verdict::{Good, Refusal};

/// The shortest RSA modulus and DSA prime, in bits.
const MIN_BITS: u16 = 2048;

/// A key that a signature may be by: the primary key of a certificate or a subkey.
pub(super) struct Candidate<'a> {
    certificate: &'a SignedPublicKey,
    subkey: Option<&'a SignedPublicSubKey>,
}

impl<'a> Candidate<'a> {
    /// All keys of a certificate.
    pub(super) fn all(certificate: &'a SignedPublicKey) -> impl Iterator<Item = Self> {
        let subkeys = certificate.public_subkeys.iter().map(Some);
        std::iter::once(None)
            .chain(subkeys)
            .map(move |subkey| Self {
                certificate,
                subkey,
            })
    }

    /// Whether the signature names this key, or no key at all.
    pub(super) fn may_have_made(&self, signature: &Signature) -> bool {
        let (ids, fingerprints) = (signature.issuer_key_id(), signature.issuer_fingerprint());
        let (id, fingerprint) = match self.subkey {
            Some(subkey) => (subkey.legacy_key_id(), subkey.fingerprint()),
            None => {
                let primary = &self.certificate.primary_key;
                (primary.legacy_key_id(), primary.fingerprint())
            }
        };
        (ids.is_empty() && fingerprints.is_empty())
            || ids.contains(&&id)
            || fingerprints.contains(&&fingerprint)
    }

    /// Whether the key made this signature over the data: cryptography alone.
    pub(super) fn made(&self, signature: &Signature, data: &[u8]) -> bool {
        match self.subkey {
            Some(subkey) => signature.verify(&subkey.key, data),
            None => signature.verify(&self.certificate.primary_key, data),
        }
        .is_ok()
    }

    /// Whether a signature of this key, made at `created`, may be believed at `now`.
    pub(super) fn may_sign(&self, created: u64, now: u64) -> Result<(), Refusal> {
        let primary = &self.certificate.primary_key;
        let flags = primary_state(self.certificate, now)?;
        let key_created = match self.subkey {
            None => {
                // No flags at all is how keys were made before there were any.
                if !flags.unwrap_or(true) {
                    return Err(Refusal::NotForSigning);
                }
                seconds(primary)
            }
            Some(subkey) => {
                subkey_state(self.certificate, subkey, now)?;
                seconds(&subkey.key).max(seconds(primary))
            }
        };
        if created < key_created {
            return Err(Refusal::BeforeKey { key_created });
        }
        Ok(())
    }

    pub(super) fn good(&self) -> Good {
        let certificate = hex(&self.certificate.primary_key);
        let user = self.certificate.details.users.first();
        Good {
            signer: self
                .subkey
                .map_or_else(|| certificate.clone(), |subkey| hex(&subkey.key)),
            certificate,
            user_id: user.map(|user| String::from_utf8_lossy(user.id.id()).into_owned()),
        }
    }

    /// The fingerprint of the key itself, upper-case hex.
    pub(super) fn fingerprint(&self) -> String {
        match self.subkey {
            Some(subkey) => hex(&subkey.key),
            None => hex(&self.certificate.primary_key),
        }
    }
}

/// Fails with the moment of expiry when something created then, with that lifetime in
/// seconds (zero is for ever), no longer lives.
pub(super) fn alive(created: u64, lifetime: u64, now: u64) -> Result<(), u64> {
    let end = created.saturating_add(lifetime);
    if lifetime != 0 && end <= now {
        return Err(end);
    }
    Ok(())
}

/// Whether the primary key is good at `now`, and whether its flags allow signing, where
/// it has flags.
fn primary_state(certificate: &SignedPublicKey, now: u64) -> Result<Option<bool>, Refusal> {
    let primary = &certificate.primary_key;
    let details = &certificate.details;
    long_enough(primary.public_params())?;
    // Also for weak hashes and for reasons that leave old signatures alone: a reader has
    // no way to know when a signature was really made.
    if details
        .revocation_signatures
        .iter()
        .any(|s| s.typ() == Some(SignatureType::KeyRevocation) && s.verify_key(primary).is_ok())
    {
        return Err(Refusal::KeyRevoked);
    }
    let direct = details.direct_signatures.iter().filter(|s| {
        s.typ() == Some(SignatureType::Key) && usable(s, now) && s.verify_key(primary).is_ok()
    });
    let users = details.users.iter().filter_map(|user| {
        let own = |s: &&Signature| {
            s.verify_certification(primary, Tag::UserId, &user.id)
                .is_ok()
        };
        let revoked = newest(
            user.signatures
                .iter()
                .filter(|s| s.typ() == Some(SignatureType::CertRevocation) && own(s)),
        );
        newest(user.signatures.iter().filter(|s| {
            s.is_certification()
                && s.typ() != Some(SignatureType::CertRevocation)
                && usable(s, now)
                && own(s)
        }))
        .filter(|s| revoked.is_none_or(|r| r.created() < s.created()))
    });
    let own = newest(direct.chain(users)).ok_or(Refusal::NotCertified)?;
    not_expired(own, primary, now)?;
    Ok(signing_flag(own))
}

/// Whether a subkey is bound to its primary key, good at `now`, and meant for signing.
fn subkey_state(
    certificate: &SignedPublicKey,
    subkey: &SignedPublicSubKey,
    now: u64,
) -> Result<(), Refusal> {
    let primary = &certificate.primary_key;
    long_enough(subkey.key.public_params())?;
    let own = |s: &&Signature| s.verify_subkey_binding(primary, &subkey.key).is_ok();
    let of = |typ| move |s: &&Signature| s.typ() == Some(typ);
    if subkey
        .signatures
        .iter()
        .filter(of(SignatureType::SubkeyRevocation))
        .any(|s| own(&s))
    {
        return Err(Refusal::KeyRevoked);
    }
    let bindings = subkey
        .signatures
        .iter()
        .filter(of(SignatureType::SubkeyBinding))
        .filter(|s| usable(s, now) && own(s));
    let binding = newest(bindings).ok_or(Refusal::NotBound)?;
    not_expired(binding, &subkey.key, now)?;
    if signing_flag(binding) != Some(true) {
        return Err(Refusal::NotForSigning);
    }
    // Without it anybody could adopt a foreign subkey and with it its signatures.
    let back = binding
        .embedded_signature()
        .ok_or(Refusal::NoBackSignature)?;
    if !usable(back, now)
        || back
            .verify_primary_key_binding(&subkey.key, primary)
            .is_err()
    {
        return Err(Refusal::NoBackSignature);
    }
    Ok(())
}

/// Whether a signature of a key about itself counts at `now`.
///
/// SHA-1 is let pass here: to abuse it one must find a second document for a given hash,
/// or make the owner sign chosen content with their own key.
fn usable(signature: &Signature, now: u64) -> bool {
    let Some(created) = signature.created().map(|t| u64::from(t.as_secs())) else {
        return false;
    };
    let lifetime = signature
        .signature_expiration_time()
        .map_or(0, |d| u64::from(d.as_secs()));
    let hash = signature.hash_alg();
    created <= now
        && alive(created, lifetime, now).is_ok()
        && hash.is_some_and(|h| super::strong(h) || h == HashAlgorithm::Sha1)
}

fn newest<'a>(signatures: impl Iterator<Item = &'a Signature>) -> Option<&'a Signature> {
    signatures.max_by_key(|signature| signature.created())
}

fn not_expired(own: &Signature, key: &impl KeyDetails, now: u64) -> Result<(), Refusal> {
    let lifetime = own
        .key_expiration_time()
        .map_or(0, |d| u64::from(d.as_secs()));
    alive(seconds(key), lifetime, now).map_err(|at| Refusal::KeyExpired { at })
}

/// The signing flag, where the signature holds flags.
fn signing_flag(own: &Signature) -> Option<bool> {
    own.config()?
        .hashed_subpackets()
        .find_map(|subpacket| match &subpacket.data {
            SubpacketData::KeyFlags(flags) => Some(flags.sign()),
            _ => None,
        })
}

fn long_enough(params: &PublicParams) -> Result<(), Refusal> {
    let name = match params {
        PublicParams::RSA(_) => "RSA",
        PublicParams::DSA(_) => "DSA",
        PublicParams::Unknown { .. } => return Err(Refusal::Unsupported),
        _ => return Ok(()),
    };
    // Both begin with a multiprecision integer, whose length in bits stands before it.
    let bytes = params.to_bytes().map_err(|_| Refusal::Unsupported)?;
    let bits = match bytes.first_chunk() {
        Some(length) => u16::from_be_bytes(*length),
        None => return Err(Refusal::Unsupported),
    };
    if bits < MIN_BITS {
        return Err(Refusal::WeakKey {
            key: format!("{name} {bits}"),
        });
    }
    Ok(())
}

fn seconds(key: &impl KeyDetails) -> u64 {
    u64::from(key.created_at().as_secs())
}

fn hex(key: &impl KeyDetails) -> String {
    key.fingerprint().to_string().to_ascii_uppercase()
}
