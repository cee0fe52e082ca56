//! Which addresses may be reached on behalf of somebody else.
//!
//! A bridge that fetches for others must not be led into the network it stands in: a
//! registry could answer with a redirect, a realm or a link to `127.0.0.1`. What is
//! checked is the address that is connected to, after the name was resolved.

use std::error::Error as StdError;
use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use super::Failure;

/// A part of the address space that is not the public internet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Zone {
    /// This machine.
    Loopback,
    /// The network of the house.
    Private,
    /// The neighbours on the wire, which is where clouds serve secrets from.
    LinkLocal,
}

/// A set of zones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Zones(u8);

impl Zones {
    fn allows(self, zone: Zone) -> bool {
        self.0 & (1 << zone as u8) != 0
    }

    fn with(self, zone: Zone) -> Self {
        Self(self.0 | 1 << zone as u8)
    }
}

impl Zone {
    fn of(address: IpAddr) -> Option<Self> {
        match address {
            IpAddr::V4(address) => Self::of_v4(address),
            IpAddr::V6(address) => Self::of_v6(address),
        }
    }

    fn of_v4(address: Ipv4Addr) -> Option<Self> {
        match address.octets() {
            [127 | 0, ..] => Some(Self::Loopback),
            [169, 254, ..] | [224..=255, ..] => Some(Self::LinkLocal),
            [10, ..]
            | [172, 16..=31, ..]
            | [192, 168, ..]
            // Carriers' networks, protocol assignments, benchmarks.
            | [100, 64..=127, ..]
            | [192, 0, 0, _]
            | [198, 18..=19, ..] => Some(Self::Private),
            _ => None,
        }
    }

    fn of_v6(address: Ipv6Addr) -> Option<Self> {
        let embedded = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            Self::of_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0 | 1] => Some(Self::Loopback),
            // IPv4 in other clothes: mapped, compatible, NAT64, 6to4.
            [0, 0, 0, 0, 0, 0 | 0xffff, high, low]
            | [0x64, 0xff9b, 0, 0, 0, 0, high, low]
            | [0x2002, high, low, ..] => embedded(high, low),
            [0xfe80..=0xfebf | 0xff00..=0xffff, ..] => Some(Self::LinkLocal),
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] => Some(Self::Private),
            _ => None,
        }
    }
}

/// A destination that was refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Forbidden {
    host: String,
    address: IpAddr,
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { host, address } = self;
        write!(f, "the registry leads to {host}, which is ")?;
        if *host != address.to_string() {
            write!(f, "{address}, ")?;
        }
        f.write_str("an address of the local network where the registry itself is not")
    }
}

impl StdError for Forbidden {}

/// The zones that a registry may lead to: those it is in itself. Checks a destination
/// that is written as an address, for those are never resolved.
pub(super) async fn permit(registry: &Url, url: &Url) -> Result<Zones, Failure> {
    let mut zones = Zones::default();
    for address in addresses(registry).await {
        if let Some(zone) = Zone::of(address) {
            zones = zones.with(zone);
        }
    }
    let literal = match url.host() {
        Some(Host::Ipv4(address)) => Some(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => Some(IpAddr::V6(address)),
        _ => None,
    };
    match literal {
        Some(address) => check(&address.to_string(), address, zones)
            .map(|()| zones)
            .map_err(Failure::local),
        None => Ok(zones),
    }
}

fn check(host: &str, address: IpAddr, zones: Zones) -> Result<(), Forbidden> {
    match Zone::of(address) {
        Some(zone) if !zones.allows(zone) => Err(Forbidden {
            host: host.to_owned(),
            address,
        }),
        _ => Ok(()),
    }
}

async fn addresses(url: &Url) -> Vec<IpAddr> {
    match url.host() {
        Some(Host::Ipv4(address)) => vec![address.into()],
        Some(Host::Ipv6(address)) => vec![address.into()],
        Some(Host::Domain(name)) => match tokio::net::lookup_host((name, 0)).await {
            Ok(found) => found.map(|address| address.ip()).collect(),
            // It then cannot be reached either.
            Err(_) => Vec::new(),
        },
        None => Vec::new(),
    }
}

/// Resolves names, and refuses those with an address in a zone that is not allowed.
#[derive(Debug)]
pub(super) struct GuardedResolver {
    zones: Zones,
    /// Proxies are where the user says they are.
    exempt: Vec<String>,
}

impl GuardedResolver {
    pub(super) fn new(zones: Zones, exempt: Vec<String>) -> Self {
        Self { zones, exempt }
    }
}

impl Resolve for GuardedResolver {
    fn resolve(&self, name: Name) -> Resolving {
        let zones = self.zones;
        let exempt = self.exempt.iter().any(|host| host == name.as_str());
        Box::pin(async move {
            let found: Vec<SocketAddr> =
                tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            if !exempt {
                // One bad address is enough: which one is tried is not for us to say.
                for address in &found {
                    check(name.as_str(), address.ip(), zones)?;
                }
            }
            Ok(Box::new(found.into_iter()) as Addrs)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn url(text: &str) -> Url {
        Url::parse(text).unwrap()
    }

    #[test]
    fn local_addresses_are_known_in_every_spelling() {
        for (address, expected) in [
            ("127.1.2.3", Some(Zone::Loopback)),
            ("0.0.0.0", Some(Zone::Loopback)),
            ("::1", Some(Zone::Loopback)),
            ("::", Some(Zone::Loopback)),
            ("::ffff:127.0.0.1", Some(Zone::Loopback)),
            ("::127.0.0.1", Some(Zone::Loopback)),
            ("64:ff9b::7f00:1", Some(Zone::Loopback)),
            ("2002:7f00:1::", Some(Zone::Loopback)),
            ("10.0.0.1", Some(Zone::Private)),
            ("172.31.0.1", Some(Zone::Private)),
            ("192.168.1.1", Some(Zone::Private)),
            ("100.64.0.1", Some(Zone::Private)),
            ("fd00::1", Some(Zone::Private)),
            ("169.254.169.254", Some(Zone::LinkLocal)),
            ("fe80::1", Some(Zone::LinkLocal)),
            ("ff02::1", Some(Zone::LinkLocal)),
            ("255.255.255.255", Some(Zone::LinkLocal)),
            ("8.8.8.8", None),
            ("172.32.0.1", None),
            ("2606:4700::1", None),
        ] {
            assert_eq!(Zone::of(address.parse().unwrap()), expected, "{address}");
        }
    }

    #[tokio::test]
    async fn a_registry_leads_only_to_where_it_is_itself() {
        let public = url("https://8.8.8.8/");
        let local = url("http://127.0.0.1:5000/");
        let private = url("http://10.0.0.1/");
        for (registry, destination, allowed) in [
            (&public, "http://127.0.0.1/", false),
            (&public, "http://[::ffff:10.0.0.1]/", false),
            (&public, "http://2130706433/", false),
            (&public, "https://9.9.9.9/", true),
            (&local, "http://[::1]:5004/token", true),
            (&local, "http://10.0.0.1/", false),
            (&private, "http://10.9.9.9/", true),
            (&private, "http://127.0.0.1/", false),
        ] {
            let permitted = permit(registry, &url(destination)).await;
            assert_eq!(permitted.is_ok(), allowed, "{registry} to {destination}");
        }
    }

    #[tokio::test]
    async fn a_name_is_judged_by_the_address_it_resolves_to() {
        let resolve = |zones, exempt: Vec<String>| {
            GuardedResolver::new(zones, exempt).resolve("localhost".parse().unwrap())
        };
        let Err(error) = resolve(Zones::default(), Vec::new()).await else {
            panic!("localhost was not refused");
        };
        assert!(error.is::<Forbidden>(), "{error}");
        assert!(
            error
                .to_string()
                .starts_with("the registry leads to localhost, which is ")
        );
        let loopback = Zones::default().with(Zone::Loopback);
        assert!(resolve(loopback, Vec::new()).await.is_ok());
        assert!(
            resolve(Zones::default(), vec!["localhost".into()])
                .await
                .is_ok()
        );
    }
}
