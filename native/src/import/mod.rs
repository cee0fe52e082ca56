//! Plain repositories, as web servers have them, on their way into a registry.
//!
//! An [`Origin`] is a repository at a URL, a mirror list or a metalink, with its metadata
//! read and verified; its files are fetched one by one, each verified against the metadata.

mod address;
mod error;
mod mirrors;
mod origin;
mod rewrite;
mod web;

pub use address::Address;
pub use error::{ImportError, ImportErrorKind};
pub use mirrors::Fetched;
pub use origin::{Named, Options, Origin};
