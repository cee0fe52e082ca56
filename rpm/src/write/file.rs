//! A metadata file on its way to where it is kept.
//!
//! ```text
//! writer ─▶ Hashed ─▶ Pieces ─▶ Compress ─▶ Hashed ─▶ file, upload, memory
//!           open checksum                   checksum
//!           open size                       size
//! ```

use std::io::{self, Write};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use ocirepo::digest::{Algorithm, Digest, Hasher};

use crate::href::Href;
use crate::repomd::Record;

/// How much goes to the compressor at once, in bytes. What a compressor makes of a content
/// may depend on the pieces it gets; this way it depends on the content alone.
const PIECE: usize = 64 << 10;

/// The level of gzip: what createrepo_c uses.
const GZIP_LEVEL: u32 = 6;

/// A compressor, or what stands for one.
///
/// [`Plain`] and [`Gzip`] are here. Others, such as one of the C library of zstd, are the
/// host's.
pub trait Compress: Write {
    /// Where compressed bytes go.
    type To;

    /// What the name of a compressed file ends with: `.gz`.
    fn suffix(&self) -> &'static str;

    /// Writes what is left and gives back where it went.
    fn finish(self) -> io::Result<Self::To>;
}

/// Leaves everything as it is.
pub struct Plain<W>(W);

impl<W: Write> Plain<W> {
    /// Passes everything on.
    pub fn new(to: W) -> Self {
        Self(to)
    }
}

impl<W: Write> Write for Plain<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Compress for Plain<W> {
    type To = W;

    fn suffix(&self) -> &'static str {
        ""
    }

    fn finish(self) -> io::Result<W> {
        Ok(self.0)
    }
}

/// Compresses with gzip, without a name or a time: the same content is the same file.
pub struct Gzip<W: Write>(GzEncoder<W>);

impl<W: Write> Gzip<W> {
    /// Begins a gzip stream.
    pub fn new(to: W) -> Self {
        Self(GzBuilder::new().write(to, flate2::Compression::new(GZIP_LEVEL)))
    }
}

impl<W: Write> Write for Gzip<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.0.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

impl<W: Write> Compress for Gzip<W> {
    type To = W;

    fn suffix(&self) -> &'static str {
        ".gz"
    }

    fn finish(self) -> io::Result<W> {
        self.0.finish()
    }
}

/// Hashes and counts what goes through.
pub struct Hashed<W> {
    to: W,
    hasher: Hasher,
    size: u64,
}

impl<W: Write> Hashed<W> {
    pub(crate) fn new(to: W) -> Self {
        Self {
            to,
            hasher: Hasher::new(Algorithm::Sha256),
            size: 0,
        }
    }

    /// What went through: its SHA-256, its size in bytes, and where it went.
    pub(crate) fn finish(self) -> (Digest, u64, W) {
        (self.hasher.finish(), self.size, self.to)
    }
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.to.write(piece)?;
        self.hasher.update(piece.get(..written).unwrap_or(piece));
        self.size = self.size.saturating_add(written as u64);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Passes on whole pieces of one size, and the rest in the end.
pub(crate) struct Pieces<C> {
    to: C,
    /// What was not passed on yet: a piece at most.
    pending: Vec<u8>,
}

impl<C: Write> Pieces<C> {
    pub(crate) fn new(to: C) -> Self {
        Self {
            to,
            pending: Vec::with_capacity(PIECE),
        }
    }

    pub(crate) fn finish(mut self) -> io::Result<C> {
        self.hand_on()?;
        Ok(self.to)
    }

    fn hand_on(&mut self) -> io::Result<()> {
        self.to.write_all(&self.pending)?;
        self.pending.clear();
        Ok(())
    }
}

impl<C: Write> Write for Pieces<C> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        if self.pending.len() >= PIECE {
            self.hand_on()?;
        }
        let taken = piece.len().min(PIECE - self.pending.len());
        self.pending
            .extend_from_slice(piece.get(..taken).unwrap_or(piece));
        Ok(taken)
    }

    /// Does nothing: what a compressor makes of a content must not depend on when somebody
    /// wished it flushed.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A metadata file of a repository while it is written, which becomes the [`Record`] of
/// `repomd.xml` in the end.
///
/// Write the open content to it. Its name is known only afterwards, for it begins with the
/// checksum: the host writes to a temporary file and renames it.
pub struct MetadataFile<C> {
    kind: String,
    name: String,
    open: Hashed<Pieces<C>>,
}

impl<W: Write> MetadataFile<Plain<Hashed<W>>> {
    /// A file that is kept as it is. `kind` is the type in `repomd.xml`, such as `group`,
    /// and `name` what the name of the file ends with, such as `comps.xml`.
    pub fn plain(kind: &str, name: &str, to: W) -> Self {
        Self::from_parts(kind, name, Plain::new(Hashed::new(to)))
    }
}

impl<W: Write> MetadataFile<Gzip<Hashed<W>>> {
    /// A file that is compressed with gzip. `kind` is the type in `repomd.xml` and `name`
    /// what the name of the file ends with before `.gz`.
    pub fn gzip(kind: &str, name: &str, to: W) -> Self {
        Self::from_parts(kind, name, Gzip::new(Hashed::new(to)))
    }
}

impl<W: Write, C: Compress<To = Hashed<W>>> MetadataFile<C> {
    /// A file with a compressor of the host's, which `compress` makes.
    pub fn new(
        kind: &str,
        name: &str,
        to: W,
        compress: impl FnOnce(Hashed<W>) -> io::Result<C>,
    ) -> io::Result<Self> {
        Ok(Self::from_parts(kind, name, compress(Hashed::new(to))?))
    }

    fn from_parts(kind: &str, name: &str, compress: C) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            open: Hashed::new(Pieces::new(compress)),
        }
    }

    /// Ends the file. Gives what `repomd.xml` says of it, with the location
    /// `repodata/<checksum>-<name>`, and where it was written to.
    pub fn finish(self, timestamp: Option<u64>) -> io::Result<(Record, W)> {
        let (open_digest, open_size, pieces) = self.open.finish();
        let compress = pieces.finish()?;
        let name = format!("{}{}", self.name, compress.suffix());
        let (digest, size, mut to) = compress.finish()?.finish();
        to.flush()?;
        let record = record(&self.kind, &name, (digest, size), (open_digest, open_size));
        let record = Record {
            timestamp,
            ..record?
        };
        Ok((record, to))
    }
}

impl<C: Write> Write for MetadataFile<C> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.open.write(piece)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.open.flush()
    }
}

/// What `repomd.xml` says of a file: by digest and size as it is, and as it is open.
pub(crate) fn record(
    kind: &str,
    name: &str,
    (digest, size): (Digest, u64),
    (open_digest, open_size): (Digest, u64),
) -> io::Result<Record> {
    let path = format!("repodata/{}-{name}", digest.hex());
    let location = Href::from_path(&path)
        .map_err(|error| io::Error::new(io::ErrorKind::InvalidInput, error.to_string()))?;
    Ok(Record {
        kind: kind.to_owned(),
        location,
        checksum: digest.into(),
        open_checksum: Some(open_digest.into()),
        header_checksum: None,
        size: Some(size),
        open_size: Some(open_size),
        header_size: None,
        timestamp: None,
        database_version: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::metadata;
    use std::io::Read;

    /// What a repository has much of: nearly the same lines.
    fn content() -> Vec<u8> {
        (0..20_000u32)
            .flat_map(|n| format!("<file>/usr/share/{}/{n}</file>\n", n * n % 977).into_bytes())
            .collect()
    }

    fn opened(record: &Record, file: &[u8]) -> Vec<u8> {
        let mut content = Vec::new();
        metadata::open(record, file, Limits::default())
            .unwrap()
            .read_to_end(&mut content)
            .unwrap();
        content
    }

    #[test]
    fn the_record_vouches_for_the_file() {
        let content = content();
        let mut file = MetadataFile::gzip("primary", "primary.xml", Vec::new());
        file.write_all(&content).unwrap();
        let (record, written) = file.finish(Some(7)).unwrap();
        assert_eq!(opened(&record, &written), content);
        assert_eq!((&*record.kind, record.timestamp), ("primary", Some(7)));
        let path = format!("repodata/{}-primary.xml.gz", record.checksum.hex());
        assert_eq!(record.location.path(), path);
        assert_eq!(record.open_size, Some(content.len() as u64));
        assert!(written.len() * 4 < content.len());
    }

    #[test]
    fn a_plain_file_is_its_own_open_form() {
        let mut file = MetadataFile::plain("modules", "modules.yaml", Vec::new());
        file.write_all(b"---\n").unwrap();
        let (record, written) = file.finish(None).unwrap();
        assert_eq!(written, b"---\n");
        assert_eq!(Some(record.checksum), record.open_checksum);
        assert_eq!(record.size, record.open_size);
        assert!(record.location.path().ends_with("-modules.yaml"));
    }

    #[test]
    fn the_pieces_written_do_not_show() {
        let content = content();
        let write = |piece: usize| {
            let mut file = MetadataFile::gzip("other", "other.xml", Vec::new());
            for piece in content.chunks(piece) {
                file.write_all(piece).unwrap();
                file.flush().unwrap();
            }
            file.finish(None).unwrap()
        };
        let whole = write(usize::MAX);
        for piece in [1, 999, PIECE - 1, PIECE, PIECE + 1] {
            assert_eq!(write(piece), whole, "in pieces of {piece}");
        }
    }

    #[test]
    fn gzip_says_no_time_and_no_name() {
        let (_, written) = MetadataFile::gzip("other", "other.xml", Vec::new())
            .finish(Some(7))
            .unwrap();
        assert_eq!(written[..8], [0x1f, 0x8b, 8, 0, 0, 0, 0, 0]);
    }

    #[test]
    fn a_host_may_bring_its_compressor() {
        struct Doubled<W>(W);
        impl<W: Write> Write for Doubled<W> {
            fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
                self.0.write_all(piece)?;
                self.0.write_all(piece)?;
                Ok(piece.len())
            }
            fn flush(&mut self) -> io::Result<()> {
                self.0.flush()
            }
        }
        impl<W: Write> Compress for Doubled<W> {
            type To = W;
            fn suffix(&self) -> &'static str {
                ".twice"
            }
            fn finish(mut self) -> io::Result<W> {
                self.0.write_all(b".")?;
                Ok(self.0)
            }
        }
        let mut file = MetadataFile::new("x", "x", Vec::new(), |to| Ok(Doubled(to))).unwrap();
        file.write_all(b"ab").unwrap();
        let (record, written) = file.finish(None).unwrap();
        assert_eq!(written, b"abab.");
        assert_eq!((record.size, record.open_size), (Some(5), Some(2)));
        assert!(record.location.path().ends_with("-x.twice"));
    }
}
