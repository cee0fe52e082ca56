//! What `ocirepo` must be seen doing with real registries and the real dnf.
//!
//! Run with `cargo xtask e2e [FILTER]`.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

#[path = "e2e/fixture.rs"]
mod fixture;
#[path = "e2e/interrupted.rs"]
mod interrupted;
#[path = "e2e/layouts.rs"]
mod layouts;
#[path = "e2e/requests.rs"]
mod requests;
#[path = "e2e/snapshots.rs"]
mod snapshots;
#[path = "e2e/tampering.rs"]
mod tampering;
#[path = "e2e/the_lab_itself.rs"]
mod the_lab_itself;
#[path = "e2e/tls.rs"]
mod tls;
