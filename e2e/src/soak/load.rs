//! What the clients share: the counts, the findings, and the weather.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::{Duration, Instant};

use super::world::World;
use crate::registry::DockerRegistry;

/// How long after an outage a request may still fail: one that began in it is tried again for a
/// while, and others wait for the same file with it.
const GRACE: Duration = Duration::from_secs(10);

/// Findings that are kept; a thousand of the same tell no more.
const MOST_FINDINGS: usize = 20;

/// The load of one run.
#[derive(Debug)]
pub(super) struct Load {
    pub(super) bridge: SocketAddr,
    over: AtomicBool,
    bytes: AtomicU64,
    counts: Mutex<BTreeMap<&'static str, u64>>,
    findings: Mutex<Vec<String>>,
    /// When the registry went away and came back.
    outages: Mutex<Vec<(Instant, Option<Instant>)>>,
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Load {
    pub(super) fn new(bridge: SocketAddr) -> Load {
        Load {
            bridge,
            over: AtomicBool::new(false),
            bytes: AtomicU64::new(0),
            counts: Mutex::default(),
            findings: Mutex::default(),
            outages: Mutex::default(),
        }
    }

    pub(super) fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    pub(super) fn came(&self, bytes: u64) {
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }

    pub(super) fn bytes(&self) -> u64 {
        self.bytes.load(Ordering::Relaxed)
    }

    pub(super) fn count(&self, what: &'static str) {
        *open(&self.counts).entry(what).or_default() += 1;
    }

    pub(super) fn counts(&self) -> Vec<(&'static str, u64)> {
        let counts = open(&self.counts);
        counts.iter().map(|(what, count)| (*what, *count)).collect()
    }

    pub(super) fn requests(&self) -> u64 {
        open(&self.counts).values().sum()
    }

    pub(super) fn wrong(&self, finding: String) {
        let mut findings = open(&self.findings);
        if findings.len() < MOST_FINDINGS {
            findings.push(finding);
        }
    }

    pub(super) fn findings(&self) -> Vec<String> {
        open(&self.findings).clone()
    }

    /// Whether the registry is there, and was for a while.
    pub(super) fn is_calm(&self, now: Instant) -> bool {
        let over =
            |(_, back): &(Instant, Option<Instant>)| back.is_some_and(|back| now > back + GRACE);
        open(&self.outages).iter().all(over)
    }

    /// A request that began then failed now. It may when the registry was away.
    pub(super) fn failed(&self, began: Instant, what: String) {
        match self.is_calm(began) {
            true => self.wrong(what),
            false => self.count("not there during an outage"),
        }
    }

    /// Moves the tag, and takes the registry away now and then, until the time is over.
    pub(super) fn weather(&self, world: &World, registry: &mut DockerRegistry, length: Duration) {
        let minute = Duration::from_secs(60).min(length);
        let start = Instant::now();
        let until = |at: Duration| {
            while start.elapsed() < at && !self.is_over() {
                sleep(Duration::from_millis(20));
            }
            !self.is_over()
        };
        for round in 0.. {
            for part in 1..=3 {
                if !until(minute * round + minute * part / 5) {
                    return;
                }
                if let Err(error) = world.push((round + part) as usize % 2) {
                    self.wrong(format!("the tag does not move: {error}"));
                }
                self.count("pushes");
            }
            if !until(minute * round + minute * 4 / 5) {
                return;
            }
            open(&self.outages).push((Instant::now(), None));
            registry.kill();
            until(minute * round + minute * 4 / 5 + minute / 10);
            if let Err(error) = registry.restart() {
                self.wrong(format!("the registry does not come back: {error}"));
            }
            self.count("outages");
            if let Some((_, back)) = open(&self.outages).last_mut() {
                *back = Some(Instant::now());
            }
        }
    }
}
