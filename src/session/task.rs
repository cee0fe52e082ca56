//! One operation under way, and one exchange under way.

use url::Url;

use crate::auth::scope::Scope;
use crate::auth::tokens::Used;
use crate::exchange::{ExchangeId, Head};
use crate::operation::{Authorize, Machine, OperationId, Take};
use crate::reference::Registry;

/// One operation under way: its machine, and where its present request stands.
///
/// ```text
///            slot free, authorised           head and body
///   Queued ────────────────────────▶ InFlight ────────────▶ machine ─▶ Queued | done
///    ▲  ▲  │ needs a token or credentials │ lost, 5xx, 429
///    │  │  └──▶ Waiting ──┐               │
///    │  └─────────────────┘               ▼
///    └──────────────────────────────── Backoff
/// ```
#[derive(Debug)]
pub(super) struct Task {
    pub(super) machine: Box<dyn Machine>,
    pub(super) audience: Audience,
    pub(super) phase: Phase,
    /// Failures since the last progress.
    pub(super) failures: u32,
    /// How far the machine was at the last failure, in bytes.
    pub(super) progress: u64,
    /// Whether the present request looks for where a lost one left off.
    pub(super) recovering: bool,
    /// Failures in all.
    pub(super) all_failures: u32,
    /// Whether the present request was already repeated with a new token.
    pub(super) renewed: bool,
    /// How often the present request waited for a token.
    pub(super) token_waits: u8,
    /// What the registry said a token must allow, beyond what the machine knows.
    pub(super) asked_scopes: Vec<Scope>,
    /// Where redirects have led the present request.
    pub(super) hop: Option<Hop>,
    /// How often a redirect led to a refusal.
    pub(super) dead_ends: u8,
}

impl Task {
    pub(super) fn new(machine: Box<dyn Machine>, audience: Audience) -> Self {
        Self {
            machine,
            audience,
            phase: Phase::Queued,
            failures: 0,
            progress: 0,
            recovering: false,
            all_failures: 0,
            renewed: false,
            token_waits: 0,
            asked_scopes: Vec::new(),
            hop: None,
            dead_ends: 0,
        }
    }

    /// The operation that hosts and people see: none for a token, which serves several.
    pub(super) fn shown_as(&self, operation: OperationId) -> Option<OperationId> {
        match self.audience {
            Audience::TokenOf(_) => None,
            _ => Some(operation),
        }
    }

    /// The present request was answered; the next one starts afresh.
    pub(super) fn progressed(&mut self) {
        if !self.recovering {
            self.failures = 0;
            self.renewed = false;
        }
        self.token_waits = 0;
        self.asked_scopes.clear();
        self.hop = None;
        self.dead_ends = 0;
    }
}

/// Who wants the result.
#[derive(Debug)]
pub(super) enum Audience {
    /// The caller.
    Caller,
    /// The operations that wait for a token of this registry.
    TokenOf(Registry),
    /// The caller, who only wants to know that it ended.
    Forgotten,
    /// Nobody: cleaning up after a cancelled operation.
    Nobody,
}

/// Where the present request of a task stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Phase {
    /// In the queue of its registry.
    Queued,
    /// For a token, or for credentials.
    Waiting,
    /// Until a timer wakes it.
    Backoff,
    /// At the host.
    InFlight(ExchangeId),
}

/// Where redirects have led a request.
#[derive(Clone, Debug)]
pub(super) struct Hop {
    pub(super) url: Url,
    pub(super) count: u8,
}

/// One request at the host.
#[derive(Debug)]
pub(super) struct Exchange {
    pub(super) task: OperationId,
    /// Whose slot it takes.
    pub(super) registry: Registry,
    pub(super) method: http::Method,
    pub(super) url: Url,
    /// Whether the host followed a redirect to that URL.
    pub(super) followed: bool,
    pub(super) authorize: Authorize,
    pub(super) used: Used,
    pub(super) take: Take,
    /// Whether the body comes from a source that is still at the host.
    pub(super) sending: bool,
    /// Whether the body comes from a source.
    pub(super) from_source: bool,
    pub(super) head_timeout_ms: u64,
    pub(super) deadline: Option<u64>,
    pub(super) head: Option<Head>,
    pub(super) collected: Collected,
}

/// What was collected of a body.
#[derive(Debug, Default)]
pub(super) struct Collected {
    pub(super) bytes: Vec<u8>,
    /// Bytes still to be passed over.
    pub(super) skip: u64,
    /// The most bytes to keep.
    pub(super) cap: u64,
    /// All bytes seen, passed over or kept.
    pub(super) seen: u64,
    pub(super) full: Full,
}

/// What it means when more comes than the cap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Full {
    /// The document is too large.
    #[default]
    TooLarge,
    /// Enough is known; the rest is not needed.
    Enough,
}

#[cfg(test)]
mod tests {
    use super::Task;
    use crate::operation::{PullBlob, PushBlob, PushManifest};

    #[test]
    fn an_operation_that_waits_costs_less_than_a_kibibyte() {
        let task = size_of::<Task>();
        for machine in [size_of::<PullBlob>(), size_of::<PushBlob>()] {
            // What hangs on it (a name, a hash state) is under 400 bytes.
            assert!(task + machine + 400 < 1024, "{task} + {machine}");
        }
        // A manifest to push is the caller's, and weighs what it weighs.
        assert!(task + size_of::<PushManifest>() < 2048);
    }
}
