//! The OCI registry client as a state machine that does no I/O.

pub mod auth;
pub mod capabilities;
pub mod clock;
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
pub mod operation;
pub mod platform;
pub mod range;
mod redirect;
pub mod reference;
pub mod retry;
pub mod retry_after;
pub mod session;
pub mod sink;
pub mod source;

pub use clock::Now;
pub use descriptor::Descriptor;
pub use digest::Digest;
pub use error::{Error, ErrorKind};
pub use manifest::Manifest;
pub use reference::{Location, Reference};
pub use session::Session;

/// The examples of the README compile.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
