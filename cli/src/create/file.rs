//! Metadata files while they are written.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use ocirepo_rpm::repomd::Record;
use ocirepo_rpm::write::{Compress, Gzip, Hashed, MetadataFile};

use crate::exit::Failure;

/// How metadata is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Compression {
    /// What every client reads
    #[value(alias("gzip"))]
    Gz,
    /// Smaller and faster to read; dnf and zypper of the last years read it
    #[value(alias("zst"))]
    Zstd,
}

impl Compression {
    /// How the file that a record names is compressed, if in a way that is written here.
    pub(crate) fn of(record: &Record) -> Option<Self> {
        match record.location.path().rsplit_once('.')? {
            (_, "gz") => Some(Self::Gz),
            (_, "zst") => Some(Self::Zstd),
            _ => None,
        }
    }
}

/// The level of zstd: what createrepo_c uses. Higher ones take minutes for the metadata of
/// a distribution and save a few percent.
const ZSTD_LEVEL: i32 = 10;

/// A metadata file that was written.
#[derive(Clone, Debug)]
pub(crate) struct Written {
    /// What `repomd.xml` says of it.
    pub(crate) record: Record,
    /// Where it is on this machine.
    pub(crate) file: PathBuf,
}

type Sink = Hashed<BufWriter<File>>;

/// A metadata file in the making.
pub(crate) type Making = MetadataFile<Compressor>;

/// One of the compressors there are.
pub(crate) enum Compressor {
    Gzip(Box<Gzip<Sink>>),
    Zstd(Box<zstd::Encoder<'static, Sink>>),
}

impl Write for Compressor {
    fn write(&mut self, piece: &[u8]) -> io::Result<usize> {
        match self {
            Self::Gzip(gzip) => gzip.write(piece),
            Self::Zstd(zstd) => zstd.write(piece),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Gzip(gzip) => gzip.flush(),
            Self::Zstd(zstd) => zstd.flush(),
        }
    }
}

impl Compress for Compressor {
    type To = Sink;

    fn suffix(&self) -> &'static str {
        match self {
            Self::Gzip(gzip) => gzip.suffix(),
            Self::Zstd(_) => ".zst",
        }
    }

    fn finish(self) -> io::Result<Sink> {
        match self {
            Self::Gzip(gzip) => gzip.finish(),
            Self::Zstd(zstd) => zstd.finish(),
        }
    }
}

/// Writes one metadata file into a directory for them. `kind` is its type in `repomd.xml`,
/// `name` what its name ends with before the suffix of the compression.
pub(crate) fn make(
    directory: &Path,
    kind: &str,
    name: &str,
    compression: Compression,
    fill: impl FnOnce(Making) -> Result<Making, Failure>,
) -> Result<Written, Failure> {
    let file = directory.join(kind);
    let failed = |error| not_written(&file, error);
    let to = BufWriter::new(File::create(&file).map_err(failed)?);
    let making = MetadataFile::new(kind, name, to, |to| {
        Ok(match compression {
            Compression::Gz => Compressor::Gzip(Box::new(Gzip::new(to))),
            Compression::Zstd => {
                let mut encoder = zstd::Encoder::new(to, ZSTD_LEVEL)?;
                encoder.include_checksum(true)?;
                Compressor::Zstd(Box::new(encoder))
            }
        })
    })
    .map_err(failed)?;
    let (record, _) = fill(making)?.finish(None).map_err(failed)?;
    Ok(Written { record, file })
}

/// What to say when there is no room for temporary files.
pub(crate) fn not_written(file: &Path, error: impl std::fmt::Display) -> Failure {
    Failure::failed(format!(
        "cannot write {}: {error}; TMPDIR says where temporary files are put",
        file.display()
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ocirepo_rpm::limits::Limits;
    use ocirepo_rpm::metadata;
    use std::io::Read;

    #[test]
    fn what_was_written_reads_the_same_and_is_always_the_same() {
        let directory = tempfile::tempdir().unwrap();
        let content = "some metadata, again and again\n".repeat(10_000);
        for (compression, suffix) in [(Compression::Gz, ".gz"), (Compression::Zstd, ".zst")] {
            let write = |piece: usize| {
                let fill = |mut making: Making| {
                    for piece in content.as_bytes().chunks(piece) {
                        making.write_all(piece)?;
                    }
                    Ok(making)
                };
                make(directory.path(), "other", "other.xml", compression, fill).unwrap()
            };
            let written = write(1000);
            assert!(written.record.location.path().ends_with(suffix));
            assert_eq!(Compression::of(&written.record), Some(compression));
            let file = File::open(&written.file).unwrap();
            let mut read = String::new();
            metadata::open(&written.record, file, Limits::default())
                .unwrap()
                .read_to_string(&mut read)
                .unwrap();
            assert_eq!(read, content);
            assert_eq!(write(77).record, written.record);
        }
    }
}
