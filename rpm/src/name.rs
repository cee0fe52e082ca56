//! Paths of a repository as OCI repository names, for the `tree` layout.
//!
//! In `tree` every file is an OCI repository of its own, named after the path of the
//! file below the name of the RPM repository. OCI names are narrower than paths (no
//! upper case, no `+`, no `~`, no `^`), so components that OCI does not allow are encoded:
//!
//! - a component that OCI allows and that does not begin with `z--` stays as it is;
//! - any other becomes `z--` followed, byte by byte, by `a`-`y` and `0`-`9` as they are;
//!   `.`, `_` and `-` as they are wherever the grammar allows a separator there (one `.`,
//!   one or two `_`, any number of `-`, never at the end); and everything else as `z`
//!   and two lower-case hexadecimal digits;
//! - while the whole name is longer than [`MAX_NAME`], its longest component becomes
//!   `z--h-` and the SHA-256 of the original component; if that cannot be enough, the
//!   whole path becomes one component, `z--h-` and the SHA-256 of the path. The title of
//!   the file's layer then tells what it was.
//!
//! The encoding is total for what [`check_path`] accepts (if the repository's own name
//! leaves room for the last form) and injective, and [`decode_component`] refuses every
//! spelling that [`encode_component`] does not write.
//!
//! ```
//! use ocirepo_rpm::name;
//!
//! let encoded = name::encode_component("gtk+-1.2.10-1.x86_64.rpm")?;
//! assert_eq!(encoded, "z--gtkz2b-1.2.10-1.x86_64.rpm");
//! assert_eq!(name::decode_component(&encoded)?, "gtk+-1.2.10-1.x86_64.rpm");
//!
//! assert_eq!(
//!     name::encode_path("me/repo", "Packages/hello.rpm")?,
//!     "me/repo/z--z50ackages/hello.rpm",
//! );
//! assert_eq!(name::percent_decode("LibFoo%2b%2b-1.rpm")?, "LibFoo++-1.rpm");
//! # Ok::<(), name::NameError>(())
//! ```

use std::fmt;

use ocirepo::digest::Digest;

/// The longest repository name the registries agree on, in characters: the rule of the
/// reference grammar, without the registry and the slash after it.
pub const MAX_NAME: usize = 255;

/// What every encoded component begins with.
const PREFIX: &str = "z--";

/// What the components that stand for something too long begin with.
const HASHED: &str = "z--h-";

/// Length of a hashed component.
const HASHED_LEN: usize = HASHED.len() + 64;

/// Encodes one path component.
///
/// A component that cannot be part of any name for its length comes back in its hashed
/// form. Fails on an empty component, on `.` and `..`, and on one that holds a `/` or NUL.
pub fn encode_component(component: &str) -> Result<String, NameError> {
    check_component(component)?;
    let encoded = spell(component);
    Ok(if encoded.len() > MAX_NAME {
        hashed(component)
    } else {
        encoded
    })
}

/// Decodes one component of a name.
///
/// Fails on everything that [`encode_component`] does not write, and on hashed
/// components, whose original is only to be had from the title of the layer.
pub fn decode_component(encoded: &str) -> Result<String, NameError> {
    if is_hashed(encoded) {
        return Err(NameError::new(Problem::Hashed, encoded));
    }
    let foreign = || NameError::new(Problem::NotCanonical, encoded);
    let decoded = match encoded.strip_prefix(PREFIX) {
        None => encoded.to_owned(),
        Some(body) => unescape(body, b'z').ok_or_else(foreign)?,
    };
    if encode_component(&decoded)? != encoded {
        return Err(foreign());
    }
    Ok(decoded)
}

/// Whether a component of a name is the hashed form of something too long.
pub fn is_hashed(encoded: &str) -> bool {
    encoded.strip_prefix(HASHED).is_some_and(|hex| {
        hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    })
}

/// The OCI repository name of one file: the name of the RPM repository, a slash, and the
/// encoded path.
///
/// Fails where [`check_path`] fails, and when `repository` leaves no room for the 70
/// characters of a hashed path.
pub fn encode_path(repository: &str, path: &str) -> Result<String, NameError> {
    check_path(path)?;
    let originals: Vec<&str> = path.split('/').collect();
    let mut components: Vec<String> = originals.iter().map(|c| spell(c)).collect();
    let mut length = repository.len() + components.iter().map(|c| c.len() + 1).sum::<usize>();
    while length > MAX_NAME {
        let longest = (0..components.len())
            .rev()
            .max_by_key(|&at| components[at].len())
            .filter(|&at| components[at].len() > HASHED_LEN);
        let Some(longest) = longest else {
            length = repository.len() + 1 + HASHED_LEN;
            components = vec![hashed(path)];
            break;
        };
        length -= components[longest].len() - HASHED_LEN;
        components[longest] = hashed(originals[longest]);
    }
    if length > MAX_NAME {
        return Err(NameError::new(Problem::NoRoom, repository));
    }
    Ok(format!("{repository}/{}", components.join("/")))
}

/// The path of a file from its OCI repository name: the inverse of [`encode_path`].
///
/// `title` is the title of the file's layer; it is needed (and checked) where a component
/// is hashed. Fails when `name` is not below `repository`, or is not the name that
/// [`encode_path`] gives the path.
pub fn decode_path(repository: &str, name: &str, title: Option<&str>) -> Result<String, NameError> {
    let foreign = || NameError::new(Problem::NotCanonical, name);
    let below = name
        .strip_prefix(repository)
        .and_then(|rest| rest.strip_prefix('/'))
        .ok_or_else(foreign)?;
    let path = if below.split('/').any(is_hashed) {
        title
            .ok_or_else(|| NameError::new(Problem::Hashed, name))?
            .to_owned()
    } else {
        let decoded: Result<Vec<String>, NameError> =
            below.split('/').map(decode_component).collect();
        decoded?.join("/")
    };
    if encode_path(repository, &path)? != name {
        return Err(foreign());
    }
    Ok(path)
}

/// Decodes the percent-escapes of a path that an HTTP client asked for, once, and checks
/// the result with [`check_path`].
///
/// Slashes that were escaped separate components like all others. Fails on an incomplete
/// escape and on bytes that are not UTF-8.
pub fn percent_decode(path: &str) -> Result<String, NameError> {
    let decoded =
        unescape(path, b'%').ok_or_else(|| NameError::new(Problem::PercentEncoding, path))?;
    check_path(&decoded)?;
    Ok(decoded)
}

/// Accepts relative paths that stay inside: components separated by single slashes, none
/// empty, none `.` or `..`, no NUL.
pub fn check_path(path: &str) -> Result<(), NameError> {
    path.split('/')
        .try_for_each(check_component)
        .map_err(|error| NameError::new(error.problem, path))
}

fn check_component(component: &str) -> Result<(), NameError> {
    let problem = match component {
        "" => Problem::Empty,
        "." | ".." => Problem::Dots,
        _ if component.contains(['/', '\0']) => Problem::Forbidden,
        _ => return Ok(()),
    };
    Err(NameError::new(problem, component))
}

fn hashed(original: &str) -> String {
    format!("{HASHED}{}", Digest::of(original.as_bytes()).hex())
}

/// The encoding of a component of any length.
fn spell(component: &str) -> String {
    if is_oci_component(component) && !component.starts_with(PREFIX) {
        return component.to_owned();
    }
    let mut encoded = String::from(PREFIX);
    let mut separator = Separator::Dashes;
    let mut bytes = component.bytes().peekable();
    while let Some(byte) = bytes.next() {
        let next = separator.then(byte);
        match byte {
            b'a'..=b'y' | b'0'..=b'9' => encoded.push(char::from(byte)),
            b'.' | b'_' | b'-' if next != Separator::Illegal && bytes.peek().is_some() => {
                encoded.push(char::from(byte));
                separator = next;
                continue;
            }
            _ => encoded.push_str(&format!("z{byte:02x}")),
        }
        separator = Separator::None;
    }
    encoded
}

/// Decodes `escape` followed by two hexadecimal digits; `None` when a digit is missing or
/// the bytes are not UTF-8.
fn unescape(text: &str, escape: u8) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte == escape {
            let high = char::from(bytes.next()?).to_digit(16)?;
            let low = char::from(bytes.next()?).to_digit(16)?;
            decoded.push(u8::try_from(high << 4 | low).ok()?);
        } else {
            decoded.push(byte);
        }
    }
    String::from_utf8(decoded).ok()
}

/// The separator that the name ends with so far.
#[derive(Clone, Copy, PartialEq)]
enum Separator {
    None,
    Dot,
    Underscore,
    TwoUnderscores,
    Dashes,
    Illegal,
}

impl Separator {
    /// The separator after one more byte.
    fn then(self, byte: u8) -> Self {
        match (self, byte) {
            (_, b'a'..=b'z' | b'0'..=b'9') => Self::None,
            (Self::None, b'.') => Self::Dot,
            (Self::None, b'_') => Self::Underscore,
            (Self::Underscore, b'_') => Self::TwoUnderscores,
            (Self::None | Self::Dashes, b'-') => Self::Dashes,
            _ => Self::Illegal,
        }
    }
}

/// `[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*`, as the distribution specification has it.
fn is_oci_component(component: &str) -> bool {
    // As if after a dot: no separator may stand at the beginning.
    let mut separator = Separator::Dot;
    for byte in component.bytes() {
        separator = separator.then(byte);
        if separator == Separator::Illegal {
            return false;
        }
    }
    separator == Separator::None
}

/// A path or name that has no counterpart on the other side.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameError {
    problem: Problem,
    subject: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Problem {
    Empty,
    Dots,
    Forbidden,
    PercentEncoding,
    NotCanonical,
    Hashed,
    NoRoom,
}

impl NameError {
    fn new(problem: Problem, subject: &str) -> Self {
        // Hostile input must not fill logs.
        let subject = subject.chars().take(300).collect();
        Self { problem, subject }
    }
}

impl fmt::Display for NameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { problem, subject } = self;
        match problem {
            Problem::Empty => write!(
                f,
                "path {subject:?} has an empty component; write it relative to the \
                 repository, with single slashes"
            ),
            Problem::Dots => write!(
                f,
                "path {subject:?} has a component `.` or `..`; only paths inside the \
                 repository can be named"
            ),
            Problem::Forbidden => write!(f, "path {subject:?} holds a NUL or a stray slash"),
            Problem::PercentEncoding => write!(
                f,
                "path {subject:?} does not decode: `%` takes two hexadecimal digits, and \
                 the bytes must be UTF-8"
            ),
            Problem::NotCanonical => write!(
                f,
                "{subject:?} is not the name that the tree layout gives to any file here"
            ),
            Problem::Hashed => write!(
                f,
                "{subject:?} stands for a path that was too long; only the title of its \
                 layer tells which"
            ),
            Problem::NoRoom => write!(
                f,
                "repository name {subject:?} is too long for files below it: a name has \
                 at most {MAX_NAME} characters; choose a shorter one"
            ),
        }
    }
}

impl std::error::Error for NameError {}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The grammar once more, written naively.
    fn grammar(component: &str) -> bool {
        let bytes = component.as_bytes();
        let alphanumeric = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        if bytes.is_empty() || !alphanumeric(&bytes[0]) || !alphanumeric(&bytes[bytes.len() - 1]) {
            return false;
        }
        component
            .split(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            .all(|run| matches!(run, "" | "." | "_" | "__") || run.bytes().all(|b| b == b'-'))
    }

    #[test]
    fn components_are_spelled_as_specified() {
        for (component, encoded) in [
            ("hello-2.0-1.noarch.rpm", "hello-2.0-1.noarch.rpm"),
            ("gtk+-1.2.10-1.x86_64.rpm", "z--gtkz2b-1.2.10-1.x86_64.rpm"),
            (
                "LibFoo++-1.2~rc1^git20240101-3.el9.noarch.rpm",
                "z--z4cibz46ooz2bz2b-1.2z7erc1z5egit20240101-3.el9.noarch.rpm",
            ),
            (".treeinfo", "z--z2etreeinfo"),
            ("RPM-GPG-KEY-lab", "z--z52z50z4d-z47z50z47-z4bz45z59-lab"),
            ("zlib", "zlib"),
            ("Zlib", "z--z5alib"),
            ("z--a", "z--z7a--a"),
            ("z-a", "z-a"),
            ("a..b", "z--a.z2eb"),
            ("a__b", "a__b"),
            ("a___b", "z--a__z5fb"),
            ("a_-b", "z--a_z2db"),
            ("a--", "z--a-z2d"),
            ("-a", "z---a"),
            ("_a", "z--z5fa"),
            ("é", "z--zc3za9"),
        ] {
            assert_eq!(encode_component(component).unwrap(), encoded);
            assert_eq!(decode_component(encoded).unwrap(), component);
        }
    }

    #[test]
    fn other_spellings_are_refused() {
        for foreign in [
            "z--hello",
            "z--z48ello-z4D",
            "z--z4",
            "z--",
            "z--gtkz2bz2ea",
            "z--z61B",
            "z--zff",
            "z--z2e",
            "z--z2ez2e",
            "z--az2fb",
            "Hello",
            "a..b",
        ] {
            assert!(decode_component(foreign).is_err(), "{foreign}");
        }
    }

    #[test]
    fn what_leaves_the_repository_is_refused() {
        for path in ["", "/", "a//b", "a/", "/a", ".", "a/../b", "a/./b", "a\0b"] {
            assert!(check_path(path).is_err(), "{path:?}");
        }
        for path in [
            "%2e%2e/x", "a/%2E/b", "a%2f%2fb", "%2fetc", "%", "%4", "%zz", "%ff", "%00",
        ] {
            assert!(percent_decode(path).is_err(), "{path:?}");
        }
    }

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(percent_decode("a%252e/b%7Ec").unwrap(), "a%2e/b~c");
        assert_eq!(
            percent_decode("Packages%2fx.rpm").unwrap(),
            "Packages/x.rpm"
        );
    }

    #[test]
    fn a_name_that_is_too_long_loses_its_longest_component_to_a_hash() {
        let long = "Q".repeat(80);
        let name = encode_path("me/repo", &format!("packages/{long}")).unwrap();
        let hash = Digest::of(long.as_bytes()).hex();
        assert_eq!(name, format!("me/repo/packages/z--h-{hash}"));
        assert_eq!(encode_component(&"Q".repeat(90)).unwrap().len(), HASHED_LEN);
        assert!(decode_component(&"x".repeat(MAX_NAME)).is_ok());
        assert!(decode_component(&"x".repeat(MAX_NAME + 1)).is_err());

        assert!(decode_path("me/repo", &name, None).is_err());
        assert!(decode_path("me/repo", &name, Some("packages/other")).is_err());
        let title = format!("packages/{long}");
        assert_eq!(decode_path("me/repo", &name, Some(&title)).unwrap(), title);
    }

    #[test]
    fn a_path_that_is_too_deep_becomes_one_hash() {
        let path = "directory/".repeat(30) + "file";
        let hash = Digest::of(path.as_bytes()).hex();
        let name = encode_path("me/repo", &path).unwrap();
        assert_eq!(name, format!("me/repo/z--h-{hash}"));
        assert_eq!(decode_path("me/repo", &name, Some(&path)).unwrap(), path);

        let error = encode_path(&"n".repeat(200), &path).unwrap_err();
        assert!(
            error.to_string().contains("choose a shorter one"),
            "{error}"
        );
    }

    fn component() -> impl Strategy<Value = String> {
        prop_oneof![
            "[a-z0-9._-]{1,12}",
            "[A-Za-z0-9._+~^z-]{1,40}",
            "z--[a-z0-9.-]{0,8}",
            "h-[0-9a-f]{64}",
            "\\PC{1,12}",
            "[A-Z]{60,120}",
        ]
        .prop_filter("is a component", |c| check_component(c).is_ok())
    }

    proptest! {
        #[test]
        fn every_component_becomes_one_that_oci_allows_and_comes_back(c in component()) {
            let encoded = encode_component(&c).unwrap();
            prop_assert!(grammar(&encoded), "{}", encoded);
            prop_assert!(encoded.len() <= MAX_NAME);
            if is_hashed(&encoded) {
                prop_assert!(c.len() * 3 + 3 > MAX_NAME);
            } else {
                prop_assert_eq!(decode_component(&encoded).unwrap(), c);
            }
        }

        #[test]
        fn different_paths_have_different_names(
            a in proptest::collection::vec(component(), 1..6),
            b in proptest::collection::vec(component(), 1..6),
        ) {
            let (a, b) = (a.join("/"), b.join("/"));
            let (x, y) = (encode_path("n", &a).unwrap(), encode_path("n", &b).unwrap());
            prop_assert_eq!(a == b, x == y);
            prop_assert!(x.len() <= MAX_NAME && x.split('/').all(grammar));
            prop_assert_eq!(decode_path("n", &x, Some(&a)).unwrap(), a);
        }

        #[test]
        fn what_decodes_is_what_encodes(name in "[a-z0-9._-]{0,6}(z--)?[a-zA-Z0-9._-]{0,24}") {
            if let Ok(decoded) = decode_component(&name) {
                prop_assert_eq!(encode_component(&decoded).unwrap(), name);
            }
        }

        #[test]
        fn the_grammar_is_the_specifications(c in "[a-zA._-]{0,8}") {
            prop_assert_eq!(is_oci_component(&c), grammar(&c));
        }
    }
}
