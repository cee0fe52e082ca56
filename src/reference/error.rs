//! What can be wrong with a reference, in which part and where.

use std::fmt;

use crate::digest::ParseDigestError;

/// Why a text is not a reference, a location, or a part of one.
///
/// The message says what is wrong, in which part, at which byte, and what to write
/// instead.
///
/// ```
/// use ocirepo::reference::{Part, ReferenceRef};
///
/// let error = ReferenceRef::parse("ghcr.io/Me/repo").unwrap_err();
/// assert_eq!((error.part(), error.offset()), (Part::Repository, 8));
/// assert_eq!(
///     error.to_string(),
///     "invalid repository name, at byte 8: repository name must be lowercase, found `M`"
/// );
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReferenceError {
    part: Part,
    offset: usize,
    problem: Problem,
}

/// A part of a reference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Part {
    /// The text as a whole.
    Whole,
    /// `oci://` and its like, in a location.
    Scheme,
    /// The registry: host and port.
    Registry,
    /// The name of the repository in the registry.
    Repository,
    /// The tag.
    Tag,
    /// The digest.
    Digest,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Problem {
    Empty,
    BareHex,
    HasScheme,
    NoScheme,
    OtherScheme,
    UserInfo,
    Query,
    Fragment,
    Escape,
    NoRepository,
    RegistryEmpty,
    RegistryChar(char),
    RegistryHyphen,
    RegistryLabel,
    Ipv6,
    Port,
    Unaddressable,
    NoRegistry,
    ComponentEmpty,
    Upper(char),
    NameChar(char),
    Separator,
    NameTooLong(usize),
    TagEmpty,
    TagStart(char),
    TagChar(char),
    TagTooLong(usize),
    Digest(ParseDigestError),
}

/// What is wrong and how many bytes into the part.
#[derive(Clone, Copy, Debug)]
pub(super) struct Fault {
    pub(super) at: usize,
    pub(super) problem: Problem,
}

impl Fault {
    pub(super) fn new<T>(at: usize, problem: Problem) -> Result<T, Self> {
        Err(Self { at, problem })
    }

    /// Says which part is faulty and where it begins in the text that was given.
    pub(super) fn within(self, part: Part, start: usize) -> ReferenceError {
        ReferenceError {
            part,
            offset: start + self.at,
            problem: self.problem,
        }
    }
}

impl ReferenceError {
    /// The same fault, in a text that begins that many bytes earlier.
    pub(super) fn shifted(self, start: usize) -> Self {
        Self {
            offset: self.offset + start,
            ..self
        }
    }

    /// The part that is wrong.
    pub fn part(&self) -> Part {
        self.part
    }

    /// Where it is wrong: a byte offset into the text that was parsed.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl fmt::Display for ReferenceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let part = match self.part {
            Part::Whole => "reference",
            Part::Scheme => "location",
            Part::Registry => "registry",
            Part::Repository => "repository name",
            Part::Tag => "tag",
            Part::Digest => "digest",
        };
        write!(
            f,
            "invalid {part}, at byte {}: {}",
            self.offset, self.problem
        )
    }
}

impl std::error::Error for ReferenceError {}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Self::Empty => "it is empty; write a name such as `ghcr.io/me/repo:tag`",
            Self::BareHex => {
                "64 hex digits alone are an image identifier; \
                 write `NAME@sha256:…` or put the registry before the name"
            }
            Self::HasScheme => {
                "a reference has no scheme; leave out everything up to `://`, \
                 or write `oci://HOST/NAME` where a location is expected"
            }
            Self::NoScheme => {
                "a location begins with `oci://`, `oci+https://` or `oci+http://`; \
                 write `oci://HOST/NAME`"
            }
            Self::OtherScheme => {
                "unknown scheme; known are `oci://`, `oci+https://` and `oci+http://`"
            }
            Self::UserInfo => {
                "a location carries no user name or password; \
                 leave out everything up to `@` and log in to the registry instead"
            }
            Self::Query => "a location has no query; leave out everything from `?` on",
            Self::Fragment => "a location has no fragment; leave out everything from `#` on",
            Self::Escape => {
                "a location has no percent escapes; no legal name, tag or digest needs any"
            }
            Self::NoRepository => {
                "the first component is the registry, and no repository name follows; \
                 write `oci://HOST/NAME`"
            }
            Self::RegistryEmpty => "the host is missing before the `/`; write `HOST/NAME`",
            Self::RegistryChar(c) => {
                return write!(
                    f,
                    "`{}` cannot be in a host name; \
                     letters, digits, `-` and `.` can, and `:` before a port",
                    c.escape_debug()
                );
            }
            Self::RegistryHyphen => "a label of a host name neither begins nor ends with `-`",
            Self::RegistryLabel => "a host name has an empty label; check its dots",
            Self::Ipv6 => {
                "an IPv6 address is hex digits and colons between `[` and `]`, \
                 without a zone: `[::1]:5000`"
            }
            Self::Port => "a port is decimal digits, as in `localhost:5000/name`",
            Self::Unaddressable => {
                "no URL can be made of this host and port; \
                 check the address, and that the port is below 65536"
            }
            Self::NoRegistry => {
                "a name with a `.` before the first `/` says which registry it is in, \
                 but `_` cannot be in a host name; put the registry before it"
            }
            Self::ComponentEmpty => {
                "a component is empty; check for a `/` at the end or two in a row"
            }
            Self::Upper(c) => {
                return write!(
                    f,
                    "repository name must be lowercase, found `{}`",
                    c.escape_debug()
                );
            }
            Self::NameChar(c) => {
                return write!(
                    f,
                    "`{}` cannot be in a repository name; \
                     a to z, 0 to 9 and the separators `.`, `_`, `__` and `-` can",
                    c.escape_debug()
                );
            }
            Self::Separator => {
                "a component begins and ends with a letter or digit, and between two of \
                 them is one `.`, one or two `_`, or any number of `-`"
            }
            Self::NameTooLong(length) => {
                return write!(
                    f,
                    "repository name must not be more than 255 characters, found {length}"
                );
            }
            Self::TagEmpty => "nothing follows the `:`; write a tag or leave the `:` out",
            Self::TagStart(c) => {
                return write!(
                    f,
                    "`{}` cannot begin a tag; letters, digits and `_` can",
                    c.escape_debug()
                );
            }
            Self::TagChar(c) => {
                return write!(
                    f,
                    "`{}` cannot be in a tag; letters, digits, `_`, `.` and `-` can",
                    c.escape_debug()
                );
            }
            Self::TagTooLong(length) => {
                return write!(
                    f,
                    "a tag must not be more than 128 characters, found {length}"
                );
            }
            Self::Digest(error) => return error.reason().fmt(f),
        };
        f.write_str(text)
    }
}
