//! `updateinfo.xml`, in each compression: caps hold.

use ocirepo_rpm::updateinfo::Updateinfo;

use crate::stream::{LIMITS, all, read};

/// The first byte chooses the compression.
pub fn check(data: &[u8]) {
    let Some(advisories) = read(data, |source| {
        all(Updateinfo::open(source, "a.xml", LIMITS))
    }) else {
        return;
    };
    for advisory in &advisories {
        assert!(advisory.references.len() <= LIMITS.entries);
        let packages = advisory.collections.iter().map(|one| one.packages.len());
        assert!(packages.sum::<usize>() <= LIMITS.entries);
    }
}
