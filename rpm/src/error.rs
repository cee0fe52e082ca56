//! The error of everything that reads repository metadata.

use std::fmt;
use std::io;

/// What is wrong with a metadata file, for a program to match on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum MetadataErrorKind {
    /// It is not what its format says: broken XML, a missing attribute, a value
    /// that is no number, a compressed stream that ends early.
    Malformed,
    /// It points out of the repository.
    Outside,
    /// It is of a form that is not read, such as zchunk.
    Unsupported,
    /// It exceeds one of the [`Limits`](crate::limits::Limits).
    TooLarge,
    /// Its size or checksum is not the one that vouches for it.
    Corrupt,
    /// The host could not read it.
    Source,
}

/// Why a metadata file could not be read.
///
/// Displays as one line: the file, where in it, what is wrong.
#[derive(Clone, Debug)]
pub struct MetadataError(Box<Inner>);

#[derive(Clone, Debug)]
struct Inner {
    kind: MetadataErrorKind,
    file: Box<str>,
    entry: Option<Box<str>>,
    position: Option<u64>,
    message: String,
}

impl MetadataError {
    pub(crate) fn new(kind: MetadataErrorKind, message: impl Into<String>) -> Self {
        Self(Box::new(Inner {
            kind,
            file: Box::default(),
            entry: None,
            position: None,
            message: message.into(),
        }))
    }

    pub(crate) fn malformed(message: impl Into<String>) -> Self {
        Self::new(MetadataErrorKind::Malformed, message)
    }

    /// The error behind an I/O error: what one of our own readers reported, or
    /// whatever the host's reader said.
    pub(crate) fn from_io(error: &io::Error) -> Self {
        error
            .get_ref()
            .and_then(|inner| inner.downcast_ref::<Self>())
            .cloned()
            .unwrap_or_else(|| Self::new(MetadataErrorKind::Source, error.to_string()))
    }

    /// Says in which file, unless that is known already.
    pub(crate) fn in_file(mut self, file: &str) -> Self {
        if self.0.file.is_empty() {
            self.0.file = shorten(file, 4096).into();
        }
        self
    }

    /// Says behind which byte of the uncompressed file, unless that is known already.
    pub(crate) fn at(mut self, position: u64) -> Self {
        self.0.position.get_or_insert(position);
        self
    }

    /// Says in which entry of the file, unless that is known already.
    pub(crate) fn in_entry(mut self, entry: impl FnOnce() -> String) -> Self {
        self.0
            .entry
            .get_or_insert_with(|| excerpt(&entry()).into_boxed_str());
        self
    }

    /// What kind of error it is.
    pub fn kind(&self) -> MetadataErrorKind {
        self.0.kind
    }

    /// The file it is about, as the caller named it; empty when nobody named one.
    pub fn file(&self) -> &str {
        &self.0.file
    }

    /// The byte of the uncompressed file behind which reading stopped.
    pub fn position(&self) -> Option<u64> {
        self.0.position
    }
}

impl fmt::Display for MetadataError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            file,
            entry,
            position,
            message,
            ..
        } = &*self.0;
        f.write_str("cannot read ")?;
        f.write_str(if file.is_empty() { "metadata" } else { file })?;
        if let Some(entry) = entry {
            write!(f, ", {entry}")?;
        }
        if let Some(position) = position {
            write!(f, ", at byte {position}")?;
        }
        write!(f, ": {message}")
    }
}

impl std::error::Error for MetadataError {}

impl From<MetadataError> for io::Error {
    fn from(error: MetadataError) -> Self {
        let kind = match error.kind() {
            MetadataErrorKind::Source => io::ErrorKind::Other,
            _ => io::ErrorKind::InvalidData,
        };
        io::Error::new(kind, error)
    }
}

/// The beginning of a hostile text, made harmless for a message.
pub(crate) fn excerpt(text: &str) -> String {
    shorten(text, 120)
}

/// The first characters of a text, those escaped that are not to be shown.
pub(crate) fn shorten(text: &str, max: usize) -> String {
    let mut short: String = text.chars().take(max).flat_map(escape).collect();
    if text.chars().nth(max).is_some() {
        short.push('…');
    }
    short
}

/// Leaves everything printable as it is, quotes included.
fn escape(c: char) -> impl Iterator<Item = char> {
    let printable = matches!(c, '\'' | '"' | '\\');
    printable
        .then_some(c)
        .into_iter()
        .chain((!printable).then(|| c.escape_debug()).into_iter().flatten())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_file_entry_and_position() {
        let error = MetadataError::malformed("no `href`")
            .in_file("primary.xml")
            .in_entry(|| "package 3 (bash)".to_owned())
            .at(17)
            .in_file("other name")
            .at(18);
        assert_eq!(
            error.to_string(),
            "cannot read primary.xml, package 3 (bash), at byte 17: no `href`"
        );
    }

    #[test]
    fn survives_a_trip_through_an_io_error() {
        let error = MetadataError::new(MetadataErrorKind::Corrupt, "bad").in_file("x");
        let io = io::Error::from(error);
        assert_eq!(
            MetadataError::from_io(&io).kind(),
            MetadataErrorKind::Corrupt
        );
        let io = io::Error::other("disk on fire");
        let error = MetadataError::from_io(&io);
        assert_eq!(error.kind(), MetadataErrorKind::Source);
        assert_eq!(error.to_string(), "cannot read metadata: disk on fire");
    }

    #[test]
    fn excerpts_are_short_and_show_no_control_characters() {
        assert_eq!(excerpt("a\u{1b}'\"\n"), "a\\u{1b}'\"\\n");
        assert_eq!(excerpt(&"é".repeat(500)).chars().count(), 121);
    }
}
