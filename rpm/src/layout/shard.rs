//! The trie that the files of an `index` are spread over.
//!
//! A package is filed under 768 bits: the SHA-256 of the name of its source package, the
//! SHA-256 of its own name, the SHA-256 of its path. Leaves of a binary trie over these
//! bits are the shards: a node with more files than fit one manifest is split by its next
//! bit. So packages of one source, which change together, lie together, and a change
//! leaves all other shards as they were.

use std::cmp::Ordering;
use std::fmt;

use ocirepo::digest::Digest;

/// Length of a [`Key`] in bits.
const BITS: usize = 768;

/// Where a file belongs: 768 bits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key([u8; BITS / 8]);

impl Key {
    /// The key of a package: of its source package's name, its own name, and its path.
    pub fn package(source: &str, name: &str, path: &str) -> Self {
        Self::of([source, name, path])
    }

    /// The key of a file that is no package: thrice of its path.
    pub fn file(path: &str) -> Self {
        Self::of([path; 3])
    }

    fn of(parts: [&str; 3]) -> Self {
        let mut key = [0; BITS / 8];
        for (at, part) in key.chunks_exact_mut(32).zip(parts) {
            at.copy_from_slice(Digest::of(part.as_bytes()).hash());
        }
        Self(key)
    }

    fn bit(&self, at: usize) -> bool {
        self.0
            .get(at / 8)
            .is_some_and(|byte| byte & (0x80 >> (at % 8)) != 0)
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (0..BITS).try_for_each(|at| f.write_str(if self.bit(at) { "1" } else { "0" }))
    }
}

/// The bits that all keys of a shard begin with, as `0` and `1`; nothing for the root.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Prefix(String);

impl Prefix {
    /// Reads the value of the annotation; `None` unless it is at most 768 of `0` and `1`.
    pub fn parse(bits: &str) -> Option<Self> {
        (bits.len() <= BITS && bits.bytes().all(|b| matches!(b, b'0' | b'1')))
            .then(|| Self(bits.to_owned()))
    }

    /// The bits as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether the key begins with these bits.
    pub fn contains(&self, key: &Key) -> bool {
        self.order(key) == Ordering::Equal
    }

    /// Where the keys of this prefix lie: before the key, after it, or around it.
    fn order(&self, key: &Key) -> Ordering {
        let bits = self.0.bytes().map(|b| b == b'1');
        bits.enumerate()
            .map(|(at, bit)| bit.cmp(&key.bit(at)))
            .find(|order| order.is_ne())
            .unwrap_or(Ordering::Equal)
    }

    fn child(&self, bit: bool) -> Self {
        Self(format!("{}{}", self.0, if bit { '1' } else { '0' }))
    }
}

impl fmt::Display for Prefix {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Spreads items over shards, in the order of their prefixes; no shard is empty.
///
/// `fits` tells whether items that belong together may be one shard. Items of one key are
/// never separated, and come in the order they had.
pub fn split<T>(
    mut items: Vec<(Key, T)>,
    fits: impl Fn(&[(Key, T)]) -> bool,
) -> Vec<(Prefix, Vec<T>)> {
    items.sort_by_key(|(key, _)| *key);
    let mut shards = Vec::new();
    // Nodes to look at, the leftmost last.
    let mut nodes = vec![(Prefix::default(), items)];
    while let Some((prefix, mut items)) = nodes.pop() {
        if items.is_empty() {
            continue;
        }
        let depth = prefix.0.len();
        if fits(&items) || depth == BITS {
            shards.push((prefix, items.into_iter().map(|(_, item)| item).collect()));
            continue;
        }
        let ones = items.partition_point(|(key, _)| !key.bit(depth));
        let right = items.split_off(ones);
        nodes.push((prefix.child(true), right));
        nodes.push((prefix.child(false), items));
    }
    shards
}

/// Shards by prefix.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Shards<T> {
    /// In the order of the prefixes.
    shards: Vec<(Prefix, T)>,
}

impl<T> Shards<T> {
    /// Shards in any order; `None` when one prefix begins with another, so that some keys
    /// would belong to both.
    pub fn new(mut shards: Vec<(Prefix, T)>) -> Option<Self> {
        shards.sort_by(|(a, _), (b, _)| a.cmp(b));
        let overlap = shards
            .iter()
            .zip(shards.iter().skip(1))
            .any(|((a, _), (b, _))| b.0.starts_with(&a.0));
        (!overlap).then_some(Self { shards })
    }

    /// The shard a key belongs to, and its place among [`Shards::iter`].
    pub fn find(&self, key: &Key) -> Option<(usize, &T)> {
        let at = self
            .shards
            .binary_search_by(|(prefix, _)| prefix.order(key))
            .ok()?;
        self.get(at).map(|shard| (at, shard))
    }

    /// The shard at a place.
    pub fn get(&self, at: usize) -> Option<&T> {
        self.shards.get(at).map(|(_, shard)| shard)
    }

    /// All shards, in the order of their prefixes.
    pub fn iter(&self) -> impl Iterator<Item = (&Prefix, &T)> {
        self.shards.iter().map(|(prefix, shard)| (prefix, shard))
    }

    /// Whether there is no shard.
    pub fn is_empty(&self) -> bool {
        self.shards.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn packages(numbers: &[u16]) -> Vec<(Key, u16)> {
        let key = |n: u16| {
            let (source, name) = (format!("source{}", n % 97), format!("name{n}"));
            Key::package(&source, &name, &format!("Packages/{name}-1.rpm"))
        };
        numbers.iter().map(|&n| (key(n), n)).collect()
    }

    #[test]
    fn a_key_is_the_hashes_of_source_name_and_path() {
        let key = Key::package("bash", "bash-doc", "b/bash-doc.rpm");
        let parts = ["bash", "bash-doc", "b/bash-doc.rpm"].map(|p| Digest::of(p.as_bytes()));
        let joined: Vec<u8> = parts.iter().flat_map(|d| d.hash().to_vec()).collect();
        assert_eq!(key.0.to_vec(), joined);
        assert!(format!("{key:?}").starts_with(&format!("{:08b}", joined[0])));
    }

    #[test]
    fn packages_of_one_source_lie_together_until_they_are_too_many() {
        let one_source: Vec<_> = (0..30u16)
            .map(|n| (Key::package("texlive", &format!("texlive-{n}"), ""), n))
            .collect();
        let shards = split(one_source.clone(), |items| items.len() <= 30);
        assert_eq!(shards.len(), 1);
        let shards = split(one_source, |items| items.len() <= 20);
        assert!(shards.len() > 1);
        assert!(shards.iter().all(|(prefix, _)| prefix.0.len() > 256));
    }

    #[test]
    fn items_of_one_key_are_never_separated() {
        let same = vec![
            (Key::file("a"), 1),
            (Key::file("a"), 2),
            (Key::file("a"), 3),
        ];
        let shards = split(same, |items| items.len() < 2);
        assert_eq!(shards.len(), 1);
        assert_eq!(shards[0].1, [1, 2, 3]);
    }

    #[test]
    fn prefixes_that_overlap_are_refused() {
        let prefix = |bits| Prefix::parse(bits).unwrap();
        assert!(Shards::new(vec![(prefix("0"), ()), (prefix("1"), ())]).is_some());
        assert!(Shards::new(vec![(prefix("01"), ()), (prefix("0"), ())]).is_none());
        assert!(Shards::new(vec![(prefix("1"), ()), (prefix("1"), ())]).is_none());
        assert_eq!(Prefix::parse("012"), None);
        assert_eq!(Prefix::parse(&"0".repeat(BITS + 1)), None);
    }

    proptest! {
        #[test]
        fn every_package_is_in_the_shard_its_key_leads_to(
            numbers in proptest::collection::btree_set(0u16.., 0..300),
            limit in 1usize..40,
        ) {
            let items = packages(&numbers.into_iter().collect::<Vec<_>>());
            let shards = split(items.clone(), |items| items.len() <= limit);
            prop_assert!(shards.iter().all(|(_, s)| !s.is_empty() && s.len() <= limit));
            let total: usize = shards.iter().map(|(_, s)| s.len()).sum();
            prop_assert_eq!(total, items.len());
            let shards = Shards::new(shards).unwrap();
            for (key, number) in items {
                let (at, shard) = shards.find(&key).unwrap();
                prop_assert!(shard.contains(&number));
                prop_assert_eq!(shards.get(at), Some(shard));
            }
        }

        #[test]
        fn one_more_package_changes_one_node_only(
            numbers in proptest::collection::btree_set(0u16..9000, 1..300),
            more in 9000u16..,
        ) {
            let fits = |items: &[(Key, u16)]| items.len() <= 20;
            let mut items = packages(&numbers.into_iter().collect::<Vec<_>>());
            let before = split(items.clone(), fits);
            let new = packages(&[more]);
            items.extend(new.clone());
            for (prefix, shard) in split(items, fits) {
                if !before.contains(&(prefix.clone(), shard)) {
                    // It is on the way to the new package, or split off beside it.
                    let around = before.iter().find(|(p, _)| prefix.0.starts_with(&p.0));
                    prop_assert!(around.is_none_or(|(p, _)| p.contains(&new[0].0)));
                    prop_assert!(around.is_some() || prefix.contains(&new[0].0));
                }
            }
        }
    }
}
