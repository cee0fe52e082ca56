//! Writing rpm-md: the same facts give the same bytes, always.
//!
//! The form is createrepo_c's: two spaces a level, attributes in its order, and nothing
//! that depends on the machine or the hour.

mod packages;
mod repomd;
mod xml;

pub use packages::{filelists, other, primary};
pub use repomd::repomd;
