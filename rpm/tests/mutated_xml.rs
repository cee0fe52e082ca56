//! Whatever is done to metadata, a reader returns: packages, or one error that names
//! the file; and how the bytes arrive makes no difference.

use std::io::{BufRead, BufReader};

use ocirepo_rpm::comps::Comps;
use ocirepo_rpm::deltas::Deltas;
use ocirepo_rpm::error::MetadataError;
use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::other::Other;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::updateinfo::Updateinfo;
use proptest::prelude::*;

const DOCUMENTS: [&str; 7] = [
    r#"<?xml version="1.0" encoding="UTF-8"?><repomd xmlns:rpm="r"><revision>1</revision><tags>
<distro cpeid="c">d</distro></tags><data type="primary"><checksum type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum>
<location href="repodata/p%2b.gz"/><timestamp>1.5</timestamp><size>2</size></data></repomd>"#,
    r#"<metadata packages="1"><package type="rpm"><name>a&amp;b</name><arch>x86_64</arch>
<version epoch="0" ver="1" rel="2"/><checksum type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum>
<summary><![CDATA[s]]></summary><size package="1" installed="2" archive="3"/><location href="a.rpm"/><format>
<rpm:header-range start="1" end="2"/><rpm:requires><rpm:entry name="b" flags="GE" epoch="0" ver="1" pre="1"/></rpm:requires>
<file type="dir">/d</file></format></package></metadata>"#,
    r#"<filelists-ext><package pkgid="da39a3ee5e6b4b0d3255bfef95601890afd80709" name="a" arch="b">
<version epoch="0" ver="1" rel="2"/><checksum type="sha1"/><file hash="da39a3ee5e6b4b0d3255bfef95601890afd80709">/f</file></package></filelists-ext>"#,
    r#"<otherdata><package pkgid="da39a3ee5e6b4b0d3255bfef95601890afd80709" name="a" arch="b">
<version epoch="0" ver="1" rel="2"/><changelog author="a" date="1">&#45; x</changelog></package></otherdata>"#,
    r#"<updates><update type="t"><id>i</id><references><reference href="h"/></references><pkglist><collection>
<package name="a" version="1" release="2" epoch="0" arch="b"><reboot_suggested/></package></collection></pkglist></update></updates>"#,
    r#"<!DOCTYPE comps PUBLIC "-//x//EN" "c.dtd"><comps><group><id>g</id><name xml:lang="de">n</name>
<packagelist><packagereq type="default">p</packagereq></packagelist></group></comps>"#,
    r#"<prestodelta><newpackage name="a" epoch="0" version="1" release="2" arch="b"><delta oldepoch="0" oldversion="1" oldrelease="1">
<filename>d/a.drpm</filename><size>1</size><checksum type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum></delta></newpackage></prestodelta>"#,
];

/// What each reader makes of a document, as text.
fn read(source: impl Fn() -> Box<dyn BufRead>) -> Vec<String> {
    fn all<T: std::fmt::Debug>(
        items: Result<impl Iterator<Item = Result<T, MetadataError>>, MetadataError>,
    ) -> String {
        match items.and_then(|items| items.collect::<Result<Vec<_>, _>>()) {
            Ok(items) => format!("{items:?}"),
            Err(error) => {
                assert_eq!(error.file(), "a.xml");
                error.to_string()
            }
        }
    }
    fn one<T: std::fmt::Debug>(item: Result<T, MetadataError>) -> String {
        all(item.map(|item| std::iter::once(Ok(item))))
    }
    let limits = Limits::default();
    vec![
        one(Repomd::read(source(), "a.xml", limits)),
        all(Primary::open(source(), "a.xml", limits)),
        all(Filelists::open(source(), "a.xml", limits)),
        all(Other::open(source(), "a.xml", limits)),
        all(Updateinfo::open(source(), "a.xml", limits)),
        one(Comps::read(source(), "a.xml", limits)),
        all(Deltas::open(source(), "a.xml", limits)),
    ]
}

#[test]
fn each_document_is_read_by_its_own_reader_only() {
    for (at, document) in DOCUMENTS.iter().enumerate() {
        let found = read(|| Box::new(document.as_bytes()));
        for (reader, found) in found.iter().enumerate() {
            let refused = found.starts_with("cannot read a.xml");
            assert_eq!(refused, reader != at, "{document}: {found}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn changed_documents_never_panic_and_pieces_make_no_difference(
        document in prop::sample::select(DOCUMENTS.to_vec()),
        changes in prop::collection::vec((any::<prop::sample::Index>(), 0..6u8, any::<u8>()), 1..4),
        piece in 1..40usize,
    ) {
        let mut raw = document.as_bytes().to_vec();
        for (at, change, value) in changes {
            let at = at.index(raw.len().max(1)).min(raw.len());
            match change {
                0 => raw.truncate(at),
                1 => raw.insert(at, value),
                2 => { raw.drain(at..(at + usize::from(value % 32)).min(raw.len())); }
                3 => { let end = (at + usize::from(value)).min(raw.len()); raw.extend_from_within(at..end); }
                _ => if let Some(byte) = raw.get_mut(at) {
                    *byte = b"<>&;\"'/ =![]-?x0\0\xff"[usize::from(value) % 18];
                },
            }
        }
        let whole = { let raw = raw.clone(); read(move || Box::new(std::io::Cursor::new(raw.clone()))) };
        let pieces = read(move || {
            Box::new(BufReader::with_capacity(piece, std::io::Cursor::new(raw.clone())))
        });
        prop_assert_eq!(whole, pieces);
    }
}
