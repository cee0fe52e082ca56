//! A header as a table of tags: the form that rpm keeps all of its facts in.
//!
//! ```text
//! magic(4) zero(4) entries(4) store size(4)
//! entries × [ tag(4) type(4) offset(4) count(4) ]        all big-endian
//! store
//! ```
//!
//! Everything in it is hostile. Nothing is allocated from a number in it, and no value is
//! looked at before its bounds are known to be right.

use std::io::{self, Read};

use super::error::{HeaderError, HeaderErrorKind};

/// What a header begins with, the version 1 included.
const MAGIC: [u8; 4] = [0x8e, 0xad, 0xe8, 0x01];

/// Size of what stands before the entries.
pub(super) const INTRO: u64 = 16;

/// Size of an entry.
const ENTRY: u32 = 16;

/// Most entries rpm itself allows.
const MAX_ENTRIES: u32 = 0xffff;

/// A header that was read whole.
pub(super) struct Index {
    entries: Vec<Entry>,
    store: Vec<u8>,
    /// As it lies in the file, the magic excluded.
    raw_intro: [u8; 8],
    raw_entries: Vec<u8>,
}

#[derive(Clone, Copy)]
struct Entry {
    tag: u32,
    kind: u32,
    offset: u32,
    count: u32,
}

// The types of values.
const CHAR: u32 = 1;
const INT8: u32 = 2;
const INT16: u32 = 3;
const INT32: u32 = 4;
const INT64: u32 = 5;
const STRING: u32 = 6;
const STRING_ARRAY: u32 = 8;
const I18N_STRING: u32 = 9;

impl Index {
    /// Reads a header of at most `max` bytes. `what` is what errors call it.
    pub(super) fn read(
        source: &mut impl Read,
        what: &'static str,
        max: u64,
    ) -> Result<Self, HeaderError> {
        let mut intro = [0; INTRO as usize];
        read_exact(source, &mut intro, what)?;
        let [m0, m1, m2, m3, zero @ .., e0, e1, e2, e3, s0, s1, s2, s3] = intro;
        let _: [u8; 4] = zero;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(HeaderError::malformed(format!(
                "no {what} is where one must begin; the file is damaged"
            )));
        }
        let count = u32::from_be_bytes([e0, e1, e2, e3]);
        let size = u32::from_be_bytes([s0, s1, s2, s3]);
        let table = u64::from(count) * u64::from(ENTRY);
        if count > MAX_ENTRIES || table + u64::from(size) > max {
            return Err(HeaderError::too_large(format!(
                "its {what} says it has {count} entries and {size} bytes, \
                 more than {MAX_ENTRIES} entries or {max} bytes in all"
            )));
        }
        let raw_entries = read_vec(source, table, what)?;
        let store = read_vec(source, size.into(), what)?;
        let entries = raw_entries
            .chunks_exact(ENTRY as usize)
            .filter_map(|entry| {
                let mut fields = entry
                    .chunks_exact(4)
                    .filter_map(|field| field.try_into().ok().map(u32::from_be_bytes));
                Some(Entry {
                    tag: fields.next()?,
                    kind: fields.next()?,
                    offset: fields.next()?,
                    count: fields.next()?,
                })
            })
            .collect();
        Ok(Self {
            entries,
            store,
            raw_intro: [e0, e1, e2, e3, s0, s1, s2, s3],
            raw_entries,
        })
    }

    /// Its size in the file.
    pub(super) fn size(&self) -> u64 {
        INTRO + self.raw_entries.len() as u64 + self.store.len() as u64
    }

    /// Its bytes as they lie in the file, in pieces.
    pub(super) fn raw(&self) -> [&[u8]; 5] {
        [
            &MAGIC,
            &[0; 4],
            &self.raw_intro,
            &self.raw_entries,
            &self.store,
        ]
    }

    /// Whether there is such a tag.
    pub(super) fn has(&self, tag: u32) -> bool {
        self.entry(tag).is_some()
    }

    /// The first text of a tag, whatever its number of texts or languages. Every text
    /// comes first in the language of no locale.
    pub(super) fn text(&self, tag: u32) -> Result<Option<&[u8]>, HeaderError> {
        Ok(self.texts(tag)?.next())
    }

    /// The texts of a tag; none if there is no such tag.
    pub(super) fn texts(&self, tag: u32) -> Result<Texts<'_>, HeaderError> {
        let Some(entry) = self.entry(tag) else {
            return Ok(Texts::default());
        };
        let count = match entry.kind {
            STRING => 1,
            STRING_ARRAY | I18N_STRING => entry.count,
            kind => return Err(wrong_type(tag, kind, "text")),
        };
        // Found out now, so that going through them cannot fail.
        let values = self.store.get(entry.offset as usize..).unwrap_or_default();
        let mut rest = values;
        for _ in 0..count {
            let end = rest.iter().position(|b| *b == 0);
            rest = end
                .and_then(|end| rest.get(end + 1..))
                .ok_or_else(|| outside(tag))?;
        }
        Ok(Texts {
            rest: values,
            count,
        })
    }

    /// The numbers of a tag, of any width; none if there is no such tag.
    pub(super) fn numbers(&self, tag: u32) -> Result<Numbers<'_>, HeaderError> {
        let Some(entry) = self.entry(tag) else {
            return Ok(Numbers {
                values: &[],
                width: 1,
            });
        };
        let width = match entry.kind {
            CHAR | INT8 => 1,
            INT16 => 2,
            INT32 => 4,
            INT64 => 8,
            kind => return Err(wrong_type(tag, kind, "number")),
        };
        let start = entry.offset as usize;
        let values = (entry.count as usize)
            .checked_mul(width)
            .and_then(|len| start.checked_add(len))
            .and_then(|end| self.store.get(start..end))
            .ok_or_else(|| outside(tag))?;
        Ok(Numbers { values, width })
    }

    /// The first number of a tag.
    pub(super) fn number(&self, tag: u32) -> Result<Option<u64>, HeaderError> {
        Ok(self.numbers(tag)?.next())
    }

    fn entry(&self, tag: u32) -> Option<Entry> {
        self.entries.iter().find(|entry| entry.tag == tag).copied()
    }
}

/// The texts of a tag, without the NUL behind each.
#[derive(Clone, Default)]
pub(super) struct Texts<'a> {
    rest: &'a [u8],
    count: u32,
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.count = self.count.checked_sub(1)?;
        let end = self.rest.iter().position(|b| *b == 0)?;
        let (text, rest) = self.rest.split_at_checked(end)?;
        self.rest = rest.get(1..)?;
        Some(text)
    }
}

/// The numbers of a tag.
#[derive(Clone)]
pub(super) struct Numbers<'a> {
    values: &'a [u8],
    width: usize,
}

impl Iterator for Numbers<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        let (number, rest) = self.values.split_at_checked(self.width)?;
        self.values = rest;
        Some(number.iter().fold(0, |n, byte| n << 8 | u64::from(*byte)))
    }
}

fn wrong_type(tag: u32, kind: u32, wanted: &str) -> HeaderError {
    HeaderError::malformed(format!(
        "tag {tag} of its header is of type {kind}, which is no {wanted}"
    ))
}

fn outside(tag: u32) -> HeaderError {
    HeaderError::malformed(format!(
        "tag {tag} of its header has values that lie outside of the header"
    ))
}

/// Fills a buffer, or says that the file was cut off.
pub(super) fn read_exact(
    source: &mut impl Read,
    into: &mut [u8],
    what: &str,
) -> Result<(), HeaderError> {
    source.read_exact(into).map_err(|error| match error.kind() {
        io::ErrorKind::UnexpectedEof => cut_off(what),
        _ => HeaderError::source(&error),
    })
}

/// As many bytes as that, which grow with what is there.
fn read_vec(source: &mut impl Read, size: u64, what: &str) -> Result<Vec<u8>, HeaderError> {
    let mut bytes = Vec::new();
    let read = source
        .take(size)
        .read_to_end(&mut bytes)
        .map_err(|error| HeaderError::source(&error))?;
    if read as u64 == size {
        Ok(bytes)
    } else {
        Err(cut_off(what))
    }
}

fn cut_off(what: &str) -> HeaderError {
    HeaderError::new(
        HeaderErrorKind::Truncated,
        format!("the file ends within its {what}: it was cut off"),
    )
}
