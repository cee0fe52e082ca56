//! The files of the page: those in the program, or those in a directory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Response};
use serde_json::Value;

use crate::exit::Failure;
use crate::http_server::{Body, full};

include!(concat!(env!("OUT_DIR"), "/inspector.rs"));

/// The page itself.
const INDEX: &str = "index.html";

/// Files by their path from the page.
#[derive(Clone, Debug)]
pub(crate) struct Assets(BTreeMap<Cow<'static, str>, Bytes>);

impl Assets {
    /// Those in the program, if it was built with them.
    pub(crate) fn embedded() -> Option<Self> {
        let files = EMBEDDED.iter();
        let files: BTreeMap<_, _> = files
            .map(|&(name, content)| (name.into(), Bytes::from_static(content)))
            .collect();
        files.contains_key(INDEX).then_some(Self(files))
    }

    /// Those in a directory, as they are now.
    pub(crate) fn read(directory: &Path) -> Result<Self, Failure> {
        let mut files = BTreeMap::new();
        collect(directory, "", &mut files).map_err(|error| {
            Failure::failed(format!("cannot read {}: {error}", directory.display()))
        })?;
        if !files.contains_key(INDEX) {
            return Err(Failure::usage(format!(
                "{} has no {INDEX}; `cargo xtask inspector` builds the page into target/inspector",
                directory.display()
            )));
        }
        Ok(Self(files))
    }

    /// The same, with a note in the page about the gateway that is there.
    pub(super) fn describing(mut self, about: &Value) -> Result<Self, Failure> {
        let page = self.0.get(INDEX).map(|page| &page[..]).unwrap_or_default();
        let page = String::from_utf8_lossy(page);
        let Some((before, after)) = page.split_once("<head>") else {
            return Err(Failure::failed(format!("{INDEX} has no <head>")));
        };
        let about = attribute(&about.to_string());
        let page =
            format!("{before}<head><meta name=\"ocirepo-inspect\" content=\"{about}\">{after}");
        self.0.insert(INDEX.into(), page.into());
        Ok(self)
    }

    /// The file at a path from the page; the page itself at the empty one.
    pub(super) fn get(&self, path: &str) -> Option<Response<Body>> {
        let path = if path.is_empty() { INDEX } else { path };
        let mut response = Response::new(full(self.0.get(path)?.clone()));
        let kind = HeaderValue::from_static(content_type(path));
        response.headers_mut().insert(CONTENT_TYPE, kind);
        Some(response)
    }
}

/// Every file below a directory.
fn collect(
    directory: &Path,
    prefix: &str,
    files: &mut BTreeMap<Cow<'static, str>, Bytes>,
) -> std::io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            files.insert(name.into(), std::fs::read(entry.path())?.into());
        }
    }
    Ok(())
}

/// Text as the value of an attribute in double quotes.
fn attribute(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('"', "&quot;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

/// Browsers are told not to guess.
fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map(|(_, extension)| extension) {
        Some("html") => "text/html; charset=utf-8",
        Some("js" | "mjs") => "text/javascript; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("wasm") => "application/wasm",
        Some("json" | "map") => "application/json",
        Some("webmanifest") => "application/manifest+json",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("ico") => "image/x-icon",
        Some("woff2") => "font/woff2",
        Some("txt") => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn the_page_is_told_of_the_gateway_and_nothing_gets_out_of_the_attribute() {
        let directory = tempfile::tempdir().unwrap();
        std::fs::write(directory.path().join(INDEX), "<!doctype html><head><title>").unwrap();
        std::fs::create_dir(directory.path().join("assets")).unwrap();
        std::fs::write(directory.path().join("assets/a.wasm"), "x").unwrap();
        let assets = Assets::read(directory.path()).unwrap();
        let assets = assets
            .describing(&json!({ "open": "\"><script>&" }))
            .unwrap();
        assert_eq!(
            assets.0[INDEX],
            "<!doctype html><head><meta name=\"ocirepo-inspect\" \
             content=\"{&quot;open&quot;:&quot;\\&quot;&gt;&lt;script&gt;&amp;&quot;}\"><title>"
        );
        let kind = |path| assets.get(path).unwrap().headers()[CONTENT_TYPE].clone();
        assert_eq!(kind(""), "text/html; charset=utf-8");
        assert_eq!(kind("assets/a.wasm"), "application/wasm");
        assert!(assets.get("assets/../index.html").is_none());
        assert!(assets.get("assets").is_none());
    }

    #[test]
    fn a_directory_without_a_page_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let error = Assets::read(directory.path()).unwrap_err();
        assert!(error.to_string().contains("index.html"), "{error}");
    }
}
