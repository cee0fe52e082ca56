//! Splitting a reference into its parts without copying any.

use std::borrow::Cow;
use std::fmt;

use super::error::{Fault, Part, Problem, ReferenceError};
use super::grammar;
use crate::digest::Digest;

/// The registry of names that do not say theirs.
pub(super) const DEFAULT_REGISTRY: &str = "docker.io";
/// What [`DEFAULT_REGISTRY`] was called once.
pub(super) const LEGACY_REGISTRY: &str = "index.docker.io";
/// The namespace of one-component names in [`DEFAULT_REGISTRY`].
const OFFICIAL: &str = "library/";

/// A reference in the words of Docker, split into parts that point into the text.
///
/// This accepts and rejects exactly what Docker does (`ParseNormalizedNamed` of
/// `distribution/reference` 0.6, knowing sha256, sha384 and sha512), in time linear in
/// the length and without allocating. Docker takes some names that no registry can be
/// asked for, such as `a.b:99999/name`; [`super::Reference`] refuses those.
///
/// ```
/// use ocirepo::reference::ReferenceRef;
///
/// let ubuntu = ReferenceRef::parse("ubuntu:24.04")?;
/// assert_eq!(ubuntu.registry(), "docker.io");
/// assert_eq!(ubuntu.name(), "library/ubuntu");
/// assert_eq!(ubuntu.tag(), Some("24.04"));
/// assert_eq!(ubuntu.to_string(), "docker.io/library/ubuntu:24.04");
/// assert_eq!(ubuntu.familiar().to_string(), "ubuntu:24.04");
/// # Ok::<(), ocirepo::reference::ReferenceError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct ReferenceRef<'a> {
    registry: &'a str,
    /// Whether `library/` comes before `path`.
    official: bool,
    path: &'a str,
    tag: Option<&'a str>,
    digest: Option<Digest>,
}

impl<'a> ReferenceRef<'a> {
    /// Splits a reference.
    pub fn parse(text: &'a str) -> Result<Self, ReferenceError> {
        if text.is_empty() {
            return Err(whole(Problem::Empty));
        }
        if text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            return Err(whole(Problem::BareHex));
        }
        let (first, rest) = match text.split_once('/') {
            Some((first, rest)) if names_a_registry(first) => (first, rest),
            _ => return Self::after(DEFAULT_REGISTRY, text, 0),
        };
        match grammar::authority(first) {
            Ok(()) => Self::after(first, rest, first.len() + 1),
            // Docker's grammar has the registry optional, and what is no host may yet
            // be a component: `foo_bar.com/name` is a name in no registry.
            Err(_) if grammar::component(first, 0).is_ok() => Self::after("", text, 0),
            Err(_) if text.contains("://") => Err(whole(Problem::HasScheme)),
            Err(fault) => Err(fault.within(Part::Registry, 0)),
        }
    }

    /// Splits what follows the registry, `start` bytes into the text that was given.
    pub(super) fn after(
        registry: &'a str,
        text: &'a str,
        start: usize,
    ) -> Result<Self, ReferenceError> {
        let registry = match registry {
            LEGACY_REGISTRY => DEFAULT_REGISTRY,
            other => other,
        };
        let selects = |byte| matches!(byte, b':' | b'@');
        let end = text.bytes().position(selects).unwrap_or(text.len());
        let (path, selectors) = text.split_at_checked(end).unwrap_or((text, ""));
        let official = registry == DEFAULT_REGISTRY && !path.contains('/');
        let implied = if official { OFFICIAL.len() } else { 0 };
        grammar::name(path, implied).map_err(|fault| fault.within(Part::Repository, start))?;

        let (tag, digest) = match selectors.split_once('@') {
            Some((tag, digest)) => (tag, Some(digest)),
            None => (selectors, None),
        };
        let tag = tag.strip_prefix(':');
        if let Some(tag) = tag {
            grammar::tag(tag).map_err(|fault| fault.within(Part::Tag, start + end + 1))?;
        }
        let digest = match digest {
            None => None,
            Some(digest) => Some(digest.parse().map_err(|error| {
                let at = text.len() - digest.len();
                let problem = Problem::Digest(error);
                Fault { at, problem }.within(Part::Digest, start)
            })?),
        };
        Ok(Self {
            registry,
            official,
            path,
            tag,
            digest,
        })
    }

    /// A view of parts that are known to be legal.
    pub(super) fn of(
        registry: &'a str,
        path: &'a str,
        tag: Option<&'a str>,
        digest: Option<Digest>,
    ) -> Self {
        Self {
            registry,
            official: false,
            path,
            tag,
            digest,
        }
    }

    /// The registry, `docker.io` unless the text names one. Empty for the names that
    /// Docker places in no registry: those whose first component has both a `.` and
    /// a `_`.
    pub fn registry(&self) -> &'a str {
        self.registry
    }

    /// The name of the repository in its registry, with `library/` where it is implied.
    pub fn name(&self) -> Cow<'a, str> {
        match self.official {
            true => Cow::Owned(format!("{OFFICIAL}{}", self.path)),
            false => Cow::Borrowed(self.path),
        }
    }

    /// The tag, if the text has one.
    pub fn tag(&self) -> Option<&'a str> {
        self.tag
    }

    /// The digest, if the text has one.
    pub fn digest(&self) -> Option<Digest> {
        self.digest
    }

    /// The short form people write: without `docker.io`, and without `library/` before
    /// a single component. It is for people: where what is left looks like a registry
    /// (`docker.io/ghcr.io/x`) or is 64 hex digits, it means something else, as it does
    /// in Docker.
    pub fn familiar(&self) -> Familiar<'a> {
        Familiar(*self)
    }

    fn write_selectors(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(tag) = self.tag {
            write!(f, ":{tag}")?;
        }
        match self.digest {
            Some(digest) => write!(f, "@{digest}"),
            None => Ok(()),
        }
    }
}

impl PartialEq for ReferenceRef<'_> {
    /// Whether both mean the same, however they were written: `ubuntu` is
    /// `docker.io/library/ubuntu`.
    fn eq(&self, other: &Self) -> bool {
        self.registry == other.registry
            && self.name() == other.name()
            && self.tag == other.tag
            && self.digest == other.digest
    }
}

impl Eq for ReferenceRef<'_> {}

impl fmt::Display for ReferenceRef<'_> {
    /// The canonical form: registry, full name, tag, digest.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.registry.is_empty() {
            write!(f, "{}/", self.registry)?;
        }
        if self.official {
            f.write_str(OFFICIAL)?;
        }
        f.write_str(self.path)?;
        self.write_selectors(f)
    }
}

/// Displays a reference in the short form ([`ReferenceRef::familiar`]).
#[derive(Clone, Copy, Debug)]
pub struct Familiar<'a>(ReferenceRef<'a>);

impl fmt::Display for Familiar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(reference) = self;
        match reference.registry {
            DEFAULT_REGISTRY => {
                let short = (reference.path.strip_prefix(OFFICIAL)).filter(|s| !s.contains('/'));
                f.write_str(short.unwrap_or(reference.path))?;
            }
            "" => f.write_str(reference.path)?,
            registry => write!(f, "{registry}/{}", reference.path)?,
        }
        reference.write_selectors(f)
    }
}

/// Whether what comes before the first slash is a registry and not a namespace of
/// Docker Hub.
fn names_a_registry(first: &str) -> bool {
    let decides = |byte| matches!(byte, b'.' | b':' | b'A'..=b'Z');
    first == "localhost"
        || first.bytes().any(decides)
        || (!first.is_ascii() && first.contains(char::is_uppercase))
}

pub(super) fn whole(problem: Problem) -> ReferenceError {
    Fault { at: 0, problem }.within(Part::Whole, 0)
}
