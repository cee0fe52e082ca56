//! `other.xml`, in each compression: what is read can be written, and reads the same.

use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::other::Other;
use ocirepo_rpm::write::OtherWriter;

use crate::stream::{LIMITS, all, read};

/// The first byte chooses the compression.
pub fn check(data: &[u8]) {
    let Some(packages) = read(data, |source| all(Other::open(source, "a.xml", LIMITS))) else {
        return;
    };
    let mut writer = OtherWriter::new(Vec::new(), packages.len() as u64).unwrap();
    for package in &packages {
        assert!(package.changes.len() <= LIMITS.entries);
        writer.write(package).unwrap();
    }
    let written = writer.finish().unwrap();
    let again = all(Other::open(&written[..], "a.xml", Limits::default()));
    let text = String::from_utf8_lossy(&written);
    assert_eq!(
        again.unwrap_or_else(|error| panic!("{error}: {text}")),
        packages,
        "{text}"
    );
}
