//! `Retry-After`: how long a registry asks to wait (RFC 9110 §10.2.3).

use http::header::{DATE, RETRY_AFTER};

use crate::date::http_date;
use crate::exchange::Head;

/// The wait a response asks for, in milliseconds.
///
/// The field holds seconds or a date. A date is compared with the response's own
/// `Date` where there is one, so that a clock that is wrong on either side does no
/// harm, and else with `unix_secs`, the time of the host. A date in the past is no
/// wait at all. `None` when the field is absent or is neither.
pub fn parse(head: &Head, unix_secs: u64) -> Option<u64> {
    let text = head.text(RETRY_AFTER)?.trim();
    let seconds = match seconds(text) {
        Some(seconds) => seconds,
        None => {
            let sent = head
                .text(DATE)
                .and_then(|date| http_date(date, unix_secs))
                .unwrap_or(unix_secs);
            http_date(text, unix_secs)?.saturating_sub(sent)
        }
    };
    Some(seconds.saturating_mul(1000))
}

/// Digits alone are seconds, however many there are.
fn seconds(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use proptest::prelude::*;

    const NOW: u64 = 784_111_777;

    fn wait(value: &str, date: Option<&str>) -> Option<u64> {
        let mut head = Head::default();
        head.headers
            .insert(RETRY_AFTER, HeaderValue::from_str(value).ok()?);
        if let Some(date) = date {
            head.headers.insert(DATE, HeaderValue::from_str(date).ok()?);
        }
        parse(&head, NOW)
    }

    #[test]
    fn seconds_become_milliseconds() {
        assert_eq!(wait("120", None), Some(120_000));
        assert_eq!(wait(" 0 ", None), Some(0));
    }

    #[test]
    fn a_date_is_a_wait_from_now() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:50:37 GMT", None), Some(60_000));
        assert_eq!(wait("Sunday, 06-Nov-94 08:50:37 GMT", None), Some(60_000));
        assert_eq!(wait("Sun Nov  6 08:50:37 1994", None), Some(60_000));
    }

    #[test]
    fn a_date_counts_from_the_clock_of_the_registry() {
        assert_eq!(
            wait(
                "Fri, 31 Dec 1999 23:59:59 GMT",
                Some("Fri, 31 Dec 1999 23:59:50 GMT")
            ),
            Some(9_000)
        );
    }

    #[test]
    fn a_past_date_is_no_wait() {
        assert_eq!(wait("Sun, 06 Nov 1994 08:00:00 GMT", None), Some(0));
    }

    #[test]
    fn an_enormous_wait_saturates() {
        assert_eq!(wait("99999999999999999999999999", None), Some(u64::MAX));
    }

    #[test]
    fn anything_else_is_ignored() {
        for value in ["", "soon", "-1", "+1", "1.5", "1 2", "60s"] {
            assert_eq!(wait(value, None), None, "{value}");
        }
        assert_eq!(parse(&Head::default(), NOW), None);
    }

    proptest! {
        #[test]
        fn any_value_is_read_without_panic(bytes: Vec<u8>, date: Vec<u8>, now: u64) {
            let mut head = Head::default();
            if let (Ok(value), Ok(date)) = (HeaderValue::from_bytes(&bytes), HeaderValue::from_bytes(&date)) {
                head.headers.insert(RETRY_AFTER, value);
                head.headers.insert(DATE, date);
            }
            parse(&head, now);
        }
    }
}
