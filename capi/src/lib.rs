//! libocirepo: the OCI registry client as a C library that does no I/O.
//!
//! The contract for those who call from C is in `docs/capi.md` and in the header,
//! `capi/include/ocirepo.h`, which is made from the documentation here. This crate only
//! translates: what a session does is the core's.
//!
//! | what | where |
//! | --- | --- |
//! | how calls end, and what keeps panics in | `status` |
//! | text, bytes and lists | `text` |
//! | structs that may grow | `versioned` |
//! | references and digests | `reference`, `digest` |
//! | the settings of a session | `config` |
//! | a session, driven by its host | `session`, `output` |
//! | everything a session can be asked for | `start` |
//! | what comes of it | `result` |
//! | the bytes of blobs | `sink`, `source` |
//! | an RPM repository | `repository`, `package`, `locate` |
//!
//! # Safety
//!
//! What every function asks of its caller is the same, so it is said here once:
//!
//! - a handle is NULL or came from this library, was not freed or given back, and is not used
//!   by another call at the same time;
//! - text, bytes and lists that go in are as long as is said, and stay as they are until the
//!   call returns;
//! - a struct with a `size` is that large; a place for a result can hold it.
//!
//! Whatever else a caller does wrong ends in a status.

#![allow(
    non_camel_case_types,
    reason = "the names are those of C, which the header is made from"
)]
#![allow(
    clippy::missing_safety_doc,
    reason = "all functions ask the same of their callers; the crate says it once"
)]

mod config;
mod digest;
mod locate;
mod output;
mod package;
mod reference;
mod repository;
mod result;
mod session;
mod sink;
mod source;
mod start;
mod status;
mod text;
mod versioned;

pub use config::*;
pub use digest::*;
pub use locate::*;
pub use output::*;
pub use package::*;
pub use reference::*;
pub use repository::*;
pub use result::*;
pub use session::*;
pub use sink::*;
pub use source::*;
pub use start::*;
pub use status::ocirepo_status;
pub use text::{ocirepo_bytes, ocirepo_pair, ocirepo_str};

/// The version of the library the program runs with: `0x00MMmmpp`.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_version() -> u32 {
    OCIREPO_VERSION
}

/// The version of the header.
pub const OCIREPO_VERSION: u32 = 0x0000_0100;

/// An operation, exchange or size that is none or not known.
pub const OCIREPO_NOTHING: u64 = 0xffff_ffff_ffff_ffff;

#[cfg(test)]
mod tests {
    #[test]
    fn the_version_is_that_of_the_package() {
        let part = |text: &str| text.parse::<u32>().unwrap();
        let version = part(env!("CARGO_PKG_VERSION_MAJOR")) << 16
            | part(env!("CARGO_PKG_VERSION_MINOR")) << 8
            | part(env!("CARGO_PKG_VERSION_PATCH"));
        assert_eq!(super::OCIREPO_VERSION, version);
    }
}
