//! RPM files become a repository that the real dnf uses, and change it afterwards.

use std::path::PathBuf;

use ocirepo_e2e::process::Run;
use ocirepo_e2e::program::{Bridge, Program};
use ocirepo_e2e::registry::LoggedRequest;
use ocirepo_e2e::sample::{Package, Sample, Style};
use ocirepo_e2e::world::{LISTED, Protection, World, key, sample};

const REFERENCE: &str = "lab/pushed:el9";

/// A newer version of a package of the sample.
fn newer() -> Sample {
    let packages = [Package::new("hello-lab", "2.0", "1")];
    Sample::build(key(), &packages, Style::default()).expect("a package")
}

/// The package files of a sample.
fn files(sample: &Sample) -> Vec<String> {
    let below = sample.path().join("Packages");
    let names = sample.packages().iter().map(Package::file_name);
    names
        .map(|name| below.join(name).to_string_lossy().into_owned())
        .collect()
}

fn push(world: &World, arguments: &[&str]) -> Run {
    let location = world.location(REFERENCE);
    let all = [&["push"], arguments, &[&location]].concat();
    let run = world.program.run(&all).expect("the program");
    assert!(run.ok, "{run}");
    run
}

/// What was pushed since: uploads of blobs, and manifests.
fn puts(requests: &[LoggedRequest]) -> (usize, usize) {
    let puts = requests.iter().filter(|request| {
        request.method == "PUT" || (request.method == "POST" && request.status == 201)
    });
    let (blobs, manifests): (Vec<_>, Vec<_>) =
        puts.partition(|request| request.target.contains("/blobs/"));
    (blobs.len(), manifests.len())
}

/// A bridge that knows nothing yet, at the address of the one before: one that has served a
/// client holds it to a snapshot for a minute.
fn bridge(world: &World, before: Option<(Program, Bridge)>) -> (Program, Bridge) {
    let program = Program::new().expect("a home");
    let location = world.location(REFERENCE);
    let address = before.map(|(_, bridge)| bridge.address);
    let bridge = match address {
        Some(address) => program.serve_at(address, &[&location]),
        None => program.serve(&[&location]),
    };
    (program, bridge.expect("a bridge"))
}

fn file(world: &World, name: &str, content: &str) -> String {
    let path: PathBuf = world.program.path(name);
    std::fs::write(&path, content).expect("a file");
    path.to_string_lossy().into_owned()
}

#[test]
fn dnf_installs_from_rpm_files_that_were_pushed_and_changed() {
    let world = World::new(Protection::Open).expect("a registry");
    let rpms = files(sample());
    let rpms: Vec<&str> = rpms.iter().map(String::as_str).collect();
    push(&world, &rpms);
    let served = bridge(&world, None);
    let dnf = world.dnf(&served.1, REFERENCE).expect("a root for dnf");
    let dnf = dnf.option("repo_gpgcheck=0").refreshing();
    assert_eq!(dnf.list().expect("dnf"), LISTED, "{}", served.1.log());
    let installed = dnf.run(&["install", "hello-lab"]).expect("dnf");
    assert!(installed.ok, "{installed}");
    let content = dnf.installed("hello-lab").expect("installed");
    assert_eq!(content.trim(), "hello-lab 1.0-1");

    // One comes, one goes; nothing else is sent.
    let before = world.registry.requests().expect("a log").len();
    let newer = newer();
    let new = files(&newer);
    push(&world, &[&new[0], "--remove", "epoch-lab"]);
    let requests = world.registry.requests().expect("a log");
    let (blobs, manifests) = puts(&requests[before..]);
    assert_eq!(
        blobs, 5,
        "the package, three lists, repomd.xml: {requests:#?}"
    );
    assert_eq!(
        manifests, 3,
        "the snapshot tag, the tag, and since when the old one is superseded: {requests:#?}"
    );
    let wanted = [
        "LibFoo++-0:1.2~rc1^git20240101-3.el9.noarch",
        "hello-lab-0:1.0-1.noarch",
        "hello-lab-0:2.0-1.noarch",
    ];
    let served = bridge(&world, Some(served));
    assert_eq!(dnf.list().expect("dnf"), wanted, "{}", served.1.log());
    let updated = dnf.run(&["upgrade", "hello-lab"]).expect("dnf");
    assert!(updated.ok, "{updated}");
    let content = dnf.installed("hello-lab").expect("installed");
    assert_eq!(content.trim(), "hello-lab 2.0-1");

    // Once more is nothing new.
    let before = world.registry.requests().expect("a log").len();
    let again = push(&world, &[&new[0], rpms[0]]);
    assert!(again.says("is this already"), "{again}");
    let requests = world.registry.requests().expect("a log");
    assert_eq!(puts(&requests[before..]), (0, 0), "{requests:#?}");
}

#[test]
fn a_repository_of_createrepo_is_changed_without_its_packages() {
    let world = World::new(Protection::Open).expect("a registry");
    world.push(sample(), REFERENCE, "index").expect("published");
    let before = world.registry.requests().expect("a log").len();
    let newer = newer();
    let run = push(&world, &["--layout", "index", &files(&newer)[0]]);
    assert!(run.says("no longer signed"), "{run}");
    let requests = world.registry.requests().expect("a log");
    let (blobs, _) = puts(&requests[before..]);
    assert_eq!(blobs, 5, "{requests:#?}");
    let bridge = world.serve(REFERENCE).expect("a bridge");
    let dnf = world.dnf(&bridge, REFERENCE).expect("a root for dnf");
    let dnf = dnf.option("repo_gpgcheck=0");
    let mut wanted = LISTED.to_vec();
    wanted.push("hello-lab-0:2.0-1.noarch");
    assert_eq!(dnf.list().expect("dnf"), wanted, "{}", bridge.log());
    for (query, answer) in [
        (
            ["--file", "/usr/share/lab/epoch-lab"],
            "epoch-lab-7:0.9-2.noarch",
        ),
        (["--whatprovides", "LibFoo++"], LISTED[0]),
    ] {
        let found = dnf.run(&[&["--quiet", "repoquery"], &query[..]].concat());
        let found = found.expect("dnf");
        assert!(found.ok && found.says(answer), "{found}");
    }
}

const COMPS: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<comps>
  <group>
    <id>lab-tools</id><name>Lab Tools</name><description>Tools</description>
    <default>false</default><uservisible>true</uservisible>
    <packagelist><packagereq type="mandatory">hello-lab</packagereq></packagelist>
  </group>
</comps>
"#;

const UPDATEINFO: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<updates>
  <update from="lab@example.org" status="final" type="security" version="1">
    <id>LAB-2024-1</id><title>hello-lab</title><severity>Important</severity>
    <issued date="2024-01-01 00:00:00"/>
    <pkglist><collection short="lab"><name>Lab</name>
      <package name="hello-lab" version="2.0" release="1" epoch="0" arch="noarch">
        <filename>hello-lab-2.0-1.noarch.rpm</filename>
      </package>
    </collection></pkglist>
  </update>
</updates>
"#;

const MODULES: &str = r"---
document: modulemd
version: 2
data:
  name: labmodule
  stream: rolling
  version: 1
  context: 12345678
  arch: noarch
  summary: A module of the lab
  description: >-
    Nothing much.
  license:
    module:
    - MIT
  artifacts:
    rpms:
    - hello-lab-0:2.0-1.noarch
...
";

/// Groups, advisories and modules reach dnf, compressed in this way.
fn more_metadata(how: &str) {
    let world = World::new(Protection::Open).expect("a registry");
    let old = files(sample());
    let newer = newer();
    let new = files(&newer);
    let comps = file(&world, "comps.xml", COMPS);
    let updateinfo = file(&world, "updateinfo.xml", UPDATEINFO);
    let modules = file(&world, "modules.yaml", MODULES);
    let mut arguments: Vec<&str> = old.iter().map(String::as_str).collect();
    arguments.extend(["--comps", &comps, "--compress", how]);
    push(&world, &arguments);
    let served = bridge(&world, None);
    let dnf = world.dnf(&served.1, REFERENCE).expect("a root for dnf");
    let dnf = dnf.option("repo_gpgcheck=0").refreshing();
    let run = |command: &[&str]| {
        let run = dnf.run(command).expect("dnf");
        assert!(run.ok, "{run}");
        run
    };
    run(&["install", "hello-lab-1.0"]);
    let groups = run(&["group", "list", "--ids", "-v"]);
    assert!(
        groups.says("Lab Tools") && groups.says("lab-tools"),
        "{groups}"
    );

    // What was given before stays.
    push(
        &world,
        &[&new[0], "--updateinfo", &updateinfo, "--compress", how],
    );
    let served = bridge(&world, Some(served));
    let groups = run(&["group", "info", "lab-tools"]);
    assert!(groups.says("hello-lab"), "{groups}");
    let advisories = run(&["updateinfo", "list"]);
    assert!(advisories.says("LAB-2024-1"), "{advisories}");
    let updated = run(&["upgrade", "--security"]);
    assert!(updated.says("hello-lab"), "{updated}");
    push(&world, &["--modules", &modules]);
    let _served = bridge(&world, Some(served));
    let list = run(&["module", "list"]);
    assert!(list.says("labmodule") && list.says("rolling"), "{list}");
    let advisories = run(&["updateinfo", "list", "--all"]);
    assert!(advisories.says("LAB-2024-1"), "{advisories}");
}

#[test]
fn groups_advisories_and_modules_reach_dnf_with_gzip() {
    more_metadata("gz");
}

#[test]
fn groups_advisories_and_modules_reach_dnf_with_zstd() {
    more_metadata("zstd");
}
