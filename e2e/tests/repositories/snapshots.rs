//! A published snapshot stays whole: through garbage collection, and under a reader's feet.

use std::sync::Arc;

use ocirepo_e2e::curl::curl;
use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::proxy::Proxy;
use ocirepo_e2e::sample::{Package, Sample, Style};

use ocirepo_e2e::world::{Protection, World, key};

const MANIFESTS: &str = "Accept: application/vnd.oci.image.index.v1+json, \
                         application/vnd.oci.image.manifest.v1+json";

/// The digest a tag has now.
fn digest(world: &World, name: &str, tag: &str) -> String {
    let url = format!("{}/v2/{name}/manifests/{tag}", world.registry.url());
    let print = "%header{docker-content-digest}";
    let arguments = [
        "--head",
        "--header",
        MANIFESTS,
        "--output",
        "/dev/null",
        "--write-out",
    ];
    curl(arguments.iter().chain(&[print, &url])).expect("a digest")
}

/// Makes one tag of a repository the same as another.
fn retag(base: &str, name: &str, from: &str, to: &str) {
    let url = |tag: &str| format!("{base}/v2/{name}/manifests/{tag}");
    let manifest = curl(["--header", MANIFESTS, &url(from)]).expect("a manifest");
    let kind = if manifest.contains("\"manifests\"") {
        "index"
    } else {
        "manifest"
    };
    let kind = format!("Content-Type: application/vnd.oci.image.{kind}.v1+json");
    let arguments = [
        "--request",
        "PUT",
        "--header",
        &kind,
        "--data-binary",
        &manifest,
        &url(to),
    ];
    curl(arguments).expect("a moved tag");
}

fn repository(packages: &[Package], style: Style) -> Sample {
    Sample::build(key(), packages, style).expect("a sample")
}

#[test]
fn every_snapshot_is_installable_after_garbage_collection() {
    let mut world = World::new(Protection::Open).expect("a registry");
    let versions = ["1.0", "1.1", "1.2"];
    let mut digests = Vec::new();
    for version in versions {
        let package = Package::new("hello-lab", version, "1");
        let stays = Package::new("stays-lab", "5", "1");
        let sample = repository(&[package, stays], Style::default());
        world
            .push(&sample, "lab/kept:el9", "index")
            .expect("published");
        digests.push(digest(&world, "lab/kept", "el9"));
    }
    world
        .registry
        .garbage_collect()
        .expect("garbage collection");
    for (version, digest) in versions.iter().zip(&digests) {
        let reference = format!("lab/kept@{digest}");
        // A cache from before would hide what is gone.
        let program = Program::new().expect("a home");
        let bridge = program
            .serve(&[&world.location(&reference)])
            .expect("a bridge");
        let dnf = world.dnf(&bridge, &reference).expect("a root for dnf");
        let run = dnf
            .run(&["install", "hello-lab", "stays-lab"])
            .expect("dnf");
        assert!(run.ok, "{run}\n{}", bridge.log());
        let content = dnf.installed("hello-lab").expect("an installed file");
        assert_eq!(content.trim_end(), format!("hello-lab {version}-1"));
    }
}

/// Runs `dnf makecache` and `dnf install` once for each request they make, and moves the tag
/// before that request.
fn tag_moves_before_each_request(style: Style) {
    let world = World::new(Protection::Open).expect("a registry");
    let package = |content: &str| Package::new("hello-lab", "1.0", "1").content(content);
    let more = |name| Package::new(name, "1", "1");
    let old = repository(&[package("old"), more("older-lab")], style);
    let new = repository(
        &[package("new"), more("newer-lab"), more("more-lab")],
        style,
    );
    world
        .push(&old, "lab/moving:old", "index")
        .expect("published");
    world
        .push(&new, "lab/moving:new", "index")
        .expect("published");
    let base: Arc<str> = world.registry.url().into();

    let mut moves_at = 0;
    loop {
        retag(&base, "lab/moving", "old", "el9");
        // A bridge that remembers nothing of the time before: it would go on showing that.
        let program = Program::new().expect("a home");
        let location = world.location("lab/moving:el9");
        let bridge = program.serve(&[&location]).expect("a bridge");
        let base = Arc::clone(&base);
        let proxy = Proxy::start(bridge.address, move |number| {
            if number == moves_at {
                retag(&base, "lab/moving", "new", "el9");
            }
        })
        .expect("a proxy");
        let host = world.registry.host();
        let url = format!("http://{}/{host}/lab/moving:el9/", proxy.address());
        let dnf = Dnf::new(&url, &key().public()).expect("a root for dnf");
        for command in [&["makecache"][..], &["install", "hello-lab"]] {
            let run = dnf.run(command).expect("dnf");
            let requests = proxy.requests();
            assert!(
                run.ok,
                "moved before request {moves_at} of {requests:#?}\n{run}"
            );
        }
        let content = dnf.installed("hello-lab").expect("an installed file");
        assert!(["old", "new"].contains(&content.trim_end()), "{content}");
        if moves_at == 0 {
            assert_eq!(content.trim_end(), "new", "moved before all requests");
        }
        if moves_at >= proxy.requests().len() {
            assert!(moves_at > 3, "dnf made only {moves_at} requests");
            assert_eq!(content.trim_end(), "old", "the tag never moved");
            return;
        }
        moves_at += 1;
    }
}

#[test]
fn a_tag_that_moves_between_any_two_requests_of_dnf_harms_nobody() {
    tag_moves_before_each_request(Style::default());
}

#[test]
fn a_tag_that_moves_harms_nobody_when_metadata_have_simple_names() {
    tag_moves_before_each_request(Style {
        simple_metadata_names: true,
    });
}
