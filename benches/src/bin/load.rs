//! Many clients of one bridge at once: `load CLIENTS LIST`.
//!
//! Each line of LIST is a SHA-256 in hex and a URL. Every client has connections of its own, gets
//! every URL and compares every body; half of them in the order of the list, so that they ask for
//! the same at the same time, the others each from another place on. One line is printed: the
//! seconds it took, the bytes that came, and the answers that were lost or wrong.

use std::io::Read as _;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ocirepo::Digest;
use ocirepo::digest::{Algorithm, Hasher};

/// How long one answer may take.
const PATIENCE: Duration = Duration::from_secs(120);

#[derive(Default)]
struct Sums {
    bytes: AtomicU64,
    lost: AtomicU64,
    wrong: AtomicU64,
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let clients = arguments.next().and_then(|text| text.parse::<usize>().ok());
    let list = arguments
        .next()
        .and_then(|path| std::fs::read_to_string(path).ok());
    let (Some(clients), Some(list)) = (clients, list) else {
        eprintln!("usage: load CLIENTS LIST");
        return ExitCode::from(2);
    };
    let wanted: Vec<(&str, &str)> = list
        .lines()
        .filter_map(|line| line.split_once(' '))
        .collect();
    let sums = Sums::default();
    let start = Instant::now();
    std::thread::scope(|scope| {
        for client in 0..clients {
            let (wanted, sums) = (&wanted, &sums);
            scope.spawn(move || one(client, clients, wanted, sums));
        }
    });
    let seconds = start.elapsed().as_secs_f64();
    let [bytes, lost, wrong] =
        [&sums.bytes, &sums.lost, &sums.wrong].map(|sum| sum.load(Ordering::Relaxed));
    println!("{seconds} {bytes} {lost} {wrong}");
    ExitCode::SUCCESS
}

fn one(client: usize, clients: usize, wanted: &[(&str, &str)], sums: &Sums) {
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .user_agent(format!("load/{client}"))
        .timeout_global(Some(PATIENCE))
        .build()
        .into();
    let from = match client % 2 {
        0 => 0,
        _ => wanted.len() * client / clients,
    };
    for (digest, url) in wanted[from..].iter().chain(&wanted[..from]) {
        match fetch(&agent, url, &sums.bytes) {
            Ok(found) if found.hex() == *digest => {}
            Ok(found) => {
                eprintln!("client {client}: {url} hashes to {found}");
                sums.wrong.fetch_add(1, Ordering::Relaxed);
            }
            Err(error) => {
                eprintln!("client {client}: {url}: {error}");
                sums.lost.fetch_add(1, Ordering::Relaxed);
            }
        }
    }
}

fn fetch(agent: &ureq::Agent, url: &str, sum: &AtomicU64) -> Result<Digest, ureq::Error> {
    let response = agent.get(url).call()?;
    let mut body = response.into_body().into_reader();
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut piece = vec![0; 64 << 10];
    loop {
        let read = body.read(&mut piece)?;
        if read == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&piece[..read]);
        sum.fetch_add(read as u64, Ordering::Relaxed);
    }
}
