//! rpm-md for the sample packages.

use ocirepo::Digest;
use ocirepo_rpm::checksum::{Checksum, ChecksumKind};
use ocirepo_rpm::evr::{Evr, Nevra};
use ocirepo_rpm::filelists::PackageFiles;
use ocirepo_rpm::href::Href;
use ocirepo_rpm::other::{Change, PackageChanges};
use ocirepo_rpm::package::{
    Comparison, Dependencies, Dependency, Details, File, FileKind, Package, Sizes,
};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::write::{self, FilelistsWriter, MetadataFile, OtherWriter, PrimaryWriter};
use rpm::{DependencyFlags, FileFlags, FileType, PackageMetadata};

use super::sample::{self, BUILT};
use crate::exit::Failure;

/// A file of the repository: its path and its content.
pub(super) type Named = (String, Vec<u8>);

/// The files of `repodata`, `repomd.xml` last.
pub(super) fn repodata(samples: &[sample::Package]) -> Result<Vec<Named>, Failure> {
    let (mut packages, mut files, mut changes) = (Vec::new(), Vec::new(), Vec::new());
    for sample in samples {
        let header = PackageMetadata::parse(&mut &*sample.content).map_err(Failure::failed)?;
        let package = package(sample, &header).map_err(Failure::failed)?;
        let (pkgid, nevra) = (package.checksum, package.nevra.clone());
        files.push(PackageFiles {
            pkgid,
            nevra: nevra.clone(),
            files: listed(&header).map_err(Failure::failed)?,
        });
        let entries = header.get_changelog_entries().map_err(Failure::failed)?;
        changes.push(PackageChanges {
            pkgid,
            nevra,
            changes: entries
                .into_iter()
                .map(|entry| Change {
                    author: entry.name.into(),
                    date: entry.timestamp,
                    text: entry.description.into(),
                })
                .collect(),
        });
        packages.push(package);
    }
    let mut repomd = Repomd {
        revision: Some(BUILT.to_string()),
        ..Repomd::default()
    };
    let count = packages.len() as u64;
    let file = |kind: &str| MetadataFile::gzip(kind, &format!("{kind}.xml"), Vec::new());
    let mut primary = PrimaryWriter::new(file("primary"), count)?;
    for package in &packages {
        primary.write(package)?;
    }
    let mut filelists = FilelistsWriter::new(file("filelists"), count)?;
    for package in &files {
        filelists.write(package)?;
    }
    let mut other = OtherWriter::new(file("other"), count)?;
    for package in &changes {
        other.write(package)?;
    }
    let mut repodata = Vec::new();
    for file in [primary.finish()?, filelists.finish()?, other.finish()?] {
        let (record, content) = file.finish(Some(BUILT.into()))?;
        repodata.push((record.location.path().to_owned(), content));
        repomd.records.push(record);
    }
    let repomd = write::repomd(&repomd).into_bytes();
    repodata.push(("repodata/repomd.xml".to_owned(), repomd));
    Ok(repodata)
}

fn package(sample: &sample::Package, header: &PackageMetadata) -> Result<Package, rpm::Error> {
    let evr = Evr::new(
        header.get_epoch().unwrap_or(0),
        header.get_version()?,
        header.get_release()?,
    );
    let offsets = header.get_package_segment_offsets();
    let installed = header.get_installed_size()?;
    let text = |text: Result<&str, rpm::Error>| text.unwrap_or_default().to_owned();
    Ok(Package {
        nevra: Nevra {
            name: header.get_name()?.into(),
            evr,
            arch: header.get_arch()?.into(),
        },
        checksum: sha256(&sample.content)
            .map_err(|error| rpm::Error::from(std::io::Error::other(error.to_string())))?,
        location: Href::from_path(&sample.path)
            .map_err(|error| rpm::Error::from(std::io::Error::other(error.to_string())))?,
        base: None,
        size: Sizes {
            package: sample.content.len() as u64,
            installed,
            archive: installed,
        },
        file_time: BUILT.into(),
        build_time: header.get_build_time()?,
        details: Details {
            summary: header.get_summary()?.into(),
            description: header.get_description()?.into(),
            packager: text(header.get_packager()).into(),
            url: text(header.get_url()).into(),
            license: header.get_license()?.into(),
            vendor: text(header.get_vendor()).into(),
            group: text(header.get_group()).into(),
            build_host: text(header.get_build_host()).into(),
            source_rpm: text(header.get_source_rpm()).into(),
            header_range: Some(offsets.header..offsets.payload),
        },
        dependencies: Dependencies {
            provides: dependencies(header.get_provides()?),
            requires: dependencies(header.get_requires()?),
            ..Dependencies::default()
        },
        files: listed(header)?
            .into_iter()
            .filter(|file| is_primary(&file.path))
            .collect(),
    })
}

fn listed(header: &PackageMetadata) -> Result<Vec<File>, rpm::Error> {
    let entries = header.get_file_entries()?;
    let files = entries.iter().map(|entry| File {
        path: entry.path().to_string_lossy().into(),
        kind: if entry.flags().contains(FileFlags::GHOST) {
            FileKind::Ghost
        } else if entry.mode().file_type() == FileType::Dir {
            FileKind::Dir
        } else {
            FileKind::File
        },
        checksum: None,
    });
    Ok(files.collect())
}

/// What createrepo_c puts into `primary`.
fn is_primary(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

/// What rpm itself provides is nobody's to find in a repository.
fn dependencies(all: Vec<rpm::Dependency>) -> Box<[Dependency]> {
    all.into_iter()
        .filter(|dependency| !dependency.flags.contains(DependencyFlags::RPMLIB))
        .map(|dependency| Dependency {
            comparison: comparison(dependency.flags),
            evr: (!dependency.version.is_empty()).then(|| evr(&dependency.version).into()),
            pre: false,
            name: dependency.name.into(),
        })
        .collect()
}

fn comparison(flags: DependencyFlags) -> Option<Comparison> {
    let has = |flag| flags.contains(flag);
    match (
        has(DependencyFlags::LESS),
        has(DependencyFlags::EQUAL),
        has(DependencyFlags::GREATER),
    ) {
        (true, true, _) => Some(Comparison::LessOrEqual),
        (true, false, _) => Some(Comparison::Less),
        (false, true, true) => Some(Comparison::GreaterOrEqual),
        (false, false, true) => Some(Comparison::Greater),
        (false, true, false) => Some(Comparison::Equal),
        (false, false, false) => None,
    }
}

fn evr(text: &str) -> Evr {
    let (epoch, rest) = text.split_once(':').unwrap_or(("0", text));
    let (version, release) = rest.rsplit_once('-').unwrap_or((rest, ""));
    Evr::new(epoch.parse().unwrap_or(0), version, release)
}

fn sha256(content: &[u8]) -> Result<Checksum, Failure> {
    Checksum::from_hex(ChecksumKind::Sha256, &Digest::of(content).hex()).map_err(Failure::failed)
}
