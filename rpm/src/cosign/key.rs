//! Keys: what signs and what verifies.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocirepo::digest::Digest;
use p256::ecdsa::signature::{Signer as _, Verifier as _};
use p256::ecdsa::{DerSignature, Signature, SigningKey, VerifyingKey};
use p256::pkcs8::spki::SubjectPublicKeyInfoRef;
use p256::pkcs8::{
    DecodePrivateKey as _, DecodePublicKey as _, EncodePublicKey as _, ObjectIdentifier,
};
use rsa::RsaPublicKey;
use rsa::pkcs1v15;
use rsa::sha2::Sha256;
use rsa::traits::PublicKeyParts as _;

use super::error::{KeyError, Problem};
use super::verify::{Begin, Verification};
use super::{encrypted, pem};

const EC: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.2.1");
const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
const RSA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.1.1");
const ED25519: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.101.112");

/// The shortest RSA modulus, in bits.
const MIN_RSA: usize = 2048;

/// A public key that signatures are checked against: ECDSA on P-256, RSA (PKCS#1 1.5) of
/// at least 2048 bits, or Ed25519; the first two with SHA-256.
#[derive(Clone)]
pub struct PublicKey {
    kind: Kind,
    /// As SubjectPublicKeyInfo.
    der: Vec<u8>,
    /// How signatures are checked. It is called through every key, so that a program which
    /// never makes one has no cryptography linked into it.
    check: fn(&Kind, &[u8], &[u8]) -> bool,
    /// How the signatures of a root are found, for the same reason.
    pub(crate) begin: Begin,
}

impl PartialEq for PublicKey {
    fn eq(&self, other: &Self) -> bool {
        self.der == other.der
    }
}

impl Eq for PublicKey {}

#[derive(Clone, Debug)]
enum Kind {
    P256(VerifyingKey),
    Rsa(RsaPublicKey),
    Ed25519(ed25519_dalek::VerifyingKey),
}

impl PublicKey {
    /// Reads a file as `cosign generate-key-pair` writes `cosign.pub`: one key in PEM,
    /// labelled `PUBLIC KEY`.
    pub fn parse(file: &[u8]) -> Result<Self, KeyError> {
        let block = pem::first(file).map_err(Problem::Pem)?;
        if block.label != "PUBLIC KEY" {
            if block.label.ends_with("PRIVATE KEY") {
                return Err(Problem::Private.into());
            }
            return Err(Problem::NotPublic(block.label.to_owned()).into());
        }
        Self::from_der(&block.content)
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = SubjectPublicKeyInfoRef::try_from(der).map_err(|_| Problem::Malformed)?;
        let algorithm = &info.algorithm;
        let kind = if algorithm.oid == EC {
            match algorithm.parameters_oid() {
                Ok(P256) => VerifyingKey::from_public_key_der(der).map(Kind::P256),
                _ => return Err(Problem::Unsupported("ECDSA on another curve".to_owned()).into()),
            }
        } else if algorithm.oid == RSA {
            RsaPublicKey::from_public_key_der(der).map(Kind::Rsa)
        } else if algorithm.oid == ED25519 {
            ed25519_dalek::VerifyingKey::from_public_key_der(der).map(Kind::Ed25519)
        } else {
            return Err(Problem::Unsupported(format!("of type {}", algorithm.oid)).into());
        };
        let kind = kind.map_err(|_| Problem::Malformed)?;
        if let Kind::Rsa(key) = &kind
            && key.n().bits() < MIN_RSA
        {
            return Err(Problem::Weak(key.n().bits()).into());
        }
        Ok(Self {
            kind,
            der: der.to_vec(),
            check: Kind::verify,
            begin: Verification::begin,
        })
    }

    /// The SHA-256 of the key as SubjectPublicKeyInfo, lower-case hex.
    pub fn fingerprint(&self) -> String {
        Digest::of(&self.der).hex()
    }

    /// What tells a reader of a bundle which key it is by: the fingerprint in base64.
    pub(super) fn hint(&self) -> String {
        BASE64.encode(Digest::of(&self.der).hash())
    }

    /// The file that [`parse`](Self::parse) reads.
    pub fn to_pem(&self) -> String {
        let mut text = String::from("-----BEGIN PUBLIC KEY-----\n");
        let body = BASE64.encode(&self.der);
        for line in body.as_bytes().chunks(64) {
            text.push_str(&String::from_utf8_lossy(line));
            text.push('\n');
        }
        text.push_str("-----END PUBLIC KEY-----\n");
        text
    }

    /// Whether the key made this signature over the message. The signature is in DER for
    /// ECDSA. A high s is as good as a low one, for signatures name nothing.
    pub(super) fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        (self.check)(&self.kind, message, signature)
    }
}

impl Kind {
    fn verify(&self, message: &[u8], signature: &[u8]) -> bool {
        match self {
            Self::P256(key) => Signature::from_der(signature)
                .is_ok_and(|signature| key.verify(message, &signature).is_ok()),
            Self::Rsa(key) => pkcs1v15::Signature::try_from(signature).is_ok_and(|signature| {
                let key = pkcs1v15::VerifyingKey::<Sha256>::new(key.clone());
                key.verify(message, &signature).is_ok()
            }),
            Self::Ed25519(key) => ed25519_dalek::Signature::from_slice(signature)
                .is_ok_and(|signature| key.verify_strict(message, &signature).is_ok()),
        }
    }
}

impl fmt::Debug for PublicKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PublicKey({})", self.fingerprint())
    }
}

/// A private key on P-256. It is erased when it is dropped.
#[derive(Clone)]
pub struct PrivateKey {
    key: SigningKey,
}

impl PrivateKey {
    /// Reads a file as `cosign generate-key-pair` writes `cosign.key`, labelled `ENCRYPTED
    /// SIGSTORE PRIVATE KEY` (or `ENCRYPTED COSIGN PRIVATE KEY`, as it was before), or one
    /// that is not encrypted, labelled `PRIVATE KEY` (PKCS#8).
    ///
    /// Without a password, [`KeyError::needs_password`] tells that one is needed. The
    /// password may be empty.
    pub fn parse(file: &[u8], password: Option<&str>) -> Result<Self, KeyError> {
        let block = pem::first(file).map_err(Problem::Pem)?;
        match block.label {
            "ENCRYPTED SIGSTORE PRIVATE KEY" | "ENCRYPTED COSIGN PRIVATE KEY" => {
                let password = password.ok_or(Problem::NeedsPassword)?;
                Self::from_der(&encrypted::open(&block.content, password)?)
            }
            "PRIVATE KEY" => Self::from_der(&block.content),
            label => Err(Problem::NotPrivate(label.to_owned()).into()),
        }
    }

    fn from_der(der: &[u8]) -> Result<Self, KeyError> {
        let info = p256::pkcs8::PrivateKeyInfo::try_from(der).map_err(|_| Problem::Malformed)?;
        let algorithm = &info.algorithm;
        if algorithm.oid != EC || algorithm.parameters_oid() != Ok(P256) {
            let kind = match algorithm.oid {
                EC => "ECDSA on another curve".to_owned(),
                RSA => "RSA".to_owned(),
                ED25519 => "Ed25519".to_owned(),
                other => format!("of type {other}"),
            };
            return Err(Problem::Unsupported(kind).into());
        }
        let key = SigningKey::from_pkcs8_der(der).map_err(|_| Problem::Malformed)?;
        Ok(Self { key })
    }

    /// The public half.
    pub fn public_key(&self) -> Result<PublicKey, KeyError> {
        let key = *self.key.verifying_key();
        let der = key.to_public_key_der().map_err(|_| Problem::Malformed)?;
        Ok(PublicKey {
            kind: Kind::P256(key),
            der: der.into_vec(),
            check: Kind::verify,
            begin: Verification::begin,
        })
    }

    /// A signature in DER over the message, hashed with SHA-256. Its nonce is derived from
    /// key and message (RFC 6979), so the same message has the same signature.
    pub(super) fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: DerSignature = self.key.sign(message);
        signature.as_bytes().to_vec()
    }
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PrivateKey(…)")
    }
}
