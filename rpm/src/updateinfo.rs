//! `updateinfo`: the advisories of a repository.
//!
//! [`Updateinfo`] yields one advisory after another while the file is read. Nearly
//! everything in one is optional, and dates are whatever text the publisher wrote.

use std::io::BufRead;

use crate::checksum::Checksum;
use crate::error::MetadataError;
use crate::evr::Nevra;
use crate::fields;
use crate::intern::Interner;
use crate::limits::Limits;
use crate::xml::{Element, Xml};

/// An advisory. Texts that are not there are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Advisory {
    /// The name of the advisory, such as `FEDORA-2026-0123456789`.
    pub id: String,
    /// Who published it.
    pub from: String,
    /// Its status: `final`, `stable`, …
    pub status: String,
    /// Its type: `security`, `bugfix`, `enhancement`, …
    pub kind: String,
    /// The version of the advisory itself.
    pub version: String,
    /// One line.
    pub title: String,
    /// When it was published first.
    pub issued: String,
    /// When it was changed last.
    pub updated: String,
    /// Copyright.
    pub rights: String,
    /// The release it is for.
    pub release: String,
    /// How often it was published.
    pub pushcount: String,
    /// How bad it is.
    pub severity: String,
    /// One paragraph.
    pub summary: String,
    /// Any length.
    pub description: String,
    /// What to do about it.
    pub solution: String,
    /// Whether to reboot after the update.
    pub reboot_suggested: bool,
    /// What it refers to.
    pub references: Vec<Reference>,
    /// The packages that resolve it.
    pub collections: Vec<Collection>,
}

/// A bug, vulnerability or page that an advisory refers to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reference {
    /// Where it is. Not checked: it may have any scheme, or none.
    pub href: String,
    /// Its name, such as `CVE-2026-12345`.
    pub id: String,
    /// Its type: `cve`, `bugzilla`, `self`, …
    pub kind: String,
    /// One line.
    pub title: String,
}

/// Packages of an advisory that belong together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Collection {
    /// The short name.
    pub short: String,
    /// The name.
    pub name: String,
    /// The module that the packages are of.
    pub module: Option<Module>,
    /// The packages.
    pub packages: Vec<UpdatePackage>,
}

/// A module stream that an advisory is about.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Module {
    /// Its name.
    pub name: String,
    /// Its stream.
    pub stream: String,
    /// Its version, a number.
    pub version: String,
    /// Its context.
    pub context: String,
    /// Its architecture.
    pub arch: String,
}

/// A package that resolves an advisory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UpdatePackage {
    /// Name, version and architecture, where the package has all of them.
    pub nevra: Option<Nevra>,
    /// The source package or where it is, as the publisher likes.
    pub src: String,
    /// The file name of the package.
    pub filename: String,
    /// The checksum of the package file, if it is one.
    pub checksum: Option<Checksum>,
    /// Whether to reboot after the update.
    pub reboot_suggested: bool,
    /// Whether to restart the program after the update.
    pub restart_suggested: bool,
    /// Whether to log in anew after the update.
    pub relogin_suggested: bool,
}

/// Reads advisories from an `updateinfo` file.
pub struct Updateinfo<R: BufRead> {
    xml: Xml<R>,
    interner: Interner,
    /// How many advisories were begun.
    count: u64,
    done: bool,
}

impl<R: BufRead> Updateinfo<R> {
    /// Begins to read the uncompressed file, which errors call `file`.
    pub fn open(source: R, file: &str, limits: Limits) -> Result<Self, MetadataError> {
        Ok(Self {
            xml: Xml::open(source, file, limits, &["updates"])?,
            interner: Interner::new(),
            count: 0,
            done: false,
        })
    }

    fn read(&mut self) -> Result<Option<Advisory>, MetadataError> {
        let root = 1;
        while let Some(element) = self.xml.child(root)? {
            if element.name() == "update" {
                self.count += 1;
                let mut advisory = Advisory::default();
                return match self.read_advisory(&mut advisory) {
                    Ok(()) => Ok(Some(advisory)),
                    Err(error) => {
                        Err(error.in_entry(|| format!("advisory {} ({})", self.count, advisory.id)))
                    }
                };
            }
        }
        self.xml.finish()?;
        Ok(None)
    }

    fn read_advisory(&mut self, advisory: &mut Advisory) -> Result<(), MetadataError> {
        let xml = &mut self.xml;
        for attribute in xml.element().attributes() {
            let (name, value) = attribute?;
            match name {
                "from" => advisory.from = value.into_owned(),
                "status" => advisory.status = value.into_owned(),
                "type" => advisory.kind = value.into_owned(),
                "version" => advisory.version = value.into_owned(),
                _ => {}
            }
        }
        let parent = xml.depth();
        while let Some(element) = xml.child(parent)? {
            let text = match element.name() {
                "id" => &mut advisory.id,
                "title" => &mut advisory.title,
                "rights" => &mut advisory.rights,
                "release" => &mut advisory.release,
                "pushcount" => &mut advisory.pushcount,
                "severity" => &mut advisory.severity,
                "summary" => &mut advisory.summary,
                "description" => &mut advisory.description,
                "solution" => &mut advisory.solution,
                name => {
                    match name {
                        "issued" => advisory.issued = owned(element, "date")?,
                        "updated" => advisory.updated = owned(element, "date")?,
                        "reboot_suggested" => advisory.reboot_suggested = flag(xml)?,
                        "references" => advisory.references = references(xml)?,
                        "pkglist" => {
                            collections(xml, &mut self.interner, &mut advisory.collections)?
                        }
                        _ => {}
                    }
                    continue;
                }
            };
            *text = xml.text()?.to_owned();
        }
        Ok(())
    }
}

impl<R: BufRead> Iterator for Updateinfo<R> {
    type Item = Result<Advisory, MetadataError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let next = self.read().map_err(|error| self.xml.locate(error));
        self.done = !matches!(next, Ok(Some(_)));
        next.transpose()
    }
}

fn owned(element: Element<'_>, attribute: &str) -> Result<String, MetadataError> {
    Ok(element
        .attribute(attribute)?
        .unwrap_or_default()
        .into_owned())
}

/// An element that says yes by being there, unless its text says no.
fn flag<R: BufRead>(xml: &mut Xml<R>) -> Result<bool, MetadataError> {
    let text = xml.token()?;
    Ok(!["0", "false", "no"]
        .iter()
        .any(|no| text.eq_ignore_ascii_case(no)))
}

fn references<R: BufRead>(xml: &mut Xml<R>) -> Result<Vec<Reference>, MetadataError> {
    let mut references = Vec::new();
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        if element.name() == "reference" {
            let reference = Reference {
                href: owned(element, "href")?,
                id: owned(element, "id")?,
                kind: owned(element, "type")?,
                title: owned(element, "title")?,
            };
            fields::push(&mut references, reference, xml.limits())?;
        }
    }
    Ok(references)
}

fn collections<R: BufRead>(
    xml: &mut Xml<R>,
    interner: &mut Interner,
    collections: &mut Vec<Collection>,
) -> Result<(), MetadataError> {
    let list = xml.depth();
    while let Some(element) = xml.child(list)? {
        if element.name() != "collection" {
            continue;
        }
        let mut collection = Collection {
            short: owned(element, "short")?,
            ..Collection::default()
        };
        let parent = xml.depth();
        while let Some(element) = xml.child(parent)? {
            match element.name() {
                "name" => collection.name = xml.text()?.to_owned(),
                "module" => {
                    collection.module = Some(Module {
                        name: owned(element, "name")?,
                        stream: owned(element, "stream")?,
                        version: owned(element, "version")?,
                        context: owned(element, "context")?,
                        arch: owned(element, "arch")?,
                    });
                }
                "package" => {
                    let package = package(xml, interner)?;
                    fields::push(&mut collection.packages, package, xml.limits())?;
                }
                _ => {}
            }
        }
        fields::push(collections, collection, xml.limits())?;
    }
    Ok(())
}

fn package<R: BufRead>(
    xml: &mut Xml<R>,
    interner: &mut Interner,
) -> Result<UpdatePackage, MetadataError> {
    let element = xml.element();
    let mut package = UpdatePackage {
        src: owned(element, "src")?,
        ..UpdatePackage::default()
    };
    if let (Some(name), Some(evr), Some(arch)) = (
        element.attribute("name")?,
        fields::optional_evr(element, interner)?,
        element.attribute("arch")?,
    ) {
        package.nevra = Some(Nevra {
            name: interner.text(&name),
            evr,
            arch: interner.text(&arch),
        });
    }
    let parent = xml.depth();
    while let Some(element) = xml.child(parent)? {
        match element.name() {
            "filename" => package.filename = xml.token()?.to_owned(),
            "sum" => {
                let kind = owned(element, "type")?;
                // Advisories name packages; nothing is verified against them.
                package.checksum = Checksum::parse(&kind, xml.token()?).ok();
            }
            "reboot_suggested" => package.reboot_suggested = flag(xml)?,
            "restart_suggested" => package.restart_suggested = flag(xml)?,
            "relogin_suggested" => package.relogin_suggested = flag(xml)?,
            _ => {}
        }
    }
    Ok(package)
}

#[cfg(test)]
mod tests;
