//! What is taken for a key.

use ocirepo_rpm::cosign::{PrivateKey, PublicKey};

use super::{PASSWORD, data, private, public};

#[test]
fn encrypted_keys_open_with_their_password() {
    for name in ["cosign.key", "cosign-old.key"] {
        let key = PrivateKey::parse(&data(name), Some(PASSWORD)).unwrap();
        assert_eq!(key.public_key().unwrap(), public("cosign.pub"), "{name}");
    }
    let plain = private("plain.key").public_key().unwrap();
    assert_eq!(plain, public("cosign.pub"));
}

#[test]
fn a_wrong_password_and_none_are_told_apart() {
    let error = PrivateKey::parse(&data("cosign.key"), Some("")).unwrap_err();
    assert!(!error.needs_password());
    assert!(error.to_string().contains("the password does not open"));
    let error = PrivateKey::parse(&data("cosign.key"), None).unwrap_err();
    assert!(error.needs_password(), "{error}");
}

#[test]
fn a_public_key_is_written_as_it_was_read() {
    for name in ["cosign.pub", "rsa.pub", "ed25519.pub"] {
        let text = String::from_utf8(data(name)).unwrap();
        assert_eq!(public(name).to_pem(), text);
    }
}

#[test]
fn other_keys_are_refused_with_their_kind() {
    for (name, expected) in [
        ("p384.pub", "another curve"),
        ("rsa-1024.pub", "1024 bits"),
        ("plain.key", "private key; give the public one"),
        ("cosign.key", "private key; give the public one"),
        ("payload.json", "no -----BEGIN"),
    ] {
        let error = PublicKey::parse(&data(name)).unwrap_err().to_string();
        assert!(error.contains(expected), "{name}: {error}");
    }
    for (name, expected) in [
        ("rsa.key", "RSA, which is not supported"),
        ("cosign.pub", "`PUBLIC KEY`"),
        ("payload.json", "no -----BEGIN"),
    ] {
        let error = PrivateKey::parse(&data(name), None).unwrap_err();
        assert!(error.to_string().contains(expected), "{name}: {error}");
    }
}

/// An encrypted key with something changed in its JSON.
fn changed(from: &str, to: &str) -> Vec<u8> {
    use base64::Engine as _;
    let base64 = base64::engine::general_purpose::STANDARD;
    let text = String::from_utf8(data("cosign.key")).unwrap();
    let body: String = text.lines().filter(|line| !line.contains("---")).collect();
    let json = String::from_utf8(base64.decode(body).unwrap()).unwrap();
    assert!(json.contains(from), "{json}");
    let body = base64.encode(json.replace(from, to));
    format!(
        "-----BEGIN ENCRYPTED SIGSTORE PRIVATE KEY-----\n{body}\n\
         -----END ENCRYPTED SIGSTORE PRIVATE KEY-----\n"
    )
    .into_bytes()
}

#[test]
fn a_key_that_would_cost_too_much_or_is_sealed_in_another_way_is_refused() {
    for (from, to, expected) in [
        (r#""N":65536"#, r#""N":1073741824"#, "cost too much"),
        (
            r#""N":65536"#,
            r#""N":18446744073709551615"#,
            "cost too much",
        ),
        (r#""N":65536"#, r#""N":0"#, "cost too much"),
        (r#""r":8"#, r#""r":4294967295"#, "cost too much"),
        (r#""r":8"#, r#""r":0"#, "cost too much"),
        (r#""p":1"#, r#""p":4000"#, "cost too much"),
        ("scrypt", "argon2", "scrypt"),
        ("nacl/secretbox", "aes", "nacl/secretbox"),
        (r#""nonce":""#, r#""nonce":"AAAA"#, "nonce"),
        (r#""nonce":""#, r#""nonce":"*"#, "not base64"),
        (r#""kdf""#, r#""kfd""#, "JSON"),
    ] {
        let error = PrivateKey::parse(&changed(from, to), Some(PASSWORD)).unwrap_err();
        assert!(error.to_string().contains(expected), "{to}: {error}");
    }
}
