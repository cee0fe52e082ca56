//! Fields that several metadata files have.

use std::io::BufRead;

use crate::checksum::Checksum;
use crate::error::{MetadataError, MetadataErrorKind, excerpt};
use crate::href::Href;
use crate::xml::{Element, Xml};

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
