use super::*;
use crate::checksum::ChecksumKind;

const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

fn record(kind: &str, href: &str) -> String {
    format!(
        r#"<data type="{kind}"><checksum type="sha256">{SHA256}</checksum><location href="{href}"/></data>"#
    )
}

fn parse(body: &str) -> Result<Repomd, MetadataError> {
    Repomd::parse(format!("<repomd>{body}</repomd>").as_bytes())
}

#[test]
fn every_field_is_read() {
    let repomd = Repomd::parse(
        br#"<?xml version="1.0" encoding="UTF-8"?>
<repomd xmlns="http://linux.duke.edu/metadata/repo" xmlns:rpm="http://linux.duke.edu/metadata/rpm">
  <revision> 1700000000 </revision>
  <tags>
    <content>binary-x86_64</content>
    <repo>test &amp; more</repo>
    <distro cpeid="cpe:/o:example:9">Example 9</distro>
    <distro>Other</distro>
  </tags>
  <data type="primary">
    <checksum type="sha256">E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855</checksum>
    <open-checksum type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</open-checksum>
    <header-checksum type="sha1">da39a3ee5e6b4b0d3255bfef95601890afd80709</header-checksum>
    <location href="repodata/primary.xml.gz" xml:base=""/>
    <zck-location href="repodata/primary.xml.zck"/>
    <timestamp>1700000000.82</timestamp>
    <size>12</size>
    <open-size>34</open-size>
    <header-size>56</header-size>
    <database_version>10</database_version>
    <unknown><size>9</size></unknown>
  </data>
</repomd>
"#,
    )
    .unwrap();
    assert_eq!(repomd.revision.as_deref(), Some("1700000000"));
    assert_eq!(repomd.tags.content, ["binary-x86_64"]);
    assert_eq!(repomd.tags.repo, ["test & more"]);
    assert_eq!(
        repomd.tags.distro[0].cpeid.as_deref(),
        Some("cpe:/o:example:9")
    );
    assert_eq!(repomd.tags.distro[1].name, "Other");
    let sha1 = Checksum::parse("sha", "da39a3ee5e6b4b0d3255bfef95601890afd80709").unwrap();
    assert_eq!(
        repomd.records,
        [Record {
            kind: "primary".to_owned(),
            location: Href::parse("repodata/primary.xml.gz").unwrap(),
            checksum: Checksum::from_hex(ChecksumKind::Sha256, SHA256).unwrap(),
            open_checksum: Some(sha1),
            header_checksum: Some(sha1),
            size: Some(12),
            open_size: Some(34),
            header_size: Some(56),
            timestamp: Some(1_700_000_000),
            database_version: Some(10),
        }]
    );
}

#[test]
fn unknown_types_and_duplicates_are_kept_and_untyped_records_left_out() {
    let body = [record("new", "a"), record("new", "b"), "<data/>".to_owned()].concat();
    let repomd = parse(&body).unwrap();
    assert_eq!(repomd.records.len(), 2);
    assert_eq!(repomd.record("new").unwrap().location.path(), "a");
}

#[test]
fn a_record_without_checksum_or_location_is_refused() {
    for (body, message) in [
        (
            "<data type='x'><location href='a'/></data>",
            "cannot read repomd.xml, record `x`, at byte 50: there is no <checksum>",
        ),
        (
            "<data type='y'><checksum type='sha1'>da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum></data>",
            "cannot read repomd.xml, record `y`, at byte 103: there is no <location>",
        ),
    ] {
        assert_eq!(parse(body).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_location_outside_the_repository_is_refused() {
    for location in [
        "href='../x'",
        "href='/x'",
        "href='a' xml:base='https://host/'",
        "xml:base='..' href='a'",
    ] {
        let error = parse(&format!("<data type='x'><location {location}/></data>")).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Outside, "{error}");
    }
}

#[test]
fn zchunk_is_passed_over_and_named_when_there_is_nothing_else() {
    let both = [
        record("primary_zck", "p.zck"),
        record("primary", "q.zck"),
        record("primary", "p.gz"),
    ];
    let repomd = parse(&both.concat()).unwrap();
    assert_eq!(repomd.require("primary").unwrap().location.path(), "p.gz");
    for only in [record("primary_zck", "p.zck"), record("primary", "p.zck")] {
        let error = parse(&only)
            .unwrap()
            .require("primary")
            .unwrap_err()
            .to_string();
        assert!(error.contains("only as zchunk"), "{error}");
    }
    assert_eq!(
        parse("")
            .unwrap()
            .require("primary")
            .unwrap_err()
            .to_string(),
        "cannot read repomd.xml: no record of type `primary`"
    );
}

#[test]
fn comps_are_found_compressed_or_not() {
    let both = [record("group", "a"), record("group_gz", "b")].concat();
    assert_eq!(parse(&both).unwrap().comps().unwrap().location.path(), "b");
    let plain = parse(&record("group", "a")).unwrap();
    assert_eq!(plain.comps().unwrap().location.path(), "a");
}

#[test]
fn too_many_records_are_refused() {
    let error = parse(&record("x", "a").repeat(1001)).unwrap_err();
    assert_eq!(error.kind(), MetadataErrorKind::TooLarge);
}
