//! Lost publishes are merged.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use serde_json::{Value, json};

use super::world::{Recipe, World};

const REPO: &str = "me/repo:el9";

/// The tag of the snapshot that a push made.
fn tag(told: &Value) -> String {
    let digest = told["digest"].as_str().unwrap();
    let short = &digest["sha256:".len()..][..12];
    format!("el9-s{}-{short}", told["sequence"])
}

/// Pushes on top of what `base` made, and puts the tag back there, as a publisher does who
/// looked before. Gives the tag of the snapshot that is left.
fn lose(world: &World, base: &Value, arguments: &[&str]) -> String {
    let told = world.push(arguments);
    world.retag("me/repo", &tag(base), "el9");
    tag(&told)
}

/// What `ls` warns of.
fn warning(world: &World) -> String {
    let output = world.run(&["ls", &world.location(REPO)]);
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stderr).unwrap()
}

fn packages(world: &World, names: [&'static str; 4]) -> [String; 4] {
    names.map(|name| world.package("", &Recipe::new(name, "1.0")))
}

#[test]
fn what_a_lost_publish_added_and_removed_is_done_again() {
    for layout in ["files", "index", "native"] {
        let world = World::new();
        let [a, b, c, gone] = packages(&world, ["a", "b", "c", "gone"]);
        let base = world.push(&[&a, &gone, "--layout", layout, REPO]);
        let publish = [&*b, "--remove", "gone", "--layout", layout, REPO];
        let lost = lose(&world, &base, &publish);
        let told = world.push(&[&c, "--layout", layout, REPO]);
        assert_eq!(told["lost"], json!([lost]));
        let command = format!(
            "ocirepo push --merge {lost} {}`",
            &world.location(REPO)["oci://".len()..]
        );
        let warned = warning(&world);
        assert!(warned.contains(&command), "{warned}");

        let told = world.push(&["--merge", &lost, "--layout", layout, REPO]);
        assert_eq!(told["added"], json!(["b-1.0-1.noarch"]), "{layout}");
        assert_eq!(told["removed"], json!(["gone-1.0-1.noarch"]));
        assert_eq!((&told["sequence"], &told["lost"]), (&json!(3), &json!([])));
        let all = ["a", "b", "c"].map(|name| format!("{name}-1.0-1.noarch"));
        assert_eq!(world.packages(REPO), all);
        assert_eq!(warning(&world), "");
        let directory = world.sync(REPO);
        for file in [&a, &b, &c] {
            let name = std::path::Path::new(file).file_name().unwrap();
            let content = std::fs::read(directory.join("Packages").join(name)).unwrap();
            assert!(content == std::fs::read(file).unwrap(), "{name:?}");
        }

        // Its packages are described as if they had been pushed.
        let [a, b, c] = [&*a, &*b, &*c];
        world.push(&[a, b, c, "--layout", layout, "me/once:el9"]);
        let records = |name| world.repomd(name).records;
        assert_eq!(records(REPO), records("me/once:el9"));

        let again = world.push(&["--merge", &lost, "--layout", layout, REPO]);
        assert_eq!(again["unchanged"], true);
        assert_eq!(again["digest"], told["digest"]);
    }
}

#[test]
fn merging_is_no_question_of_what_else_is_changed() {
    let world = World::new();
    let [a, b, c, d] = packages(&world, ["a", "b", "c", "d"]);
    let base = world.push(&[&a, REPO]);
    let first = lose(&world, &base, &[&b, REPO]);
    let second = lose(&world, &base, &[&c, "--remove", "a", REPO]);
    let arguments = [&*d, "--merge", &second, "--merge", &first, REPO];
    let dry = world.push(&[&["--dry-run"], &arguments[..]].concat());
    let told = world.push(&arguments);
    assert_eq!(dry["digest"], told["digest"]);
    assert_eq!(told["lost"], json!([]));
    let all = ["b", "c", "d"].map(|name| format!("{name}-1.0-1.noarch"));
    assert_eq!(world.packages(REPO), all);
}

#[test]
fn a_line_of_lost_publishes_is_merged_as_it_was_made() {
    let world = World::new();
    let [a, ..] = packages(&world, ["a", "b", "c", "d"]);
    let base = world.push(&[&a, REPO]);
    let build = |content| Recipe {
        content,
        ..Recipe::new("x", "1.0")
    };
    let first = world.push(&[&world.package("1", &build("first")), REPO]);
    let newer = world.package("2", &build("second"));
    let second = lose(&world, &base, &[&newer, "--replace", REPO]);
    world.push(&["--merge", &second, "--merge", &tag(&first), REPO]);
    assert_eq!(world.packages(REPO), ["a-1.0-1.noarch", "x-1.0-1.noarch"]);
    let merged = world.sync(REPO).join("Packages/x-1.0-1.noarch.rpm");
    assert!(std::fs::read(merged).unwrap() == std::fs::read(newer).unwrap());
}

#[test]
fn what_both_changed_must_be_told_to_replace() {
    let world = World::new();
    let build = |folder, content| {
        let recipe = Recipe {
            content,
            ..Recipe::new("a", "1.0")
        };
        world.package(folder, &recipe)
    };
    let base = world.push(&[&build("old", "old"), REPO]);
    let theirs = build("theirs", "theirs");
    let lost = lose(&world, &base, &[&theirs, "--replace", REPO]);
    let ours = world.push(&[&build("ours", "ours"), "--replace", REPO]);
    let (code, message) = world.refused(&["--merge", &lost, REPO]);
    assert_eq!(code, 1);
    let place = "Packages/a-1.0-1.noarch.rpm";
    let expected = format!(
        "{place} of {lost} is a-1.0-1.noarch, which the repository has with different content \
         at {place}; replace it with --replace"
    );
    assert!(message.contains(&expected), "{message}");
    let told = world.push(&["--merge", &lost, "--replace", REPO]);
    assert_eq!(told["replaced"], json!(["a-1.0-1.noarch"]));
    let merged = world.sync(REPO).join(place);
    assert!(std::fs::read(merged).unwrap() == std::fs::read(theirs).unwrap());
    assert_eq!(told["sequence"], ours["sequence"].as_u64().unwrap() + 1);
}

#[test]
fn what_is_not_merged_is_named() {
    let world = World::new();
    let [a, b, ..] = packages(&world, ["a", "b", "c", "d"]);
    let base = world.push(&[&a, REPO]);
    let updates = world.write("u.xml", "<updates></updates>");
    world.write("folder/KEY", "key");
    let folder = world.path("folder");
    let others = [
        &*b,
        folder.to_str().unwrap(),
        "--updateinfo",
        &updates,
        REPO,
    ];
    let lost = lose(&world, &base, &others);
    let output = world.try_push(&["--merge", &lost, REPO], &[]);
    assert!(output.status.success(), "{output:?}");
    let told = String::from_utf8(output.stderr).unwrap();
    let expected = format!("{lost} also changed updateinfo, KEY, which is not merged");
    assert!(told.contains(&expected), "{told}");
}

#[test]
fn only_snapshots_of_the_tag_outside_its_history_are_merged() {
    let world = World::new();
    let [a, b, ..] = packages(&world, ["a", "b", "c", "d"]);
    let first = tag(&world.push(&[&a, REPO]));
    world.push(&[&b, REPO]);
    let output = world.try_push(&["--merge", &first, REPO], &[]);
    assert!(output.status.success(), "{output:?}");
    let told: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(
        (&told["unchanged"], &told["sequence"]),
        (&json!(true), &json!(2))
    );
    let said = String::from_utf8(output.stderr).unwrap();
    let expected = format!("{first} is in the history of el9 already, or merged");
    assert!(said.contains(&expected), "{said}");

    for (tag, exit, message) in [
        ("el9", 2, "el9 is not the tag of a snapshot of el9"),
        ("el8-s1-0123456789ab", 2, "not the tag of a snapshot of el9"),
        ("el9-s1-0123456789ab", 3, "el9-s1-0123456789ab"),
    ] {
        let (code, said) = world.refused(&["--merge", tag, REPO]);
        assert_eq!(code, exit, "{said}");
        assert!(said.contains(message), "{said}");
    }
    let tree = ["--layout", "tree", "me/tree"];
    world.push(&[&[&*a], &tree[..]].concat());
    let merge = ["--merge", "latest-s1-0123456789ab"];
    for tree in [&tree[..], &tree[2..]] {
        let (code, said) = world.refused(&[&merge[..], tree].concat());
        assert_eq!(code, 2, "{said}");
        assert!(said.contains("a tree, which has no snapshots"), "{said}");
    }
}

#[test]
fn filelists_ext_is_merged_with_the_rest() {
    let world = World::new();
    let [a, b, ..] = packages(&world, ["a", "b", "c", "d"]);
    let base = world.push(&[&a, "--filelists-ext", REPO]);
    let lost = lose(&world, &base, &[&b, REPO]);
    world.push(&["--merge", &lost, REPO]);
    world.push(&[&a, &b, "--filelists-ext", "me/once:el9"]);
    assert_eq!(
        world.repomd(REPO).records,
        world.repomd("me/once:el9").records
    );
}

#[test]
fn a_lost_publish_without_the_checksums_of_filelists_ext_is_not_merged_where_they_are() {
    let world = World::new();
    let [a, b, c, _] = packages(&world, ["a", "b", "c", "d"]);
    let base = world.push(&[&a, REPO]);
    let lost = lose(&world, &base, &[&b, REPO]);
    let there = world.push(&[&c, "--remove", "a", "--filelists-ext", REPO]);
    let (code, said) = world.refused(&["--merge", &lost, REPO]);
    assert_eq!(code, 1);
    assert!(
        said.contains("a snapshot that is merged has packages without"),
        "{said}"
    );
    assert_eq!(world.packages(REPO), ["c-1.0-1.noarch"]);
    assert_eq!(there["packages"], 1);
}
