//! Versions: compared as a model compares them, in an order that is one, and read back as written.

use std::cmp::Ordering;

use ocirepo_rpm::evr::{Evr, Nevra, rpmvercmp};

/// Three lines are three versions.
pub fn check(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let mut lines = text.split('\n');
    let mut next = || lines.next().unwrap_or_default();
    let (a, b, c) = (next(), next(), next());
    for (a, b) in [(a, b), (b, c), (a, c), (a, a)] {
        let order = rpmvercmp(a, b);
        assert_eq!(order, model(a).cmp(&model(b)), "{a:?} {b:?}");
        assert_eq!(order.reverse(), rpmvercmp(b, a), "{a:?} {b:?}");
    }
    if rpmvercmp(a, b) != Ordering::Greater && rpmvercmp(b, c) != Ordering::Greater {
        assert_ne!(rpmvercmp(a, c), Ordering::Greater, "{a:?} {b:?} {c:?}");
    }
    let evrs: Vec<Evr> = [a, b, c]
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    for one in &evrs {
        assert_eq!(one.to_string().parse().as_ref(), Ok(one), "{one}");
        for two in &evrs {
            assert_eq!(one.cmp(two) == Ordering::Equal, one == two);
            let coarse = one.compare(two);
            assert!(coarse == Ordering::Equal || coarse == one.cmp(two));
        }
    }
    if let Ok(nevra) = a.parse::<Nevra>() {
        assert_eq!(nevra.to_string().parse().as_ref(), Ok(&nevra), "{nevra}");
    }
}

/// One piece of a version. Their order is RPM's; the end of a version is a piece, too.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Piece {
    Tilde,
    End,
    Caret,
    Letters(String),
    /// How many digits without leading zeros, and which.
    Number(usize, String),
}

/// A version as the row of its pieces, which then compare one by one.
fn model(version: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let chars: Vec<char> = version.chars().collect();
    let mut at = 0;
    while at < chars.len() {
        let run = |class: fn(&char) -> bool| -> String {
            chars[at..].iter().take_while(|c| class(c)).collect()
        };
        match chars[at] {
            '~' => pieces.push(Piece::Tilde),
            '^' => pieces.push(Piece::Caret),
            c if c.is_ascii_digit() => {
                let digits = run(char::is_ascii_digit);
                at += digits.len() - 1;
                let digits = digits.trim_start_matches('0').to_owned();
                pieces.push(Piece::Number(digits.len(), digits));
            }
            c if c.is_ascii_alphabetic() => {
                let letters = run(char::is_ascii_alphabetic);
                at += letters.len() - 1;
                pieces.push(Piece::Letters(letters));
            }
            _ => {}
        }
        at += 1;
    }
    pieces.push(Piece::End);
    pieces
}
