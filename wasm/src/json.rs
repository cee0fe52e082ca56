//! Values for JavaScript, by way of JSON, which engines parse fast.

use serde::Serialize;
use wasm_bindgen::JsValue;

/// A value as a JavaScript one.
pub(crate) fn to_js(value: &impl Serialize) -> JsValue {
    // Structs of texts, numbers and lists always serialise, and JSON always parses.
    let text = serde_json::to_string(value).unwrap_or_default();
    js_sys::JSON::parse(&text).unwrap_or_default()
}
