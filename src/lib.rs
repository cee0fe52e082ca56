//! The OCI registry client as a state machine that does no I/O.

pub mod descriptor;
pub mod digest;
pub mod error;
pub mod exchange;
mod json;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod reference;

pub use descriptor::Descriptor;
pub use digest::Digest;
pub use error::{Error, ErrorKind};
pub use manifest::Manifest;
pub use reference::{Location, Reference};
