//! The inspector in headless Chromium, at real registries, directly and through the gateway of
//! `ocirepo inspect`. What is done and looked at is in `inspector/scenarios.mjs`.
//!
//! Run with `cargo xtask e2e`.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};

use ocirepo::Digest;
use ocirepo_e2e::pages::{EXPOSED, Fronted, page, play};
use ocirepo_e2e::program::Program;
use ocirepo_e2e::registry::{Access, DockerRegistry, PASSWORD, USER};
use ocirepo_e2e::sample::{Package, Sample, Style};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{key, packages, sample};
use ocirepo_rpm::checksum::{Checksum, ChecksumKind};
use ocirepo_rpm::evr::{Evr, Nevra};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::package::{Dependencies, Dependency, Details, Package as Listed, Sizes};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::write::{self, FilelistsWriter, MetadataFile, OtherWriter, PrimaryWriter};
use serde_json::{Value, json};

/// The package that is looked at and downloaded.
const NAME: &str = "hello-lab";
const FILE: &str = "Packages/hello-lab-1.0-1.noarch.rpm";

/// Somebody with `ocirepo`, who publishes two tags: `one` is the sample, and `two` has another
/// version of a package in place of an old one.
struct Publisher {
    program: Program,
}

impl Publisher {
    fn new() -> Self {
        Self {
            program: Program::new().expect("a home"),
        }
    }

    fn with_login(host: &str) -> Self {
        let program = Program::new().expect("a home");
        let program = program
            .variable("OCIREPO_REGISTRY", host)
            .variable("OCIREPO_USERNAME", USER)
            .variable("OCIREPO_PASSWORD", PASSWORD);
        Self { program }
    }

    fn publish(&self, host: &str) {
        let mut newer = packages();
        newer.retain(|package| package.name != "epoch-lab");
        newer.push(Package::new("epoch-lab", "1.1", "1").epoch(7));
        let newer = Sample::build(key(), &newer, Style::default()).expect("a newer sample");
        for (sample, tag) in [(&newer, "two"), (sample(), "one")] {
            self.push(sample.path(), &format!("oci://{host}/lab/repo:{tag}"));
        }
    }

    fn push(&self, directory: &std::path::Path, location: &str) {
        let directory = directory.to_string_lossy();
        let run = self.program.run(&["push", &directory, location]);
        run.and_then(|run| run.well()).expect("published");
    }

    /// `ocirepo inspect` with the page in the program; the address of the page.
    fn inspect(&self, location: &str) -> Inspector {
        let arguments = [
            "inspect",
            location,
            "--json",
            "--no-open",
            "--listen",
            "127.0.0.1:0",
        ];
        let mut command = self.program.command(&arguments);
        let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
        let mut line = String::new();
        let stdout = child.stdout.take().unwrap();
        BufReader::new(stdout).read_line(&mut line).unwrap();
        let said: Value = serde_json::from_str(&line).expect("where it listens");
        Inspector {
            child,
            url: said["listening"].as_str().unwrap().to_owned(),
        }
    }
}

/// A running `ocirepo inspect`.
struct Inspector {
    child: Child,
    url: String,
}

impl Drop for Inspector {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What scenarios are told of the two tags.
fn world(host: &str) -> Value {
    let content = fs::read(sample().path().join(FILE)).unwrap();
    json!({
        "page": page(),
        "registry": format!("http://{host}"),
        "location": format!("oci://{host}/lab/repo:one"),
        "name": NAME,
        "digest": Digest::of(&content).to_string(),
        "count": packages().len(),
        "from": "two",
        "changed": "epoch-lab",
    })
}

fn with(mut world: Value, more: &[(&str, Value)]) -> Value {
    for (name, value) in more {
        world[*name] = value.clone();
    }
    world
}

fn open_registry() -> DockerRegistry {
    DockerRegistry::start(&Access::Open).expect("a registry")
}

/// A registry that no page may read, with both tags, and the inspector in front.
fn inspected() -> (DockerRegistry, Inspector, Value) {
    let registry = open_registry();
    let publisher = Publisher::new();
    publisher.publish(&registry.host());
    let world = world(&registry.host());
    let inspector = publisher.inspect(world["location"].as_str().unwrap());
    let world = with(world, &[("inspect", json!(inspector.url))]);
    (registry, inspector, world)
}

#[test]
fn an_open_registry_that_lets_pages_read_is_read_by_the_page_itself() {
    let registry = DockerRegistry::for_pages(EXPOSED).expect("a registry");
    Publisher::new().publish(&registry.host());
    play("direct", &world(&registry.host())).unwrap();
}

#[test]
fn behind_nginx_a_password_is_asked_for_and_kept_nowhere() {
    let fronted = Fronted::start(EXPOSED).expect("a registry behind nginx");
    let host = fronted.registry.host();
    Publisher::with_login(&host).publish(&host);
    let login = [("user", json!(USER)), ("password", json!(PASSWORD))];
    let world = with(world(&fronted.nginx.host()), &login);
    play("password", &world).unwrap();
}

#[test]
fn a_registry_that_no_page_may_read_is_read_through_the_gateway() {
    let (_registry, _inspector, world) = inspected();
    play("gateway", &world).unwrap();
}

#[test]
fn the_gateway_passes_on_a_password_and_the_token_it_is_worth() {
    let fronted = Fronted::start(&[]).expect("a registry behind nginx");
    let host = fronted.registry.host();
    Publisher::with_login(&host).publish(&host);
    let world = world(&fronted.nginx.host());
    let inspector = Publisher::new().inspect(world["location"].as_str().unwrap());
    let more = [
        ("user", json!(USER)),
        ("password", json!(PASSWORD)),
        ("inspect", json!(inspector.url)),
    ];
    play("gateway", &with(world, &more)).unwrap();
}

#[test]
fn a_wrong_byte_is_an_error_and_no_file() {
    let (registry, _inspector, world) = inspected();
    registry
        .damage(&sample().path().join(FILE))
        .expect("damage");
    play("damaged", &world).unwrap();
}

#[test]
fn a_registry_that_lets_no_page_read_is_named_with_what_would_help() {
    let registry = open_registry();
    Publisher::new().publish(&registry.host());
    let says = json!(["Access-Control-Allow-Origin", registry.host()]);
    play("refused", &with(world(&registry.host()), &[("says", says)])).unwrap();
}

#[test]
fn a_header_that_is_hidden_is_named_with_what_would_help() {
    let fronted = Fronted::start(&["Docker-Content-Digest"]).expect("a registry behind nginx");
    let host = fronted.registry.host();
    Publisher::with_login(&host).publish(&host);
    let says = json!(["WWW-Authenticate", "Access-Control-Expose-Headers"]);
    let world = with(world(&fronted.nginx.host()), &[("says", says)]);
    play("refused", &world).unwrap();
}

#[test]
fn the_keyboard_is_enough() {
    let (_registry, _inspector, world) = inspected();
    play("keyboard", &world).unwrap();
}

#[test]
fn no_view_has_a_serious_finding_of_axe() {
    let (_registry, _inspector, world) = inspected();
    let shots = std::env::var("OCIREPO_SCREENSHOTS").ok();
    play("accessible", &with(world, &[("shots", json!(shots))])).unwrap();
}

#[test]
fn the_demo_needs_no_network() {
    play("demo", &json!({ "page": page() })).unwrap();
}

/// A repository whose one package says in every field what should never happen.
fn hostile(directory: &std::path::Path) {
    let script = "<img src=x onerror=\"pwned=1\"><script>pwned=1</script>";
    let content = b"no package at all";
    let digest = Digest::of(content).hex();
    let checksum = Checksum::from_hex(ChecksumKind::Sha256, &digest).unwrap();
    let path = "Packages/hostile-1-1.noarch.rpm";
    let dependency = |name: &str| Dependency {
        name: name.into(),
        comparison: None,
        evr: None,
        pre: false,
    };
    let package = Listed {
        nevra: Nevra {
            name: "hostile".into(),
            evr: Evr::new(0, "1", "1"),
            arch: "noarch".into(),
        },
        checksum,
        location: Href::from_path(path).unwrap(),
        base: None,
        size: Sizes {
            package: content.len() as u64,
            installed: 1,
            archive: 1,
        },
        file_time: 1,
        build_time: 1,
        details: Details {
            summary: script.into(),
            description: format!("{script} javascript:pwned=1").into(),
            packager: script.into(),
            url: "javascript:globalThis.pwned=1".into(),
            license: script.into(),
            vendor: script.into(),
            group: script.into(),
            build_host: script.into(),
            source_rpm: format!("{script}-1-1.src.rpm").into(),
            header_range: None,
        },
        dependencies: Dependencies {
            provides: [script, "javascript:pwned=1"].map(dependency).into(),
            requires: [script, "javascript:pwned=1", "(x if y)"]
                .map(dependency)
                .into(),
            ..Dependencies::default()
        },
        files: Vec::new().into(),
    };
    let file = |kind: &str| MetadataFile::gzip(kind, &format!("{kind}.xml"), Vec::new());
    let mut primary = PrimaryWriter::new(file("primary"), 1).unwrap();
    primary.write(&package).unwrap();
    let filelists = FilelistsWriter::new(file("filelists"), 0).unwrap();
    let other = OtherWriter::new(file("other"), 0).unwrap();
    let mut repomd = Repomd::default();
    fs::create_dir_all(directory.join("repodata")).unwrap();
    fs::create_dir_all(directory.join("Packages")).unwrap();
    for file in [
        primary.finish().unwrap(),
        filelists.finish().unwrap(),
        other.finish().unwrap(),
    ] {
        let (record, content) = file.finish(Some(1)).unwrap();
        fs::write(directory.join(record.location.path()), content).unwrap();
        repomd.records.push(record);
    }
    fs::write(directory.join(path), content).unwrap();
    fs::write(
        directory.join("repodata/repomd.xml"),
        write::repomd(&repomd),
    )
    .unwrap();
}

#[test]
fn what_hostile_packages_say_stays_text() {
    let registry = open_registry();
    let directory = Scratch::new("hostile").expect("a directory");
    hostile(directory.path());
    let publisher = Publisher::new();
    let location = format!("oci://{}/lab/hostile:1", registry.host());
    publisher.push(directory.path(), &location);
    let inspector = publisher.inspect(&location);
    let world = json!({ "inspect": inspector.url, "name": "hostile" });
    play("hostile", &world).unwrap();
}
