//! sha2 alone, compiled as the package is: what `wasm/tests/node/hash.mjs` compares with.

use sha2::{Digest as _, Sha256};
use wasm_bindgen::prelude::wasm_bindgen;

/// The SHA-256 of a piece that lies in the module's memory, hashed again and again.
#[wasm_bindgen(skip_typescript)]
pub fn hash(piece: &[u8], times: u32) -> Vec<u8> {
    let mut hasher = Sha256::new();
    for _ in 0..times {
        hasher.update(piece);
    }
    hasher.finalize().to_vec()
}
