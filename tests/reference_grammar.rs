//! The grammar of references, said a second time: as regular expressions over the
//! normalised text, the way Docker does it, against the hand-written parser.

use std::sync::LazyLock;

use ocirepo::reference::ReferenceRef;
use proptest::prelude::*;
use regex::Regex;

static REFERENCE: LazyLock<Regex> = LazyLock::new(|| {
    let label = "[a-zA-Z0-9](?:[a-zA-Z0-9-]*[a-zA-Z0-9])?";
    let host = format!(r"(?:{label}(?:\.{label})*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?");
    let component = "[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*";
    let tag = "[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}";
    let digest = "sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}";
    let whole = format!(
        r"\A(?:(?<host>{host})/)?(?<name>{component}(?:/{component})*)(?::(?<tag>{tag}))?(?:@(?<digest>{digest}))?\z"
    );
    Regex::new(&whole).expect("the grammar is a regular expression")
});

static BARE_HEX: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(r"\A[a-f0-9]{64}\z").expect("this is one too"));

#[derive(Debug, PartialEq)]
struct Parts {
    registry: String,
    name: String,
    tag: Option<String>,
    digest: Option<String>,
}

/// Puts in what a short name leaves out, then matches.
fn by_regex(text: &str) -> Option<Parts> {
    if BARE_HEX.is_match(text) {
        return None;
    }
    let hub = |rest: &str| match rest.contains('/') {
        true => format!("docker.io/{rest}"),
        false => format!("docker.io/library/{rest}"),
    };
    let normal = match text.split_once('/') {
        None => hub(text),
        Some(("docker.io" | "index.docker.io", rest)) => hub(rest),
        Some((first, _))
            if first == "localhost"
                || first.contains(['.', ':'])
                || first.to_lowercase() != first =>
        {
            text.to_owned()
        }
        Some(_) => hub(text),
    };
    let found = REFERENCE.captures(&normal)?;
    let group = |name| found.name(name).map(|group| group.as_str().to_owned());
    let name = group("name")?;
    (name.len() <= 255).then_some(Parts {
        registry: group("host").unwrap_or_default(),
        name,
        tag: group("tag"),
        digest: group("digest"),
    })
}

fn by_hand(text: &str) -> Option<Parts> {
    let parts = ReferenceRef::parse(text).ok()?;
    Some(Parts {
        registry: parts.registry().to_owned(),
        name: parts.name().into_owned(),
        tag: parts.tag().map(str::to_owned),
        digest: parts.digest().map(|digest| digest.to_string()),
    })
}

fn text() -> impl Strategy<Value = String> {
    let letters = prop_oneof![
        6 => "[a-z0-9]{1,3}",
        1 => "[A-Za-z0-9_.:@/\\[\\]-]{1,4}",
        1 => "[a-z]{50,130}",
        1 => "[a-f0-9]{64}",
    ];
    let words = prop::sample::select(vec![
        "localhost",
        "docker.io",
        "index.docker.io",
        "library",
        "[::1]",
        ":5000",
        "é",
        "Aa",
        " ",
    ]);
    let digest = prop_oneof![
        "@sha256:[a-f0-9]{64}",
        "@sha384:[a-f0-9]{96}",
        "@sha512:[a-f0-9]{128}",
        "@(sha256|SHA256|sha1|a\\+b):[a-fA-F0-9]{62,66}",
    ];
    let glue = prop::sample::select(vec![
        "", "", "/", "/", "/", ".", ":", "-", "_", "__", "--", "@", "._",
    ]);
    let piece = prop_oneof![5 => letters, 2 => words.prop_map(String::from)];
    (
        prop::collection::vec((piece, glue), 1..7),
        prop::option::of("(:[A-Za-z0-9_.-]{0,130}){1,2}"),
        prop::option::of(digest),
    )
        .prop_map(|(pieces, tag, digest)| {
            let name: String = pieces
                .into_iter()
                .flat_map(|(a, b)| [a, b.to_owned()])
                .collect();
            format!(
                "{name}{}{}",
                tag.unwrap_or_default(),
                digest.unwrap_or_default()
            )
        })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn parser_and_regular_expression_agree(text in text()) {
        prop_assert_eq!(by_hand(&text), by_regex(&text));
    }
}

/// Every text of up to five of the characters on which the grammar turns.
#[test]
fn parser_and_regular_expression_agree_on_every_short_text() {
    let alphabet = ['a', 'A', '0', '.', '-', '_', '/', ':', '@', '['];
    let mut texts = vec![String::new()];
    for _ in 0..5 {
        let longer: Vec<_> = (texts.iter())
            .flat_map(|text| alphabet.iter().map(move |c| format!("{text}{c}")))
            .collect();
        for text in &longer {
            assert_eq!(by_hand(text), by_regex(text), "{text}");
        }
        texts = longer;
    }
}
