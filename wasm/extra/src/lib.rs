//! Signatures of `repomd.xml`, and rare codecs, for JavaScript: the second module, because what
//! OpenPGP needs is larger than all the rest, and most visitors of a page never ask for it.

use std::io::{self, Read};

use js_sys::{Array, Object, Reflect, Uint8Array};
use ocirepo_rpm::compression::Decompressor;
use ocirepo_rpm::error::{MetadataError, MetadataErrorKind};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::signature::{Keyring, verify};
use serde::Serialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

/// Decompresses a metadata file. What it throws has a `kind` and a `message`.
#[wasm_bindgen(skip_typescript)]
pub fn decompress(bytes: &[u8], file: &str) -> Result<Vec<u8>, JsValue> {
    decompressed(bytes, file).map_err(|error| {
        let failure = Object::new();
        for (name, value) in [("kind", kind(&error)), ("message", &error.to_string())] {
            // Plain objects take any property.
            let _ = Reflect::set(&failure, &name.into(), &value.into());
        }
        failure.into()
    })
}

fn decompressed(bytes: &[u8], file: &str) -> io::Result<Vec<u8>> {
    let mut plain = Vec::new();
    Decompressor::new(bytes, file, Limits::default())?.read_to_end(&mut plain)?;
    Ok(plain)
}

/// The kind that an `OcirepoError` of it has.
fn kind(error: &io::Error) -> &'static str {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref());
    match inner.map(MetadataError::kind) {
        Some(MetadataErrorKind::TooLarge) => "too-large",
        Some(MetadataErrorKind::Unsupported) => "unsupported",
        _ => "malformed",
    }
}

/// What `RpmRepository.signature` makes a `SignatureState` of.
#[derive(Serialize)]
struct Found {
    state: &'static str,
    /// Of the keys in each file.
    fingerprints: Vec<Vec<String>>,
    signatures: Vec<Signature>,
}

#[derive(Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Signature {
    good: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    fingerprint: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Checks the detached signature of `repomd.xml` by the keys of some files, at a time in Unix
/// seconds.
#[wasm_bindgen(js_name = checkSignature, skip_typescript)]
pub fn check_signature(repomd: &[u8], signature: &[u8], keys: &Array, now: f64) -> JsValue {
    let files: Vec<Vec<u8>> = keys
        .iter()
        .map(|file| Uint8Array::new(&file).to_vec())
        .collect();
    let found = check(repomd, signature, &files, now as u64);
    let text = serde_json::to_string(&found).unwrap_or_default();
    js_sys::JSON::parse(&text).unwrap_or_default()
}

fn check(repomd: &[u8], signature: &[u8], files: &[Vec<u8>], now: u64) -> Found {
    let mut keys = Keyring::default();
    let mut fingerprints = Vec::new();
    for file in files {
        // What is no key file has no keys; the caller sees that it has none.
        let found = Keyring::parse(file).unwrap_or_default();
        fingerprints.push(found.fingerprints());
        keys.extend(found);
    }
    let (state, signatures) = match verify(repomd, signature, &keys, now) {
        Err(error) => {
            let broken = Signature {
                reason: Some(error.to_string()),
                ..Signature::default()
            };
            ("bad", vec![broken])
        }
        Ok(verdict) => {
            let state = match verdict.good() {
                Some(_) => "good",
                None if keys.is_empty() => "unchecked",
                None => "bad",
            };
            let signatures = verdict.signatures().iter().map(|checked| {
                let issuer = checked.issuer.hex().map(str::to_owned);
                match &checked.outcome {
                    Ok(good) => Signature {
                        good: true,
                        issuer,
                        fingerprint: Some(good.fingerprint().to_owned()),
                        user_id: good.user_id().map(str::to_owned),
                        reason: None,
                    },
                    Err(refusal) => Signature {
                        issuer,
                        reason: Some(refusal.to_string()),
                        ..Signature::default()
                    },
                }
            });
            (state, signatures.collect())
        }
    };
    Found {
        state,
        fingerprints,
        signatures,
    }
}

#[cfg(test)]
mod tests {
    use ocirepo_rpm::signature::SecretKey;

    use super::*;

    const NOW: u64 = 1_700_000_000;

    /// What `echo rare | bzip2` and `echo rare | xz --check=crc32` write.
    const BZIP2: &[u8] = b"\x42\x5a\x68\x39\x31\x41\x59\x26\x53\x59\xc1\x48\x87\x00\x00\x00\x01\xc1\x80\x00\x10\x22\x00\x10\x00\x20\x00\x21\x8c\x83\x34\xd0\x60\xf1\x77\x24\x53\x85\x09\x0c\x14\x88\x70\x00";
    const XZ: &[u8] = b"\xfd\x37\x7a\x58\x5a\x00\x00\x01\x69\x22\xde\x36\x02\x00\x21\x01\x16\x00\x00\x00\x74\x2f\xe5\xa3\x01\x00\x04\x72\x61\x72\x65\x0a\x00\x00\x00\x00\x16\x1e\x80\x69\x00\x01\x19\x05\xbc\xe8\xec\xcb\x90\x42\x99\x0d\x01\x00\x00\x00\x00\x01\x59\x5a";

    #[test]
    fn rare_forms_are_decompressed() {
        assert_eq!(decompressed(BZIP2, "a.xml.bz2").unwrap(), b"rare\n");
        assert_eq!(decompressed(XZ, "a.xml.xz").unwrap(), b"rare\n");
        let error = decompressed(&XZ[..XZ.len() - 9], "a.xml.xz").unwrap_err();
        assert_eq!(kind(&error), "malformed");
        assert!(error.to_string().contains("a.xml.xz"), "{error}");
        let zchunk = b"\0ZCK1\0\0\0";
        let error = decompressed(zchunk, "a.xml.zck").unwrap_err();
        assert_eq!(kind(&error), "unsupported");
    }

    #[test]
    fn a_signature_is_good_by_its_own_key_and_for_its_own_data() {
        let key = SecretKey::generate("Me <me@example.org>", NOW, [7; 32]).unwrap();
        let other = SecretKey::generate("You", NOW, [8; 32]).unwrap();
        let signature = key
            .sign(b"repomd", NOW, None, [9; 32])
            .unwrap()
            .into_bytes();
        let certificate = vec![key.certificate().unwrap().into_bytes()];
        let good = check(b"repomd", &signature, &certificate, NOW + 1);
        assert_eq!(good.state, "good");
        assert_eq!(good.fingerprints, [[key.fingerprint()]]);
        let shown = good.signatures.first().unwrap();
        assert_eq!(shown.user_id.as_deref(), Some("Me <me@example.org>"));
        assert_eq!(
            check(b"repomx", &signature, &certificate, NOW + 1).state,
            "bad"
        );
        let others = vec![
            other.certificate().unwrap().into_bytes(),
            b"no key".to_vec(),
        ];
        let bad = check(b"repomd", &signature, &others, NOW + 1);
        assert_eq!((bad.state, bad.fingerprints.len()), ("bad", 2));
        assert_eq!(
            check(b"repomd", &signature, &[], NOW + 1).state,
            "unchecked"
        );
        assert_eq!(
            check(b"repomd", b"rubbish", &certificate, NOW + 1).state,
            "bad"
        );
    }
}
