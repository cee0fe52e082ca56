//! References as URLs: `oci://HOST[:PORT]/NAME[:TAG][@DIGEST]`.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::borrowed::ReferenceRef;
use super::error::{Fault, Part, Problem, ReferenceError};
use super::registry::{Registry, Scheme};
use super::{Reference, Repository};

/// A reference that says its registry and how to speak to it.
///
/// `oci://` is https, except that a loopback registry is spoken to over http;
/// `oci+http://` and `oci+https://` leave no choice. The first component is always the
/// registry. Nothing else a URL may have is allowed.
///
/// ```
/// use ocirepo::reference::{Location, Scheme};
///
/// let location: Location = "oci://ghcr.io/me/repo:el9".parse()?;
/// assert_eq!(location.reference().repository().registry.scheme(), Scheme::Https);
/// assert_eq!(location.to_string(), "oci://ghcr.io/me/repo:el9");
/// # Ok::<(), ocirepo::reference::ReferenceError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Location(Reference);

/// The schemes; `None` is whatever suits the registry.
const SCHEMES: [(&str, Option<Scheme>); 3] = [
    ("oci", None),
    ("oci+https", Some(Scheme::Https)),
    ("oci+http", Some(Scheme::Http)),
];

impl Location {
    /// Reads a location.
    pub fn parse(text: &str) -> Result<Self, ReferenceError> {
        let fault = |at, problem, part| Err(Fault { at, problem }.within(part, 0));
        let Some((name, rest)) = text.split_once("://") else {
            return fault(0, Problem::NoScheme, Part::Scheme);
        };
        let Some((_, scheme)) =
            (SCHEMES.iter()).find(|(known, _)| known.eq_ignore_ascii_case(name))
        else {
            return fault(0, Problem::OtherScheme, Part::Scheme);
        };
        let start = name.len() + "://".len();
        if let Some(at) = rest.find(['?', '#', '%']) {
            let problem = match rest.as_bytes().get(at) {
                Some(b'?') => Problem::Query,
                Some(b'#') => Problem::Fragment,
                _ => Problem::Escape,
            };
            return fault(start + at, problem, Part::Whole);
        }
        let (host, path) = rest.split_once('/').unwrap_or((rest, ""));
        if let Some(at) = host.find('@') {
            return fault(start + at, Problem::UserInfo, Part::Registry);
        }
        let registry = match scheme {
            Some(scheme) => Registry::new(*scheme, host),
            None => Registry::with_default_scheme(host),
        }
        .map_err(|error| error.shifted(start))?;
        if path.is_empty() {
            return fault(text.len(), Problem::NoRepository, Part::Repository);
        }
        let start = start + host.len() + 1;
        let parts = ReferenceRef::after(registry.authority(), path, start)?;
        let repository = Repository::legal(registry.clone(), &parts.name());
        Ok(Self(Reference::assembled(repository, &parts)))
    }

    /// What it refers to.
    pub fn reference(&self) -> &Reference {
        &self.0
    }

    /// What it refers to.
    pub fn into_reference(self) -> Reference {
        self.0
    }

    /// The repository it is in.
    pub fn repository(&self) -> &Repository {
        self.0.repository()
    }
}

impl From<Reference> for Location {
    fn from(reference: Reference) -> Self {
        Self(reference)
    }
}

impl FromStr for Location {
    type Err = ReferenceError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::parse(text)
    }
}

impl fmt::Display for Location {
    /// The `oci://` form, with the scheme where it is not the usual one for the
    /// registry.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let registry = &self.repository().registry;
        let scheme = Some(registry.scheme()).filter(|scheme| *scheme != registry.default_scheme());
        for (name, of) in SCHEMES {
            if of == scheme {
                write!(f, "{name}://")?;
            }
        }
        write!(f, "{}", self.0)
    }
}

impl Serialize for Location {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Location {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<str>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
