//! Writing rpm-md: the same facts give the same bytes, always.
//!
//! The form is createrepo_c's: attributes in its order, two spaces a level, elements of the
//! root not indented where there may be many, and nothing that depends on the machine or the
//! hour.
//!
//! Packages are written one after another to any [`io::Write`](std::io::Write), so a
//! repository of any size takes the memory of one package. [`MetadataFile`] stands between a
//! writer and where the file goes; it compresses, and knows in the end what `repomd.xml` has
//! to say of the file.
//!
//! ```
//! use ocirepo_rpm::repomd::Repomd;
//! use ocirepo_rpm::write::{self, MetadataFile, OtherWriter};
//!
//! let file = MetadataFile::gzip("other", "other.xml", Vec::new());
//! let writer = OtherWriter::new(file, 0)?;
//! let (record, compressed) = writer.finish()?.finish(Some(1_700_000_000))?;
//! assert_eq!(record.size, Some(compressed.len() as u64));
//! assert!(record.location.path().ends_with("-other.xml.gz"));
//!
//! let repomd = Repomd {
//!     revision: Some("1700000000".to_owned()),
//!     records: vec![record],
//!     ..Repomd::default()
//! };
//! let written = write::repomd(&repomd);
//! assert_eq!(Repomd::parse(written.as_bytes())?, repomd);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod document;
mod file;
mod filelists;
mod other;
mod primary;
mod repomd;
mod xml;

pub use file::{Compress, Gzip, Hashed, MetadataFile, Plain};
pub(crate) use file::{Pieces, record};
pub use filelists::{FilelistsWriter, filelists_element};
pub use other::{OtherWriter, other_element};
pub use primary::{PrimaryWriter, primary_element};
pub use repomd::repomd;
