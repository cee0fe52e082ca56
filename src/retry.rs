//! When to try again, and how long to wait.

use std::fmt;

use http::StatusCode;

/// How patient a session is. Times are in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// How often an exchange is tried again without any progress in between.
    pub retries: u32,
    /// The wait before the first retry; it doubles with each further one.
    pub first_wait_ms: u64,
    /// The longest wait the session chooses by itself.
    pub longest_wait_ms: u64,
    /// The longest wait a registry may ask for with `Retry-After`.
    pub longest_retry_after_ms: u64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            retries: 5,
            first_wait_ms: 500,
            longest_wait_ms: 30_000,
            longest_retry_after_ms: 120_000,
        }
    }
}

/// However much progress is made between failures, an operation ends after so many.
pub(crate) const MOST_FAILURES: u32 = 256;

/// Why a host lost an exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// The name did not resolve, or no connection came about.
    Unreachable,
    /// The certificate or the handshake was refused. Never tried again.
    Tls,
    /// Nothing came for too long.
    Timeout,
    /// The connection ended before the response did.
    Reset,
    /// The server said that it did not look at the request (HTTP/2 refused stream or
    /// GOAWAY).
    Unprocessed,
    /// The host cannot tell: a browser hides why a fetch failed.
    Opaque,
    /// Something local failed, such as writing to disk. Never tried again.
    Local,
}

impl Cause {
    /// How many retries of the policy make sense.
    pub(crate) fn retries(self, policy: &RetryPolicy) -> u32 {
        match self {
            Self::Tls | Self::Local => 0,
            // Most often a refused origin, which stays refused.
            Self::Opaque => policy.retries.min(1),
            Self::Unreachable | Self::Timeout | Self::Reset | Self::Unprocessed => policy.retries,
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "no connection could be made; check the name, the network and the proxy settings",
            Self::Tls => "the TLS connection was refused; check the certificate of the server, or give its CA",
            Self::Timeout => "the server did not answer in time",
            Self::Reset => "the connection was lost before the response was complete",
            Self::Unprocessed => "the server kept refusing to take the request",
            Self::Opaque => {
                "the browser refused or lost the request; it does not say why, \
                 most often the registry lacks CORS headers for this page"
            }
            Self::Local => "a local failure; nothing is wrong with the registry",
        })
    }
}

/// Statuses that say "not now" rather than "no".
pub(crate) fn is_transient(status: StatusCode) -> bool {
    matches!(status.as_u16(), 408 | 425 | 429 | 500 | 502 | 503 | 504)
}

/// The wait before the retry that follows `failures` failures in a row: exponential,
/// with the upper half of each wait left to chance so that clients do not march in step.
pub(crate) fn backoff(policy: &RetryPolicy, failures: u32, random: &mut Random) -> u64 {
    let doubled = policy
        .first_wait_ms
        .saturating_mul(1 << failures.saturating_sub(1).min(20))
        .min(policy.longest_wait_ms);
    let half = doubled / 2;
    half + random.below(doubled - half + 1)
}

/// A small generator for jitter (SplitMix64). Nothing secret depends on it.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound.max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_differ_by_seed() {
        let policy = RetryPolicy::default();
        let waits = |seed| {
            let mut random = Random::new(seed);
            [1, 2, 3, 10, 1000].map(|failures| backoff(&policy, failures, &mut random))
        };
        for seed in 0..100 {
            let [first, second, third, tenth, late] = waits(seed);
            assert!((250..=500).contains(&first), "{first}");
            assert!((500..=1000).contains(&second), "{second}");
            assert!((1000..=2000).contains(&third), "{third}");
            assert!((15_000..=30_000).contains(&tenth), "{tenth}");
            assert!((15_000..=30_000).contains(&late), "{late}");
        }
        assert_eq!(waits(7), waits(7));
        assert_ne!(waits(7), waits(8));
    }
}
