//! Names of the tags that keep a published repository alive.
//!
//! Registries delete manifests that no tag reaches, and some do not look inside an index.
//! So every manifest below an index has a tag made from its content, and every snapshot
//! has one that stays when the moving tag goes on:
//!
//! - a child: `c-` and the 64 hexadecimal digits of its SHA-256 digest;
//! - a package of `native`: `p-` and the 64 hexadecimal digits of the SHA-256 of the RPM;
//! - a snapshot: the moving tag, `-s`, the sequence number, `-` and the first 12
//!   hexadecimal digits of its digest, such as `el9-s42-0f343b093112`;
//! - what is no longer in use: its tag, `-u`, and since when in Unix seconds, such as
//!   `el9-s42-0f343b093112-u1700000000`. Registries do not tell since when a tag has been
//!   elsewhere, and snapshots do not know the time of their publishing, so whoever moves
//!   the moving tag on says so with this.

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

/// The tag of a package of the layout `native`: `p-` and the 64 hexadecimal digits of the
/// SHA-256 of the RPM.
///
/// `None` for digests that do not fit into a tag, which only SHA-256 is sure to.
pub fn package(rpm: &Digest) -> Option<Tag> {
    format!("p-{}", rpm.hex()).parse().ok()
}

/// The digest of the RPM that the tag of a package tells; `None` for all other tags.
pub fn package_of(tag: &Tag) -> Option<Digest> {
    let hex = tag.as_str().strip_prefix("p-").filter(|hex| is_hex(hex))?;
    format!("sha256:{hex}").parse().ok()
}

/// The tag of a snapshot of a moving tag.
///
/// `None` when the moving tag is longer than [`MAX_MOVING_TAG`] or has itself the form of
/// a tag that is made here.
pub fn snapshot(moving: &Tag, sequence: u64, digest: &Digest) -> Option<Tag> {
    if moving.as_str().len() > MAX_MOVING_TAG || is_made(moving) {
        return None;
    }
    let hex = digest.hex();
    let short = hex.get(..SHORT)?;
    format!("{moving}-s{sequence}-{short}").parse().ok()
}

/// The tag that says since when, in Unix seconds, a snapshot has been superseded, that is,
/// its moving tag has pointed elsewhere. It goes to the root of that snapshot.
///
/// A root whose publisher did not count has the sequence number 0. `None` as for
/// [`snapshot`], and for numbers with too many digits to fit into a tag (a sequence number
/// beyond ten, with the longest moving tag).
pub fn superseded(moving: &Tag, sequence: u64, digest: &Digest, since: u64) -> Option<Tag> {
    unused(&snapshot(moving, sequence, digest)?, since)
}

/// The tag that says since when, in Unix seconds, what is at the given tag (of a child, a
/// package or a snapshot) has not been in use.
///
/// `None` for other tags, which are not made here, and where it does not fit into a tag.
pub fn unused(tag: &Tag, since: u64) -> Option<Tag> {
    if Unused::parse(tag).is_some() || !is_made(tag) {
        return None;
    }
    format!("{tag}-u{since}").parse().ok()
}

/// Whether a tag has one of the forms that are made here, so that it does not move.
pub fn is_made(tag: &Tag) -> bool {
    is_markable(tag) || Unused::parse(tag).is_some()
}

/// Whether a tag is that of something that can go out of use.
fn is_markable(tag: &Tag) -> bool {
    is_child(tag) || package_of(tag).is_some() || Snapshot::parse(tag).is_some()
}

/// What the tag of something that is no longer in use says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Unused {
    /// The tag of the child, package or snapshot.
    pub tag: Tag,
    /// Since when, in Unix seconds.
    pub since: u64,
}

impl Unused {
    /// Reads the tag of something that is no longer in use; `None` for all other tags.
    pub fn parse(tag: &Tag) -> Option<Self> {
        let (rest, number) = tag.as_str().rsplit_once("-u")?;
        let since = number.parse().ok()?;
        let tag: Tag = rest.parse().ok()?;
        // Not of another such tag: that would be since when the mark has been unused.
        let marked = is_markable(&tag);
        (marked && u64::to_string(&since) == number).then_some(Self { tag, since })
    }
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
    fn the_tag_of_what_is_unused_tells_the_tag_it_had_and_since_when() {
        let digest = Digest::of(b"");
        let made = superseded(&tag("el9"), 42, &digest, 1_700_000_000).unwrap();
        assert_eq!(made.as_str(), "el9-s42-e3b0c44298fc-u1700000000");
        let read = Unused::parse(&made).unwrap();
        assert_eq!(read.since, 1_700_000_000);
        assert_eq!(Snapshot::parse(&read.tag).unwrap().moving, "el9");
        assert_eq!(Snapshot::parse(&made), None);
        let shard = child(&digest).unwrap();
        let read = Unused::parse(&unused(&shard, 7).unwrap()).unwrap();
        assert_eq!((read.tag, read.since), (shard, 7));
        for other in [
            "el9-u1",
            "el9-s42-e3b0c44298fc-u",
            "el9-s42-e3b0c44298fc-u01",
            "el9-s42-e3b0c44298fc-u-1",
            "el9-s42-e3b0c44298fc-u1-u2",
        ] {
            assert_eq!(Unused::parse(&tag(other)), None, "{other}");
        }
        assert_eq!(unused(&made, 1), None);
        assert_eq!(unused(&tag("el9"), 1), None);
    }

    #[test]
    fn the_longest_moving_tag_has_room_for_since_when_it_went_on() {
        let digest = Digest::of(b"");
        let longest = tag(&"t".repeat(MAX_MOVING_TAG));
        let made = superseded(&longest, 9_999_999_999, &digest, 99_999_999_999).unwrap();
        assert_eq!(made.as_str().len(), 128);
        assert_eq!(superseded(&longest, u64::MAX, &digest, 1_700_000_000), None);
    }

    #[test]
    fn tags_that_are_made_here_do_not_move() {
        let digest = Digest::of(b"");
        let made = [
            child(&digest),
            package(&digest),
            snapshot(&tag("el9"), 1, &digest),
            superseded(&tag("el9"), 1, &digest, 1),
        ];
        for made in made.into_iter().flatten() {
            assert_eq!(snapshot(&made, 1, &digest), None, "{made}");
        }
        assert!(is_child(&child(&digest).unwrap()));
        assert!(!is_child(&tag("c-1")));
        assert_eq!(package_of(&package(&digest).unwrap()), Some(digest));
        assert_eq!(package_of(&tag("p-1")), None);
    }
}
