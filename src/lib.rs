//! The OCI registry client as a state machine that does no I/O.

pub mod digest;
pub mod error;
pub mod exchange;

pub use digest::Digest;
pub use error::{Error, ErrorKind};
