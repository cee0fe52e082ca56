//! Making a repository out of RPM files, and of the snapshot that is there.
//!
//! ```text
//! find ─▶ scan ─▶ spool ┐
//!                       ├─▶ select ─▶ metadata ─▶ plan ─▶ publish
//! snapshot ─▶ before ───┘
//! ```
//!
//! Files are read once. What is right of them is done again when another publisher was
//! faster, on top of the new snapshot.

mod before;
mod contents;
mod file;
mod find;
mod given;
mod local;
mod lost;
mod metadata;
mod prepare;
mod scan;
mod spool;

pub(crate) use file::Compression;
pub(crate) use find::{Files, Found, find, packages, walk};
pub(crate) use given::Given;
pub(crate) use local::{Local, cannot, install};
pub(crate) use lost::{Merges, merge};
pub(crate) use prepare::{Request, Summary};
pub(crate) use scan::{hash, scan};
