//! Globs as `fnmatch` has them, over whole texts.

/// A pattern of characters, `?`, `*`, `[set]` and `[!set]`.
///
/// Matching takes at most the product of both lengths, whatever the pattern.
#[derive(Clone, Debug)]
pub(super) struct Glob {
    text: Box<str>,
    parts: Box<[Part]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    One(char),
    Any,
    Star,
    Set {
        negated: bool,
        ranges: Box<[(char, char)]>,
    },
}

impl Part {
    fn matches(&self, c: char) -> bool {
        match self {
            Self::One(one) => *one == c,
            Self::Any => true,
            Self::Star => false,
            Self::Set { negated, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&c)) != *negated
            }
        }
    }
}

impl Glob {
    pub(super) fn new(text: &str) -> Self {
        let mut parts = Vec::new();
        let mut rest = text.chars();
        while let Some(c) = rest.next() {
            parts.push(match c {
                '*' if parts.last() == Some(&Part::Star) => continue,
                '*' => Part::Star,
                '?' => Part::Any,
                '[' => match parse_set(rest.as_str()) {
                    Some((set, behind)) => {
                        rest = behind.chars();
                        set
                    }
                    None => Part::One('['),
                },
                c => Part::One(c),
            });
        }
        Self {
            text: text.into(),
            parts: parts.into(),
        }
    }

    /// The pattern as it was given.
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// Whether a text that begins so can match, judged by the plain characters that
    /// the pattern begins with.
    pub(super) fn may_begin_with(&self, start: &str) -> bool {
        let plain = self.parts.iter().map_while(|part| match part {
            Part::One(c) => Some(*c),
            _ => None,
        });
        plain.zip(start.chars()).all(|(a, b)| a == b)
    }

    /// Whether the whole text matches.
    pub(super) fn matches(&self, text: &str) -> bool {
        let (mut parts, mut rest) = (&*self.parts, text.chars());
        // Behind the last star, and the text it has not swallowed yet.
        let mut retry = None;
        loop {
            if let Some((Part::Star, behind)) = parts.split_first() {
                parts = behind;
                retry = Some((behind, rest.clone()));
                continue;
            }
            let mut ahead = rest.clone();
            match (parts.split_first(), ahead.next()) {
                (None, None) => return true,
                (Some((part, behind)), Some(c)) if part.matches(c) => {
                    (parts, rest) = (behind, ahead);
                }
                _ => {
                    let Some((behind, left)) = &mut retry else {
                        return false;
                    };
                    if left.next().is_none() {
                        return false;
                    }
                    (parts, rest) = (behind, left.clone());
                }
            }
        }
    }
}

/// The set behind a `[`, and what follows its `]`.
fn parse_set(text: &str) -> Option<(Part, &str)> {
    let (negated, text) = match text.strip_prefix(['!', '^']) {
        Some(text) => (true, text),
        None => (false, text),
    };
    // A `]` right at the start is a member.
    let first = text.chars().next()?;
    let end = first.len_utf8() + text.get(first.len_utf8()..)?.find(']')?;
    let members: Vec<char> = text.get(..end)?.chars().collect();
    let mut ranges = Vec::new();
    let mut rest = &*members;
    loop {
        rest = match rest {
            [] => break,
            [low, '-', high, behind @ ..] => {
                ranges.push((*low, *high));
                behind
            }
            [one, behind @ ..] => {
                ranges.push((*one, *one));
                behind
            }
        };
    }
    let set = Part::Set {
        negated,
        ranges: ranges.into(),
    };
    Some((set, text.get(end + 1..)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_whole_texts() {
        let cases = [
            ("", "", true),
            ("", "a", false),
            ("*", "", true),
            ("**a", "ba", true),
            ("a*b*c", "axbxbxc", true),
            ("a*b*c", "axbxbx", false),
            ("?", "ü", true),
            ("[]a]", "]", true),
            ("[!]a]", "]", false),
            ("[^a]", "b", true),
            ("[a-", "[a-", true),
            ("[a-c-]", "-", true),
            ("[z-a]", "m", false),
            ("[", "[", true),
            ("[]", "[]", true),
            ("[!", "[!", true),
        ];
        for (pattern, text, matches) in cases {
            assert_eq!(
                Glob::new(pattern).matches(text),
                matches,
                "{pattern} {text}"
            );
        }
    }

    #[test]
    fn many_stars_take_no_exponential_time() {
        let glob = Glob::new(&"*a".repeat(200));
        assert!(!glob.matches(&("a".repeat(2000) + "b")));
    }

    /// The definition, which takes exponential time.
    fn slow(parts: &[Part], text: &[char]) -> bool {
        match (parts.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some((Part::Star, behind)), rest) => {
                slow(behind, text) || rest.is_some_and(|(_, rest)| slow(parts, rest))
            }
            (Some((part, behind)), Some((c, rest))) => part.matches(*c) && slow(behind, rest),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #[test]
        fn matching_agrees_with_its_definition(pattern in "[ab*?\\[\\]!-]{0,8}", text in "[ab]{0,8}") {
            let glob = Glob::new(&pattern);
            let chars: Vec<char> = text.chars().collect();
            let expected = slow(&glob.parts, &chars);
            prop_assert_eq!(glob.matches(&text), expected);
            if expected {
                prop_assert!((0..=text.len()).all(|end| glob.may_begin_with(&text[..end])));
            }
        }
    }
}
