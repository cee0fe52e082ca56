//! Who may not have what they ask the bridge for is turned away, and it is written down.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::{Duration, Instant};

use ocirepo_e2e::curl::curl;
use ocirepo_e2e::program::Bridge;
use ocirepo_e2e::sample::{Sample, Style};
use ocirepo_e2e::watched::write_noise;
use ocirepo_e2e::world::{Protection, World, key, packages, sample};

const REFERENCE: &str = "lab/strangers:el9";

/// More than fits into the buffers of a connection.
const LARGE: u64 = 64 << 20;

/// Sends some bytes and returns the status of the answer; 0 when the connection ends without.
fn say(bridge: &Bridge, bytes: &str) -> u16 {
    let mut stream = TcpStream::connect(bridge.address).expect("a connection");
    let limit = Some(Duration::from_secs(90));
    stream.set_read_timeout(limit).expect("a limit");
    // The bridge may hang up before it has all of it.
    let _ = stream.write_all(bytes.as_bytes());
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    let timed_out = read.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
    assert!(!timed_out, "the bridge keeps the connection");
    let answer = String::from_utf8_lossy(&answer);
    let status = answer.split(' ').nth(1);
    status.and_then(|code| code.parse().ok()).unwrap_or(0)
}

#[test]
fn who_is_turned_away_is_told_so_counted_and_written_down() {
    let world = World::new(Protection::Open).expect("a registry");
    world.push(sample(), REFERENCE, "files").expect("published");
    let log = world.program.path("access.log");
    let location = world.location(REFERENCE);
    let arguments = [&*location, "--access-log", &log.to_string_lossy()];
    let bridge = world.program.serve(&arguments).expect("a bridge");
    let host = world.registry.host();
    let get = |path: &str, fields: &str| {
        let fields = match fields.contains("Host:") {
            true => fields.to_owned(),
            false => format!("Host: {}\r\n{fields}", bridge.address),
        };
        let request = format!("GET {path} HTTP/1.1\r\n{fields}Connection: close\r\n\r\n");
        say(&bridge, &request)
    };
    let repository = format!("/{host}/{REFERENCE}");
    let repomd = format!("{repository}/repodata/repomd.xml");
    assert_eq!(get(&repomd, ""), 200, "{}", bridge.log());

    // A web page whose name leads here, and one that says so only to a proxy.
    assert_eq!(get(&repomd, "Host: evil.example\r\n"), 421);
    assert_eq!(get(&repomd, "Host: localhost.evil.example\r\n"), 421);
    assert_eq!(get(&repomd, "Host: a\r\nHost: 127.0.0.1\r\n"), 421);
    assert_eq!(get(&format!("http://evil.example{repomd}"), ""), 421);
    assert_eq!(get(&repomd, "Authorization: Basic YTpi\r\n"), 401);
    // What was not named: another repository, another registry, one in the local network.
    for other in [
        format!("/{host}/lab/other:el9"),
        "/registry.example/lab/strangers:el9".to_owned(),
        "/169.254.169.254/lab/strangers:el9".to_owned(),
    ] {
        assert_eq!(
            get(&format!("{other}/repodata/repomd.xml"), ""),
            403,
            "{other}"
        );
    }
    for path in [
        "/../../../etc/passwd",
        "/..%2f..%2f..%2fetc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "//etc/passwd",
        "/repodata/./repomd.xml",
        "/repodata/%00",
    ] {
        assert_eq!(get(&format!("{repository}{path}"), ""), 404, "{path}");
    }
    assert_eq!(
        get(&repomd, &format!("X: {}\r\n", "x".repeat(200_000))),
        431
    );
    let many: String = (0..2_000).map(|at| format!("X{at}: x\r\n")).collect();
    assert_eq!(get(&repomd, &many), 431);
    let long = format!("/{}", "x".repeat(100_000));
    assert!([414, 431].contains(&get(&long, "")));
    assert_eq!(say(&bridge, "nonsense\r\n\r\n"), 400);
    assert_eq!(get(&repomd, ""), 200, "{}", bridge.log());

    let written = bridge.log();
    for text in [
        "turned away peer=127.0.0.1",
        "evil.example",
        "refusal=Secret",
        "not allowed peer=127.0.0.1",
        "169.254.169.254",
        "message head is too large",
        "invalid HTTP",
    ] {
        assert!(written.contains(text), "{text}: {written}");
    }
    let requests = fs::read_to_string(log).expect("a log");
    for status in [401, 403, 404, 421] {
        let field = format!("\"status\":{status}");
        assert!(requests.contains(&field), "{status}: {requests}");
    }
    let metrics = curl([&format!("http://{}/-/metrics", bridge.address)]).expect("metrics");
    for (reason, count) in [("host", 4), ("secret", 1), ("not_allowed", 3)] {
        let line = format!("ocirepo_refused_total{{reason=\"{reason}\"}} {count}");
        assert!(metrics.contains(&line), "{line}: {metrics}");
    }
}

#[test]
fn who_is_slow_is_not_waited_for_and_keeps_nobody_waiting() {
    let world = World::new(Protection::Open).expect("a registry");
    let sample = Sample::build(key(), &packages(), Style::default()).expect("a sample");
    fs::create_dir(sample.path().join("images")).expect("a directory");
    write_noise(&sample.path().join("images/large.img"), LARGE).expect("a large file");
    world.push(&sample, REFERENCE, "files").expect("published");
    let program = world.program.variable("OCIREPO_LOG", "info");
    let location = format!("oci://{}/{REFERENCE}", world.registry.host());
    let bridge = program.serve(&[&location]).expect("a bridge");
    let repository = format!("/{}/{REFERENCE}", world.registry.host());
    let head = |path: &str| {
        let address = bridge.address;
        format!("GET {repository}{path} HTTP/1.1\r\nHost: {address}\r\n")
    };
    let connect = |bytes: &str| {
        let mut stream = TcpStream::connect(bridge.address).expect("a connection");
        stream.write_all(bytes.as_bytes()).expect("a request");
        stream
    };
    let start = Instant::now();
    let mut slow: Vec<TcpStream> = (0..200).map(|_| connect(&head("/x"))).collect();
    let deaf = head("/images/large.img") + "\r\n";
    let mut deaf: Vec<TcpStream> = (0..8).map(|_| connect(&deaf)).collect();

    let repomd = head("/repodata/repomd.xml") + "Connection: close\r\n\r\n";
    let before = Instant::now();
    assert_eq!(say(&bridge, &repomd), 200, "{}", bridge.log());
    assert!(
        before.elapsed() < Duration::from_secs(10),
        "somebody waited"
    );

    // A head that goes on, a byte now and then, takes no longer than one that does not.
    while start.elapsed() < Duration::from_secs(40) {
        for stream in &mut slow {
            let _ = stream.write_all(b"x");
        }
        std::thread::sleep(Duration::from_secs(5));
    }
    for stream in &mut slow {
        let limit = Some(Duration::from_secs(5));
        stream.set_read_timeout(limit).expect("a limit");
        let ended = stream.read_to_end(&mut Vec::new());
        let open = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(!open, "a slow head is still waited for");
    }
    std::thread::sleep(Duration::from_secs(75).saturating_sub(start.elapsed()));
    for stream in &mut deaf {
        let limit = Some(Duration::from_secs(5));
        stream.set_read_timeout(limit).expect("a limit");
        let mut got = Vec::new();
        let ended = stream.read_to_end(&mut got);
        let open = ended.is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock);
        assert!(
            !open && (got.len() as u64) < LARGE,
            "who reads nothing is still waited for"
        );
    }
    assert!(
        bridge.log().contains("read header from client timeout"),
        "{}",
        bridge.log()
    );
    assert_eq!(say(&bridge, &repomd), 200, "{}", bridge.log());
}
