//! References: whatever is accepted reads back, borrowed and owned alike.

use ocirepo::reference::{Reference, ReferenceRef, Scheme};

/// Any text is a reference.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let parts = match ReferenceRef::parse(text) {
        Ok(parts) => parts,
        Err(error) => {
            assert!(text.is_char_boundary(error.offset()), "{error}");
            assert_eq!(text.parse::<Reference>(), Err(error));
            return;
        }
    };
    assert!(text.is_ascii());
    assert!((1..=255).contains(&parts.name().len()));
    assert!(parts.tag().is_none_or(|tag| (1..=128).contains(&tag.len())));
    let canonical = parts.to_string();
    assert_eq!(ReferenceRef::parse(&canonical), Ok(parts));
    // It need not mean the same: Docker drops its registry even where what is left
    // begins with something like a registry, or is 64 hex digits.
    let familiar = parts.familiar().to_string();
    let dropped = canonical.strip_suffix(&familiar);
    assert!(matches!(
        dropped,
        Some("" | "docker.io/" | "docker.io/library/")
    ));
    if let Ok(owned) = text.parse::<Reference>() {
        assert_eq!(owned.as_parts(), parts);
        assert_eq!(owned.to_string(), canonical);
        for scheme in [Scheme::Http, Scheme::Https] {
            let base = owned.registry().clone().with_scheme(scheme).base();
            assert!(base.username().is_empty() && base.path() == "/" && base.query().is_none());
        }
    }
}
