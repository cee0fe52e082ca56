//! Writing a catalogue: facts in, three parts out.

use std::io::{self, Write};

use flate2::GzBuilder;
use flate2::write::GzEncoder;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::{Algorithm, Digest, Hasher};

use super::Part;
use super::line::Line;
use crate::filelists::PackageFiles;
use crate::href::Href;
use crate::other::PackageChanges;
use crate::package::Package;
use crate::repomd::Record;
use crate::write::{FilelistsWriter, OtherWriter, PrimaryWriter};

/// How much goes to the compressor at once, in bytes, so that what it makes of the lines
/// depends on nothing but the lines.
const PIECE: usize = 64 << 10;

/// Writes the three parts of a catalogue, and hashes the XML they become.
///
/// Each of the three takes the packages in the same order; they may take turns, or come one
/// after the other. One package is in memory at a time.
pub struct CatalogueWriter<W: Write> {
    count: u64,
    packages: Lines<W>,
    primary: PrimaryWriter<Hash>,
    files: Lines<W>,
    filelists: FilelistsWriter<Hash>,
    changes: Lines<W>,
    other: OtherWriter<Hash>,
}

/// The parts of a catalogue as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parts {
    pub(super) packages: u64,
    /// The layers, in the order of [`Part::ALL`].
    pub(super) layers: [Descriptor; 3],
    /// What `repomd.xml` says of the XML they become.
    pub(super) records: [Record; 3],
}

impl<W: Write> CatalogueWriter<W> {
    /// Begins a catalogue of that many packages. The parts are written to `to`, in the
    /// order of [`Part::ALL`].
    pub fn new(packages: u64, to: [W; 3]) -> io::Result<Self> {
        let [to_packages, to_files, to_changes] = to;
        Ok(Self {
            count: packages,
            packages: Lines::new(to_packages),
            primary: PrimaryWriter::new(Hash::new(), packages)?,
            files: Lines::new(to_files),
            filelists: FilelistsWriter::new(Hash::new(), packages)?,
            changes: Lines::new(to_changes),
            other: OtherWriter::new(Hash::new(), packages)?,
        })
    }

    /// Writes what `primary` says of a package. Its checksum must be a SHA-256.
    pub fn package(&mut self, package: &Package) -> io::Result<()> {
        self.packages.write(package)?;
        self.primary.write(package)
    }

    /// Writes what `filelists` says of a package.
    pub fn files(&mut self, files: &PackageFiles) -> io::Result<()> {
        self.files.write(files)?;
        self.filelists.write(files)
    }

    /// Writes what `other` says of a package.
    pub fn changes(&mut self, changes: &PackageChanges) -> io::Result<()> {
        self.changes.write(changes)?;
        self.other.write(changes)
    }

    /// Ends the parts, and gives back where they were written to. Fails when one of them
    /// has another number of packages than was said in the beginning. `timestamp` is what
    /// `repomd.xml` says of when they were made.
    pub fn finish(self, timestamp: Option<u64>) -> io::Result<(Parts, [W; 3])> {
        let (packages, to_packages) = self.packages.finish(Part::Packages)?;
        let (files, to_files) = self.files.finish(Part::Files)?;
        let (changes, to_changes) = self.changes.finish(Part::Changes)?;
        let record = |part, hash: Hash| hash.into_record(part, timestamp);
        let parts = Parts {
            packages: self.count,
            layers: [packages, files, changes],
            records: [
                record(Part::Packages, self.primary.finish()?)?,
                record(Part::Files, self.filelists.finish()?)?,
                record(Part::Changes, self.other.finish()?)?,
            ],
        };
        Ok((parts, [to_packages, to_files, to_changes]))
    }
}

/// A part on its way to where it is kept.
struct Lines<W: Write> {
    gzip: GzEncoder<Through<W>>,
    /// Lines that were not given to the compressor yet.
    pending: Vec<u8>,
}

impl<W: Write> Lines<W> {
    fn new(to: W) -> Self {
        let to = Through {
            to,
            hash: Hash::new(),
        };
        Self {
            gzip: GzBuilder::new().write(to, flate2::Compression::default()),
            pending: Vec::new(),
        }
    }

    fn write(&mut self, facts: &impl Line) -> io::Result<()> {
        facts.to_json(&mut self.pending)?;
        self.pending.push(b'\n');
        let whole = self.pending.len() - self.pending.len() % PIECE;
        for piece in self.pending.get(..whole).unwrap_or_default().chunks(PIECE) {
            self.gzip.write_all(piece)?;
        }
        self.pending.drain(..whole);
        Ok(())
    }

    fn finish(mut self, part: Part) -> io::Result<(Descriptor, W)> {
        self.gzip.write_all(&self.pending)?;
        let mut through = self.gzip.finish()?;
        through.to.flush()?;
        let Hash { hasher, size } = through.hash;
        let descriptor = Descriptor::new(part.media_type(), hasher.finish(), size);
        Ok((descriptor, through.to))
    }
}

/// Passes on what it hashes.
struct Through<W> {
    to: W,
    hash: Hash,
}

impl<W: Write> Write for Through<W> {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        let written = self.to.write(piece)?;
        self.hash.write_all(piece.get(..written).unwrap_or(piece))?;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Hashes and counts what is written.
struct Hash {
    hasher: Hasher,
    size: u64,
}

impl Hash {
    fn new() -> Self {
        Self {
            hasher: Hasher::new(Algorithm::Sha256),
            size: 0,
        }
    }

    /// What `repomd.xml` says of the XML that was hashed. It is not compressed, because
    /// there are as many compressed forms as there are compressors.
    fn into_record(self, part: Part, timestamp: Option<u64>) -> io::Result<Record> {
        let digest: Digest = self.hasher.finish();
        let kind = part.kind();
        let path = format!("repodata/{}-{kind}.xml", digest.hex());
        Ok(Record {
            kind: kind.to_owned(),
            location: Href::from_path(&path).map_err(io::Error::other)?,
            checksum: digest.into(),
            open_checksum: Some(digest.into()),
            header_checksum: None,
            size: Some(self.size),
            open_size: Some(self.size),
            header_size: None,
            timestamp,
            database_version: None,
        })
    }
}

impl Write for Hash {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        self.hasher.update(piece);
        self.size = self.size.saturating_add(piece.len() as u64);
        Ok(piece.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
