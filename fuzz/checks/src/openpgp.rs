//! Signatures, certificates and private keys of OpenPGP: whatever is read, only the one signature
//! that was made over the data counts, and only for the key that made it.

use std::sync::LazyLock;

use ocirepo_rpm::signature::{Keyring, SecretKey, verify};

const DATA: &[u8] = b"<repomd>\n</repomd>\n";
const OTHER: &[u8] = b"<repomd>\n</repomd>\n ";
const CREATED: u64 = 1_700_000_000;
const NOW: u64 = CREATED + 1000;

struct Fixed {
    fingerprint: String,
    signature: String,
    keys: Keyring,
}

static FIXED: LazyLock<Fixed> = LazyLock::new(|| {
    let key = SecretKey::generate("Demo <demo@example.org>", CREATED, [7; 32]).unwrap();
    let signature = key.sign(DATA, CREATED, None, [8; 32]).unwrap();
    let certificate = key.certificate().unwrap();
    Fixed {
        fingerprint: key.fingerprint(),
        signature,
        keys: Keyring::parse(certificate.as_bytes()).unwrap(),
    }
});

/// Whatever it is, it is tried as a signature, as keys and as a private key.
pub fn check(data: &[u8]) {
    let fixed = &*FIXED;
    if let Ok(verdict) = verify(DATA, data, &fixed.keys, NOW) {
        assert!(!verdict.signatures().is_empty() && verdict.signatures().len() <= 16);
        let good = verdict.good();
        assert!(good.is_none_or(|good| good.signer() == fixed.fingerprint));
        let other = verify(OTHER, data, &fixed.keys, NOW).expect("it reads as before");
        assert!(other.good().is_none(), "a signature of something else");
        let before = verify(DATA, data, &fixed.keys, CREATED - 1).expect("it reads as before");
        assert!(before.good().is_none(), "a signature from the future");
        assert!(
            verify(DATA, data, &Keyring::default(), NOW)
                .unwrap()
                .good()
                .is_none()
        );
    }
    if let Ok(keys) = Keyring::parse(data) {
        assert!(!keys.is_empty());
        let verdict = verify(DATA, fixed.signature.as_bytes(), &keys, NOW).unwrap();
        if let Some(good) = verdict.good() {
            assert_eq!(good.signer(), fixed.fingerprint);
            assert!(keys.fingerprints().contains(&fixed.fingerprint));
        }
    }
    if let Ok(key) = SecretKey::parse(data) {
        let shown = format!("{key:?}");
        assert!(shown.len() < 300, "a private key is not shown: {shown}");
    }
}
