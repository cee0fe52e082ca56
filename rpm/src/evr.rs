//! Versions of packages and how RPM orders them.
//!
//! ```
//! use ocirepo_rpm::evr::{Evr, Nevra};
//!
//! assert!("1.0~rc1-1".parse::<Evr>()? < "1.0-1".parse::<Evr>()?);
//! let nevra: Nevra = "bash-0:5.3-1.fc44.x86_64".parse()?;
//! assert_eq!((&*nevra.name, &*nevra.arch), ("bash", "x86_64"));
//! # Ok::<(), ocirepo_rpm::evr::ParseNevraError>(())
//! ```

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use crate::error::excerpt;

/// Compares two versions, or two releases, as RPM does (`rpmvercmp`).
///
/// A version is a row of segments of digits or of ASCII letters; everything else
/// separates them and is not compared. Numbers compare by value and are newer than
/// letters; more segments are newer. `~` sorts before everything, even the end; `^`
/// sorts after the end, but before any further segment.
pub fn rpmvercmp(a: &str, b: &str) -> Ordering {
    if a == b {
        return Ordering::Equal;
    }
    let (mut a, mut b) = (a.as_bytes(), b.as_bytes());
    loop {
        a = skip_separators(a);
        b = skip_separators(b);
        match (a.split_first(), b.split_first()) {
            (Some((b'~', rest_a)), Some((b'~', rest_b)))
            | (Some((b'^', rest_a)), Some((b'^', rest_b))) => {
                (a, b) = (rest_a, rest_b);
                continue;
            }
            (Some((b'~', _)), _) => return Ordering::Less,
            (_, Some((b'~', _))) => return Ordering::Greater,
            (Some((b'^', _)), None) => return Ordering::Greater,
            (None, Some((b'^', _))) => return Ordering::Less,
            (Some((b'^', _)), _) => return Ordering::Less,
            (_, Some((b'^', _))) => return Ordering::Greater,
            (None, None) => return Ordering::Equal,
            (None, Some(_)) => return Ordering::Less,
            (Some(_), None) => return Ordering::Greater,
            (Some((first_a, _)), Some((first_b, _))) => {
                match (first_a.is_ascii_digit(), first_b.is_ascii_digit()) {
                    (true, false) => return Ordering::Greater,
                    (false, true) => return Ordering::Less,
                    (true, true) => {
                        let (digits_a, rest_a) = span(a, u8::is_ascii_digit);
                        let (digits_b, rest_b) = span(b, u8::is_ascii_digit);
                        match compare_numbers(digits_a, digits_b) {
                            Ordering::Equal => (a, b) = (rest_a, rest_b),
                            decided => return decided,
                        }
                    }
                    (false, false) => {
                        let (letters_a, rest_a) = span(a, u8::is_ascii_alphabetic);
                        let (letters_b, rest_b) = span(b, u8::is_ascii_alphabetic);
                        match letters_a.cmp(letters_b) {
                            Ordering::Equal => (a, b) = (rest_a, rest_b),
                            decided => return decided,
                        }
                    }
                }
            }
        }
    }
}

fn skip_separators(text: &[u8]) -> &[u8] {
    span(text, |b| {
        !b.is_ascii_alphanumeric() && !matches!(b, b'~' | b'^')
    })
    .1
}

/// The bytes at the beginning that are in a class, and the rest.
fn span(text: &[u8], class: impl Fn(&u8) -> bool) -> (&[u8], &[u8]) {
    let len = text.iter().position(|b| !class(b)).unwrap_or(text.len());
    text.split_at(len)
}

fn compare_numbers(a: &[u8], b: &[u8]) -> Ordering {
    let a = span(a, |b| *b == b'0').1;
    let b = span(b, |b| *b == b'0').1;
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// Epoch, version and release.
///
/// Ordered as RPM orders packages; versions that RPM takes for the same (`1.0` and
/// `1.00`) are ordered by their text, so that only the same text is equal.
/// [`Evr::compare`] is RPM's order alone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Evr {
    /// The epoch; 0 where none is written.
    pub epoch: u32,
    /// The version.
    pub version: Arc<str>,
    /// The release; empty where none is written, as dependencies may leave it.
    pub release: Arc<str>,
}

impl Evr {
    /// An epoch, version and release.
    pub fn new(epoch: u32, version: impl Into<Arc<str>>, release: impl Into<Arc<str>>) -> Self {
        Self {
            epoch,
            version: version.into(),
            release: release.into(),
        }
    }

    /// RPM's order: epoch, then version, then release, of which none comes before any.
    pub fn compare(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| rpmvercmp(&self.version, &other.version))
            .then_with(|| other.release.is_empty().cmp(&self.release.is_empty()))
            .then_with(|| rpmvercmp(&self.release, &other.release))
    }
}

impl Ord for Evr {
    fn cmp(&self, other: &Self) -> Ordering {
        self.compare(other)
            .then_with(|| self.version.cmp(&other.version))
            .then_with(|| self.release.cmp(&other.release))
    }
}

impl PartialOrd for Evr {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Evr {
    /// `version-release`, behind `epoch:` unless that is 0; no `-` without release.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.epoch != 0 {
            write!(f, "{}:", self.epoch)?;
        }
        f.write_str(&self.version)?;
        if !self.release.is_empty() {
            write!(f, "-{}", self.release)?;
        }
        Ok(())
    }
}

impl fmt::Debug for Evr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Evr {
    type Err = ParseNevraError;

    /// Parses `[epoch:]version[-release]`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseNevraError(excerpt(text));
        let (epoch, rest) = match text.split_once(':') {
            Some((epoch, rest)) => (parse_epoch(epoch).ok_or_else(error)?, rest),
            None => (0, text),
        };
        let (version, release) = match rest.rsplit_once('-') {
            Some((_, "")) => return Err(error()),
            Some(parts) => parts,
            None => (rest, ""),
        };
        // A colon behind the epoch would read as the end of one where none is written.
        if version.is_empty() || version.contains('-') || rest.contains(':') {
            return Err(error());
        }
        Ok(Self::new(epoch, version, release))
    }
}

/// An epoch: digits and nothing else.
pub(crate) fn parse_epoch(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok()).flatten()
}

/// What names a package: name, epoch, version, release and architecture.
///
/// Ordered by name, then architecture, then version, so that the last of a run with
/// the same name and architecture is the newest.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Nevra {
    /// The name.
    pub name: Arc<str>,
    /// The version.
    pub evr: Evr,
    /// The architecture: `x86_64`, `noarch`, `src`, …
    pub arch: Arc<str>,
}

impl Ord for Nevra {
    fn cmp(&self, other: &Self) -> Ordering {
        self.name
            .cmp(&other.name)
            .then_with(|| self.arch.cmp(&other.arch))
            .then_with(|| self.evr.cmp(&other.evr))
    }
}

impl PartialOrd for Nevra {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for Nevra {
    /// `name-[epoch:]version-release.arch`, the epoch unless it is 0.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.name, self.evr, self.arch)
    }
}

impl fmt::Debug for Nevra {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Nevra {
    type Err = ParseNevraError;

    /// Parses `name-[epoch:]version-release.arch`. A name may have dashes, the other
    /// parts have none.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = || ParseNevraError(excerpt(text));
        let (rest, arch) = text.rsplit_once('.').ok_or_else(error)?;
        let (rest, release) = rest.rsplit_once('-').ok_or_else(error)?;
        let (name, version) = rest.rsplit_once('-').ok_or_else(error)?;
        let evr: Evr = version.parse().map_err(|_| error())?;
        if name.is_empty() || release.is_empty() || release.contains(':') || arch.is_empty() {
            return Err(error());
        }
        Ok(Self {
            name: name.into(),
            evr: Evr {
                release: release.into(),
                ..evr
            },
            arch: arch.into(),
        })
    }
}

/// Why a text is not an [`Evr`] or a [`Nevra`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseNevraError(String);

impl fmt::Display for ParseNevraError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "`{}` is not of the form [name-][epoch:]version-release[.arch]",
            self.0
        )
    }
}

impl std::error::Error for ParseNevraError {}

#[cfg(test)]
mod tests;
