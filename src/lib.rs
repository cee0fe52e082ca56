//! The OCI registry client as a state machine that does no I/O.

pub mod digest;
