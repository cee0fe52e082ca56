//! The hosts in C: the packages of real repositories, behind tokens and behind TLS.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::certificates::Authority;
use ocirepo_e2e::nginx::Nginx;
use ocirepo_e2e::process::{Run, VALGRIND, free_address};
use ocirepo_e2e::program::Program;
use ocirepo_e2e::registry::{Access, DockerRegistry, PASSWORD, USER};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::tokens::TokenServer;
use ocirepo_e2e::world::{Protection, World, packages, sample};
use serde_json::Value;

const HOSTS: [&str; 2] = ["curl-multi", "glib-soup"];

const REFERENCE: &str = "lab/c:el9";

/// Where the library and the programs over it are.
fn built() -> PathBuf {
    let built = std::env::var_os("OCIREPO_LAB_C");
    built
        .expect("OCIREPO_LAB_C names their directory; run these tests with `cargo xtask e2e`")
        .into()
}

/// A command with the library, and with what somebody has for credentials.
fn command(program: &Path, password: &str) -> Command {
    let mut command = Command::new(program);
    command
        .env("LD_LIBRARY_PATH", built().join("lib"))
        .env("OCI_USERNAME", USER)
        .env("OCI_PASSWORD", password);
    command
}

fn of_host(host: &str, program: &str) -> PathBuf {
    built().join("hosts").join(host).join(program)
}

/// Runs a command that reads this text.
fn fed(command: &mut Command, directory: &Path, text: &str) -> Run {
    let input = directory.join("input");
    fs::write(&input, text).expect("the input");
    let input = File::open(input).expect("the input");
    let output = command.current_dir(directory).stdin(input).output();
    output.expect("the program").into()
}

/// Lists the repository, pulls all its packages at once, and compares them with the sample's.
fn pulls_every_package(host: &str, location: &str, ca: Option<&Path>) {
    let place = Scratch::new("pulled").expect("a directory");
    let trusting = ca.map(|ca| ["-c".into(), ca.to_owned()]);
    let trusting = trusting.as_ref().map_or(&[][..], |words| &words[..]);
    let mut list = command(&of_host(host, "oci-packages"), PASSWORD);
    let list = Run::of(list.args(trusting).args(["-l", location])).expect("the program");
    assert!(list.ok, "{host}: {list}");
    let mut pull = command(&of_host(host, "oci-download"), PASSWORD);
    pull.args(trusting).args(["-j", "32", "-"]);
    let pulled = fed(&mut pull, place.path(), &list.stdout);
    let count = packages().len();
    assert!(
        pulled.ok && pulled.says(&format!("{count} verified, 0 failed")),
        "{host}: {pulled}"
    );
    for package in packages() {
        let name = package.file_name();
        let wanted = fs::read(sample().path().join("Packages").join(&name)).expect("a package");
        let got = fs::read(place.join(&name)).expect("a pulled package");
        assert!(wanted == got, "{host}: {name} is another one");
    }
}

/// What a host answers of a pull with these lines before it.
fn answer(host: &str, settings: &str, location: &str) -> String {
    let place = Scratch::new("refused").expect("a directory");
    let manifest = place.join("manifest");
    let pull = format!("1 pull-manifest {location} {}", manifest.display());
    let mut suite = command(&of_host(host, "oci-suite"), "");
    let run = fed(
        &mut suite,
        place.path(),
        &format!("{settings}\n{pull}\nrun\n"),
    );
    assert!(run.ok, "{host}: {run}");
    let answer = run.stdout.lines().find_map(|line| line.strip_prefix("1 "));
    answer.unwrap_or_default().to_owned()
}

/// A wrong password is no success, leaves no file, and is named as what it is.
fn refuses_a_wrong_password(host: &str, registry: &str, location: &str, ca: Option<&Path>) {
    let mut settings = format!("login {registry} {USER} wrong");
    let mut list = command(&of_host(host, "oci-packages"), "wrong");
    if let Some(ca) = ca {
        settings.push_str(&format!("\nset ca {}", ca.display()));
        list.arg("-c").arg(ca);
    }
    let answer = answer(host, &settings, location);
    assert!(
        answer.starts_with("error unauthorized "),
        "{host}: {answer}"
    );
    let list = Run::of(list.arg(location)).expect("the program");
    assert_eq!(list.code, Some(1), "{host}: {list}");
    assert!(list.stdout.is_empty() && list.says("401"), "{host}: {list}");
}

#[test]
fn packages_come_with_a_token() {
    let world = World::new(Protection::Bearer).expect("a registry");
    world.push(sample(), REFERENCE, "files").expect("published");
    let registry = world.registry.host();
    let location = format!("oci+http://{registry}/{REFERENCE}");
    for host in HOSTS {
        pulls_every_package(host, &location, None);
        refuses_a_wrong_password(host, &registry, &location, None);
    }
}

#[test]
fn packages_come_with_a_token_over_tls() {
    let directory = Scratch::new("c-tls").expect("a directory");
    let authority = Authority::new(directory.path()).expect("an authority");
    let identity = authority.server().expect("a certificate");
    let tokens = TokenServer::start(directory.path()).expect("a token server");
    let Access::Bearer { realm, certificate } = tokens.access() else {
        panic!("it gives tokens");
    };
    // Registry and tokens are behind the same name, as they are with most.
    let address = free_address().expect("a free port");
    let inside = realm.trim_end_matches("/token");
    let access = Access::Bearer {
        realm: format!("https://{address}/token"),
        certificate,
    };
    let docker = DockerRegistry::start(&access).expect("a registry");
    let proxy = "proxy_http_version 1.1; proxy_request_buffering off;\n\
                 proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto https;";
    let server = format!(
        "ssl_certificate {}; ssl_certificate_key {}; client_max_body_size 0;\n\
         location = /token {{ proxy_pass {inside}; {proxy} }}\n\
         location / {{ proxy_pass {}; {proxy} }}\n",
        identity.certificate.display(),
        identity.key.display(),
        docker.url(),
    );
    let nginx = Nginx::at(address, " ssl http2", &server).expect("nginx");
    let (registry, ca) = (nginx.host(), authority.certificate());
    let location = format!("oci+https://{registry}/{REFERENCE}");

    let publisher = Program::new()
        .expect("a home")
        .variable("SSL_CERT_FILE", &ca.to_string_lossy())
        .variable("OCIREPO_REGISTRY", &registry)
        .variable("OCIREPO_USERNAME", USER)
        .variable("OCIREPO_PASSWORD", PASSWORD);
    let repository = sample().path().to_string_lossy();
    let push = ["push", &repository, &location, "--layout", "index"];
    let push = publisher.run(&push).expect("the program");
    assert!(push.ok, "{push}");

    for host in HOSTS {
        pulls_every_package(host, &location, Some(ca));
        refuses_a_wrong_password(host, &registry, &location, Some(ca));
        let stranger = answer(host, "set retries 5", &location);
        assert!(stranger.starts_with("error tls "), "{host}: {stranger}");
    }
}

/// What `ocirepo ls` lists.
fn listed(world: &World, reference: &str) -> BTreeSet<String> {
    let list = ["ls", "--json", &world.location(reference)];
    let list = world.program.run(&list).expect("the program").well();
    let lines = list.expect("a list").stdout;
    let nevra = |line: &str| -> Option<String> {
        let package: Value = serde_json::from_str(line).ok()?;
        Some(package["nevra"].as_str()?.to_owned())
    };
    lines.lines().filter_map(nevra).collect()
}

#[test]
fn repositories_of_every_layout_are_listed_as_the_program_lists_them() {
    for layout in ["files", "index", "tree", "native"] {
        let world = World::new(Protection::Open).expect("a registry");
        let reference = match layout {
            "tree" => "lab/c:latest",
            _ => REFERENCE,
        };
        world.push(sample(), reference, layout).expect("published");
        let location = format!("oci+http://{}/{reference}", world.registry.host());
        for host in HOSTS {
            let program = of_host(host, "oci-packages");
            let mut list = command(Path::new("valgrind"), PASSWORD);
            list.args(VALGRIND).arg(program).arg(&location);
            let list = Run::of(&mut list).expect("valgrind");
            assert!(list.ok, "{layout}, {host}: {list}");
            let found: BTreeSet<String> = list.stdout.lines().map(str::to_owned).collect();
            assert_eq!(found.len(), packages().len(), "{layout}, {host}: {list}");
            assert_eq!(found, listed(&world, reference), "{layout}, {host}");
        }
    }
}
