//! Whether a directory is what its metadata says.

use std::collections::BTreeMap;

use ocirepo::digest::Algorithm;

use super::error::{Problem, PublishError};
use super::{File, Input, rank};
use crate::checksum::Checksum;
use crate::layout::format::REPOMD;
use crate::native::{Catalogue, Part};

/// The files in the order they have in manifests: `repomd.xml`, its signature, other
/// metadata, everything else, each by path.
///
/// Fails when a file that the metadata lists is missing or another one. Checksums other
/// than SHA-256 are for the reader to check.
pub(super) fn ordered<'a>(input: &'a Input<'_>) -> Result<Vec<&'a File>, PublishError> {
    let mut by_path = BTreeMap::new();
    for file in &input.files {
        if file.digest.algorithm() != Algorithm::Sha256 {
            return Err(Problem::Digest(file.path.clone()).into());
        }
        if by_path.insert(file.path.path(), file).is_some() {
            return Err(Problem::Twice(file.path.clone()).into());
        }
    }
    if input.catalogue.is_none() && !by_path.contains_key(REPOMD) {
        return Err(Problem::NoRepomd.into());
    }
    let repomd = input.catalogue.map_or(input.repomd, Catalogue::repomd);
    for record in &repomd.records {
        if input.catalogue.is_some() && Part::of_kind(&record.kind).is_some() {
            // It is made from the catalogue.
            continue;
        }
        let (path, kind) = (record.location.clone(), record.kind.clone());
        let Some(file) = by_path.get(path.path()) else {
            return Err(Problem::MissingMetadata { path, kind }.into());
        };
        if !is(file, &record.checksum) || record.size.is_some_and(|size| size != file.size) {
            return Err(Problem::ChangedMetadata { path, kind }.into());
        }
    }
    for package in &input.packages {
        match by_path.get(package.path.path()) {
            None => return Err(Problem::MissingPackage(package.path.clone()).into()),
            Some(file) if !is(file, &package.checksum) => {
                return Err(Problem::ChangedPackage(package.path.clone()).into());
            }
            Some(_) => {}
        }
    }
    let mut files: Vec<&File> = by_path.into_values().collect();
    files.sort_by_key(|file| rank(file.path.path()));
    Ok(files)
}

/// Whether a file may have a checksum: as far as the digest tells.
fn is(file: &File, checksum: &Checksum) -> bool {
    checksum
        .to_digest()
        .is_none_or(|digest| digest == file.digest)
}
