//! The exchange and RPM repositories for JavaScript, with `fetch` as the HTTP stack.
//!
//! This crate is what `wasm-bindgen` turns into `ocirepo_bg.wasm`. What people import is
//! `package/ocirepo.js`, typed by `package/ocirepo.d.ts`, which gives it the shapes that are
//! usual there.
//!
//! ```text
//!  package/ocirepo.js   promises, async iterators, errors that can be thrown
//!  ────────────────────────────────────────────────────────────────────────
//!  client, options      what is asked of registries, and how
//!  transfer             blobs to and from files, and what changes a registry
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
mod options;
mod packages;
mod pairs;
mod repository;
mod table;
mod target;
#[cfg(feature = "transfer")]
mod transfer;
mod wait;

use wasm_bindgen::prelude::wasm_bindgen;

pub use client::{Client, Download, parse_reference};
pub use js::{Blob, Call};
pub use packages::PackageTable;
pub use repository::Repository;
#[cfg(feature = "transfer")]
pub use transfer::Partial;

/// The version of the package.
#[wasm_bindgen(skip_typescript)]
pub fn version() -> String {
    env!("CARGO_PKG_VERSION").to_owned()
}
