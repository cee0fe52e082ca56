//! What is used of the JavaScript around: no more of the web's interfaces than these.

use js_sys::{Function, Promise, Uint8Array};
use wasm_bindgen::prelude::*;

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(catch)]
    pub(crate) async fn fetch(url: &str, init: &JsValue) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(js_name = setTimeout)]
    pub(crate) fn set_timeout(callback: &Function, milliseconds: f64) -> JsValue;

    #[wasm_bindgen(js_name = clearTimeout)]
    pub(crate) fn clear_timeout(timer: &JsValue);

    #[wasm_bindgen(js_namespace = performance, js_name = now)]
    pub(crate) fn performance_now() -> f64;

    pub(crate) type Response;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn status(this: &Response) -> u16;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn url(this: &Response) -> String;
    #[wasm_bindgen(method, getter, js_name = type)]
    pub(crate) fn kind(this: &Response) -> String;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn headers(this: &Response) -> Headers;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn body(this: &Response) -> Option<Body>;

    pub(crate) type Headers;
    #[wasm_bindgen(method, js_name = forEach)]
    pub(crate) fn for_each(this: &Headers, callback: &mut dyn FnMut(String, String));

    /// A `ReadableStream` of bytes.
    pub(crate) type Body;
    #[wasm_bindgen(method, js_name = getReader)]
    pub(crate) fn reader(this: &Body) -> Reader;

    pub(crate) type Reader;
    #[wasm_bindgen(method)]
    pub(crate) fn read(this: &Reader) -> Promise;
    #[wasm_bindgen(method)]
    pub(crate) fn cancel(this: &Reader) -> Promise;

    /// Bytes that may be on disk.
    #[derive(Clone)]
    pub type Blob;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn size(this: &Blob) -> f64;
    #[wasm_bindgen(method)]
    pub(crate) fn slice(this: &Blob, start: f64, end: f64) -> Blob;
    #[wasm_bindgen(method, js_name = arrayBuffer)]
    pub(crate) fn bytes(this: &Blob) -> Promise;

    /// What `Reader::read` resolves with.
    pub(crate) type Piece;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn done(this: &Piece) -> bool;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn value(this: &Piece) -> Uint8Array;

    pub(crate) type AbortController;
    #[wasm_bindgen(constructor)]
    pub(crate) fn new() -> AbortController;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn signal(this: &AbortController) -> AbortSignal;
    #[wasm_bindgen(method)]
    pub(crate) fn abort(this: &AbortController);

    pub(crate) type AbortSignal;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn aborted(this: &AbortSignal) -> bool;
    #[wasm_bindgen(method, js_name = addEventListener)]
    pub(crate) fn add_listener(this: &AbortSignal, event: &str, callback: &Function);
    #[wasm_bindgen(method, js_name = removeEventListener)]
    pub(crate) fn remove_listener(this: &AbortSignal, event: &str, callback: &Function);

    /// The options of a call, as the package passes them on.
    pub type Call;
    #[wasm_bindgen(method, getter, js_name = signal)]
    pub(crate) fn abort_signal(this: &Call) -> Option<AbortSignal>;
    #[wasm_bindgen(method, getter)]
    pub(crate) fn progress(this: &Call) -> Option<Function>;
}

/// Calls a function of the caller, and waits for what it promises.
pub(crate) async fn call(
    function: &Function,
    one: &JsValue,
    other: &JsValue,
) -> Result<JsValue, JsValue> {
    let promise = function.call2(&JsValue::NULL, one, other)?;
    wasm_bindgen_futures::JsFuture::from(Promise::resolve(&promise)).await
}

/// The origin of the page or worker; none in Node.
pub(crate) fn page_origin() -> Option<String> {
    let location = property(&js_sys::global(), "location")?;
    property(&location, "origin")?.as_string()
}

/// A property that is neither missing nor null.
pub(crate) fn property(of: &JsValue, name: &str) -> Option<JsValue> {
    js_sys::Reflect::get(of, &JsValue::from_str(name))
        .ok()
        .filter(|value| !value.is_undefined() && !value.is_null())
}

/// Sets a property of an object that was just made.
pub(crate) fn set(object: &js_sys::Object, name: &str, value: &JsValue) {
    // Plain objects take any property.
    let _ = js_sys::Reflect::set(object, &JsValue::from_str(name), value);
}
