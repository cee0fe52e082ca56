//! Ways into the bridge: who presents this secret may have these repositories.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ocirepo_native::Client;

use super::allow::AllowList;
use super::guard::Secret;

/// How many failures are kept for a client that may ask for them.
const MOST_FAILURES: usize = 16;

/// One way in.
pub(crate) struct Door {
    /// Tells its places from those of other doors.
    pub(super) name: String,
    /// What opens it; without, whoever presents nothing comes in here.
    pub(super) secret: Option<Secret>,
    /// What is to be had.
    pub(super) allow: AllowList,
    /// Fetches it, with the credentials and certificates that are for it.
    pub(super) client: Client,
    pub(super) failures: Failures,
}

impl Door {
    pub(super) fn new(
        name: impl Into<String>,
        secret: Option<Secret>,
        allow: AllowList,
        client: Client,
    ) -> Self {
        Self {
            name: name.into(),
            secret,
            allow,
            client,
            failures: Failures::default(),
        }
    }
}

/// What went wrong, in sentences. Clients of HTTP show people a status and no more; one
/// that cares can ask for these.
#[derive(Clone, Debug, Default)]
pub(super) struct Failures(Arc<Mutex<VecDeque<String>>>);

impl Failures {
    /// Keeps a sentence, once, and forgets the oldest when there are too many.
    pub(super) fn note(&self, failure: &impl fmt::Display) {
        let text = failure.to_string().replace('\n', " ");
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.retain(|before| *before != text);
        if kept.len() >= MOST_FAILURES {
            kept.pop_front();
        }
        kept.push_back(text);
    }

    /// All of them, oldest first, one a line. They are told once.
    pub(super) fn take(&self) -> String {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let lines: Vec<String> = kept.drain(..).collect();
        lines.join("\n")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failures_are_told_once_each_and_the_oldest_are_forgotten() {
        let failures = Failures::default();
        for number in 0..MOST_FAILURES + 2 {
            failures.note(&number);
        }
        failures.note(&"two\nlines");
        failures.note(&"two\nlines");
        let text = failures.take();
        assert_eq!(text.lines().count(), MOST_FAILURES);
        assert!(
            text.starts_with("3\n") && text.ends_with("17\ntwo lines"),
            "{text}"
        );
        assert_eq!(failures.take(), "");
    }
}
