//! How little a registry is asked, counted in its own log.

use ocirepo::Digest;
use ocirepo_e2e::registry::LoggedRequest;

use ocirepo_e2e::world::{Protection, Published, World, key, sample};

const NAME: &str = "lab/counted";

const REFERENCE: &str = "lab/counted:el9";

/// The digest of a file of the sample.
fn digest(file: &str) -> String {
    let content = std::fs::read(sample().path().join(file)).expect("a file of the sample");
    Digest::of(&content).to_string()
}

/// Each request as `GET 200 what`, where what is the end of the path, with the sample's files
/// by name.
fn shown(requests: &[LoggedRequest]) -> Vec<String> {
    let files = sample().files().expect("the files of the sample");
    let known: Vec<(String, String)> = files.into_iter().map(|f| (digest(&f), f)).collect();
    requests
        .iter()
        .map(|request| {
            let path = request.target.trim_start_matches(&format!("/v2/{NAME}/"));
            let blob = path.trim_start_matches("blobs/");
            let what = known.iter().find(|(digest, _)| digest == blob);
            let what = what.map_or(path, |(_, file)| file);
            format!("{} {} {what}", request.method, request.status)
        })
        .collect()
}

/// Publishes, and lets dnf read the metadata through a bridge that never did before; what the
/// registry and its token server were asked for that.
fn cold_read(protection: Protection) -> (Vec<String>, usize) {
    let world = World::new(protection).expect("a registry");
    world
        .publish(Published::IndexByOcirepo, sample(), REFERENCE)
        .expect("published");
    let before = world.registry.requests().expect("a log").len();
    let tokens = |world: &World| world.tokens.as_ref().map_or(0, |t| t.requests().len());
    let tokens_before = tokens(&world);
    let bridge = world.serve(REFERENCE).expect("a bridge");
    let dnf = world.dnf(&bridge, REFERENCE).expect("a root for dnf");
    let made = dnf.run(&["makecache"]).expect("dnf");
    assert!(made.ok, "{made}\n{}", bridge.log());
    let requests = world.registry.requests().expect("a log");
    (shown(&requests[before..]), tokens(&world) - tokens_before)
}

/// What reading asks for once let in: the index, its metadata manifest, and each file dnf wants,
/// in whichever order.
fn assert_only_what_is_needed(requests: &[String]) {
    let needed = [
        "GET 200 manifests/el9",
        "GET 200 manifests/sha256:",
        "GET 200 repodata/repomd.xml",
        "GET 200 repodata/repomd.xml.asc",
        "-primary.xml.gz",
        "-filelists.xml.gz",
    ];
    assert_eq!(requests.len(), needed.len(), "{requests:#?}");
    for needed in needed {
        let found = requests.iter().any(|request| request.contains(needed));
        assert!(found, "{needed} in {requests:#?}");
    }
}

#[test]
fn a_cold_read_in_the_open_asks_for_nothing_twice() {
    let (requests, _) = cold_read(Protection::Open);
    assert_only_what_is_needed(&requests);
}

#[test]
fn a_cold_read_behind_basic_adds_one_challenge() {
    let (requests, _) = cold_read(Protection::Basic);
    assert!(requests[0].contains(" 401 "), "{requests:#?}");
    assert_only_what_is_needed(&requests[1..]);
}

#[test]
fn a_cold_read_behind_bearer_adds_one_challenge_and_one_token() {
    let (requests, tokens) = cold_read(Protection::Bearer);
    assert!(requests[0].contains(" 401 "), "{requests:#?}");
    assert_only_what_is_needed(&requests[1..]);
    assert_eq!(tokens, 1);
}

/// Lists the packages as somebody who never did before, with or without a key to verify with.
fn cold_list(arguments: &[&str]) -> Vec<String> {
    let world = World::new(Protection::Open).expect("a registry");
    world
        .publish(Published::IndexByOcirepo, sample(), REFERENCE)
        .expect("published");
    let before = world.registry.requests().expect("a log").len();
    let location = world.location(REFERENCE);
    let list = [&["ls", &location], arguments].concat();
    let run = world.program.run(&list).expect("the program");
    assert!(run.ok && run.says("hello-lab"), "{run}");
    let requests = world.registry.requests().expect("a log");
    shown(&requests[before..])
}

fn assert_in_order(requests: &[String], wanted: &[&str]) {
    assert_eq!(requests.len(), wanted.len(), "{requests:#?}");
    for (request, wanted) in requests.iter().zip(wanted) {
        assert!(request.contains(wanted), "{wanted} in {requests:#?}");
    }
}

#[test]
fn a_cold_list_asks_for_index_metadata_repomd_and_primary_and_then_for_lost_publishes() {
    let wanted = [
        "GET 200 manifests/el9",
        "GET 200 manifests/sha256:",
        "GET 200 repodata/repomd.xml",
        "-primary.xml.gz",
        "GET 200 tags/list",
    ];
    assert_in_order(&cold_list(&[]), &wanted);
}

#[test]
fn a_cold_list_with_a_key_asks_for_the_signature_too() {
    let wanted = [
        "GET 200 manifests/el9",
        "GET 200 manifests/sha256:",
        "GET 200 repodata/repomd.xml",
        "GET 200 repodata/repomd.xml.asc",
        "-primary.xml.gz",
        "GET 200 tags/list",
    ];
    let public = key().public();
    assert_in_order(&cold_list(&["--key", &public.to_string_lossy()]), &wanted);
}

#[test]
fn each_package_takes_exactly_one_request() {
    let world = World::new(Protection::Open).expect("a registry");
    world
        .publish(Published::IndexByOcirepo, sample(), REFERENCE)
        .expect("published");
    let bridge = world.serve(REFERENCE).expect("a bridge");
    let dnf = world.dnf(&bridge, REFERENCE).expect("a root for dnf");
    let made = dnf.run(&["makecache"]).expect("dnf");
    assert!(made.ok, "{made}");
    let before = world.registry.requests().expect("a log").len();
    let names: Vec<&str> = sample()
        .packages()
        .iter()
        .map(|package| package.name)
        .collect();
    dnf.download(&names).expect("a download");
    let requests = world.registry.requests().expect("a log");
    let mut requests = shown(&requests[before..]);
    requests.sort();
    let mut wanted: Vec<String> = sample()
        .packages()
        .iter()
        .map(|package| format!("GET 200 Packages/{}", package.file_name()))
        .collect();
    wanted.sort();
    assert_eq!(requests, wanted);
}
