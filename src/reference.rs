//! References: which manifest of which repository in which registry.
//!
//! | type | what it is | example |
//! | --- | --- | --- |
//! | [`ReferenceRef`] | text split as Docker splits it, nothing copied | `ubuntu` |
//! | [`Reference`] | the same, owned, in a registry that can be addressed | `docker.io/library/ubuntu` |
//! | [`Location`] | a reference as a URL that names its registry | `oci://ghcr.io/me/repo:el9` |
//! | [`Registry`], [`Repository`], [`Tag`] | its parts | `ghcr.io`, `ghcr.io/me/repo`, `el9` |
//! | [`Selector`] | what a manifest is asked for by, inside one repository | `el9`, `sha256:…` |
//!
//! Each is legal by construction, so its text may stand in a URL or a path.

mod borrowed;
mod error;
mod grammar;
mod location;
mod registry;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::digest::Digest;

pub use borrowed::{Familiar, ReferenceRef};
pub use error::{Part, ReferenceError};
pub use location::Location;
pub use registry::{Registry, Repository, Scheme};

/// A reference to a manifest, or to a repository when it has neither tag nor digest.
///
/// It is read in the words of Docker ([`ReferenceRef`]), from a registry spoken to over
/// https unless it is a loopback one. It is displayed in the canonical form, which
/// does not tell the scheme; [`Location`] does.
///
/// ```
/// use ocirepo::reference::Reference;
///
/// let reference: Reference = "localhost:5000/me/repo:el9".parse()?;
/// assert_eq!(reference.repository().registry.base().as_str(), "http://localhost:5000/");
/// assert_eq!(reference.selector().to_string(), "el9");
/// # Ok::<(), ocirepo::reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    repository: Repository,
    tag: Option<Tag>,
    digest: Option<Digest>,
}

impl Reference {
    /// A reference to a repository as a whole.
    pub fn new(repository: Repository) -> Self {
        Self {
            repository,
            tag: None,
            digest: None,
        }
    }

    fn assembled(repository: Repository, parts: &ReferenceRef<'_>) -> Self {
        Self {
            repository,
            tag: parts.tag().map(|tag| Tag(tag.to_owned())),
            digest: parts.digest(),
        }
    }

    /// The same reference with this tag.
    pub fn with_tag(self, tag: Tag) -> Self {
        Self {
            tag: Some(tag),
            ..self
        }
    }

    /// The same reference with this digest.
    pub fn with_digest(self, digest: Digest) -> Self {
        Self {
            digest: Some(digest),
            ..self
        }
    }

    /// The repository.
    pub fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The repository, without copying it.
    pub fn into_repository(self) -> Repository {
        self.repository
    }

    /// The registry.
    pub fn registry(&self) -> &Registry {
        &self.repository.registry
    }

    /// The tag, if it was written.
    pub fn tag(&self) -> Option<&Tag> {
        self.tag.as_ref()
    }

    /// The digest, if it was written.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// What to ask the registry for: the digest, or else the tag, or else the tag
    /// `latest`.
    pub fn selector(&self) -> Selector {
        match (self.digest, &self.tag) {
            (Some(digest), _) => Selector::Digest(digest),
            (None, Some(tag)) => Selector::Tag(tag.clone()),
            (None, None) => Selector::Tag(Tag::latest()),
        }
    }

    /// The same, borrowed.
    pub fn as_parts(&self) -> ReferenceRef<'_> {
        ReferenceRef::of(
            self.registry().authority(),
            self.repository.name(),
            self.tag().map(Tag::as_str),
            self.digest,
        )
    }

    /// The short form people write ([`ReferenceRef::familiar`]).
    pub fn familiar(&self) -> Familiar<'_> {
        self.as_parts().familiar()
    }
}

impl TryFrom<ReferenceRef<'_>> for Reference {
    type Error = ReferenceError;

    /// An error when the registry cannot be addressed.
    fn try_from(parts: ReferenceRef<'_>) -> Result<Self, ReferenceError> {
        if parts.registry().is_empty() {
            let problem = error::Problem::NoRegistry;
            return Err(error::Fault { at: 0, problem }.within(Part::Registry, 0));
        }
        let registry = Registry::with_default_scheme(parts.registry())?;
        let repository = Repository::legal(registry, &parts.name());
        Ok(Self::assembled(repository, &parts))
    }
}

impl FromStr for Reference {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        ReferenceRef::parse(text)?.try_into()
    }
}

impl fmt::Display for Reference {
    /// The canonical form: registry, full name, tag, digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.as_parts(), f)
    }
}

impl Serialize for Reference {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Reference {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// A tag: at most 128 of letters, digits, `_`, `.` and `-`, the first of them a letter,
/// a digit or `_` (distribution-spec, "Pulling manifests").
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tag(String);

impl Tag {
    /// The tag meant where none is written.
    pub fn latest() -> Self {
        Self("latest".to_owned())
    }

    /// Its text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Tag {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match grammar::tag(text) {
            Ok(()) => Ok(Self(text.to_owned())),
            Err(fault) => Err(fault.within(Part::Tag, 0)),
        }
    }
}

impl AsRef<str> for Tag {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Tag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl Serialize for Tag {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for Tag {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

/// What a manifest is asked for by, inside one repository.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Selector {
    /// Whatever the tag points at.
    Tag(Tag),
    /// The one manifest with this digest.
    Digest(Digest),
}

impl From<Tag> for Selector {
    fn from(tag: Tag) -> Self {
        Self::Tag(tag)
    }
}

impl From<Digest> for Selector {
    fn from(digest: Digest) -> Self {
        Self::Digest(digest)
    }
}

impl FromStr for Selector {
    type Err = ReferenceError;

    /// A digest when there is a `:`, which no tag has.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if !text.contains(':') {
            return text.parse().map(Self::Tag);
        }
        text.parse().map(Self::Digest).map_err(|error| {
            let problem = error::Problem::Digest(error);
            error::Fault { at: 0, problem }.within(Part::Digest, 0)
        })
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tag(tag) => tag.fmt(f),
            Self::Digest(digest) => digest.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
