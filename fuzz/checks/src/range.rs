//! `Range`, `Content-Range` and `Retry-After`: read as a slow reader reads them, never out of
//! bounds.

use http::{HeaderMap, HeaderValue, StatusCode};
use ocirepo::endpoint::blobs::{Asked, body};
use ocirepo::exchange::Head;
use ocirepo::range::{ContentRange, chunk, received};
use ocirepo::retry_after;

/// Any bytes are a field.
pub fn check(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        assert_eq!(ContentRange::parse(text), model(text), "{text:?}");
        if let Some(bytes) = received(text) {
            let written = format!("0-{}", bytes - 1);
            let text = text.trim();
            assert!(
                text == written || number_of(text) == Some(bytes - 1),
                "{text:?}"
            );
        }
    }
    let Ok(value) = HeaderValue::from_bytes(data) else {
        return;
    };
    let mut head = Head {
        status: StatusCode::PARTIAL_CONTENT,
        headers: HeaderMap::new(),
        url: None,
    };
    head.headers.insert("content-range", value.clone());
    head.headers.insert("retry-after", value);
    for (asked, start) in [
        (Asked::From(5), 5),
        (Asked::Range(5..9), 5),
        (Asked::Whole, 0),
    ] {
        if let Ok(part) = body(&head, &asked, false) {
            assert_eq!(part.offset, start, "a part that is not what was asked for");
            assert!(part.total.is_none_or(|total| total > start));
        }
    }
    let wait = retry_after::parse(&head, 1_700_000_000);
    assert_eq!(wait, retry_after::parse(&head, 1_700_000_000));
}

/// The last byte in `bytes=0-N` or `0-N`, however the unit is written and however many zeros are
/// before the numbers.
fn number_of(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let text = lower.strip_prefix("bytes=").unwrap_or(&lower);
    let (first, last) = text.split_once('-')?;
    (first.parse() == Ok(0_u64)).then(|| last.parse().ok())?
}

/// RFC 9110 §14.4, by the letter: digits, in 128 bits, so that nothing overflows, and zeros
/// before them as many as there are.
fn model(text: &str) -> Option<ContentRange> {
    let number = |text: &str| -> Option<u128> {
        let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
        digits.then(|| text.parse().ok())?
    };
    let small = |number: u128| u64::try_from(number).ok();
    let text = text.trim();
    let unit = text
        .get(..5)
        .filter(|unit| unit.eq_ignore_ascii_case("bytes"))?;
    let rest = text.get(unit.len()..)?;
    let rest = rest.strip_prefix([' ', '\t'])?.trim_start();
    let (range, total) = rest.split_once('/')?;
    if range == "*" {
        let total = small(number(total)?)?;
        return Some(ContentRange::Unsatisfied { total });
    }
    let (first, last) = range.split_once('-')?;
    let (first, end) = (number(first)?, number(last)?.checked_add(1)?);
    let total = match total {
        "*" => None,
        total => Some(number(total)?),
    };
    if first >= end || total.is_some_and(|total| end > total) {
        return None;
    }
    let range = small(first)?..small(end)?;
    let total = match total {
        None => None,
        Some(total) => Some(small(total)?),
    };
    let written = chunk(&range);
    let written = format!("bytes {}/*", written.to_str().ok()?);
    let read = ContentRange::Bytes { range, total: None };
    assert_eq!(
        ContentRange::parse(&written),
        Some(read.clone()),
        "what is written reads back"
    );
    match read {
        ContentRange::Bytes { range, .. } => Some(ContentRange::Bytes { range, total }),
        unsatisfied => Some(unsatisfied),
    }
}
