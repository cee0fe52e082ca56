//! `primary.xml`, in each compression: what is read can be written, and reads the same.

use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::package::{Dependencies, Package};
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::write::PrimaryWriter;

use crate::stream::{LIMITS, all, read};

/// The first byte chooses the compression.
pub fn check(data: &[u8]) {
    let Some(packages) = read(data, |source| all(Primary::open(source, "a.xml", LIMITS))) else {
        return;
    };
    let bare = read(data, |source| {
        let packages = Primary::open(source, "a.xml", LIMITS);
        all(packages.map(Primary::without_dependencies))
    });
    let stripped = packages.iter().cloned().map(|package| Package {
        dependencies: Dependencies::default(),
        files: Box::default(),
        ..package
    });
    assert_eq!(bare, Some(stripped.collect()));
    let mut writer = PrimaryWriter::new(Vec::new(), packages.len() as u64).unwrap();
    for package in &packages {
        crate::href::stays_inside(package.location.path());
        writer.write(package).unwrap();
    }
    let written = writer.finish().unwrap();
    let again = all(Primary::open(&written[..], "a.xml", Limits::default()));
    let text = String::from_utf8_lossy(&written);
    assert_eq!(
        again.unwrap_or_else(|error| panic!("{error}: {text}")),
        packages,
        "{text}"
    );
}
