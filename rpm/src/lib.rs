//! RPM repositories as OCI content: the part that does no I/O.
//!
//! | what | where |
//! | --- | --- |
//! | the list of metadata files | [`repomd`] |
//! | checksums and paths | [`checksum`], [`href`] |
//! | errors and caps | [`error`], [`limits`] |
//! | names of files in the `tree` layout | [`name`] |
//! | signatures of `repomd.xml` | [`signature`] |
//! | writing rpm-md | [`mod@write`] |

pub mod checksum;
pub mod error;
mod fields;
pub mod href;
pub mod limits;
pub mod name;
pub mod repomd;
pub mod signature;
pub mod write;
mod xml;
