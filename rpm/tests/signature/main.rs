//! Which signatures of `repomd.xml` are believed, and where that differs from what `gpg`
//! and `sqv` say.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

mod certs;
mod peers;
mod real;

use ocirepo_rpm::signature::{self, Good, Keyring, Refusal, SecretKey};
use pgp::composed::KeyType;
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{Notation, SignatureType, Subpacket, SubpacketData};
use pgp::ser::Serialize;

use certs::{CREATED, Cert, DATA, Flags, SIGNED, Signing, Spec, SubSpec, armored};

/// When signatures are checked here; the peers check at the time of day.
const NOW: u64 = SIGNED as u64 + 1_000_000;

/// One signature, and who believes it.
struct Case {
    name: &'static str,
    spec: Spec,
    signing: Signing,
    /// What we say.
    ours: Result<(), Refusal>,
    gpg: bool,
    sqv: bool,
}

impl Case {
    fn new(name: &'static str, ours: Result<(), Refusal>) -> Self {
        Self {
            name,
            spec: Spec::default(),
            signing: Signing::default(),
            gpg: ours.is_ok(),
            sqv: ours.is_ok(),
            ours,
        }
    }

    fn spec(mut self, spec: Spec) -> Self {
        self.spec = spec;
        self
    }

    fn subkey(mut self, subkey: SubSpec) -> Self {
        self.spec.subkey = Some(subkey);
        self.signing.with_subkey = true;
        self
    }

    fn primary(mut self, kind: KeyType) -> Self {
        self.spec.kind = kind;
        self
    }

    fn signing(mut self, signing: Signing) -> Self {
        self.signing = signing;
        self
    }

    fn peers(mut self, gpg: bool, sqv: bool) -> Self {
        (self.gpg, self.sqv) = (gpg, sqv);
        self
    }

    /// The certificate and the signature, armored.
    fn make(self) -> (Cert, String) {
        let cert = self.spec.make();
        let signature = armored(cert.sign(self.signing));
        (cert, signature)
    }
}

fn at(seconds: u32) -> u64 {
    u64::from(seconds)
}

fn cases() -> Vec<Case> {
    let hash = |hash| Signing {
        hash,
        ..Signing::default()
    };
    let weak = |hash: &str| {
        Err(Refusal::WeakHash {
            hash: hash.to_owned(),
        })
    };
    let kind = |kind| Spec {
        kind,
        ..Spec::default()
    };
    let critical = Subpacket::critical(SubpacketData::Notation(Notation {
        readable: true,
        name: "only-for@example.org".into(),
        value: "something else".into(),
    }));
    vec![
        Case::new("an Ed25519 key", Ok(())),
        Case::new("an RSA key of 2048 bits", Ok(())).spec(kind(KeyType::Rsa(2048))),
        Case::new("SHA-512", Ok(())).signing(hash(HashAlgorithm::Sha512)),
        Case::new("SHA-224", Ok(()))
            .spec(kind(KeyType::Rsa(2048)))
            .signing(hash(HashAlgorithm::Sha224)),
        Case::new("a signature over text", Ok(())).signing(Signing {
            typ: SignatureType::Text,
            ..Signing::default()
        }),
        Case::new("SHA-1", weak("SHA1"))
            .spec(kind(KeyType::Rsa(2048)))
            .signing(hash(HashAlgorithm::Sha1))
            .peers(true, false),
        Case::new("MD5", weak("MD5"))
            .spec(kind(KeyType::Rsa(2048)))
            .signing(hash(HashAlgorithm::Md5)),
        Case::new(
            "an RSA key of 1024 bits",
            Err(Refusal::WeakKey {
                key: "RSA 1024".to_owned(),
            }),
        )
        .spec(kind(KeyType::Rsa(1024)))
        .peers(true, false),
        Case::new("changed data", Err(Refusal::Wrong)).signing(Signing {
            data: b"<repomd/>",
            ..Signing::default()
        }),
        Case::new(
            "an expired key",
            Err(Refusal::KeyExpired {
                at: at(SIGNED) + 1000,
            }),
        )
        .spec(Spec {
            lifetime: SIGNED - CREATED + 1000,
            ..Spec::default()
        })
        .peers(false, true),
        Case::new("a revoked key", Err(Refusal::KeyRevoked)).spec(Spec {
            revoked: true,
            ..Spec::default()
        }),
        Case::new(
            "a key whose only user ID is revoked",
            Err(Refusal::NotCertified),
        )
        .spec(Spec {
            user_revoked: true,
            ..Spec::default()
        })
        .peers(true, true),
        Case::new("a self-signature with SHA-1", Ok(()))
            .spec(Spec {
                self_hash: HashAlgorithm::Sha1,
                ..kind(KeyType::Rsa(2048))
            })
            .peers(true, false),
        Case::new("a self-signature with MD5", Err(Refusal::NotCertified)).spec(Spec {
            self_hash: HashAlgorithm::Md5,
            ..kind(KeyType::Rsa(2048))
        }),
        Case::new("a primary key without flags", Ok(()))
            .spec(Spec {
                flags: Flags::None,
                ..Spec::default()
            })
            .peers(true, false),
        Case::new(
            "a primary key that may only certify",
            Err(Refusal::NotForSigning),
        )
        .spec(Spec {
            flags: Flags::Certify,
            ..Spec::default()
        }),
        Case::new(
            "an expired signature",
            Err(Refusal::Expired {
                at: at(SIGNED) + 1000,
            }),
        )
        .signing(Signing {
            lifetime: 1000,
            ..Signing::default()
        }),
        Case::new(
            "a signature made in the future",
            Err(Refusal::InTheFuture {
                created: 4_000_000_000,
            }),
        )
        .signing(Signing {
            created: 4_000_000_000,
            ..Signing::default()
        })
        .peers(true, false),
        Case::new(
            "a signature older than its key",
            Err(Refusal::BeforeKey {
                key_created: at(CREATED),
            }),
        )
        .signing(Signing {
            created: CREATED - 1,
            ..Signing::default()
        }),
        Case::new("a critical notation", Err(Refusal::Critical)).signing(Signing {
            extra: vec![critical.unwrap()],
            ..Signing::default()
        }),
        Case::new("a signing subkey", Ok(())).subkey(SubSpec::default()),
        Case::new(
            "a subkey without the signing flag",
            Err(Refusal::NotForSigning),
        )
        .subkey(SubSpec {
            signing_flag: false,
            ..SubSpec::default()
        }),
        Case::new(
            "a subkey without a back-signature",
            Err(Refusal::NoBackSignature),
        )
        .subkey(SubSpec {
            back_signature: false,
            ..SubSpec::default()
        }),
        Case::new("a revoked subkey", Err(Refusal::KeyRevoked)).subkey(SubSpec {
            revoked: true,
            ..SubSpec::default()
        }),
        Case::new(
            "an expired subkey",
            Err(Refusal::KeyExpired {
                at: at(SIGNED) + 1000,
            }),
        )
        .subkey(SubSpec {
            lifetime: SIGNED - CREATED + 1000,
            ..SubSpec::default()
        })
        .peers(false, true),
        Case::new("a subkey bound by another key", Err(Refusal::NotBound)).subkey(SubSpec {
            bound_by_another: true,
            ..SubSpec::default()
        }),
        Case::new("a subkey bound with SHA-1", Ok(()))
            .subkey(SubSpec {
                kind: KeyType::Rsa(2048),
                hash: HashAlgorithm::Sha1,
                ..SubSpec::default()
            })
            .primary(KeyType::Rsa(2048))
            .peers(true, false),
    ]
}

fn verify(asc: &[u8], keys: &Keyring) -> Result<Good, Vec<Refusal>> {
    let verdict = signature::verify(DATA, asc, keys, NOW).unwrap();
    match verdict.good() {
        Some(good) => Ok(good.clone()),
        None => Err(verdict
            .signatures()
            .iter()
            .filter_map(|checked| checked.outcome.clone().err())
            .collect()),
    }
}

fn keyring(cert: &Cert) -> Keyring {
    Keyring::parse(cert.armored().as_bytes()).unwrap()
}

#[test]
fn signatures_are_judged_by_the_policy() {
    for case in cases() {
        let (name, ours) = (case.name, case.ours.clone());
        let (cert, asc) = case.make();
        let found = verify(asc.as_bytes(), &keyring(&cert)).map(drop);
        assert_eq!(found, ours.map_err(|refusal| vec![refusal]), "{name}");
    }
}

#[test]
fn a_signature_of_another_key_names_the_key_that_is_needed() {
    let (signer, other) = (
        Spec::default(),
        Spec {
            seed: 2,
            ..Spec::default()
        }
        .make(),
    );
    let signature = armored(signer.make().sign(Signing::default()));
    let verdict = signature::verify(DATA, signature.as_bytes(), &keyring(&other), NOW).unwrap();
    let error = verdict.into_good().unwrap_err();
    let refusals: Vec<_> = error.verdict().unwrap().signatures().to_vec();
    assert_eq!(refusals[0].outcome, Err(Refusal::UnknownKey));
    assert_eq!(refusals[0].created, Some(at(SIGNED)));
    let fingerprint = &keyring(&signer.make()).fingerprints()[0];
    assert_eq!(refusals[0].issuer.hex(), Some(fingerprint.as_str()));
    let message = error.to_string();
    assert!(
        message.contains(fingerprint) && message.contains("gpgkey="),
        "{message}"
    );
}

#[test]
fn one_good_signature_suffices_among_bad_ones() {
    let good = Spec::default().make();
    let other = Spec {
        seed: 2,
        ..Spec::default()
    }
    .make();
    let expired = good.sign(Signing {
        lifetime: 1,
        ..Signing::default()
    });
    let mut binary = Vec::new();
    for signature in [
        &other.sign(Signing::default()),
        &expired,
        &good.sign(Signing::default()),
    ] {
        pgp::packet::PacketTrait::to_writer_with_header(signature, &mut binary).unwrap();
    }
    let found = verify(&binary, &keyring(&good)).unwrap();
    assert_eq!(found.user_id(), Some("Test <test@example.org>"));

    let blocks = armored(expired) + &armored(good.sign(Signing::default()));
    assert!(verify(blocks.as_bytes(), &keyring(&good)).is_ok());
}

#[test]
fn key_files_hold_several_blocks_with_text_between() {
    let (one, two) = (
        Spec::default().make(),
        Spec {
            seed: 2,
            ..Spec::default()
        }
        .make(),
    );
    let file = format!(
        "The key of 2020\n{}\nThe new key\n{}",
        one.armored(),
        two.armored()
    );
    let keys = Keyring::parse(file.as_bytes()).unwrap();
    assert_eq!(keys.fingerprints().len(), 2);
    let asc = armored(two.sign(Signing::default()));
    assert!(verify(asc.as_bytes(), &keys).is_ok());

    let mut both = keyring(&one);
    both.extend(keyring(&two));
    assert_eq!(both, keys);

    let binary: Vec<u8> = [
        one.public.to_bytes().unwrap(),
        two.public.to_bytes().unwrap(),
    ]
    .concat();
    assert_eq!(Keyring::parse(&binary).unwrap(), keys);
}

#[test]
fn what_is_no_key_or_no_signature_is_said_so() {
    let key = SecretKey::generate("Test <test@example.org>", at(CREATED), [1; 32]).unwrap();
    let public = key.certificate().unwrap();
    let secret = key.to_armored().unwrap();
    let error = Keyring::parse(secret.as_bytes()).unwrap_err().to_string();
    assert!(error.contains("private key"), "{error}");
    for bad in [
        "",
        "not a key",
        "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nAAAA\n-----END PGP ",
    ] {
        let error = Keyring::parse(bad.as_bytes()).unwrap_err().to_string();
        assert!(error.contains("no OpenPGP public key"), "{error}");
    }
    let keys = Keyring::parse(public.as_bytes()).unwrap();
    for bad in ["", "<html>", public.as_str()] {
        let error = signature::verify(DATA, bad.as_bytes(), &keys, NOW).unwrap_err();
        assert!(
            error.to_string().contains("no OpenPGP signature"),
            "{error}"
        );
    }
    let huge = vec![0x89; signature::MAX_SIGNATURE_FILE + 1];
    assert!(signature::verify(DATA, &huge, &keys, NOW).is_err());
}

#[test]
fn the_same_seed_makes_the_same_key_and_signature() {
    let make = || SecretKey::generate("Test <test@example.org>", at(CREATED), [3; 32]).unwrap();
    let sign = || make().sign(DATA, at(SIGNED), None, [4; 32]).unwrap();
    assert_eq!(make().to_armored().unwrap(), make().to_armored().unwrap());
    assert_eq!(sign(), sign());
    let read = SecretKey::parse(make().to_armored().unwrap().as_bytes()).unwrap();
    assert_eq!(read.fingerprint(), make().fingerprint());
    assert!(make().sign(DATA, at(CREATED) - 1, None, [4; 32]).is_err());
}

proptest::proptest! {
    #[test]
    fn no_key_file_or_signature_makes_it_panic(
        at in 0usize..600,
        with in proptest::collection::vec(0u8.., 0..8),
        armor in proptest::bool::ANY,
    ) {
        let key = SecretKey::generate("T", at_fixed(), [1; 32]).unwrap();
        let asc = key.sign(DATA, at_fixed(), None, [1; 32]).unwrap();
        let public = key.certificate().unwrap();
        let mangle = |text: &str| {
            let mut bytes = text.as_bytes().to_vec();
            let at = at.min(bytes.len());
            let end = (at + with.len()).min(bytes.len());
            bytes.splice(at..end, with.iter().copied());
            bytes
        };
        let keys = Keyring::parse(&mangle(&public)).unwrap_or_default();
        let _ = signature::verify(DATA, if armor { asc.as_bytes() } else { &with }, &keys, NOW);
        let keys = Keyring::parse(public.as_bytes()).unwrap();
        if let Ok(verdict) = signature::verify(DATA, &mangle(&asc), &keys, NOW) {
            // Armor has slack (spaces, headers, its checksum); the data has none.
            proptest::prop_assert!(signature::verify(b"x", &mangle(&asc), &keys, NOW).unwrap().good().is_none());
            drop(verdict);
        }
    }
}

fn at_fixed() -> u64 {
    u64::from(CREATED)
}
