//! What tags say by their form, and which of them go along with another.

use ocirepo::digest::{Algorithm, Digest};
use ocirepo::reference::Tag;

use crate::layout::tags::{self, Snapshot, Unused};

/// The suffixes of cosign's tags for signatures, attestations and bills of materials.
const ATTACHED: [&str; 3] = ["sig", "att", "sbom"];

/// What a tag is for, as far as its form tells.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Role {
    /// `c-<sha256>`: keeps the manifest with that digest, below an index.
    Child(Digest),
    /// `p-<sha256>`: keeps the artifact of the package with that digest.
    Package(Digest),
    /// `el9-s42-0f343b093112`: keeps a snapshot of this moving tag.
    Snapshot {
        /// The moving tag.
        moving: Tag,
        /// The sequence number.
        sequence: u64,
    },
    /// Says since when, in Unix seconds, what is at another tag has not been in use.
    Unused {
        /// The other tag.
        of: Tag,
        /// Since when.
        since: u64,
    },
    /// `sha256-<hex>.sig`: holds what cosign made for this manifest.
    Attached(Digest),
    /// `sha256-<hex>`: the list of referrers of this manifest, where the registry has no
    /// API for it.
    Referrers(Digest),
    /// Somebody's own: a moving tag of ours, or whatever else.
    Other,
}

impl Role {
    /// What a tag is for.
    pub fn of(tag: &Tag) -> Self {
        if let Some(unused) = Unused::parse(tag) {
            let (of, since) = (unused.tag, unused.since);
            return Self::Unused { of, since };
        }
        if let Some(snapshot) = Snapshot::parse(tag)
            && let Ok(moving) = snapshot.moving.parse()
        {
            let sequence = snapshot.sequence;
            return Self::Snapshot { moving, sequence };
        }
        let text = tag.as_str();
        if tags::is_child(tag)
            && let Some(digest) = text.strip_prefix("c-").and_then(sha256)
        {
            return Self::Child(digest);
        }
        if let Some(rpm) = tags::package_of(tag) {
            return Self::Package(rpm);
        }
        match text
            .strip_prefix("sha256-")
            .map(|rest| rest.split_once('.'))
        {
            Some(Some((hex, suffix))) if ATTACHED.contains(&suffix) => {
                sha256(hex).map_or(Self::Other, Self::Attached)
            }
            Some(None) => {
                let hex = text.strip_prefix("sha256-").and_then(sha256);
                hex.map_or(Self::Other, Self::Referrers)
            }
            _ => Self::Other,
        }
    }

    /// The moving tag of a snapshot, be it in use or not.
    pub fn moving(&self) -> Option<Tag> {
        match self {
            Self::Snapshot { moving, .. } => Some(moving.clone()),
            Self::Unused { of, .. } => match Self::of(of) {
                Self::Snapshot { moving, .. } => Some(moving),
                _ => None,
            },
            _ => None,
        }
    }
}

fn sha256(hex: &str) -> Option<Digest> {
    Digest::from_hex(Algorithm::Sha256, hex).ok()
}

/// The tags of the snapshots of the moving tag `from`, each with the tag it gets where that
/// moving tag is called `to`. Tags that would become too long are left out.
pub fn snapshots<'a>(
    tags: impl IntoIterator<Item = &'a Tag>,
    from: &Tag,
    to: &Tag,
) -> Vec<(Tag, Tag)> {
    let renamed = |tag: &Tag| -> Option<Tag> {
        let rest = tag.as_str().strip_prefix(from.as_str())?;
        format!("{to}{rest}").parse().ok()
    };
    tags.into_iter()
        .filter(|tag| Role::of(tag).moving().as_ref() == Some(from))
        .filter_map(|tag| Some((tag.clone(), renamed(tag)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(text: &str) -> Tag {
        text.parse().unwrap()
    }

    #[test]
    fn the_form_of_a_tag_tells_what_it_is_for() {
        let digest = Digest::of(b"");
        let hex = digest.hex();
        let el9 = tag("el9");
        let snapshot = Role::Snapshot {
            moving: el9.clone(),
            sequence: 7,
        };
        for (text, role) in [
            (format!("c-{hex}"), Role::Child(digest)),
            (format!("p-{hex}"), Role::Package(digest)),
            ("el9-s7-0f343b093112".to_owned(), snapshot),
            (
                "el9-s7-0f343b093112-u99".to_owned(),
                Role::Unused {
                    of: tag("el9-s7-0f343b093112"),
                    since: 99,
                },
            ),
            (format!("sha256-{hex}.sig"), Role::Attached(digest)),
            (format!("sha256-{hex}.att"), Role::Attached(digest)),
            (format!("sha256-{hex}"), Role::Referrers(digest)),
            (format!("sha256-{hex}.txt"), Role::Other),
            ("sha256-00".to_owned(), Role::Other),
            ("el9".to_owned(), Role::Other),
        ] {
            assert_eq!(Role::of(&tag(&text)), role, "{text}");
        }
    }

    #[test]
    fn snapshots_go_along_with_their_moving_tag_and_take_its_new_name() {
        let all = [
            "el9",
            "el9-s1-0f343b093112",
            "el9-s1-0f343b093112-u5",
            "el9-x-s1-0f343b093112",
            "el10-s1-0f343b093112",
        ]
        .map(tag);
        let along = snapshots(&all, &tag("el9"), &tag("stable"));
        let shown: Vec<_> = along
            .iter()
            .map(|(a, b)| (a.as_str(), b.as_str()))
            .collect();
        assert_eq!(
            shown,
            [
                ("el9-s1-0f343b093112", "stable-s1-0f343b093112"),
                ("el9-s1-0f343b093112-u5", "stable-s1-0f343b093112-u5"),
            ]
        );
    }
}
