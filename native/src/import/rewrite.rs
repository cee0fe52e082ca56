//! Metadata without `xml:base`: everything is in the repository itself.

use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::Record;
use ocirepo_rpm::write::{self, MetadataFile, PrimaryWriter};

use super::mirrors::Expected;
use super::origin::{Entry, Origin};
use crate::error::{Error, Result};
use crate::file::blocking;

impl Origin {
    /// Writes `primary` and `repomd.xml` anew. The signature of the old one is gone.
    pub(super) async fn rewrite(&mut self) -> Result<()> {
        let old = self.repomd.require("primary")?.clone();
        let file = self.fetch(&old.location).await?;
        let kept = self.keep("primary");
        let (record, kept) = blocking(move || {
            let packages = count(&old, &file)?;
            let record = without_base(&old, &file, packages, &kept)?;
            Ok((record, kept))
        })
        .await?;
        // What else there is of `primary`, such as an SQLite form, still has the old locations.
        let stale =
            |record: &Record| record.kind == "primary" || record.kind.starts_with("primary_");
        let (gone, mut records): (Vec<Record>, Vec<Record>) =
            std::mem::take(&mut self.repomd.records)
                .into_iter()
                .partition(stale);
        for record in gone {
            self.files.remove(&record.location);
        }
        let expected = Expected {
            checksum: record.checksum,
            size: record.size,
        };
        let path = record.location.clone();
        let entry = Entry {
            expected,
            base: None,
        };
        self.files.insert(path.clone(), entry);
        self.kept.insert(path, kept);
        records.insert(0, record);
        self.repomd.records = records;
        self.raw_repomd = write::repomd(&self.repomd).into_bytes();
        self.signature = None;
        Ok(())
    }
}

fn open(record: &Record, file: &Path) -> Result<Primary<metadata::Opened<std::fs::File>>> {
    let raw = std::fs::File::open(file).map_err(|error| Error::io("read", file, error))?;
    let opened = metadata::open(record, raw, Limits::default())?;
    let primary = Primary::open(opened, record.location.path(), Limits::default())?;
    Ok(primary.keep_base())
}

/// How many packages there are, which the new file has to say first.
fn count(record: &Record, file: &Path) -> Result<u64> {
    let mut count = 0;
    for package in open(record, file)? {
        package?;
        count += 1;
    }
    Ok(count)
}

fn without_base(record: &Record, file: &Path, packages: u64, to: &PathBuf) -> Result<Record> {
    let failed = |error: io::Error| Error::io("write", to, error);
    let out = BufWriter::new(std::fs::File::create(to).map_err(failed)?);
    let out = MetadataFile::gzip("primary", "primary.xml", out);
    let mut writer = PrimaryWriter::new(out, packages).map_err(failed)?;
    for package in open(record, file)? {
        let mut package = package?;
        package.base = None;
        writer.write(&package).map_err(failed)?;
    }
    let out = writer.finish().map_err(failed)?;
    // Not the hour of this: the same repository is written the same again.
    let (record, mut out) = out.finish(record.timestamp).map_err(failed)?;
    io::Write::flush(&mut out).map_err(failed)?;
    Ok(record)
}
