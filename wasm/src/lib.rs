//! The exchange and RPM repositories for JavaScript, with `fetch` as the HTTP stack.
//!
//! This crate is what `wasm-bindgen` turns into `ocirepo_bg.wasm`. What people import is
//! `package/ocirepo.js`, typed by `package/ocirepo.d.ts`, which gives it the shapes that are
//! usual there.
//!
//! ```text
//!  package/ocirepo.js   promises, async iterators, errors that can be thrown
//!  ────────────────────────────────────────────────────────────────────────
//!  client               what is asked of registries
//!  driver, exchange     the session, and its requests as tasks on the event loop
//!  cors, failure        why something failed, for people
//!  load, repository     RPM repositories and their files
//!  table, packages      the packages in columns: searched, sorted, shown
//! ```

mod client;
mod cors;
mod driver;
mod exchange;
mod failure;
mod gateway;
mod js;
mod json;
mod load;
mod packages;
mod repository;
mod table;
mod target;
mod wait;

use wasm_bindgen::prelude::wasm_bindgen;

pub use client::{Client, Download, parse_reference};
pub use js::Call;
pub use packages::PackageTable;
pub use repository::Repository;

/// The version of the package.
#[wasm_bindgen(skip_typescript)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
