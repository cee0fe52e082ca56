//! The change log of a package.

use rpm::IndexTag;

use super::HeaderOptions;
use super::error::HeaderError;
use super::index::Index;
use super::text;
use crate::other::Change;

/// The newest entries of the change log, the oldest of them first.
pub(super) fn changes(header: &Index, options: &HeaderOptions) -> Result<Vec<Change>, HeaderError> {
    let dates = header.numbers(IndexTag::RPMTAG_CHANGELOGTIME as u32)?;
    let authors = header.texts(IndexTag::RPMTAG_CHANGELOGNAME as u32)?;
    let texts = header.texts(IndexTag::RPMTAG_CHANGELOGTEXT as u32)?;
    let limits = &options.limits;
    // The header has the newest first.
    let mut changes = Vec::new();
    for ((date, author), raw) in dates
        .zip(authors)
        .zip(texts)
        .take(options.changelog_limit.unwrap_or(usize::MAX))
    {
        if changes.len() >= limits.entries || raw.len() > limits.text / 2 {
            return Err(HeaderError::too_large(format!(
                "its change log has more than {} entries, or one of more than {} bytes",
                limits.entries,
                limits.text / 2
            )));
        }
        let author = text::attribute(author, "an author of the change log")?;
        changes.push(Change {
            author: without_spaces(&author).into(),
            date,
            text: text::decode(raw).into(),
        });
        spread(&mut changes);
    }
    changes.reverse();
    Ok(changes)
}

/// Spaces at the end say nothing; but a name of spaces alone stays one.
fn without_spaces(author: &str) -> &str {
    match author.trim_end_matches(' ') {
        "" => author.get(..1).unwrap_or(author),
        trimmed => trimmed,
    }
}

/// Entries have days rather than times, and readers sort by date: where one has the date of
/// the entry after it, that one and those before it move by a second each, so that the order
/// is kept.
fn spread(changes: &mut [Change]) {
    let Some((last, before)) = changes.split_last_mut() else {
        return;
    };
    let mut date = last.date;
    for change in before.iter_mut().rev() {
        if change.date != date {
            break;
        }
        change.date = date.saturating_add(1);
        date = change.date;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spread_out(dates: &[u64]) -> Vec<u64> {
        let mut changes = Vec::new();
        for date in dates {
            changes.push(Change {
                author: "".into(),
                date: *date,
                text: "".into(),
            });
            spread(&mut changes);
        }
        changes.iter().map(|change| change.date).collect()
    }

    #[test]
    fn entries_of_one_day_are_a_second_apart_in_their_order() {
        assert_eq!(spread_out(&[30, 20, 20, 20, 10]), [30, 22, 21, 20, 10]);
        assert_eq!(spread_out(&[21, 20, 20]), [22, 21, 20]);
        assert_eq!(spread_out(&[20, 30, 20]), [20, 30, 20]);
    }

    #[test]
    fn spaces_behind_an_author_go() {
        assert_eq!(
            without_spaces("Me <me@example.org>  "),
            "Me <me@example.org>"
        );
        assert_eq!(without_spaces("   "), " ");
        assert_eq!(without_spaces(""), "");
    }
}
