//! The platform an image runs on, and which of several fits a machine best.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The platform of a manifest in an index (image-spec, `image-index.md`).
///
/// ```
/// use ocirepo::platform::Platform;
///
/// let wanted: Platform = "linux/arm/v7".parse()?;
/// let offered: Platform = "linux/arm/v6".parse()?;
/// assert!(wanted.rank(&offered).is_some(), "an older ARM still runs");
/// assert!(offered.rank(&wanted).is_none());
/// # Ok::<(), ocirepo::platform::ParsePlatformError>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Platform {
    /// CPU architecture in Go's words: `amd64`, `arm64`, `ppc64le`.
    pub architecture: String,
    /// Operating system in Go's words: `linux`, `windows`.
    pub os: String,
    /// Version of the operating system, such as `10.0.14393.1066`.
    #[serde(
        rename = "os.version",
        default,
        skip_serializing_if = "Option::is_none"
    )]
    pub os_version: Option<String>,
    /// Features the operating system must have, such as `win32k`.
    #[serde(
        rename = "os.features",
        default,
        deserialize_with = "crate::json::null_is_default",
        skip_serializing_if = "Vec::is_empty"
    )]
    pub os_features: Vec<String>,
    /// Variant of the architecture: `v7` of `arm`, `v8` of `arm64`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Fields this crate gives no meaning to, kept for whoever does.
    #[serde(flatten)]
    pub unknown: Map<String, Value>,
}

impl Platform {
    /// A platform without variant, version or features.
    pub fn new(os: impl Into<String>, architecture: impl Into<String>) -> Self {
        Self {
            os: os.into(),
            architecture: architecture.into(),
            ..Self::default()
        }
    }

    /// What artifacts that are no programs say inside an index: `unknown/unknown`,
    /// which no machine asks for.
    pub fn unknown() -> Self {
        Self::new("unknown", "unknown")
    }

    /// How well something made for `offered` runs on `self`: 0 is an exact match,
    /// greater is worse, `None` is not at all.
    ///
    /// As containerd does: a missing variant of `arm64` is v8 and of `arm` is v7; an
    /// ARM or x86-64 level runs everything below it, `arm64` runs `arm` and `amd64`
    /// runs `386`. An `os.version` asked for must be the one offered or its beginning
    /// (`10.0.17763` takes `10.0.17763.1457`). Every `os.features` that the offer
    /// requires must be one asked for.
    pub fn rank(&self, offered: &Self) -> Option<u32> {
        if !self.os.eq_ignore_ascii_case(&offered.os) {
            return None;
        }
        if let Some(version) = &self.os_version {
            let rest = offered
                .os_version
                .as_ref()?
                .strip_prefix(version.as_str())?;
            if !(rest.is_empty() || rest.starts_with('.')) {
                return None;
            }
        }
        if !(offered.os_features.iter()).all(|feature| self.os_features.contains(feature)) {
            return None;
        }
        Cpu::of(self).runs(&Cpu::of(offered))
    }
}

/// An architecture as compatibility sees it.
#[derive(Debug, PartialEq, Eq)]
struct Cpu {
    family: String,
    level: Level,
}

#[derive(Debug, PartialEq, Eq)]
enum Level {
    /// `v7` is (7, 0), `v8.2` is (8, 2).
    Known(u32, u32),
    Named(String),
}

impl Cpu {
    fn of(platform: &Platform) -> Self {
        let lower = platform.architecture.to_ascii_lowercase();
        let variant = (platform.variant.as_deref())
            .unwrap_or("")
            .to_ascii_lowercase();
        let (family, implied) = match lower.as_str() {
            "aarch64" | "arm64" => ("arm64", "8"),
            "armhf" => ("arm", "7"),
            "armel" => ("arm", "6"),
            "arm" => ("arm", "7"),
            "x86_64" | "x86-64" | "amd64" => ("amd64", "1"),
            "i386" | "386" => ("386", ""),
            other => (other, ""),
        };
        let variant = if variant.is_empty() {
            implied
        } else {
            &variant
        };
        let digits = variant.strip_prefix('v').unwrap_or(variant);
        let (major, minor) = digits.split_once('.').unwrap_or((digits, "0"));
        let level = match (major.parse(), minor.parse()) {
            (Ok(major), Ok(minor)) => Level::Known(major, minor),
            _ => Level::Named(variant.to_owned()),
        };
        Self {
            family: family.to_owned(),
            level,
        }
    }

    fn runs(&self, offered: &Self) -> Option<u32> {
        // A whole family is further away than any level within one.
        const OTHER_FAMILY: u32 = 1 << 16;
        let (wanted, found) = match (&self.level, &offered.level) {
            (wanted, found) if self.family == offered.family && wanted == found => return Some(0),
            (Level::Known(major, minor), Level::Known(other_major, other_minor)) => {
                ((*major, *minor), (*other_major, *other_minor))
            }
            _ if self.family == "amd64" && offered.family == "386" => return Some(OTHER_FAMILY),
            _ => return None,
        };
        let distance = |from: (u32, u32), to: (u32, u32)| {
            let majors = from.0.saturating_sub(to.0).min(255);
            let minors = if majors == 0 {
                from.1.saturating_sub(to.1)
            } else {
                // v9.0 runs v8.5: nearer is the higher minor.
                255u32.saturating_sub(to.1)
            };
            majors * 256 + minors.min(255)
        };
        match (self.family.as_str(), offered.family.as_str()) {
            ("arm", "arm") if found <= wanted && found.0 >= 5 => Some(distance(wanted, found)),
            ("arm64" | "amd64", family) if family == self.family && found <= wanted => {
                Some(distance(wanted, found))
            }
            ("arm64", "arm") if (5..=8).contains(&found.0) => {
                Some(OTHER_FAMILY + distance((8, 0), found))
            }
            _ => None,
        }
    }
}

impl fmt::Display for Platform {
    /// `os/architecture[/variant]`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

impl FromStr for Platform {
    type Err = ParsePlatformError;

    /// Parses `os/architecture[/variant]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |part: &&str| {
            !part.is_empty()
                && part
                    .bytes()
                    .all(|b| b.is_ascii_alphanumeric() || b"_.-".contains(&b))
        };
        let mut parts = text.split('/');
        let mut next = || parts.next().filter(legal);
        let (Some(os), Some(architecture)) = (next(), next()) else {
            return Err(ParsePlatformError(()));
        };
        let mut platform = Self::new(os, architecture);
        if text.matches('/').count() > 1 {
            platform.variant = Some(next().ok_or(ParsePlatformError(()))?.to_owned());
        }
        match parts.next() {
            None => Ok(platform),
            Some(_) => Err(ParsePlatformError(())),
        }
    }
}

/// A text is not a [`Platform`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsePlatformError(());

impl fmt::Display for ParsePlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "invalid platform: write it as os/architecture or os/architecture/variant, \
             for example linux/amd64 or linux/arm/v7",
        )
    }
}

impl std::error::Error for ParsePlatformError {}

#[cfg(test)]
mod tests {
    use super::*;

    fn platform(text: &str) -> Platform {
        text.parse().unwrap()
    }

    /// Offers from best to worst; what follows the bar does not run at all.
    #[test]
    fn nearer_variants_come_first() {
        let cases = [
            (
                "linux/arm64",
                "arm64/v8 arm/v8 arm/v7 arm/v6 arm/v5 | arm64/v9 amd64 arm/v4 arm/v9",
            ),
            (
                "linux/arm64/v9",
                "arm64/v9 arm64/v8.5 arm64/v8 arm/v8 arm/v7 | arm64/v9.1",
            ),
            ("linux/arm/v7", "arm/v7 arm/v6 arm/v5 | arm/v8 arm64 arm/v4"),
            ("linux/arm", "arm/v7 arm/v6 arm/v5 | arm/v8"),
            ("linux/arm/v6", "arm/v6 arm/v5 | arm/v7 arm"),
            ("linux/amd64", "amd64/v1 386 | amd64/v2 arm64"),
            (
                "linux/amd64/v3",
                "amd64/v3 amd64/v2 amd64 386 | amd64/v4 x86",
            ),
            ("linux/aarch64", "arm64 arm | amd64"),
            ("linux/x86_64", "amd64 i386 |"),
            ("linux/s390x", "s390x | s390x/z13 386"),
            ("linux/mips/softfloat", "mips/softfloat | mips"),
        ];
        for (wanted, offers) in cases {
            let wanted = platform(wanted);
            let rank = |offer: &str| wanted.rank(&platform(&format!("linux/{offer}")));
            let (good, bad) = offers.split_once('|').unwrap();
            let ranks: Vec<_> = good.split_whitespace().map(rank).collect();
            assert!(
                ranks.iter().all(Option::is_some),
                "{wanted}: {good} {ranks:?}"
            );
            assert!(
                ranks.windows(2).all(|pair| pair[0] < pair[1]),
                "{wanted}: {good} {ranks:?}"
            );
            assert_eq!(ranks[0], Some(0), "{wanted}");
            for offer in bad.split_whitespace() {
                assert_eq!(rank(offer), None, "{wanted} {offer}");
            }
        }
        assert_eq!(platform("linux/amd64").rank(&Platform::unknown()), None);
        assert_eq!(
            platform("linux/amd64").rank(&platform("windows/amd64")),
            None
        );
    }

    #[test]
    fn versions_and_features_narrow_the_choice() {
        let offered = Platform {
            os_version: Some("10.0.17763.1457".into()),
            os_features: vec!["win32k".into()],
            ..platform("windows/amd64")
        };
        let mut wanted = Platform {
            os_features: vec!["win32k".into(), "other".into()],
            ..platform("windows/amd64")
        };
        for (version, fits) in [
            (None, true),
            (Some("10.0.17763"), true),
            (Some("10.0.17763.1457"), true),
            (Some("10.0.1776"), false),
            (Some("10.0.17763.1457.1"), false),
        ] {
            wanted.os_version = version.map(str::to_owned);
            assert_eq!(wanted.rank(&offered).is_some(), fits, "{version:?}");
        }
        wanted.os_version = None;
        wanted.os_features.clear();
        assert_eq!(wanted.rank(&offered), None, "the offer requires win32k");
    }

    #[test]
    fn text_forms() {
        assert_eq!(platform("linux/arm/v7").to_string(), "linux/arm/v7");
        assert_eq!(platform("linux/amd64").variant, None);
        for bad in [
            "",
            "linux",
            "linux/",
            "/amd64",
            "linux/arm/",
            "linux/arm/v7/x",
            "linux/a b",
            "linux/é",
        ] {
            assert!(bad.parse::<Platform>().is_err(), "{bad}");
        }
    }

    #[test]
    fn json_uses_the_dotted_names_and_keeps_what_it_does_not_know() {
        let text = r#"{"architecture":"amd64","os":"windows","os.version":"10","os.features":["win32k"],"features":["sse4"]}"#;
        let parsed: Platform = serde_json::from_str(text).unwrap();
        assert_eq!(parsed.os_version.as_deref(), Some("10"));
        assert_eq!(serde_json::to_string(&parsed).unwrap(), text);
        let nulls: Platform =
            serde_json::from_str(r#"{"architecture":"a","os":"b","os.features":null}"#).unwrap();
        assert_eq!(nulls, Platform::new("b", "a"));
    }
}
