//! What `primary` says of a package beside its dependencies and files.

use std::sync::Arc;

use rpm::{IndexSignatureTag, IndexTag};

use super::HeaderOptions;
use super::error::HeaderError;
use super::file::Front;
use super::index::Index;
use super::text;
use crate::error::excerpt;
use crate::evr::{Evr, Nevra};
use crate::package::{Dependencies, Details, File, Sizes};

/// A package without what only the whole file tells.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) nevra: Nevra,
    pub(super) size: Sizes,
    pub(super) build_time: u64,
    pub(super) details: Details,
    pub(super) dependencies: Dependencies,
    pub(super) files: Box<[File]>,
}

/// Everything but dependencies and files.
pub(super) fn draft(front: &Front, options: &HeaderOptions) -> Result<Draft, HeaderError> {
    let header = &front.header;
    Ok(Draft {
        nevra: nevra(front)?,
        size: sizes(front)?,
        build_time: header
            .number(IndexTag::RPMTAG_BUILDTIME as u32)?
            .unwrap_or(0),
        details: Details {
            header_range: Some(front.start..front.end()),
            ..details(header, options)?
        },
        dependencies: Dependencies::default(),
        files: Box::default(),
    })
}

fn nevra(front: &Front) -> Result<Nevra, HeaderError> {
    let header = &front.header;
    let required = |tag: IndexTag, what: &str| {
        let raw = header.text(tag as u32)?.unwrap_or_default();
        let text = text::attribute(raw, what)?;
        if text.is_empty() {
            return Err(HeaderError::malformed(format!(
                "its header has no {what}, which every package has"
            )));
        }
        // What rpm does not build. Around the text of an element in rpm-md it would be lost.
        if text.contains(char::is_whitespace) {
            return Err(HeaderError::malformed(format!(
                "the {what} in its header has white space in it: `{}`",
                excerpt(&text)
            )));
        }
        Ok(Arc::<str>::from(text))
    };
    let epoch = header.number(IndexTag::RPMTAG_EPOCH as u32)?.unwrap_or(0);
    Ok(Nevra {
        name: required(IndexTag::RPMTAG_NAME, "name")?,
        evr: Evr {
            epoch: u32::try_from(epoch)
                .map_err(|_| HeaderError::malformed(format!("{epoch} is no epoch")))?,
            version: required(IndexTag::RPMTAG_VERSION, "version")?,
            release: required(IndexTag::RPMTAG_RELEASE, "release")?,
        },
        arch: match is_source(header)? {
            true => "src".into(),
            false => required(IndexTag::RPMTAG_ARCH, "architecture")?,
        },
    })
}

/// Whether it is a source package. Old ones do not say so, but name no source package of
/// their own, and files without a directory. What the lead says counts for nothing, here as
/// with rpm.
fn is_source(header: &Index) -> Result<bool, HeaderError> {
    if let Some(flag) = header.number(IndexTag::RPMTAG_SOURCEPACKAGE as u32)? {
        return Ok(flag != 0);
    }
    if header.has(IndexTag::RPMTAG_SOURCERPM as u32) {
        return Ok(false);
    }
    let directory = header.text(IndexTag::RPMTAG_DIRNAMES as u32)?;
    let whole = header.text(IndexTag::RPMTAG_OLDFILENAMES as u32)?;
    let relative = |path: &[u8]| !path.starts_with(b"/");
    Ok(directory.is_some_and(<[u8]>::is_empty) || whole.is_some_and(relative))
}

/// Sizes beyond 4 GiB have tags of their own. The size of the payload of old stands in the
/// signature header; packages of version 6 have it under another name.
fn sizes(front: &Front) -> Result<Sizes, HeaderError> {
    let (header, signature) = (&front.header, &front.signature);
    let first = |candidates: &[(&Index, u32)]| -> Result<u64, HeaderError> {
        for (index, tag) in candidates {
            if let Some(size) = index.number(*tag)? {
                return Ok(size);
            }
        }
        Ok(0)
    };
    Ok(Sizes {
        package: 0,
        installed: first(&[
            (header, IndexTag::RPMTAG_LONGSIZE as u32),
            (header, IndexTag::RPMTAG_SIZE as u32),
        ])?,
        archive: first(&[
            (header, IndexTag::RPMTAG_LONGARCHIVESIZE as u32),
            (header, IndexTag::RPMTAG_ARCHIVESIZE as u32),
            (
                signature,
                IndexSignatureTag::RPMSIGTAG_LONGARCHIVESIZE as u32,
            ),
            (signature, IndexSignatureTag::RPMSIGTAG_PAYLOADSIZE as u32),
            (header, IndexTag::RPMTAG_PAYLOADSIZEALT as u32),
        ])?,
    })
}

fn details(header: &Index, options: &HeaderOptions) -> Result<Details, HeaderError> {
    let text = |tag: IndexTag, what: &str| match header.text(tag as u32)? {
        None => Ok(String::new()),
        Some(raw) if raw.len() > options.limits.text / 2 => Err(HeaderError::too_large(format!(
            "the {what} of its header has {} bytes, more than {}",
            raw.len(),
            options.limits.text / 2
        ))),
        Some(raw) => Ok(text::decode(raw)),
    };
    Ok(Details {
        summary: text(IndexTag::RPMTAG_SUMMARY, "summary")?.into(),
        description: text(IndexTag::RPMTAG_DESCRIPTION, "description")?.into(),
        packager: text(IndexTag::RPMTAG_PACKAGER, "packager")?.into(),
        // Space around it is no part of it, in rpm-md either.
        url: text(IndexTag::RPMTAG_URL, "URL")?.trim().into(),
        license: text(IndexTag::RPMTAG_LICENSE, "licence")?.into(),
        vendor: text(IndexTag::RPMTAG_VENDOR, "vendor")?.into(),
        group: text(IndexTag::RPMTAG_GROUP, "group")?.into(),
        build_host: text(IndexTag::RPMTAG_BUILDHOST, "build host")?.into(),
        source_rpm: text(IndexTag::RPMTAG_SOURCERPM, "source package")?.into(),
        header_range: None,
    })
}
