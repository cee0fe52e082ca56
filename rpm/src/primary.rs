//! `primary`: the packages of a repository.
//!
//! [`Primary`] yields one package after another while the file is read; only the
//! current one is in memory. The iterator ends, or yields one error and ends.
//!
//! ```
//! use ocirepo_rpm::limits::Limits;
//! use ocirepo_rpm::primary::Primary;
//!
//! let xml = br#"<metadata packages="1"><package type="rpm">
//!   <name>bash</name><arch>x86_64</arch><version epoch="0" ver="5.3" rel="1"/>
//!   <checksum type="sha256" pkgid="YES">e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855</checksum>
//!   <location href="bash-5.3-1.x86_64.rpm"/></package></metadata>"#;
//! for package in Primary::open(&xml[..], "primary.xml", Limits::default())? {
//!     assert_eq!(package?.nevra.to_string(), "bash-5.3-1.x86_64");
//! }
//! # Ok::<(), ocirepo_rpm::error::MetadataError>(())
//! ```

use std::io::BufRead;
use std::sync::Arc;

use crate::checksum::Checksum;
use crate::error::{MetadataError, excerpt};
use crate::evr::{Evr, Nevra};
use crate::fields;
use crate::href::Href;
use crate::intern::Interner;
use crate::limits::Limits;
use crate::package::{Comparison, Dependencies, Dependency, Details, File, Package, Sizes};
use crate::xml::{Element, Xml, number};

/// Reads packages from a `primary` file.
pub struct Primary<R: BufRead> {
    xml: Xml<R>,
    interner: Interner,
    declared: Option<u64>,
    /// How many packages were begun.
    count: u64,
    keep_base: bool,
    /// Whether dependencies and files are read.
    whole: bool,
    done: bool,
}

impl<R: BufRead> Primary<R> {
    /// Begins to read the uncompressed file, which errors call `file`.
    pub fn open(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        let xml = Xml::open(source, file, limits, &["metadata"])?;
        let declared = fields::declared(&xml).map_err(|error| xml.locate(error))?;
        Ok(Self {
            xml,
            interner: Interner::new(),
            declared,
            count: 0,
            keep_base: false,
            whole: true,
            done: false,
        })
    }

    /// Reads packages whose location has a base, which leads to another repository,
    /// and leaves it to the caller what to do about it. Without this, such a
    /// package is an error.
    pub fn keep_base(mut self) -> Self {
        self.keep_base = true;
        self
    }

    /// Skips the dependencies and files of packages, which are most of the file: they come without,
    /// in about half the time.
    pub fn without_dependencies(mut self) -> Self {
        self.whole = false;
        self
    }

    /// How many packages the file says it has. A hint for progress bars: nothing
    /// makes sure of it.
    pub fn declared(&self) -> Option<u64> {
        self.declared
    }

    fn read(&mut self) -> Result<Option<Package>, MetadataError> {
        let root = 1;
        while let Some(element) = self.xml.child(root)? {
            let is_package = element.name() == "package"
                && element.attribute("type")?.is_none_or(|kind| kind == "rpm");
            if !is_package {
                continue;
            }
            self.count += 1;
            let mut draft = Draft {
                whole: self.whole,
                ..Draft::default()
            };
            return draft
                .read(&mut self.xml, &mut self.interner)
                .and_then(|()| draft.take(self.keep_base))
                .map(Some)
                .map_err(|error| {
                    error.in_entry(|| fields::entry(self.count, draft.name.as_deref()))
                });
        }
        self.xml.finish()?;
        Ok(None)
    }
}

impl<R: BufRead> Iterator for Primary<R> {
    type Item = Result<Package, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().map_err(|error| self.xml.locate(error));
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

/// A package of which not everything is known yet.
#[derive(Default)]
struct Draft {
    /// Whether its dependencies and files are read.
    whole: bool,
    name: Option<Arc<str>>,
    arch: Option<Arc<str>>,
    evr: Option<Evr>,
    checksum: Option<Checksum>,
    location: Option<(Href, Option<Box<str>>)>,
    size: Sizes,
    file_time: u64,
    build_time: u64,
    details: Details,
    dependencies: Dependencies,
    files: Vec<File>,
}

impl Draft {
    fn read<R: BufRead>(
        &mut self,
        xml: &mut Xml<R>,
        interner: &mut Interner,
    ) -> Result<(), MetadataError> {
        let parent = xml.depth();
        while let Some(element) = xml.child(parent)? {
            match element.name() {
                "name" => self.name = Some(interner.text(xml.token()?)),
                "arch" => self.arch = Some(interner.text(xml.token()?)),
                "version" => self.evr = Some(fields::evr(element, interner)?),
                "checksum" => {
                    let kind = element.require("type")?.into_owned();
                    self.checksum = Some(fields::checksum(xml, &kind)?);
                }
                "summary" => self.details.summary = xml.text()?.into(),
                "description" => self.details.description = xml.text()?.into(),
                "packager" => self.details.packager = interner.text(xml.text()?),
                "url" => self.details.url = interner.text(xml.token()?),
                "time" => {
                    for attribute in element.attributes() {
                        let (name, value) = attribute?;
                        match name {
                            "file" => self.file_time = number(&value)?,
                            "build" => self.build_time = number(&value)?,
                            _ => {}
                        }
                    }
                }
                "size" => self.size = sizes(element)?,
                "location" => self.location = Some(fields::location(element)?),
                "format" => self.read_format(xml, interner)?,
                _ => {}
            }
        }
        Ok(())
    }

    fn read_format<R: BufRead>(
        &mut self,
        xml: &mut Xml<R>,
        interner: &mut Interner,
    ) -> Result<(), MetadataError> {
        let parent = xml.depth();
        while let Some(element) = xml.child(parent)? {
            let text = match element.name() {
                "license" => &mut self.details.license,
                "vendor" => &mut self.details.vendor,
                "group" => &mut self.details.group,
                "buildhost" => &mut self.details.build_host,
                "sourcerpm" => &mut self.details.source_rpm,
                "header-range" => {
                    let start = number(&element.require("start")?)?;
                    let end = number(&element.require("end")?)?;
                    self.details.header_range = (start <= end).then_some(start..end);
                    continue;
                }
                "file" if self.whole => {
                    let file = fields::file(xml, None)?;
                    fields::push(&mut self.files, file, xml.limits())?;
                    continue;
                }
                name if self.whole => {
                    let list = match name {
                        "provides" => &mut self.dependencies.provides,
                        "requires" => &mut self.dependencies.requires,
                        "conflicts" => &mut self.dependencies.conflicts,
                        "obsoletes" => &mut self.dependencies.obsoletes,
                        "suggests" => &mut self.dependencies.suggests,
                        "enhances" => &mut self.dependencies.enhances,
                        "recommends" => &mut self.dependencies.recommends,
                        "supplements" => &mut self.dependencies.supplements,
                        _ => continue,
                    };
                    *list = dependencies(xml, interner)?;
                    continue;
                }
                _ => continue,
            };
            *text = interner.text(xml.text()?);
        }
        Ok(())
    }

    /// The package, which leaves the draft without anything but the name.
    fn take(&mut self, keep_base: bool) -> Result<Package, MetadataError> {
        let missing = fields::missing;
        let name = self.name.clone().ok_or_else(|| missing("name"))?;
        let arch = self.arch.take().ok_or_else(|| missing("arch"))?;
        let evr = self.evr.take().ok_or_else(|| missing("version"))?;
        let location = self.location.take().ok_or_else(|| missing("location"))?;
        let (location, base) = match keep_base {
            true => location,
            false => (fields::refuse_base(location)?, None),
        };
        if name.is_empty() || arch.is_empty() {
            return Err(MetadataError::malformed(
                "its name or architecture is empty",
            ));
        }
        Ok(Package {
            nevra: Nevra { name, evr, arch },
            checksum: self.checksum.take().ok_or_else(|| missing("checksum"))?,
            location,
            base,
            size: self.size,
            file_time: self.file_time,
            build_time: self.build_time,
            details: std::mem::take(&mut self.details),
            dependencies: std::mem::take(&mut self.dependencies),
            files: std::mem::take(&mut self.files).into(),
        })
    }
}

fn sizes(element: Element<'_>) -> Result<Sizes, MetadataError> {
    let mut sizes = Sizes::default();
    for attribute in element.attributes() {
        let (name, value) = attribute?;
        match name {
            "package" => sizes.package = number(&value)?,
            "installed" => sizes.installed = number(&value)?,
            "archive" => sizes.archive = number(&value)?,
            _ => {}
        }
    }
    Ok(sizes)
}

fn dependencies<R: BufRead>(
    xml: &mut Xml<R>,
    interner: &mut Interner,
) -> Result<Box<[Dependency]>, MetadataError> {
    let mut list = Vec::new();
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        if element.name() == "entry" {
            let dependency = dependency(element, interner)?;
            fields::push(&mut list, dependency, xml.limits())?;
        }
    }
    Ok(list.into())
}

fn dependency(element: Element<'_>, interner: &mut Interner) -> Result<Dependency, MetadataError> {
    let (mut name, mut comparison, mut pre) = (None, None, false);
    let mut version = fields::Version::default();
    for attribute in element.attributes() {
        let (key, value) = attribute?;
        match key {
            "name" => name = Some(interner.text(&value)),
            "flags" => {
                comparison = Some(Comparison::from_flags(&value).ok_or_else(|| {
                    MetadataError::malformed(format!(
                        "`{}` is no comparison of versions",
                        excerpt(&value)
                    ))
                })?);
            }
            "pre" => pre = value == "1",
            _ => version.take(key, value)?,
        }
    }
    Ok(Dependency {
        name: name
            .ok_or_else(|| MetadataError::malformed("<rpm:entry> has no attribute `name`"))?,
        comparison,
        evr: version.evr(interner),
        pre,
    })
}

#[cfg(test)]
mod tests;
