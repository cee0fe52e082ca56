//! Byte ranges of a request (RFC 9110, section 14).

use std::ops::Range;

/// More ranges than this are not worth answering one by one; the whole file is sent, as
/// the RFC allows. Metadata in zchunk asks for up to 256.
const MOST: usize = 1000;

/// What a `Range` field asks of a file of known size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Ranges {
    /// The field is not for us, malformed or unreasonable: the whole file.
    Whole,
    /// None of the ranges is inside the file: 416.
    Unsatisfiable,
    /// These, in the order asked for.
    Parts(Vec<Range<u64>>),
}

impl Ranges {
    pub(super) fn parse(field: &str, size: u64) -> Self {
        let Some((unit, set)) = field.split_once('=') else {
            return Self::Whole;
        };
        if !unit.trim().eq_ignore_ascii_case("bytes") {
            return Self::Whole;
        }
        let mut parts = Vec::new();
        let mut total: u64 = 0;
        for spec in set
            .split(',')
            .map(str::trim)
            .filter(|spec| !spec.is_empty())
        {
            let Some(range) = one(spec, size) else {
                return Self::Whole;
            };
            total = total.saturating_add(range.end - range.start);
            if !range.is_empty() {
                parts.push(range);
            }
            // Overlapping ranges can ask for the file many times over.
            if parts.len() > MOST || total > size.saturating_mul(2) {
                return Self::Whole;
            }
        }
        if parts.is_empty() {
            Self::Unsatisfiable
        } else {
            Self::Parts(parts)
        }
    }
}

/// One range, cut to the file; empty when it lies outside, `None` when it is malformed.
fn one(spec: &str, size: u64) -> Option<Range<u64>> {
    let (first, last) = spec.split_once('-')?;
    if first.is_empty() {
        let length = number(last)?;
        return Some(size - length.min(size)..size);
    }
    let first = number(first)?;
    let end = match last {
        "" => size,
        last => {
            let last = number(last)?;
            if last < first {
                return None;
            }
            last.saturating_add(1).min(size)
        }
    };
    Some(first.min(end)..end)
}

/// Digits only: `parse` alone would take a sign.
fn number(digits: &str) -> Option<u64> {
    let plain = !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit());
    plain.then(|| digits.parse().unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(field: &str) -> Vec<Range<u64>> {
        match Ranges::parse(field, 1000) {
            Ranges::Parts(parts) => parts,
            other => panic!("{field}: {other:?}"),
        }
    }

    #[test]
    #[allow(clippy::single_range_in_vec_init)]
    fn ranges_are_cut_to_the_file() {
        assert_eq!(parts("bytes=0-0"), vec![0..1]);
        assert_eq!(parts("bytes=500-"), vec![500..1000]);
        assert_eq!(parts("bytes=-1"), vec![999..1000]);
        assert_eq!(parts("bytes=-5000"), vec![0..1000]);
        assert_eq!(parts("BYTES=990-5000"), vec![990..1000]);
        assert_eq!(parts("bytes=0-18446744073709551615"), vec![0..1000]);
        assert_eq!(parts("bytes= 0-1 , 5-6,,"), [0..2, 5..7]);
        assert_eq!(parts("bytes=0-1,2000-"), vec![0..2]);
    }

    #[test]
    fn nothing_inside_the_file_is_unsatisfiable() {
        for field in ["bytes=1000-", "bytes=-0", "bytes=99999999999999999999-"] {
            assert_eq!(Ranges::parse(field, 1000), Ranges::Unsatisfiable, "{field}");
        }
        assert_eq!(Ranges::parse("bytes=0-", 0), Ranges::Unsatisfiable);
    }

    #[test]
    fn what_is_malformed_or_greedy_gets_the_whole_file() {
        let many = format!("bytes={}", "0-0,".repeat(1001));
        for field in [
            "bytes",
            "lines=0-1",
            "bytes=5-1",
            "bytes=a-b",
            "bytes=+1-2",
            &many,
        ] {
            assert_eq!(Ranges::parse(field, 1000), Ranges::Whole, "{field}");
        }
        assert_eq!(Ranges::parse("bytes=0-,0-,0-", 1000), Ranges::Whole);
    }
}
