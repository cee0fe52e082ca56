//! What must hold for any input, as plain functions of bytes.
//!
//! Each module is one property: a parser, a reader or a whole exchange, and what has to be true of
//! whatever it makes of arbitrary bytes. `fuzz/` hunts for inputs that break it; `tests/corpora.rs`
//! replays what the hunt has kept, and a little chance besides, on any compiler.
//!
//! A check panics when its property does not hold. It may not panic for any other reason, nor take
//! more than a moment or a few MiB.

#![allow(
    clippy::unwrap_used,
    clippy::missing_panics_doc,
    reason = "a check is a test: to panic is its answer"
)]

pub mod catalogue;
pub mod challenge;
pub mod compression;
pub mod cosign;
pub mod evr;
pub mod filelists;
pub mod groups;
pub mod href;
pub mod layout;
pub mod link;
pub mod location;
pub mod manifest;
pub mod metalink;
pub mod name;
pub mod openpgp;
pub mod other;
pub mod primary;
pub mod range;
pub mod reference;
pub mod registry;
pub mod repomd;
pub mod rpm_header;
pub mod session;
mod stream;
pub mod token;
pub mod updateinfo;

/// A property of any bytes; panics where it does not hold.
pub type Check = fn(&[u8]);

/// Every check by the name of its fuzz target, which is also that of its folder in
/// `fuzz/corpus/`.
pub const CHECKS: [(&str, Check); 25] = [
    ("catalogue", catalogue::check),
    ("challenge", challenge::check),
    ("compression", compression::check),
    ("cosign", cosign::check),
    ("evr", evr::check),
    ("filelists", filelists::check),
    ("groups", groups::check),
    ("href", href::check),
    ("layout", layout::check),
    ("link", link::check),
    ("location", location::check),
    ("manifest", manifest::check),
    ("metalink", metalink::check),
    ("name", name::check),
    ("openpgp", openpgp::check),
    ("other", other::check),
    ("primary", primary::check),
    ("range", range::check),
    ("reference", reference::check),
    ("registry", registry::check),
    ("repomd", repomd::check),
    ("rpm_header", rpm_header::check),
    ("session", session::check),
    ("token", token::check),
    ("updateinfo", updateinfo::check),
];
