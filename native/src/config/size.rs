//! Numbers of bytes as people write them.

/// Parses `4096`, `64K`, `10M`, `2G`, `1T`, in any case, with or without `B` or `iB`.
/// Units are powers of 1024. `None` when it is no such number or too large.
///
/// ```
/// use ocirepo_native::config::parse_size;
///
/// assert_eq!(parse_size("10MiB"), Some(10 << 20));
/// assert_eq!(parse_size("ten"), None);
/// ```
pub fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim().to_ascii_lowercase();
    let text = text
        .strip_suffix("ib")
        .or_else(|| text.strip_suffix('b'))
        .unwrap_or(&text);
    let (number, shift) = match text.char_indices().next_back()? {
        (end, 'k') => (&text[..end], 10),
        (end, 'm') => (&text[..end], 20),
        (end, 'g') => (&text[..end], 30),
        (end, 't') => (&text[..end], 40),
        _ => (text, 0),
    };
    if !number.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    number.parse::<u64>().ok()?.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_binary_units_and_never_overflow() {
        for (text, expected) in [
            ("0", Some(0)),
            ("512", Some(512)),
            ("512B", Some(512)),
            ("4k", Some(4096)),
            ("3GB", Some(3 << 30)),
            ("1TiB", Some(1 << 40)),
            ("17179869184G", None),
            ("-1", None),
            ("+1", None),
            ("1.5G", None),
            ("G", None),
            ("é", None),
            ("", None),
        ] {
            assert_eq!(parse_size(text), expected, "{text}");
        }
    }
}
