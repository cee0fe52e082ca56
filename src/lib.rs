//! The OCI registry client as a state machine that does no I/O.

pub mod auth;
mod date;
pub mod descriptor;
pub mod digest;
pub mod endpoint;
pub mod error;
pub mod exchange;
mod json;
pub mod link;
pub mod manifest;
pub mod media_type;
pub mod platform;
pub mod range;
pub mod reference;
pub mod retry_after;

pub use descriptor::Descriptor;
pub use digest::Digest;
pub use error::{Error, ErrorKind};
pub use manifest::Manifest;
pub use reference::{Location, Reference};
