//! Bad input: a clear error that names the file, and nothing is published.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::fs;

use super::world::{Recipe, World};

const REPO: &str = "me/repo:el9";

/// A repository that must stay as it is.
fn world() -> World {
    let world = World::new();
    let good = world.package("good", &Recipe::new("good", "1.0"));
    world.push(&[&good, REPO]);
    world
}

/// Asserts that a push fails with this code, says all of this, and leaves all as it was.
#[track_caller]
fn fails(world: &World, arguments: &[&str], code: i32, says: &[&str]) {
    let before = world.tags(REPO);
    let (found, message) = world.refused(arguments);
    assert_eq!(found, code, "{message}");
    for text in says {
        assert!(message.contains(text), "{text}: {message}");
    }
    assert_eq!(message.lines().count(), 1, "{message}");
    assert_eq!(world.tags(REPO), before);
    assert_eq!(world.packages(REPO), ["good-1.0-1.noarch"]);
}

#[test]
fn a_package_that_was_cut_off() {
    let world = world();
    let bytes = Recipe::new("bad", "1.0").bytes();
    for len in [0, 50, 200, 500, bytes.len() - 1] {
        let file = world.write("bad.rpm", &bytes[..len]);
        fails(&world, &[&file, REPO], 1, &[&file]);
    }
}

#[test]
fn a_package_that_was_damaged_in_its_header_or_its_payload() {
    let world = world();
    let bytes = Recipe::new("bad", "1.0").bytes();
    let summary = b"A package";
    let name = bytes.windows(9).position(|text| text == summary).unwrap();
    for at in [name, bytes.len() - 10] {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let file = world.write("bad.rpm", &damaged);
        fails(&world, &[&file, REPO], 1, &[&file, "SHA-256", "damaged"]);
    }
}

#[test]
fn a_file_that_is_no_package() {
    let world = world();
    let text = world.write("text.rpm", "no package");
    fails(&world, &[&text, REPO], 1, &[&text, "no RPM package"]);
    let key = world.write("KEY", "key");
    fails(&world, &[&key, REPO], 1, &[&key, "no RPM package"]);
    let gone = world.path("gone.rpm");
    let gone = gone.to_str().unwrap();
    fails(&world, &[gone, REPO], 1, &[gone]);
}

#[test]
fn a_file_that_cannot_be_read() {
    let world = world();
    world.write("d/readme", "text");
    let link = world.path("d/dangling.rpm");
    std::os::unix::fs::symlink("/nowhere/at/all", &link).unwrap();
    let directory = world.path("d");
    let directory = directory.to_str().unwrap();
    fails(&world, &[directory, REPO], 1, &[link.to_str().unwrap()]);
}

#[test]
fn two_packages_of_one_name_and_different_content() {
    let world = world();
    let recipe = Recipe::new("bad", "1.0");
    let other = Recipe {
        content: "other",
        ..recipe.clone()
    };
    let (first, second) = (world.package("1", &recipe), world.package("2", &other));
    let says = ["bad-1.0-1.noarch", &*first, &*second];
    fails(&world, &[&first, &second, REPO], 1, &says);
    fails(&world, &[&first, &second, "--replace", REPO], 1, &says);
    let good = Recipe {
        content: "other",
        ..Recipe::new("good", "1.0")
    };
    let good = world.package("3", &good);
    let says = [&*good, "Packages/good-1.0-1.noarch.rpm", "--replace"];
    fails(&world, &[&good, REPO], 1, &says);
}

#[test]
fn the_same_package_twice_counts_once() {
    let world = World::new();
    let recipe = Recipe::new("a", "1.0");
    let (first, second) = (world.package("1", &recipe), world.package("2", &recipe));
    world.push(&[&first, &second, &first, REPO]);
    assert_eq!(world.packages(REPO), ["a-1.0-1.noarch"]);
}

#[test]
fn a_place_outside_of_the_repository_or_within_its_metadata() {
    let world = world();
    let file = world.package("", &Recipe::new("bad", "1.0"));
    for prefix in ["..", "a/../..", "/etc", "repodata"] {
        let arguments = [&*file, "--location-prefix", prefix, REPO];
        fails(&world, &arguments, 1, &[&file, prefix]);
    }
}

#[test]
fn names_that_are_not_utf_8() {
    use std::os::unix::ffi::OsStrExt;
    let world = world();
    let name = std::ffi::OsStr::from_bytes(b"caf\xe9.rpm");
    fs::create_dir(world.path("d")).unwrap();
    fs::write(
        world.path("d").join(name),
        Recipe::new("bad", "1.0").bytes(),
    )
    .unwrap();
    let directory = world.path("d");
    fails(
        &world,
        &[directory.to_str().unwrap(), REPO],
        1,
        &["caf", "not UTF-8"],
    );
}

#[test]
fn nothing_to_do() {
    let world = world();
    fails(&world, &[REPO], 2, &["there is nothing to publish"]);
    fs::create_dir(world.path("empty")).unwrap();
    let empty = world.path("empty");
    let empty = empty.to_str().unwrap();
    fails(&world, &[empty, REPO], 1, &[empty, "no files"]);
    fails(
        &world,
        &["--remove", "nothing-*", REPO],
        3,
        &["`nothing-*`"],
    );
    fails(
        &world,
        &["--keep-latest", "2", "me/none:el9"],
        3,
        &["me/none:el9"],
    );
}

#[test]
fn a_pattern_that_removes_nothing_stops_what_else_was_asked() {
    let world = world();
    let file = world.package("", &Recipe::new("bad", "1.0"));
    fails(&world, &[&file, "--remove", "bda", REPO], 3, &["`bda`"]);
}

#[test]
fn metadata_that_is_something_else() {
    let world = world();
    let file = world.write("other.xml", "<other/>");
    for option in ["--comps", "--updateinfo", "--modules"] {
        fails(&world, &[option, &file, REPO], 1, &[&file]);
    }
}

#[test]
fn a_directory_with_repodata_and_a_change() {
    let world = world();
    let repomd = "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\"/>";
    world.write("d/repodata/repomd.xml", repomd);
    let directory = world.path("d");
    let directory = directory.to_str().unwrap();
    let arguments = [directory, "--remove", "good", REPO];
    fails(&world, &arguments, 2, &["--remove"]);
    let file = world.package("", &Recipe::new("bad", "1.0"));
    fails(&world, &[directory, &file, REPO], 1, &[directory, "alone"]);
}

#[test]
fn what_is_there_cannot_be_read() {
    let world = world();
    let primary = world.repomd(REPO).record("primary").unwrap().clone();
    let mirror = world.sync(REPO);
    let directory = mirror.to_str().unwrap();
    // A repository whose filelists says nothing of the package.
    let filelists = world.repomd(REPO).record("filelists").unwrap().clone();
    let empty = "<filelists packages=\"0\"/>";
    let path = mirror.join("repodata/filelists.xml");
    fs::write(&path, empty).unwrap();
    let raw = fs::read_to_string(mirror.join("repodata/repomd.xml")).unwrap();
    let checksum = ocirepo::Digest::of(empty.as_bytes()).hex();
    let changed = raw
        .replace(filelists.location.path(), "repodata/filelists.xml")
        .replace(&filelists.checksum.hex(), &checksum)
        .replace(
            &format!("<size>{}</size>", filelists.size.unwrap()),
            &format!("<size>{}</size>", empty.len()),
        )
        .replace(&filelists.open_checksum.unwrap().hex(), &checksum)
        .replace(
            &format!("<open-size>{}</open-size>", filelists.open_size.unwrap()),
            &format!("<open-size>{}</open-size>", empty.len()),
        );
    assert!(raw.contains(primary.location.path()));
    fs::write(mirror.join("repodata/repomd.xml"), changed).unwrap();
    world.push(&[directory, REPO]);
    let file = world.package("", &Recipe::new("bad", "1.0"));
    let says = ["repodata/filelists.xml", "good-1.0-1.noarch"];
    fails(&world, &[&file, REPO], 1, &says);
}

#[test]
fn texts_that_are_not_utf_8_are_read_as_createrepo_reads_them() {
    let world = world();
    let bytes = Recipe::new("old", "1.0").bytes();
    let offsets = rpm::PackageMetadata::parse(&mut &*bytes)
        .unwrap()
        .get_package_segment_offsets();
    let header = offsets.header as usize..offsets.payload as usize;
    let find = |text: &[u8], bytes: &[u8]| {
        let at = bytes.windows(text.len()).position(|found| found == text);
        at.unwrap()
    };
    // What vouches for the header vouches for the changed one.
    let digest = |bytes: &[u8]| ocirepo::Digest::of(&bytes[header.clone()]).hex();
    let mut changed = bytes.clone();
    let summary = find(b"A package", &bytes);
    changed[summary..summary + 9].copy_from_slice(b"Caf\xe9 bar.");
    let old = find(digest(&bytes).as_bytes(), &bytes);
    let new = digest(&changed);
    changed[old..old + 64].copy_from_slice(new.as_bytes());
    let file = world.write("old.rpm", changed);
    world.push(&[&file, REPO]);
    let output = world.run(&["ls", &world.location(REPO), "old"]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("Café bar."), "{text}");
}
