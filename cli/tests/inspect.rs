//! `ocirepo inspect`: what its gateway lets through, and to whom.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

mod common;

use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use common::Server;

struct Running {
    _server: Server,
    /// Where it listens, as it says itself.
    url: String,
}

fn start(home: &Path, arguments: &[&str]) -> Running {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocirepo"));
    command.arg("--json").args(arguments);
    let server = Server::start(command.env_clear().env("HOME", home));
    let said: Value = serde_json::from_str(&server.said).unwrap();
    let url = said["listening"].as_str().unwrap().to_owned();
    Running {
        _server: server,
        url,
    }
}

/// A user, and the inspector with a page of one line.
struct World {
    home: tempfile::TempDir,
}

impl World {
    fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let page = home.path().join("page");
        fs::create_dir(&page).unwrap();
        fs::write(page.join("index.html"), "<head></head>a page").unwrap();
        fs::write(page.join("main.js"), "a script").unwrap();
        Self { home }
    }

    fn registry(&self, arguments: &[&str]) -> (Running, String) {
        let all = [&["registry", "--listen", "127.0.0.1:0"], arguments].concat();
        let registry = start(self.home.path(), &all);
        let address = registry.url.strip_prefix("http://").unwrap().to_owned();
        (registry, address)
    }

    fn inspector(&self, arguments: &[&str]) -> Inspector {
        let page = self.home.path().join("page");
        let page = page.to_str().unwrap();
        let own = [
            "inspect",
            "--listen",
            "127.0.0.1:0",
            "--no-open",
            "--assets",
            page,
        ];
        let running = start(self.home.path(), &[&own, arguments].concat());
        let rest = running.url.strip_prefix("http://").unwrap();
        let (address, secret) = rest.split_once('/').unwrap();
        Inspector {
            address: address.to_owned(),
            home: format!("/{secret}"),
            _running: running,
        }
    }

    /// A repository `me/repo` with the tag `el9`, whose one blob is returned.
    fn publish(&self, address: &str, fields: &str) -> Vec<u8> {
        let blob = vec![7; 3000];
        let digest = ocirepo::Digest::of(&blob);
        let put = |path: &str, kind: &str, body: &[u8]| {
            let fields = format!("{fields}Content-Type: {kind}\r\n");
            let answer = send(address, "POST", path, &fields, body);
            assert_eq!(answer.status, 201, "{}", answer.head);
        };
        let stream = "application/octet-stream";
        put(
            &format!("/v2/me/repo/blobs/uploads/?digest={digest}"),
            stream,
            &blob,
        );
        let manifest = format!(
            "{{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.manifest.v1+json\",\
             \"config\":{{\"mediaType\":\"a/b\",\"digest\":\"{digest}\",\"size\":3000}},\
             \"layers\":[]}}"
        );
        let fields =
            format!("{fields}Content-Type: application/vnd.oci.image.manifest.v1+json\r\n");
        let path = "/v2/me/repo/manifests/el9";
        let answer = send(address, "PUT", path, &fields, manifest.as_bytes());
        assert_eq!(answer.status, 201, "{}", answer.head);
        blob
    }
}

struct Inspector {
    address: String,
    /// The path of the page.
    home: String,
    _running: Running,
}

impl Inspector {
    /// What the page's session asks for.
    fn ask(&self, path: &str, fields: &str) -> Answer {
        self.send("GET", path, fields, b"")
    }

    fn send(&self, method: &str, path: &str, fields: &str, body: &[u8]) -> Answer {
        let path = format!("{}gateway/{path}", self.home);
        send(&self.address, method, &path, fields, body)
    }

    fn page(&self, path: &str, fields: &str) -> Answer {
        send(
            &self.address,
            "GET",
            &format!("{}{path}", self.home),
            fields,
            b"",
        )
    }
}

struct Answer {
    status: u16,
    head: String,
    body: Vec<u8>,
}

impl Answer {
    fn field(&self, name: &str) -> Option<&str> {
        self.head.lines().find_map(|line| {
            let (key, value) = line.split_once(':')?;
            key.eq_ignore_ascii_case(name).then(|| value.trim())
        })
    }

    fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }
}

/// One request; `fields` are whole lines. Without a Host among them it is the address.
fn send(address: &str, method: &str, path: &str, fields: &str, body: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    let host = match fields.to_ascii_lowercase().contains("host:") {
        true => String::new(),
        false => format!("Host: {address}\r\n"),
    };
    let length = body.len();
    let head = format!(
        "{method} {path} HTTP/1.1\r\n{host}{fields}Content-Length: {length}\r\n\
         Connection: close\r\n\r\n"
    );
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(body).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    let end = answer
        .windows(4)
        .position(|window| window == b"\r\n\r\n")
        .unwrap();
    let head = String::from_utf8(answer[..end].to_vec()).unwrap();
    let mut body = answer[end + 4..].to_vec();
    if head
        .to_ascii_lowercase()
        .contains("transfer-encoding: chunked")
    {
        body = unchunked(&body);
    }
    Answer {
        status: head.split(' ').nth(1).unwrap().parse().unwrap(),
        head,
        body,
    }
}

fn unchunked(mut rest: &[u8]) -> Vec<u8> {
    let mut whole = Vec::new();
    while let Some(end) = rest.windows(2).position(|two| two == b"\r\n") {
        let size = std::str::from_utf8(&rest[..end]).unwrap();
        let size = usize::from_str_radix(size, 16).unwrap();
        if size == 0 {
            return whole;
        }
        whole.extend_from_slice(&rest[end + 2..end + 2 + size]);
        rest = &rest[end + 4 + size..];
    }
    panic!("the last chunk is missing");
}

/// A registry, or what stands in its place: answers every request with the same, and keeps the
/// requests' heads.
fn scripted(answer: String) -> (String, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let seen: Arc<Mutex<Vec<String>>> = Arc::default();
    let heads = seen.clone();
    // It ends with the process.
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { return };
            let mut head = Vec::new();
            let mut byte = [0];
            while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|n| n == 1) {
                head.push(byte[0]);
            }
            heads
                .lock()
                .unwrap()
                .push(String::from_utf8(head).unwrap().to_ascii_lowercase());
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (address, seen)
}

fn basic(user: &str, password: &str) -> String {
    STANDARD.encode(format!("{user}:{password}"))
}

#[test]
fn the_page_comes_with_its_policy_and_knows_its_gateway() {
    let world = World::new();
    let inspector = world.inspector(&["oci+http://r.example/me/repo:el9"]);
    let page = inspector.page("", "");
    assert_eq!(page.status, 200);
    assert_eq!(page.field("content-type"), Some("text/html; charset=utf-8"));
    let policy = page.field("content-security-policy").unwrap();
    for part in [
        "default-src 'none'",
        "script-src 'self' 'wasm-unsafe-eval'",
        "connect-src 'self'",
        "frame-ancestors 'none'",
    ] {
        assert!(policy.contains(part), "{policy}");
    }
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
        ("cross-origin-resource-policy", "same-origin"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(page.field(name), Some(value));
    }
    let text = page.text();
    assert!(
        text.contains(&format!("{}gateway/", inspector.home)),
        "{text}"
    );
    assert!(text.contains("oci+http://r.example/me/repo:el9"), "{text}");
    assert_eq!(inspector.page("main.js", "").text(), "a script");
    assert_eq!(inspector.page("other.js", "").status, 404);
    // Nobody gets in without the secret.
    let stranger = |path| send(&inspector.address, "GET", path, "", b"");
    for path in [
        "/",
        "/main.js",
        "/0123456789abcdef/",
        "/gateway/r.example/v2/",
    ] {
        assert_eq!(stranger(path).status, 404, "{path}");
        assert!(!stranger(path).text().contains("script"), "{path}");
    }
    let rebound = inspector.page("", "Host: evil.example\r\n");
    assert_eq!(rebound.status, 421);
}

#[test]
fn a_registry_without_cors_is_read_through_the_gateway() {
    let world = World::new();
    let (_registry, address) = world.registry(&[]);
    let blob = world.publish(&address, "");
    let repository = format!("oci://{address}/me/repo:el9");
    let inspector = world.inspector(&[&repository]);
    let own = "Sec-Fetch-Site: same-origin\r\nSec-Fetch-Dest: empty\r\n";
    let ask = |path: &str, fields: &str| inspector.ask(&format!("{address}/v2/{path}"), fields);
    assert_eq!(ask("", own).status, 200);
    let tags = ask("me/repo/tags/list", own);
    assert!(tags.text().contains("el9"), "{}", tags.text());
    let manifest = ask("me/repo/manifests/el9", own);
    assert_eq!(manifest.status, 200);
    assert!(manifest.field("docker-content-digest").is_some());
    assert_eq!(manifest.field("content-disposition"), Some("attachment"));
    let policy = manifest.field("content-security-policy").unwrap();
    assert!(policy.contains("sandbox"), "{policy}");
    let digest = ocirepo::Digest::of(&blob);
    let whole = ask(&format!("me/repo/blobs/{digest}"), own);
    assert_eq!((whole.status, &whole.body), (200, &blob));
    let part = ask(&format!("me/repo/blobs/{digest}"), "Range: bytes=10-19\r\n");
    assert_eq!((part.status, part.body.len()), (206, 10));
    assert_eq!(part.field("content-range"), Some("bytes 10-19/3000"));
    // What the registry refuses is passed on, and what the gateway refuses says why.
    assert_eq!(ask("me/repo/manifests/other", own).status, 404);
    for (path, why) in [
        ("other/manifests/el9", "--allow"),
        ("_catalog", "--allow"),
        ("me/repo/blobs/uploads/1", "not a path"),
    ] {
        let denied = ask(path, own);
        assert_eq!(denied.status, 403, "{path}");
        assert!(denied.text().contains(why), "{}", denied.text());
    }
    for method in ["PUT", "POST", "DELETE", "PATCH"] {
        let path = format!("{address}/v2/me/repo/manifests/el9");
        assert_eq!(
            inspector.send(method, &path, own, b"").status,
            405,
            "{method}"
        );
    }
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Sec-Fetch-Dest: document\r\n",
        "Sec-Fetch-Dest: script\r\n",
    ] {
        let refused = ask("me/repo/manifests/el9", foreign);
        assert_eq!(refused.status, 403, "{foreign}");
        assert!(!refused.text().contains("schemaVersion"), "{foreign}");
    }
}

#[test]
fn cookies_stay_and_what_servers_tell_browsers_is_not_passed_back() {
    let world = World::new();
    let (address, seen) = scripted(
        "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nSet-Cookie: a=b\r\n\
         Clear-Site-Data: \"*\"\r\nRefresh: 0;url=/\r\nLocation: /x\r\n\
         Content-Security-Policy: default-src *\r\nAccess-Control-Allow-Origin: *\r\n\
         Service-Worker-Allowed: /\r\nDocker-Content-Digest: sha256:0\r\n\
         Connection: close\r\n\r\nhi"
            .to_owned(),
    );
    let inspector = world.inspector(&["--allow", &address]);
    let answer = inspector.ask(
        &format!("{address}/v2/a/manifests/b"),
        "Cookie: secret=1\r\nReferer: http://x/\r\nX-Forwarded-For: y\r\nAccept: a/b\r\n\
         Authorization: Bearer t\r\n",
    );
    assert_eq!((answer.status, answer.text()), (200, "hi"));
    for gone in [
        "set-cookie",
        "clear-site-data",
        "refresh",
        "location",
        "access-control-allow-origin",
        "service-worker-allowed",
    ] {
        assert_eq!(answer.field(gone), None, "{gone}");
    }
    assert_eq!(answer.field("docker-content-digest"), Some("sha256:0"));
    assert!(
        answer
            .field("content-security-policy")
            .unwrap()
            .contains("sandbox")
    );
    assert_eq!(answer.field("x-content-type-options"), Some("nosniff"));
    let seen = seen.lock().unwrap();
    let [head] = seen.as_slice() else {
        panic!("{seen:?}");
    };
    for passed in ["accept: a/b", "authorization: bearer t"] {
        assert!(head.contains(passed), "{head}");
    }
    for stays in [
        "cookie",
        "referer",
        "x-forwarded-for",
        "sec-fetch",
        "origin:",
    ] {
        assert!(!head.contains(stays), "{stays}: {head}");
    }
}

#[test]
fn redirects_are_followed_without_the_token_and_not_into_other_networks() {
    let world = World::new();
    let (storage, seen) = scripted(
        "HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nbytes".to_owned(),
    );
    let leading = |to: &str| {
        scripted(format!(
            "HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}\r\nContent-Length: 0\r\n\
             Connection: close\r\n\r\n"
        ))
    };
    let (registry, asked) = leading(&format!("http://{storage}/blob?signature=1"));
    let (inward, _) = leading("http://10.255.255.1/latest/meta-data");
    let (elsewhere, _) = leading("ftp://127.0.0.1/");
    let (round, _) = leading("/v2/a/blobs/x");
    let inspector = world.inspector(&[
        "--allow", &registry, "--allow", &inward, "--allow", &elsewhere, "--allow", &round,
    ]);
    let ask = |address: &str| {
        inspector.ask(
            &format!("{address}/v2/a/blobs/x"),
            "Authorization: Bearer secret\r\n",
        )
    };
    assert_eq!(ask(&registry).text(), "bytes");
    assert!(asked.lock().unwrap()[0].contains("authorization: bearer secret"));
    let seen = seen.lock().unwrap();
    assert!(seen[0].starts_with("get /blob?signature=1"), "{}", seen[0]);
    assert!(!seen[0].contains("authorization"), "{}", seen[0]);
    for (address, why) in [
        (&inward, "local network"),
        (&elsewhere, "ftp"),
        (&round, "redirects too often"),
    ] {
        let refused = ask(address);
        assert_eq!(refused.status, 502, "{}", refused.text());
        assert!(refused.text().contains(why), "{}", refused.text());
    }
}

#[test]
fn tokens_are_fetched_by_the_page_from_where_the_registry_says_and_from_nowhere_else() {
    let world = World::new();
    let bearer = ["--auth", "bearer", "--user", "me", "--password", "pw"];
    let (_registry, address) = world.registry(&bearer);
    let inspector = world.inspector(&[&format!("oci://{address}/me/repo:el9")]);
    let ping = format!("{address}/v2/");
    let path = format!("{address}/token?service=registry&scope=repository:me/repo:pull");
    // Nobody named it yet.
    assert_eq!(inspector.ask(&path, "").status, 403);
    let refused = inspector.ask(&ping, "");
    assert_eq!(refused.status, 401);
    let challenge = refused.field("www-authenticate").unwrap().to_owned();
    assert!(challenge.contains("realm="), "{challenge}");
    assert_eq!(inspector.ask(&format!("{address}/other"), "").status, 403);
    let login = format!("Authorization: Basic {}\r\n", basic("me", "pw"));
    let issued = inspector.ask(&path, &login);
    assert_eq!(issued.status, 200, "{}", issued.text());
    let allowed = format!("Authorization: Bearer {}\r\n", token(&issued));
    assert_eq!(inspector.ask(&ping, &allowed).status, 200);
    // A form that a session would send is passed on, and no other method.
    let form = "grant_type=password&username=me&password=pw&client_id=x&service=registry\
         &scope=repository:me/repo:pull";
    let kind = "Content-Type: application/x-www-form-urlencoded\r\n";
    let realm = format!("{address}/token");
    let issued = inspector.send("POST", &realm, kind, form.as_bytes());
    assert_eq!(issued.status, 200, "{}", issued.text());
    assert_eq!(inspector.send("PUT", &realm, kind, b"").status, 405);
    let large = vec![b'a'; 100 << 10];
    assert_eq!(inspector.send("POST", &realm, kind, &large).status, 403);
}

/// What `ocirepo login` keeps.
fn log_in(world: &World, address: &str) {
    let docker = world.home.path().join(".docker");
    fs::create_dir_all(&docker).unwrap();
    let auth = basic("me", "pw");
    let text = format!("{{\"auths\":{{\"{address}\":{{\"auth\":\"{auth}\"}}}}}}");
    fs::write(docker.join("config.json"), text).unwrap();
}

#[test]
fn stored_credentials_are_used_only_when_asked_for_and_only_to_read_what_is_allowed() {
    for scheme in ["basic", "bearer"] {
        let world = World::new();
        let (_registry, address) =
            world.registry(&["--auth", scheme, "--user", "me", "--password", "pw"]);
        log_in(&world, &address);
        let repository = format!("oci://{address}/me/repo:el9");
        let ping = format!("{address}/v2/");
        let scope = |scope: &str| format!("{address}/token?service=registry&scope={scope}");
        let without = world.inspector(&[&repository]);
        assert_eq!(without.ask(&ping, "").status, 401, "{scheme}");
        let with = world.inspector(&[&repository, "--with-credentials"]);
        let first = with.ask(&ping, "");
        if scheme == "basic" {
            assert_eq!(first.status, 200);
            // The page's own come first.
            let wrong = format!("Authorization: Basic {}\r\n", basic("me", "no"));
            assert_eq!(with.ask(&ping, &wrong).status, 401);
            continue;
        }
        assert_eq!(first.status, 401);
        // Whoever asks gets a token; what counts is what can be read with it.
        let publisher = format!(
            "Authorization: Bearer {}\r\n",
            token(&with_login(&address, "repository:me/repo:pull,push"))
        );
        world.publish(&address, &publisher);
        let reads = |inspector: &Inspector, scopes: &str| {
            let issued = inspector.ask(&scope(scopes), "");
            let allowed = format!("Authorization: Bearer {}\r\n", token(&issued));
            let path = format!("{address}/v2/me/repo/manifests/el9");
            inspector.ask(&path, &allowed).status
        };
        assert_eq!(reads(&without, "repository:me/repo:pull"), 401);
        assert_eq!(reads(&with, "repository:me/repo:pull"), 200);
        for more in [
            "repository:me/repo:pull,push",
            "repository:me/repo:pull&scope=repository:other:pull",
            "repository:me/repo:pull&scope=registry:catalog:*",
        ] {
            assert_eq!(reads(&with, more), 401, "{more}");
        }
    }
}

/// A token that the registry itself gives to the user.
fn with_login(address: &str, scope: &str) -> Answer {
    let login = format!("Authorization: Basic {}\r\n", basic("me", "pw"));
    let path = format!("/token?service=registry&scope={scope}");
    send(address, "GET", &path, &login, b"")
}

fn token(issued: &Answer) -> String {
    assert_eq!(issued.status, 200, "{}", issued.text());
    let issued: Value = serde_json::from_str(issued.text()).unwrap();
    issued["token"].as_str().unwrap().to_owned()
}

#[test]
fn without_a_page_it_says_how_to_get_one() {
    let world = World::new();
    let empty = world.home.path().join("empty");
    fs::create_dir(&empty).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_ocirepo"))
        .args(["inspect", "--no-open", "--assets"])
        .arg(&empty)
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(said.contains("cargo xtask inspector"), "{said}");
}
