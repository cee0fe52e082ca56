//! `repomd.xml`.

use super::xml::Xml;
use crate::checksum::Checksum;
use crate::repomd::{Record, Repomd};

/// Writes `repomd.xml`, with the records in their order.
///
/// ```
/// use ocirepo_rpm::{repomd::Repomd, write};
///
/// let repomd = Repomd {
///     revision: Some("1700000000".to_owned()),
///     ..Repomd::default()
/// };
/// let written = write::repomd(&repomd);
/// assert_eq!(Repomd::parse(written.as_bytes())?, repomd);
/// # Ok::<(), ocirepo_rpm::error::MetadataError>(())
/// ```
pub fn repomd(repomd: &Repomd) -> String {
    let mut xml = Xml::new();
    xml.start(
        "repomd",
        &[
            ("xmlns", "http://linux.duke.edu/metadata/repo"),
            ("xmlns:rpm", "http://linux.duke.edu/metadata/rpm"),
        ],
    );
    if let Some(revision) = &repomd.revision {
        xml.text("revision", &[], revision);
    }
    tags(&mut xml, repomd);
    for record in &repomd.records {
        data(&mut xml, record);
    }
    xml.finish()
}

fn tags(xml: &mut Xml, repomd: &Repomd) {
    let tags = &repomd.tags;
    if tags.content.is_empty() && tags.repo.is_empty() && tags.distro.is_empty() {
        return;
    }
    xml.start("tags", &[]);
    for content in &tags.content {
        xml.text("content", &[], content);
    }
    for repo in &tags.repo {
        xml.text("repo", &[], repo);
    }
    for distro in &tags.distro {
        match &distro.cpeid {
            Some(cpeid) => xml.text("distro", &[("cpeid", cpeid)], &distro.name),
            None => xml.text("distro", &[], &distro.name),
        }
    }
    xml.end();
}

fn data(xml: &mut Xml, record: &Record) {
    xml.start("data", &[("type", &record.kind)]);
    checksum(xml, "checksum", Some(record.checksum));
    checksum(xml, "open-checksum", record.open_checksum);
    checksum(xml, "header-checksum", record.header_checksum);
    xml.empty("location", &[("href", record.location.as_written())]);
    for (name, value) in [
        ("timestamp", record.timestamp),
        ("size", record.size),
        ("open-size", record.open_size),
        ("header-size", record.header_size),
        ("database_version", record.database_version),
    ] {
        if let Some(value) = value {
            xml.number(name, value);
        }
    }
    xml.end();
}

fn checksum(xml: &mut Xml, name: &str, checksum: Option<Checksum>) {
    if let Some(checksum) = checksum {
        let kind = checksum.kind();
        xml.text(name, &[("type", kind.as_str())], &checksum.hex());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checksum::ChecksumKind;
    use crate::href::Href;
    use crate::repomd::{Distro, Tags};

    #[test]
    fn what_is_written_reads_the_same() {
        let checksum =
            |digit: &str| Checksum::from_hex(ChecksumKind::Sha256, &digit.repeat(64)).unwrap();
        let written = Repomd {
            revision: Some("1700000000".into()),
            tags: Tags {
                content: vec!["binary-x86_64".into()],
                repo: vec!["<a & b>".into()],
                distro: vec![Distro {
                    cpeid: Some("cpe:/o:example:1".into()),
                    name: "Example".into(),
                }],
            },
            records: vec![Record {
                kind: "primary".into(),
                location: Href::from_path("repodata/a%20b.xml.gz").unwrap(),
                checksum: checksum("a"),
                open_checksum: Some(checksum("b")),
                header_checksum: Some(checksum("c")),
                size: Some(1),
                open_size: Some(2),
                header_size: Some(3),
                timestamp: Some(4),
                database_version: Some(10),
            }],
        };
        let text = repomd(&written);
        assert_eq!(Repomd::parse(text.as_bytes()).unwrap(), written);
    }

    #[test]
    fn the_form_is_createrepos() {
        let digest = "a".repeat(64);
        let text = repomd(&Repomd {
            revision: Some("7".into()),
            records: vec![Record {
                kind: "primary".into(),
                location: Href::from_path("repodata/primary.xml.gz").unwrap(),
                checksum: Checksum::from_hex(ChecksumKind::Sha256, &digest).unwrap(),
                open_checksum: None,
                header_checksum: None,
                size: Some(10),
                open_size: None,
                header_size: None,
                timestamp: None,
                database_version: None,
            }],
            ..Repomd::default()
        });
        assert_eq!(
            text,
            format!(
                "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
                 <repomd xmlns=\"http://linux.duke.edu/metadata/repo\" \
                 xmlns:rpm=\"http://linux.duke.edu/metadata/rpm\">\n  \
                 <revision>7</revision>\n  \
                 <data type=\"primary\">\n    \
                 <checksum type=\"sha256\">{digest}</checksum>\n    \
                 <location href=\"repodata/primary.xml.gz\"/>\n    \
                 <size>10</size>\n  </data>\n</repomd>\n"
            )
        );
    }
}
