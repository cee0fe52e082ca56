//! What a reader remembers about the newest snapshot it has seen.

use ocirepo::digest::Digest;
use serde::{Deserialize, Serialize};

/// A snapshot's place in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    /// Its number in the line of snapshots, where the publisher counts.
    pub sequence: Option<u64>,
    /// The revision in `repomd.xml`, where that is a number (of seconds, by custom).
    pub revision: Option<u64>,
    /// What identifies it.
    pub digest: Digest,
}

impl Mark {
    /// Whether a reader that remembers `self` may go on to `next`: it is the same, or not
    /// older. Sequence numbers decide, and revisions where there never was one. A
    /// repository that stops to count, or whose revision is no number any more, cannot
    /// show that it is not older.
    pub fn allows(&self, next: &Self) -> bool {
        if self.digest == next.digest {
            return true;
        }
        match (self.sequence, next.sequence) {
            (Some(seen), Some(next)) => next >= seen,
            (Some(_), None) => false,
            (None, Some(_)) => true,
            (None, None) => match (self.revision, next.revision) {
                (Some(seen), Some(next)) => next >= seen,
                (Some(_), None) => false,
                (None, _) => true,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mark(sequence: Option<u64>, revision: Option<u64>) -> Mark {
        let digest = Digest::of(format!("{sequence:?} {revision:?}").as_bytes());
        Mark {
            sequence,
            revision,
            digest,
        }
    }

    #[test]
    fn a_reader_is_not_led_back() {
        for (seen, next, allowed) in [
            ((Some(2), Some(9)), (Some(3), Some(1)), true),
            ((Some(2), Some(9)), (Some(2), Some(9)), true),
            ((Some(2), Some(9)), (Some(1), Some(99)), false),
            ((Some(2), Some(9)), (None, Some(99)), false),
            ((None, Some(9)), (Some(1), Some(1)), true),
            ((None, Some(9)), (None, Some(10)), true),
            ((None, Some(9)), (None, Some(8)), false),
            ((None, Some(9)), (None, None), false),
            ((None, None), (None, Some(1)), true),
        ] {
            let (seen, next) = (mark(seen.0, seen.1), mark(next.0, next.1));
            assert_eq!(seen.allows(&next), allowed, "{seen:?} {next:?}");
        }
    }

    #[test]
    fn a_mark_survives_its_file() {
        let mark = mark(Some(2), None);
        let text = serde_json::to_string(&mark).unwrap();
        assert_eq!(serde_json::from_str::<Mark>(&text).unwrap(), mark);
    }
}
