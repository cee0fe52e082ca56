//! Names of the tags that keep a published repository alive.
//!
//! Registries delete manifests that no tag reaches, and some do not look inside an index.
//! So every manifest below an index has a tag made from its content, and every snapshot
//! has one that stays when the moving tag goes on:
//!
//! - a child: `c-` and the 64 hexadecimal digits of its SHA-256 digest;
//! - a snapshot: the moving tag, `-s`, the sequence number, `-` and the first 12
//!   hexadecimal digits of its digest, such as `el9-s42-0f343b093112`.

use ocirepo::digest::Digest;
use ocirepo::reference::Tag;

/// The longest moving tag that leaves room for its snapshots' tags.
pub const MAX_MOVING_TAG: usize = 90;

/// Hexadecimal digits of the digest in a snapshot's tag.
const SHORT: usize = 12;

/// The tag of a manifest below an index.
///
/// `None` for digests that do not fit into a tag, which only SHA-256 is sure to.
pub fn child(digest: &Digest) -> Option<Tag> {
    format!("c-{}", digest.hex()).parse().ok()
}

/// Whether a tag is that of a manifest below an index.
pub fn is_child(tag: &Tag) -> bool {
    tag.as_str()
        .strip_prefix("c-")
        .is_some_and(|hex| hex.len() == 64 && is_hex(hex))
}

/// The tag of a snapshot of a moving tag.
///
/// `None` when the moving tag is longer than [`MAX_MOVING_TAG`] or has itself the form of
/// a tag that is made here.
pub fn snapshot(moving: &Tag, sequence: u64, digest: &Digest) -> Option<Tag> {
    if moving.as_str().len() > MAX_MOVING_TAG
        || is_child(moving)
        || Snapshot::parse(moving).is_some()
    {
        return None;
    }
    let hex = digest.hex();
    let short = hex.get(..SHORT)?;
    format!("{moving}-s{sequence}-{short}").parse().ok()
}

/// What the tag of a snapshot says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Snapshot<'a> {
    /// The tag that pointed, or still points, at the snapshot.
    pub moving: &'a str,
    /// The sequence number.
    pub sequence: u64,
    /// The first hexadecimal digits of the digest.
    pub digest: &'a str,
}

impl<'a> Snapshot<'a> {
    /// Reads the tag of a snapshot; `None` for all other tags.
    pub fn parse(tag: &'a Tag) -> Option<Self> {
        let (rest, digest) = tag.as_str().rsplit_once('-')?;
        let (moving, number) = rest.rsplit_once("-s")?;
        let sequence = number.parse().ok()?;
        (digest.len() == SHORT
            && is_hex(digest)
            && !moving.is_empty()
            && u64::to_string(&sequence) == number)
            .then_some(Self {
                moving,
                sequence,
                digest,
            })
    }
}

fn is_hex(text: &str) -> bool {
    text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    #[test]
    fn a_snapshots_tag_tells_moving_tag_sequence_and_digest() {
        let digest = Digest::of(b"");
        let made = snapshot(&tag("el9"), 42, &digest).unwrap();
        assert_eq!(made.as_str(), "el9-s42-e3b0c44298fc");
        let read = Snapshot::parse(&made).unwrap();
        assert_eq!((read.moving, read.sequence), ("el9", 42));
        assert!(digest.hex().starts_with(read.digest));
        for other in [
            "el9",
            "el9-s042-e3b0c44298fc",
            "el9-s42-e3b0c44298fC",
            "el9-s-e3b0c44298fc",
            "el9-s42-e3b0c44298f",
        ] {
            assert_eq!(Snapshot::parse(&tag(other)), None, "{other}");
        }
    }

    #[test]
    fn the_longest_moving_tag_fits_and_the_next_does_not() {
        let digest = Digest::of(b"");
        let fits = tag(&"t".repeat(MAX_MOVING_TAG));
        assert!(snapshot(&fits, u64::MAX, &digest).is_some());
        let long = tag(&"t".repeat(MAX_MOVING_TAG + 1));
        assert_eq!(snapshot(&long, 1, &digest), None);
    }

    #[test]
    fn tags_that_are_made_here_do_not_move() {
        let digest = Digest::of(b"");
        let made = [child(&digest), snapshot(&tag("el9"), 1, &digest)];
        for made in made.into_iter().flatten() {
            assert_eq!(snapshot(&made, 1, &digest), None, "{made}");
        }
        assert!(is_child(&child(&digest).unwrap()));
        assert!(!is_child(&tag("c-1")));
    }
}
