//! The exchange and RPM repositories for JavaScript, with `fetch` as the HTTP stack.
//!
//! This crate is what `wasm-bindgen` turns into `ocirepo_bg.wasm`. What people import is
//! `package/ocirepo.js`, typed by `package/ocirepo.d.ts`, which gives it the shapes that are
//! usual there.

use wasm_bindgen::prelude::wasm_bindgen;

/// The version of the package.
#[wasm_bindgen]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
