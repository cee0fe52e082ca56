//! Locations: whatever is accepted reads back and addresses the host that was written.

use ocirepo::reference::Location;

/// Any text is a location, or what follows `oci://`.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    for text in [text.to_owned(), format!("oci://{text}")] {
        match Location::parse(&text) {
            Err(error) => assert!(text.is_char_boundary(error.offset()), "{error}"),
            Ok(location) => {
                let shown = location.to_string();
                assert_eq!(Location::parse(&shown).as_ref(), Ok(&location));
                let registry = &location.repository().registry;
                let base = registry.base();
                assert_eq!(base.scheme(), registry.scheme().as_str());
                assert!(base.username().is_empty() && base.password().is_none());
                let (_, written) = text.split_once("://").unwrap_or_default();
                let (host, _) = written.split_once('/').unwrap_or_default();
                assert!(host == registry.authority() || host == "index.docker.io");
            }
        }
    }
}
