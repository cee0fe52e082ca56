//! Manifests: what is accepted is kept to the byte, and written anew says the same.

use ocirepo::manifest::{Body, DescriptorRef, Manifest, ManifestRef};
use ocirepo::media_type;
use ocirepo::platform::Platform;

/// The first byte chooses the `Content-Type`.
pub fn check(data: &[u8]) {
    let Some((choice, raw)) = data.split_first() else {
        return;
    };
    let content_type = match choice % 6 {
        5 => None,
        4 => Some("application/json"),
        at => media_type::MANIFESTS.get(usize::from(at)).copied(),
    };
    let manifest = match Manifest::parse(content_type, raw.to_vec()) {
        Ok(manifest) => manifest,
        Err(error) => {
            assert!(error.to_string().starts_with("cannot read manifest: "));
            return;
        }
    };
    assert_eq!(manifest.raw(), raw);
    let view = ManifestRef::parse(content_type, raw).expect("a view refuses nothing more");
    let facts = |of: &DescriptorRef<'_>| (of.digest(), of.size());
    let viewed = view.config().into_iter().chain(view.layers());
    let viewed = viewed.chain(view.children()).map(facts);
    let listed = manifest.blobs().chain(manifest.children());
    assert!(viewed.eq(listed.map(|of| (of.digest, of.size))));
    assert!(content_type.is_none_or(|sent| media_type::same(sent, manifest.media_type())));
    assert!(manifest.blobs().count() == 0 || manifest.children().is_empty());
    for descriptor in manifest.blobs().chain(manifest.children()) {
        if let Some(Ok(content)) = descriptor.embedded() {
            assert_eq!(content.len() as u64, descriptor.size);
        }
    }
    let wanted = Platform::new("linux", "arm64");
    let written = match manifest.body().clone() {
        Body::Image(image) => image.to_manifest(),
        Body::Index(index) => {
            if let Some(chosen) = index.select(&wanted) {
                assert!(index.manifests.contains(chosen));
            }
            index.to_manifest()
        }
    };
    let again = Manifest::parse(None, written.raw().to_vec()).expect("what was written is legal");
    assert_eq!(again.body(), manifest.body());
}
