//! HTTP dates (RFC 9110, section 5.6.7) as Unix seconds.

use std::time::{Duration, UNIX_EPOCH};

/// Later than any date HTTP can write.
const LAST: u64 = 253_402_300_799;

pub(super) fn format(seconds: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_secs(seconds.min(LAST)))
}

pub(super) fn parse(text: &str) -> Option<u64> {
    let date = httpdate::parse_http_date(text).ok()?;
    Some(date.duration_since(UNIX_EPOCH).ok()?.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_and_read_in_the_form_of_the_rfc() {
        let text = "Sun, 06 Nov 1994 08:49:37 GMT";
        assert_eq!(parse(text), Some(784_111_777));
        assert_eq!(format(784_111_777), text);
        assert_eq!(parse(&format(u64::MAX)), Some(LAST));
        assert_eq!(parse("yesterday"), None);
    }
}
