//! The settings of a session.

use crate::auth::realm::TrustedRealms;
use crate::capabilities::Capabilities;
use crate::retry::RetryPolicy;

/// The settings of a session; the default suits a native host.
#[derive(Clone, Debug)]
pub struct Config {
    /// What the host can do and see.
    pub capabilities: Capabilities,
    /// The most requests under way at one registry.
    pub concurrency: usize,
    /// How patient the session is with failures.
    pub retry: RetryPolicy,
    /// How long the head of a response may take, in milliseconds, from the moment the
    /// request was sent. Closing an upload may take five times as long.
    pub head_timeout_ms: u64,
    /// The most bytes that are collected in memory.
    pub limits: Limits,
    /// Token servers on other sites that may be shown the user's password.
    pub trusted_realms: TrustedRealms,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            capabilities: Capabilities::default(),
            concurrency: 8,
            retry: RetryPolicy::default(),
            head_timeout_ms: 60_000,
            limits: Limits::default(),
            trusted_realms: TrustedRealms::default(),
        }
    }
}

/// The most of everything that is collected in memory, in bytes where not said
/// otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// A manifest. Registries take 4 MiB at least.
    pub manifest: u64,
    /// A token response.
    pub token: u64,
    /// The body of an error; more is cut off.
    pub error: u64,
    /// One page of a list.
    pub page: u64,
    /// All entries of a list, as their number.
    pub entries: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            manifest: 8 << 20,
            token: 1 << 20,
            error: 64 << 10,
            page: 8 << 20,
            entries: 1_000_000,
        }
    }
}
