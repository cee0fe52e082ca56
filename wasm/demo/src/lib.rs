//! The inspector's demo: the in-memory registry with a sample repository, as a module of its own
//! that a page loads when somebody asks for it. Nothing of it needs a network.
//!
//! `demo.js`, beside this crate, makes a `fetch` of it.

mod sample;

// The lab's writer of package files: they are read and indexed, never installed.
#[path = "../../../e2e/src/synthetic/rpmfile.rs"]
mod rpmfile;

use bytes::Bytes;
use http::{HeaderName, HeaderValue, Request, Response};
use ocirepo_registry::{Config, Registry};
use wasm_bindgen::prelude::wasm_bindgen;

/// Where the sample is.
const REFERENCE: &str = "oci://demo.invalid/sample/fruit:latest";

/// A registry with the sample.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Demo(Registry);

#[wasm_bindgen]
impl Demo {
    /// Publishes the sample in a new registry.
    ///
    /// # Errors
    /// Never, unless the sample is wrong; in words.
    #[wasm_bindgen(constructor)]
    pub fn new() -> Result<Self, String> {
        let mut registry = Registry::new(Config::default());
        sample::publish(&mut registry)?;
        Ok(Self(registry))
    }

    /// Where the sample is, as `oci://…`.
    #[wasm_bindgen(getter)]
    pub fn reference(&self) -> String {
        REFERENCE.to_owned()
    }

    /// Answers a request. `headers` has names and values by turns; `now` is in Unix seconds.
    ///
    /// # Errors
    /// When it is no request of HTTP; in words.
    pub fn handle(
        &mut self,
        now: f64,
        method: &str,
        url: &str,
        headers: Vec<String>,
        body: Vec<u8>,
    ) -> Result<Answer, String> {
        let mut request = Request::builder().method(method).uri(url);
        for pair in headers.chunks_exact(2) {
            let [name, value] = pair else { continue };
            let name = HeaderName::try_from(name.as_str()).map_err(|error| error.to_string())?;
            let value = HeaderValue::try_from(value.as_str()).map_err(|error| error.to_string())?;
            request = request.header(name, value);
        }
        let request = request.body(Bytes::from(body));
        let request = request.map_err(|error| error.to_string())?;
        // Before 1970 and after the end of time it is 1970 and the end of time.
        Ok(Answer(self.0.handle(now as u64, request)))
    }
}

/// An answer of the registry.
#[wasm_bindgen]
#[derive(Debug)]
pub struct Answer(Response<Bytes>);

#[wasm_bindgen]
impl Answer {
    /// The status.
    #[wasm_bindgen(getter)]
    pub fn status(&self) -> u16 {
        self.0.status().as_u16()
    }

    /// Names and values by turns.
    #[wasm_bindgen(getter)]
    pub fn headers(&self) -> Vec<String> {
        let fields = self.0.headers().iter();
        let text = |value: &HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
        fields
            .flat_map(|(name, value)| [name.to_string(), text(value)])
            .collect()
    }

    /// The body.
    #[wasm_bindgen(getter)]
    pub fn body(&self) -> Vec<u8> {
        self.0.body().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    fn get(demo: &mut Demo, path: &str) -> Answer {
        let url = format!("https://demo.invalid{path}");
        demo.handle(1e9, "GET", &url, Vec::new(), Vec::new())
            .unwrap()
    }

    #[test]
    fn the_sample_is_there_at_each_of_its_tags() {
        let mut demo = Demo::new().unwrap();
        let tags = get(&mut demo, "/v2/sample/fruit/tags/list");
        let tags: Value = serde_json::from_slice(&tags.body()).unwrap();
        assert_eq!(tags["tags"].as_array().unwrap().len(), sample::RELEASES + 1);
        let manifest = get(&mut demo, "/v2/sample/fruit/manifests/latest");
        assert_eq!(manifest.status(), 200);
        let manifest: Value = serde_json::from_slice(&manifest.body()).unwrap();
        let mut packages = 0;
        for layer in manifest["layers"].as_array().unwrap() {
            let path = format!(
                "/v2/sample/fruit/blobs/{}",
                layer["digest"].as_str().unwrap()
            );
            let blob = get(&mut demo, &path);
            assert_eq!(blob.status(), 200);
            assert_eq!(blob.body().len() as u64, layer["size"].as_u64().unwrap());
            let title = layer["annotations"]["org.opencontainers.image.title"].as_str();
            packages += usize::from(title.unwrap().ends_with(".rpm"));
        }
        assert_eq!(packages, 20);
    }

    #[test]
    fn what_is_no_request_is_an_error() {
        let mut demo = Demo::new().unwrap();
        let odd = demo.handle(0.0, "GET", "http://[", Vec::new(), Vec::new());
        assert!(odd.is_err());
        let headers = vec!["a\nb".to_owned(), "c".to_owned()];
        let odd = demo.handle(0.0, "GET", "https://demo.invalid/", headers, Vec::new());
        assert!(odd.is_err());
    }
}
