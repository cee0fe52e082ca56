//! Imitations of registries people run.

use crate::config::Config;
use crate::registry::Registry;
use crate::script::{Quirk, Rule};

/// A registry that differs from the specification where docker-registry 2.8 (the one in
/// Debian, and under many hosted ones) does: no referrers API, no deletion of tags, no
/// paging, no single `POST`, sha256 only, and more.
pub fn docker_registry() -> Registry {
    let mut registry = Registry::new(Config {
        sparse: false,
        manifest_limit: 4 << 20,
        ..Config::default()
    });
    for quirk in [
        Quirk::AcceptEnforced,
        Quirk::ConditionsIgnored,
        Quirk::ForeignLayersRefused,
        Quirk::InvalidReferenceFails,
        Quirk::MountNeedsFrom,
        Quirk::NoReferrers,
        Quirk::OutOfOrderAppended,
        Quirk::PagingIgnored,
        Quirk::Sha256Only,
        Quirk::SinglePostIgnored,
        Quirk::TagDeletionRefused,
        Quirk::TagParametersIgnored,
        Quirk::TagsNull,
        Quirk::TagsUnsorted,
        Quirk::UntaggedUnknown,
    ] {
        registry.script(Rule::new(quirk));
    }
    registry
}
