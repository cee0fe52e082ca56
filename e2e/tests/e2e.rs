//! What `ocirepo` must be seen doing with real registries and the real dnf.
//!
//! Run with `cargo xtask e2e [FILTER]`.

#[path = "e2e/fixture.rs"]
mod fixture;
#[path = "e2e/the_lab_itself.rs"]
mod the_lab_itself;
