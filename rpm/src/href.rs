//! Where a file lies in a repository: a path that cannot leave it.
//!
//! The `href` of a `location` element is written by tools that disagree whether
//! it is a path or a URL: some percent-encode, most do not. It is decoded once; a
//! `%` without two hex digits behind it stands for itself. What results must stay
//! inside the repository, whatever it is joined to later.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::error::excerpt;

/// Longest path in bytes, what file systems allow. Escaped it is three times as long at most.
const MAX_LEN: usize = 4096;

/// A relative path inside a repository, such as `Packages/b/bash-5.3-1.x86_64.rpm`.
///
/// Every component is non-empty and neither `.` nor `..`; there is no backslash and
/// no control character. Two hrefs are equal when they name the same path, however
/// they were written.
#[derive(Clone)]
pub struct Href {
    path: Box<str>,
    /// The text it was parsed from, where that differs.
    written: Option<Box<str>>,
}

impl Href {
    /// Parses an `href` attribute, decoding percent escapes once.
    pub fn parse(written: &str) -> Result<Self, HrefError> {
        let refuse = |problem| {
            Err(HrefError {
                href: excerpt(written),
                problem,
            })
        };
        let Some(path) = decode_once(written) else {
            return refuse(HrefProblem::NotUtf8);
        };
        if let Err(problem) = check(&path) {
            return refuse(problem);
        }
        Ok(match path {
            Cow::Borrowed(path) => Self {
                path: path.into(),
                written: None,
            },
            Cow::Owned(path) => Self {
                path: path.into(),
                written: Some(written.into()),
            },
        })
    }

    /// The href of a path that is not encoded in any way. A `%` that would read as
    /// the start of an escape is escaped itself.
    pub fn from_path(path: &str) -> Result<Self, HrefError> {
        if let Err(problem) = check(path) {
            return Err(HrefError {
                href: excerpt(path),
                problem,
            });
        }
        let written = decode_once(path)
            .is_none_or(|decoded| decoded != path)
            .then(|| path.replace('%', "%25").into());
        Ok(Self {
            path: path.into(),
            written,
        })
    }

    /// The decoded path.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// The text as it stands, or belongs, in an `href` attribute.
    pub fn as_written(&self) -> &str {
        self.written.as_deref().unwrap_or(&self.path)
    }

    /// The last component: the name of the file.
    pub fn file_name(&self) -> &str {
        self.path.rsplit('/').next().unwrap_or(&self.path)
    }
}

impl PartialEq for Href {
    fn eq(&self, other: &Self) -> bool {
        self.path == other.path
    }
}

impl Eq for Href {}

impl PartialOrd for Href {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Href {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.path.cmp(&other.path)
    }
}

impl std::hash::Hash for Href {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        self.path.hash(state);
    }
}

impl fmt::Display for Href {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.path)
    }
}

impl fmt::Debug for Href {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_written(), f)
    }
}

impl FromStr for Href {
    type Err = HrefError;

    fn from_str(written: &str) -> Result<Self, Self::Err> {
        Self::parse(written)
    }
}

/// Decodes percent escapes; `None` when the bytes are not UTF-8 afterwards.
fn decode_once(written: &str) -> Option<Cow<'_, str>> {
    if !written.contains('%') {
        return Some(Cow::Borrowed(written));
    }
    let mut decoded = Vec::with_capacity(written.len());
    let mut rest = written.as_bytes();
    while let [first, behind @ ..] = rest {
        rest = behind;
        if *first == b'%'
            && let [high, low, behind @ ..] = behind
            && let Some(high) = char::from(*high).to_digit(16)
            && let Some(low) = char::from(*low).to_digit(16)
            && let Ok(byte) = u8::try_from(high << 4 | low)
        {
            decoded.push(byte);
            rest = behind;
        } else {
            decoded.push(*first);
        }
    }
    if decoded == written.as_bytes() {
        return Some(Cow::Borrowed(written));
    }
    String::from_utf8(decoded).ok().map(Cow::Owned)
}

fn check(path: &str) -> Result<(), HrefProblem> {
    if path.is_empty() {
        return Err(HrefProblem::Empty);
    }
    if path.len() > MAX_LEN {
        return Err(HrefProblem::TooLong);
    }
    if path.chars().any(char::is_control) {
        return Err(HrefProblem::Control);
    }
    if path.contains('\\') {
        return Err(HrefProblem::Backslash);
    }
    if path.starts_with('/') {
        return Err(HrefProblem::Absolute);
    }
    if let Some((scheme, behind)) = path.split_once(':')
        && behind.starts_with('/')
        && scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
    {
        return Err(HrefProblem::Scheme);
    }
    for component in path.split('/') {
        match component.as_bytes() {
            [] => return Err(HrefProblem::EmptyComponent),
            b"." | b".." => return Err(HrefProblem::DotComponent),
            // `C:name` escapes from a directory it is joined to on Windows.
            [letter, b':', ..] if letter.is_ascii_alphabetic() => return Err(HrefProblem::Scheme),
            _ => {}
        }
    }
    Ok(())
}

/// Why a text is not an [`Href`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HrefError {
    href: String,
    problem: HrefProblem,
}

impl HrefError {
    /// Which rule was broken, for a program to match on.
    pub fn problem(&self) -> HrefProblem {
        self.problem
    }
}

/// The rule that an href breaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum HrefProblem {
    /// There is nothing.
    Empty,
    /// More than 4096 bytes.
    TooLong,
    /// Not UTF-8 once decoded.
    NotUtf8,
    /// A NUL, a line break or another control character.
    Control,
    /// A backslash, which separates components on Windows.
    Backslash,
    /// It begins with a slash.
    Absolute,
    /// It begins with a URL scheme or a drive letter.
    Scheme,
    /// Two slashes in a row, or one at the end.
    EmptyComponent,
    /// A component is `.` or `..`.
    DotComponent,
}

impl fmt::Display for HrefError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rule = match self.problem {
            HrefProblem::Empty => "is empty",
            HrefProblem::TooLong => "is longer than 4096 bytes",
            HrefProblem::NotUtf8 => "is not UTF-8 once its percent escapes are decoded",
            HrefProblem::Control => "has a control character",
            HrefProblem::Backslash => "has a backslash",
            HrefProblem::Absolute => "begins with a slash",
            HrefProblem::Scheme => "has a URL scheme or drive letter",
            HrefProblem::EmptyComponent => "has an empty path component",
            HrefProblem::DotComponent => "has a `.` or `..` path component",
        };
        write!(
            f,
            "location `{}` {rule}; only plain paths inside the repository are followed",
            self.href
        )
    }
}

impl std::error::Error for HrefError {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_paths_stand_for_themselves() {
        for path in [
            "a",
            "repodata/repomd.xml",
            "Packages/g/gtk+-1.2~rc1^git1-1.x86_64.rpm",
            "...",
            "a b/#?&=;",
            "perl-4:5.8-1.noarch.rpm",
            "100%/%zz/%",
            "ü.rpm",
        ] {
            let href = Href::parse(path).unwrap();
            assert_eq!(href.path(), path);
            assert_eq!(href.as_written(), path);
        }
        assert_eq!(Href::parse("a/b/c.rpm").unwrap().file_name(), "c.rpm");
    }

    #[test]
    fn escapes_are_decoded_exactly_once() {
        let href = Href::parse("g%2B%2b/%2541.rpm").unwrap();
        assert_eq!(href.path(), "g++/%41.rpm");
        assert_eq!(href.as_written(), "g%2B%2b/%2541.rpm");
        assert_eq!(href, Href::from_path("g++/%41.rpm").unwrap());
    }

    #[test]
    fn a_path_survives_being_written_and_parsed() {
        for path in ["a", "100%", "%41", "%%41", "a%20b%2", "%ff", "%c3%a9"] {
            let href = Href::from_path(path).unwrap();
            assert_eq!(Href::parse(href.as_written()).unwrap().path(), path);
        }
    }

    #[test]
    fn what_leaves_the_repository_is_refused() {
        use HrefProblem as P;
        let cases = [
            ("", P::Empty),
            ("/etc/passwd", P::Absolute),
            ("%2fetc", P::Absolute),
            ("//host/x", P::Absolute),
            ("..", P::DotComponent),
            ("a/../../b", P::DotComponent),
            ("a/%2e%2E/b", P::DotComponent),
            ("a/..%2fb", P::DotComponent),
            ("./a", P::DotComponent),
            ("a/.", P::DotComponent),
            ("a//b", P::EmptyComponent),
            ("a/", P::EmptyComponent),
            ("http://host/x", P::Scheme),
            ("file:/etc/passwd", P::Scheme),
            ("C:x", P::Scheme),
            ("a/c:x", P::Scheme),
            ("a\\..\\b", P::Backslash),
            ("%5c", P::Backslash),
            ("a\0b", P::Control),
            ("a%00b", P::Control),
            ("a%0ab", P::Control),
            ("a\u{85}", P::Control),
            ("%ff", P::NotUtf8),
        ];
        for (href, problem) in cases {
            assert_eq!(Href::parse(href).unwrap_err().problem(), problem, "{href}");
        }
        assert_eq!(
            Href::parse(&"a/".repeat(3000)).unwrap_err().problem(),
            P::TooLong
        );
        let long = "%ab".repeat(MAX_LEN / 3);
        let href = Href::from_path(&long).unwrap();
        assert_eq!(Href::parse(href.as_written()), Ok(href));
        assert_eq!(
            Href::from_path("../x").unwrap_err().problem(),
            P::DotComponent
        );
        assert_eq!(
            Href::parse("a\u{1b}[2J/..").unwrap_err().to_string(),
            "location `a\\u{1b}[2J/..` has a control character; \
             only plain paths inside the repository are followed"
        );
    }
}
