//! Whether a process stays as it is.

use std::time::Duration;

use crate::process::Gauges;

/// A process at one moment, and what happened since the one before.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Since the beginning.
    pub at: Duration,
    /// Whether the registry is there, and was for a while.
    pub calm: bool,
    /// Requests until now.
    pub requests: u64,
    /// Bytes of answers until now.
    pub bytes: u64,
    /// What it takes.
    pub gauges: Gauges,
    /// How long the answers to probes took.
    pub latencies: Vec<Duration>,
}

/// How much more the last third may have than the one before: a share of that, and some on top.
///
/// Medians of some hundred samples forget single moments, so the share covers what differs from
/// one third to the next: which files were asked for, how many slow readers met, what else the
/// machine did. It is far below what growth would show: whatever grows with time from nothing has
/// two thirds more in the last third than in the second. What is on top is below what anybody
/// would notice, and keeps small figures from being judged by their share.
///
/// - Memory: the allocator gives pages back when it likes. In a run of 20 minutes, 4 MiB from one
///   third to the next are less than 100 bytes a request.
/// - Descriptors: each client with a file or a connection to the registry more.
/// - Threads: a client more or less, at most moments.
/// - Latency: a millisecond or two are what the scheduler of a busy machine takes.
const TOLERANCES: [Tolerance; 4] = [
    Tolerance {
        name: "KiB of memory",
        of: |sample| vec![(sample.gauges.resident >> 10) as f64],
        share: 0.05,
        more: 4096.0,
    },
    Tolerance {
        name: "descriptors",
        of: |sample| vec![sample.gauges.descriptors as f64],
        share: 0.1,
        more: 8.0,
    },
    Tolerance {
        name: "threads",
        of: |sample| vec![sample.gauges.threads as f64],
        share: 0.25,
        more: 4.0,
    },
    Tolerance {
        name: "ms of latency",
        of: |sample| sample.latencies.iter().map(milliseconds).collect(),
        share: 0.25,
        more: 2.0,
    },
];

struct Tolerance {
    name: &'static str,
    of: fn(&Sample) -> Vec<f64>,
    share: f64,
    more: f64,
}

fn milliseconds(time: &Duration) -> f64 {
    time.as_secs_f64() * 1e3
}

/// The value that so much of all are below, 0 where there is none.
fn quantile(values: impl IntoIterator<Item = f64>, share: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let at = (values.len() as f64 * share) as usize;
    values
        .get(at.min(values.len().saturating_sub(1)))
        .copied()
        .unwrap_or(0.0)
}

/// What grew from the second third to the last. In an outage clients wait, and hold what they hold.
pub(super) fn flat(samples: &[Sample]) -> Vec<String> {
    let calm: Vec<&Sample> = samples.iter().filter(|sample| sample.calm).collect();
    let third = calm.len() / 3;
    let (second, last) = (&calm[third..2 * third], &calm[2 * third..]);
    let grown = TOLERANCES.iter().filter_map(|tolerance| {
        let of = |sample: &&Sample| (tolerance.of)(sample);
        let median = |samples: &[&Sample]| quantile(samples.iter().flat_map(of), 0.5);
        let (before, after) = (median(second), median(last));
        let most = before * (1.0 + tolerance.share) + tolerance.more;
        let name = tolerance.name;
        (after > most).then(|| format!("from {before:.1} to {after:.1} {name}, above {most:.1}"))
    });
    grown.collect()
}

/// The heading of [`line`].
pub(super) const HEADING: &str =
    "   until   requests       MiB   RSS MiB  peak MiB   fds  threads  median ms   99 % ms";

/// What happened in a span of time, as a line of a table.
pub(super) fn line(samples: &[Sample], from: Duration, to: Duration) -> String {
    let earlier = samples.iter().rev().find(|sample| sample.at < from);
    let before = earlier.map_or((0, 0), |sample| (sample.requests, sample.bytes));
    let inside = || {
        samples
            .iter()
            .filter(|sample| from <= sample.at && sample.at < to)
    };
    let after = inside()
        .next_back()
        .map_or(before, |last| (last.requests, last.bytes));
    let median = |of: fn(&Gauges) -> u64| quantile(inside().map(|s| of(&s.gauges) as f64), 0.5);
    let latency = |share| {
        let all = inside().flat_map(|sample| sample.latencies.iter().map(milliseconds));
        quantile(all, share)
    };
    let mebibyte = f64::from(1 << 20);
    format!(
        "{:6} s {:10} {:9.0} {:9.1} {:9.1} {:5} {:8} {:10.2} {:9.2}",
        to.as_secs(),
        after.0 - before.0,
        (after.1 - before.1) as f64 / mebibyte,
        median(|gauges| gauges.resident) / mebibyte,
        inside()
            .next_back()
            .map_or(0.0, |last| last.gauges.peak as f64)
            / mebibyte,
        median(|gauges| gauges.descriptors),
        median(|gauges| gauges.threads),
        latency(0.5),
        latency(0.99),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Ten minutes of a process, of which a figure is what a function says of the second.
    fn samples(change: impl Fn(u64, &mut Sample)) -> Vec<Sample> {
        let sample = |second| {
            let mut sample = Sample {
                at: Duration::from_secs(second),
                calm: second % 60 < 48,
                requests: second * 100,
                bytes: second << 20,
                gauges: Gauges {
                    resident: 40 << 20,
                    peak: 50 << 20,
                    descriptors: 30,
                    threads: 12,
                },
                latencies: vec![Duration::from_millis(1); 10],
            };
            change(second, &mut sample);
            sample
        };
        (0..600).map(sample).collect()
    }

    #[test]
    fn what_only_swings_is_flat() {
        let swinging = samples(|second, sample| {
            sample.gauges.resident += (second % 7) << 20;
            sample.gauges.threads += second % 5;
            sample.gauges.descriptors += second % 11;
            sample.latencies[0] = Duration::from_millis(second % 50);
        });
        assert_eq!(flat(&swinging), [""; 0]);
        let warming = samples(|second, sample| {
            sample.gauges.resident -= 30 << 20 >> (second / 20).min(40);
        });
        assert_eq!(flat(&warming), [""; 0]);
    }

    #[test]
    fn what_grows_all_the_time_is_found() {
        type Change = fn(u64, &mut Sample);
        let growing: [(&str, Change); 4] = [
            ("memory", |second, sample| {
                sample.gauges.resident += second << 16
            }),
            ("descriptors", |second, sample| {
                sample.gauges.descriptors += second / 10
            }),
            ("threads", |second, sample| {
                sample.gauges.threads += second / 10
            }),
            ("latency", |second, sample| {
                sample.latencies = vec![Duration::from_micros(1000 + second * 30)];
            }),
        ];
        for (what, change) in growing {
            let found = flat(&samples(change));
            assert!(found.len() == 1 && found[0].contains(what), "{found:?}");
        }
    }

    #[test]
    fn a_line_is_what_happened_in_its_time() {
        let line = line(
            &samples(|_, _| {}),
            Duration::from_secs(60),
            Duration::from_secs(120),
        );
        let expected =
            "   120 s       6000        60      40.0      50.0    30       12       1.00      1.00";
        assert_eq!(line, expected);
        assert_eq!(line.len(), HEADING.len());
    }
}
