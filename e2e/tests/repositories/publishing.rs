//! Publishing while it is killed, and while others publish.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use ocirepo_e2e::curl::curl;
use ocirepo_e2e::sample::{Package, Sample, Style};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{Protection, World, key};

const MANIFESTS: &str = "Accept: application/vnd.oci.image.index.v1+json, \
                         application/vnd.oci.image.manifest.v1+json";

/// How often a push is killed.
const KILLS: u32 = 20;

/// What the moments are drawn from.
const SEED: u64 = 0x6f63_6972_6570_6f21;

/// The digest a tag has now.
fn digest(world: &World, name: &str, tag: &str) -> io::Result<String> {
    let url = format!("{}/v2/{name}/manifests/{tag}", world.registry.url());
    let print = "%header{docker-content-digest}";
    let arguments = ["--head", "--header", MANIFESTS, "--output", "/dev/null"];
    curl(arguments.iter().chain(&["--write-out", print, &url]))
}

/// All tags with what they point at, but those that say since when something is superseded:
/// they carry the time.
fn tags(world: &World, name: &str) -> BTreeMap<String, String> {
    let run = world.program.run(&["tags", &world.location(name)]);
    let run = run.expect("the program").well().expect("a list of tags");
    let tags = run.stdout.lines().map(str::trim);
    let tags = tags.filter(|tag| !tag.is_empty() && !tag.contains("-u1"));
    tags.map(|tag| (tag.to_owned(), digest(world, name, tag).expect("a digest")))
        .collect()
}

/// A repository with a package and enough other files for a push to take a while.
fn directory(version: &'static str, files: usize) -> (Sample, Scratch) {
    let packages = [
        Package::new("hello-lab", version, "1"),
        Package::new("stays-lab", "5", "1"),
    ];
    let sample = Sample::build(key(), &packages, Style::default()).expect("a sample");
    let copy = Scratch::new("publishing").expect("a directory");
    for file in sample.files().expect("the files of the sample") {
        let to = copy.join(&file);
        fs::create_dir_all(to.parent().expect("a folder")).expect("a folder");
        fs::copy(sample.path().join(&file), to).expect("a copy");
    }
    fs::create_dir_all(copy.join("images")).expect("a folder");
    for number in 0..files {
        // The first half is the same in all versions.
        let of = if number < files / 2 { "all" } else { version };
        let content = format!("{number} of {of}\n").repeat(10_000);
        fs::write(copy.join(format!("images/{number}.img")), content).expect("a file");
    }
    (sample, copy)
}

fn push(world: &World, directory: &Path, name: &str) -> io::Result<()> {
    let location = world.location(&format!("{name}:el9"));
    let directory = directory.to_string_lossy();
    let arguments = ["push", &directory, &location, "--layout", "index"];
    world.program.run(&arguments)?.well().map(|_| ())
}

/// Takes the whole repository down, which verifies it.
fn read(world: &World, name: &str) -> BTreeSet<String> {
    let location = world.location(&format!("{name}:el9"));
    let copy = Scratch::new("read").expect("a directory");
    let to = copy.join("copy");
    let run = world
        .program
        .run(&["sync", &location, &to.to_string_lossy()]);
    run.expect("the program")
        .well()
        .expect("a whole repository");
    let packages = fs::read_dir(to.join("Packages")).expect("packages");
    packages
        .map(|entry| {
            entry
                .expect("a package")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect()
}

#[test]
fn a_push_that_was_killed_leaves_the_tag_whole_and_is_finished_by_the_next() {
    let world = World::new(Protection::Open).expect("a registry");
    let (old, new) = (directory("1.0", 24), directory("2.0", 24));
    let names = |sample: &Sample| -> BTreeSet<String> {
        sample.packages().iter().map(Package::file_name).collect()
    };
    // What a push that nobody disturbs comes to, and how long it takes.
    push(&world, old.1.path(), "lab/whole").expect("published");
    let before = digest(&world, "lab/whole", "el9").expect("a digest");
    let started = Instant::now();
    push(&world, new.1.path(), "lab/whole").expect("published");
    let mut takes = started.elapsed();
    let expected = tags(&world, "lab/whole");
    assert_eq!(read(&world, "lab/whole"), names(&new.0));

    println!("seed {SEED:#x}, a push takes {takes:?}");
    let (mut state, mut killed) = (SEED, 0);
    for round in 0..KILLS {
        // xorshift64
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let share = (state >> 11) as f64 / (1u64 << 53) as f64;
        let moment = takes.mul_f64(share);
        let name = format!("lab/killed{round}");
        push(&world, old.1.path(), &name).expect("published");
        let location = world.location(&format!("{name}:el9"));
        let directory = new.1.path().to_string_lossy();
        let mut child = world
            .program
            .command(&["push", &directory, &location, "--layout", "index"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("the program");
        std::thread::sleep(moment);
        let ended = child.try_wait().expect("a child");
        child.kill().expect("killed");
        child.wait().expect("a child");
        match ended {
            None => killed += 1,
            // What else the machine does has changed since it was measured.
            Some(_) => takes = takes.min(moment),
        }

        let context = format!("round {round}, killed after {moment:?} ({ended:?})");
        let there = digest(&world, &name, "el9").expect("the tag is there");
        let held = read(&world, &name);
        if there == before {
            assert_eq!(held, names(&old.0), "{context}");
        } else {
            assert_eq!(there, expected["el9"], "{context}");
            assert_eq!(held, names(&new.0), "{context}");
        }
        push(&world, new.1.path(), &name).expect("published");
        assert_eq!(tags(&world, &name), expected, "{context}");
        assert_eq!(read(&world, &name), names(&new.0), "{context}");
    }
    assert!(
        killed >= KILLS / 2,
        "only {killed} of {KILLS} were killed at work"
    );
}

/// The packages that the program lists, and what it says beside them.
fn list(world: &World, name: &str) -> (BTreeSet<String>, String) {
    let location = world.location(&format!("{name}:el9"));
    let run = world.program.run(&["ls", "--json", &location]);
    let run = run.expect("the program").well().expect("a list");
    let package = |line: &str| {
        let package: serde_json::Value = serde_json::from_str(line).expect("JSON");
        package["name"].as_str().expect("a name").to_owned()
    };
    (run.stdout.lines().map(package).collect(), run.stderr)
}

#[test]
fn of_publishers_who_race_none_is_lost_in_silence() {
    let world = World::new(Protection::Open).expect("a registry");
    let racers = ["first-lab", "second-lab", "third-lab"];
    let packages = racers.map(|name| Package::new(name, "1", "1"));
    let sample = Sample::build(key(), &packages, Style::default()).expect("packages");
    let files = packages.each_ref().map(|package| {
        let file = sample.path().join("Packages").join(package.file_name());
        file.to_string_lossy().into_owned()
    });
    for round in 0..4 {
        let name = format!("lab/race{round}");
        let location = world.location(&format!("{name}:el9"));
        let start = |file: &String| {
            let mut command = world.program.command(&["push", file, &location]);
            let command = command.stdin(Stdio::null()).stdout(Stdio::piped());
            command.stderr(Stdio::piped()).spawn().expect("the program")
        };
        // In odd rounds there is something to begin with.
        let begun = usize::from(round % 2 == 1);
        for file in &files[..begun] {
            let run = world.program.run(&["push", file, &location]);
            run.expect("the program").well().expect("published");
        }
        let racing: Vec<_> = files[begun..].iter().map(start).collect();
        let mut told = String::new();
        for child in racing {
            let output = child.wait_with_output().expect("a child");
            let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
            assert!(output.status.success(), "round {round}: {stderr}");
            told.push_str(&stderr);
        }
        let (held, beside) = list(&world, &name);
        let all: BTreeSet<String> = racers.iter().map(|name| (*name).to_owned()).collect();
        // This registry looks at no condition, so that one may be overwritten by somebody
        // who looked a moment before it was there. Then the next who looks is told.
        if held != all {
            let missing = "not in the history of el9";
            assert!(
                beside.contains(missing),
                "round {round}: {held:?}\n{told}\n{beside}"
            );
        }
    }
}

#[test]
fn a_publisher_may_insist_on_what_is_there() {
    let world = World::new(Protection::Open).expect("a registry");
    let (_, old) = directory("1.0", 0);
    let (_, new) = directory("2.0", 0);
    push(&world, old.path(), "lab/expected").expect("published");
    let first = digest(&world, "lab/expected", "el9").expect("a digest");
    let location = world.location("lab/expected:el9");
    let insist = |directory: &Path| {
        let directory = directory.to_string_lossy();
        let run = world
            .program
            .run(&["push", &directory, &location, "--expect", &first]);
        run.expect("the program")
    };
    insist(new.path()).well().expect("published");
    let second = digest(&world, "lab/expected", "el9").expect("a digest");
    let run = insist(old.path());
    assert_eq!(run.code, Some(1), "{run}");
    assert!(
        run.says(&format!("el9 is at {second}, not at {first} as expected")),
        "{run}"
    );
    assert_eq!(
        digest(&world, "lab/expected", "el9").expect("a digest"),
        second
    );
}

#[test]
fn content_is_mounted_from_another_repository() {
    let world = World::new(Protection::Open).expect("a registry");
    let (sample, directory) = directory("1.0", 4);
    push(&world, directory.path(), "lab/source").expect("published");
    let before = world.registry.requests().expect("a log").len();
    let location = world.location("lab/target:el9");
    let source = world.location("lab/source");
    let path = directory.path().to_string_lossy();
    let run = world
        .program
        .run(&["push", &path, &location, "--mount-from", &source]);
    let run = run.expect("the program").well().expect("published");
    assert!(run.says("0 blobs"), "{run}");
    let requests = world.registry.requests().expect("a log").split_off(before);
    let uploads = |method: &str| {
        let uploads = requests
            .iter()
            .filter(|request| request.target.contains("/uploads/"));
        uploads.filter(|request| request.method == method).count()
    };
    assert_eq!(uploads("PUT"), 0, "{requests:#?}");
    assert!(uploads("POST") > 5, "{requests:#?}");
    let names: BTreeSet<String> = sample.packages().iter().map(Package::file_name).collect();
    assert_eq!(read(&world, "lab/target"), names);
    // Only within a registry.
    let elsewhere = [
        "push",
        &path,
        &location,
        "--mount-from",
        "oci://other.example/a/b",
    ];
    let run = world.program.run(&elsewhere).expect("the program");
    assert_eq!(run.code, Some(2), "{run}");
}
