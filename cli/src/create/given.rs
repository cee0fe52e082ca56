//! Metadata that is passed in: groups, advisories, modules.

use std::fs::File;
use std::io::{BufReader, Read, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use ocirepo_rpm::compression::Decompressor;
use ocirepo_rpm::comps::Comps;
use ocirepo_rpm::error::MetadataError;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::updateinfo::Updateinfo;
use ocirepo_rpm::write::MetadataFile;

use super::file::{Compression, Written, make, not_written};
use super::find::unreadable;
use crate::exit::Failure;

/// Files with metadata beside that of packages. What a repository has stays there unless
/// it is given anew.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Metadata")]
pub(crate) struct Given {
    /// Package groups: comps.xml
    #[arg(long, value_name = "FILE")]
    pub(crate) comps: Option<PathBuf>,
    /// Advisories: updateinfo.xml
    #[arg(long, value_name = "FILE")]
    pub(crate) updateinfo: Option<PathBuf>,
    /// Module streams: modules.yaml
    #[arg(long, value_name = "FILE")]
    pub(crate) modules: Option<PathBuf>,
}

impl Given {
    pub(crate) fn is_empty(&self) -> bool {
        self.comps.is_none() && self.updateinfo.is_none() && self.modules.is_none()
    }

    /// Reads the files, compressed or not, and writes them as they go into the repository.
    ///
    /// Groups are there as they are and as gzip, as createrepo_c writes them: some clients
    /// look for the one, some for the other.
    pub(crate) fn write(
        &self,
        directory: &Path,
        compression: Compression,
    ) -> Result<Vec<Written>, Failure> {
        let mut written = Vec::new();
        if let Some(path) = &self.comps {
            let content = content(path)?;
            let name = path.display().to_string();
            Comps::read(&content[..], &name, Limits::default())?;
            written.push(plain(directory, "group", "comps.xml", &content)?);
            let gz = Compression::Gz;
            written.push(one(directory, "group_gz", "comps.xml", gz, &content)?);
        }
        if let Some(path) = &self.updateinfo {
            let content = content(path)?;
            let name = path.display().to_string();
            for advisory in Updateinfo::open(&content[..], &name, Limits::default())? {
                advisory?;
            }
            let name = "updateinfo.xml";
            written.push(one(directory, "updateinfo", name, compression, &content)?);
        }
        if let Some(path) = &self.modules {
            let content = content(path)?;
            check_modules(path, &content)?;
            let name = "modules.yaml";
            written.push(one(directory, "modules", name, compression, &content)?);
        }
        Ok(written)
    }
}

/// The content of a file, decompressed.
fn content(path: &Path) -> Result<Vec<u8>, Failure> {
    let name = path.display().to_string();
    let file = File::open(path).map_err(|error| unreadable(path, &error))?;
    let mut content = Vec::new();
    Decompressor::new(BufReader::new(file), &name, Limits::default())?
        .read_to_end(&mut content)
        .map_err(|error| {
            let inner = error
                .get_ref()
                .and_then(|e| e.downcast_ref::<MetadataError>());
            match inner {
                Some(error) => Failure::from(error.clone()),
                None => unreadable(path, &error),
            }
        })?;
    Ok(content)
}

/// Makes sure of what can be said without a reader of YAML: that it is text with modulemd
/// documents.
fn check_modules(path: &Path, content: &[u8]) -> Result<(), Failure> {
    let documents = std::str::from_utf8(content).is_ok_and(|text| {
        text.lines()
            .any(|line| line.trim_end().starts_with("document: modulemd"))
    });
    match documents {
        true => Ok(()),
        false => Err(Failure::failed(format!(
            "cannot read {}: it has no modulemd document",
            path.display()
        ))),
    }
}

fn one(
    directory: &Path,
    kind: &str,
    name: &str,
    compression: Compression,
    content: &[u8],
) -> Result<Written, Failure> {
    let fill = |mut making: super::file::Making| {
        making
            .write_all(content)
            .map_err(|error| not_written(directory, error))?;
        Ok(making)
    };
    make(directory, kind, name, compression, fill)
}

fn plain(directory: &Path, kind: &str, name: &str, content: &[u8]) -> Result<Written, Failure> {
    let file = directory.join(kind);
    let failed = |error| not_written(&file, error);
    let to = File::create(&file).map_err(failed)?;
    let mut making = MetadataFile::plain(kind, name, to);
    making.write_all(content).map_err(failed)?;
    let (record, _) = making.finish(None).map_err(failed)?;
    Ok(Written { record, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMPS: &str = "<comps><group><id>g</id><name>G</name></group></comps>";
    const UPDATES: &str = "<updates><update type='security' from='me' status='final'>\
         <id>U-1</id><title>t</title><pkglist/></update></updates>";
    const MODULES: &str = "---\ndocument: modulemd\nversion: 2\n";

    fn given(directory: &Path) -> Given {
        let file = |name: &str, content: &str| {
            let path = directory.join(name);
            std::fs::write(&path, content).unwrap();
            Some(path)
        };
        Given {
            comps: file("c.xml", COMPS),
            updateinfo: file("u.xml", UPDATES),
            modules: file("m.yaml", MODULES),
        }
    }

    #[test]
    fn each_file_becomes_the_records_that_clients_look_for() {
        let directory = tempfile::tempdir().unwrap();
        let given = given(directory.path());
        let written = given.write(directory.path(), Compression::Zstd).unwrap();
        let names: Vec<(&str, &str)> = written
            .iter()
            .map(|written| {
                let name = written.record.location.file_name();
                (&*written.record.kind, name.split_once('-').unwrap().1)
            })
            .collect();
        assert_eq!(
            names,
            [
                ("group", "comps.xml"),
                ("group_gz", "comps.xml.gz"),
                ("updateinfo", "updateinfo.xml.zst"),
                ("modules", "modules.yaml.zst"),
            ]
        );
    }

    #[test]
    fn what_is_not_what_it_is_given_for_is_named() {
        let directory = tempfile::tempdir().unwrap();
        let good = given(directory.path());
        for (given, message) in [
            (
                Given {
                    comps: good.updateinfo.clone(),
                    ..Given::default()
                },
                "u.xml",
            ),
            (
                Given {
                    updateinfo: good.modules.clone(),
                    ..Given::default()
                },
                "m.yaml",
            ),
            (
                Given {
                    modules: good.comps.clone(),
                    ..Given::default()
                },
                "no modulemd document",
            ),
            (
                Given {
                    comps: Some(directory.path().join("gone")),
                    ..Given::default()
                },
                "gone",
            ),
        ] {
            let error = given.write(directory.path(), Compression::Gz).unwrap_err();
            assert!(error.to_string().contains(message), "{error}");
        }
    }
}
