//! Where a plain repository is mirrored: metalinks and mirror lists.
//!
//! A [`Metalink`] (version 3, as MirrorManager writes it, or 4, RFC 5854) names the mirrors
//! of a `repomd.xml` and what it must hash to. A mirror list ([`mirrorlist`]) is one URL a
//! line and vouches for nothing. Both come from the network: they are hostile input, and
//! what they name is only tried, never trusted.
//!
//! ```
//! use ocirepo_rpm::metalink::Metalink;
//!
//! let metalink = Metalink::parse(br#"<metalink version="3.0"><files><file name="repomd.xml">
//!   <size>4</size>
//!   <verification><hash type="sha256"
//!     >f52d711103d50a437830c6fbcd04fb4bab49a0f82f6d26d1c791c6e8488dd090</hash></verification>
//!   <resources>
//!     <url protocol="https" preference="90">https://far.example/os/repodata/repomd.xml</url>
//!     <url protocol="https" preference="100">https://near.example/os/repodata/repomd.xml</url>
//!   </resources></file></files></metalink>"#)?;
//! assert_eq!(metalink.bases, ["https://near.example/os/", "https://far.example/os/"]);
//! assert!(metalink.current.is(b"---\n"));
//! # Ok::<(), ocirepo_rpm::error::MetadataError>(())
//! ```

use std::io::BufRead;

use crate::checksum::{Checksum, ChecksumHasher, ChecksumKind};
use crate::error::{MetadataError, MetadataErrorKind};
use crate::limits::Limits;
use crate::xml::{Xml, number};

/// The path of what a metalink is about, below the URL of a repository.
const REPOMD: &str = "repodata/repomd.xml";

/// Most mirrors of one list: real ones have a few hundred.
const MAX_MIRRORS: usize = 2000;

/// Most versions of `repomd.xml` that a metalink vouches for: real ones have three.
const MAX_VERSIONS: usize = 100;

/// Longest URL of a mirror, in bytes.
const MAX_URL: usize = 4096;

/// What a metalink says about a `repomd.xml`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metalink {
    /// The `repomd.xml` of today.
    pub current: Version,
    /// Earlier ones that mirrors may still have, newest first.
    pub earlier: Vec<Version>,
    /// The URLs of the mirrored repositories, each ending in a slash, best first. Only those
    /// of http and https; those of other protocols and those that do not end in
    /// `repodata/repomd.xml` are left out.
    pub bases: Vec<String>,
}

/// What vouches for one version of `repomd.xml`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Version {
    /// Its size in bytes.
    pub size: Option<u64>,
    /// Its checksums. At least one of them is of a kind that is verified against.
    pub checksums: Vec<Checksum>,
}

impl Version {
    /// Whether this is that version: its size and every checksum of the strongest kind
    /// there is.
    pub fn is(&self, repomd: &[u8]) -> bool {
        let strongest = self.checksums.iter().map(Checksum::kind).max();
        let is = |checksum: &Checksum| {
            ChecksumHasher::new(checksum.kind()).is_ok_and(|mut hasher| {
                hasher.update(repomd);
                hasher.finish() == *checksum
            })
        };
        self.size.is_none_or(|size| size == repomd.len() as u64)
            && strongest.is_some()
            && self
                .checksums
                .iter()
                .filter(|checksum| Some(checksum.kind()) == strongest)
                .all(is)
    }
}

impl Metalink {
    /// Reads a metalink.
    pub fn parse(raw: &[u8]) -> Result<Self, MetadataError> {
        Self::read(raw, "metalink", Limits::default())
    }

    /// Reads a metalink under caps of your own. `file` is what errors call it.
    pub fn read<R: BufRead>(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        let mut xml = Xml::open(source, file, limits, &["metalink"])?;
        document(&mut xml).map_err(|error| xml.locate(error))
    }
}

/// The URLs of a mirror list, each ending in a slash, in the order written. Empty lines,
/// comments (`#`) and URLs of other protocols than http and https are left out.
pub fn mirrorlist(raw: &[u8]) -> Result<Vec<String>, MetadataError> {
    let failed = |error: MetadataError| error.in_file("mirror list");
    let text = std::str::from_utf8(raw)
        .map_err(|_| failed(MetadataError::malformed("it is not UTF-8")))?;
    let mut bases = Vec::new();
    for line in text.lines().map(str::trim) {
        // Some servers list `repomd.xml` itself.
        let base = line.strip_suffix(REPOMD).unwrap_or(line);
        if let Some(base) = base_url(base) {
            push(&mut bases, base, MAX_MIRRORS).map_err(failed)?;
        }
    }
    if bases.is_empty() {
        return Err(failed(MetadataError::malformed(
            "it has no URL that begins with http:// or https://",
        )));
    }
    Ok(bases)
}

/// A URL that may be a repository's, with a slash at its end.
fn base_url(url: &str) -> Option<String> {
    let (scheme, rest) = url.split_once("://")?;
    let fits = ["http", "https"]
        .iter()
        .any(|known| scheme.eq_ignore_ascii_case(known))
        && !rest.starts_with('/')
        && !rest.is_empty();
    let odd = |c: char| c.is_control() || c.is_whitespace();
    if !fits || url.len() > MAX_URL || url.contains(odd) {
        return None;
    }
    let slash = if url.ends_with('/') { "" } else { "/" };
    Some(format!("{url}{slash}"))
}

/// What is known of the file so far.
#[derive(Default)]
struct Draft {
    versions: Vec<Version>,
    current: Version,
    /// URLs with their rank, the least first.
    urls: Vec<(i64, String)>,
}

fn document<R: BufRead>(xml: &mut Xml<R>) -> Result<Metalink, MetadataError> {
    let mut found = None;
    let root = xml.depth();
    while let Some(element) = xml.child(root)? {
        match element.name() {
            "files" => {
                let parent = xml.depth();
                while let Some(element) = xml.child(parent)? {
                    if element.name() == "file" {
                        file(xml, &mut found)?;
                    }
                }
            }
            "file" => file(xml, &mut found)?,
            _ => {}
        }
    }
    xml.finish()?;
    let mut draft: Draft = found
        .ok_or_else(|| MetadataError::malformed("it says nothing about a file `repomd.xml`"))?;
    let usable = |version: &Version| !version.checksums.is_empty();
    if !usable(&draft.current) {
        return Err(MetadataError::new(
            MetadataErrorKind::Unsupported,
            "it has no checksum of repomd.xml, or only MD5; use the repository's own URL instead",
        ));
    }
    draft.versions.retain(usable);
    draft.urls.sort_by_key(|(rank, _)| *rank);
    Ok(Metalink {
        current: draft.current,
        earlier: draft.versions,
        bases: draft.urls.into_iter().map(|(_, url)| url).collect(),
    })
}

/// The first `file` that is `repomd.xml`; others are skipped.
fn file<R: BufRead>(xml: &mut Xml<R>, found: &mut Option<Draft>) -> Result<(), MetadataError> {
    let name = xml.element().require("name")?;
    if found.is_some() || name.rsplit('/').next() != Some("repomd.xml") {
        return Ok(());
    }
    let mut draft = Draft::default();
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        match local(element.name()) {
            "resources" => {
                let parent = xml.depth();
                while let Some(element) = xml.child(parent)? {
                    if element.name() == "url" {
                        url(xml, &mut draft)?;
                    }
                }
            }
            "url" => url(xml, &mut draft)?,
            "alternates" => {
                let parent = xml.depth();
                while let Some(element) = xml.child(parent)? {
                    if local(element.name()) == "alternate" {
                        let mut version = Version::default();
                        let parent = xml.depth();
                        while xml.child(parent)?.is_some() {
                            part(xml, &mut version)?;
                        }
                        push(&mut draft.versions, version, MAX_VERSIONS)?;
                    }
                }
            }
            _ => part(xml, &mut draft.current)?,
        }
    }
    *found = Some(draft);
    Ok(())
}

/// Size and checksums of a version.
fn part<R: BufRead>(xml: &mut Xml<R>, version: &mut Version) -> Result<(), MetadataError> {
    match xml.element().name() {
        "size" => version.size = Some(xml.number()?),
        "hash" => hash(xml, version)?,
        "verification" => {
            let parent = xml.depth();
            while let Some(element) = xml.child(parent)? {
                if element.name() == "hash" {
                    hash(xml, version)?;
                }
            }
        }
        _ => {}
    }
    Ok(())
}

/// A checksum. Kinds that are unknown, or prove nothing, are passed over.
fn hash<R: BufRead>(xml: &mut Xml<R>, version: &mut Version) -> Result<(), MetadataError> {
    // Version 4 writes `sha-256`.
    let kind = xml.element().require("type")?.replace('-', "");
    let Some(kind) = ChecksumKind::from_name(&kind) else {
        return Ok(());
    };
    let checksum = Checksum::from_hex(kind, xml.token()?)
        .map_err(|error| MetadataError::malformed(error.to_string()))?;
    match ChecksumHasher::new(kind) {
        Ok(_) => push(&mut version.checksums, checksum, MAX_VERSIONS),
        Err(_) => Ok(()),
    }
}

/// A mirror. `preference` (version 3) is best when high, `priority` (4) when low.
fn url<R: BufRead>(xml: &mut Xml<R>, draft: &mut Draft) -> Result<(), MetadataError> {
    let element = xml.element();
    let rank = match (
        element.attribute("preference")?,
        element.attribute("priority")?,
    ) {
        (Some(preference), _) => -rank(&preference)?,
        (None, Some(priority)) => rank(&priority)?,
        (None, None) => 0,
    };
    let url = xml.token()?;
    if let Some(base) = url.strip_suffix(REPOMD).and_then(base_url) {
        push(&mut draft.urls, (rank, base), MAX_MIRRORS)?;
    }
    Ok(())
}

fn rank(text: &str) -> Result<i64, MetadataError> {
    Ok(i64::try_from(number(text)?).unwrap_or(i64::MAX))
}

/// A name without its prefix: that of MirrorManager's extensions is whatever it declares.
fn local(name: &str) -> &str {
    name.rsplit(':').next().unwrap_or(name)
}

fn push<T>(list: &mut Vec<T>, item: T, limit: usize) -> Result<(), MetadataError> {
    if list.len() >= limit {
        return Err(MetadataError::new(
            MetadataErrorKind::TooLarge,
            format!("it has a list of more than {limit} entries"),
        ));
    }
    list.push(item);
    Ok(())
}

#[cfg(test)]
mod tests;
