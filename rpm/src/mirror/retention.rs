//! Which snapshots are kept, and what is left over when the others go.
//!
//! Times come from tags: a snapshot is superseded since the time that its `-u` tag tells,
//! and one without is superseded since it is first seen to be, which is what
//! [`Decision::marks`] is for. A manifest below an index that no root refers to is kept
//! just as long, for it may belong to a snapshot that is being published.

use std::collections::{BTreeMap, BTreeSet};

use ocirepo::digest::Digest;
use ocirepo::reference::Tag;

use super::names::Role;
use crate::layout::tags;

/// What to keep.
#[derive(Clone, Debug)]
pub struct Policy {
    /// The time of day, in Unix seconds.
    pub now: u64,
    /// How long superseded snapshots are kept, in seconds.
    pub keep_within: u64,
    /// How many snapshots of each moving tag are kept however old they are, the newest
    /// first, with the one that the moving tag points at.
    pub keep_last: usize,
    /// The only moving tag whose snapshots may go; all of them, if there is none.
    pub line: Option<Tag>,
}

/// What is kept and what goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Decision {
    /// The roots that stay, whatever their tags are.
    pub kept: BTreeSet<Digest>,
    /// The snapshots that go, oldest first.
    pub expired: Vec<Expired>,
    /// Tags to put, so that the next decision knows since when these are superseded.
    pub marks: Vec<(Tag, Digest)>,
}

/// A snapshot that goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expired {
    /// Its tag.
    pub tag: Tag,
    /// Its root.
    pub digest: Digest,
    /// Since when it is superseded, in Unix seconds.
    pub since: u64,
}

impl Policy {
    fn is_over(&self, since: u64) -> bool {
        self.now.saturating_sub(since) >= self.keep_within
    }
}

/// Decides about snapshots.
///
/// `roots` has what the tags of snapshots and the tags of [others](Role::Other) point at;
/// `listed` has all tags. What any other tag points at is kept.
pub fn decide(roots: &BTreeMap<Tag, Digest>, listed: &BTreeSet<Tag>, policy: &Policy) -> Decision {
    let mut decision = Decision::default();
    let mut lines: BTreeMap<Tag, Vec<(u64, &Tag, Digest)>> = BTreeMap::new();
    for (tag, digest) in roots {
        match Role::of(tag) {
            Role::Snapshot { moving, sequence } => {
                let line = lines.entry(moving).or_default();
                line.push((sequence, tag, *digest));
            }
            _ => drop(decision.kept.insert(*digest)),
        }
    }
    let since = marked(listed);
    for (moving, mut snapshots) in lines {
        // Newest first.
        snapshots.sort_by(|a, b| b.cmp(a));
        let current = roots.get(&moving);
        let number = snapshots
            .iter()
            .find(|(.., digest)| Some(digest) == current);
        let number = number.map(|(number, ..)| *number);
        for (place, (sequence, tag, digest)) in snapshots.into_iter().enumerate() {
            let spared = Some(&digest) == current
                || place < policy.keep_last
                || policy.line.as_ref().is_some_and(|line| *line != moving);
            if Some(&digest) == current {
                decision.kept.insert(digest);
                continue;
            }
            // What is newer than the moving tag may be on its way there.
            let coming = number.is_none_or(|number| sequence >= number);
            let since = match since.get(tag) {
                Some(since) => *since,
                None => {
                    let mark = tags::unused(tag, policy.now);
                    decision.marks.extend(mark.map(|mark| (mark, digest)));
                    if coming {
                        decision.kept.insert(digest);
                        continue;
                    }
                    policy.now
                }
            };
            if spared || !policy.is_over(since) {
                decision.kept.insert(digest);
            } else {
                let tag = tag.clone();
                decision.expired.push(Expired { tag, digest, since });
            }
        }
    }
    // Another tag may keep the same root.
    decision
        .expired
        .retain(|expired| !decision.kept.contains(&expired.digest));
    decision.expired.sort_by_key(|expired| expired.since);
    let expired: BTreeSet<Digest> = decision.expired.iter().map(|e| e.digest).collect();
    decision
        .marks
        .retain(|(_, digest)| !expired.contains(digest));
    decision
}

/// Since when the things at these tags have not been in use; the latest time counts.
pub fn marked(listed: &BTreeSet<Tag>) -> BTreeMap<Tag, u64> {
    let mut times = BTreeMap::new();
    for tag in listed {
        if let Role::Unused { of, since } = Role::of(tag) {
            let time = times.entry(of).or_insert(since);
            *time = since.max(*time);
        }
    }
    times
}

/// What happens to a tag of something below roots that no kept root reaches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Orphan {
    /// It goes. It has not been in use since then, in Unix seconds.
    Expired(u64),
    /// Nobody knows since when it is an orphan: put this mark's time on it and wait.
    Unmarked,
    /// It is kept a while longer.
    Waits,
}

/// Decides about something below roots: `expired` tells since when the snapshots that
/// reached it are superseded, if some did that go now.
pub fn orphan(
    tag: &Tag,
    expired: Option<u64>,
    marked: &BTreeMap<Tag, u64>,
    policy: &Policy,
) -> Orphan {
    match (expired, marked.get(tag)) {
        (Some(since), _) => Orphan::Expired(since),
        (None, Some(since)) if policy.is_over(*since) => Orphan::Expired(*since),
        (None, Some(_)) => Orphan::Waits,
        // Whatever is being published has to get as far as its root.
        (None, None) => Orphan::Unmarked,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: u64 = 24 * 60 * 60;
    const NOW: u64 = 100 * DAY;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    fn root(number: u64) -> Digest {
        Digest::of(&number.to_le_bytes())
    }

    fn snapshot(line: &str, number: u64) -> Tag {
        tags::snapshot(&tag(line), number, &root(number)).unwrap()
    }

    /// The snapshots of `el9` up to a number, which `el9` points at.
    fn line(newest: u64) -> BTreeMap<Tag, Digest> {
        let snapshots = (1..=newest).map(|n| (snapshot("el9", n), root(n)));
        snapshots.chain([(tag("el9"), root(newest))]).collect()
    }

    fn listed(roots: &BTreeMap<Tag, Digest>, marks: &[(u64, u64)]) -> BTreeSet<Tag> {
        let mark = |(number, days): &(u64, u64)| {
            tags::unused(&snapshot("el9", *number), NOW - days * DAY).unwrap()
        };
        roots
            .keys()
            .cloned()
            .chain(marks.iter().map(mark))
            .collect()
    }

    fn policy(days: u64, last: usize) -> Policy {
        Policy {
            now: NOW,
            keep_within: days * DAY,
            keep_last: last,
            line: None,
        }
    }

    fn expired(decision: &Decision) -> Vec<Digest> {
        decision.expired.iter().map(|e| e.digest).collect()
    }

    #[test]
    fn what_is_superseded_for_long_enough_goes() {
        let roots = line(4);
        let listed = listed(&roots, &[(1, 30), (2, 14), (3, 13)]);
        let decision = decide(&roots, &listed, &policy(14, 1));
        assert_eq!(expired(&decision), [root(1), root(2)]);
        assert_eq!(decision.kept, BTreeSet::from([root(3), root(4)]));
        assert_eq!(decision.marks, []);
        let decision = decide(&roots, &listed, &policy(14, 3));
        assert_eq!(expired(&decision), [root(1)]);
    }

    #[test]
    fn the_clock_of_an_unmarked_snapshot_begins_now() {
        let roots = line(2);
        let listed = listed(&roots, &[]);
        let decision = decide(&roots, &listed, &policy(14, 1));
        assert_eq!(expired(&decision), []);
        let mark = tags::unused(&snapshot("el9", 1), NOW).unwrap();
        assert_eq!(decision.marks, [(mark, root(1))]);
        // Who keeps nothing need not wait.
        let decision = decide(&roots, &listed, &policy(0, 1));
        assert_eq!(expired(&decision), [root(1)]);
        assert_eq!(decision.marks, []);
    }

    #[test]
    fn of_several_marks_the_latest_counts() {
        let roots = line(2);
        let listed = listed(&roots, &[(1, 30), (1, 3)]);
        let decision = decide(&roots, &listed, &policy(14, 1));
        assert_eq!(expired(&decision), []);
    }

    #[test]
    fn what_is_newer_than_the_moving_tag_is_not_taken_for_superseded_at_once() {
        let mut roots = line(2);
        roots.insert(snapshot("el9", 3), root(3));
        let before = listed(&roots, &[]);
        let decision = decide(&roots, &before, &policy(0, 0));
        assert_eq!(expired(&decision), [root(1)]);
        let mark = tags::unused(&snapshot("el9", 3), NOW).unwrap();
        assert_eq!(decision.marks, [(mark, root(3))]);
        let later = listed(&roots, &[(3, 1)]);
        let decision = decide(&roots, &later, &policy(0, 0));
        assert_eq!(expired(&decision), [root(3), root(1)]);
    }

    #[test]
    fn what_any_other_tag_points_at_stays() {
        let mut roots = line(3);
        roots.insert(tag("release"), root(1));
        roots.insert(snapshot("stable", 2), root(2));
        roots.insert(tag("stable"), root(2));
        let listed = listed(&roots, &[(1, 30), (2, 30)]);
        let decision = decide(&roots, &listed, &policy(14, 1));
        assert_eq!(expired(&decision), []);
        assert_eq!(decision.kept, BTreeSet::from([root(1), root(2), root(3)]));
    }

    #[test]
    fn one_line_can_be_pruned_alone() {
        let roots = line(2);
        let listed = listed(&roots, &[(1, 30)]);
        let only = |line: &str| Policy {
            line: Some(tag(line)),
            ..policy(14, 1)
        };
        assert_eq!(expired(&decide(&roots, &listed, &only("el8"))), []);
        assert_eq!(expired(&decide(&roots, &listed, &only("el9"))), [root(1)]);
    }

    #[test]
    fn an_orphan_waits_as_long_as_a_snapshot_from_when_it_is_first_seen() {
        let child = tags::child(&root(1)).unwrap();
        let at = |days: Option<u64>| {
            let mark = days.map(|days| (child.clone(), NOW - days * DAY));
            orphan(&child, None, &mark.into_iter().collect(), &policy(14, 1))
        };
        assert_eq!(at(None), Orphan::Unmarked);
        assert_eq!(at(Some(13)), Orphan::Waits);
        assert_eq!(at(Some(14)), Orphan::Expired(NOW - 14 * DAY));
        let below = orphan(&child, Some(7), &BTreeMap::new(), &policy(14, 1));
        assert_eq!(below, Orphan::Expired(7));
    }
}
