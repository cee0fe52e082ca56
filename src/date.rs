//! The dates that registries send, as Unix seconds, without a clock.

/// Reads an HTTP-date (RFC 9110 §5.6.7) in any of its three forms.
///
/// `now` is Unix seconds; it only decides the century of the two-digit years of
/// RFC 850. `None` for anything that is not such a date between 1970 and 9999.
pub(crate) fn http_date(text: &str, now: u64) -> Option<u64> {
    // The three forms hold the same words in two orders, once commas and the
    // dashes of RFC 850 are spaces.
    let mut words = [""; 6];
    let separated = text.split([' ', ',', '-']);
    for (at, word) in separated.filter(|word| !word.is_empty()).enumerate() {
        *words.get_mut(at)? = word;
    }
    let (day, month, year, clock) = match words {
        [_, day, month, year, clock, zone] if zone.eq_ignore_ascii_case("GMT") => {
            (day, month, year, clock)
        }
        [_, month, day, clock, year, ""] => (day, month, year, clock),
        _ => return None,
    };
    let mut full_year = number(year)?;
    if year.len() == 2 {
        // More than 50 years ahead means the past century (RFC 9110 §5.6.7).
        let (this_year, _, _) = civil(now / DAY);
        full_year += this_year - this_year % 100;
        if full_year > this_year + 50 {
            full_year -= 100;
        }
    }
    let month = MONTHS
        .iter()
        .position(|name| name.eq_ignore_ascii_case(month))? as u64
        + 1;
    Some(days(full_year, month, number(day)?)? * DAY + seconds(clock)?)
}

/// Reads a date and time of RFC 3339, such as `2016-09-02T10:56:33Z`.
///
/// Fractions of a second are dropped. `None` for anything that is not such a date
/// between 1970 and 9999.
pub(crate) fn rfc3339(text: &str) -> Option<u64> {
    let (date, time) = text.split_once(['T', 't', ' '])?;
    let mut parts = date.splitn(3, '-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 {
        return None;
    }
    let local = days(number(year)?, number(month)?, number(day)?)? * DAY;

    let zone_at = time.find(['Z', 'z', '+', '-'])?;
    let (clock, zone) = time.split_at_checked(zone_at)?;
    let clock = match clock.split_once('.') {
        Some((clock, fraction)) if fraction.bytes().all(|b| b.is_ascii_digit()) => clock,
        Some(_) => return None,
        None => clock,
    };
    let local = local + seconds(clock)?;
    if zone.eq_ignore_ascii_case("Z") {
        return Some(local);
    }
    let (hours, minutes) = zone.get(1..)?.split_once(':')?;
    let (hours, minutes) = (number(hours)?, number(minutes)?);
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = hours * 3600 + minutes * 60;
    match zone.starts_with('-') {
        true => Some(local + offset),
        false => local.checked_sub(offset),
    }
}

const DAY: u64 = 86_400;

const MONTHS: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// One to four digits; more are no part of a date.
fn number(text: &str) -> Option<u64> {
    let digits = (1..=4).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

/// Seconds of the day from `hh:mm:ss`; the leap second counts as the next one.
fn seconds(clock: &str) -> Option<u64> {
    let mut parts = clock.splitn(3, ':').map(number);
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next()??);
    (hour < 24 && minute < 60 && second <= 60).then_some(hour * 3600 + minute * 60 + second)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

/// Days from 1970-01-01 to a date of the Gregorian calendar, if there is such a day.
fn days(year: u64, month: u64, day: u64) -> Option<u64> {
    let length = match month {
        1 | 3 | 5 | 7 | 8 | 10 | 12 => 31,
        4 | 6 | 9 | 11 => 30,
        2 if is_leap(year) => 29,
        2 => 28,
        _ => return None,
    };
    if !(1970..=9999).contains(&year) || !(1..=length).contains(&day) {
        return None;
    }
    // Years are counted from March, so that the leap day is the last of its year.
    let (y, m) = match month {
        1 | 2 => (year - 1, month + 9),
        _ => (year, month - 3),
    };
    let since_march_of_year_0 = 365 * y + y / 4 - y / 100 + y / 400 + (153 * m + 2) / 5 + day - 1;
    Some(since_march_of_year_0 - EPOCH)
}

/// Days from 0000-03-01 to 1970-01-01.
const EPOCH: u64 = 719_468;

/// Year, month and day of a day since 1970-01-01.
fn civil(day: u64) -> (u64, u64, u64) {
    // Far beyond any date that can be written with four digits.
    let day = day.min(10_000 * 366) + EPOCH;
    let era = day / 146_097;
    let in_era = day % 146_097;
    let year_of_era = (in_era - in_era / 1460 + in_era / 36_524 - in_era / 146_096) / 365;
    let in_year = in_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let m = (5 * in_year + 2) / 153;
    let day = in_year - (153 * m + 2) / 5 + 1;
    let month = if m < 10 { m + 3 } else { m - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// 2026-11-24.
    const NOW: u64 = 1_795_478_400;

    #[test]
    fn the_three_forms_of_rfc_9110_are_one_instant() {
        for text in [
            "Sun, 06 Nov 1994 08:49:37 GMT",
            "Sunday, 06-Nov-94 08:49:37 GMT",
            "Sun Nov  6 08:49:37 1994",
        ] {
            assert_eq!(http_date(text, NOW), Some(784_111_777), "{text}");
        }
    }

    #[test]
    fn two_digit_years_are_at_most_fifty_years_ahead() {
        let of = |year: u64| days(year, 1, 1).map(|d| d * DAY);
        let read = |yy: u64| http_date(&format!("Friday, 01-Jan-{yy:02} 00:00:00 GMT"), NOW);
        assert_eq!(read(76), of(2076));
        assert_eq!(read(77), of(1977));
        assert_eq!(read(0), of(2000));
    }

    #[test]
    fn dates_of_rfc_3339() {
        let cases = [
            ("1970-01-01T00:00:00Z", Some(0)),
            ("2016-09-02T10:56:33Z", Some(1_472_813_793)),
            ("2009-11-10T23:00:00.123456789Z", Some(1_257_894_000)),
            ("1985-04-12t23:20:50.52z", Some(482_196_050)),
            ("1996-12-19T16:39:57-08:00", Some(851_042_397)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_800)),
            ("1970-01-01T00:00:00+01:00", None),
            ("2000-02-29T00:00:00Z", Some(951_782_400)),
            ("2016-02-30T00:00:00Z", None),
            ("2015-02-29T00:00:00Z", None),
            ("2100-02-29T00:00:00Z", None),
            ("1970-01-02T23:59:00+23:59", Some(86_400)),
            ("1970-01-02T00:00:00+24:00", None),
            ("1970-01-02T00:00:00+00:60", None),
            ("1970-01-02T24:00:00Z", None),
            ("1970-01-02T00:60:00Z", None),
            ("1970-01-02T00:00:61Z", None),
            ("2016-09-02T10:56:33", None),
            ("2016-09-02", None),
            ("0001-01-01T00:00:00Z", None),
            ("", None),
        ];
        for (text, seconds) in cases {
            assert_eq!(rfc3339(text), seconds, "{text}");
        }
    }

    #[test]
    fn what_is_no_date_is_refused() {
        for text in [
            "",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 1994 08:49:37 GMT",
            "Sun, 06 Nov 1994 24:49:37 GMT",
            "Sun, 06 Nov 99999999999999999999 08:49:37 GMT",
            "Sun, 06 Nov 1994 08:49:37 GMT and more",
            "Sun, +6 Nov 1994 08:49:37 GMT",
        ] {
            assert_eq!(http_date(text, NOW), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,60}", now: u64) {
            http_date(&text, now);
            rfc3339(&text);
        }

        #[test]
        fn every_day_comes_back(day in 0u64..2_932_896) {
            let (year, month, date) = civil(day);
            prop_assert_eq!(days(year, month, date), Some(day));
        }

        #[test]
        fn every_second_comes_back_from_both_notations(at in 0u64..253_402_300_800) {
            let (year, month, day) = civil(at / DAY);
            let (h, m, s) = (at % DAY / 3600, at % 3600 / 60, at % 60);
            let name = MONTHS[month as usize - 1];
            let http = format!("Xyz, {day:02} {name} {year:04} {h:02}:{m:02}:{s:02} GMT");
            prop_assert_eq!(http_date(&http, NOW), Some(at));
            let iso = format!("{year:04}-{month:02}-{day:02}T{h:02}:{m:02}:{s:02}+00:00");
            prop_assert_eq!(rfc3339(&iso), Some(at));
        }
    }
}
