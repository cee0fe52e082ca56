//! What hosts in Rust share to take part in the host suite.
//!
//! The program of this package plays the scenarios of `tests/hosts/`.

pub mod protocol;
