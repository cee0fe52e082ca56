//! What goes into a catalogue comes out of it as rpm-md, and nothing else does.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::io::{Read, Write};

use flate2::write::GzEncoder;
use ocirepo::Digest;
use ocirepo_rpm::checksum::{Checksum, ChecksumKind};
use ocirepo_rpm::error::{MetadataError, MetadataErrorKind};
use ocirepo_rpm::evr::{Evr, Nevra};
use ocirepo_rpm::filelists::{Filelists, PackageFiles};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::native::{Catalogue, CatalogueWriter, Part, Synthesis};
use ocirepo_rpm::other::{Change, Other, PackageChanges};
use ocirepo_rpm::package::{
    Comparison, Dependencies, Dependency, Details, File, FileKind, Package, Sizes,
};
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::{Distro, Repomd, Tags};
use proptest::prelude::*;

/// A text with everything that JSON or XML has to escape.
const TEXT: &str = "[a-z &<>\"'\\\\\t\n\r\u{7f}\u{85}é\u{2028}\u{1f600}/]{0,9}";
/// A text that nothing surrounds.
const TOKEN: &str = "[a-zA-Z0-9+~^&<\"_]{1,9}";

prop_compose! {
    fn evr()(epoch in 0..3u32, version in TOKEN, release in TOKEN) -> Evr {
        Evr::new(epoch, version, release)
    }
}

prop_compose! {
    fn nevra()(name in TOKEN, evr in evr(), arch in TOKEN) -> Nevra {
        Nevra { name: name.into(), evr, arch: arch.into() }
    }
}

fn file() -> impl Strategy<Value = File> {
    let kinds = [FileKind::File, FileKind::Dir, FileKind::Ghost];
    let kind = proptest::sample::select(kinds.to_vec());
    (TEXT, kind).prop_map(|(path, kind)| File {
        path: format!("/{path}").into(),
        kind,
        checksum: None,
    })
}

fn dependency() -> impl Strategy<Value = Dependency> {
    let comparisons = [
        Comparison::Less,
        Comparison::LessOrEqual,
        Comparison::Equal,
        Comparison::GreaterOrEqual,
        Comparison::Greater,
    ];
    let comparison = proptest::sample::select(comparisons.to_vec());
    let release = proptest::option::of(TOKEN);
    let version = proptest::option::of((comparison, evr(), release));
    ("[a-z()=<> ./]{1,12}", version, any::<bool>()).prop_map(|(name, version, pre)| {
        let (comparison, evr) = version
            .map(|(comparison, evr, release)| {
                let release = release.unwrap_or_default().into();
                (comparison, Evr { release, ..evr })
            })
            .unzip();
        Dependency {
            name: name.into(),
            comparison,
            evr: evr.map(Into::into),
            pre,
        }
    })
}

fn some<T: std::fmt::Debug>(of: impl Strategy<Value = T>) -> impl Strategy<Value = Vec<T>> {
    proptest::collection::vec(of, 0..3)
}

type Facts = (Package, PackageFiles, PackageChanges);

fn facts() -> impl Strategy<Value = Facts> {
    let numbers = proptest::array::uniform5(prop_oneof![Just(0), any::<u64>()]);
    let texts = proptest::array::uniform8(TEXT);
    let lists = proptest::array::uniform8(some(dependency()));
    let changes = some((TEXT, 0..9u64, TEXT));
    let range = proptest::option::of((0..9u64, 9..99u64));
    (
        (
            nevra(),
            any::<[u8; 32]>(),
            "[a-z%]{1,9}(/[A-Z+ ]{1,9}){0,2}",
        ),
        (numbers, texts, "[a-z:/]{0,9}", range),
        lists,
        (some(file()), some(file()), changes),
    )
        .prop_map(|(identity, facts, lists, (own, files, changes))| {
            let (nevra, hash, path) = identity;
            let ([package, installed, archive, file_time, build_time], texts, url, range) = facts;
            let [
                summary,
                description,
                packager,
                license,
                vendor,
                group,
                host,
                source,
            ] = texts;
            let pkgid = Checksum::from_hash(ChecksumKind::Sha256, &hash).unwrap();
            let [a, b, c, d, e, f, g, h] = lists.map(Vec::into_boxed_slice);
            let package = Package {
                nevra: nevra.clone(),
                checksum: pkgid,
                location: Href::from_path(&path).unwrap(),
                base: None,
                size: Sizes {
                    package,
                    installed,
                    archive,
                },
                file_time,
                build_time,
                details: Details {
                    summary: summary.into(),
                    description: description.into(),
                    packager: packager.into(),
                    url: url.into(),
                    license: license.into(),
                    vendor: vendor.into(),
                    group: group.into(),
                    build_host: host.into(),
                    source_rpm: source.into(),
                    header_range: range.map(|(start, end)| start..end),
                },
                dependencies: Dependencies {
                    provides: a,
                    requires: b,
                    conflicts: c,
                    obsoletes: d,
                    suggests: e,
                    enhances: f,
                    recommends: g,
                    supplements: h,
                },
                files: own.into(),
            };
            let files = PackageFiles {
                pkgid,
                nevra: nevra.clone(),
                files,
            };
            let change = |(author, date, text): (String, u64, String)| Change {
                author: author.into(),
                date,
                text: text.into(),
            };
            let changes = PackageChanges {
                pkgid,
                nevra,
                changes: changes.into_iter().map(change).collect(),
            };
            (package, files, changes)
        })
}

fn write(facts: &[Facts]) -> (Catalogue, [Vec<u8>; 3]) {
    let to = [Vec::new(), Vec::new(), Vec::new()];
    let mut writer = CatalogueWriter::new(facts.len() as u64, to).unwrap();
    for (package, files, changes) in facts {
        writer.package(package).unwrap();
        writer.files(files).unwrap();
        writer.changes(changes).unwrap();
    }
    let (parts, files) = writer.finish(Some(7)).unwrap();
    (Catalogue::new(parts, &Repomd::default()), files)
}

fn made(part: Part, packages: u64, source: &[u8]) -> Result<Vec<u8>, MetadataError> {
    let mut text = Vec::new();
    let mut synthesis = Synthesis::new(part, packages, source, Limits::default())?;
    match synthesis.read_to_end(&mut text) {
        Ok(_) => Ok(text),
        Err(error) => {
            let inner = error
                .get_ref()
                .and_then(|e| e.downcast_ref::<MetadataError>());
            Err(inner.cloned().unwrap())
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn facts_come_out_as_they_went_in(facts in proptest::collection::vec(facts(), 0..4)) {
        let (catalogue, parts) = write(&facts);
        let mut documents = Vec::new();
        for (part, file) in Part::ALL.into_iter().zip(&parts) {
            prop_assert_eq!(catalogue.part(part).digest, Digest::of(file));
            prop_assert_eq!(catalogue.part(part).size, file.len() as u64);
            let document = made(part, facts.len() as u64, file).unwrap();
            let record = catalogue.record(part).unwrap();
            prop_assert_eq!(record.checksum, Digest::of(&document).into());
            prop_assert_eq!(record.size, Some(document.len() as u64));
            documents.push(document);
        }
        let limits = Limits::default();
        let primary: Vec<_> = Primary::open(&documents[0][..], "primary", limits)
            .unwrap().map(Result::unwrap).collect();
        let filelists: Vec<_> = Filelists::open(&documents[1][..], "filelists", limits)
            .unwrap().map(Result::unwrap).collect();
        let other: Vec<_> = Other::open(&documents[2][..], "other", limits)
            .unwrap().map(Result::unwrap).collect();
        let read: Vec<Facts> = primary.into_iter().zip(filelists).zip(other)
            .map(|((package, files), changes)| (package, files, changes)).collect();
        prop_assert_eq!(read, facts);
    }

    #[test]
    fn the_config_comes_out_as_it_went_in(
        revision in proptest::option::of("[0-9a-z]{1,9}"),
        texts in some("[a-z<>&\"]{1,9}"),
        signature in proptest::option::of(TEXT),
    ) {
        let (catalogue, _) = write(&[]);
        let distro = |name: &String| Distro { cpeid: Some("cpe".to_owned()), name: name.clone() };
        let mut repomd = catalogue.repomd().clone();
        repomd.revision = revision;
        repomd.tags = Tags {
            content: texts.clone(),
            repo: texts.clone(),
            distro: texts.iter().map(distro).collect(),
        };
        repomd.records[0].kind = "updateinfo".to_owned();
        let mut catalogue = catalogue.revised(&repomd);
        prop_assert_eq!(catalogue.repomd().records.len(), 4);
        if let Some(signature) = signature {
            catalogue = catalogue.signed(signature);
        }
        let layers = Part::ALL.map(|part| catalogue.part(part).clone());
        let read = Catalogue::parse(&catalogue.to_config(), &layers).unwrap();
        let raw = read.raw_repomd();
        prop_assert_eq!(&Repomd::parse(raw.as_bytes()).unwrap(), catalogue.repomd());
        prop_assert_eq!(read, catalogue);
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        part in proptest::sample::select(Part::ALL.to_vec()),
        lines in "([a-z{}\\[\\]\":,0-9\\\\]{0,20}\n){0,3}",
        at in any::<prop::sample::Index>(),
        bit in 0..8u32,
    ) {
        let _ = made(part, 1, &gzip(lines.as_bytes()));
        let (_, parts) = write(&[]);
        let mut damaged = parts[0].clone();
        let at = at.index(damaged.len());
        damaged[at] ^= 1 << bit;
        let _ = made(part, 0, &damaged);
    }
}

fn gzip(content: &[u8]) -> Vec<u8> {
    let mut gzip = GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(content).unwrap();
    gzip.finish().unwrap()
}

fn package() -> String {
    let checksum = Checksum::from(Digest::of(b""));
    format!(
        r#"{{"name":"a","version":"1","arch":"noarch","checksum":"{checksum}","location":"a.rpm"}}"#
    )
}

#[test]
fn what_nobody_knows_is_passed_over() {
    let line = package().replace("{\"name\"", "{\"new\":[{}],\"name\"") + "\n";
    let text = made(Part::Packages, 1, &gzip(line.as_bytes())).unwrap();
    assert!(String::from_utf8(text).unwrap().contains("<name>a</name>"));
}

#[test]
fn lines_that_cannot_be_read_name_themselves() {
    let good = package() + "\n";
    let changed = |from: &str, to: &str| good.clone() + &good.replacen(from, to, 1);
    let cases = [
        (good.clone() + "{\n", "EOF while parsing an object"),
        (good.clone() + "\n", "EOF while parsing a value"),
        (good.clone() + package().as_str(), "it was cut off"),
        (changed("\"name\":\"a\",", ""), "missing field `name`"),
        (
            changed("\"a\"", "\"\""),
            "its name or architecture is empty",
        ),
        (changed("\"1\"", "1"), "invalid type: integer `1`"),
        (
            changed("sha256:", "sha1:"),
            "is no checksum of the form sha256:…",
        ),
        (changed("sha256:", "sha256:0"), "sha256 takes 64 hex digits"),
        (changed("a.rpm", "../a.rpm"), "`../a.rpm`"),
        (changed("{", "{\"size\":-1,"), "invalid value: integer `-1`"),
        (
            changed("{", "{\"files\":[{\"path\":\"/\"}],"),
            "missing field `type`",
        ),
        (changed("{", "{\"files\":[1],"), "expected a path"),
        (
            changed("{", r#"{"requires":[{"name":"b","flags":"XX"}],"#),
            "`XX` is no comparison of versions",
        ),
    ];
    for (lines, expected) in cases {
        let error = made(Part::Packages, 2, &gzip(lines.as_bytes())).unwrap_err();
        let text = error.to_string();
        assert!(
            text.contains("the packages of the catalogue, line 2"),
            "{text}"
        );
        assert!(text.contains(expected), "{text}");
    }
}

#[test]
fn a_part_that_is_not_what_the_catalogue_says_is_an_error() {
    let line = package() + "\n";
    for packages in [0, 2] {
        let error = made(Part::Packages, packages, &gzip(line.as_bytes()));
        let text = error.unwrap_err().to_string();
        assert!(text.contains("it has 1 lines"), "{text}");
    }
    let error = made(Part::Packages, 1, line.as_bytes()).unwrap_err();
    assert!(error.to_string().ends_with("it is not gzip"), "{error}");
    let mut cut = gzip(line.as_bytes());
    cut.truncate(cut.len() - 4);
    assert!(made(Part::Packages, 1, &cut).is_err());
}

#[test]
fn bombs_are_defused() {
    let too_large = |part, content: &[u8], expected: &str| {
        let error = made(part, 1, &gzip(content)).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::TooLarge, "{error}");
        assert!(error.to_string().contains(expected), "{error}");
    };
    let spaces = vec![b' '; (64 << 20) + 1];
    too_large(Part::Files, &spaces, "longer than");
    let line = package() + "\n";
    let many = "\"\",".repeat(2_000_000) + "\"\"";
    let line = line.replace("{\"name\"", &format!("{{\"files\":[{many}],\"name\""));
    let error = made(Part::Files, 1, &gzip(line.as_bytes())).unwrap_err();
    assert!(
        error.to_string().contains("more than 2000000 entries"),
        "{error}"
    );

    let line = package() + "\n";
    let gzipped = gzip(line.as_bytes());
    let limits = Limits::default();
    let synthesis = Synthesis::new(Part::Packages, 1, &gzipped[..], limits).unwrap();
    let mut text = Vec::new();
    let error = synthesis.at_most(100).read_to_end(&mut text).unwrap_err();
    assert!(error.to_string().contains("more than 100 bytes"), "{error}");
    assert!(text.len() <= 1000);
}

#[test]
fn what_no_registry_can_hold_is_refused() {
    let to = [Vec::new(), Vec::new(), Vec::new()];
    let mut writer = CatalogueWriter::new(1, to).unwrap();
    let primary = format!(
        r#"<metadata><package><name>a</name><arch>noarch</arch><version ver="1" rel="1"/>
        <checksum type="sha">{}</checksum><location xml:base="http://x" href="a.rpm"/></package>
        </metadata>"#,
        "0".repeat(40)
    );
    let read = Primary::open(primary.as_bytes(), "primary", Limits::default());
    let mut package = read.unwrap().keep_base().next().unwrap().unwrap();
    let error = writer.package(&package).unwrap_err().to_string();
    assert!(error.contains("has the base http://x"), "{error}");
    package.base = None;
    let error = writer.package(&package).unwrap_err().to_string();
    assert!(error.contains("--checksum=sha256"), "{error}");
}
