//! Writing a catalogue: facts in, three parts out.

use std::io::{self, Write};

use ocirepo::descriptor::Descriptor;

use super::Part;
use super::line::Line;
use crate::filelists::PackageFiles;
use crate::other::PackageChanges;
use crate::package::Package;
use crate::repomd::Record;
use crate::write::{
    Compress as _, FilelistsWriter, Gzip, Hashed, OtherWriter, Pieces, PrimaryWriter, record,
};

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
            primary: PrimaryWriter::new(hash(), packages)?,
            files: Lines::new(to_files),
            filelists: FilelistsWriter::new(hash(), packages)?,
            changes: Lines::new(to_changes),
            other: OtherWriter::new(hash(), packages)?,
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
        let record = |part, hash: Hash| made(hash, part, timestamp);
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
    gzip: Pieces<Gzip<Hashed<W>>>,
    line: Vec<u8>,
}

impl<W: Write> Lines<W> {
    fn new(to: W) -> Self {
        Self {
            gzip: Pieces::new(Gzip::new(Hashed::new(to))),
            line: Vec::new(),
        }
    }

    fn write(&mut self, facts: &impl Line) -> io::Result<()> {
        self.line.clear();
        facts.to_json(&mut self.line)?;
        self.line.push(b'\n');
        self.gzip.write_all(&self.line)
    }

    fn finish(self, part: Part) -> io::Result<(Descriptor, W)> {
        let (digest, size, mut to) = self.gzip.finish()?.finish()?.finish();
        to.flush()?;
        Ok((Descriptor::new(part.media_type(), digest, size), to))
    }
}

/// Where XML goes of which only the digest is wanted.
type Hash = Hashed<io::Sink>;

fn hash() -> Hash {
    Hashed::new(io::sink())
}

/// What `repomd.xml` says of the XML that a part becomes. It is not compressed, because
/// there are as many compressed forms as there are compressors.
fn made(hash: Hash, part: Part, timestamp: Option<u64>) -> io::Result<Record> {
    let (digest, size, _) = hash.finish();
    let (kind, made) = (part.kind(), (digest, size));
    let record = record(kind, &format!("{kind}.xml"), made, made)?;
    Ok(Record {
        timestamp,
        ..record
    })
}
