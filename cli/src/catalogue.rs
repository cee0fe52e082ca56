//! Metadata as the catalogue of the layout `native`.

use std::fs::File;
use std::io::{BufWriter, Read, Write};
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

/// Makes a catalogue of so many packages, whose parts are in files of a directory. `open`
/// opens metadata files, which are read one after another.
pub(crate) fn make<R: Read>(
    parts: &Path,
    repomd: &Repomd,
    packages: u64,
    open: impl Fn(&Record) -> Result<Opened<R>, Failure>,
) -> Result<Catalogue, Failure> {
    let create = |part| File::create(file(parts, part)).map(BufWriter::new);
    let [a, b, c] = Part::ALL;
    let mut writer = CatalogueWriter::new(packages, [create(a)?, create(b)?, create(c)?])?;
    let record = repomd.require("primary")?;
    write(&mut writer, repomd, record, open)?;
    let (written, _) = writer.finish(record.timestamp)?;
    Ok(Catalogue::new(written, repomd))
}

/// Says that the parts of a catalogue are in files of this directory.
pub(crate) fn put_sources(parts: &Path, sources: &mut Sources) {
    for part in Part::ALL {
        let file = file(parts, part);
        sources.insert(part.source_key(), Local::File(file));
    }
}

/// Opens the metadata file of a record, which is this one.
pub(crate) fn open(record: &Record, path: &Path) -> Result<Opened<File>, Failure> {
    let file = File::open(path)
        .map_err(|error| Failure::failed(format!("cannot read {}: {error}", path.display())))?;
    Ok(metadata::open(record, file, Limits::default())?)
}

/// The catalogue with a signature of its `repomd.xml`.
pub(crate) fn signed(catalogue: &Catalogue, signature: Vec<u8>) -> Result<Catalogue, Failure> {
    let signature = String::from_utf8(signature).map_err(|_| {
        Failure::failed("the signature is not armored; the layout native takes it as text")
    })?;
    Ok(catalogue.clone().signed(signature))
}

fn file(directory: &Path, part: Part) -> PathBuf {
    directory.join(format!("{part}.gz"))
}

fn write<R: Read>(
    writer: &mut CatalogueWriter<impl Write>,
    repomd: &Repomd,
    record: &Record,
    open: impl Fn(&Record) -> Result<Opened<R>, Failure>,
) -> Result<(), Failure> {
    let primary = || -> Result<_, Failure> {
        let path = record.location.path();
        Ok(Primary::open(open(record)?, path, Limits::default())?)
    };
    for package in primary()? {
        writer.package(&package?)?;
    }
    // What a repository leaves out of its metadata is empty.
    if let Some(record) = repomd.record("filelists") {
        let path = record.location.path();
        for files in Filelists::open(open(record)?, path, Limits::default())? {
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
        for changes in Other::open(open(record)?, path, Limits::default())? {
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
