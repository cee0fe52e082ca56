//! Options of `.repo` files keep their meaning behind the plugin, and failures are explained.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use ocirepo_e2e::plugin::Machine;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::proxy::Proxy;
use ocirepo_e2e::registry::{PASSWORD, USER};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::secure::Secure;
use ocirepo_e2e::world::{LISTED, Protection, Published, World, key, sample};

const REFERENCE: &str = "lab/options:el1";

fn published(protection: Protection) -> World {
    let world = World::new(protection).expect("a registry");
    let how = Published::IndexByOcirepo;
    world.publish(how, sample(), REFERENCE).expect("published");
    world
}

/// A machine with one repository, `lab`, with these further lines.
fn machine(baseurl: &str, lines: &str) -> Machine {
    let machine = Machine::new().expect("a machine");
    let key = key().public();
    let text = format!(
        "[lab]\nname=Lab\nbaseurl={baseurl}\ngpgcheck=1\nrepo_gpgcheck=1\n\
         gpgkey=file://{}\nskip_if_unavailable=0\n{lines}\n",
        key.display()
    );
    machine.repo_file("lab.repo", &text).expect("a file");
    machine
}

fn lists_all(machine: &Machine) {
    let run = machine.dnf(&["--quiet", "repoquery"]).expect("dnf");
    assert!(run.ok, "{run}");
    assert_eq!(run.stdout.lines().collect::<Vec<_>>(), LISTED, "{run}");
}

fn fails_and_says(machine: &Machine, expected: &[&str]) -> Run {
    let run = machine.dnf(&["makecache"]).expect("dnf");
    assert!(!run.ok, "{run}");
    for text in expected {
        assert!(run.says(text), "{text:?} is not said: {run}");
    }
    run
}

#[test]
fn a_user_and_a_password_of_the_file_reach_the_registry_and_are_not_repeated() {
    let world = published(Protection::Basic);
    let url = world.location(REFERENCE);
    let login = format!("username={USER}\npassword={PASSWORD}");
    lists_all(&machine(&url, &login));

    let run = fails_and_says(
        &machine(&url, "username=lab\npassword=hunter2"),
        &["repo 'lab'", "log in again", &world.registry.host()],
    );
    assert!(!run.says("hunter2"), "{run}");
    fails_and_says(
        &machine(&url, ""),
        &["repo 'lab'", "user name and password"],
    );
}

#[test]
fn variables_are_expanded_and_mirrors_tried_in_their_order() {
    let world = published(Protection::Open);
    let gone = "oci+http://127.0.0.1:9/lab/options:el1";
    let host = world.registry.host();
    let urls = format!("{gone} oci+http://$registry/lab/options:el$releasever");
    let machine = machine(&urls, "retries=1\nincludepkgs=hello-*");
    machine.dnf_variable("registry", &host).expect("a variable");
    let run = machine.dnf(&["--quiet", "repoquery"]).expect("dnf");
    assert!(run.ok, "{run}");
    assert_eq!(run.stdout, "hello-lab-0:1.0-1.noarch\n", "{run}");
}

#[test]
fn authorities_of_the_file_are_trusted_and_only_they() {
    let secure = Secure::new(false).expect("a registry behind TLS");
    let url = secure.location();
    let authority = secure.authority.certificate().display().to_string();
    lists_all(&machine(&url, &format!("sslcacert={authority}")));
    lists_all(&machine(&url, "sslverify=0"));
    fails_and_says(&machine(&url, "retries=1"), &["repo 'lab'", "certificate"]);
    let elsewhere = machine(&url, "sslcacert=/no/such/authority.crt");
    fails_and_says(&elsewhere, &["repo 'lab'", "sslcacert", "/no/such"]);
}

#[test]
fn a_client_certificate_of_the_file_is_shown() {
    let secure = Secure::new(true).expect("a registry behind TLS");
    let url = secure.location();
    let authority = format!("sslcacert={}", secure.authority.certificate().display());
    let client = secure.authority.client().expect("a certificate");
    let (certificate, key) = (client.certificate.display(), client.key.display());
    let lines = format!("{authority}\nsslclientcert={certificate}\nsslclientkey={key}");
    lists_all(&machine(&url, &lines));
    fails_and_says(&machine(&url, &authority), &["repo 'lab'"]);
}

#[test]
fn a_proxy_of_the_file_is_between_the_bridge_and_the_registry() {
    let world = published(Protection::Open);
    let registry = world.registry.host().parse().expect("an address");
    let proxy = Proxy::start(registry, |_| {}).expect("a proxy");
    // Nobody but the proxy knows where that is.
    let machine = machine(
        "oci+http://registry.invalid:5000/lab/options:el1",
        &format!("proxy=http://{}", proxy.address()),
    );
    lists_all(&machine);
    assert!(!proxy.requests().is_empty());
}

#[test]
fn a_registry_that_is_gone_is_named_and_may_be_left_out() {
    let mut world = published(Protection::Open);
    world.registry.kill();
    let machine = machine(&world.location(REFERENCE), "retries=1");
    fails_and_says(&machine, &["repo 'lab'", &world.registry.host()]);
    let run = machine.dnf(&["--setopt=lab.skip_if_unavailable=1", "makecache"]);
    let run = run.expect("dnf");
    assert!(run.ok && run.says("Ignoring repositories: lab"), "{run}");
}

#[test]
fn without_the_program_other_repositories_work() {
    let machine = machine("oci://127.0.0.1:9/lab/options:el1", "");
    let configured = machine.configure_plugin("program=/no/such/ocirepo");
    configured.expect("a file");
    let other = format!(
        "[plain]\nname=Plain\nbaseurl=file://{}\ngpgcheck=1\ngpgkey=file://{}\n",
        sample().path().display(),
        key().public().display()
    );
    machine.repo_file("plain.repo", &other).expect("a file");
    fails_and_says(&machine, &["repo 'lab'", "/no/such/ocirepo"]);
    let skipping = "--setopt=lab.skip_if_unavailable=1";
    let run = machine
        .dnf(&[skipping, "install", "hello-lab"])
        .expect("dnf");
    assert!(run.ok && run.says("/no/such/ocirepo"), "{run}");
    assert!(machine.installed("hello-lab").is_some());
}

#[test]
fn configuration_is_shown_as_it_is_written() {
    let url = "oci://registry.invalid/lab/options:el1";
    let machine = machine(url, "");
    let run = machine
        .dnf(&["config-manager", "--dump", "lab"])
        .expect("dnf");
    assert!(run.ok && run.says(&format!("baseurl = {url}")), "{run}");
}

#[test]
fn the_bridge_has_no_rights_shows_no_secret_and_ends_with_dnf() {
    let world = published(Protection::Basic);
    let login = format!("username={USER}\npassword={PASSWORD}");
    let machine = machine(&world.location(REFERENCE), &login);
    let mut dnf = machine
        .command(&["shell"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .expect("dnf");
    let bridge = wait_for(|| child_of(dnf.id())).expect("a bridge");
    let process = Path::new("/proc").join(&bridge);
    let read = |name: &str| {
        let bytes = fs::read(process.join(name)).expect("a process");
        String::from_utf8_lossy(&bytes).replace('\0', " ")
    };
    assert!(read("cmdline").contains("--handed-over"));
    let status = read("status");
    let uid = |status: &str| {
        let line = status.lines().find(|line| line.starts_with("Uid:"));
        line.and_then(|line| Some(line.split_whitespace().nth(1)?.to_owned()))
    };
    // Whoever runs the tests without being root has no other user to become.
    let own = fs::read_to_string("/proc/self/status").expect("a process");
    if uid(&own).as_deref() == Some("0") {
        assert_ne!(uid(&status).as_deref(), Some("0"), "{status}");
        assert!(status.contains("Groups:\t \n"), "{status}");
    }
    assert!(!read("cmdline").contains(PASSWORD), "{}", read("cmdline"));
    if let Ok(environment) = fs::read(process.join("environ")) {
        let environment = String::from_utf8_lossy(&environment).into_owned();
        assert!(!environment.contains(PASSWORD), "{environment}");
    }
    dnf.kill().expect("killed");
    dnf.wait().expect("gone");
    let gone = wait_for(|| (!process.join("exe").exists()).then_some(()));
    assert!(gone.is_some(), "the bridge is still there: {status}");
}

#[test]
fn the_plugin_is_for_the_python_of_the_oldest_dnf() {
    let check = "import ast, sys; ast.parse(open(sys.argv[1]).read(), feature_version=(3, 6))";
    let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/dnf/ocirepo.py");
    let mut command = Command::new("python3");
    let run = Run::of(command.args(["-c", check, plugin])).expect("python");
    assert!(run.ok, "{run}");
    let program = Program::new().expect("a home");
    let help = program.run(&["serve", "--help"]).expect("the program");
    assert!(help.says("--handed-over"), "{help}");
}

/// The process that another one started.
fn child_of(parent: u32) -> Option<String> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let bridge = children.split_whitespace().find(|id| {
        fs::read(format!("/proc/{id}/cmdline"))
            .is_ok_and(|line| String::from_utf8_lossy(&line).contains("--handed-over"))
    })?;
    Some(bridge.to_owned())
}

fn wait_for<T>(mut found: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        let now = found();
        if now.is_some() || Instant::now() > end {
            return now;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn a_list_of_mirrors_on_a_web_server_is_dnfs_own() {
    let directory = Scratch::new("mirrors").expect("a directory");
    let list = directory.join("mirrors");
    let plain = format!("file://{}/\n", sample().path().display());
    fs::write(&list, plain).expect("a list");
    let line = format!("mirrorlist=file://{}", list.display());
    lists_all(&machine("oci://registry.invalid/lab/options:el1", &line));
    let line = "mirrorlist=oci://registry.invalid/lab/mirrors:el1/list";
    let machine = machine("oci://registry.invalid/lab/options:el1", line);
    fails_and_says(&machine, &["repo 'lab'", "mirrorlist", "several baseurl"]);
}
