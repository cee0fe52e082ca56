//! What administrators do with dnf, with `baseurl=oci://…` and nothing else to configure.

use std::fs;
use std::process::Command;
use std::sync::OnceLock;

use ocirepo_e2e::plugin::Machine;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::sample::{Package, Sample, Style};
use ocirepo_e2e::world::{AWKWARD, Protection, World, key};

/// As the pull request that brought `oci://` to librepo has it.
const NAME: &str = "atgreen/librepo/gh-cli";

/// The `.repo` file of that pull request, with another registry.
fn repo_file(host: &str) -> String {
    format!("[oci-test]\nname=OCI Test\nbaseurl=oci://{host}/{NAME}\nenabled=1\ngpgcheck=1\n")
}

const COMPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<comps>
 <group>
  <id>lab-tools</id>
  <name>Lab Tools</name>
  <description>Tools of the lab</description>
  <default>true</default>
  <uservisible>true</uservisible>
  <packagelist>
   <packagereq type="mandatory">epoch-lab</packagereq>
   <packagereq type="mandatory">LibFoo++</packagereq>
  </packagelist>
 </group>
</comps>
"#;

/// Two versions of one package, others, and a group.
fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        let packages = [
            Package::new("hello-lab", "1.0", "1"),
            Package::new("hello-lab", "2.0", "1"),
            Package::new(AWKWARD, "1.2~rc1^git20240101", "3.el9"),
            Package::new("epoch-lab", "0.9", "2").epoch(7),
        ];
        let sample = Sample::build(key(), &packages, Style::default()).unwrap();
        let comps = sample.path().join("comps.xml");
        fs::write(&comps, COMPS).unwrap();
        let mut command = Command::new("createrepo_c");
        command.arg("--quiet").arg("--groupfile").arg(&comps);
        Run::of(command.arg(sample.path())).unwrap().well().unwrap();
        fs::remove_file(comps).unwrap();
        let repomd = sample.path().join("repodata/repomd.xml");
        key().sign_detached(&repomd).unwrap();
        sample
    })
}

fn published(protection: Protection, layout: &str) -> World {
    let world = World::new(protection).expect("a registry");
    let reference = format!("{NAME}:latest");
    world.push(sample(), &reference, layout).expect("published");
    world
}

/// A machine with the file, the key, and the login of whoever published.
fn machine(world: &World) -> Machine {
    let machine = Machine::new().expect("a machine");
    let login = world.program.path("config/containers/auth.json");
    let machine = match login.is_file() {
        true => machine.variable("REGISTRY_AUTH_FILE", &login),
        false => machine,
    };
    let file = repo_file(&world.registry.host());
    machine.repo_file("oci-test.repo", &file).expect("a file");
    machine.import_key(&key().public()).expect("the key");
    machine
}

fn an_administrators_day(protection: Protection, layout: &str) {
    let mut world = published(protection, layout);
    let machine = machine(&world);
    let well = |arguments: &[&str]| -> Run {
        let run = machine.dnf(arguments).expect("dnf");
        assert!(run.ok, "{arguments:?}: {run}");
        run
    };
    let version = |expected: Option<&str>| {
        let expected = expected.map(|version| format!("hello-lab {version}-1\n"));
        assert_eq!(machine.installed("hello-lab"), expected);
    };
    well(&["makecache"]);
    assert!(well(&["search", "hello"]).says("hello-lab.noarch"));
    let listed = well(&["--quiet", "repoquery"]).stdout;
    assert_eq!(
        listed.lines().collect::<Vec<_>>(),
        [
            "LibFoo++-0:1.2~rc1^git20240101-3.el9.noarch",
            "epoch-lab-7:0.9-2.noarch",
            "hello-lab-0:1.0-1.noarch",
            "hello-lab-0:2.0-1.noarch",
        ]
    );

    well(&["install", "hello-lab-1.0"]);
    version(Some("1.0"));
    well(&["upgrade", "hello-lab"]);
    version(Some("2.0"));
    well(&["downgrade", "hello-lab"]);
    version(Some("1.0"));
    well(&["history", "undo", "last"]);
    version(Some("2.0"));
    well(&["group", "install", "Lab Tools"]);
    assert!(machine.installed(AWKWARD).is_some() && machine.installed("epoch-lab").is_some());

    let file = "hello-lab-2.0-1.noarch.rpm";
    let original = fs::read(sample().path().join("Packages").join(file)).unwrap();
    let to = machine.path("downloaded");
    well(&["download", "--destdir", &to.to_string_lossy(), "hello-lab"]);
    assert!(fs::read(to.join(file)).expect("a package") == original);
    let to = machine.path("mirror");
    let arguments = [
        "reposync",
        "--download-metadata",
        "-p",
        &to.to_string_lossy(),
    ];
    well(&arguments);
    let mirrored = to.join("oci-test");
    assert!(fs::read(mirrored.join("Packages").join(file)).expect("a package") == original);
    let repomd = fs::read(mirrored.join("repodata/repomd.xml")).expect("metadata");
    if layout != "native" {
        // What a native repository has instead is made of its catalogue.
        assert!(repomd == fs::read(sample().path().join("repodata/repomd.xml")).unwrap());
    }

    // The next day the registry is gone.
    world.registry.kill();
    let cached = well(&["-C", "--quiet", "repoquery"]).stdout;
    assert_eq!(cached, listed);
    let caches = fs::read_dir(machine.path("var/cache/dnf")).expect("a cache");
    let directories = caches
        .flatten()
        .filter(|entry| entry.path().is_dir() && entry.file_name() != ".")
        .count();
    assert_eq!(directories, 1, "every run has the same cache");
}

#[test]
fn everything_works_with_an_open_registry() {
    an_administrators_day(Protection::Open, "files");
}

#[test]
fn everything_works_behind_basic_authentication() {
    an_administrators_day(Protection::Basic, "index");
}

#[test]
fn everything_works_behind_tokens() {
    an_administrators_day(Protection::Bearer, "index");
}

#[test]
fn everything_works_behind_tokens_with_a_registry_of_repositories() {
    an_administrators_day(Protection::Bearer, "tree");
}

#[test]
fn everything_works_behind_tokens_without_metadata_in_the_registry() {
    an_administrators_day(Protection::Bearer, "native");
}

#[test]
fn metadata_and_packages_are_verified_with_a_key_from_the_registry() {
    let world = published(Protection::Open, "files");
    let machine = Machine::new().expect("a machine");
    let host = world.registry.host();
    let file = repo_file(&host)
        + &format!("repo_gpgcheck=1\ngpgkey=oci://{host}/{NAME}/RPM-GPG-KEY-lab\n");
    machine.repo_file("oci-test.repo", &file).expect("a file");
    let run = machine.dnf(&["install", "hello-lab"]).expect("dnf");
    assert!(run.ok, "{run}");
    assert!(run.says("Importing GPG key"), "{run}");
    assert!(machine.installed("hello-lab").is_some());
}

#[test]
fn without_the_key_nothing_is_installed() {
    let world = published(Protection::Open, "files");
    let machine = Machine::new().expect("a machine");
    let file = repo_file(&world.registry.host());
    machine.repo_file("oci-test.repo", &file).expect("a file");
    let run = machine.dnf(&["install", "hello-lab"]).expect("dnf");
    assert!(!run.ok && run.says("GPG"), "{run}");
    assert_eq!(machine.installed("hello-lab"), None);
}
