//! Which client saw which snapshot, and when.
//!
//! A client that read `repomd.xml` goes on to read what that `repomd.xml` names, maybe
//! minutes later and maybe after the tag moved; what it asks for is looked up in the
//! snapshot it saw, then in the newest, then in every other that was served lately. The
//! history outlives a restart as JSON. Times are Unix seconds and always arguments.

use std::collections::BTreeMap;

use ocirepo::Digest;
use serde::{Deserialize, Serialize};

/// How long a client keeps the snapshot it was given when it asks for `repomd.xml` again.
const PIN: u64 = 60;
/// How long a snapshot is remembered after it was last served.
const KEEP: u64 = 7 * 24 * 60 * 60;
/// The most snapshots remembered of one repository, and the most clients.
const MOST_SNAPSHOTS: usize = 256;
const MOST_CLIENTS: usize = 4096;

/// What was served of every repository. Keys are texts that the caller chooses; what is
/// served to trusted clients has other keys than what everybody may have.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(super) struct History(BTreeMap<String, Served>);

/// What was served of one repository at one tag.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Served {
    newest: Option<Seen>,
    /// Every snapshot that was served, with the last time.
    snapshots: BTreeMap<Digest, u64>,
    /// What each client saw last.
    clients: BTreeMap<String, Seen>,
}

/// A snapshot and when it was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Seen {
    snapshot: Digest,
    at: u64,
}

impl Seen {
    fn is_fresh(&self, now: u64) -> bool {
        now.saturating_sub(self.at) < PIN
    }
}

impl History {
    /// The snapshot a client is held to while it reads `repomd.xml` and what belongs to
    /// it. `signature` asks for the snapshot of the `repomd.xml` it read, however long ago.
    pub(super) fn pinned(
        &self,
        key: &str,
        client: &str,
        signature: bool,
        now: u64,
    ) -> Option<Digest> {
        let seen = self.0.get(key)?.clients.get(client)?;
        (signature || seen.is_fresh(now)).then_some(seen.snapshot)
    }

    /// The newest snapshot, if it was looked up a moment ago.
    pub(super) fn newest(&self, key: &str, now: u64) -> Option<Digest> {
        let newest = self.0.get(key)?.newest?;
        newest.is_fresh(now).then_some(newest.snapshot)
    }

    /// The newest snapshot that was ever looked up, and when.
    pub(super) fn last(&self, key: &str) -> Option<(Digest, u64)> {
        let newest = self.0.get(key)?.newest?;
        Some((newest.snapshot, newest.at))
    }

    /// Notes what the tag points to.
    pub(super) fn looked_up(&mut self, key: &str, snapshot: Digest, now: u64) {
        let served = self.0.entry(key.to_owned()).or_default();
        served.newest = Some(Seen { snapshot, at: now });
    }

    /// Notes that a client was given `repomd.xml`.
    pub(super) fn served(&mut self, key: &str, client: &str, snapshot: Digest, now: u64) {
        let served = self.0.entry(key.to_owned()).or_default();
        served.snapshots.insert(snapshot, now);
        let seen = Seen { snapshot, at: now };
        match served.clients.get_mut(client) {
            // The minute begins with the first look, not with each.
            Some(known) if known.snapshot == snapshot && known.is_fresh(now) => {}
            Some(known) => *known = seen,
            None => {
                served.clients.insert(client.to_owned(), seen);
            }
        }
        served.prune(now);
    }

    /// Notes that a client was given something else of a snapshot.
    pub(super) fn used(&mut self, key: &str, snapshot: Digest, now: u64) {
        let served = self.0.entry(key.to_owned()).or_default();
        served.snapshots.insert(snapshot, now);
    }

    /// Where to look for a path, in this order.
    pub(super) fn candidates(&self, key: &str, client: &str, now: u64) -> Vec<Digest> {
        let Some(served) = self.0.get(key) else {
            return Vec::new();
        };
        let seen = served.clients.get(client).map(|seen| seen.snapshot);
        let newest = served.newest.map(|newest| newest.snapshot);
        let mut earlier: Vec<(u64, Digest)> = served
            .snapshots
            .iter()
            .filter(|(_, at)| now.saturating_sub(**at) < KEEP)
            .map(|(snapshot, at)| (*at, *snapshot))
            .collect();
        earlier.sort_by(|a, b| b.cmp(a));
        let mut order: Vec<Digest> = Vec::new();
        let all = seen.into_iter().chain(newest);
        for snapshot in all.chain(earlier.into_iter().map(|(_, snapshot)| snapshot)) {
            if !order.contains(&snapshot) {
                order.push(snapshot);
            }
        }
        order
    }

    /// Forgets what is too old, everywhere.
    pub(super) fn prune(&mut self, now: u64) {
        self.0.retain(|_, served| {
            served.prune(now);
            !served.snapshots.is_empty()
        });
    }
}

impl Served {
    fn prune(&mut self, now: u64) {
        self.snapshots
            .retain(|_, at| now.saturating_sub(*at) < KEEP);
        while self.snapshots.len() > MOST_SNAPSHOTS {
            let oldest = self.snapshots.iter().min_by_key(|(_, at)| **at);
            let Some(oldest) = oldest.map(|(snapshot, _)| *snapshot) else {
                break;
            };
            self.snapshots.remove(&oldest);
        }
        self.clients
            .retain(|_, seen| self.snapshots.contains_key(&seen.snapshot));
        while self.clients.len() > MOST_CLIENTS {
            let oldest = self.clients.iter().min_by_key(|(_, seen)| seen.at);
            let Some(oldest) = oldest.map(|(client, _)| client.clone()) else {
                break;
            };
            self.clients.remove(&oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KEY: &str = "ghcr.io/me/repo:el9";

    fn snapshot(name: &str) -> Digest {
        Digest::of(name.as_bytes())
    }

    #[test]
    fn a_client_keeps_its_snapshot_for_a_minute() {
        let mut history = History::default();
        history.served(KEY, "dnf", snapshot("old"), 1000);
        history.served(KEY, "dnf", snapshot("old"), 1030);
        let pinned = |client, signature, now| history.pinned(KEY, client, signature, now);
        assert_eq!(pinned("dnf", false, 1059), Some(snapshot("old")));
        assert_eq!(pinned("dnf", false, 1060), None);
        assert_eq!(pinned("zypper", false, 1010), None);
        // The signature belongs to the repomd.xml that was read, whenever that was.
        assert_eq!(pinned("dnf", true, 5000), Some(snapshot("old")));
    }

    #[test]
    fn paths_are_looked_up_where_the_client_was_then_in_the_newest_then_in_earlier_ones() {
        let mut history = History::default();
        history.served(KEY, "a", snapshot("1"), 1000);
        history.served(KEY, "b", snapshot("2"), 2000);
        history.served(KEY, "c", snapshot("3"), 3000);
        history.looked_up(KEY, snapshot("4"), 4000);
        assert_eq!(
            history.candidates(KEY, "b", 4000),
            ["2", "4", "3", "1"].map(snapshot)
        );
        assert_eq!(
            history.candidates(KEY, "new", 4000),
            ["4", "3", "2", "1"].map(snapshot)
        );
        assert!(history.candidates("other", "b", 4000).is_empty());
    }

    #[test]
    fn snapshots_are_forgotten_a_week_after_they_were_last_used() {
        let mut history = History::default();
        history.served(KEY, "a", snapshot("1"), 0);
        history.served(KEY, "b", snapshot("2"), 0);
        history.used(KEY, snapshot("1"), 1000);
        assert_eq!(history.candidates(KEY, "x", KEEP), [snapshot("1")]);
        history.prune(KEEP + 1000);
        assert!(history.0.is_empty());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut history = History::default();
        let names: Vec<String> = (0..300).map(|n| n.to_string()).collect();
        for (at, name) in (0..).zip(&names) {
            history.served(KEY, name, snapshot(name), at);
        }
        let served = history.0.get_mut(KEY).unwrap();
        assert_eq!(served.snapshots.len(), MOST_SNAPSHOTS);
        assert!(served.snapshots.contains_key(&snapshot("299")));
        // Clients of forgotten snapshots go with them.
        assert_eq!(served.clients.len(), MOST_SNAPSHOTS);
        let seen = |at| Seen {
            snapshot: snapshot("299"),
            at,
        };
        let many = (0..5000).map(|at| (format!("client {at}"), seen(at)));
        served.clients.extend(many);
        served.prune(300);
        assert_eq!(served.clients.len(), MOST_CLIENTS);
        assert!(served.clients.contains_key("client 4999"));
    }

    #[test]
    fn it_survives_as_json() {
        let mut history = History::default();
        history.served(KEY, "dnf", snapshot("1"), 1000);
        history.looked_up(KEY, snapshot("2"), 1001);
        let json = serde_json::to_string(&history).unwrap();
        let again: History = serde_json::from_str(&json).unwrap();
        assert_eq!(again.pinned(KEY, "dnf", false, 1010), Some(snapshot("1")));
        assert_eq!(again.newest(KEY, 1010), Some(snapshot("2")));
        assert_eq!(again.newest(KEY, 1061), None);
    }
}
