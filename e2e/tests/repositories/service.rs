//! The bridge as a service that is left running: its units, its settings, what it tells.

use std::fs;
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use ocirepo_e2e::curl::curl;
use ocirepo_e2e::damage;
use ocirepo_e2e::plugin::{Machine, program};
use ocirepo_e2e::process::{Run, free_address};
use ocirepo_e2e::program::Bridge;
use ocirepo_e2e::registry::{PASSWORD, USER};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{AWKWARD, LISTED, Protection, Published, World, sample};

const REFERENCE: &str = "lab/service:el9";

fn published(protection: Protection) -> World {
    let world = World::new(protection).expect("a registry");
    let how = Published::IndexByOcirepo;
    world.publish(how, sample(), REFERENCE).expect("published");
    world
}

/// A file below the home of the program's user.
fn write(world: &World, name: &str, text: &str) -> PathBuf {
    let path = world.program.path(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(&path, text).unwrap();
    path
}

fn repomd(bridge: &Bridge, world: &World) -> String {
    let repository = format!("{}/{REFERENCE}", world.registry.host());
    format!("{}repodata/repomd.xml", bridge.url(&repository))
}

fn status(url: &str) -> String {
    let format = ["--output", "/dev/null", "--write-out", "%{http_code}"];
    let mut command = Command::new("curl");
    let run = Run::of(command.arg("--silent").args(format).arg(url)).expect("curl");
    run.stdout
}

fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_millis(100));
    }
}

#[test]
fn settings_are_read_anew_and_wrong_ones_change_nothing() {
    let world = published(Protection::Basic);
    let host = world.registry.host();
    write(&world, "serve.d/password", PASSWORD);
    let file = write(&world, "serve.d/lab.toml", "allow = [\"registry.invalid\"]");
    let directory = file.parent().unwrap().to_string_lossy();
    // Nothing but the settings knows the password.
    fs::remove_file(world.program.path("config/containers/auth.json")).expect("a login");
    let bridge = world.program.serve(&["--settings", &directory]);
    let bridge = bridge.expect("a bridge");
    let url = repomd(&bridge, &world);
    let hang_up = || {
        let id = bridge.server.id().to_string();
        let mut command = Command::new("kill");
        Run::of(command.args(["-HUP", &id]))
            .unwrap()
            .well()
            .unwrap();
    };
    assert_eq!(status(&url), "403");

    let login = format!(
        "repositories = [\"oci://{host}/lab/service\"]\n[registry.\"{host}\"]\n\
         username = \"{USER}\"\npassword-file = \"password\"\n"
    );
    fs::write(&file, &login).unwrap();
    hang_up();
    eventually("it asks for its secret", || status(&url) == "401");
    fs::write(&file, login + "public = true\n").unwrap();
    hang_up();
    eventually("everybody gets what is public", || status(&url) == "200");
    fs::write(&file, "nonsense").unwrap();
    hang_up();
    eventually("it says why not", || {
        bridge.log().contains("lab.toml: line 1")
    });
    assert_eq!(status(&url), "200", "{}", bridge.log());
}

#[test]
fn an_outage_is_served_from_the_cache_with_its_age_and_everything_is_counted() {
    let mut world = published(Protection::Open);
    let log = world.program.path("access.log");
    let location = world.location(REFERENCE);
    let arguments = [&*location, "--access-log", &log.to_string_lossy()];
    let bridge = world.program.serve(&arguments).expect("a bridge");
    let url = repomd(&bridge, &world);
    let head = |agent: &str| curl(["--include", "--user-agent", agent, &url]).expect("an answer");
    let fresh = head("before");
    assert!(!fresh.to_lowercase().contains("\nwarning:"), "{fresh}");
    world.registry.kill();
    // For a minute nobody asks the registry again.
    eventually_longer("it says that it is stale", || {
        let stale = head("after").to_lowercase();
        stale.contains("\nage: ") && stale.contains("warning: 110 - \"the registry cannot be")
    });

    let metrics = curl([&format!("http://{}/-/metrics", bridge.address)]).expect("metrics");
    for line in [
        "ocirepo_responses_total{status=\"200\"}",
        "ocirepo_response_head_seconds_bucket{le=\"+Inf\"}",
        "ocirepo_registry_fetches_total",
        "ocirepo_stale_responses_total 1",
        "ocirepo_snapshot_age_seconds{repository=\"anonymous ",
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
    let log = fs::read_to_string(log).expect("a log");
    let first: serde_json::Value = serde_json::from_str(log.lines().next().unwrap()).unwrap();
    assert_eq!(
        (&first["agent"], &first["status"]),
        (&"before".into(), &200.into())
    );
    assert_eq!(
        (&first["whole"], &first["peer"]),
        (&true.into(), &"127.0.0.1".into())
    );
}

#[test]
fn a_cache_that_was_changed_under_a_running_bridge_is_not_served() {
    let world = published(Protection::Open);
    let bridge = world
        .program
        .serve(&[&world.location(REFERENCE)])
        .expect("a bridge");
    let metadata = repomd(&bridge, &world);
    let read = |what: &str| {
        let to = world.program.path("read");
        curl(["--output", &to.to_string_lossy(), what]).expect("an answer");
        fs::read(to).expect("a file")
    };
    let files = sample().files().expect("files");
    let package = files.iter().find(|file| file.ends_with(".rpm")).unwrap();
    let base = metadata.strip_suffix("repodata/repomd.xml").unwrap();
    let package = format!("{base}{package}");
    let right = (read(&metadata), read(&package));
    let content = world.program.path("cache/ocirepo/content");
    let damaged = damage::every_file(&content).expect("a cache");
    assert!(damaged > 1, "{damaged}");
    assert!(
        (read(&metadata), read(&package)) == right,
        "{}",
        bridge.log()
    );
}

fn eventually_longer(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(90);
    while !holds() {
        assert!(Instant::now() < end, "never: {what}");
        sleep(Duration::from_secs(2));
    }
}

#[test]
fn a_socket_that_was_opened_before_is_served_until_nobody_needs_it() {
    let world = published(Protection::Open);
    let address = free_address().expect("a port");
    let command = world
        .program
        .command(&["serve", &world.location(REFERENCE), "--idle-exit", "2"]);
    let mut activate = Command::new("systemd-socket-activate");
    activate
        .args(["--listen", &address.to_string()])
        .args(["-E", "HOME", "-E", "XDG_CACHE_HOME", "-E", "XDG_STATE_HOME"])
        .arg(command.get_program())
        .args(command.get_args())
        .env_clear()
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    for (name, value) in command.get_envs() {
        activate.env(name, value.unwrap_or_default());
    }
    let mut child = activate.spawn().expect("systemd-socket-activate");
    let repository = format!("{}/{REFERENCE}", world.registry.host());
    let url = format!("http://{address}/{repository}/repodata/repomd.xml");
    eventually("it is served", || status(&url) == "200");
    let before = Instant::now();
    let ended = child.wait().expect("an end");
    assert!(ended.success(), "{ended}");
    assert!(
        before.elapsed() > Duration::from_secs(1),
        "it waits for others"
    );
    assert!(TcpStream::connect(address).is_err());
}

#[test]
fn the_units_are_understood_and_leave_the_service_few_rights() {
    let units = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/systemd"));
    let directory = Scratch::short("units").expect("a directory");
    let installed = program().expect("the program").display().to_string();
    let mut paths = Vec::new();
    for name in ["ocirepo.socket", "ocirepo.service"] {
        let text = fs::read_to_string(units.join(name)).expect("a unit");
        let path = directory.join(name);
        fs::write(&path, text.replace("/usr/bin/ocirepo", &installed)).unwrap();
        paths.push(path);
    }
    let mut verify = Command::new("systemd-analyze");
    let run = Run::of(verify.args(["verify", "--man=no"]).args(&paths)).expect("systemd-analyze");
    assert!(run.ok && run.stderr.is_empty(), "{run}");
    // 2.0 of 10, where 10 is everything that root may do.
    let mut security = Command::new("systemd-analyze");
    security.args(["security", "--offline=yes", "--threshold=20", "--no-pager"]);
    let run = Run::of(security.arg(&paths[1])).expect("systemd-analyze");
    assert!(run.ok, "{run}");
}

#[test]
fn clients_that_do_not_know_oci_read_an_enabled_file_until_it_is_disabled() {
    let world = published(Protection::Basic);
    let host = world.registry.host();
    let settings = world.program.path("serve.d");
    let settings = settings.to_string_lossy();
    let machine = Machine::new().expect("a machine");
    let file = machine.repo_path("lab.repo");
    let text = format!(
        "[lab]\nname=Lab\nbaseurl=oci://{host}/{REFERENCE}\ngpgcheck=1\nrepo_gpgcheck=1\n\
         gpgkey=oci://{host}/{REFERENCE}/RPM-GPG-KEY-lab\nskip_if_unavailable=0\n"
    );
    machine.repo_file("lab.repo", &text).expect("a file");
    let file = file.to_string_lossy();
    let ocirepo = |arguments: &[&str]| {
        let run = world.program.run(arguments).expect("the program");
        run.well().expect("done").stdout
    };
    // The secret is made by the first bridge that runs.
    let address = free_address().expect("a port");
    let bridge = world
        .program
        .serve_at(address, &["--allow", "registry.invalid"]);
    drop(bridge.expect("a bridge"));
    let secret = world.program.path("state/ocirepo/serve/secret");
    let secret = secret.to_string_lossy();
    let at = format!("http://{address}");
    let to = [
        "--bridge",
        &at,
        "--settings",
        &settings,
        "--secret-file",
        &secret,
    ];
    ocirepo(&[&["dnf", "enable", &*file], &to[..]].concat());
    let bridge = world.program.serve_at(address, &["--settings", &settings]);
    let bridge = bridge.expect("a bridge");
    let repos = machine.repo_path("");
    let status = ocirepo(&["dnf", "status", &repos.to_string_lossy()]);
    assert!(status.contains("enabled, and served"), "{status}");

    let plain = |arguments: &[&str]| {
        let arguments = [&["--noplugins"], arguments].concat();
        machine.dnf(&arguments).expect("dnf")
    };
    let run = plain(&["--quiet", "repoquery"]);
    assert!(run.ok, "{run}\n{}", bridge.log());
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), LISTED, "{run}");
    let run = plain(&["install", "hello-lab"]);
    assert!(run.ok, "{run}\n{}", bridge.log());
    assert!(machine.installed("hello-lab").is_some());

    ocirepo(&["dnf", "disable", &file, "--settings", &settings]);
    assert_eq!(fs::read_to_string(&*file).expect("a file"), text);
}

#[test]
fn zypper_installs_from_an_enabled_file() {
    let world = published(Protection::Open);
    let url = world.location(REFERENCE);
    let settings = world.program.path("serve.d");
    let settings = settings.to_string_lossy();
    let machine = Machine::new().expect("a machine");
    let text = format!(
        "[lab]\nname=Lab\nbaseurl={url}\nenabled=1\ngpgcheck=1\nrepo_gpgcheck=1\n\
         gpgkey={url}/RPM-GPG-KEY-lab\n"
    );
    machine.repo_file("lab.repo", &text).expect("a file");
    let file = machine.repo_path("lab.repo");
    let file = file.to_string_lossy();
    let address = free_address().expect("a port");
    let at = format!("http://{address}");
    let to = ["--bridge", &at, "--settings", &settings];
    let enable = [&["dnf", "enable", &*file], &to[..]].concat();
    let run = world.program.run(&enable).expect("the program");
    run.well().expect("enabled");
    let bridge = world.program.serve_at(address, &["--settings", &settings]);
    let bridge = bridge.expect("a bridge");
    for arguments in [&["refresh"][..], &["install", AWKWARD]] {
        let run = machine.zypper(arguments).expect("zypper");
        assert!(run.ok, "{run}\n{}", bridge.log());
    }
    assert!(machine.installed(AWKWARD).is_some());
}
