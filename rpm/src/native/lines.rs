//! Reading the lines of a part, one at a time.

use std::io::{BufRead, BufReader, Read};

use super::Part;
use super::line::Line;
use crate::compression::{Compression, Decompressor};
use crate::error::{MetadataError, MetadataErrorKind};
use crate::intern::Interner;
use crate::limits::Limits;

/// The longest line that is read, in bytes: a package of half a million files.
const MAX_LINE: usize = 64 << 20;

/// Size of the buffers between the stages, in bytes.
const BUFFER: usize = 64 << 10;

/// The lines of a part.
pub(super) struct Lines<R: Read> {
    source: BufReader<Decompressor<BufReader<R>>>,
    line: Vec<u8>,
    interner: Interner,
    count: u64,
    part: Part,
}

impl<R: Read> Lines<R> {
    /// Begins to read the gzip file of a part.
    pub(super) fn new(part: Part, source: R, limits: Limits) -> Result<Self, MetadataError> {
        let source = BufReader::with_capacity(BUFFER, source);
        let source = Decompressor::new(source, part.file(), limits)?;
        if source.compression() != Compression::Gzip {
            return Err(MetadataError::malformed("it is not gzip").in_file(part.file()));
        }
        Ok(Self {
            source: BufReader::with_capacity(BUFFER, source),
            line: Vec::new(),
            interner: Interner::new(),
            count: 0,
            part,
        })
    }

    /// Fails unless that many lines were read.
    pub(super) fn expect(&self, packages: u64) -> Result<(), MetadataError> {
        if self.count == packages {
            return Ok(());
        }
        Err(MetadataError::malformed(format!(
            "it has {} lines, and the catalogue says that it has {packages} packages",
            self.count
        ))
        .in_file(self.part.file()))
    }

    /// The facts of the next line; `None` at the end.
    pub(super) fn next<T: Line>(&mut self) -> Result<Option<T>, MetadataError> {
        let Self {
            line,
            interner,
            part,
            ..
        } = self;
        line.clear();
        let limit = MAX_LINE as u64 + 1;
        let read = (&mut self.source).take(limit).read_until(b'\n', line);
        let read = read.map_err(|error| MetadataError::from_io(&error).in_file(part.file()))?;
        if read == 0 {
            return Ok(None);
        }
        self.count += 1;
        let parsed = match line.strip_suffix(b"\n") {
            Some(line) => T::from_json(line, interner),
            None if read > MAX_LINE => Err(MetadataError::new(
                MetadataErrorKind::TooLarge,
                format!("it is longer than {MAX_LINE} bytes"),
            )),
            None => Err(MetadataError::malformed("it was cut off")),
        };
        parsed.map(Some).map_err(|error| {
            let entry = format!("line {}", self.count);
            error.in_entry(|| entry).in_file(part.file())
        })
    }
}
