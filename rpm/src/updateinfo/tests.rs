use super::*;

fn read(body: &str) -> Result<Vec<Advisory>, MetadataError> {
    let xml = format!("<?xml version='1.0'?>\n<updates>{body}</updates>\n");
    Updateinfo::open(xml.as_bytes(), "updateinfo.xml", Limits::default())?.collect()
}

#[test]
fn every_field_is_read() {
    let found = read(
        r#"
<update from="me@example.org" status="final" type="security" version="3">
  <id>EX-1</id><title>t &amp; t</title><issued date="2026-01-02 03:04:05"/><updated date="1700000000"/>
  <rights>r</rights><release>rel</release><pushcount>2</pushcount><severity>Low</severity>
  <summary>s</summary><description>d</description><solution>so</solution>
  <reboot_suggested>True</reboot_suggested>
  <references><reference href="https://example.org/1" id="CVE-1" type="cve" title="ti"/></references>
  <pkglist><collection short="c"><name>coll</name>
    <module name="m" stream="1" version="2" context="x" arch="noarch"/>
    <package name="bar" version="2.0" release="3" epoch="1" arch="noarch" src="bar.src.rpm">
      <filename>bar-2.0-3.noarch.rpm</filename>
      <sum type="sha1">da39a3ee5e6b4b0d3255bfef95601890afd80709</sum>
      <reboot_suggested/><restart_suggested>1</restart_suggested><relogin_suggested>0</relogin_suggested>
    </package></collection></pkglist>
</update>"#,
    )
    .unwrap();
    let text = String::from;
    let expected = Advisory {
        id: text("EX-1"),
        from: text("me@example.org"),
        status: text("final"),
        kind: text("security"),
        version: text("3"),
        title: text("t & t"),
        issued: text("2026-01-02 03:04:05"),
        updated: text("1700000000"),
        rights: text("r"),
        release: text("rel"),
        pushcount: text("2"),
        severity: text("Low"),
        summary: text("s"),
        description: text("d"),
        solution: text("so"),
        reboot_suggested: true,
        references: vec![Reference {
            href: text("https://example.org/1"),
            id: text("CVE-1"),
            kind: text("cve"),
            title: text("ti"),
        }],
        collections: vec![Collection {
            short: text("c"),
            name: text("coll"),
            module: Some(Module {
                name: text("m"),
                stream: text("1"),
                version: text("2"),
                context: text("x"),
                arch: text("noarch"),
            }),
            packages: vec![UpdatePackage {
                nevra: Some("bar-1:2.0-3.noarch".parse().unwrap()),
                src: text("bar.src.rpm"),
                filename: text("bar-2.0-3.noarch.rpm"),
                checksum: Checksum::parse("sha", "da39a3ee5e6b4b0d3255bfef95601890afd80709").ok(),
                reboot_suggested: true,
                restart_suggested: true,
                relogin_suggested: false,
            }],
        }],
    };
    assert_eq!(found, [expected]);
}

#[test]
fn nothing_in_an_advisory_must_be_there() {
    let empty = "<update><references><reference/></references>\
                 <pkglist><collection><package/></collection></pkglist></update>";
    let found = read(&empty.repeat(2)).unwrap();
    assert_eq!(found.len(), 2);
    assert_eq!(found[0].references, [Reference::default()]);
    assert_eq!(found[0].collections[0].packages, [UpdatePackage::default()]);
    assert_eq!(read("").unwrap(), []);
}

#[test]
fn errors_name_the_advisory() {
    let error = read("<update><id>EX-1</id><pkglist><collection><package epoch='x'/>").unwrap_err();
    assert!(
        error
            .to_string()
            .contains("updateinfo.xml, advisory 1 (EX-1)"),
        "{error}"
    );
}

#[test]
fn lists_are_capped() {
    let xml = format!(
        "<updates><update><references>{}</references></update></updates>",
        "<reference/>".repeat(3)
    );
    let limits = Limits {
        entries: 2,
        ..Limits::default()
    };
    let mut updates = Updateinfo::open(xml.as_bytes(), "x", limits).unwrap();
    assert!(updates.next().unwrap().is_err());
    assert!(updates.next().is_none());
}
