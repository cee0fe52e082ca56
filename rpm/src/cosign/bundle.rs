//! The sigstore bundle, as far as key pairs go: an envelope (DSSE) around a statement
//! (in-toto) about the digest of the root, or a signature over the root itself.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocirepo::Manifest;
use ocirepo::digest::Digest;
use serde::{Deserialize, Serialize};

use super::format::{BUNDLE, IN_TOTO, SIGN_PREDICATE, STATEMENT};
use super::key::{PrivateKey, PublicKey};
use super::verdict::Refusal;

/// Bundles larger than this, in bytes, are not read: one with a certificate and proofs of
/// a transparency log takes ten thousand.
pub(super) const MAX_BUNDLE: u64 = 1 << 20;

/// How many signatures of one envelope are looked at.
const MAX_SIGNATURES: usize = 16;

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Bundle {
    media_type: String,
    /// Says which key it is by, or proves more than key pairs do.
    #[serde(default, skip_deserializing)]
    verification_material: Material,
    #[serde(skip_serializing_if = "Option::is_none")]
    dsse_envelope: Option<Envelope>,
    #[serde(skip_serializing_if = "Option::is_none")]
    message_signature: Option<MessageSignature>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Material {
    public_key: Hint,
}

#[derive(Default, Serialize)]
struct Hint {
    hint: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Envelope {
    payload: String,
    payload_type: String,
    signatures: Vec<EnvelopeSignature>,
}

#[derive(Serialize, Deserialize)]
struct EnvelopeSignature {
    sig: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct MessageSignature {
    signature: String,
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    predicate_type: String,
    /// What else is said; nothing is, in a signature.
    #[serde(default, skip_deserializing)]
    predicate: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
struct Subject {
    digest: SubjectDigest,
}

#[derive(Serialize, Deserialize)]
struct SubjectDigest {
    sha256: Option<String>,
}

/// A bundle that signs a root.
pub(super) fn write(key: &PrivateKey, public: &PublicKey, root: &Digest) -> Vec<u8> {
    let digest = SubjectDigest {
        sha256: Some(root.hex()),
    };
    let statement = json(&Statement {
        kind: STATEMENT.to_owned(),
        subject: vec![Subject { digest }],
        predicate_type: SIGN_PREDICATE.to_owned(),
        predicate: BTreeMap::new(),
    });
    let signature = key.sign(&encoding(IN_TOTO, &statement));
    let envelope = Envelope {
        payload: BASE64.encode(&statement),
        payload_type: IN_TOTO.to_owned(),
        signatures: vec![EnvelopeSignature {
            sig: BASE64.encode(signature),
        }],
    };
    json(&Bundle {
        media_type: BUNDLE.to_owned(),
        verification_material: Material {
            public_key: Hint {
                hint: public.hint(),
            },
        },
        dsse_envelope: Some(envelope),
        message_signature: None,
    })
}

/// Writing to memory what has string keys only cannot fail.
fn json(value: &impl Serialize) -> Vec<u8> {
    serde_json::to_vec(value).unwrap_or_default()
}

/// Checks a bundle by one of some keys, and returns which one it was.
pub(super) fn check<'k>(
    bundle: &[u8],
    root: &Manifest,
    keys: &'k [PublicKey],
) -> Result<&'k PublicKey, Refusal> {
    let malformed = || Refusal::Malformed("bundle");
    let bundle: Bundle = serde_json::from_slice(bundle).map_err(|_| malformed())?;
    if bundle.media_type != BUNDLE {
        return Err(Refusal::OtherKind);
    }
    match (bundle.dsse_envelope, bundle.message_signature) {
        (Some(envelope), None) => envelope.check(&root.digest(), keys),
        (None, Some(message)) => {
            let signature = decode(&message.signature)?;
            keys.iter()
                .find(|key| key.verify(root.raw(), &signature))
                .ok_or(Refusal::NotByKey)
        }
        _ => Err(malformed()),
    }
}

impl Envelope {
    fn check<'k>(&self, root: &Digest, keys: &'k [PublicKey]) -> Result<&'k PublicKey, Refusal> {
        if self.payload_type != IN_TOTO {
            return Err(Refusal::OtherKind);
        }
        let payload = decode(&self.payload)?;
        let message = encoding(&self.payload_type, &payload);
        let mut refusal = Refusal::NoSignature;
        let mut by = None;
        for signature in self.signatures.iter().take(MAX_SIGNATURES) {
            match decode(&signature.sig) {
                Ok(signature) => {
                    by = by.or_else(|| keys.iter().find(|key| key.verify(&message, &signature)));
                    refusal = Refusal::NotByKey;
                }
                Err(malformed) => refusal = malformed,
            }
        }
        let key = by.ok_or(refusal)?;
        let statement: Statement =
            serde_json::from_slice(&payload).map_err(|_| Refusal::Malformed("statement"))?;
        // An attestation, such as a list of parts, is signed but approves of nothing.
        if statement.kind != STATEMENT || statement.predicate_type != SIGN_PREDICATE {
            return Err(Refusal::OtherKind);
        }
        let hex = root.hex();
        let mut subjects = statement.subject.iter();
        if !subjects.any(|subject| subject.digest.sha256.as_ref() == Some(&hex)) {
            return Err(Refusal::OtherDigest);
        }
        Ok(key)
    }
}

/// What an envelope's signature is over (DSSE, "PAE").
fn encoding(kind: &str, payload: &[u8]) -> Vec<u8> {
    let mut message = format!("DSSEv1 {} {kind} {} ", kind.len(), payload.len()).into_bytes();
    message.extend_from_slice(payload);
    message
}

fn decode(text: &str) -> Result<Vec<u8>, Refusal> {
    BASE64
        .decode(text)
        .map_err(|_| Refusal::Malformed("base64"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_encoding_is_that_of_the_specification() {
        // From the protocol's own test vector.
        assert_eq!(
            encoding("http://example.com/HelloWorld", b"hello world"),
            b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
        );
    }
}
