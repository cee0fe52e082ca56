//! Media types, annotations and limits of the format.

use ocirepo::{Digest, Manifest};

/// Artifact type of a whole repository: the manifest of `files`, the index of `index`.
pub const REPOSITORY: &str = "application/vnd.ocirepo.rpm.repository.v1";

/// Artifact type of the metadata artifact of `index`.
pub const METADATA: &str = "application/vnd.ocirepo.rpm.metadata.v1";

/// Artifact type of a shard of packages of `index`.
pub const PACKAGES: &str = "application/vnd.ocirepo.rpm.packages.v1";

/// Artifact type of a shard of other files of `index`.
pub const OTHER: &str = "application/vnd.ocirepo.rpm.other.v1";

/// Artifact type of one file of `tree`.
pub const FILE: &str = "application/vnd.ocirepo.rpm.file.v1";

/// Artifact type of a package of `native`.
pub const PACKAGE: &str = "application/vnd.ocirepo.rpm.package.v1";

/// Media type of the config of a package of `native`.
pub const PACKAGE_CONFIG: &str = "application/vnd.ocirepo.rpm.package.config.v1+json";

/// Media type of the header of a package, a layer of `native`.
pub const HEADER: &str = "application/vnd.ocirepo.rpm.header.v1";

/// Media type of the config of the root of `native`, which tells that it is one.
pub const CATALOGUE: &str = "application/vnd.ocirepo.rpm.catalogue.v1+json";

/// Media type of a part of the catalogue of `native`: what `primary` says.
pub const CATALOGUE_PACKAGES: &str = "application/vnd.ocirepo.rpm.catalogue.packages.v1+gzip";

/// Media type of a part of the catalogue of `native`: what `filelists` says.
pub const CATALOGUE_FILES: &str = "application/vnd.ocirepo.rpm.catalogue.files.v1+gzip";

/// Media type of a part of the catalogue of `native`: what `other` says.
pub const CATALOGUE_CHANGES: &str = "application/vnd.ocirepo.rpm.catalogue.changes.v1+gzip";

/// Annotation of a layer: the path of the file in the repository (image-spec,
/// "Pre-Defined Annotation Keys").
pub const TITLE: &str = "org.opencontainers.image.title";

/// Annotation of a manifest or index: the date of the repository's revision.
pub const CREATED: &str = "org.opencontainers.image.created";

/// Annotation of the artifact of a package: its version, as `epoch:version-release`.
pub const VERSION: &str = "org.opencontainers.image.version";

/// Annotation of the root: which layout it is.
pub const LAYOUT: &str = "org.ocirepo.layout";

/// Annotation of the root: how many snapshots came before it, plus one.
pub const SEQUENCE: &str = "org.ocirepo.snapshot.sequence";

/// Annotation of the root: digest of the root of the snapshot before.
pub const PARENT: &str = "org.ocirepo.snapshot.parent";

/// Annotation of the root: digests of roots outside of the line whose changes are in this
/// one or in one before it, the newest last, with spaces between.
pub const MERGED: &str = "org.ocirepo.snapshot.merged";

/// The most digests that [`MERGED`] has; older ones are dropped.
pub const MAX_MERGED: usize = 32;

/// Annotation of the descriptors in the index: what the manifest holds.
pub const ROLE: &str = "org.ocirepo.role";

/// Value of [`ROLE`]: the metadata artifact. There is one, and it comes first.
pub const ROLE_METADATA: &str = "metadata";

/// Value of [`ROLE`]: a shard of packages.
pub const ROLE_PACKAGES: &str = "packages";

/// Value of [`ROLE`]: a shard of files that are neither packages nor metadata.
pub const ROLE_OTHER: &str = "other";

/// Annotation of the descriptors of shards: the bits that the keys of its files begin
/// with, as `0` and `1`.
pub const SHARD: &str = "org.ocirepo.shard";

/// Annotation by which the oras client says that a layer is an archive of a directory.
pub const UNPACK: &str = "io.deis.oras.content.unpack";

/// Path of the file that names all metadata.
pub const REPOMD: &str = "repodata/repomd.xml";

/// Path of its detached signature.
pub const SIGNATURE: &str = "repodata/repomd.xml.asc";

/// The folder of the metadata, with the slash.
pub const REPODATA: &str = "repodata/";

/// The most layers a manifest is written with: registries cap them near 500, and tools
/// slow down long before.
pub const MAX_LAYERS: usize = 400;

/// The most bytes a manifest is written with: registries cap them near 1 MiB.
pub const MAX_MANIFEST: usize = 1_000_000;

/// What [`SEQUENCE`] says at the root of a snapshot, where its publisher counts.
pub fn sequence(root: &Manifest) -> Option<u64> {
    root.annotations().get(SEQUENCE)?.parse().ok()
}

/// What [`PARENT`] says at the root of a snapshot.
pub fn parent(root: &Manifest) -> Option<Digest> {
    root.annotations().get(PARENT)?.parse().ok()
}

/// What [`MERGED`] says at the root of a snapshot: the digests, the newest last.
pub fn merged(root: Option<&Manifest>) -> Vec<Digest> {
    let listed = root.and_then(|root| root.annotations().get(MERGED));
    let listed = listed.unwrap_or_default().split(' ');
    listed.filter_map(|digest| digest.parse().ok()).collect()
}

/// The media type a file is published with, by its name.
pub fn media_type(path: &str) -> &'static str {
    let name = path.rsplit('/').next().unwrap_or(path);
    if name == ".treeinfo" || name == "treeinfo" {
        return "text/plain";
    }
    if name.starts_with("RPM-GPG-KEY") {
        return "application/pgp-keys";
    }
    match name.rsplit('.').next() {
        Some("rpm" | "drpm") => "application/x-rpm",
        Some("xml") => "application/xml",
        Some("gz") => "application/gzip",
        Some("zst") => "application/zstd",
        Some("xz") => "application/x-xz",
        Some("bz2") => "application/x-bzip2",
        Some("asc") => "application/pgp-signature",
        Some("key") => "application/pgp-keys",
        _ => "application/octet-stream",
    }
}
