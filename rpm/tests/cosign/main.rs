//! Keys as cosign keeps them, and signatures of roots.

#![allow(clippy::unwrap_used, reason = "a test may panic")]

mod keys;
#[path = "../layouts/registry.rs"]
#[allow(dead_code, reason = "another target uses all of it")]
mod registry;
mod signatures;

use ocirepo_rpm::cosign::{PrivateKey, PublicKey};

/// What the files in `data` were encrypted with. They were made with the Python libraries
/// `cryptography` and `pynacl`, after the description of the format.
const PASSWORD: &str = "open sesame";

fn data(name: &str) -> Vec<u8> {
    let path = format!("{}/tests/cosign/data/{name}", env!("CARGO_MANIFEST_DIR"));
    std::fs::read(path).unwrap()
}

fn private(name: &str) -> PrivateKey {
    PrivateKey::parse(&data(name), None).unwrap()
}

fn public(name: &str) -> PublicKey {
    PublicKey::parse(&data(name)).unwrap()
}
