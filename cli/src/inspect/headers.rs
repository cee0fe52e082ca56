//! Header fields that keep a browser from doing what nobody meant.

use http::HeaderValue;
use http::header::{
    CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_SECURITY_POLICY, HeaderMap, HeaderName,
    REFERRER_POLICY, X_CONTENT_TYPE_OPTIONS,
};

/// The page runs its own scripts and talks to its own origin, and nothing else: whatever a
/// registry's content says, nothing of it is run, sent or loaded from elsewhere.
const PAGE: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; \
     img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; worker-src 'self'; \
     manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// What came from a registry is nothing to look at: opened by itself, it has no origin and runs
/// nothing.
const CONTENT: &str = "default-src 'none'; sandbox; frame-ancestors 'none'";

/// For what belongs to the page.
pub(super) fn for_page(headers: &mut HeaderMap) {
    set(headers, CONTENT_SECURITY_POLICY, PAGE);
    for_all(headers);
}

/// For what came from a registry.
pub(super) fn for_content(headers: &mut HeaderMap) {
    set(headers, CONTENT_SECURITY_POLICY, CONTENT);
    set(headers, CONTENT_DISPOSITION, "attachment");
    for_all(headers);
}

fn for_all(headers: &mut HeaderMap) {
    for (name, value) in [
        ("cross-origin-opener-policy", "same-origin"),
        ("cross-origin-embedder-policy", "require-corp"),
        ("cross-origin-resource-policy", "same-origin"),
        (
            "permissions-policy",
            "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
        ),
    ] {
        set(headers, HeaderName::from_static(name), value);
    }
    set(headers, X_CONTENT_TYPE_OPTIONS, "nosniff");
    // The address is a secret.
    set(headers, REFERRER_POLICY, "no-referrer");
    set(headers, CACHE_CONTROL, "no-store");
}

fn set(headers: &mut HeaderMap, name: HeaderName, value: &'static str) {
    headers.insert(name, HeaderValue::from_static(value));
}
