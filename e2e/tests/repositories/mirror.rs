//! Copies of repositories are the repositories; what is pruned is gone, the rest is not.

use std::path::PathBuf;
use std::sync::OnceLock;

use ocirepo_e2e::curl::curl;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::sample::{Package, Sample, Style};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{LISTED, Protection, World, key, sample};

const MANIFESTS: &str = "Accept: application/vnd.oci.image.index.v1+json, \
                         application/vnd.oci.image.manifest.v1+json";

/// The tags of a repository, each with its digest. The headers are those of HEAD.
fn tags(world: &World, name: &str) -> Vec<(String, String)> {
    let listed = world.program.run(&["tags", &world.location(name)]).unwrap();
    let listed = listed.well().unwrap().stdout;
    let digest = |tag: &str| {
        let url = format!("{}/v2/{name}/manifests/{tag}", world.registry.url());
        let print = "%header{docker-content-digest}";
        let head = ["--head", "--header", MANIFESTS, "--output", "/dev/null"];
        curl(head.iter().chain(&["--write-out", print, &url])).unwrap()
    };
    listed
        .lines()
        .map(|tag| (tag.to_owned(), digest(tag)))
        .collect()
}

fn status(world: &World, path: &str) -> String {
    let url = format!("{}/v2/{path}", world.registry.url());
    let print = ["--write-out", "%{http_code}", "--output", "/dev/null"];
    // curl ends with an error for most codes; then it is in the message.
    curl(
        ["--head", "--header", MANIFESTS]
            .iter()
            .chain(&print)
            .chain(&[&*url]),
    )
    .unwrap_or_else(|error| error.to_string())
}

fn run(world: &World, arguments: &[&str]) -> Run {
    world.program.run(arguments).unwrap().well().unwrap()
}

fn skopeo(arguments: &[&str]) {
    let run = Run::of(std::process::Command::new("skopeo").args(arguments));
    run.unwrap().well().unwrap();
}

/// Installs everything in [`sample`] from a repository, with nothing in a cache.
fn dnf_installs(world: &World, reference: &str) {
    let program = Program::new().unwrap();
    let bridge = program.serve(&[&world.location(reference)]).unwrap();
    let dnf = world.dnf(&bridge, reference).unwrap();
    assert_eq!(dnf.list().unwrap(), LISTED, "{reference}");
    let run = dnf.run(&["install", "hello-lab", "epoch-lab"]).unwrap();
    assert!(run.ok, "{reference}: {run}\n{}", bridge.log());
}

fn hello(version: &'static str) -> Sample {
    let packages = [
        Package::new("hello-lab", version, "1"),
        Package::new("stays-lab", "5", "1"),
    ];
    Sample::build(key(), &packages, Style::default()).unwrap()
}

/// Publishes; in `native` with a signature of its own, for the metadata is its own.
fn push(world: &World, sample: &Sample, reference: &str, layout: &str) {
    let directory = sample.path().to_string_lossy();
    let location = world.location(reference);
    static PRIVATE: OnceLock<PathBuf> = OnceLock::new();
    let private = PRIVATE.get_or_init(|| key().secret().unwrap());
    let mut arguments = vec!["push", &directory, &location, "--layout", layout];
    let private = private.to_string_lossy();
    if layout == "native" {
        arguments.extend(["--sign-key", &private]);
    }
    run(world, &arguments);
}

#[test]
fn a_copy_at_another_registry_or_through_a_directory_is_the_same_repository() {
    let from = World::new(Protection::Open).unwrap();
    let to = World::new(Protection::Open).unwrap();
    let directory = Scratch::new("layout").unwrap();
    for layout in ["files", "index", "native"] {
        let name = format!("lab/{layout}");
        let at = format!("{name}:el9");
        push(&from, &hello("1.0"), &at, layout);
        push(&from, sample(), &at, layout);
        let expected = tags(&from, &name);
        // Two snapshots, since when the first is superseded, and the moving tag.
        assert!(expected.len() >= 4, "{expected:?}");

        run(&from, &["copy", &from.location(&at), &to.location(&at)]);
        assert_eq!(tags(&to, &name), expected, "{layout}");

        let path = directory.path().join(layout);
        let oci = format!("oci:{}", path.display());
        run(&from, &["copy", &from.location(&at), &oci]);
        let back = format!("back/{layout}");
        run(&to, &["copy", &oci, &to.location(&back)]);
        assert_eq!(tags(&to, &back), expected, "{layout}");
        dnf_installs(&to, &format!("{back}:el9"));

        let diff = ["diff", "--exit-code"];
        let same = [from.location(&at), to.location(&format!("{back}:el9"))];
        run(&from, &[&diff[..], &[&same[0], &same[1]]].concat());
    }
}

#[test]
fn a_tree_is_copied_file_by_file() {
    let from = World::new(Protection::Open).unwrap();
    let to = World::new(Protection::Basic).unwrap();
    push(&from, sample(), "lab/tree", "tree");
    let (source, target) = (from.location("lab/tree"), to.location("lab/tree"));
    run(&to, &["copy", &source, &target]);
    let bridge = to.serve("lab/tree:latest").unwrap();
    let dnf = to.dnf(&bridge, "lab/tree:latest").unwrap();
    let installed = dnf.run(&["install", "hello-lab", "epoch-lab"]).unwrap();
    assert!(installed.ok, "{installed}\n{}", bridge.log());
    let again = run(&to, &["--json", "copy", &source, &target]).stdout;
    assert!(again.contains(r#""sent":0"#), "{again}");
}

#[test]
fn skopeo_and_we_read_each_others_copies_with_the_same_digests() {
    let from = World::new(Protection::Open).unwrap();
    let to = World::new(Protection::Open).unwrap();
    let scratch = Scratch::new("layout").unwrap();
    let copy = [
        "copy",
        "--all",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--preserve-digests",
    ];
    let docker = |world: &World, at: &str| format!("docker://{}/{at}", world.registry.host());
    for layout in ["files", "index"] {
        let at = format!("lab/{layout}:el9");
        push(&from, sample(), &at, layout);
        let digest = |world: &World, name: &str| {
            let found = tags(world, name).into_iter().find(|(tag, _)| tag == "el9");
            found.unwrap().1
        };
        let expected = digest(&from, &format!("lab/{layout}"));

        // From registry to registry.
        let name = format!("skopeo/{layout}");
        let copied = format!("{name}:el9");
        skopeo(&[&copy[..], &[&docker(&from, &at), &docker(&to, &copied)]].concat());
        assert_eq!(digest(&to, &name), expected);

        // To a directory, which we read: what keeps shards from garbage collection is
        // there again.
        let path = scratch.path().join(format!("skopeo-{layout}"));
        let oci = format!("oci:{}:el9", path.display());
        skopeo(&[&copy[..], &[&docker(&from, &at), &oci]].concat());
        let name = format!("ours/{layout}");
        run(&to, &["copy", &oci, &to.location(&name)]);
        assert_eq!(tags(&to, &name), tags(&from, &format!("lab/{layout}")));
        dnf_installs(&to, &format!("{name}:el9"));

        // From a directory that we wrote.
        let path = scratch.path().join(format!("ours-{layout}"));
        let oci = format!("oci:{}:el9", path.display());
        run(&from, &["copy", &from.location(&at), &oci]);
        let name = format!("again/{layout}");
        let copied = format!("{name}:el9");
        skopeo(&[&copy[..], &[&oci, &docker(&to, &copied)]].concat());
        assert_eq!(digest(&to, &name), expected);
    }
    // All tags, as `native` needs it.
    push(&from, sample(), "lab/native:el9", "native");
    let sync = [
        "sync",
        "--all",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
        "--preserve-digests",
        "--src=docker",
        "--dest=docker",
    ];
    let source = format!("{}/lab/native", from.registry.host());
    let target = format!("{}/skopeo", to.registry.host());
    skopeo(&[&sync[..], &[&source, &target]].concat());
    assert_eq!(tags(&to, "skopeo/native"), tags(&from, "lab/native"));
    dnf_installs(&to, "skopeo/native:el9");
}

#[test]
fn after_pruning_and_garbage_collection_what_is_kept_installs_and_the_rest_is_gone() {
    let mut world = World::new(Protection::Open).unwrap();
    let versions = ["1.0", "1.1", "1.2"];
    let samples = versions.map(hello);
    let mut digests = Vec::new();
    let layouts = ["index", "native"];
    for layout in layouts {
        for (version, sample) in versions.iter().zip(&samples) {
            let at = format!("lab/{layout}:el9");
            push(&world, sample, &at, layout);
            let all = tags(&world, &format!("lab/{layout}"));
            let (_, digest) = all.into_iter().find(|(tag, _)| tag == "el9").unwrap();
            digests.push((layout, *version, digest));
        }
        let location = world.location(&format!("lab/{layout}"));
        let prune = ["prune", &location, "--keep-within=0", "--keep-last=2"];
        let before = tags(&world, &format!("lab/{layout}"));
        let dry = run(&world, &[&prune[..], &["--dry-run"]].concat());
        assert!(dry.says("1 snapshots go, 2 stay"), "{dry}");
        assert_eq!(tags(&world, &format!("lab/{layout}")), before);
        let nobody = world.program.run(&prune).unwrap();
        assert!(!nobody.ok && nobody.says("--yes"), "{nobody}");
        run(&world, &[&prune[..], &["--yes"]].concat());
    }
    world.registry.garbage_collect().unwrap();
    for (layout, version, digest) in digests {
        let reference = format!("lab/{layout}@{digest}");
        if version == versions[0] {
            let manifest = status(&world, &format!("lab/{layout}/manifests/{digest}"));
            assert!(manifest.contains("404"), "{layout} {version}: {manifest}");
            continue;
        }
        let program = Program::new().unwrap();
        let bridge = program.serve(&[&world.location(&reference)]).unwrap();
        let dnf = world.dnf(&bridge, &reference).unwrap();
        let run = dnf.run(&["install", "hello-lab", "stays-lab"]).unwrap();
        assert!(run.ok, "{reference}: {run}\n{}", bridge.log());
        let content = dnf.installed("hello-lab").unwrap();
        assert_eq!(content.trim_end(), format!("hello-lab {version}-1"));
    }
    // The packages of the snapshot that went, but for those that were built in the same second
    // as another's and are the same, and of one that stays.
    let kept: Vec<_> = samples[1..].iter().flat_map(packages).collect();
    for (sample, there) in [(&samples[0], false), (&samples[1], true)] {
        for digest in packages(sample) {
            if !there && kept.contains(&digest) {
                continue;
            }
            for layout in layouts {
                let found = status(&world, &format!("lab/{layout}/blobs/{digest}"));
                assert_eq!(found.contains("404"), !there, "{layout}: {found}");
            }
        }
    }
}

/// The digests of the packages of a sample.
fn packages(sample: &Sample) -> Vec<ocirepo::Digest> {
    let packages = sample.packages().iter();
    packages
        .map(|package| {
            let file = sample.path().join("Packages").join(package.file_name());
            ocirepo::Digest::of(&std::fs::read(file).unwrap())
        })
        .collect()
}

#[test]
fn a_directory_and_a_repository_are_made_equal_in_both_directions() {
    let world = World::new(Protection::Open).unwrap();
    let location = world.location("lab/synced:el9");
    let old = hello("1.0");
    run(&world, &["sync", &old.path().to_string_lossy(), &location]);
    run(
        &world,
        &["sync", &sample().path().to_string_lossy(), &location],
    );
    dnf_installs(&world, "lab/synced:el9");
    let directory = Scratch::new("synced").unwrap();
    let path = directory.path().to_string_lossy();
    run(&world, &["sync", &location, &path]);
    run(&world, &["diff", "--exit-code", &location, &path]);
    let found = world
        .program
        .run(&[
            "--json",
            "diff",
            "--exit-code",
            &old.path().to_string_lossy(),
            &location,
        ])
        .unwrap();
    assert!(!found.ok);
    for change in ["added", "removed"] {
        assert!(found.says(&format!(r#""change":"{change}""#)), "{found}");
    }
}
