use super::*;
use crate::filelists::Filelists;
use crate::other::Other;
use crate::package::{Comparison, Dependency, FileKind};
use crate::primary::Primary;
use crate::write::{FilelistsWriter, OtherWriter, PrimaryWriter};
use proptest::prelude::*;

mod build;

use build::{Builder, Value};

fn options() -> HeaderOptions {
    HeaderOptions::default()
}

fn facts_of(package: &[u8]) -> Result<Facts, HeaderError> {
    scan(
        package,
        "x.rpm",
        Href::from_path("a/x.rpm").unwrap(),
        Some(7),
        &options(),
    )
}

fn facts(builder: &Builder) -> Facts {
    facts_of(&builder.package()).unwrap()
}

fn refused(builder: &Builder) -> HeaderError {
    facts_of(&builder.package()).unwrap_err()
}

fn names(list: &[Dependency]) -> Vec<String> {
    list.iter().map(ToString::to_string).collect()
}

#[test]
fn what_is_no_package_says_so() {
    for (content, message) in [
        (&b""[..], "cannot read x.rpm: it is empty, no RPM package"),
        (
            b"<html>",
            "cannot read x.rpm: it is no RPM package: it begins with `<htm`",
        ),
        (
            b"\x1f\x8b",
            "cannot read x.rpm: it is no RPM package: it begins with `\\x1f\\x8b`",
        ),
        (
            b"drpm....",
            "cannot read x.rpm: it is a delta RPM, which is no package of its own",
        ),
    ] {
        let error = facts_of(content).unwrap_err();
        assert_eq!(error.kind(), HeaderErrorKind::NotAPackage);
        assert_eq!(error.to_string(), message);
        assert_eq!(error.file(), "x.rpm");
    }
}

#[test]
fn a_package_cut_off_anywhere_is_truncated() {
    let package = Builder::new().package();
    for len in 4..package.len() {
        let error = facts_of(&package[..len]).unwrap_err();
        assert_eq!(error.kind(), HeaderErrorKind::Truncated, "{len}: {error}");
    }
    let error = facts_of(&package[..package.len() - 1]).unwrap_err();
    assert_eq!(
        error.to_string(),
        format!(
            "cannot read x.rpm: it has {} bytes, its header says {}: it was cut off; get it again",
            package.len() - 1,
            package.len()
        )
    );
}

#[test]
fn the_whole_file_is_hashed_and_counted() {
    let package = Builder::new().package();
    let facts = facts_of(&package).unwrap();
    let sum = Checksum::from_hash(ChecksumKind::Sha256, &Sha256::digest(&package)).unwrap();
    assert_eq!(facts.package.checksum, sum);
    assert_eq!((facts.files.pkgid, facts.changes.pkgid), (sum, sum));
    assert_eq!(facts.package.size.package, package.len() as u64);
    assert_eq!(facts.package.file_time, 7);
    let range = facts.package.details.header_range.unwrap();
    let header = &package[range.start as usize..range.end as usize];
    assert_eq!(header[..3], [0x8e, 0xad, 0xe8]);
    assert_eq!(&package[range.end as usize..], build::PAYLOAD);
}

#[test]
fn without_a_time_the_file_is_as_old_as_the_package() {
    let package = Builder::new().with(1006, Value::numbers(&[5])).package();
    let location = Href::from_path("x.rpm").unwrap();
    let facts = scan(&package[..], "x.rpm", location, None, &options()).unwrap();
    assert_eq!((facts.package.file_time, facts.package.build_time), (5, 5));
}

#[test]
fn the_front_is_read_and_no_more() {
    let package = Builder::new().package();
    let mut source = &package[..];
    let header = read(&mut source, "x.rpm", &options()).unwrap();
    assert_eq!(source, build::PAYLOAD);
    assert_eq!(header.nevra().to_string(), "n-1-2.noarch");
    assert_eq!(header.expected_size(), Some(package.len() as u64));
}

#[test]
fn a_damaged_header_is_found_out() {
    let damaged = |builder: &Builder| {
        let mut package = builder.package();
        let mut pieces = package.windows(7);
        let at = pieces.position(|bytes| bytes == b"summary").unwrap();
        package[at] = b'S';
        facts_of(&package)
    };
    let error = damaged(&Builder::new()).unwrap_err();
    assert_eq!(error.kind(), HeaderErrorKind::Damaged);
    assert!(error.to_string().ends_with("it was damaged; get it again"));
    // Where there is no digest, as in packages of old, it cannot be known.
    let facts = damaged(&Builder::new().without_digest()).unwrap();
    assert_eq!(&*facts.package.details.summary, "Summary");
}

#[test]
fn a_payload_that_is_not_the_headers_is_refused() {
    let vouched = |payload: &[u8]| {
        let hex = ocirepo::Digest::of(payload).hex();
        Builder::new().with(5092, Value::texts(&[&hex])).package()
    };
    assert!(facts_of(&vouched(build::PAYLOAD)).is_ok());
    let error = facts_of(&vouched(b"another")).unwrap_err();
    assert_eq!(error.kind(), HeaderErrorKind::Damaged);
    let message = error.to_string();
    assert!(
        message.starts_with("cannot read x.rpm: its payload has the SHA-256 "),
        "{message}"
    );
    let options = HeaderOptions {
        verify_payload: false,
        ..options()
    };
    let location = Href::from_path("a/x.rpm").unwrap();
    assert!(scan(&vouched(b"another")[..], "x.rpm", location, None, &options).is_ok());
    // That it was cut off is the better explanation.
    let package = vouched(build::PAYLOAD);
    let error = facts_of(&package[..package.len() - 1]).unwrap_err();
    assert_eq!(error.kind(), HeaderErrorKind::Truncated);
}

#[test]
fn every_package_has_name_version_release_and_architecture() {
    for (tag, what) in [
        (1000, "name"),
        (1001, "version"),
        (1002, "release"),
        (1022, "architecture"),
    ] {
        for builder in [
            Builder::new().without(tag),
            Builder::new().with(tag, Value::text("")),
            Builder::new().with(tag, Value::text("\u{1}")),
        ] {
            assert_eq!(
                refused(&builder).to_string(),
                format!("cannot read x.rpm: its header has no {what}, which every package has")
            );
        }
    }
}

#[test]
fn source_packages_are_src_whatever_they_were_built_on() {
    let arch = |builder: &Builder| facts(builder).package.nevra.arch;
    assert_eq!(&*arch(&Builder::new()), "noarch");
    assert_eq!(
        &*arch(&Builder::new().with(1106, Value::numbers(&[1]))),
        "src"
    );
    // Of old: no source package is named, and files have no directory.
    let nameless = Builder::new().without(1044);
    assert_eq!(&*arch(&nameless), "noarch");
    let files = nameless.files(&[("n.spec", 0o100_644, 0)]);
    assert_eq!(&*arch(&files), "src");
}

#[test]
fn sizes_beyond_4_gib_have_their_own_tags() {
    let size = |builder: &Builder| {
        let size = facts(builder).package.size;
        (size.installed, size.archive)
    };
    let small = Builder::new().with(1009, Value::numbers(&[5]));
    assert_eq!(size(&small), (5, build::ARCHIVE));
    let large = small
        .with(5009, Value::Int64(vec![1 << 33]))
        .signed_with(271, Value::Int64(vec![1 << 34]));
    assert_eq!(size(&large), (1 << 33, 1 << 34));
}

#[test]
fn packages_of_version_6_have_the_sizes_of_their_payload_in_the_header() {
    let builder = Builder::new()
        .without_sizes()
        .with(5112, Value::Int64(vec![build::PAYLOAD.len() as u64]))
        .with(5113, Value::Int64(vec![77]));
    assert_eq!(facts(&builder).package.size.archive, 77);
    let mut package = builder.package();
    package.pop();
    let error = facts_of(&package).unwrap_err();
    assert_eq!(error.kind(), HeaderErrorKind::Truncated);
}

#[test]
fn requirements_nobody_else_can_satisfy_are_left_out() {
    let builder = Builder::new()
        .files(&[
            ("/usr/bin/own", 0o100_755, 0),
            ("/usr/share/own", 0o100_644, 0),
        ])
        .list(1047, &[("has", 8, "1"), ("any", 0, "")])
        .list(
            1049,
            &[
                ("rpmlib(X)", 0x0100_0008, "1"),
                ("/usr/bin/own", 0, ""),
                ("/usr/share/own", 0, ""),
                ("has", 8, "1"),
                ("has", 0, ""),
                ("any", 0, ""),
                ("twice", 0, ""),
                ("twice", 0, ""),
                ("twice", 1 << 9, ""),
                ("maybe", 1 << 19, ""),
                ("", 0, ""),
                ("bad", 8, "x:1"),
                ("equal", 8, ""),
            ],
        );
    let dependencies = facts(&builder).package.dependencies;
    assert_eq!(
        names(&dependencies.requires),
        ["/usr/share/own", "has", "twice", "twice", "equal"]
    );
    let pre: Vec<_> = dependencies.requires.iter().map(|d| d.pre).collect();
    assert_eq!(pre, [false, false, false, true, false]);
    assert_eq!(names(&dependencies.recommends), ["maybe"]);
    assert_eq!(dependencies.requires[4].comparison, Some(Comparison::Equal));
}

#[test]
fn one_requirement_on_libc_is_left_and_comes_last() {
    let libc = |symbols: &str| format!("libc.so.6({symbols})(64bit)");
    let (old, new, none) = (libc("GLIBC_2.4"), libc("GLIBC_2.34"), libc(""));
    let list = [
        (&*old, 0, ""),
        (&new, 0, ""),
        (&none, 0, ""),
        ("libm.so.6", 0, ""),
    ];
    let requires = facts(&Builder::new().list(1049, &list))
        .package
        .dependencies
        .requires;
    assert_eq!(names(&requires), ["libm.so.6", &*new]);
}

#[test]
fn the_weak_dependencies_of_old_are_among_todays() {
    let builder = Builder::new()
        .numbered_list(
            [1156, 1158, 1157],
            &[("strong", 1 << 27, ""), ("weak", 0, "")],
        )
        .numbered_list(
            [1159, 1161, 1160],
            &[("strong", 1 << 27, ""), ("weak", 0, "")],
        );
    let all = facts(&builder).package.dependencies;
    assert_eq!(names(&all.recommends), ["strong"]);
    assert_eq!(names(&all.suggests), ["weak"]);
    assert_eq!(names(&all.supplements), ["strong"]);
    assert_eq!(names(&all.enhances), ["weak"]);
}

#[test]
fn packages_of_old_have_whole_paths_and_provide_themselves() {
    let builder = Builder::new()
        .without_region()
        .with(1003, Value::numbers(&[3]))
        .with(1027, Value::texts(&["/etc/a", "/usr/b"]))
        .with(1030, Value::Int16(vec![0o100_644, 0o040_755]))
        .with(1037, Value::numbers(&[0, 0]))
        .with(
            1035,
            Value::texts(&["d41d8cd98f00b204e9800998ecf8427e", ""]),
        );
    let facts = facts(&builder);
    assert_eq!(names(&facts.package.dependencies.provides), ["n = 3:1-2"]);
    let files: Vec<_> = facts
        .files
        .files
        .iter()
        .map(|f| (&*f.path, f.kind))
        .collect();
    assert_eq!(
        files,
        [("/etc/a", FileKind::File), ("/usr/b", FileKind::Dir)]
    );
    let checksum = facts.files.files[0].checksum.as_ref().unwrap();
    assert_eq!(checksum.kind(), ChecksumKind::Md5);
}

#[test]
fn values_outside_of_the_header_are_refused() {
    let far = |kind, count| Value::Raw {
        kind,
        offset: 1 << 30,
        count,
    };
    let near = |kind, count| Value::Raw {
        kind,
        offset: 0,
        count,
    };
    for value in [
        far(6, 1),
        far(8, 1),
        far(8, u32::MAX),
        near(8, u32::MAX),
        near(9, 100_000),
    ] {
        let error = refused(&Builder::new().with(1004, value));
        assert_eq!(error.kind(), HeaderErrorKind::Malformed);
        assert_eq!(
            error.to_string(),
            "cannot read x.rpm: tag 1004 of its header has values that lie outside of the header"
        );
    }
    for value in [
        far(4, 1),
        near(5, u32::MAX),
        near(4, u32::MAX),
        far(3, 0xffff),
    ] {
        let error = refused(&Builder::new().with(1009, value));
        assert_eq!(error.kind(), HeaderErrorKind::Malformed);
    }
    let error = refused(&Builder::new().with(1009, Value::text("5")));
    assert_eq!(
        error.to_string(),
        "cannot read x.rpm: tag 1009 of its header is of type 6, which is no number"
    );
}

#[test]
fn a_file_in_a_directory_that_is_not_there_is_refused() {
    let builder = Builder::new()
        .files(&[("/a/b", 0o100_644, 0)])
        .with(1116, Value::numbers(&[1]));
    assert!(
        refused(&builder)
            .to_string()
            .ends_with("a file of it is in directory 1, it has 1")
    );
}

#[test]
fn nothing_is_allocated_from_declared_sizes() {
    let lead = Builder::new().package()[..96].to_vec();
    for (entries, size, kind) in [
        (u32::MAX, u32::MAX, HeaderErrorKind::TooLarge),
        (1, u32::MAX, HeaderErrorKind::TooLarge),
        (0x1_0000, 1, HeaderErrorKind::TooLarge),
        (0xffff, 200 << 20, HeaderErrorKind::Truncated),
    ] {
        let mut package = lead.clone();
        package.extend([0x8e, 0xad, 0xe8, 1, 0, 0, 0, 0]);
        package.extend(entries.to_be_bytes());
        package.extend(size.to_be_bytes());
        assert_eq!(facts_of(&package).unwrap_err().kind(), kind);
    }
}

#[test]
fn paths_that_multiply_are_capped() {
    let directory = "/".repeat(100_000);
    let many = vec![0_u32; 1000];
    let builder = Builder::new()
        .with(1118, Value::texts(&[&directory]))
        .with(1116, Value::numbers(&many))
        .with(1117, Value::texts(&vec!["x"; many.len()]))
        .with(1037, Value::numbers(&many))
        .with(1030, Value::Int16(vec![0o100_644; many.len()]));
    let options = HeaderOptions {
        paths: 10 << 20,
        ..options()
    };
    let error = read(&builder.package()[..], "x.rpm", &options).unwrap_err();
    assert_eq!(error.kind(), HeaderErrorKind::TooLarge);
}

#[test]
fn the_limit_of_the_change_log_is_one_of_entries() {
    let builder = Builder::new()
        .with(1080, Value::numbers(&[30, 20, 20]))
        .with(1081, Value::texts(&["c ", "b", "a"]))
        .with(1082, Value::texts(&["3", "2", "1"]));
    let read = |changelog_limit| {
        let options = HeaderOptions {
            changelog_limit,
            ..options()
        };
        let header = read(&builder.package()[..], "x.rpm", &options).unwrap();
        let changes = header
            .changes
            .iter()
            .map(|c| (c.author.to_string(), c.date));
        changes.collect::<Vec<_>>()
    };
    let entry = |author: &str, date| (author.to_owned(), date);
    assert_eq!(read(None), [entry("a", 20), entry("b", 21), entry("c", 30)]);
    assert_eq!(read(Some(2)), [entry("b", 20), entry("c", 30)]);
    assert_eq!(read(Some(0)), []);
}

/// Whatever is made of a package can be written, and read again.
fn written_and_read(facts: &Facts) {
    let limits = Limits::default();
    let mut primary = PrimaryWriter::new(Vec::new(), 1).unwrap();
    primary.write(&facts.package).unwrap();
    let written = primary.finish().unwrap();
    let mut read = Primary::open(&written[..], "primary", limits).unwrap();
    assert_eq!(read.next().unwrap().unwrap(), facts.package);
    let mut filelists = FilelistsWriter::with_checksums(Vec::new(), 1).unwrap();
    filelists.write(&facts.files).unwrap();
    let written = filelists.finish().unwrap();
    let mut read = Filelists::open(&written[..], "filelists-ext", limits).unwrap();
    assert_eq!(read.next().unwrap().unwrap(), facts.files);
    let mut other = OtherWriter::new(Vec::new(), 1).unwrap();
    other.write(&facts.changes).unwrap();
    let written = other.finish().unwrap();
    let mut read = Other::open(&written[..], "other", limits).unwrap();
    assert_eq!(read.next().unwrap().unwrap(), facts.changes);
}

fn rich() -> Vec<u8> {
    let digest = "ab".repeat(32);
    Builder::new()
        .without_digest()
        .files(&[
            ("/usr/bin/a", 0o100_755, 0),
            ("/etc", 0o040_755, 0),
            ("/var/g", 0o100_644, 64),
        ])
        .with(5011, Value::numbers(&[8]))
        .with(1035, Value::texts(&[&digest, "", ""]))
        .list(1047, &[("n", 8, "1-2")])
        .list(1049, &[("(a if b)", 0, ""), ("/bin/sh", 1 << 9, "")])
        .numbered_list([5046, 5048, 5047], &[("r", 10, "1:2")])
        .with(1080, Value::numbers(&[20, 20]))
        .with(1081, Value::texts(&["b", "a"]))
        .with(1082, Value::texts(&["2", "1"]))
        .package()
}

proptest! {
    #[test]
    fn a_damaged_package_is_refused_or_can_be_written(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
        cut in any::<prop::sample::Index>(),
        keep in prop::bool::weighted(0.9),
    ) {
        let mut package = rich();
        for (at, byte) in changes {
            let at = at.index(package.len());
            package[at] = byte;
        }
        if !keep {
            package.truncate(cut.index(package.len()));
        }
        if let Ok(facts) = facts_of(&package) {
            written_and_read(&facts);
        }
    }

    #[test]
    fn how_a_package_is_read_does_not_show(piece in 1_usize..50) {
        struct Pieces<'a>(&'a [u8], usize);
        impl Read for Pieces<'_> {
            fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
                let len = into.len().min(self.1);
                self.0.read(&mut into[..len])
            }
        }
        let package = rich();
        let location = Href::from_path("a/x.rpm").unwrap();
        let pieces = Pieces(&package, piece);
        let facts = scan(pieces, "x.rpm", location, Some(7), &options()).unwrap();
        prop_assert_eq!(facts, facts_of(&package).unwrap());
    }
}
