use super::*;
use crate::error::MetadataErrorKind;
use crate::package::FileKind;

const SHA256: &str = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

/// The elements that a package must have, without `without`.
fn minimal(without: &str) -> String {
    [
        ("name", "<name>bash</name>".to_owned()),
        ("arch", "<arch>x86_64</arch>".to_owned()),
        (
            "version",
            r#"<version epoch="0" ver="5.3" rel="1"/>"#.to_owned(),
        ),
        (
            "checksum",
            format!("<checksum type='sha256'>{SHA256}</checksum>"),
        ),
        ("location", "<location href='bash.rpm'/>".to_owned()),
    ]
    .into_iter()
    .filter(|(name, _)| *name != without)
    .map(|(_, element)| element)
    .collect()
}

fn package(body: &str) -> String {
    format!("<package type='rpm'>{body}</package>")
}

fn read(packages: &str) -> Result<Vec<Package>, MetadataError> {
    let xml = format!("<metadata packages='7'>{packages}</metadata>");
    Primary::open(xml.as_bytes(), "primary.xml", Limits::default())?.collect()
}

fn with_format(format: &str) -> Result<Package, MetadataError> {
    let body = minimal("") + "<format>" + format + "</format>";
    Ok(read(&package(&body))?.remove(0))
}

#[test]
fn every_field_is_read_in_any_order() {
    let body = r#"
  <format>
    <file type="dir">/etc/bash</file>
    <rpm:supplements><rpm:entry name="(a and b)"/></rpm:supplements>
    <file type="ghost">/etc/ghost </file>
    <rpm:requires>
      <rpm:entry pre="1" rel="2" ver="1" epoch="3" flags="GE" name="a&lt;b"/>
      <rpm:entry name="/bin/sh"/>
      <unknown/>
      <rpm:entry name="v" flags="LT" ver="0:5"/>
    </rpm:requires>
    <rpm:provides/>
    <rpm:conflicts><rpm:entry name="c" flags="LE" epoch="0" ver="1"/></rpm:conflicts>
    <rpm:obsoletes><rpm:entry name="o" flags="GT" epoch="0" ver="1"/></rpm:obsoletes>
    <rpm:suggests><rpm:entry name="s"/></rpm:suggests>
    <rpm:enhances><rpm:entry name="e"/></rpm:enhances>
    <rpm:recommends><rpm:entry name="r"/></rpm:recommends>
    <file>/usr/bin/bash</file>
    <file type="new">/usr/bin/new</file>
    <rpm:header-range end="9" start="7"/>
    <rpm:sourcerpm>bash-5.3-1.src.rpm</rpm:sourcerpm>
    <rpm:buildhost>host</rpm:buildhost>
    <rpm:group>Shells</rpm:group>
    <rpm:vendor>Vendor</rpm:vendor>
    <rpm:license>GPL</rpm:license>
  </format>
  <location href="b/bash.rpm"/>
  <size archive="3" installed="2" package="1"/>
  <time build="5" file="4"/>
  <url> https://example.org/ </url>
  <packager>Me &lt;me@example.org&gt;</packager>
  <description> Two
lines </description>
  <summary>One</summary>
  <checksum pkgid="YES" type="sha">da39a3ee5e6b4b0d3255bfef95601890afd80709</checksum>
  <version rel="1" ver="5.3" epoch="2"/>
  <arch> x86_64 </arch>
  <name>bash</name>
"#;
    let found = read(&package(body)).unwrap().remove(0);
    assert_eq!(found.nevra.to_string(), "bash-2:5.3-1.x86_64");
    assert!(found.checksum.is_weak());
    assert_eq!(found.location.path(), "b/bash.rpm");
    assert_eq!(
        found.size,
        Sizes {
            package: 1,
            installed: 2,
            archive: 3
        }
    );
    assert_eq!((found.file_time, found.build_time), (4, 5));
    let details = &found.details;
    assert_eq!(&*details.summary, "One");
    assert_eq!(&*details.description, " Two\nlines ");
    assert_eq!(&*details.packager, "Me <me@example.org>");
    assert_eq!(&*details.url, "https://example.org/");
    assert_eq!(&*details.license, "GPL");
    assert_eq!(&*details.vendor, "Vendor");
    assert_eq!(&*details.group, "Shells");
    assert_eq!(&*details.build_host, "host");
    assert_eq!(&*details.source_rpm, "bash-5.3-1.src.rpm");
    assert_eq!(details.header_range, Some(7..9));
    let lists = &found.dependencies;
    let shown = |list: &[Dependency]| list.iter().map(|d| d.to_string()).collect::<Vec<_>>();
    assert_eq!(
        shown(&lists.requires),
        ["a<b >= 3:1-2", "/bin/sh", "v < 0:5"]
    );
    assert_eq!(
        lists.requires.iter().map(|d| d.pre).collect::<Vec<_>>(),
        [true, false, false]
    );
    assert!(lists.provides.is_empty());
    assert_eq!(shown(&lists.conflicts), ["c <= 1"]);
    assert_eq!(shown(&lists.obsoletes), ["o > 1"]);
    assert_eq!(shown(&lists.suggests), ["s"]);
    assert_eq!(shown(&lists.enhances), ["e"]);
    assert_eq!(shown(&lists.recommends), ["r"]);
    assert_eq!(shown(&lists.supplements), ["(a and b)"]);
    let files: Vec<_> = found.files.iter().map(|f| (&*f.path, f.kind)).collect();
    assert_eq!(
        files,
        [
            ("/etc/bash", FileKind::Dir),
            ("/etc/ghost ", FileKind::Ghost),
            ("/usr/bin/bash", FileKind::File),
            ("/usr/bin/new", FileKind::File),
        ]
    );
}

#[test]
fn what_no_tool_can_do_without_must_be_there() {
    let found = read(&package(&minimal(""))).unwrap().remove(0);
    assert_eq!(found.details, Details::default());
    assert_eq!(found.dependencies, Dependencies::default());
    for name in ["name", "arch", "version", "checksum", "location"] {
        let error = read(&package(&minimal(name))).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Malformed);
        assert!(
            error
                .to_string()
                .ends_with(&format!("there is no <{name}>")),
            "{error}"
        );
    }
}

#[test]
fn errors_name_the_package_and_the_position() {
    let second = minimal("location") + "<size package='x'/>";
    let error = read(&(package(&minimal("")) + &package(&second))).unwrap_err();
    let message = error.to_string();
    assert!(
        message.starts_with("cannot read primary.xml, package 2 (bash), at byte "),
        "{message}"
    );
    assert!(message.ends_with(": `x` is not a number"), "{message}");
}

#[test]
fn an_error_ends_the_iterator() {
    let xml = format!("<metadata>{}</metadata>", package(&minimal("name")));
    let mut primary = Primary::open(xml.as_bytes(), "x", Limits::default()).unwrap();
    assert!(primary.next().unwrap().is_err());
    assert!(primary.next().is_none());
}

#[test]
fn only_rpms_right_below_the_root_are_packages() {
    let packages = [
        package(&minimal("")),
        format!("<other>{}</other>", package("")),
        "<package type='deb'/>".to_owned(),
        format!("<package>{}</package>", minimal("")),
    ];
    assert_eq!(read(&packages.concat()).unwrap().len(), 2);
}

#[test]
fn a_location_outside_the_repository_is_refused_with_the_name_of_the_package() {
    let outside = |location: &str| package(&(minimal("location") + location));
    for location in [
        "<location href='../x'/>",
        "<location href='x' xml:base='http://h/'/>",
    ] {
        let error = read(&outside(location)).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Outside);
        assert!(error.to_string().contains("(bash)"), "{error}");
    }
    let kept = format!(
        "<metadata>{}</metadata>",
        outside("<location href='x' base='http://h/'/>")
    );
    let mut primary = Primary::open(kept.as_bytes(), "x", Limits::default())
        .unwrap()
        .keep_base();
    let base = primary.next().unwrap().unwrap().base;
    assert_eq!(base.as_deref(), Some("http://h/"));
}

#[test]
fn broken_values_are_refused() {
    for format in [
        "<rpm:requires><rpm:entry/></rpm:requires>",
        "<rpm:requires><rpm:entry name='a' flags='!='/></rpm:requires>",
        "<rpm:requires><rpm:entry name='a' flags='EQ' epoch='-1' ver='1'/></rpm:requires>",
        "<rpm:header-range start='1'/>",
        "<rpm:header-range start='1' end='x'/>",
    ] {
        let error = with_format(format).unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::Malformed, "{format}");
    }
    // A range that cannot be is not offered to anybody.
    let found = with_format("<rpm:header-range start='2' end='1'/>").unwrap();
    assert_eq!(found.details.header_range, None);
}

#[test]
fn lists_are_capped() {
    let limits = Limits {
        entries: 2,
        ..Limits::default()
    };
    for list in [
        "<file>/a</file>".repeat(3),
        format!(
            "<rpm:requires>{}</rpm:requires>",
            "<rpm:entry name='a'/>".repeat(3)
        ),
    ] {
        let body = minimal("") + "<format>" + &list + "</format>";
        let xml = format!("<metadata>{}</metadata>", package(&body));
        let mut primary = Primary::open(xml.as_bytes(), "x", limits).unwrap();
        let error = primary.next().unwrap().unwrap_err();
        assert_eq!(error.kind(), MetadataErrorKind::TooLarge);
    }
}

#[test]
fn the_declared_number_of_packages_is_a_hint_only() {
    for (attribute, declared) in [
        ("packages='3'", Some(3)),
        ("packages='-'", None),
        ("", None),
    ] {
        let xml = format!("<metadata {attribute}/>");
        let primary = Primary::open(xml.as_bytes(), "x", Limits::default()).unwrap();
        assert_eq!(primary.declared(), declared);
        assert_eq!(primary.count(), 0);
    }
}

#[test]
fn texts_in_common_are_shared() {
    let two = read(&package(&minimal("")).repeat(2)).unwrap();
    assert!(Arc::ptr_eq(&two[0].nevra.arch, &two[1].nevra.arch));
}
