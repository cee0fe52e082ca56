//! What is measured, a file each.

mod blobs;
mod bridge;
mod bridge_load;
mod capi;
mod parse;
mod primary;
mod pull;
mod push;
mod push_many;
mod sinks;
mod start;
mod tree;

use super::finding::Finding;
use super::lab::Lab;

/// Something that is measured.
pub(crate) struct Case {
    /// What `cargo xtask bench` calls it.
    pub(crate) name: &'static str,
    /// What is done, for the list.
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Lab) -> std::io::Result<Vec<Finding>>,
}

/// All cases, in the order in which they run.
pub(crate) const ALL: &[Case] = &[
    Case {
        name: "pull",
        about: "one large blob into a file",
        run: pull::run,
    },
    Case {
        name: "blobs",
        about: "1,000 small blobs of one repository",
        run: blobs::run,
    },
    Case {
        name: "tree",
        about: "2,000 repositories of one file",
        run: tree::run,
    },
    Case {
        name: "sinks",
        about: "verifying four blobs on two threads",
        run: sinks::run,
    },
    Case {
        name: "push",
        about: "one large file as a blob",
        run: push::run,
    },
    Case {
        name: "push-many",
        about: "1,000 small files and a manifest",
        run: push_many::run,
    },
    Case {
        name: "reference",
        about: "parsing references",
        run: parse::references,
    },
    Case {
        name: "manifest",
        about: "parsing a manifest of 15,000 layers",
        run: parse::manifests,
    },
    Case {
        name: "primary",
        about: "20,000 packages read from primary.xml.zst",
        run: primary::run,
    },
    Case {
        name: "start",
        about: "size of the program, and a start that does nothing",
        run: start::run_case,
    },
    Case {
        name: "bridge",
        about: "dnf through the bridge and from nginx: makecache, download of 500 packages",
        run: bridge::run,
    },
    Case {
        name: "bridge-load",
        about: "64 clients of one bridge at once, 200 packages each",
        run: bridge_load::run,
    },
    Case {
        name: "capi",
        about: "the C library over libcurl: one large blob, and 1,000 packages of a repository",
        run: capi::run,
    },
];
