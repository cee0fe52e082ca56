//! Names of files in the `tree` layout: encoding is total, injective, legal and undone by decoding;
//! decoding is canonical.

use ocirepo::reference::{Registry, Repository, Scheme};
use ocirepo_rpm::name;

/// Two lines are two paths; the first is also taken for a name.
pub fn check(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let (first, second) = text.split_once('\n').unwrap_or((text, "a"));
    component(first);
    let one = path(first);
    let two = path(second);
    if let (Some(one), Some(two)) = (one, two) {
        assert_eq!(
            one == two,
            first == second,
            "{first:?} {second:?} are both {one}"
        );
    }
    // Whatever is decoded was spelled in the one way there is.
    if let Ok(decoded) = name::decode_component(first) {
        assert_eq!(name::encode_component(&decoded).as_deref(), Ok(first));
    }
    if let Ok(decoded) = name::decode_path("me/repo", first, Some(second)) {
        assert_eq!(name::encode_path("me/repo", &decoded).as_deref(), Ok(first));
    }
    if let Ok(decoded) = name::percent_decode(first) {
        assert_eq!(name::check_path(&decoded), Ok(()));
    }
}

fn component(component: &str) {
    let legal = !matches!(component, "" | "." | "..") && !component.contains(['/', '\0']);
    let encoded = name::encode_component(component);
    assert_eq!(encoded.is_ok(), legal, "{component:?}");
    let Ok(encoded) = encoded else {
        return;
    };
    match name::is_hashed(&encoded) {
        true => assert!(component.len() > 80 && name::decode_component(&encoded).is_err()),
        false => assert_eq!(name::decode_component(&encoded).as_deref(), Ok(component)),
    }
}

/// Encodes a path and holds it to be a name that registries take.
fn path(path: &str) -> Option<String> {
    let encoded = name::encode_path("me/repo", path);
    assert_eq!(
        encoded.is_ok(),
        name::check_path(path).is_ok(),
        "total: {path:?}"
    );
    let encoded = encoded.ok()?;
    let registry = Registry::new(Scheme::Https, "registry.example").unwrap();
    assert!(Repository::new(registry, &encoded).is_ok(), "{encoded}");
    let decoded = name::decode_path("me/repo", &encoded, Some(path));
    assert_eq!(decoded.as_deref(), Ok(path));
    if !encoded.split('/').any(name::is_hashed) {
        assert_eq!(
            name::decode_path("me/repo", &encoded, None).as_deref(),
            Ok(path)
        );
    }
    Some(encoded)
}
