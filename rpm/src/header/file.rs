//! The front of a package file: lead, signature header, header.
//!
//! ```text
//! lead(96) signature header, padded to 8 bytes  header  payload
//! ```

use std::io::Read;

use rpm::{IndexSignatureTag, IndexTag};
use sha2::{Digest as _, Sha256};

use super::error::{HeaderError, HeaderErrorKind};
use super::index::{self, Index};
use crate::checksum::{Checksum, ChecksumKind};

use super::{Header, HeaderOptions, changes, dependencies, files, package};

/// Size of the lead.
const LEAD: u64 = 96;

/// What a lead begins with.
const MAGIC: [u8; 4] = [0xed, 0xab, 0xee, 0xdb];

/// What a delta RPM begins with.
const DELTA_MAGIC: [u8; 4] = *b"drpm";

/// Everything before the payload.
pub(super) struct Front {
    pub(super) signature: Index,
    pub(super) header: Index,
    /// Where the header begins in the file.
    pub(super) start: u64,
}

impl Front {
    pub(super) fn read(
        source: &mut impl Read,
        options: &HeaderOptions,
    ) -> Result<Self, HeaderError> {
        read_lead(source)?;
        let signature = Index::read(source, "signature header", options.size)?;
        let mut start = LEAD + signature.size();
        let padding = start.next_multiple_of(8) - start;
        let mut pad = [0; 8];
        let pad = pad.get_mut(..padding as usize).unwrap_or_default();
        index::read_exact(source, pad, "signature header")?;
        start += padding;
        let header = Index::read(source, "header", options.size)?;
        let front = Self {
            signature,
            header,
            start,
        };
        front.verify()?;
        Ok(front)
    }

    /// Makes sure that the header is the one its SHA-256 was written for. Whoever installs
    /// the package does the same and refuses a damaged one.
    fn verify(&self) -> Result<(), HeaderError> {
        let tag = IndexSignatureTag::RPMSIGTAG_SHA256 as u32;
        let Some(wanted) = self.signature.text(tag)? else {
            return Ok(());
        };
        let mut hasher = Sha256::new();
        for piece in self.header.raw() {
            hasher.update(piece);
        }
        let found: String = hasher
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        if wanted.eq_ignore_ascii_case(found.as_bytes()) {
            Ok(())
        } else {
            Err(HeaderError::new(
                HeaderErrorKind::Damaged,
                format!(
                    "its header has the SHA-256 {found}, its signature header says {}: \
                     it was damaged; get it again",
                    crate::error::excerpt(&String::from_utf8_lossy(wanted))
                ),
            ))
        }
    }

    /// Where the payload begins in the file.
    pub(super) fn end(&self) -> u64 {
        self.start + self.header.size()
    }

    /// Everything that the header says.
    pub(super) fn header(&self, options: &HeaderOptions) -> Result<Header, HeaderError> {
        let files = files::files(&self.header, options)?;
        let mut package = package::draft(self, options)?;
        package.dependencies =
            dependencies::dependencies(&self.header, &package.nevra, &files, options)?;
        package.files = files
            .iter()
            .filter(|file| files::is_primary(&file.path))
            .map(|file| crate::package::File {
                checksum: None,
                ..file.clone()
            })
            .collect();
        Ok(Header {
            package,
            files,
            changes: changes::changes(&self.header, options)?,
            file: Box::default(),
            expected: self.expected_size()?,
            payload: self.payload_checksum()?,
        })
    }

    /// The SHA-256 of the compressed payload, where the header has that.
    fn payload_checksum(&self) -> Result<Option<Checksum>, HeaderError> {
        let digest = self.header.text(IndexTag::RPMTAG_PAYLOADSHA256 as u32)?;
        let digest = digest.and_then(|digest| std::str::from_utf8(digest).ok());
        Ok(digest.and_then(|hex| Checksum::from_hex(ChecksumKind::Sha256, hex).ok()))
    }

    /// How many bytes the file has: packages up to version 4 say in their signature header
    /// what comes behind that, those of version 6 the size of their payload.
    fn expected_size(&self) -> Result<Option<u64>, HeaderError> {
        use IndexSignatureTag as Tag;
        for tag in [Tag::RPMSIGTAG_LONGSIZE, Tag::RPMSIGTAG_SIZE] {
            if let Some(size) = self.signature.number(tag as u32)? {
                return Ok(self.start.checked_add(size));
            }
        }
        let payload = self.header.number(IndexTag::RPMTAG_PAYLOADSIZE as u32)?;
        Ok(payload.and_then(|size| self.end().checked_add(size)))
    }
}

/// Reads the lead, of which only the beginning means anything.
fn read_lead(source: &mut impl Read) -> Result<(), HeaderError> {
    let mut lead = Vec::new();
    source
        .take(LEAD)
        .read_to_end(&mut lead)
        .map_err(|error| HeaderError::source(&error))?;
    let not_a_package = |message: String| HeaderError::new(HeaderErrorKind::NotAPackage, message);
    match lead.get(..4) {
        None if lead.is_empty() => Err(not_a_package("it is empty, no RPM package".to_owned())),
        Some(magic) if magic == MAGIC => {
            if lead.len() as u64 == LEAD {
                Ok(())
            } else {
                Err(HeaderError::new(
                    HeaderErrorKind::Truncated,
                    "the file ends within its lead: it was cut off",
                ))
            }
        }
        Some(magic) if magic == DELTA_MAGIC => Err(not_a_package(
            "it is a delta RPM, which is no package of its own".to_owned(),
        )),
        _ => {
            let start = lead.get(..4).unwrap_or(&lead);
            Err(not_a_package(format!(
                "it is no RPM package: it begins with `{}`",
                start.escape_ascii()
            )))
        }
    }
}
