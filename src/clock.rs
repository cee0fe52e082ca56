//! The time, as the host tells it.

/// One moment on both of the host's clocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Now {
    /// Milliseconds since any fixed moment, on a clock that never goes back. Waits
    /// and time limits are measured on it.
    pub monotonic_ms: u64,
    /// Seconds since 1970, for dates in responses. It may jump.
    pub unix_secs: u64,
}
