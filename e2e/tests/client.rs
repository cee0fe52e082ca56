//! What `ocirepo` must be seen doing with the content of real registries.
//!
//! Run with `cargo xtask e2e [FILTER]`.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

#[path = "client/credentials.rs"]
mod credentials;
#[path = "client/interrupted.rs"]
mod interrupted;
#[path = "client/the_lab_itself.rs"]
mod the_lab_itself;
#[path = "client/tls.rs"]
mod tls;
