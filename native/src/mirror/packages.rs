//! The packages of a snapshot in `native`, which its manifest does not list.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::BufReader;

use ocirepo::reference::Tag;
use ocirepo::{Descriptor, Manifest};
use ocirepo_rpm::layout::{format, tags};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::native::{Catalogue, MAX_CONFIG, Part, Synthesis};
use ocirepo_rpm::primary::Primary;

use super::place::Place;
use crate::error::{Error, Result};
use crate::file::blocking;
use crate::work_dir::WorkDir;

/// Whether a root is a catalogue of packages that are artifacts of their own.
pub(crate) fn is_catalogue(root: &Manifest) -> bool {
    root.config()
        .is_some_and(|config| config.media_type == format::CATALOGUE)
}

/// The tags of the packages in a catalogue.
pub(crate) async fn of(place: &Place, root: &Manifest) -> Result<BTreeSet<Tag>> {
    let Some(config) = root.config() else {
        return Ok(BTreeSet::new());
    };
    let temp = blocking(WorkDir::new).await?;
    if config.size > MAX_CONFIG {
        return Err(Error::Impossible(format!(
            "{}: the config of the catalogue {} has more than {MAX_CONFIG} bytes",
            place.name(),
            root.digest()
        )));
    }
    let raw = file(place, config, temp.path().join("config")).await?;
    let path = raw.clone();
    let raw = blocking(move || std::fs::read(&path).map_err(|e| Error::io("read", &path, e)));
    let catalogue = Catalogue::parse(&raw.await?, root.layers())?;
    let packages = catalogue.part(Part::Packages);
    let path = file(place, packages, temp.path().join("packages")).await?;
    blocking(move || {
        let source = File::open(&path).map_err(|error| Error::io("read", &path, error))?;
        let limits = Limits::default();
        let xml = Synthesis::new(Part::Packages, catalogue.packages(), source, limits)?;
        let packages = Primary::open(BufReader::new(xml), Part::Packages.kind(), limits)?;
        let mut found = BTreeSet::new();
        for package in packages {
            let digest = package?.checksum.to_digest();
            found.extend(digest.and_then(|rpm| tags::package(&rpm)));
        }
        drop(temp);
        Ok(found)
    })
    .await
}

/// A file with a blob: that of the directory, or a copy at this path.
async fn file(
    place: &Place,
    blob: &Descriptor,
    path: std::path::PathBuf,
) -> Result<std::path::PathBuf> {
    match place {
        Place::Registry { client, repository } => {
            client.pull_to_file(repository, blob, &path).await?;
        }
        Place::Directory(directory) => {
            let (layout, digest, path) = (directory.layout.clone(), blob.digest, path.clone());
            blocking(move || layout.get_file(&digest, &path)).await?;
        }
    }
    Ok(path)
}
