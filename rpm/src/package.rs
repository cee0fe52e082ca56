//! A package as `primary` describes it.

use std::fmt;
use std::ops::Range;
use std::sync::Arc;

use crate::checksum::Checksum;
use crate::evr::{Evr, Nevra};
use crate::href::Href;

/// Everything that `primary` says of a package.
///
/// Texts that many packages have in common are shared between the packages of one
/// reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Name, version and architecture.
    pub nevra: Nevra,
    /// The checksum of the package file, which is also the package's `pkgid`.
    pub checksum: Checksum,
    /// Where the package file lies.
    pub location: Href,
    /// The base of the location, which leads out of the repository. Only there when
    /// it was asked for; see [`Primary::keep_base`](crate::primary::Primary::keep_base).
    pub base: Option<Box<str>>,
    /// How large it is.
    pub size: Sizes,
    /// When the package file was last changed, in seconds since 1970.
    pub file_time: u64,
    /// When the package was built, in seconds since 1970.
    pub build_time: u64,
    /// What people want to know of it.
    pub details: Details,
    /// What it needs and offers.
    pub dependencies: Dependencies,
    /// The files that `primary` lists: those in `/etc`, in a `bin` directory, and
    /// `/usr/lib/sendmail`.
    pub files: Box<[File]>,
}

/// The sizes of a package in bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Of the package file.
    pub package: u64,
    /// Of its files, once installed.
    pub installed: u64,
    /// Of its uncompressed payload.
    pub archive: u64,
}

/// What people want to know of a package. Fields that are not there are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Details {
    /// One line.
    pub summary: Box<str>,
    /// Any length.
    pub description: Box<str>,
    /// Who packaged it.
    pub packager: Arc<str>,
    /// The home of the project. Not checked: it may be no URL at all, or one with a
    /// scheme such as `javascript:`.
    pub url: Arc<str>,
    /// The licence.
    pub license: Arc<str>,
    /// Who distributes it.
    pub vendor: Arc<str>,
    /// The group of old.
    pub group: Arc<str>,
    /// The host it was built on.
    pub build_host: Arc<str>,
    /// The file name of the source package; empty for a source package.
    pub source_rpm: Arc<str>,
    /// Where the main header lies in the package file, in bytes.
    pub header_range: Option<Range<u64>>,
}

/// The dependencies of a package, in the order written.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Dependencies {
    /// What it offers.
    pub provides: Box<[Dependency]>,
    /// What it cannot do without.
    pub requires: Box<[Dependency]>,
    /// What it cannot be installed beside.
    pub conflicts: Box<[Dependency]>,
    /// What it replaces.
    pub obsoletes: Box<[Dependency]>,
    /// What it works well with, weakly.
    pub suggests: Box<[Dependency]>,
    /// What it makes better, weakly.
    pub enhances: Box<[Dependency]>,
    /// What it should be installed with.
    pub recommends: Box<[Dependency]>,
    /// What it should be installed beside.
    pub supplements: Box<[Dependency]>,
}

/// One dependency: a name, perhaps with a range of versions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Dependency {
    /// The name: of a package, a file, a capability, or a rich dependency in
    /// parentheses.
    pub name: Arc<str>,
    /// How versions are compared.
    pub comparison: Option<Comparison>,
    /// What they are compared with.
    pub evr: Option<Arc<Evr>>,
    /// Whether it is needed before installation (`pre="1"`).
    pub pre: bool,
}

impl fmt::Display for Dependency {
    /// As a spec file has it: `glibc >= 2.34`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        match (self.comparison, &self.evr) {
            (Some(comparison), Some(evr)) => write!(f, " {} {evr}", comparison.operator()),
            _ => Ok(()),
        }
    }
}

/// How a dependency compares versions.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Comparison {
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `=`
    Equal,
    /// `>=`
    GreaterOrEqual,
    /// `>`
    Greater,
}

impl Comparison {
    /// The comparison that a `flags` attribute names.
    pub fn from_flags(flags: &str) -> Option<Self> {
        Some(match flags {
            "LT" => Self::Less,
            "LE" => Self::LessOrEqual,
            "EQ" => Self::Equal,
            "GE" => Self::GreaterOrEqual,
            "GT" => Self::Greater,
            _ => return None,
        })
    }

    /// The `flags` attribute: `GE`.
    pub fn flags(self) -> &'static str {
        match self {
            Self::Less => "LT",
            Self::LessOrEqual => "LE",
            Self::Equal => "EQ",
            Self::GreaterOrEqual => "GE",
            Self::Greater => "GT",
        }
    }

    /// The operator of spec files: `>=`.
    pub fn operator(self) -> &'static str {
        match self {
            Self::Less => "<",
            Self::LessOrEqual => "<=",
            Self::Equal => "=",
            Self::GreaterOrEqual => ">=",
            Self::Greater => ">",
        }
    }
}

/// A file of a package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Where it is installed.
    pub path: Box<str>,
    /// What it is.
    pub kind: FileKind,
    /// The checksum of its content, which `filelists-ext` has for regular files.
    pub checksum: Option<Box<Checksum>>,
}

/// What a file of a package is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum FileKind {
    /// A file, a link, or of a type that is not known.
    #[default]
    File,
    /// A directory.
    Dir,
    /// A file that the package owns but does not bring.
    Ghost,
}

impl FileKind {
    /// The kind that a `type` attribute names.
    pub fn from_name(name: &str) -> Self {
        match name {
            "dir" => Self::Dir,
            "ghost" => Self::Ghost,
            _ => Self::File,
        }
    }

    /// The `type` attribute, which files do not have.
    pub fn as_str(self) -> Option<&'static str> {
        match self {
            Self::File => None,
            Self::Dir => Some("dir"),
            Self::Ghost => Some("ghost"),
        }
    }
}
