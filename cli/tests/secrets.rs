//! Secrets that were planted, looked for in everything the program wrote.
//!
//! Commands that succeed and that fail in every way are run as loudly as they can be. What they
//! print, and every file they leave, is searched for the password, the identity token, the
//! passphrase, what was sent in `Authorization`, and the secret of the bridge, in each spelling they
//! could be written in.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD, URL_SAFE};
use http::StatusCode;
use ocirepo_cli::registry_server::{Options, RegistryServer};
use ocirepo_registry::{Auth, Config, Quirk, Rule, Scheme};

use common::Server;

const USER: &str = "planted";
/// With everything that is spelled otherwise in URLs, forms, JSON and headers.
const PASSWORD: &str = "PLANTED-pass/w+rd%20&=\"\\é-DETNALP";
const WRONG: &str = "PLANTED-wr%ng/+pass-DETNALP";
const IDENTITY: &str = "PLANTED-identity+t/ken%-DETNALP";

/// Where the program keeps what somebody logs in with.
const AUTH_FILE: &str = ".config/containers/auth.json";

/// Where one user runs the program, and what it said.
struct World {
    home: tempfile::TempDir,
    runtime: tokio::runtime::Runtime,
    server: RegistryServer,
    address: String,
    /// Everything that was printed, by command.
    said: BTreeMap<String, Vec<u8>>,
}

impl World {
    fn new(auth: Auth) -> Self {
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let options = Options {
            config: Config {
                auth: Some(auth),
                ..Config::default()
            },
            ..Options::default()
        };
        let server = runtime.block_on(RegistryServer::start(options)).unwrap();
        Self {
            home: tempfile::tempdir().unwrap(),
            address: server.address().to_string(),
            runtime,
            server,
            said: BTreeMap::new(),
        }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_ocirepo"));
        command
            .args(arguments)
            .arg("-vvv")
            .env_clear()
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.path().join("run"))
            .env("RUST_BACKTRACE", "1");
        command
    }

    /// Runs a command with something on its standard input, and keeps what it says.
    fn run(&mut self, arguments: &[&str], input: &str) -> bool {
        self.run_in(arguments, input, &[])
    }

    fn run_in(&mut self, arguments: &[&str], input: &str, variables: &[(&str, &str)]) -> bool {
        let mut command = self.command(arguments);
        command.envs(variables.iter().copied());
        let mut child = command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        // Commands that read nothing may be gone already.
        let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
        let output = child.wait_with_output().unwrap();
        let name = format!("{} {}", self.said.len(), arguments.join(" "));
        self.said
            .insert(name, [output.stdout, output.stderr].concat());
        output.status.success()
    }

    fn location(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.address)
    }

    fn behave(&self) {
        self.server.registry().clear_script();
    }

    /// What clients sent to prove who they are, as the registry saw it.
    fn sent(&self) -> BTreeSet<String> {
        let mut registry = self.server.registry();
        let mut sent = BTreeSet::new();
        for entry in registry.log() {
            for value in entry.headers.get_all("authorization") {
                let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
                let (_, proof) = value.split_once(' ').unwrap_or(("", &value));
                sent.insert(proof.to_owned());
            }
        }
        sent
    }

    /// Searches everything for everything, but for the files where secrets belong.
    fn search(&self, more: &[String], kept_in: &[&str]) {
        let mut secrets: BTreeSet<String> = self.sent();
        assert!(!secrets.is_empty(), "nobody proved anything");
        secrets.extend([PASSWORD, WRONG, IDENTITY].map(str::to_owned));
        secrets.extend(more.iter().cloned());
        let needles: Vec<String> = secrets
            .iter()
            .flat_map(|secret| spellings(secret))
            .collect();
        let mut searched = 0;
        for (name, text) in &self.said {
            assert_clean(name, text, &needles);
            searched += 1;
        }
        for path in files(self.home.path()) {
            let short = path.strip_prefix(self.home.path()).unwrap().to_owned();
            if kept_in.iter().any(|kept| short == Path::new(kept)) {
                continue;
            }
            assert_clean(
                &short.to_string_lossy(),
                &fs::read(&path).unwrap(),
                &needles,
            );
            assert_clean(
                "the name of a file",
                short.to_string_lossy().as_bytes(),
                &needles,
            );
            searched += 1;
        }
        assert!(searched > 20, "only {searched} things were searched");
    }

    fn stop(self) {
        self.runtime.block_on(self.server.stop());
    }
}

/// The ways in which a secret may be written.
fn spellings(secret: &str) -> Vec<String> {
    let escaped: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let json = serde_json::to_string(secret).unwrap();
    vec![
        secret.to_owned(),
        escaped.replace('+', "%20"),
        escaped,
        json.trim_matches('"').to_owned(),
        format!("{secret:?}").trim_matches('"').to_owned(),
        STANDARD_NO_PAD.encode(secret),
        URL_SAFE.encode(secret),
        STANDARD_NO_PAD.encode(format!("{USER}:{secret}")),
        STANDARD_NO_PAD.encode(format!("dnf:{secret}")),
    ]
}

#[track_caller]
fn assert_clean(name: &str, text: &[u8], needles: &[String]) {
    for needle in needles {
        let found = text
            .windows(needle.len())
            .any(|window| window == needle.as_bytes());
        let shown = String::from_utf8_lossy(text);
        assert!(!found, "`{name}` tells {needle:?}:\n{shown}");
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => found.extend(files(&path)),
            false => found.push(path),
        }
    }
    found
}

/// Everything that can be done with a repository, and every way it may fail.
fn everything(world: &mut World) {
    let package = world.home.path().join("repo");
    fs::create_dir_all(&package).unwrap();
    fs::write(package.join("repomd.xml"), "no repository").unwrap();
    let home = world.home.path().to_owned();
    let path = |name: &str| home.join(name).to_string_lossy().into_owned();
    fs::write(home.join("blob"), vec![7; 300_000]).unwrap();
    let registry = world.address.clone();
    let (repo, tag) = (world.location("lab/repo"), world.location("lab/repo:el9"));

    assert!(!world.run(&["login", &registry, "-u", USER, "--password-stdin"], WRONG));
    assert!(world.run(
        &["login", &registry, "-u", USER, "--password-stdin"],
        PASSWORD
    ));
    assert!(world.run(&["createrepo", &path("repo")], ""));
    assert!(world.run(&["push", &path("repo"), &tag], ""));
    assert!(world.run(&["tags", &repo], ""));
    assert!(world.run(&["manifest", &tag], ""));
    world.run(&["info", &tag, "none"], "");
    world.run(&["files", &tag, "none", "--json"], "");
    assert!(world.run(&["sync", &tag, &path("synced")], ""));
    world.run(&["copy", &tag, &format!("oci:{}", path("layout"))], "");
    world.run(&["doctor", "--write", &registry], "");
    world.run(&["prune", &repo, "--dry-run"], "");
    world.run(&["diff", &tag, &tag], "");
    world.run(&["ls", &world.location("lab/none")], "");

    // Passwords that come another way, and are wrong.
    let variables = [
        ("OCIREPO_REGISTRY", &*registry),
        ("OCIREPO_USERNAME", USER),
        ("OCIREPO_PASSWORD", WRONG),
    ];
    assert!(!world.run_in(&["tags", &repo], "", &variables));
    let in_url = format!("oci://{USER}:PLANTED-in-url-DETNALP@{registry}/lab/repo:el9");
    assert!(!world.run(&["tags", &in_url], ""));

    for quirk in [
        Quirk::Status(StatusCode::FORBIDDEN),
        Quirk::Status(StatusCode::UNAUTHORIZED),
        Quirk::Body(b"{\"errors\":[{\"code\":\"X\",\"message\":\"y\"}]}".to_vec()),
        Quirk::Redirect {
            origin: format!("http://{registry}/elsewhere"),
        },
        Quirk::Challenges(vec!["Bearer realm=\"http://thief.example/t\"".into()]),
        Quirk::Challenges(vec!["Bearer realm=\"no url\", x".into()]),
        Quirk::CutAfter(100),
        Quirk::Corrupt { at: 20 },
        Quirk::TokensRevoked,
    ] {
        // Content that breaks off leaves something to go on from; the rest is one request.
        let breaks = matches!(quirk, Quirk::CutAfter(_) | Quirk::Corrupt { .. });
        let rule = Rule::new(quirk);
        let rule = if breaks { rule.first(3) } else { rule };
        world.server.registry().script(rule);
        if breaks {
            let to = path(&format!("failed{}", world.said.len()));
            world.run(&["sync", &tag, &to], "");
        }
        world.run(&["manifest", &tag], "");
        world.behave();
    }
}

/// A server of the program, whose output goes to a file.
struct Bridge {
    _server: Server,
    address: String,
}

impl Bridge {
    fn start(world: &World) -> Self {
        let home = world.home.path();
        let allowed = format!("{}/lab", world.address);
        let (state, log) = (home.join("state"), home.join("access.log"));
        let mut command = world.command(&["serve", "--listen", "127.0.0.1:0"]);
        command
            .args(["--allow", &allowed, "--state-dir"])
            .arg(state);
        command.arg("--access-log").arg(log);
        let stderr = fs::File::create(home.join("serve.stderr")).unwrap();
        let server = Server::start(command.stderr(stderr));
        let address = server.said.trim().rsplit("http://").next().unwrap();
        Self {
            address: address.to_owned(),
            _server: server,
        }
    }

    fn get(&self, path: &str, password: &str) -> String {
        let proof = STANDARD.encode(format!("dnf:{password}"));
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {}\r\nAuthorization: Basic {proof}\r\n\
             Connection: close\r\n\r\n",
            self.address
        );
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }
}

#[test]
fn no_secret_is_in_anything_that_was_written_with_tokens() {
    let mut world = World::new(Auth::bearer(USER, PASSWORD));
    everything(&mut world);

    let bridge = Bridge::start(&world);
    let secret = fs::read_to_string(world.home.path().join("state/secret")).unwrap();
    let secret = secret.trim().to_owned();
    let file = format!("/{}/lab/repo:el9/repodata/repomd.xml", world.address);
    let right = bridge.get(&file, &secret);
    assert!(right.starts_with("HTTP/1.1 200"), "{right}");
    let answers = [
        right,
        bridge.get(&file, WRONG),
        bridge.get(&format!("{file}?token={IDENTITY}"), &secret),
        bridge.get("/-/metrics", &secret),
        bridge.get("/", &secret),
        bridge.get(
            &format!("/{}/lab/none:x/repodata/repomd.xml", world.address),
            &secret,
        ),
    ];
    drop(bridge);
    assert!(
        answers.iter().any(|answer| answer.contains("ocirepo_")),
        "metrics"
    );
    world.said.insert(
        "answers of the bridge".into(),
        answers.concat().into_bytes(),
    );
    world.search(
        &[secret, "PLANTED-in-url-DETNALP".to_owned()],
        &[AUTH_FILE, "state/secret"],
    );
    world.stop();
}

#[test]
fn no_secret_is_in_anything_that_was_written_with_basic() {
    let mut world = World::new(Auth::basic(USER, PASSWORD));
    everything(&mut world);
    world.search(&["PLANTED-in-url-DETNALP".to_owned()], &[AUTH_FILE]);
    world.stop();
}

#[test]
fn no_identity_token_is_in_anything_that_was_written() {
    let mut auth = Auth::bearer(USER, PASSWORD);
    auth.scheme = Scheme::Bearer {
        realm: None,
        service: "lab".into(),
        lifetime: 60,
    };
    let mut world = World::new(auth);
    let file = world.home.path().join(AUTH_FILE);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let user = STANDARD.encode(format!("{USER}:"));
    let entry = serde_json::json!({ "auths": { &*world.address: {
        "auth": user, "identitytoken": IDENTITY,
    } } });
    fs::write(&file, entry.to_string()).unwrap();
    let (repo, tag) = (world.location("lab/repo"), world.location("lab/repo:el9"));
    // The registry knows no identity tokens, and says so; what was sent is a secret all the same.
    assert!(!world.run(&["tags", &repo], ""));
    for _ in 0..9 {
        world.run(&["manifest", &tag], "");
        world.run(&["doctor", &world.address.clone()], "");
    }
    fs::write(
        &file,
        entry
            .to_string()
            .replace("{\"auth\"", "{\"auth\":\"!\",\"x\""),
    )
    .unwrap();
    world.run(&["tags", &repo], "");
    let asked = world
        .server
        .registry()
        .log()
        .iter()
        .any(|entry| entry.path == "/token");
    assert!(asked, "it was sent somewhere");
    // There is no other proof, so that the search has to be told of none.
    let needles: Vec<String> = spellings(IDENTITY);
    for (name, text) in &world.said {
        assert_clean(name, text, &needles);
    }
    for path in files(world.home.path())
        .into_iter()
        .filter(|path| *path != file)
    {
        assert_clean(&path.to_string_lossy(), &fs::read(&path).unwrap(), &needles);
    }
    world.stop();
}
