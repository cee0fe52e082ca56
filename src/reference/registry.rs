//! Registries and the repositories in them.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::{Arc, OnceLock};

use serde::{Serialize, Serializer};
use url::{Host, Url};

use super::borrowed::{DEFAULT_REGISTRY, LEGACY_REGISTRY};
use super::error::{Fault, Part, Problem, ReferenceError};
use super::grammar;

/// Where Docker Hub's API lives: not where its name says.
const DEFAULT_REGISTRY_API: &str = "registry-1.docker.io";

/// How a registry is spoken to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scheme {
    /// HTTP over TLS.
    Https,
    /// HTTP in the clear.
    Http,
}

impl Scheme {
    /// As it stands before `://`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Https => "https",
            Self::Http => "http",
        }
    }
}

impl fmt::Display for Scheme {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A registry that can be addressed: a host, perhaps a port, and a scheme.
///
/// It is displayed as it was written, as Docker does, but compared without regard to
/// case, for that is how the network sees host names: a token for `GHCR.io` serves
/// `ghcr.io`. A clone is cheap.
#[derive(Clone)]
pub struct Registry(Arc<Address>);

struct Address {
    scheme: Scheme,
    /// Host and port as written.
    authority: String,
    /// Made when first asked for: most references are never followed.
    base: OnceLock<Url>,
}

impl Registry {
    /// A registry at `host[:port]`, spoken to in the given way.
    ///
    /// An error unless it follows Docker's grammar for registries and a URL can be
    /// made of it. `index.docker.io` is `docker.io`.
    pub fn new(scheme: Scheme, authority: &str) -> Result<Self, ReferenceError> {
        grammar::authority(authority)
            .and_then(|()| {
                match plainly_addressable(authority) || url(scheme, authority).is_some() {
                    true => Ok(Self::addressable(scheme, authority)),
                    false => Fault::new(0, Problem::Unaddressable),
                }
            })
            .map_err(|fault| fault.within(Part::Registry, 0))
    }

    /// A registry spoken to over https unless it is on this very machine, where people
    /// run registries without certificates.
    pub fn with_default_scheme(authority: &str) -> Result<Self, ReferenceError> {
        let registry = Self::new(Scheme::Https, authority)?;
        let scheme = registry.default_scheme();
        Ok(registry.with_scheme(scheme))
    }

    fn addressable(scheme: Scheme, authority: &str) -> Self {
        let authority = match authority {
            LEGACY_REGISTRY => DEFAULT_REGISTRY,
            other => other,
        };
        Self(Arc::new(Address {
            scheme,
            authority: authority.to_owned(),
            base: OnceLock::new(),
        }))
    }

    /// How it is spoken to.
    pub fn scheme(&self) -> Scheme {
        self.0.scheme
    }

    /// Host and port as references write them: `docker.io`, `[::1]:5000`.
    pub fn authority(&self) -> &str {
        &self.0.authority
    }

    /// The root of the registry's host, with a slash at the end; its API is at `v2/`
    /// below. Docker Hub's is `https://registry-1.docker.io/`.
    pub fn base(&self) -> Url {
        self.url().clone()
    }

    /// Whether it is on this very machine: 127.0.0.0/8, `::1`, `localhost` or a name
    /// below `localhost` (RFC 6761).
    pub fn is_loopback(&self) -> bool {
        if !may_be_loopback(self.authority()) {
            return false;
        }
        match self.url().host() {
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            None => false,
        }
    }

    /// The same registry, spoken to in another way.
    pub fn with_scheme(self, scheme: Scheme) -> Self {
        if scheme == self.scheme() {
            return self;
        }
        Self::addressable(scheme, self.authority())
    }

    fn url(&self) -> &Url {
        self.0.base.get_or_init(|| {
            url(self.scheme(), self.authority())
                .expect("a registry is addressable by construction, with either scheme")
        })
    }

    /// The scheme `oci://` and Docker's references stand for.
    pub(super) fn default_scheme(&self) -> Scheme {
        match self.is_loopback() {
            true => Scheme::Http,
            false => Scheme::Https,
        }
    }
}

/// The root of a registry's host, when its authority makes a URL.
fn url(scheme: Scheme, authority: &str) -> Option<Url> {
    let host = match authority.eq_ignore_ascii_case(DEFAULT_REGISTRY) {
        true => DEFAULT_REGISTRY_API,
        false => authority,
    };
    Url::parse(&format!("{scheme}://{host}/")).ok()
}

/// Whether it needs no URL parser to see that an authority of legal grammar makes a
/// URL: a domain name that cannot be taken for an IPv4 address (whose last label would
/// begin with a digit) and has no Punycode to decode, and a port in range.
fn plainly_addressable(authority: &str) -> bool {
    let (host, port) = authority.split_once(':').unwrap_or((authority, "0"));
    let last = host.rsplit('.').next().unwrap_or_default();
    last.starts_with(|c: char| c.is_ascii_alphabetic())
        && !host.contains("--")
        && port.parse::<u16>().is_ok()
}

/// Whether an authority is worth a closer look: addresses begin with a digit or a
/// bracket.
fn may_be_loopback(authority: &str) -> bool {
    let host = authority.split(':').next().unwrap_or_default();
    let name = "localhost";
    let ending = (host.len().checked_sub(name.len())).and_then(|at| host.get(at..));
    authority.starts_with(|c: char| c.is_ascii_digit() || c == '[')
        || ending.is_some_and(|ending| ending.eq_ignore_ascii_case(name))
}

impl PartialEq for Registry {
    fn eq(&self, other: &Self) -> bool {
        self.scheme() == other.scheme() && self.authority().eq_ignore_ascii_case(other.authority())
    }
}

impl Eq for Registry {}

impl PartialOrd for Registry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Registry {
    fn cmp(&self, other: &Self) -> Ordering {
        let lower = |byte: u8| byte.to_ascii_lowercase();
        let bytes = self.authority().bytes().map(lower);
        bytes
            .cmp(other.authority().bytes().map(lower))
            .then(self.scheme().cmp(&other.scheme()))
    }
}

impl Hash for Registry {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.scheme().hash(state);
        for byte in self.authority().bytes() {
            state.write_u8(byte.to_ascii_lowercase());
        }
        state.write_u8(0xff);
    }
}

impl fmt::Display for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.authority())
    }
}

impl fmt::Debug for Registry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme(), self.authority())
    }
}

impl Serialize for Registry {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.authority())
    }
}

/// A repository in a registry. Its name is legal, so it may stand in a URL.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Repository {
    /// The registry it is in.
    pub registry: Registry,
    name: Arc<str>,
}

impl Repository {
    /// The repository of that name, which is taken as it is: nothing implies `library/`
    /// here.
    pub fn new(registry: Registry, name: &str) -> Result<Self, ReferenceError> {
        grammar::name(name, 0).map_err(|fault| fault.within(Part::Repository, 0))?;
        Ok(Self::legal(registry, name))
    }

    pub(super) fn legal(registry: Registry, name: &str) -> Self {
        Self {
            registry,
            name: name.into(),
        }
    }

    /// Its name in the registry: `library/ubuntu`.
    pub fn name(&self) -> &str {
        &self.name
    }
}

impl fmt::Display for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.registry, self.name)
    }
}

impl fmt::Debug for Repository {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}/{}", self.registry, self.name)
    }
}

impl Serialize for Repository {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}
