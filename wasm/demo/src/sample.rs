//! A repository of fruit: sources with their subpackages, over three releases.

use std::io;

use ocirepo::Digest;
use ocirepo_registry::Registry;
use ocirepo_rpm::header::{Facts, HeaderOptions, scan};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::write::{self, FilelistsWriter, MetadataFile, OtherWriter, PrimaryWriter};
use serde_json::{Value, json};

use crate::rpmfile::{Header, tag};

/// How many snapshots there are, each with a tag of its own.
pub(crate) const RELEASES: usize = 3;

const REPOSITORY: &str = "sample/fruit";

/// When the first release was made, in Unix seconds, and how long after it each next one.
const FIRST: u32 = 1_751_328_000;
const APART: u32 = 60 * 86_400;

/// A source package.
struct Source {
    name: &'static str,
    /// Its version in each release; empty where it is not there.
    versions: [&'static str; RELEASES],
    license: &'static str,
    summary: &'static str,
    description: &'static str,
    /// What its packages are called behind its name, and for which architecture they are.
    packages: &'static [(&'static str, &'static str)],
    /// What the first of them needs.
    requires: &'static [&'static str],
    /// Bytes that it installs; so many are said to be there, none is.
    size: u32,
}

const SOURCES: &[Source] = &[
    Source {
        name: "apple",
        versions: ["1.4.0", "1.4.2", "2.0.0~rc1"],
        license: "MIT",
        summary: "A crisp command line for orchards",
        description: "Apple keeps the books of an orchard: trees, harvests and what became of them.",
        packages: &[
            ("", "x86_64"),
            ("-libs", "x86_64"),
            ("-devel", "x86_64"),
            ("-doc", "noarch"),
        ],
        requires: &["apple-libs", "seed-data >= 2.0", "libpear.so.1()(64bit)"],
        size: 4_812_000,
    },
    Source {
        name: "pear",
        versions: ["0.9", "0.9", "0.10"],
        license: "Apache-2.0 OR MIT",
        summary: "A library for things that are alike in shape",
        description: "Pear compares outlines. It knows 0.10 to be newer than 0.9.",
        packages: &[("", "x86_64"), ("-devel", "x86_64")],
        requires: &["libc.so.6(GLIBC_2.34)(64bit)"],
        size: 1_930_000,
    },
    Source {
        name: "seed-data",
        versions: ["2.1", "2.2", "2.3"],
        license: "CC0-1.0",
        summary: "Tables of seeds, for everything that grows",
        description: "Names, sizes and germination times of 4,000 seeds.",
        packages: &[("", "noarch")],
        requires: &[],
        size: 38_000_000,
    },
    Source {
        name: "cherry",
        versions: ["3.11.4", "3.12.0", "3.12.1"],
        license: "GPL-3.0-or-later",
        summary: "Picks the commits you want",
        description: "Cherry walks a history and asks at every fork.",
        packages: &[("", "x86_64"), ("-gui", "x86_64"), ("-lang", "noarch")],
        requires: &["/bin/sh", "apple-libs >= 1.4"],
        size: 7_400_000,
    },
    Source {
        name: "quince",
        versions: ["5", "5", ""],
        license: "GPL-2.0-only",
        summary: "Preserves old file formats",
        description: "Nobody needed it any more: the latest release is without it.",
        packages: &[("", "x86_64")],
        requires: &["pear"],
        size: 610_000,
    },
    Source {
        name: "plum",
        versions: ["", "0.1", "0.3"],
        license: "MPL-2.0",
        summary: "A small daemon that ripens jobs until they are due",
        description: "Plum came with the second release.",
        packages: &[("", "x86_64"), ("-selinux", "noarch")],
        requires: &["seed-data", "plum-selinux"],
        size: 2_250_000,
    },
    Source {
        name: "libFig++",
        versions: ["1.2~beta1^git20250601", "1.2", "1.2.1"],
        license: "BSD-3-Clause",
        summary: "A library whose name and version need care in URLs",
        description: "Tildes sort before everything, carets behind.",
        packages: &[("", "x86_64"), ("-devel", "x86_64"), ("-static", "x86_64")],
        requires: &["libc.so.6(GLIBC_2.34)(64bit)"],
        size: 3_300_000,
    },
    Source {
        name: "orange",
        versions: ["24.6", "24.9", "24.9"],
        license: "LGPL-2.1-or-later",
        summary: "A desktop theme that <b>is not</b> bold & stays text",
        description: "What looks like markup here is text: <img src=x onerror=alert(1)>.",
        packages: &[("", "noarch"), ("-icons", "noarch"), ("-sounds", "noarch")],
        requires: &["seed-data"],
        size: 64_000_000,
    },
    Source {
        name: "lemon",
        versions: ["4.0", "4.0", "4.0"],
        license: "ISC",
        summary: "A parser generator",
        description: "Reads a grammar, writes a table, and asks for nothing.",
        packages: &[("", "x86_64"), ("-doc", "noarch")],
        requires: &[],
        size: 890_000,
    },
];

/// Publishes every release, the last one as `latest` too.
pub(crate) fn publish(registry: &mut Registry) -> Result<(), String> {
    for release in 0..RELEASES {
        let manifest = snapshot(registry, release).map_err(|error| error.to_string())?;
        let mut tags = vec![format!("release-{}", release + 1)];
        if release + 1 == RELEASES {
            tags.push("latest".to_owned());
        }
        for tag in &tags {
            let kind = Some("application/vnd.oci.image.manifest.v1+json");
            registry
                .put_manifest(REPOSITORY, Some(tag), kind, manifest.clone())
                .ok_or("the manifest of the sample is none")?;
        }
    }
    Ok(())
}

/// Stores the files of a release, and returns the manifest that titles them.
fn snapshot(registry: &mut Registry, release: usize) -> io::Result<String> {
    let mut files = packages(release);
    files.sort();
    let mut facts = Vec::new();
    for (path, content) in &files {
        let href = Href::from_path(path).map_err(io::Error::other)?;
        let options = HeaderOptions::default();
        facts.push(scan(&**content, path, href, None, &options).map_err(io::Error::other)?);
    }
    let mut repodata = repodata(&facts, date(release))?;
    repodata.append(&mut files);
    let layers: Vec<Value> = repodata
        .into_iter()
        .map(|(path, content)| {
            let size = content.len();
            let digest = registry.put_blob(REPOSITORY, content);
            json!({
                "mediaType": "application/octet-stream",
                "digest": digest.to_string(),
                "size": size,
                "annotations": { "org.opencontainers.image.title": path },
            })
        })
        .collect();
    let config = registry.put_blob(REPOSITORY, "{}");
    debug_assert_eq!(config, Digest::of(b"{}"));
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "artifactType": "application/vnd.example.repository",
        "config": {
            "mediaType": "application/vnd.oci.empty.v1+json",
            "digest": config.to_string(),
            "size": 2,
        },
        "layers": layers,
        "annotations": {
            "org.opencontainers.image.title": format!("Fruit, release {}", release + 1),
            "org.opencontainers.image.licenses": "CC0-1.0",
        },
    });
    Ok(manifest.to_string())
}

fn date(release: usize) -> u32 {
    FIRST + APART * u32::try_from(release).unwrap_or_default()
}

/// The release in which a source got the version it has in this one.
fn built(source: &Source, release: usize) -> usize {
    let version = source.versions[release];
    let since = source.versions.iter().position(|other| *other == version);
    since.unwrap_or(release)
}

/// The package files of a release, by path.
fn packages(release: usize) -> Vec<(String, Vec<u8>)> {
    let mut files = Vec::new();
    for source in SOURCES {
        if source.versions[release].is_empty() {
            continue;
        }
        for (at, (suffix, arch)) in source.packages.iter().enumerate() {
            let name = format!("{}{suffix}", source.name);
            let nevr = format!("{name}-{}-1", source.versions[release]);
            let header = header(source, release, at, &name, arch);
            let path = format!("Packages/{nevr}.{arch}.rpm");
            files.push((path, header.to_package(&nevr)));
        }
    }
    files
}

/// Equal, and greater or equal, as rpm flags them.
const EQUAL: u32 = 8;
const AT_LEAST: u32 = 12;

fn header(source: &Source, release: usize, at: usize, name: &str, arch: &str) -> Header {
    let version = source.versions[release];
    let since = built(source, release);
    let time = date(since) - 86_400 * (1 + u32::try_from(source.name.len()).unwrap_or_default());
    let evr = format!("{version}-1");
    let size = source.size / (1 + 3 * u32::try_from(at).unwrap_or_default());
    let mut header = Header::new();
    header.strings(tag::I18N_TABLE, ["C"]);
    header.string(tag::NAME, name);
    header.string(tag::VERSION, version);
    header.string(tag::RELEASE, "1");
    let summary = match at {
        0 => source.summary.to_owned(),
        _ => format!("{}: {}", source.summary, &name[source.name.len() + 1..]),
    };
    header.text(tag::SUMMARY, &summary);
    header.text(tag::DESCRIPTION, source.description);
    header.numbers(tag::BUILD_TIME, &[time]);
    header.string(tag::BUILD_HOST, "build1.example.org");
    header.numbers(tag::SIZE, &[size]);
    header.string(tag::VENDOR, "Example Orchard");
    header.string(tag::LICENSE, source.license);
    header.string(tag::PACKAGER, "Example Orchard <orchard@example.org>");
    header.text(tag::GROUP, "Unspecified");
    let site = match source.name {
        // Somebody always tries.
        "orange" => "javascript:alert(1)".to_owned(),
        name => format!("https://example.org/{name}"),
    };
    header.string(tag::URL, &site);
    header.string(tag::OS, "linux");
    header.string(tag::ARCH, arch);
    header.numbers(tag::FILE_SIZES, &[size - size / 4, size / 4]);
    header.shorts(tag::FILE_MODES, &[0o100_755, 0o100_644]);
    header.numbers(tag::FILE_MTIMES, &[time, time]);
    header.numbers(tag::FILE_FLAGS, &[0, 0]);
    header.strings(tag::FILE_USERS, ["root", "root"]);
    header.strings(tag::FILE_GROUPS, ["root", "root"]);
    header.string(tag::SOURCE_RPM, &format!("{}-{evr}.src.rpm", source.name));
    let library = format!("lib{name}.so.1()(64bit)");
    let provided = match arch {
        "x86_64" => vec![(library.as_str(), 0, ""), (name, EQUAL, evr.as_str())],
        _ => vec![(name, EQUAL, evr.as_str())],
    };
    header.strings(tag::PROVIDE_NAMES, provided.iter().map(|(name, ..)| *name));
    let required: Vec<(&str, u32, &str)> = match at {
        0 => source
            .requires
            .iter()
            .map(|text| requirement(text))
            .collect(),
        _ => vec![(source.name, AT_LEAST, version)],
    };
    let flags: Vec<u32> = required.iter().map(|(_, flags, _)| *flags).collect();
    header.numbers(tag::REQUIRE_FLAGS, &flags);
    header.strings(tag::REQUIRE_NAMES, required.iter().map(|(name, ..)| *name));
    header.strings(
        tag::REQUIRE_VERSIONS,
        required.iter().map(|(.., version)| *version),
    );
    changes(&mut header, source, since);
    let flags: Vec<u32> = provided.iter().map(|(_, flags, _)| *flags).collect();
    header.numbers(tag::PROVIDE_FLAGS, &flags);
    header.strings(
        tag::PROVIDE_VERSIONS,
        provided.iter().map(|(.., version)| *version),
    );
    header.numbers(tag::DIR_INDEXES, &[0, 1]);
    header.strings(tag::BASE_NAMES, [name, "README.md"]);
    let documents = format!("/usr/share/doc/{name}/");
    header.strings(tag::DIR_NAMES, ["/usr/bin/", &documents]);
    header.string(tag::PAYLOAD_FORMAT, "cpio");
    header.string(tag::PAYLOAD_COMPRESSOR, "identity");
    header
}

/// `NAME` or `NAME >= VERSION`.
fn requirement(text: &str) -> (&str, u32, &str) {
    match text.split_once(" >= ") {
        Some((name, version)) => (name, AT_LEAST, version),
        None => (text, 0, ""),
    }
}

/// An entry for each version up to the one in a release, the newest first.
fn changes(header: &mut Header, source: &Source, release: usize) {
    let mut entries = Vec::new();
    for at in (0..=release).rev() {
        let version = source.versions[at];
        if !version.is_empty() && built(source, at) == at {
            let who = format!("Pomona <pomona@example.org> - {version}-1");
            entries.push((date(at) - 90_000, who, format!("- Update to {version}")));
        }
    }
    let times: Vec<u32> = entries.iter().map(|(time, ..)| *time).collect();
    header.numbers(tag::CHANGELOG_TIMES, &times);
    header.strings(
        tag::CHANGELOG_NAMES,
        entries.iter().map(|(_, who, _)| &**who),
    );
    header.strings(
        tag::CHANGELOG_TEXTS,
        entries.iter().map(|(.., text)| &**text),
    );
}

/// The files of `repodata`.
fn repodata(facts: &[Facts], date: u32) -> io::Result<Vec<(String, Vec<u8>)>> {
    let file = |kind: &str| MetadataFile::gzip(kind, &format!("{kind}.xml"), Vec::new());
    let count = facts.len() as u64;
    let mut primary = PrimaryWriter::new(file("primary"), count)?;
    let mut filelists = FilelistsWriter::new(file("filelists"), count)?;
    let mut other = OtherWriter::new(file("other"), count)?;
    for package in facts {
        primary.write(&package.package)?;
        filelists.write(&package.files)?;
        other.write(&package.changes)?;
    }
    let mut repomd = Repomd {
        revision: Some(date.to_string()),
        ..Repomd::default()
    };
    let mut files = Vec::new();
    for file in [primary.finish()?, filelists.finish()?, other.finish()?] {
        let (record, content) = file.finish(Some(date.into()))?;
        files.push((record.location.path().to_owned(), content));
        repomd.records.push(record);
    }
    let repomd = write::repomd(&repomd).into_bytes();
    files.insert(0, ("repodata/repomd.xml".to_owned(), repomd));
    Ok(files)
}
