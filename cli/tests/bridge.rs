//! The program as people run it: a registry, a publisher, readers and the bridge.

#![allow(clippy::unwrap_used)]

mod common;

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Output, Stdio};

use ocirepo::Digest;
use ocirepo_rpm::checksum::{Checksum, ChecksumKind};
use ocirepo_rpm::evr::{Evr, Nevra};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::package::{Dependencies, Details, Package, Sizes};
use ocirepo_rpm::repomd::{Record, Repomd};
use ocirepo_rpm::write;

use common::Server;

/// The path of the one package, as awkward as paths get.
const PACKAGE: &str = "Packages/LibFoo++-1.0~rc1^1-1.noarch.rpm";
const KEY: &str = "RPM-GPG-KEY-lab";
const ESCAPED: &str = "Packages/LibFoo%2b%2b-1.0~rc1%5e1-1.noarch.rpm";

/// A user with a home of their own, a registry and a bridge.
struct World {
    home: tempfile::TempDir,
    registry: Running,
}

struct Running {
    _server: Server,
    address: String,
}

impl World {
    fn new(registry: &[&str]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut arguments = vec!["registry", "--listen", "127.0.0.1:0"];
        arguments.extend(registry);
        let registry = start(home.path(), &arguments);
        Self { home, registry }
    }

    fn location(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.registry.address)
    }

    fn run(&self, arguments: &[&str]) -> Output {
        command(self.home.path(), arguments).output().unwrap()
    }

    fn bridge(&self, arguments: &[&str]) -> Running {
        let allowed = format!("{}/lab", self.registry.address);
        let mut all = vec!["serve", "--listen", "127.0.0.1:0", "--allow", &*allowed];
        all.extend(arguments);
        start(self.home.path(), &all)
    }

    /// Publishes a repository whose one package has this content.
    fn publish(&self, content: &[u8], name: &str, layout: &str) {
        let repo = self.home.path().join("repo");
        let _ = fs::remove_dir_all(&repo);
        for (path, content) in repository(content) {
            let path = repo.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, content).unwrap();
        }
        // No metadata names it.
        fs::write(repo.join(KEY), "a key").unwrap();
        let repo = repo.to_str().unwrap();
        let push = self.run(&["push", repo, &self.location(name), "--layout", layout]);
        assert!(push.status.success(), "{push:?}");
    }

    fn get(&self, bridge: &Running, name: &str, path: &str, fields: &str) -> Answer {
        let path = format!("/{}/{name}/{path}", self.registry.address);
        get(&bridge.address, &path, fields)
    }
}

fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocirepo"));
    command.args(arguments).env_clear().env("HOME", home);
    command.env("XDG_RUNTIME_DIR", home);
    command
}

/// Starts a server and learns its address from what it prints.
fn start(home: &Path, arguments: &[&str]) -> Running {
    let server = Server::start(command(home, arguments).stderr(Stdio::null()));
    let address = server.said.trim().rsplit("http://").next().unwrap();
    Running {
        address: address.to_owned(),
        _server: server,
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
    /// Whether the body has the length the head says.
    whole: bool,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }
}

/// One request; `fields` are whole lines. Without a Host among them it is the address.
fn get(address: &str, path: &str, fields: &str) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let host = if fields.contains("Host:") {
        String::new()
    } else {
        format!("Host: {address}\r\n")
    };
    let request = format!("GET {path} HTTP/1.1\r\n{host}{fields}Connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut all = Vec::new();
    // A connection that is cut may end in an error.
    let _ = stream.read_to_end(&mut all);
    let end = all
        .windows(4)
        .position(|bytes| bytes == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut answer = Answer {
        status: head[9..12].parse().unwrap(),
        head,
        body: all[end + 4..].to_vec(),
        whole: true,
    };
    let length = answer.field("content-length").map(|length| length.parse());
    answer.whole = length.is_none_or(|length| length == Ok(answer.body.len()));
    answer
}

fn checksum(content: &[u8]) -> Checksum {
    Checksum::from_hex(ChecksumKind::Sha256, &Digest::of(content).hex()).unwrap()
}

fn repository(content: &[u8]) -> Vec<(String, Vec<u8>)> {
    let package = Package {
        nevra: Nevra {
            name: "LibFoo++".into(),
            evr: Evr::new(0, "1.0~rc1^1", "1"),
            arch: "noarch".into(),
        },
        checksum: checksum(content),
        location: Href::from_path(PACKAGE).unwrap(),
        base: None,
        size: Sizes {
            package: content.len() as u64,
            ..Sizes::default()
        },
        file_time: 0,
        build_time: 0,
        details: Details::default(),
        dependencies: Dependencies::default(),
        files: [].into(),
    };
    let mut primary = write::PrimaryWriter::new(Vec::new(), 1).unwrap();
    primary.write(&package).unwrap();
    let primary = primary.finish().unwrap();
    let repomd = write::repomd(&Repomd {
        revision: Some("7".to_owned()),
        records: vec![Record {
            kind: "primary".to_owned(),
            location: Href::from_path("repodata/primary.xml").unwrap(),
            checksum: checksum(&primary),
            open_checksum: None,
            header_checksum: None,
            size: Some(primary.len() as u64),
            open_size: None,
            header_size: None,
            timestamp: Some(7),
            database_version: None,
        }],
        ..Repomd::default()
    });
    vec![
        (PACKAGE.to_owned(), content.to_vec()),
        ("repodata/primary.xml".to_owned(), primary),
        ("repodata/repomd.xml".to_owned(), repomd.into_bytes()),
    ]
}

#[test]
fn what_is_pushed_comes_back_in_every_layout() {
    let world = World::new(&[]);
    for layout in ["files", "index", "tree"] {
        let name = format!("lab/{layout}:latest");
        world.publish(b"a package", &name, layout);
        let location = world.location(&name);
        let list = world.run(&["ls", "--json", &location]);
        let package: serde_json::Value = serde_json::from_slice(&list.stdout).unwrap();
        assert_eq!(package["name"], "LibFoo++", "{layout}");
        let mirror = world.home.path().join(layout);
        let sync = world.run(&["sync", &location, mirror.to_str().unwrap()]);
        assert!(sync.status.success(), "{sync:?}");
        for (path, content) in repository(b"a package") {
            assert_eq!(fs::read(mirror.join(&path)).unwrap(), content, "{path}");
        }
        let got = world.home.path().join(format!("got-{layout}"));
        let get = world.run(&[
            "get",
            &location,
            KEY,
            "LibFoo*",
            "-d",
            got.to_str().unwrap(),
        ]);
        assert!(get.status.success(), "{get:?}");
        assert_eq!(fs::read(got.join(KEY)).unwrap(), b"a key");
        let get = world.run(&["get", &location, "nothing", "-d", got.to_str().unwrap()]);
        assert_eq!(get.status.code(), Some(3), "{get:?}");
        // In a tree nothing lists it, so only who knows of it can ask for it.
        assert_eq!(mirror.join(KEY).exists(), layout != "tree", "{layout}");
    }
}

#[test]
fn the_bridge_serves_every_layout_with_conditions_and_ranges() {
    let world = World::new(&[]);
    let bridge = world.bridge(&[]);
    for layout in ["files", "index", "tree"] {
        let name = format!("lab/{layout}:latest");
        world.publish(b"a package", &name, layout);
        let answer = world.get(&bridge, &name, ESCAPED, "");
        assert_eq!((answer.status, &*answer.body), (200, &b"a package"[..]));
        let etag = answer.field("etag").unwrap().to_owned();
        let condition = format!("If-None-Match: {etag}\r\n");
        assert_eq!(world.get(&bridge, &name, ESCAPED, &condition).status, 304);
        let range = world.get(&bridge, &name, ESCAPED, "Range: bytes=2-4\r\n");
        assert_eq!((range.status, &*range.body), (206, &b"pac"[..]));
        let ranges = world.get(&bridge, &name, ESCAPED, "Range: bytes=0-0,8-8\r\n");
        assert_eq!(ranges.status, 206);
        assert!(ranges.whole);
        let text = String::from_utf8(ranges.body).unwrap();
        assert!(text.contains("bytes 8-8/9\r\n\r\ne\r\n"), "{text}");
        let beyond = world.get(&bridge, &name, ESCAPED, "Range: bytes=9-\r\n");
        assert_eq!(beyond.status, 416);
        assert_eq!(world.get(&bridge, &name, "nope", "").status, 404);
    }
}

#[test]
fn strangers_are_turned_away() {
    let world = World::new(&[]);
    world.publish(b"a package", "lab/repo:el9", "files");
    let bridge = world.bridge(&[]);
    let repomd = |fields: &str| {
        let answer = world.get(&bridge, "lab/repo:el9", "repodata/repomd.xml", fields);
        answer.status
    };
    assert_eq!(repomd(""), 200);
    assert_eq!(repomd("Host: evil.example\r\n"), 421);
    assert_eq!(repomd("Authorization: Basic YTpi\r\n"), 401);
    let other = world.get(&bridge, "other/repo:el9", "repodata/repomd.xml", "");
    assert_eq!(other.status, 403);
    assert_eq!(
        world.get(&bridge, "lab/repo:el9", "..%2f..%2fx", "").status,
        404
    );
}

#[test]
fn credentials_unlock_content_only_for_whoever_has_the_secret() {
    let world = World::new(&["--auth", "bearer", "--user", "me", "--password", "pw"]);
    let auth = format!(
        "{{\"auths\":{{\"{}\":{{\"auth\":\"bWU6cHc=\"}}}}}}",
        world.registry.address
    );
    let docker = world.home.path().join(".docker");
    fs::create_dir_all(&docker).unwrap();
    fs::write(docker.join("config.json"), auth).unwrap();
    world.publish(b"a package", "lab/repo:el9", "index");
    let state = world.home.path().join("state");
    let bridge = world.bridge(&["--state-dir", state.to_str().unwrap()]);
    let repomd = |fields: &str| {
        let answer = world.get(&bridge, "lab/repo:el9", "repodata/repomd.xml", fields);
        answer.status
    };
    assert_eq!(repomd(""), 401);
    let secret = fs::read_to_string(state.join("secret")).unwrap();
    let basic = base64::Engine::encode(
        &base64::engine::general_purpose::STANDARD,
        format!("dnf:{}", secret.trim()),
    );
    assert_eq!(repomd(&format!("Authorization: Basic {basic}\r\n")), 200);
    // What the secret unlocked a moment ago is still locked for others.
    assert_eq!(repomd(""), 401);
}

#[test]
fn a_tag_that_moves_does_not_change_what_a_client_reads_even_over_a_restart() {
    let world = World::new(&[]);
    for layout in ["files", "index"] {
        let name = format!("lab/{layout}:el9");
        world.publish(b"the old package", &name, layout);
        let bridge = world.bridge(&[]);
        let old = world.get(&bridge, &name, "repodata/repomd.xml", "User-Agent: a\r\n");
        world.publish(b"the new package", &name, layout);
        let again = world.get(&bridge, &name, "repodata/repomd.xml", "User-Agent: a\r\n");
        assert_eq!(again.body, old.body);
        drop(bridge);
        let bridge = world.bridge(&[]);
        let package = world.get(&bridge, &name, ESCAPED, "User-Agent: a\r\n");
        assert_eq!(package.body, b"the old package", "{layout}");
    }
}

#[test]
fn a_cache_that_was_emptied_is_filled_again_after_a_restart() {
    let world = World::new(&[]);
    for layout in ["files", "index", "tree"] {
        let name = format!("lab/{layout}:latest");
        world.publish(b"the package", &name, layout);
        let bridge = world.bridge(&[]);
        world.get(&bridge, &name, "repodata/repomd.xml", "");
        drop(bridge);
        std::fs::remove_dir_all(world.home.path().join(".cache/ocirepo")).unwrap();
        // What is remembered of a tree is a state that only the cache had.
        let bridge = world.bridge(&[]);
        let package = world.get(&bridge, &name, ESCAPED, "");
        assert_eq!(
            (package.status, &*package.body),
            (200, &b"the package"[..]),
            "{layout}"
        );
    }
}

/// Passes requests on to the registry, and changes one byte in every large answer.
fn corrupting(upstream: String) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    std::thread::spawn(move || {
        for client in listener.incoming() {
            let mut client = BufReader::new(client.unwrap());
            let mut head = String::new();
            while client.read_line(&mut head).unwrap() > 2 {}
            let head = head.replacen("\r\n", "\r\nConnection: close\r\n", 1);
            let mut registry = TcpStream::connect(&upstream).unwrap();
            registry.write_all(head.as_bytes()).unwrap();
            let mut answer = Vec::new();
            registry.read_to_end(&mut answer).unwrap();
            if answer.len() > 600_000 {
                answer[500_000] ^= 1;
            }
            // The bridge hangs up on what is wrong.
            let _ = client.get_mut().write_all(&answer);
        }
    });
    address
}

#[test]
fn a_wrong_byte_ends_the_connection_before_the_end() {
    let world = World::new(&[]);
    let content = vec![b'x'; 1_000_000];
    world.publish(&content, "lab/repo:el9", "files");
    let whole = world.get(&world.bridge(&[]), "lab/repo:el9", ESCAPED, "");
    assert!(whole.whole && whole.body == content);

    let world = World {
        home: tempfile::tempdir().unwrap(),
        ..world
    };
    let proxy = corrupting(world.registry.address.clone());
    let allowed = format!("{proxy}/lab");
    let arguments = ["serve", "--listen", "127.0.0.1:0", "--allow", &allowed];
    let bridge = start(world.home.path(), &arguments);
    let path = format!("/{proxy}/lab/repo:el9/{ESCAPED}");
    let answer = get(&bridge.address, &path, "");
    assert_eq!(answer.status, 200);
    assert!(!answer.whole, "{} bytes", answer.body.len());
    // A range waits for the digest, so it can say what is wrong.
    let answer = get(&bridge.address, &path, "Range: bytes=0-9\r\n");
    assert_eq!(answer.status, 502);
}
