//! `Warning: 299 - "…"` (distribution-spec, "Warnings").

use http::header::WARNING;

use crate::exchange::Head;

/// What the registry wants people to know, for showing once and acting on never.
///
/// Only warnings of the specification's form count: code 299, agent `-`, a quoted text.
/// Control characters and changes of direction are removed, so that a warning says on a
/// terminal what it says. At most the 4096 bytes the specification allows for all together are read.
pub fn warning(head: &Head) -> Vec<String> {
    let mut warnings = Vec::new();
    let mut left = MAX_BYTES;
    for field in head.headers.get_all(WARNING) {
        let bytes = field.as_bytes();
        let bytes = bytes.get(..left).unwrap_or(bytes);
        left -= bytes.len();
        let text = String::from_utf8_lossy(bytes);
        let mut rest: &str = &text;
        while let Some((prefix, quoted)) = rest.split_once('"') {
            let (text, after) = unquote(quoted);
            rest = after;
            let mut words = prefix
                .trim_start_matches([' ', '\t', ','])
                .split_whitespace();
            let of_the_form =
                (words.next(), words.next(), words.next()) == (Some("299"), Some("-"), None);
            if of_the_form && !text.is_empty() && !warnings.contains(&text) {
                warnings.push(text);
            }
        }
    }
    warnings
}

const MAX_BYTES: usize = 4096;

/// The text up to the closing quote, and what follows it.
fn unquote(quoted: &str) -> (String, &str) {
    let mut text = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => break,
            '\\' => text.extend(chars.next()),
            c => text.push(c),
        }
    }
    text.retain(|c| !c.is_control() && !is_direction(c));
    (text, chars.as_str())
}

/// Characters that make what follows be shown in another order than it was written.
fn is_direction(c: char) -> bool {
    matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use proptest::prelude::*;

    fn warnings(values: &[&str]) -> Vec<String> {
        let fields: Vec<_> = values.iter().map(|value| ("Warning", *value)).collect();
        warning(&answer(200, &fields))
    }

    #[test]
    fn the_examples_of_the_specification() {
        assert_eq!(
            warnings(&[
                r#"299 - "Your auth token will expire in 30 seconds.""#,
                r#"299 - "This registry endpoint is deprecated and will be removed soon.""#,
                r#"299 - "This image is deprecated and will be removed soon.""#,
            ]),
            [
                "Your auth token will expire in 30 seconds.",
                "This registry endpoint is deprecated and will be removed soon.",
                "This image is deprecated and will be removed soon.",
            ]
        );
    }

    #[test]
    fn several_in_one_field_and_escapes() {
        assert_eq!(
            warnings(&[r#"299 - "a, \"b\"",299  -  "c" , 299 - "a, \"b\"""#]),
            ["a, \"b\"", "c"]
        );
        assert_eq!(warnings(&["299 - \"a\u{202e}b\u{2066}"]), ["ab"]);
        assert_eq!(warnings(&["299 - \"caf\u{e9}\tau lait"]), ["caféau lait"]);
    }

    #[test]
    fn other_warnings_are_nobodys_business() {
        for value in [
            "",
            "299 -",
            "299 - text",
            r#"110 - "Response is stale""#,
            r#"299 proxy.example "hello""#,
            r#"299 - "" "#,
            r#""299 -" "hello""#,
        ] {
            assert!(warnings(&[value]).is_empty(), "{value}");
        }
        assert_eq!(
            warnings(&[r#"299 - "x" "Sat, 25 Aug 2012 23:34:45 GMT""#]),
            ["x"]
        );
    }

    #[test]
    fn no_more_is_read_than_the_specification_allows() {
        let long = format!("299 - \"{}\"", "x".repeat(3000));
        let total: usize = warnings(&[&long, &long.replace('x', "y"), &long.replace('x', "z")])
            .iter()
            .map(String::len)
            .sum();
        assert!(total <= MAX_BYTES);
    }

    proptest! {
        #[test]
        fn any_field_is_read_without_panic(text in "(299|-|[ -~]|\"|\\\\|é){0,60}") {
            prop_assert!(warnings(&[&text]).iter().all(|w| !w.chars().any(char::is_control)));
        }
    }
}
