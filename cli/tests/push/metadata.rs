//! The metadata that a push writes.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::fs;
use std::io::Write as _;

use ocirepo_rpm::filelists::Filelists;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::other::Other;
use ocirepo_rpm::write::{Compress as _, Gzip};

use super::world::{BUILT, Recipe, World};

const REPO: &str = "me/repo:el9";
const COMPS: &str = "<comps><group><id>tools</id><name>Tools</name></group></comps>";
const UPDATES: &str = "<updates><update type='security' from='me' status='final'>\
     <id>U-1</id><title>t</title><pkglist/></update></updates>";
const MODULES: &str = "---\ndocument: modulemd\nversion: 2\n";

fn kinds(world: &World) -> Vec<String> {
    let repomd = world.repomd(REPO);
    repomd
        .records
        .into_iter()
        .map(|record| record.kind)
        .collect()
}

#[test]
fn groups_advisories_and_modules_stay_until_they_are_given_anew() {
    let world = World::new();
    let package = world.package("", &Recipe::new("a", "1.0"));
    let comps = world.write("comps.xml", COMPS);
    let updates = world.write("updates.xml", UPDATES);
    let modules = world.write("modules.yaml", MODULES);
    world.push(&[
        &package,
        "--comps",
        &comps,
        "--updateinfo",
        &updates,
        "--modules",
        &modules,
        REPO,
    ]);
    let all = [
        "primary",
        "filelists",
        "other",
        "group",
        "group_gz",
        "modules",
        "updateinfo",
    ];
    assert_eq!(kinds(&world), all);
    // The same again is the same; a change of packages leaves it alone.
    let again = world.push(&["--comps", &comps, "--modules", &modules, REPO]);
    assert_eq!(again["unchanged"], true);
    let records = |kind: &str| {
        let repomd = world.repomd(REPO);
        let record = repomd
            .records
            .into_iter()
            .find(|record| record.kind == kind);
        record.unwrap().checksum
    };
    let (group, updateinfo) = (records("group"), records("updateinfo"));
    let other = world.package("", &Recipe::new("b", "1.0"));
    world.push(&[&other, REPO]);
    assert_eq!(kinds(&world), all);
    assert_eq!(
        (records("group"), records("updateinfo")),
        (group, updateinfo)
    );
    // Given anew, it is another; the list of packages is not written again.
    let primary = records("primary");
    world.write("updates.xml", UPDATES.replace("U-1", "U-2"));
    let told = world.push(&["--updateinfo", &updates, REPO]);
    assert_eq!(told["blobs"], 2, "the advisories and repomd.xml");
    assert_ne!(records("updateinfo"), updateinfo);
    assert_eq!((records("primary"), records("group")), (primary, group));
    assert_eq!(kinds(&world), all);
}

#[test]
fn metadata_that_is_compressed_is_taken_as_well() {
    let world = World::new();
    let package = world.package("", &Recipe::new("a", "1.0"));
    let mut gzip = Gzip::new(Vec::new());
    gzip.write_all(COMPS.as_bytes()).unwrap();
    let comps = world.write("comps.xml.gz", gzip.finish().unwrap());
    world.push(&[&package, "--comps", &comps, REPO]);
    let record = world.repomd(REPO).record("group").unwrap().clone();
    let directory = world.sync(REPO);
    let content = fs::read(directory.join(record.location.path())).unwrap();
    assert_eq!(content, COMPS.as_bytes());
}

#[test]
fn dates_come_from_packages_or_are_given_and_never_from_the_clock() {
    let world = World::new();
    let old = world.package("", &Recipe::new("a", "1.0"));
    let new = world.package(
        "",
        &Recipe {
            built: BUILT + 5,
            ..Recipe::new("b", "1.0")
        },
    );
    world.push(&[&old, REPO]);
    let revision = || world.repomd(REPO).revision.unwrap();
    assert_eq!(revision(), BUILT.to_string());
    world.push(&[&new, REPO]);
    assert_eq!(revision(), (BUILT + 5).to_string());
    // Readers would take an earlier one for an attack.
    world.push(&["--remove", "b", REPO]);
    assert_eq!(revision(), (BUILT + 5).to_string());
    world.push_with(&[&new, REPO], &[("SOURCE_DATE_EPOCH", "1800000000")]);
    assert_eq!(revision(), "1800000000");
    world.push(&["--remove", "b", "--timestamp", "1234567890", REPO]);
    assert_eq!(revision(), "1234567890");
    let repomd = world.repomd(REPO);
    assert!(
        repomd
            .records
            .iter()
            .all(|record| record.timestamp == Some(1_234_567_890))
    );
}

#[test]
fn zstd_is_written_on_demand_and_read() {
    let world = World::new();
    let package = world.package("", &Recipe::new("a", "1.0"));
    world.push(&[&package, REPO]);
    let names = |world: &World| -> Vec<String> {
        let records = world.repomd(REPO).records;
        records
            .iter()
            .map(|record| record.location.path().to_owned())
            .collect()
    };
    assert!(names(&world).iter().all(|name| name.ends_with(".xml.gz")));
    let told = world.push(&["--compress", "zstd", REPO]);
    assert_eq!(told["blobs"], 4);
    assert!(names(&world).iter().all(|name| name.ends_with(".xml.zst")));
    assert_eq!(world.packages(REPO), ["a-1.0-1.noarch"]);
    assert_eq!(world.push(&["--compress", "zstd", REPO])["unchanged"], true);
    // What is read from zstd is merged as well.
    let other = world.package("", &Recipe::new("b", "1.0"));
    world.push(&[&other, REPO]);
    assert_eq!(world.packages(REPO).len(), 2);
}

#[test]
fn filelists_ext_is_kept_once_it_is_there() {
    let world = World::new();
    let [a, b] = ["a", "b"].map(|name| world.package("", &Recipe::new(name, "1.0")));
    world.push(&[&a, "--filelists-ext", REPO]);
    let expected = ["primary", "filelists", "filelists-ext", "other"];
    assert_eq!(kinds(&world), expected);
    world.push(&[&b, REPO]);
    assert_eq!(kinds(&world), expected);
    let record = world.repomd(REPO).record("filelists-ext").unwrap().clone();
    let file = fs::File::open(world.sync(REPO).join(record.location.path())).unwrap();
    let extended = metadata::open(&record, file, Limits::default()).unwrap();
    let extended = Filelists::open(extended, "filelists-ext.xml", Limits::default()).unwrap();
    let names = extended.map(|files| files.unwrap().nevra.name.to_string());
    assert_eq!(names.collect::<Vec<_>>(), ["a", "b"]);
    world.push(&[&a, "me/plain:el9"]);
    let (code, message) = world.refused(&[&b, "--filelists-ext", "me/plain:el9"]);
    assert_eq!(code, 1);
    assert!(message.contains("filelists-ext"), "{message}");
}

#[test]
fn change_logs_are_as_long_as_was_said() {
    let world = World::new();
    let recipe = Recipe {
        changes: 12,
        ..Recipe::new("a", "1.0")
    };
    let package = world.package("", &recipe);
    let changes = |options: &[&str], repo: &str| {
        let mut arguments = vec![&*package];
        arguments.extend(options);
        arguments.push(repo);
        world.push(&arguments);
        let record = world.repomd(repo).record("other").unwrap().clone();
        let file = world.sync(repo).join(record.location.path());
        let file = fs::File::open(file).unwrap();
        let other = metadata::open(&record, file, Limits::default()).unwrap();
        let mut other = Other::open(other, "other.xml", Limits::default()).unwrap();
        other.next().unwrap().unwrap().changes.len()
    };
    assert_eq!(changes(&[], "me/usual:el9"), 10);
    assert_eq!(changes(&["--changelog-limit", "2"], "me/two:el9"), 2);
    assert_eq!(changes(&["--changelog-limit", "0"], "me/all:el9"), 12);
}
