use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::primary::Primary;
use serde_json::{Value, json};

use super::*;

/// A repository in the notation of `primary`, a package a line.
fn table(packages: &[&str]) -> Table {
    let xml = format!("<metadata>{}</metadata>", packages.concat());
    let mut table = Table::default();
    let mut dependencies = Dependencies::default();
    for package in Primary::open(xml.as_bytes(), "primary.xml", Limits::default()).unwrap() {
        let package = package.unwrap();
        table.push(&package);
        dependencies.push(&package);
    }
    table.finish();
    dependencies.finish();
    table.depend(dependencies);
    table
}

fn package(nevra: &str, summary: &str, format: &str) -> String {
    let Nevra { name, evr, arch } = nevra.parse().unwrap();
    let checksum = ocirepo::Digest::of(nevra.as_bytes()).hex();
    let time = nevra.len();
    format!(
        r#"<package type="rpm"><name>{name}</name><arch>{arch}</arch>
<version epoch="{}" ver="{}" rel="{}"/><checksum type="sha256" pkgid="YES">{checksum}</checksum>
<summary>{summary}</summary><description>About {name}</description>
<url>javascript:alert(1)</url><time file="1" build="{time}"/>
<size package="{}" installed="7" archive="8"/><location href="Packages/{nevra}.rpm"/>
<format><rpm:license>MIT</rpm:license>{format}</format></package>"#,
        evr.epoch,
        evr.version,
        evr.release,
        time * 10,
    )
}

fn shells() -> Table {
    let bash = package(
        "bash-5.3-1.x86_64",
        "The GNU Bourne Again shell",
        r#"<rpm:sourcerpm>bash-5.3-1.src.rpm</rpm:sourcerpm><file>/usr/bin/bash</file>
<rpm:provides><rpm:entry name="bash" flags="EQ" epoch="0" ver="5.3" rel="1"/></rpm:provides>"#,
    );
    let old = package(
        "bash-5.2-9.x86_64",
        "The GNU Bourne Again shell",
        r#"<rpm:sourcerpm>bash-5.2-9.src.rpm</rpm:sourcerpm>
<rpm:provides><rpm:entry name="bash" flags="EQ" epoch="0" ver="5.2" rel="9"/></rpm:provides>"#,
    );
    let doc = package(
        "bash-doc-5.3-1.noarch",
        "Documentation",
        r#"<rpm:sourcerpm>bash-5.3-1.src.rpm</rpm:sourcerpm>
<rpm:requires><rpm:entry name="bash" flags="GE" epoch="0" ver="5.3"/>
<rpm:entry name="/usr/bin/bash" pre="1"/></rpm:requires>"#,
    );
    let zsh = package("zsh-5.9-1.x86_64", "Powerful, like bash", "");
    let abash = package("abash-1-1.x86_64", "Something", "");
    table(&[&zsh, &bash, &doc, &old, &abash])
}

fn names(table: &Table, query: &str, filters: Value, sort: Value) -> Vec<String> {
    let filters: Filters = serde_json::from_value(filters).unwrap();
    let sort: Option<Sort> = serde_json::from_value(sort).unwrap();
    let ids = table.search(query, &filters, sort.as_ref()).unwrap();
    ids.iter()
        .map(|id| table.nevra(*id).unwrap().to_string())
        .collect()
}

#[test]
fn the_name_itself_comes_before_its_beginning_parts_of_names_and_summaries() {
    let table = shells();
    assert_eq!(
        names(&table, "BASH", json!({}), Value::Null),
        [
            "bash-5.2-9.x86_64",
            "bash-5.3-1.x86_64",
            "bash-doc-5.3-1.noarch",
            "abash-1-1.x86_64",
            "zsh-5.9-1.x86_64"
        ]
    );
    assert_eq!(
        names(&table, "bash gnu", json!({}), Value::Null),
        ["bash-5.2-9.x86_64", "bash-5.3-1.x86_64"]
    );
    assert!(names(&table, "bash\ngnu nothing", json!({}), Value::Null).is_empty());
    assert_eq!(names(&table, "b*doc", json!({}), Value::Null).len(), 1);
    assert_eq!(names(&table, "", json!({}), Value::Null).len(), 5);
}

#[test]
fn what_is_provided_and_required_is_found() {
    let table = shells();
    assert_eq!(
        names(&table, "provides:bash", json!({}), Value::Null).len(),
        2
    );
    assert_eq!(
        names(&table, "file:/usr/bin/bash", json!({}), Value::Null),
        ["bash-5.3-1.x86_64"]
    );
    assert_eq!(
        names(&table, "requires:bash", json!({}), Value::Null),
        ["bash-doc-5.3-1.noarch"]
    );
}

#[test]
fn filters_and_orders() {
    let table = shells();
    assert_eq!(
        names(
            &table,
            "bash",
            json!({"latest": true, "arch": ["x86_64"]}),
            Value::Null
        ),
        ["bash-5.3-1.x86_64", "abash-1-1.x86_64", "zsh-5.9-1.x86_64"]
    );
    assert_eq!(
        names(
            &table,
            "",
            json!({"source": ["bash"]}),
            json!({"by": "size", "descending": true})
        ),
        [
            "bash-doc-5.3-1.noarch",
            "bash-5.3-1.x86_64",
            "bash-5.2-9.x86_64"
        ]
    );
    let size = table.size(table.find("zsh-5.9-1.x86_64").unwrap());
    assert_eq!(
        names(
            &table,
            "",
            json!({"minSize": size, "maxSize": size}),
            Value::Null
        )
        .len(),
        2
    );
    assert!(names(&table, "", json!({"arch": ["none"]}), Value::Null).is_empty());
}

#[test]
fn requirements_name_only_providers_in_their_range() {
    let table = shells();
    let doc = table.find("bash-doc-5.3-1.noarch").unwrap();
    let details = serde_json::to_value(table.details(doc).unwrap()).unwrap();
    let dependencies = table.dependencies().unwrap().shown(&table, doc);
    let dependencies = serde_json::to_value(dependencies).unwrap();
    let requires = dependencies["requires"].as_array().unwrap();
    assert_eq!(requires[0]["text"], "bash >= 5.3");
    assert_eq!(
        requires[0]["providers"],
        json!([{"id": table.find("bash-5.3-1.x86_64"), "nevra": "bash-5.3-1.x86_64"}])
    );
    assert_eq!(requires[1]["pre"], true);
    assert_eq!(requires[1]["providers"][0]["nevra"], "bash-5.3-1.x86_64");
    assert_eq!(details["url"], "javascript:alert(1)");
    assert!(details.get("homepage").is_none(), "a browser would run it");
    assert_eq!(details["description"], "About bash-doc");
}

#[test]
fn packages_are_found_by_name_checksum_and_path() {
    let table = shells();
    let zsh = table.find("zsh-5.9-1.x86_64").unwrap();
    assert_eq!(table.find("/Packages/zsh-5.9-1.x86_64.rpm"), Some(zsh));
    let checksum = table.checksum(zsh).unwrap().to_string();
    assert_eq!(table.find(&checksum), Some(zsh));
    assert_eq!(table.find("zsh"), None);
}

#[test]
fn sums_and_differences() {
    let table = shells();
    let sources = serde_json::to_value(table.sources()).unwrap();
    assert_eq!(sources[0]["value"], "bash");
    assert_eq!(sources[0]["count"], 3);
    assert_eq!(table.column("installedSize").unwrap(), [7.0; 5]);
    assert!(table.column("name").is_none());
    let other = self::table(&[&package("zsh-6-1.x86_64", "", "")]);
    let diff = serde_json::to_value(table.diff(&other)).unwrap();
    assert_eq!(diff["changes"].as_array().unwrap().len(), 5);
    assert_eq!(diff["changes"][4]["change"], "upgraded");
    assert_eq!(diff["changes"][4]["new"]["evr"], "6-1");
}

#[test]
fn an_empty_repository_has_no_answers() {
    let table = table(&[]);
    assert_eq!(table.len(), 0);
    assert!(names(&table, "x", json!({}), Value::Null).is_empty());
    assert!(table.shown(0).is_none());
    assert!(table.details(0).is_none());
    assert!(table.dependencies().unwrap().providers("x").is_empty());
}

#[test]
fn before_dependencies_were_read_everything_else_is_there() {
    let xml = format!("<metadata>{}</metadata>", package("a-1-1.x86_64", "A", ""));
    let mut table = Table::default();
    let packages = Primary::open(xml.as_bytes(), "primary.xml", Limits::default()).unwrap();
    for package in packages.without_dependencies() {
        table.push(&package.unwrap());
    }
    table.finish();
    assert_eq!(names(&table, "a", json!({}), Value::Null), ["a-1-1.x86_64"]);
    for query in ["provides:a", "a requires:b", "file:/a"] {
        let unread = table.search(query, &Filters::default(), None).unwrap_err();
        assert!(unread.to_string().contains("readDependencies"), "{query}");
    }
}
