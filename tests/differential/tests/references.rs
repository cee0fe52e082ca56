//! References, as `oci-spec` (and so `oci-client`, which takes them from there) reads them.
//!
//! Both are after Docker's grammar. Every difference has to be one of [`DIFFERENCES`], and each of
//! those has to be met: a difference that is gone is as much news as one that is new.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::collections::{BTreeMap, BTreeSet};

use oci_spec::distribution::Reference as Theirs;
use ocirepo::Reference;

/// What a reference means: registry, repository, tag, digest.
type Parts = (String, String, Option<String>, Option<String>);

fn ours(text: &str) -> Option<Parts> {
    let reference: Reference = text.parse().ok()?;
    let tag = reference.tag().map(|digest| digest.to_string());
    let digest = reference.digest().map(|digest| digest.to_string());
    let repository = reference.repository();
    Some((
        repository.registry.authority().to_owned(),
        repository.name().to_owned(),
        // A reference without either means this tag, which they write at once.
        tag.or_else(|| digest.is_none().then(|| "latest".to_owned())),
        digest,
    ))
}

fn theirs(text: &str) -> Option<Parts> {
    let reference: Theirs = text.parse().ok()?;
    Some((
        reference.registry().to_owned(),
        reference.repository().to_owned(),
        reference.tag().map(str::to_owned),
        reference.digest().map(str::to_owned),
    ))
}

/// A difference: what it is, and whether a text is a case of it.
type Difference = (
    &'static str,
    fn(&str, &Option<Parts>, &Option<Parts>) -> bool,
);

const DIFFERENCES: &[Difference] = &[
    // Their `\w` is that of Unicode; the grammar means ASCII.
    ("letters beyond ASCII in a tag", |text, ours, theirs| {
        ours.is_none() && theirs.is_some() && !text.is_ascii()
    }),
    // The grammar has lower-case hexadecimal digits, and so have the URLs of every registry.
    ("a digest in upper case", |text, ours, theirs| {
        let digest = theirs.as_ref().and_then(|parts| parts.3.as_ref());
        ours.is_none() && digest.is_some_and(|digest| text.contains(&**digest) && upper(digest))
    }),
    // Docker takes a first component with capitals for a registry, for no repository has any.
    ("a first component in upper case", |_, ours, theirs| {
        let theirs = theirs.as_ref();
        ours.as_ref().is_none_or(|parts| upper(&parts.0))
            && theirs.is_some_and(|parts| parts.0 == "docker.io" && upper(&parts.1))
    }),
    // Such a host is no name, and URLs take it for an address that is out of range.
    (
        "a host that ends in a number and is no address",
        |_, ours, theirs| {
            let host = theirs
                .as_ref()
                .map(|parts| parts.0.split(':').next().unwrap());
            let label = host.and_then(|host| host.rsplit('.').next());
            let number = |label: &str| label.bytes().all(|byte| byte.is_ascii_digit());
            ours.is_none() && label.is_some_and(number)
        },
    ),
    // No host has one, says the grammar of both.
    ("an underscore in the name of a host", |_, ours, theirs| {
        ours.is_none() && theirs.as_ref().is_some_and(|parts| parts.0.contains('_'))
    }),
    // Docker has brackets since distribution 2.8.2; the expression they copied is older.
    ("an IPv6 address", |text, ours, theirs| {
        ours.is_some() && theirs.is_none() && text.starts_with('[')
    }),
    // Docker takes 64 hexadecimal digits for the identifier of an image, and refuses them.
    ("64 hexadecimal digits alone", |text, ours, theirs| {
        ours.is_none() && theirs.is_some() && text.len() == 64
    }),
];

fn upper(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_uppercase())
}

const PIECES: &[&str] = &[
    "a",
    "b1",
    "Repo",
    "library",
    "docker.io",
    "index.docker.io",
    "localhost",
    "localhost:5000",
    "registry.example",
    "registry.example:443",
    "127.0.0.1",
    "[::1]",
    "[::1]:5000",
    "ghcr.io",
    "/",
    "/",
    "/",
    ":",
    ":",
    "@",
    "@",
    ".",
    "_",
    "__",
    "___",
    "-",
    "--",
    "..",
    "latest",
    "1.0",
    "_x",
    "-x",
    "UPPER",
    "sha256:",
    "sha512:",
    "md5:",
    "sha256",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "sha256:e3b0",
    "md5:d41d8cd98f00b204e9800998ecf8427e",
    " ",
    "é",
    "%41",
    "+",
    "?",
    "#",
    "\\",
    "99999",
    "0",
];

/// One of each difference at least, whatever chance does.
const PECULIAR: &[&str] = &[
    "a:\u{e9}",
    "a@sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855",
    "Repo/a",
    "99999127.0.0.1/a",
    "127.0.0.1_x/a",
    "[::1]:5000/a",
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
];

#[test]
fn every_difference_from_oci_spec_is_known() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut chance = |end: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 33) as usize % end
    };
    let mut met = BTreeMap::new();
    let mut unknown = BTreeSet::new();
    let (mut alike, mut accepted) = (0, 0);
    let random = (0..6_000).map(|_| {
        let len = 1 + chance(7);
        (0..len).map(|_| PIECES[chance(PIECES.len())]).collect()
    });
    for text in PECULIAR.iter().map(|text| (*text).to_owned()).chain(random) {
        let text: String = text;
        let (ours, theirs) = (ours(&text), theirs(&text));
        if ours == theirs {
            alike += 1;
            accepted += usize::from(ours.is_some());
            continue;
        }
        let known = DIFFERENCES.iter().find(|(_, is)| is(&text, &ours, &theirs));
        match known {
            Some((name, _)) => *met.entry(*name).or_insert(0) += 1,
            None => {
                unknown.insert(format!("{text}\n  ours   {ours:?}\n  theirs {theirs:?}"));
            }
        }
    }
    println!("{alike} alike, {accepted} of them references; {met:#?}");
    let shown: Vec<_> = unknown.iter().take(30).map(String::as_str).collect();
    assert!(
        unknown.is_empty(),
        "{} unknown:\n{}",
        unknown.len(),
        shown.join("\n")
    );
    let gone = DIFFERENCES
        .iter()
        .filter(|(name, _)| !met.contains_key(name));
    let gone: Vec<_> = gone.map(|(name, _)| name).collect();
    assert!(gone.is_empty(), "no longer different: {gone:?}");
    assert!(accepted > 500, "too few of them are references");
}
