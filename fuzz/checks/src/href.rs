//! Paths in metadata: whatever is accepted stays inside the repository, and reads back.

use std::path::{Component, Path};

use ocirepo_rpm::href::Href;

/// Any text is a path.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    if let Ok(href) = Href::parse(text) {
        stays_inside(href.path());
        assert_eq!(href.as_written(), text, "what was written is kept");
        assert_eq!(Href::from_path(href.path()).as_ref(), Ok(&href));
    }
    if let Ok(href) = Href::from_path(text) {
        stays_inside(text);
        assert_eq!(href.path(), text);
        assert_eq!(
            Href::parse(href.as_written()).as_ref(),
            Ok(&href),
            "{text:?}"
        );
    }
}

/// The rule, asked of the standard library instead of us: joined to any directory, the path is
/// below it, whatever system it is on.
pub(crate) fn stays_inside(path: &str) {
    let mut components = Path::new(path).components();
    assert!(
        components.all(|one| matches!(one, Component::Normal(_))),
        "{path:?}"
    );
    assert!(
        !path.is_empty() && !path.contains("//") && !path.ends_with('/'),
        "{path:?}"
    );
    assert!(
        path.split('/').all(|one| one != "." && one != ".."),
        "{path:?}"
    );
    assert!(!path.contains(['\\', '\0', '\n', '\r']), "{path:?}");
}
