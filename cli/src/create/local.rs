//! Metadata of packages in a directory, which is published in another way or not at all.

use std::fs;
use std::path::Path;

use ocirepo_rpm::create::{Change, records, select};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::write;

use super::file::{Compression, Written};
use super::metadata::{Olds, Parts};
use super::scan::Scanned;
use crate::exit::Failure;

/// The folder of metadata.
const REPODATA: &str = "repodata";

/// How the metadata is made.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Local {
    pub(crate) compression: Compression,
    /// Whether `filelists-ext` is wanted.
    pub(crate) extended: bool,
    /// The date of the repository, if it was said.
    pub(crate) date: Option<u64>,
}

impl Local {
    /// Makes the folder `repodata` below `directory`, where all files are written first: no
    /// more than moving it is left to do. Gives the number of packages and `repomd.xml`.
    pub(crate) fn write(
        self,
        scanned: &Scanned,
        given: Vec<Written>,
        directory: &Path,
    ) -> Result<(usize, Repomd), Failure> {
        let selection = select(&[], &scanned.new, &Change::default())?;
        let parts = Parts {
            selection: &selection,
            old: &[],
            new: &scanned.new,
            spool: &scanned.spool,
            directory,
            compression: self.compression,
        };
        let written = parts.write(Olds {
            extended: self.extended.then_some(None),
            ..Olds::default()
        })?;
        let date = records::date(None, self.date, selection.coming(&scanned.new));
        let records = |written: &[Written]| {
            let records = written.iter().map(|written| written.record.clone());
            records.collect()
        };
        let of_packages = Some(records(&written));
        let repomd = records::assemble(None, of_packages, records(&given), date);
        let repodata = directory.join(REPODATA);
        fs::create_dir(&repodata).map_err(|error| cannot("write", &repodata, &error))?;
        for Written { record, file } in written.iter().chain(&given) {
            let to = directory.join(record.location.path());
            fs::rename(file, &to).map_err(|error| cannot("write", &to, &error))?;
        }
        let to = repodata.join("repomd.xml");
        fs::write(&to, write::repomd(&repomd)).map_err(|error| cannot("write", &to, &error))?;
        Ok((selection.count(), repomd))
    }
}

/// Puts the folder `repodata` of one directory into another, in place of what is there.
///
/// The old folder is out of the way only for a moment, and is put back when the new one
/// cannot be moved.
pub(crate) fn install(from: &Path, to: &Path) -> Result<(), Failure> {
    let (new, place) = (from.join(REPODATA), to.join(REPODATA));
    let old = from.join("old");
    let failed = |error| cannot("write", &place, &error);
    let is_there = place.exists();
    if is_there {
        fs::rename(&place, &old).map_err(failed)?;
    }
    fs::rename(&new, &place).map_err(|error| {
        if is_there {
            // What it fails with matters less than why this was needed.
            let _ = fs::rename(&old, &place);
        }
        failed(error)
    })
}

pub(crate) fn cannot(what: &str, path: &Path, error: &std::io::Error) -> Failure {
    Failure::failed(format!("cannot {what} {}: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_old_folder_gives_way_to_the_new_one() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        for (folder, name) in [(&from, "new"), (&to, "old")] {
            let repodata = folder.join("repodata");
            fs::create_dir_all(&repodata).unwrap();
            fs::write(repodata.join(name), name).unwrap();
        }
        install(&from, &to).unwrap();
        assert!(to.join("repodata/new").exists());
        assert!(!to.join("repodata/old").exists());
    }

    #[test]
    fn the_old_folder_stays_when_there_is_no_new_one() {
        let root = tempfile::tempdir().unwrap();
        let (from, to) = (root.path().join("from"), root.path().join("to"));
        fs::create_dir_all(&from).unwrap();
        fs::create_dir_all(to.join("repodata")).unwrap();
        fs::write(to.join("repodata/old"), "old").unwrap();
        let error = install(&from, &to).unwrap_err();
        assert!(error.to_string().contains("cannot write"), "{error}");
        assert!(to.join("repodata/old").exists());
    }
}
