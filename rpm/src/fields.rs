//! Fields that several metadata files have.

use std::borrow::Cow;
use std::io::BufRead;
use std::sync::Arc;

use crate::checksum::{Checksum, ChecksumKind};
use crate::error::{MetadataError, MetadataErrorKind, excerpt};
use crate::evr::{Evr, Nevra, parse_epoch};
use crate::href::Href;
use crate::intern::Interner;
use crate::limits::Limits;
use crate::package::{File, FileKind};
use crate::xml::{Element, Xml, number};

/// The text of the element just returned, a checksum of the kind that its `type`
/// attribute names.
pub(crate) fn checksum<R: BufRead>(
    xml: &mut Xml<R>,
    kind: &str,
) -> Result<Checksum, MetadataError> {
    Checksum::parse(kind, xml.token()?).map_err(|e| MetadataError::malformed(e.to_string()))
}

/// The `href` and the base of a `location` element. A base sends readers to another
/// place; most callers refuse it with [`refuse_base`].
pub(crate) fn location(element: Element<'_>) -> Result<(Href, Option<Box<str>>), MetadataError> {
    let (mut href, mut base) = (None, None);
    for attribute in element.attributes() {
        let (name, value) = attribute?;
        match name {
            "href" => href = Some(outside(Href::parse(&value))?),
            "xml:base" | "base" if !value.is_empty() => base = Some(value.into()),
            _ => {}
        }
    }
    let href =
        href.ok_or_else(|| MetadataError::malformed("<location> has no attribute `href`"))?;
    Ok((href, base))
}

/// Refuses a location that has a base.
pub(crate) fn refuse_base((href, base): (Href, Option<Box<str>>)) -> Result<Href, MetadataError> {
    match base {
        None => Ok(href),
        Some(base) => Err(MetadataError::new(
            MetadataErrorKind::Outside,
            format!(
                "location `{}` has the base `{}`, which leaves the repository; \
                 only what the repository itself holds is read",
                excerpt(href.path()),
                excerpt(&base)
            ),
        )),
    }
}

/// Turns an href that is refused into an error about the file.
pub(crate) fn outside(href: Result<Href, crate::href::HrefError>) -> Result<Href, MetadataError> {
    href.map_err(|error| MetadataError::new(MetadataErrorKind::Outside, error.to_string()))
}

/// An error for an element that must be there.
pub(crate) fn missing(name: &str) -> MetadataError {
    MetadataError::malformed(format!("there is no <{name}>"))
}

/// The attributes that spell out a version: `epoch`, `ver` and `rel`, or `version` and
/// `release`.
#[derive(Default)]
pub(crate) struct Version<'a> {
    epoch: u32,
    version: Option<Cow<'a, str>>,
    release: Cow<'a, str>,
}

impl<'a> Version<'a> {
    /// Takes an attribute, if it is one of them.
    pub(crate) fn take(&mut self, name: &str, value: Cow<'a, str>) -> Result<(), MetadataError> {
        match name {
            "epoch" if value.is_empty() || value == "None" => {}
            "epoch" => {
                self.epoch = parse_epoch(&value).ok_or_else(|| {
                    MetadataError::malformed(format!("`{}` is not an epoch", excerpt(&value)))
                })?;
            }
            "ver" | "version" => self.version = Some(value),
            "rel" | "release" => self.release = value,
            _ => {}
        }
        Ok(())
    }

    /// What they spell out; `None` when there is no version.
    pub(crate) fn evr(&self, interner: &mut Interner) -> Option<Arc<Evr>> {
        let version = self.version.as_deref()?;
        Some(interner.version(self.epoch, version, &self.release))
    }
}

/// The version that the attributes of an element spell out. `None` when there is none.
pub(crate) fn optional_evr(
    element: Element<'_>,
    interner: &mut Interner,
) -> Result<Option<Evr>, MetadataError> {
    let mut found = Version::default();
    for attribute in element.attributes() {
        let (name, value) = attribute?;
        found.take(name, value)?;
    }
    Ok(found.evr(interner).map(|evr| Evr::clone(&evr)))
}

/// [`optional_evr`] where it must be there.
pub(crate) fn evr(element: Element<'_>, interner: &mut Interner) -> Result<Evr, MetadataError> {
    optional_evr(element, interner)?.ok_or_else(|| {
        MetadataError::malformed(format!("<{}> has no version", excerpt(element.name())))
    })
}

/// The `file` element just returned. `hashes` is of what kind its `hash` is.
pub(crate) fn file<R: BufRead>(
    xml: &mut Xml<R>,
    hashes: Option<ChecksumKind>,
) -> Result<File, MetadataError> {
    let (mut kind, mut checksum) = (FileKind::File, None);
    for attribute in xml.element().attributes() {
        let (name, value) = attribute?;
        match (name, hashes) {
            ("type", _) => kind = FileKind::from_name(&value),
            ("hash", Some(hashes)) if !value.is_empty() => {
                let hash = Checksum::from_hex(hashes, &value)
                    .map_err(|e| MetadataError::malformed(e.to_string()))?;
                checksum = Some(Box::new(hash));
            }
            _ => {}
        }
    }
    Ok(File {
        path: xml.text()?.into(),
        kind,
        checksum,
    })
}

/// Adds to a list unless it is as long as it may be.
pub(crate) fn push<T>(list: &mut Vec<T>, item: T, limits: &Limits) -> Result<(), MetadataError> {
    if list.len() >= limits.entries {
        return Err(MetadataError::new(
            MetadataErrorKind::TooLarge,
            format!("a list has more than {} entries", limits.entries),
        ));
    }
    list.push(item);
    Ok(())
}

/// How many packages the root element, just opened, says there are.
pub(crate) fn declared<R: BufRead>(xml: &Xml<R>) -> Result<Option<u64>, MetadataError> {
    // Some tools write nonsense; nothing depends on it.
    let count = xml.element().attribute("packages")?;
    Ok(count.and_then(|count| number(&count).ok()))
}

/// What errors call the package with that number, from 1.
pub(crate) fn entry(count: u64, name: Option<&str>) -> String {
    match name {
        Some(name) => format!("package {count} ({name})"),
        None => format!("package {count}"),
    }
}

/// What `filelists` and `other` say of a package in its tag.
pub(crate) struct Header {
    pub(crate) pkgid: Checksum,
    pub(crate) name: Arc<str>,
    arch: Arc<str>,
}

impl Header {
    /// The name with a version that was read meanwhile.
    pub(crate) fn nevra(self, evr: Option<Evr>) -> Result<Nevra, MetadataError> {
        Ok(Nevra {
            name: self.name,
            evr: evr.ok_or_else(|| missing("version"))?,
            arch: self.arch,
        })
    }
}

/// Goes to the next `package` of `filelists` or `other`, and counts it; to the end of
/// the document if there is none.
pub(crate) fn next_package<R: BufRead>(
    xml: &mut Xml<R>,
    interner: &mut Interner,
    count: &mut u64,
) -> Result<Option<Header>, MetadataError> {
    let root = 1;
    while let Some(element) = xml.child(root)? {
        if element.name() == "package" {
            *count += 1;
            return header(element, interner).map(Some).map_err(|error| {
                let name = xml.element().attribute("name").ok().flatten();
                error.in_entry(|| entry(*count, name.as_deref()))
            });
        }
    }
    xml.finish()?;
    Ok(None)
}

fn header(element: Element<'_>, interner: &mut Interner) -> Result<Header, MetadataError> {
    let pkgid = element.require("pkgid")?;
    Ok(Header {
        pkgid: Checksum::from_pkgid(&pkgid).map_err(|e| MetadataError::malformed(e.to_string()))?,
        name: interner.text(&element.require("name")?),
        arch: interner.text(&element.require("arch")?),
    })
}
