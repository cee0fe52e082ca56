//! From a part of a catalogue to the XML that `repomd.xml` names.

use std::io::{self, Read};

use super::Part;
use super::lines::Lines;
use crate::error::{MetadataError, MetadataErrorKind};
use crate::limits::Limits;
use crate::write::{FilelistsWriter, OtherWriter, PrimaryWriter};

/// A metadata file, written while it is read from the part it is made of.
///
/// Nothing here compares it with what `repomd.xml` says. [`metadata::open`] does, and so
/// does a cache that knows content by its digest; either must.
///
/// [`metadata::open`]: crate::metadata::open
pub struct Synthesis<R: Read> {
    lines: Lines<R>,
    packages: u64,
    /// `None` when the document was ended.
    writer: Option<Writer>,
    /// What was written and not read yet.
    text: Vec<u8>,
    at: usize,
    out: u64,
    limit: u64,
}

enum Writer {
    Primary(PrimaryWriter<Vec<u8>>),
    Filelists(FilelistsWriter<Vec<u8>>),
    Other(OtherWriter<Vec<u8>>),
}

impl<R: Read> Synthesis<R> {
    /// Begins to write the XML of a part. `packages` is how many the catalogue says it has,
    /// and `source` gives the bytes of the part as they are in the registry.
    pub fn new(
        part: Part,
        packages: u64,
        source: R,
        limits: Limits,
    ) -> Result<Self, MetadataError> {
        let to = Vec::new();
        let writer = match part {
            Part::Packages => PrimaryWriter::new(to, packages).map(Writer::Primary),
            Part::Files => FilelistsWriter::new(to, packages).map(Writer::Filelists),
            Part::Changes => OtherWriter::new(to, packages).map(Writer::Other),
        };
        Ok(Self {
            lines: Lines::new(part, source, limits)?,
            packages,
            writer: Some(writer.map_err(|error| MetadataError::from_io(&error))?),
            text: Vec::new(),
            at: 0,
            out: 0,
            limit: limits.open_size,
        })
    }

    /// The same, but an error as soon as there are more bytes than that.
    pub fn at_most(self, size: u64) -> Self {
        Self {
            limit: self.limit.min(size),
            ..self
        }
    }

    /// Writes on; `text` is empty afterwards only at the end.
    fn advance(&mut self) -> io::Result<()> {
        self.text.clear();
        self.at = 0;
        while self.text.is_empty()
            && let Some(writer) = &mut self.writer
        {
            let more = writer.step(&mut self.lines)?;
            std::mem::swap(writer.text(), &mut self.text);
            if !more && let Some(writer) = self.writer.take() {
                self.lines.expect(self.packages)?;
                self.text.extend(writer.finish()?);
            }
        }
        self.out = self.out.saturating_add(self.text.len() as u64);
        if self.out > self.limit {
            let message = format!("it becomes more than {} bytes", self.limit);
            return Err(MetadataError::new(MetadataErrorKind::TooLarge, message).into());
        }
        Ok(())
    }
}

impl Writer {
    /// Writes the next line; `false` when there is none.
    fn step<R: Read>(&mut self, lines: &mut Lines<R>) -> io::Result<bool> {
        Ok(match self {
            Self::Primary(writer) => match lines.next()? {
                Some(package) => writer.write(&package).map(|()| true)?,
                None => false,
            },
            Self::Filelists(writer) => match lines.next()? {
                Some(files) => writer.write(&files).map(|()| true)?,
                None => false,
            },
            Self::Other(writer) => match lines.next()? {
                Some(changes) => writer.write(&changes).map(|()| true)?,
                None => false,
            },
        })
    }

    fn text(&mut self) -> &mut Vec<u8> {
        match self {
            Self::Primary(writer) => writer.get_mut(),
            Self::Filelists(writer) => writer.get_mut(),
            Self::Other(writer) => writer.get_mut(),
        }
    }

    fn finish(self) -> io::Result<Vec<u8>> {
        match self {
            Self::Primary(writer) => writer.finish(),
            Self::Filelists(writer) => writer.finish(),
            Self::Other(writer) => writer.finish(),
        }
    }
}

impl<R: Read> Read for Synthesis<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        if self.at >= self.text.len() {
            self.advance()?;
        }
        let mut rest = self.text.get(self.at..).unwrap_or_default();
        let read = rest.read(into)?;
        self.at += read;
        Ok(read)
    }
}
