//! What a push makes of the repository that is there.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::fs;

use serde_json::{Value, json};

use super::world::{Recipe, World};

const REPO: &str = "me/repo:el9";

fn nevras(value: &Value) -> Vec<&str> {
    let all = value.as_array().unwrap();
    all.iter().map(|nevra| nevra.as_str().unwrap()).collect()
}

#[test]
fn packages_become_a_repository_and_the_same_push_again_changes_nothing() {
    let world = World::new();
    let hello = world.package("", &Recipe::new("hello", "1.0"));
    let other = world.package("", &Recipe::new("other", "1.0"));
    let told = world.push(&[&hello, &other, REPO]);
    assert_eq!(told["sequence"], 1);
    assert_eq!(
        nevras(&told["added"]),
        ["hello-1.0-1.noarch", "other-1.0-1.noarch"]
    );
    assert_eq!(
        world.packages(REPO),
        ["hello-1.0-1.noarch", "other-1.0-1.noarch"]
    );
    let directory = world.sync(REPO);
    let content = fs::read(directory.join("Packages/hello-1.0-1.noarch.rpm")).unwrap();
    assert!(content == fs::read(&hello).unwrap());

    let again = world.push(&[&other, &hello, REPO]);
    assert_eq!(again["unchanged"], true);
    assert_eq!(again["digest"], told["digest"]);
    assert_eq!(again["known"], 2);
    assert_eq!(again["blobs"], 0);
    let again = world.push_with(&[&hello, REPO], &[("SOURCE_DATE_EPOCH", "1900000000")]);
    assert_eq!(
        again["digest"], told["digest"],
        "nothing was changed at that date"
    );
}

#[test]
fn a_change_sends_what_is_new_and_keeps_the_rest() {
    let world = World::new();
    let hello = world.package("", &Recipe::new("hello", "1.0"));
    let other = world.package("", &Recipe::new("other", "1.0"));
    world.push(&[&hello, REPO]);
    fs::remove_file(&hello).unwrap();
    let told = world.push(&[&other, REPO]);
    // The package, three files of metadata, and repomd.xml.
    assert_eq!((&told["blobs"], &told["sequence"]), (&json!(5), &json!(2)));
    assert_eq!(
        world.packages(REPO),
        ["hello-1.0-1.noarch", "other-1.0-1.noarch"]
    );
    let told = world.push(&["--remove", "hello", REPO]);
    assert_eq!(nevras(&told["removed"]), ["hello-1.0-1.noarch"]);
    assert_eq!(told["blobs"], 4);
    assert_eq!(world.packages(REPO), ["other-1.0-1.noarch"]);
    // What was there before keeps its packages.
    let old = world
        .tags(REPO)
        .into_iter()
        .find(|tag| tag.starts_with("el9-s2-"));
    let old = format!("me/repo:{}", old.unwrap());
    assert_eq!(world.packages(&old).len(), 2);
}

#[test]
fn the_same_input_is_the_same_digest_on_every_machine() {
    let recipes = ["a", "b", "c"].map(|name| Recipe::new(name, "1.0"));
    let digests: Vec<Value> = [false, true]
        .into_iter()
        .map(|backwards| {
            // Other paths, other times, another order.
            let world = World::new();
            let folder = if backwards { "elsewhere" } else { "here" };
            let mut files: Vec<String> = recipes
                .iter()
                .map(|recipe| world.package(folder, recipe))
                .collect();
            if backwards {
                files.reverse();
            }
            let mut arguments: Vec<&str> = files.iter().map(String::as_str).collect();
            arguments.push(REPO);
            let mut digests = vec![world.push(&arguments)["digest"].clone()];
            let more = world.package(folder, &Recipe::new("bb", "1.0"));
            digests.push(world.push(&[&more, "--remove", "b", REPO])["digest"].clone());
            Value::from(digests)
        })
        .collect();
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn adding_step_by_step_describes_packages_as_adding_at_once() {
    let world = World::new();
    let files = ["a", "c", "b"].map(|name| world.package("", &Recipe::new(name, "1.0")));
    for file in &files {
        world.push(&[file, "me/steps:el9"]);
    }
    let [a, c, b] = &files;
    world.push(&[a, b, c, "me/once:el9"]);
    let steps = world.repomd("me/steps:el9");
    let once = world.repomd("me/once:el9");
    assert_eq!(steps.records, once.records);
}

#[test]
fn the_newest_versions_are_kept() {
    let world = World::new();
    let files = ["1.0", "1.9", "1.10"].map(|version| world.package("", &Recipe::new("a", version)));
    let [first, second, third] = &files;
    world.push(&[first, second, REPO]);
    let told = world.push(&[third, "--keep-latest", "2", REPO]);
    assert_eq!(nevras(&told["outdated"]), ["a-1.0-1.noarch"]);
    assert_eq!(world.packages(REPO), ["a-1.9-1.noarch", "a-1.10-1.noarch"]);
    let told = world.push(&[first, "--keep-latest", "1", REPO]);
    assert_eq!(
        nevras(&told["outdated"]),
        ["a-1.9-1.noarch", "a-1.0-1.noarch"]
    );
    assert_eq!(world.packages(REPO), ["a-1.10-1.noarch"]);
}

#[test]
fn a_package_is_replaced_only_on_demand() {
    let world = World::new();
    let recipe = Recipe::new("a", "1.0");
    let first = world.package("1", &recipe);
    let second = world.package(
        "2",
        &Recipe {
            content: "other",
            ..recipe
        },
    );
    world.push(&[&first, REPO]);
    let (code, message) = world.refused(&[&second, REPO]);
    assert_eq!(code, 1);
    assert!(
        message.contains(&second) && message.contains("Packages/a-1.0-1.noarch.rpm"),
        "{message}"
    );
    let told = world.push(&[&second, "--replace", REPO]);
    assert_eq!(nevras(&told["replaced"]), ["a-1.0-1.noarch"]);
    let file = world.sync(REPO).join("Packages/a-1.0-1.noarch.rpm");
    assert!(fs::read(file).unwrap() == fs::read(second).unwrap());
}

#[test]
fn a_directory_keeps_its_paths_and_its_other_files_stay() {
    for layout in ["files", "index"] {
        let world = World::new();
        world.package("d/Packages/a", &Recipe::new("a", "1.0"));
        world.write("d/RPM-GPG-KEY-me", "key");
        world.write("d/images/boot.iso", "boot");
        let directory = world.path("d");
        let directory = directory.to_str().unwrap();
        world.push(&[directory, "--layout", layout, REPO]);
        let other = world.package("", &Recipe::new("b", "1.0"));
        world.push(&[&other, "--layout", layout, REPO]);
        let mirror = world.sync(REPO);
        for path in [
            "Packages/a/a-1.0-1.noarch.rpm",
            "RPM-GPG-KEY-me",
            "images/boot.iso",
        ] {
            let content = fs::read(mirror.join(path)).unwrap();
            assert!(
                content == fs::read(world.path("d").join(path)).unwrap(),
                "{path}"
            );
        }
        // Another key takes the place of the old one; nothing else changes.
        world.write("keys/RPM-GPG-KEY-me", "new key");
        let keys = world.path("keys");
        let told = world.push(&[keys.to_str().unwrap(), "--layout", layout, REPO]);
        assert_eq!(
            (&told["unchanged"], &told["blobs"]),
            (&json!(false), &json!(1))
        );
        let mirror = world.sync(REPO);
        assert_eq!(fs::read(mirror.join("RPM-GPG-KEY-me")).unwrap(), b"new key");
        assert_eq!(world.packages(REPO).len(), 2);
    }
}

#[test]
fn a_tree_is_changed_as_a_tree() {
    let world = World::new();
    let first = world.package("", &Recipe::new("a", "1.0"));
    let second = world.package("", &Recipe::new("b", "1.0"));
    world.push(&[&first, "--layout", "tree", "me/tree"]);
    let told = world.push(&[&second, "me/tree"]);
    assert_eq!(told["layout"], "tree");
    assert_eq!(world.packages("me/tree").len(), 2);
    // No manifest says whether all of it is there, so what readers begin with is put there
    // again.
    let again = world.push(&[&first, &second, "me/tree"]);
    assert_eq!((&again["known"], &again["added"]), (&json!(2), &json!([])));
    assert_eq!(world.packages("me/tree").len(), 2);
}

#[test]
fn a_dry_run_says_what_would_be_and_leaves_all_as_it_is() {
    let world = World::new();
    let first = world.package("", &Recipe::new("a", "1.0"));
    let second = world.package("", &Recipe::new("b", "1.0"));
    let told = world.push(&[&first, "--dry-run", REPO]);
    assert_eq!(
        (&told["dryRun"], &told["packages"]),
        (&json!(true), &json!(1))
    );
    assert!(world.tags(REPO).is_empty());
    world.push(&[&first, REPO]);
    let before = world.tags(REPO);
    let dry = world.push(&[&second, "--remove", "a", "--dry-run", REPO]);
    assert_eq!(world.tags(REPO), before);
    assert_eq!(world.packages(REPO), ["a-1.0-1.noarch"]);
    let real = world.push(&[&second, "--remove", "a", REPO]);
    for key in ["digest", "blobs", "bytes", "added", "removed"] {
        assert_eq!(dry[key], real[key], "{key}");
    }
}

#[test]
fn names_that_need_encoding_survive() {
    let world = World::new();
    let content = Recipe::new("LibFoo++", "1.0~rc1^git1").bytes();
    let name = "LibFoo++ 100%41é-1.0~rc1^git1-1.noarch.rpm";
    let file = world.write(name, &content);
    for (layout, repo) in [("files", REPO), ("index", REPO), ("tree", "me/tree")] {
        world.push(&[&file, "--layout", layout, repo]);
        let mirror = world.sync(repo).join("Packages").join(name);
        assert!(fs::read(mirror).unwrap() == content, "{layout}");
    }
}

#[test]
fn an_index_keeps_the_shards_that_a_change_does_not_touch() {
    let world = World::new();
    let folder = world.path("many");
    let content = Recipe::new("a", "1.0").bytes();
    // As many as fit no manifest: copies of one package would be one blob.
    for n in 0..450 {
        let name: &'static str = Box::leak(format!("p{n}").into_boxed_str());
        world.package("many", &Recipe::new(name, "1"));
    }
    let told = world.push(&[folder.to_str().unwrap(), REPO]);
    assert_eq!(
        (&told["layout"], &told["packages"]),
        (&json!("index"), &json!(450))
    );
    let shards = |world: &World| {
        let tags = world.tags(REPO).into_iter();
        tags.filter(|tag| tag.starts_with("c-")).collect::<Vec<_>>()
    };
    let before = shards(&world);
    assert_eq!(before.len(), 3);
    let more = world.write("a.rpm", content);
    let told = world.push(&[&more, REPO]);
    assert_eq!(told["blobs"], 5);
    let after = shards(&world);
    assert_eq!(
        after.len(),
        5,
        "the metadata and one shard are new: {after:?}"
    );
    assert_eq!(world.packages(REPO).len(), 451);
}

#[test]
fn publishers_at_the_same_time_lose_nothing() {
    let world = World::new();
    let names = ["a", "b", "c", "d"];
    let files = names.map(|name| world.package("", &Recipe::new(name, "1.0")));
    let first = world.package("", &Recipe::new("first", "1.0"));
    world.push(&[&first, REPO]);
    std::thread::scope(|scope| {
        for file in &files {
            let world = &world;
            scope.spawn(move || world.push(&[file, REPO]));
        }
        // The pattern means something only once, and that is enough.
        scope.spawn(|| world.push(&["--remove", "first", REPO]));
    });
    let wanted = names.map(|name| format!("{name}-1.0-1.noarch"));
    assert_eq!(world.packages(REPO), wanted);
}
