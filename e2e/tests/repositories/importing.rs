//! Plain repositories moved into a registry, with all that vouches for them.

use std::fs;

use ocirepo_e2e::nginx::Nginx;
use ocirepo_e2e::publish;
use ocirepo_e2e::sample::{Sample, Style};
use ocirepo_e2e::world::{LISTED, Protection, World, key, packages, sample};

/// Imports what nginx serves, checked with the key of the lab.
fn import(world: &World, nginx: &Nginx, reference: &str, layout: &str) {
    let url = format!("http://{}/", nginx.host());
    let key = key().public();
    let location = world.location(reference);
    let mut arguments = vec!["import", &url, &location];
    let key = key.to_string_lossy();
    arguments.extend([
        "--key",
        &key,
        "--also",
        "RPM-GPG-KEY-lab",
        "--layout",
        layout,
    ]);
    let run = world.program.run(&arguments).expect("import");
    run.well().expect("imported");
}

/// How many packages were fetched from nginx.
fn fetched(nginx: &Nginx) -> usize {
    let requests = nginx.requests().expect("a log");
    let packages = requests.iter().filter(|one| one.target.ends_with(".rpm"));
    packages.count()
}

#[test]
fn an_imported_repository_is_the_vendors_byte_for_byte_and_dnf_checks_its_signature() {
    for (layout, reference) in [
        ("files", "lab/imported:el9"),
        ("index", "lab/indexed:el9"),
        ("tree", "lab/tree:latest"),
    ] {
        let world = World::new(Protection::Bearer).expect("a registry");
        let nginx = Nginx::files(sample().path()).expect("nginx");
        import(&world, &nginx, reference, layout);
        let mirror = world.program.path("mirror");
        let to = mirror.to_string_lossy();
        let arguments = ["sync", &world.location(reference), &to];
        let run = world.program.run(&arguments).expect("sync");
        run.well().expect("synced");
        for file in sample().files().expect("files") {
            // A tree has no list of what the metadata does not name.
            if layout != "tree" || !file.starts_with("RPM-GPG-KEY") {
                let original = fs::read(sample().path().join(&file)).expect("the original");
                assert!(
                    fs::read(mirror.join(&file)).ok() == Some(original),
                    "{file}"
                );
            }
        }
        let bridge = world.serve(reference).expect("a bridge");
        let dnf = world.dnf(&bridge, reference).expect("a root for dnf");
        assert_eq!(dnf.list().expect("a list"), LISTED);
    }
}

#[test]
fn importing_again_fetches_only_what_is_new() {
    let world = World::new(Protection::Open).expect("a registry");
    let old = Sample::build(key(), &packages(), Style::default()).expect("a sample");
    let nginx = Nginx::files(old.path()).expect("nginx");
    import(&world, &nginx, "lab/again:el9", "index");
    assert_eq!(fetched(&nginx), 3);
    import(&world, &nginx, "lab/again:el9", "index");
    assert_eq!(fetched(&nginx), 3);

    let mut packages = packages();
    packages.truncate(2);
    packages[0] = packages[0].clone().content("something else");
    let new = Sample::build(key(), &packages, Style::default()).expect("a sample");
    // The second package was built and signed anew, so it is another file; keep the old one.
    let kept = format!("Packages/{}", packages[1].file_name());
    fs::copy(old.path().join(&kept), new.path().join(&kept)).expect("a copy");
    new.index(key(), Style::default()).expect("indexed");
    let nginx = Nginx::files(new.path()).expect("nginx");
    import(&world, &nginx, "lab/again:el9", "index");
    assert_eq!(fetched(&nginx), 1);
}

#[test]
fn an_import_that_was_interrupted_goes_on() {
    let world = World::new(Protection::Open).expect("a registry");
    let broken = Sample::build(key(), &packages(), Style::default()).expect("a sample");
    let last = format!("Packages/{}", packages()[2].file_name());
    let (there, away) = (broken.path().join(&last), broken.path().join("away"));
    fs::rename(&there, &away).expect("renamed");
    let nginx = Nginx::files(broken.path()).expect("nginx");
    let url = format!("http://{}/", nginx.host());
    let location = world.location("lab/interrupted:el9");
    let run = world
        .program
        .run(&["import", &url, &location])
        .expect("import");
    assert_eq!(run.code, Some(3), "{run}");
    assert!(run.says(&packages()[2].file_name()), "{run}");
    let tags = world.program.run(&["tags", &location]).expect("tags");
    assert!(!tags.ok, "nothing is published: {tags}");

    fs::rename(&away, &there).expect("renamed");
    let before = fetched(&nginx);
    let run = world
        .program
        .run(&["import", &url, &location])
        .expect("import");
    run.well().expect("imported");
    // Large ones are there already; small ones are not worth the question.
    assert!(fetched(&nginx) - before <= 3);
}

#[test]
fn a_repository_with_old_checksums_is_imported_and_not_fetched_twice() {
    let world = World::new(Protection::Open).expect("a registry");
    let old = Sample::build(key(), &packages(), Style::default()).expect("a sample");
    let run = std::process::Command::new("createrepo_c")
        .args(["--quiet", "--checksum", "sha512"])
        .arg(old.path())
        .status();
    assert!(run.is_ok_and(|status| status.success()));
    key()
        .sign_detached(&old.path().join("repodata/repomd.xml"))
        .expect("signed");
    let nginx = Nginx::files(old.path()).expect("nginx");
    import(&world, &nginx, "lab/old:el9", "index");
    assert_eq!(fetched(&nginx), 3);
    import(&world, &nginx, "lab/old:el9", "index");
    assert_eq!(fetched(&nginx), 3);
    let bridge = world.serve("lab/old:el9").expect("a bridge");
    let dnf = world.dnf(&bridge, "lab/old:el9").expect("a root for dnf");
    assert_eq!(dnf.list().expect("a list"), LISTED);
}

#[test]
fn the_python_oras_client_restores_a_directory_byte_for_byte() {
    let world = World::new(Protection::Open).expect("a registry");
    world
        .push(sample(), "lab/restored:el9", "files")
        .expect("published");
    let to = world.program.path("restored");
    publish::pull_by_oras(&world.registry.host(), "lab/restored:el9", &to).expect("pulled");
    for file in sample().files().expect("files") {
        let original = fs::read(sample().path().join(&file)).expect("the original");
        assert!(fs::read(to.join(&file)).ok() == Some(original), "{file}");
    }
}
