//! The bridge, left alone with its clients: does it stay as it was?
//!
//! `serve` stands before a docker-registry that is away now and then. Clients read what they know
//! to the byte: whole, in ranges, slowly, not to the end, on conditions, and what is not there. The
//! cache holds a third of it, so that something is always evicted, and a tag moves. Nothing wrong
//! may come, nothing may fail while the registry is there, and the process must not grow.

mod client;
mod load;
mod verdict;
mod world;

use std::io;
use std::thread::sleep;
use std::time::{Duration, Instant};

pub use self::verdict::Sample;

use self::load::Load;
use self::world::{CACHE, Site};
use crate::process::Gauges;
use crate::program::Bridge;
use crate::random::Random;

/// Clients at a time.
const CLIENTS: u64 = 8;

/// Between two looks at how long a small file in the cache takes.
const PROBE: Duration = Duration::from_millis(100);

/// Between two looks at the process.
const PERIOD: Duration = Duration::from_millis(200);

/// How long the bridge may take to end; it waits five seconds for its clients.
const ENDING: Duration = Duration::from_secs(15);

/// Descriptors that may be left when all clients are gone, beyond those before the first came:
/// connections to the registry are kept for a while.
const LEFT: u64 = 16;

/// What came of it.
#[derive(Debug)]
pub struct Outcome {
    /// The process, look by look.
    pub samples: Vec<Sample>,
    /// How often each kind of request was made, and how many answers did not come because the
    /// registry was away.
    pub counts: Vec<(&'static str, u64)>,
    /// What should not be.
    pub findings: Vec<String>,
}

/// Loads a bridge for so long. `say` is given the lines of a table as they come.
///
/// # Errors
/// When something does not start.
pub fn run(length: Duration, mut say: impl FnMut(&str)) -> io::Result<Outcome> {
    let mut site = Site::new()?;
    let mut bridge = site.serve()?;
    let before = Gauges::of(bridge.server.id()).ok_or(io::ErrorKind::NotFound)?;
    let load = Load::new(bridge.address);
    let (world, registry) = site.parts();
    let samples = std::thread::scope(|scope| {
        for number in 0..CLIENTS {
            let load = &load;
            scope.spawn(move || client::run(number, world, load));
        }
        scope.spawn(|| load.weather(world, registry, length));
        let samples = watch(&bridge, world, &load, length, &mut say);
        load.end();
        samples
    });
    let mut findings = load.findings();
    findings.extend(verdict::flat(&samples));
    ended(&mut bridge, before, &mut findings)?;
    let log = site.world().log()?;
    if let Some(at) = log.find("panicked at") {
        let end = log.len().min(at + 2000);
        findings.push(format!(
            "it panicked: {}",
            log.get(at..end).unwrap_or_default()
        ));
    }
    Ok(Outcome {
        samples,
        counts: load.counts(),
        findings,
    })
}

/// Looks at the process until the time is over.
fn watch(
    bridge: &Bridge,
    world: &world::World,
    load: &Load,
    length: Duration,
    say: &mut impl FnMut(&str),
) -> Vec<Sample> {
    let start = Instant::now();
    let mut samples: Vec<Sample> = Vec::new();
    let mut probe = client::Client::new("probe", world, load, Random::new(0));
    let mut latencies = Vec::new();
    // A table has as many lines as a run has minutes, or six.
    let row = Duration::from_secs(60).min(length / 6);
    let (mut told, mut next) = (0, PERIOD);
    // Files that come at the same moment are all there before anything goes.
    let mut too_many = false;
    say(verdict::HEADING);
    while start.elapsed() < length {
        let before = Instant::now();
        probe.probe();
        latencies.push(before.elapsed());
        let at = start.elapsed();
        if at >= next {
            next = at + PERIOD;
            let Some(gauges) = Gauges::of(bridge.server.id()) else {
                load.wrong("the bridge is gone".to_owned());
                return samples;
            };
            let cached = world.cached();
            let many = cached > world.bound();
            if many && too_many {
                load.wrong(format!("{cached} bytes in a cache of {CACHE}"));
            }
            too_many = many;
            samples.push(Sample {
                at,
                calm: load.is_calm(before),
                requests: load.requests(),
                bytes: load.bytes(),
                gauges,
                latencies: std::mem::take(&mut latencies),
            });
        }
        if at >= row * (told + 1) {
            say(&verdict::line(&samples, row * told, row * (told + 1)));
            told += 1;
        }
        sleep(PROBE.saturating_sub(before.elapsed()));
    }
    if row * told < length {
        say(&verdict::line(&samples, row * told, length));
    }
    samples
}

/// Sees the bridge without clients, and sees it end.
fn ended(bridge: &mut Bridge, before: Gauges, findings: &mut Vec<String>) -> io::Result<()> {
    let start = Instant::now();
    let descriptors = || Gauges::of(bridge.server.id()).map_or(0, |gauges| gauges.descriptors);
    while descriptors() > before.descriptors + LEFT {
        if start.elapsed() > Duration::from_secs(10) {
            findings.push(format!(
                "{} descriptors are open without a client, and {} were at first",
                descriptors(),
                before.descriptors
            ));
            break;
        }
        sleep(Duration::from_millis(50));
    }
    let status = bridge.server.terminate(ENDING)?;
    if !status.success() {
        findings.push(format!("asked to end, it ended with {status}"));
    }
    Ok(())
}
