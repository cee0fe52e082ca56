//! Metalinks and mirror lists: nothing but http and https, and one checksum at least.

use std::io::BufReader;

use ocirepo_rpm::metalink::{Metalink, mirrorlist};

use crate::stream::{LIMITS, Trickle};

/// Any bytes are a document.
pub fn check(data: &[u8]) {
    let whole = Metalink::read(data, "a.xml", LIMITS);
    let pieces = BufReader::with_capacity(1, Trickle(data));
    let pieces = Metalink::read(pieces, "a.xml", LIMITS);
    match (&whole, &pieces) {
        (Ok(whole), Ok(pieces)) => assert_eq!(whole, pieces),
        (Err(whole), Err(pieces)) => assert_eq!(whole.to_string(), pieces.to_string()),
        _ => panic!("whole {whole:?}, in pieces {pieces:?}"),
    }
    if let Ok(metalink) = &whole {
        metalink.bases.iter().for_each(|base| is_a_base(base));
        for version in std::iter::once(&metalink.current).chain(&metalink.earlier) {
            assert!(!version.checksums.is_empty());
            assert!(!version.is(b"certainly not what the checksum is of"));
        }
    }
    if let Ok(bases) = mirrorlist(data) {
        bases.iter().for_each(|base| is_a_base(base));
    }
}

fn is_a_base(base: &str) {
    let (scheme, rest) = base.split_once("://").expect("an absolute URL");
    assert!(
        scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https"),
        "{base}"
    );
    assert!(rest.ends_with('/') && base.len() <= 4097, "{base}");
    assert!(!rest.starts_with('/'), "there is a host: {base}");
    assert!(!base.contains(char::is_whitespace), "{base}");
}
