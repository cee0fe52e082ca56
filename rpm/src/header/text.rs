//! Text of a header, which need not be UTF-8: old packages have what the spec file had.

use super::error::HeaderError;

/// Most bytes of a text that becomes an attribute in rpm-md. Escaped six-fold it still is
/// less than readers take.
const ATTRIBUTE: usize = 8 << 10;

/// Text as rpm-md can have it: what is UTF-8 stays, anything else is read as ISO 8859-1.
/// What XML cannot hold is left out.
pub(super) fn decode(raw: &[u8]) -> String {
    match std::str::from_utf8(raw) {
        Ok(text) if text.chars().all(is_xml) => text.to_owned(),
        Ok(text) => text.chars().filter(|c| is_xml(*c)).collect(),
        // createrepo_c leaves out 0x80 to 0xbf, for whoever used them probably meant the
        // code page 1252, and so do we.
        Err(_) => raw
            .iter()
            .map(|byte| char::from(*byte))
            .filter(|c| is_xml(*c) && !('\u{80}'..='\u{bf}').contains(c))
            .collect(),
    }
}

/// Whether XML 1.0 can hold a character (section 2.2).
fn is_xml(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{fffd}' | '\u{10000}'..)
}

/// [`decode`] for what becomes an attribute. `what` names it in errors.
pub(super) fn attribute(raw: &[u8], what: &str) -> Result<String, HeaderError> {
    if raw.len() > ATTRIBUTE {
        return Err(HeaderError::too_large(format!(
            "{what} of its header has {} bytes, more than {ATTRIBUTE}",
            raw.len()
        )));
    }
    Ok(decode(raw))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_8_stays_and_anything_else_is_latin_1() {
        assert_eq!(decode("é €".as_bytes()), "é €");
        assert_eq!(decode(b"caf\xe9 \xa9\x80"), "café ");
        assert_eq!(decode(b""), "");
    }

    #[test]
    fn what_xml_cannot_hold_is_left_out() {
        assert_eq!(decode("\u{1b}[1mé\u{fffe}\t\r\n".as_bytes()), "[1mé\t\r\n");
        assert_eq!(decode(b"\x01\xe9"), "é");
    }

    #[test]
    fn attributes_are_short() {
        assert_eq!(attribute(b"a", "a name").unwrap(), "a");
        assert_eq!(
            attribute(&[b'a'; 9000], "a name").unwrap_err().kind(),
            super::super::HeaderErrorKind::TooLarge
        );
    }
}
