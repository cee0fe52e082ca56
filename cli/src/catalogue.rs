//! The metadata of a directory as the catalogue of the layout `native`.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use ocirepo_native::publish::{Local, Sources};
use ocirepo_rpm::filelists::{Filelists, PackageFiles};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata::{self, Opened};
use ocirepo_rpm::native::{Catalogue, CatalogueWriter, Part};
use ocirepo_rpm::other::{Other, PackageChanges};
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::{Record, Repomd};

use crate::exit::Failure;

/// A catalogue whose parts are in files that go when this does.
#[derive(Debug)]
pub(crate) struct Kept {
    pub(crate) catalogue: Catalogue,
    parts: tempfile::TempDir,
}

impl Kept {
    /// Reads the metadata of so many packages, one after another.
    pub(crate) fn of_directory(
        directory: &Path,
        repomd: &Repomd,
        packages: u64,
    ) -> Result<Self, Failure> {
        let parts = tempfile::tempdir().map_err(|error| {
            let place = std::env::temp_dir();
            Failure::failed(format!("cannot write to {}: {error}", place.display()))
        })?;
        let create = |part| File::create(file(parts.path(), part)).map(BufWriter::new);
        let [a, b, c] = Part::ALL;
        let mut writer = CatalogueWriter::new(packages, [create(a)?, create(b)?, create(c)?])?;
        let record = repomd.require("primary")?;
        write(&mut writer, directory, repomd, record)?;
        let (written, _) = writer.finish(record.timestamp)?;
        Ok(Self {
            catalogue: Catalogue::new(written, repomd),
            parts,
        })
    }

    /// Says where the parts are.
    pub(crate) fn put_sources(&self, sources: &mut Sources) {
        for part in Part::ALL {
            let file = file(self.parts.path(), part);
            sources.insert(part.source_key(), Local::File(file));
        }
    }
}

fn file(directory: &Path, part: Part) -> PathBuf {
    directory.join(format!("{part}.gz"))
}

fn write(
    writer: &mut CatalogueWriter<impl Write>,
    directory: &Path,
    repomd: &Repomd,
    record: &Record,
) -> Result<(), Failure> {
    let primary = || -> Result<_, Failure> {
        let path = record.location.path();
        Ok(Primary::open(
            open(directory, record)?,
            path,
            Limits::default(),
        )?)
    };
    for package in primary()? {
        writer.package(&package?)?;
    }
    // What a repository leaves out of its metadata is empty.
    if let Some(record) = repomd.record("filelists") {
        let path = record.location.path();
        for files in Filelists::open(open(directory, record)?, path, Limits::default())? {
            writer.files(&files?)?;
        }
    } else {
        for package in primary()? {
            let package = package?;
            writer.files(&PackageFiles {
                pkgid: package.checksum,
                nevra: package.nevra,
                files: Vec::new(),
            })?;
        }
    }
    if let Some(record) = repomd.record("other") {
        let path = record.location.path();
        for changes in Other::open(open(directory, record)?, path, Limits::default())? {
            writer.changes(&changes?)?;
        }
    } else {
        for package in primary()? {
            let package = package?;
            writer.changes(&PackageChanges {
                pkgid: package.checksum,
                nevra: package.nevra,
                changes: Vec::new(),
            })?;
        }
    }
    Ok(())
}

fn open(directory: &Path, record: &Record) -> Result<Opened<File>, Failure> {
    let path = directory.join(record.location.path());
    let file = File::open(&path)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    Ok(metadata::open(record, file, Limits::default())?)
}
