//! Media types, annotations and tags of signatures in registries.

use ocirepo::digest::{Algorithm, Digest};
use ocirepo::reference::Tag;

/// Media type of a simple signing payload, the layer of a `.sig` manifest.
pub const SIMPLE_SIGNING: &str = "application/vnd.dev.cosign.simplesigning.v1+json";

/// Annotation of such a layer: the signature over it, in base64.
pub const SIGNATURE: &str = "dev.cosignproject.cosign/signature";

/// `type` of a simple signing payload.
pub const PAYLOAD_TYPE: &str = "cosign container image signature";

/// Media type of the config of a `.sig` manifest.
pub const CONFIG: &str = "application/vnd.oci.image.config.v1+json";

/// Media type of a sigstore bundle; also the artifact type of the manifest that holds it.
pub const BUNDLE: &str = "application/vnd.dev.sigstore.bundle.v0.3+json";

/// Annotation of the manifest of a bundle: what the bundle holds.
pub const BUNDLE_CONTENT: &str = "dev.sigstore.bundle.content";

/// Annotation of the manifest of a bundle: what its statement says.
pub const BUNDLE_PREDICATE: &str = "dev.sigstore.bundle.predicateType";

/// The predicate by which a statement is a signature and nothing more.
pub const SIGN_PREDICATE: &str = "https://sigstore.dev/cosign/sign/v1";

/// Type of a statement about digests.
pub const STATEMENT: &str = "https://in-toto.io/Statement/v1";

/// Type of what an envelope holds.
pub const IN_TOTO: &str = "application/vnd.in-toto+json";

/// The tag under which the signatures of a manifest lie: `sha256-<hex>.sig`. There is none
/// for digests of another kind.
pub fn signature_tag(root: &Digest) -> Option<Tag> {
    if root.algorithm() != Algorithm::Sha256 {
        return None;
    }
    format!("sha256-{}.sig", root.hex()).parse().ok()
}
