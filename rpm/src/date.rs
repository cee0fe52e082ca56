//! Moments in Unix seconds as people and annotations write them, in UTC.

/// The date: `2023-11-14`.
pub(crate) fn date(seconds: u64) -> String {
    // Days are counted in eras of 400 years that begin on a 1st of March.
    let days = seconds / 86_400 + 719_468;
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 {
        (month + 3, 0)
    } else {
        (month - 9, 1)
    };
    format!("{:04}-{month:02}-{day:02}", era * 400 + year + next)
}

/// The moment as RFC 3339 has it: `2023-11-14T22:13:20Z`. `None` beyond the year 9999.
pub(crate) fn rfc3339(seconds: u64) -> Option<String> {
    let (hour, minute, second) = (seconds / 3600 % 24, seconds / 60 % 60, seconds % 60);
    let date = date(seconds);
    (date.len() == 10).then(|| format!("{date}T{hour:02}:{minute:02}:{second:02}Z"))
}

/// A moment as RFC 3339 has it, with any offset. `None` before 1970.
pub(crate) fn parse_rfc3339(text: &str) -> Option<u64> {
    let (date, rest) = text.split_at_checked(10)?;
    let (time, rest) = rest.split_at_checked(9)?;
    let number = |text: &str, at: std::ops::Range<usize>| -> Option<i64> {
        let digits = text.get(at)?;
        let plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        plain.then(|| digits.parse().ok()).flatten()
    };
    let separators = |text: &str, expected: [(usize, &[u8]); 2]| {
        let bytes = text.as_bytes();
        expected
            .iter()
            .all(|(at, any)| bytes.get(*at).is_some_and(|byte| any.contains(byte)))
    };
    let bytes = time.as_bytes();
    if !separators(date, [(4, b"-"), (7, b"-")])
        || !separators(time, [(3, b":"), (6, b":")])
        || !bytes.first().is_some_and(|byte| b"Tt ".contains(byte))
    {
        return None;
    }
    let (year, month, day) = (
        number(date, 0..4)?,
        number(date, 5..7)?,
        number(date, 8..10)?,
    );
    let (hour, minute, second) = (
        number(time, 1..3)?,
        number(time, 4..6)?,
        number(time, 7..9)?,
    );
    if !(1..=12).contains(&month)
        || !(1..=31).contains(&day)
        || hour > 23
        || minute > 59
        || second > 60
    {
        return None;
    }
    let rest = match rest.strip_prefix('.') {
        Some(fraction) => fraction.trim_start_matches(|c: char| c.is_ascii_digit()),
        None => rest,
    };
    let offset = match rest {
        "Z" | "z" => 0,
        _ => {
            let sign = match rest.get(..1)? {
                "+" => 1,
                "-" => -1,
                _ => return None,
            };
            if rest.len() != 6 || rest.get(3..4) != Some(":") {
                return None;
            }
            sign * (number(rest, 1..3)? * 3600 + number(rest, 4..6)? * 60)
        }
    };
    // Years that begin in March end with the leap day.
    let (year, month) = if month > 2 {
        (year, month - 3)
    } else {
        (year - 1, month + 9)
    };
    let days = 365 * year + year.div_euclid(4) - year.div_euclid(100)
        + year.div_euclid(400)
        + (153 * month + 2) / 5
        + day
        - 1
        - 719_468;
    let seconds = days * 86_400 + hour * 3600 + minute * 60 + second - offset;
    u64::try_from(seconds).ok()
}

/// A span of time in its two largest units: `3 days 4 hours`.
pub(crate) fn span(seconds: u64) -> String {
    let units = [
        (seconds / 86_400, "day"),
        (seconds / 3600 % 24, "hour"),
        (seconds / 60 % 60, "minute"),
        (seconds % 60, "second"),
    ];
    let largest = units.iter().skip_while(|(count, _)| *count == 0).take(2);
    let parts: Vec<String> = largest
        .filter(|(count, _)| *count > 0)
        .map(|(count, unit)| match count {
            1 => format!("1 {unit}"),
            _ => format!("{count} {unit}s"),
        })
        .collect();
    match parts.is_empty() {
        true => "0 seconds".to_owned(),
        false => parts.join(" "),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_calendar() {
        for (seconds, expected) in [
            (0, "1970-01-01"),
            (951_782_399, "2000-02-28"),
            (951_782_400, "2000-02-29"),
            (951_868_800, "2000-03-01"),
            (1_700_000_000, "2023-11-14"),
            (4_107_542_399, "2100-02-28"),
            (4_107_542_400, "2100-03-01"),
        ] {
            assert_eq!(date(seconds), expected);
        }
        date(u64::MAX);
    }

    #[test]
    fn moments_have_a_year_of_four_digits_or_none() {
        let moment = rfc3339(1_700_000_000).unwrap();
        assert_eq!(moment, "2023-11-14T22:13:20Z");
        assert_eq!(rfc3339(253_402_300_799).unwrap(), "9999-12-31T23:59:59Z");
        assert_eq!(rfc3339(253_402_300_800), None);
        assert_eq!(rfc3339(u64::MAX), None);
    }

    #[test]
    fn moments_are_read_as_they_are_written() {
        for seconds in [0, 951_782_400, 951_868_799, 1_700_000_000, 253_402_300_799] {
            assert_eq!(parse_rfc3339(&rfc3339(seconds).unwrap()), Some(seconds));
        }
        for (text, expected) in [
            ("2023-11-14T23:13:20+01:00", Some(1_700_000_000)),
            ("2023-11-14T16:43:20.123456-05:30", Some(1_700_000_000)),
            ("2023-11-14t22:13:20z", Some(1_700_000_000)),
            ("0001-01-01T00:00:00Z", None),
            ("2023-11-14", None),
            ("2023-11-14T22:13:20", None),
            ("2023-13-14T22:13:20Z", None),
            ("2023-11-14T22:13:20+0100", None),
            ("2023-11-14T22:13:20Zx", None),
            ("2023-1é-14T22:13:20Z", None),
            ("+023-11-14T22:13:20Z", None),
            ("", None),
        ] {
            assert_eq!(parse_rfc3339(text), expected, "{text}");
        }
    }

    #[test]
    fn spans_are_told_in_two_units() {
        for (seconds, expected) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (3600, "1 hour"),
            (86_400 * 3 + 3600 * 4 + 59, "3 days 4 hours"),
            (86_400 + 59, "1 day"),
        ] {
            assert_eq!(span(seconds), expected);
        }
    }
}
