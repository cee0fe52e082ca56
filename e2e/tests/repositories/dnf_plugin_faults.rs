//! Whatever goes wrong between dnf and the registry, dnf gets the right bytes or an error that
//! can be tried again, and gets it soon.

use std::fs;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use ocirepo_e2e::damage;
use ocirepo_e2e::faults::{Fault, How, Stream, too_many_requests};
use ocirepo_e2e::plugin::Machine;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::proxy::{Passed, Proxy};
use ocirepo_e2e::registry::{PASSWORD, USER};
use ocirepo_e2e::world::{AWKWARD, LISTED, Protection, World, key, sample};

const REFERENCE: &str = "lab/faults:el1";

/// The longest that dnf may take, whatever happens.
const LIMIT: Duration = Duration::from_secs(60);

fn published(protection: Protection) -> World {
    let world = World::new(protection).expect("a registry");
    world.push(sample(), REFERENCE, "files").expect("published");
    world
}

/// A machine whose repository is behind something.
fn machine(behind: &Proxy, lines: &str) -> Machine {
    let machine = Machine::new().expect("a machine");
    let text = format!(
        "[lab]\nname=Lab\nbaseurl=oci://{}/{REFERENCE}\ngpgcheck=1\nrepo_gpgcheck=1\n\
         gpgkey=file://{}\nskip_if_unavailable=0\n{lines}\n",
        behind.address(),
        key().public().display()
    );
    machine.repo_file("lab.repo", &text).expect("a file");
    machine
}

/// Puts a proxy before the registry that does this to requests for content.
fn behind(
    world: &World,
    mut choose: impl FnMut(usize, &Passed) -> Option<Fault> + Send + 'static,
) -> Proxy {
    let registry = world.registry.host().parse().expect("an address");
    let choose = move |number, passed: &Passed| match passed.target.as_str() {
        "/v2/" => None,
        _ => choose(number, passed),
    };
    Proxy::faulty(registry, choose).expect("a proxy")
}

/// Runs dnf, which must end in time.
fn in_time(machine: &Machine, arguments: &[&str]) -> Run {
    let start = Instant::now();
    let run = machine.dnf(arguments).expect("dnf");
    let took = start.elapsed();
    assert!(took < LIMIT, "{arguments:?} took {took:?}: {run}");
    run
}

fn installs(machine: &Machine) {
    let run = in_time(machine, &["install", AWKWARD, "hello-lab"]);
    assert!(run.ok, "{run}");
    for package in sample().packages() {
        let installed = machine.installed(package.name);
        let expected = format!("{}\n", package.content);
        let wanted = package.name != "epoch-lab";
        assert_eq!(installed, wanted.then_some(expected), "{run}");
    }
}

fn fails_and_says(machine: &Machine, arguments: &[&str], expected: &[&str]) {
    let run = in_time(machine, arguments);
    assert!(!run.ok, "{run}");
    for text in expected {
        assert!(run.says(text), "{text:?} is not said: {run}");
    }
    assert_eq!(machine.installed("hello-lab"), None, "{run}");
}

fn damage(stream: Stream, at: u64, how: How) -> Option<Fault> {
    Some(Fault::Damage { stream, at, how })
}

#[test]
fn a_registry_that_stops_between_metadata_and_packages_may_come_back() {
    let mut world = published(Protection::Open);
    let proxy = behind(&world, |_, _| None);
    let machine = machine(&proxy, "retries=2\ntimeout=5");
    assert!(in_time(&machine, &["makecache"]).ok);
    world.registry.kill();
    let install = ["--setopt=metadata_expire=never", "install", "hello-lab"];
    fails_and_says(&machine, &install, &["Error downloading packages"]);
    world.registry.restart().expect("the registry again");
    installs(&machine);
}

#[test]
fn a_registry_that_trickles_costs_only_time() {
    let world = published(Protection::Open);
    let proxy = behind(&world, |_, _| {
        damage(
            Stream::Response,
            40,
            How::Trickle(700, Duration::from_millis(100)),
        )
    });
    let before = Instant::now();
    installs(&machine(&proxy, "timeout=5"));
    // That there was something to wait for.
    assert!(before.elapsed() > Duration::from_secs(2));
}

#[test]
fn a_registry_that_says_nothing_is_given_up() {
    let world = published(Protection::Open);
    let proxy = behind(&world, |_, _| {
        damage(Stream::Response, 0, How::Stall(Duration::from_secs(300)))
    });
    let machine = machine(&proxy, "retries=2\ntimeout=2");
    fails_and_says(&machine, &["install", "hello-lab"], &["repo 'lab'"]);
}

#[test]
fn a_registry_that_stalls_in_the_middle_of_a_body_is_asked_again() {
    let world = published(Protection::Open);
    let mut stalled = 0;
    let proxy = behind(&world, move |_, _| {
        stalled += 1;
        let stall = How::Stall(Duration::from_secs(300));
        (stalled <= 3).then(|| damage(Stream::Body, 100, stall))?
    });
    installs(&machine(&proxy, "timeout=2"));
}

#[test]
fn connections_reset_in_the_middle_are_made_again_and_go_on() {
    let world = published(Protection::Open);
    let mut asked: Vec<String> = Vec::new();
    let proxy = behind(&world, move |_, passed| {
        // Each thing that is asked for is cut twice.
        asked.push(passed.target.clone());
        let times = asked
            .iter()
            .filter(|target| **target == passed.target)
            .count();
        let how = if times == 1 { How::Reset } else { How::End };
        (times <= 2).then(|| damage(Stream::Body, 150, how))?
    });
    installs(&machine(&proxy, ""));
}

#[test]
fn a_registry_that_always_resets_is_a_clean_error_until_it_stops_doing_so() {
    let world = published(Protection::Open);
    let ill = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&ill);
    let proxy = behind(&world, move |_, _| {
        still
            .load(Ordering::Relaxed)
            .then(|| damage(Stream::Body, 20, How::Reset))?
    });
    let machine = machine(&proxy, "retries=2");
    fails_and_says(&machine, &["install", "hello-lab"], &["repo 'lab'"]);
    ill.store(false, Ordering::Relaxed);
    installs(&machine);
}

#[test]
fn wrong_bytes_on_the_way_are_never_installed() {
    let world = published(Protection::Open);
    let ill = Arc::new(AtomicBool::new(true));
    let still = Arc::clone(&ill);
    let proxy = behind(&world, move |_, passed| {
        let blob = passed.target.contains("/blobs/") && still.load(Ordering::Relaxed);
        blob.then(|| damage(Stream::Body, 130, How::Corrupt(4)))?
    });
    let machine = machine(&proxy, "");
    fails_and_says(&machine, &["install", "hello-lab"], &["repo 'lab'"]);
    ill.store(false, Ordering::Relaxed);
    assert!(in_time(&machine, &["makecache"]).ok);
    ill.store(true, Ordering::Relaxed);
    fails_and_says(
        &machine,
        &["install", "hello-lab"],
        &["Error downloading packages"],
    );
    ill.store(false, Ordering::Relaxed);
    installs(&machine);
}

#[test]
fn too_many_requests_are_made_again_when_the_registry_says_and_otherwise_later() {
    for retry_after in [None, Some(1)] {
        let world = published(Protection::Open);
        let mut asked = 0;
        let proxy = behind(&world, move |_, _| {
            asked += 1;
            (asked % 3 == 1).then(|| too_many_requests(retry_after))
        });
        installs(&machine(&proxy, ""));
    }
}

#[test]
fn a_rate_limit_of_an_hour_is_said_at_once() {
    let world = published(Protection::Open);
    let proxy = behind(&world, |_, _| Some(too_many_requests(Some(3600))));
    let before = Instant::now();
    let machine = machine(&proxy, "");
    fails_and_says(&machine, &["install", "hello-lab"], &["repo 'lab'", "429"]);
    assert!(before.elapsed() < Duration::from_secs(20));
}

#[test]
fn a_rate_limit_without_end_is_said_after_the_retries() {
    let world = published(Protection::Open);
    let proxy = behind(&world, |_, _| Some(too_many_requests(None)));
    let machine = machine(&proxy, "retries=3");
    fails_and_says(&machine, &["install", "hello-lab"], &["repo 'lab'", "429"]);
}

#[test]
fn tokens_that_expire_in_the_middle_are_renewed() {
    let world = published(Protection::Bearer);
    let tokens = world.tokens.as_ref().expect("a token server");
    tokens.expire_after(2);
    // Everything is slow, so that no token lasts for all of it.
    let slow = How::Stall(Duration::from_millis(1100));
    let proxy = behind(&world, move |_, _| damage(Stream::Response, 0, slow));
    let before = world.registry.requests().expect("a log").len();
    let login = format!("username={USER}\npassword={PASSWORD}");
    installs(&machine(&proxy, &login));
    let requests = world.registry.requests().expect("a log");
    let refused = requests[before..].iter();
    let refused = refused.filter(|request| request.status == 401).count();
    // The first one is how the bridge learns where tokens are to be had.
    assert!(refused >= 2, "no token expired: {requests:?}");
}

#[test]
fn a_cache_that_was_changed_by_hand_costs_another_fetch() {
    let world = published(Protection::Open);
    let proxy = behind(&world, |_, _| None);
    let machine = machine(&proxy, "");
    // There, the bridge has nobody else to run as, and so the cache of who runs dnf.
    let dnf = |arguments: &[&str]| {
        let run = with_mounts(&machine, "true", arguments);
        assert!(run.ok, "{run}");
    };
    dnf(&["install", "--downloadonly", AWKWARD, "hello-lab"]);
    let content = machine.home().join(".cache/ocirepo/content");
    let damaged = damage::every_file(&content).expect("a cache");
    // Metadata, its signature and the packages.
    assert!(damaged > 4, "{damaged}");
    dnf(&["clean", "all"]);
    dnf(&["install", AWKWARD, "hello-lab"]);
    for package in ["hello-lab", AWKWARD] {
        let expected = sample().packages().iter().find(|all| all.name == package);
        let expected = expected.map(|all| format!("{}\n", all.content));
        assert_eq!(machine.installed(package), expected);
    }
}

/// dnf in a mount namespace of its own, after a script has mounted something there.
fn with_mounts(machine: &Machine, mounts: &str, arguments: &[&str]) -> Run {
    let dnf = machine.command(arguments);
    let script = format!("{{ {mounts}; }} || exit 99; exec \"$@\"");
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", "--mount", "sh", "-c", &script, "sh"]);
    // Whoever is not root becomes root once.
    let own = dnf.get_program().to_string_lossy() == "unshare";
    let skipped = if own { 1 } else { 0 };
    if !own {
        command.arg(dnf.get_program());
    }
    command.args(dnf.get_args().skip(skipped));
    for (name, value) in dnf.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let start = Instant::now();
    let run = Run::of(&mut command).expect("dnf");
    assert!(start.elapsed() < LIMIT && run.code != Some(99), "{run}");
    run
}

/// dnf where there is little room for what the bridge keeps: a file system of its own for that.
fn with_little_room(machine: &Machine, kilobytes: u32, arguments: &[&str]) -> Run {
    let cache = machine.home().join(".cache");
    fs::create_dir_all(&cache).expect("a cache");
    let mount = format!("mount -t tmpfs -o mode=1777,size={kilobytes}k tmpfs");
    let mounts = format!("{mount} /var/tmp && {mount} '{}'", cache.display());
    with_mounts(machine, &mounts, arguments)
}

#[test]
fn a_disk_that_is_full_is_said_and_more_room_is_all_it_takes() {
    let world = published(Protection::Open);
    let proxy = behind(&world, |_, _| None);
    let machine = machine(&proxy, "");
    let run = with_little_room(&machine, 8, &["install", "hello-lab"]);
    assert!(!run.ok && run.says("repo 'lab'"), "{run}");
    assert!(run.says("No space left on device"), "{run}");
    assert_eq!(machine.installed("hello-lab"), None);
    let run = with_little_room(&machine, 8000, &["--quiet", "repoquery"]);
    assert!(run.ok, "{run}");
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), LISTED, "{run}");
    installs(&machine);
}
