//! What `repomd.xml` lists after a change, and its date.

use super::Entry;
use crate::repomd::{Record, Repomd};

/// Metadata that describes packages, and is written again when packages change.
const OF_PACKAGES: [&str; 4] = ["primary", "filelists", "filelists-ext", "other"];

/// What a type of metadata is about: `group` for `group_gz`, `primary` for `primary_db`
/// and `primary_zck`. Records about the same thing are forms of the same content.
pub fn subject(kind: &str) -> &str {
    ["_zck", "_db", "_gz", "_xz", "_zst"]
        .iter()
        .find_map(|form| kind.strip_suffix(form))
        .unwrap_or(kind)
}

/// Whether a type of metadata describes packages.
pub fn is_of_packages(kind: &str) -> bool {
    OF_PACKAGES.contains(&subject(kind))
}

/// Puts `repomd.xml` together: what was written, and of the one before everything about
/// other subjects.
///
/// Records about packages come first, as they were written; the others by type, whatever
/// the order they came in. Without `packages`, what was before about packages is kept. What
/// is new has the date.
pub fn assemble(
    before: Option<&Repomd>,
    packages: Option<Vec<Record>>,
    given: Vec<Record>,
    date: u64,
) -> Repomd {
    let old = before.map_or(&[][..], |before| &before.records);
    let (of_packages, others): (Vec<&Record>, Vec<&Record>) =
        old.iter().partition(|record| is_of_packages(&record.kind));
    let replaced = |record: &&Record| {
        !given
            .iter()
            .any(|given| subject(&given.kind) == subject(&record.kind))
    };
    let dated = |record| Record {
        timestamp: Some(date),
        ..record
    };
    let mut others: Vec<Record> = others.into_iter().filter(replaced).cloned().collect();
    others.extend(given.into_iter().map(dated));
    others.sort_by(|a, b| a.kind.cmp(&b.kind));
    let mut records = match packages {
        Some(packages) => packages.into_iter().map(dated).collect(),
        None => of_packages.into_iter().cloned().collect::<Vec<_>>(),
    };
    records.extend(others);
    Repomd {
        revision: Some(date.to_string()),
        tags: before.map(|before| before.tags.clone()).unwrap_or_default(),
        records,
    }
}

/// Whether every given record is there already, and nothing else about its subject.
pub fn has(before: &Repomd, given: &[Record]) -> bool {
    let is = |a: &Record, b: &Record| a.kind == b.kind && a.checksum == b.checksum;
    let same = |a: &Record, b: &Record| subject(&a.kind) == subject(&b.kind);
    let old = &before.records;
    let there = |record: &Record| old.iter().any(|old| is(old, record));
    let wanted = |old: &Record| given.iter().any(|record| is(old, record));
    let about = |old: &&Record| given.iter().any(|record| same(old, record));
    given.iter().all(there) && old.iter().filter(about).all(wanted)
}

/// The date of a repository, never that of the day: `wanted` if there is one, or else
/// when the newest package was built. Nothing goes back behind the revision of the
/// repository before, for readers take that for an attack.
pub fn date<'a>(
    before: Option<&Repomd>,
    wanted: Option<u64>,
    packages: impl IntoIterator<Item = &'a Entry>,
) -> u64 {
    let newest = || packages.into_iter().map(|entry| entry.build_time).max();
    let before = before.and_then(|before| before.revision.as_deref()?.parse().ok());
    let date = wanted.or_else(newest).unwrap_or(0);
    before.map_or(date, |before: u64| before.max(date))
}

#[cfg(test)]
mod tests {
    use super::super::testing::entry;
    use super::*;
    use ocirepo::Digest;

    fn record(kind: &str, content: &str) -> Record {
        Record {
            kind: kind.to_owned(),
            location: format!("repodata/{kind}").parse().unwrap(),
            checksum: Digest::of(content.as_bytes()).into(),
            open_checksum: None,
            header_checksum: None,
            size: None,
            open_size: None,
            header_size: None,
            timestamp: None,
            database_version: None,
        }
    }

    fn repomd(kinds: &[&str]) -> Repomd {
        Repomd {
            revision: Some("7".to_owned()),
            records: kinds.iter().map(|kind| record(kind, "old")).collect(),
            ..Repomd::default()
        }
    }

    fn kinds(repomd: &Repomd) -> Vec<&str> {
        let kinds = repomd.records.iter().map(|record| &*record.kind);
        kinds.collect()
    }

    #[test]
    fn what_describes_packages_goes_and_the_rest_stays() {
        let before = repomd(&[
            "updateinfo",
            "primary",
            "filelists",
            "other",
            "primary_db",
            "filelists_zck",
            "filelists-ext",
            "modules",
            "prestodelta",
            "group",
            "group_zck",
        ]);
        let written = vec![record("primary", "new"), record("other", "new")];
        let given = vec![record("group_gz", "new"), record("group", "new")];
        let found = assemble(Some(&before), Some(written), given, 8);
        assert_eq!(
            kinds(&found),
            [
                "primary",
                "other",
                "group",
                "group_gz",
                "modules",
                "prestodelta",
                "updateinfo"
            ]
        );
        assert_eq!(found.revision.as_deref(), Some("8"));
        let kept = assemble(Some(&before), None, vec![record("modules", "new")], 8);
        assert_eq!(
            kinds(&kept),
            [
                "primary",
                "filelists",
                "other",
                "primary_db",
                "filelists_zck",
                "filelists-ext",
                "group",
                "group_zck",
                "modules",
                "prestodelta",
                "updateinfo"
            ]
        );
    }

    #[test]
    fn given_metadata_is_there_when_each_form_is_and_no_other() {
        let before = repomd(&["primary", "group", "group_gz", "updateinfo"]);
        assert!(has(&before, &[]));
        assert!(has(&before, &[record("updateinfo", "old")]));
        assert!(!has(&before, &[record("updateinfo", "new")]));
        assert!(!has(&before, &[record("modules", "old")]));
        assert!(!has(&before, &[record("group", "old")]));
        let both = [record("group", "old"), record("group_gz", "old")];
        assert!(has(&before, &both));
    }

    #[test]
    fn the_date_is_the_newest_packages_and_never_goes_back() {
        let mut packages = [entry("a-1-1.noarch", "a"), entry("b-1-1.noarch", "b")];
        packages[1].build_time = 9;
        assert_eq!(date(None, None, &packages), 9);
        assert_eq!(date(None, Some(5), &packages), 5);
        assert_eq!(date(None, None, &[]), 0);
        let mut before = repomd(&[]);
        before.revision = Some("20".to_owned());
        assert_eq!(date(Some(&before), None, &packages), 20);
        assert_eq!(date(Some(&before), Some(30), &packages), 30);
        before.revision = Some("el9".to_owned());
        assert_eq!(date(Some(&before), None, &packages), 9);
    }
}
