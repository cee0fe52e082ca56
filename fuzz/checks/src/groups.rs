//! `comps.xml` and `prestodelta.xml`, in each compression: caps hold, and delta RPMs lie inside.

use ocirepo_rpm::comps::Comps;
use ocirepo_rpm::deltas::Deltas;

use crate::stream::{LIMITS, all, read};

/// The first byte chooses the compression.
pub fn check(data: &[u8]) {
    if let Some(comps) = read(data, |source| Comps::read(source, "a.xml", LIMITS)) {
        assert!(comps.groups.len() <= LIMITS.entries);
    }
    if let Some(deltas) = read(data, |source| all(Deltas::open(source, "a.xml", LIMITS))) {
        for delta in &deltas {
            crate::href::stays_inside(delta.location.path());
        }
    }
}
