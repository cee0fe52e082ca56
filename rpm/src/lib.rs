//! RPM repositories as OCI content: the part that does no I/O.
//!
//! | what | where |
//! | --- | --- |
//! | the list of metadata files | [`repomd`] |
//! | packages, as `primary` has them | [`primary`], [`package`] |
//! | their files and change logs | [`filelists`], [`other`] |
//! | advisories, groups, delta RPMs | [`updateinfo`], [`comps`], [`deltas`] |
//! | a metadata file, verified and decompressed | [`metadata`], [`compression`] |
//! | mirrors of a plain repository | [`metalink`] |
//! | checksums, paths and versions | [`checksum`], [`href`], [`evr`] |
//! | what the header of a package file says | [`header`] |
//! | which packages a person means | [`query`] |
//! | what changed between two repositories | [`mod@diff`] |
//! | errors and caps | [`error`], [`limits`] |
//! | layouts, and names of files in the `tree` layout | [`layout`], [`name`] |
//! | a catalogue instead of rpm-md, and the rpm-md it becomes | [`native`] |
//! | reading a repository from a registry | [`snapshot`] |
//! | making a repository out of packages and the one before | [`create`] |
//! | what to push to publish one | [`publish`] |
//! | what belongs together when it is copied or deleted | [`mirror`] |
//! | signatures of `repomd.xml` | [`signature`] |
//! | signatures of a root, as cosign makes them | [`cosign`] |
//! | writing rpm-md | [`mod@write`] |

pub mod checksum;
pub mod compression;
pub mod comps;
pub mod cosign;
pub mod create;
mod date;
pub mod deltas;
pub mod diff;
pub mod error;
pub mod evr;
mod fields;
pub mod filelists;
pub mod header;
pub mod href;
mod intern;
pub mod layout;
pub mod limits;
pub mod metadata;
pub mod metalink;
pub mod mirror;
pub mod name;
pub mod native;
pub mod other;
pub mod package;
pub mod primary;
pub mod publish;
pub mod query;
pub mod repomd;
pub mod signature;
pub mod snapshot;
pub mod updateinfo;
pub mod write;
mod xml;
