//! Byte ranges as HTTP and the distribution specification write them.
//!
//! Three notations meet here: `Range: bytes=a-b` asks for a part of a blob,
//! `Content-Range: bytes a-b/total` says which part came (RFC 9110 §14), and uploads
//! write `a-b` alone. On the wire the last byte is inclusive; in Rust ranges are
//! half-open.

use std::ops::Range;

use http::HeaderValue;

/// What the `Content-Range` of a response says (RFC 9110 §14.4).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ContentRange {
    /// `bytes a-b/total`: the body is these bytes of the content.
    Bytes {
        /// The bytes that follow, half-open; never empty.
        range: Range<u64>,
        /// The size of the whole content in bytes, unless the server wrote `*`.
        total: Option<u64>,
    },
    /// `bytes */total`: no byte of what was asked for exists (status 416).
    Unsatisfied {
        /// The size of the whole content in bytes.
        total: u64,
    },
}

impl ContentRange {
    /// Reads the field's value; `None` when it is of another unit, malformed, or
    /// contradicts itself (`5-3/10`, `0-10/10`).
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (unit, rest) = text.split_at_checked("bytes".len())?;
        if !unit.eq_ignore_ascii_case("bytes") || !rest.starts_with([' ', '\t']) {
            return None;
        }
        let (range, total) = rest.trim_start().split_once('/')?;
        if range == "*" {
            return Some(Self::Unsatisfied {
                total: number(total)?,
            });
        }
        let range = inclusive(range)?;
        let total = match total {
            "*" => None,
            total => Some(number(total).filter(|total| range.end <= *total)?),
        };
        Some(Self::Bytes { range, total })
    }
}

/// The value of `Range` that asks for everything from `first` on.
pub fn from(first: u64) -> HeaderValue {
    value(format!("bytes={first}-"))
}

/// The value of `Range` that asks for `range`. An empty range cannot be written; one
/// byte is asked for instead.
pub fn within(range: &Range<u64>) -> HeaderValue {
    let (first, last) = ends(range);
    value(format!("bytes={first}-{last}"))
}

/// The value of `Content-Range` that announces the chunk `range` of an upload, in the
/// specification's own notation: `a-b`. The range must not be empty.
pub fn chunk(range: &Range<u64>) -> HeaderValue {
    let (first, last) = ends(range);
    value(format!("{first}-{last}"))
}

/// Reads the `Range` of an upload's response, `0-<last>`, as the number of bytes the
/// registry has; `None` when it says something else.
///
/// `0-0` reads as one byte, though registries also write it before the first byte
/// came: see [`uploads::progress`](crate::endpoint::uploads::progress).
pub fn received(text: &str) -> Option<u64> {
    let text = text.trim();
    let text = match text.split_once('=') {
        Some((unit, range)) if unit.eq_ignore_ascii_case("bytes") => range,
        Some(_) => return None,
        None => text,
    };
    let range = inclusive(text)?;
    (range.start == 0).then_some(range.end)
}

/// Decimal digits alone; `u64::from_str` would take a sign too.
pub(crate) fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn inclusive(text: &str) -> Option<Range<u64>> {
    let (first, last) = text.split_once('-')?;
    let (first, last) = (number(first)?, number(last)?);
    let end = last.checked_add(1)?;
    (first < end).then_some(first..end)
}

fn ends(range: &Range<u64>) -> (u64, u64) {
    (range.start, range.end.saturating_sub(1).max(range.start))
}

fn value(text: String) -> HeaderValue {
    HeaderValue::try_from(text).expect("digits, dashes and `=` are legal in a field")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn examples_of_rfc_9110() {
        let cases = [
            ("bytes 42-1233/1234", 42..1234, Some(1234)),
            ("bytes 42-1233/*", 42..1234, None),
            ("bytes 0-0/1", 0..1, Some(1)),
            ("BYTES  0-499/1234", 0..500, Some(1234)),
        ];
        for (text, range, total) in cases {
            assert_eq!(
                ContentRange::parse(text),
                Some(ContentRange::Bytes { range, total }),
                "{text}"
            );
        }
        assert_eq!(
            ContentRange::parse("bytes */1234"),
            Some(ContentRange::Unsatisfied { total: 1234 })
        );
    }

    #[test]
    fn ranges_that_contradict_themselves_are_refused() {
        for text in [
            "",
            "bytes",
            "bytes ",
            "bytes 5-3/10",
            "bytes 5-4/10",
            "bytes 0-10/10",
            "bytes */*",
            "bytes -5/10",
            "bytes 5-/10",
            "bytes +1-2/10",
            "bytes=0-1/10",
            "items 0-1/10",
            "bytes 0-18446744073709551615/*",
            "bytes 0-99999999999999999999/*",
            "bytes 0-1/99999999999999999999",
            "bytés 0-1/10",
        ] {
            assert_eq!(ContentRange::parse(text), None, "{text}");
        }
    }

    #[test]
    fn requests_name_the_last_byte() {
        assert_eq!(from(7), "bytes=7-");
        assert_eq!(within(&(0..500)), "bytes=0-499");
        assert_eq!(within(&(5..5)), "bytes=5-5");
        assert_eq!(chunk(&(0..1)), "0-0");
        assert_eq!(chunk(&(10..u64::MAX)), "10-18446744073709551614");
    }

    #[test]
    fn uploads_report_their_last_byte() {
        let cases = [
            ("0-1023", Some(1024)),
            ("bytes=0-1023", Some(1024)),
            (" 0-0 ", Some(1)),
            ("5-9", None),
            ("0--1", None),
            ("0", None),
            ("", None),
            ("0-18446744073709551615", None),
            ("lines=0-5", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(received(text), bytes, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,40}") {
            received(&text);
            ContentRange::parse(&text);
        }

        #[test]
        fn near_misses_are_read_without_panic(text in "bytes [0-9*]{0,21}-?[0-9*]{0,21}/[0-9*]{0,21}") {
            if let Some(ContentRange::Bytes { range, total }) = ContentRange::parse(&text) {
                prop_assert!(!range.is_empty());
                prop_assert!(total.is_none_or(|total| range.end <= total));
            }
        }

        #[test]
        fn what_is_written_reads_back(start in 0..u64::MAX, len in 1u64..1 << 40) {
            let range = start..start.saturating_add(len);
            let text = chunk(&range).to_str().unwrap().to_owned();
            prop_assert_eq!(
                ContentRange::parse(&format!("bytes {text}/*")),
                Some(ContentRange::Bytes { range, total: None })
            );
        }
    }
}
