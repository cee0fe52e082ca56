//! Media types that registries and this crate give a meaning to.
//!
//! Media types are compared without regard to case and without their parameters
//! (RFC 9110, section 8.3.1); [`essence`] and [`same`] do both.

/// OCI image manifest (image-spec, `manifest.md`).
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// OCI image index (image-spec, `image-index.md`).
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// OCI image configuration (image-spec, `config.md`).
pub const OCI_CONFIG: &str = "application/vnd.oci.image.config.v1+json";
/// The empty descriptor's type: content `{}` (image-spec, "Guidance for an empty descriptor").
pub const OCI_EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// OCI layer, an uncompressed tar archive.
pub const OCI_LAYER: &str = "application/vnd.oci.image.layer.v1.tar";
/// OCI layer, a tar archive compressed with gzip.
pub const OCI_LAYER_GZIP: &str = "application/vnd.oci.image.layer.v1.tar+gzip";
/// OCI layer, a tar archive compressed with zstd.
pub const OCI_LAYER_ZSTD: &str = "application/vnd.oci.image.layer.v1.tar+zstd";
/// Docker image manifest, version 2, schema 2.
pub const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
/// Docker manifest list, the ancestor of the OCI index.
pub const DOCKER_MANIFEST_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";
/// Docker image configuration.
pub const DOCKER_CONFIG: &str = "application/vnd.docker.container.image.v1+json";
/// Docker layer, a tar archive compressed with gzip.
pub const DOCKER_LAYER: &str = "application/vnd.docker.image.rootfs.diff.tar.gzip";
/// What content of unknown type is called.
pub const OCTET_STREAM: &str = "application/octet-stream";

/// The manifest types this crate reads, in the order a request's `Accept` names them.
pub const MANIFESTS: [&str; 4] = [
    OCI_MANIFEST,
    OCI_INDEX,
    DOCKER_MANIFEST,
    DOCKER_MANIFEST_LIST,
];

/// A media type without its parameters and the blanks around it.
///
/// ```
/// use ocirepo::media_type;
/// assert_eq!(media_type::essence("text/html; charset=utf-8"), "text/html");
/// ```
pub fn essence(media_type: &str) -> &str {
    media_type
        .split_once(';')
        .map_or(media_type, |(essence, _)| essence)
        .trim_matches([' ', '\t'])
}

/// Whether two media types are the same type, whatever their case and parameters.
pub fn same(a: &str, b: &str) -> bool {
    essence(a).eq_ignore_ascii_case(essence(b))
}

/// Whether this names an image manifest: OCI's or Docker's schema 2.
pub fn is_image(media_type: &str) -> bool {
    same(media_type, OCI_MANIFEST) || same(media_type, DOCKER_MANIFEST)
}

/// Whether this names a list of manifests: an OCI index or a Docker manifest list.
pub fn is_index(media_type: &str) -> bool {
    same(media_type, OCI_INDEX) || same(media_type, DOCKER_MANIFEST_LIST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_and_case_do_not_matter() {
        assert!(is_image(
            "Application/vnd.oci.image.manifest.v1+JSON ;charset=utf-8"
        ));
        assert!(is_index(DOCKER_MANIFEST_LIST));
        assert!(!is_index(OCI_MANIFEST));
        assert!(!is_image(""));
        assert_eq!(essence(" a/b\t; c=d; e=f"), "a/b");
    }
}
