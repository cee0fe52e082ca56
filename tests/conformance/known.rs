//! What docker-registry 2.8 does otherwise than the specification, case by case.

const NO_PAGES: &str = "n and last are ignored, and tags come in no order";
const NO_REFERRERS: &str = "there is no referrers API";
const NO_SINGLE_POST: &str = "POST with a digest starts an upload, and drops the body";
const NO_SPARSE: &str = "what a manifest names must be there";
const NO_TAG_DELETION: &str = "400: only digests can be deleted";
const NO_TAG_PARAMETERS: &str = "tag parameters are ignored";
const ONLY_SHA256_BLOBS: &str = "the digest told is the sha256";
const ONLY_SHA256_MANIFESTS: &str = "400: the digest is compared with the sha256";
const OUT_OF_ORDER: &str = "Content-Range is not looked at";
const INVALID_DIGEST: &str = "500: the digest is taken for a tag";

/// A case that fails, and what is done instead.
pub(crate) const DOCKER_REGISTRY: &[(&str, &str)] = &[
    ("delete-tag", NO_TAG_DELETION),
    ("delete-tag-missing", NO_TAG_DELETION),
    ("manifest-get-invalid-digest", INVALID_DIGEST),
    (
        "manifest-get-without-accept",
        "404 unless Accept names the type",
    ),
    ("manifest-put-index-by-sha512", ONLY_SHA256_MANIFESTS),
    ("manifest-put-invalid-digest", INVALID_DIGEST),
    (
        "manifest-put-layers-elsewhere",
        "URLs must be allowed by the administrator",
    ),
    ("manifest-put-missing-subject", NO_REFERRERS),
    ("manifest-put-sha512", ONLY_SHA256_MANIFESTS),
    ("manifest-put-sparse-image", NO_SPARSE),
    ("manifest-put-sparse-index", NO_SPARSE),
    ("manifest-put-subject", NO_REFERRERS),
    ("manifest-put-tag-parameters", NO_TAG_PARAMETERS),
    ("manifest-put-tag-parameters-sha512", NO_TAG_PARAMETERS),
    ("mount-sha512", "the blob is mounted under its sha256 only"),
    ("mount-without-from", "202: from is needed"),
    ("referrers", NO_REFERRERS),
    ("referrers-after-deletion", NO_REFERRERS),
    ("referrers-filter", NO_REFERRERS),
    ("referrers-invalid-digest", NO_REFERRERS),
    ("referrers-of-a-missing-subject", NO_REFERRERS),
    ("referrers-of-nothing", NO_REFERRERS),
    ("tags", NO_PAGES),
    ("tags-all-deleted", "tags is null"),
    ("tags-last", NO_PAGES),
    ("tags-n", NO_PAGES),
    ("tags-n-0", NO_PAGES),
    ("tags-never-tagged", "404 until there was a tag"),
    ("upload-chunk-again", OUT_OF_ORDER),
    ("upload-chunk-ahead", OUT_OF_ORDER),
    ("upload-last-chunk-ahead", OUT_OF_ORDER),
    ("upload-post-put-sha384", ONLY_SHA256_BLOBS),
    ("upload-post-put-sha512", ONLY_SHA256_BLOBS),
    ("upload-single-post", NO_SINGLE_POST),
    ("upload-single-post-sha512", NO_SINGLE_POST),
];
