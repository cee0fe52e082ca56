//! The files of the page: those in the program, or those in a directory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::{self, Read};
use std::path::Path;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue, Response};
use ocirepo_rpm::compression::Decompressor;
use ocirepo_rpm::limits::Limits;
use serde_json::Value;

use crate::exit::Failure;
use crate::http_server::{Body, full};

include!(concat!(env!("OUT_DIR"), "/inspector.rs"));

/// The page itself.
const INDEX: &str = "index.html";

/// The content of a file.
#[derive(Clone, Debug)]
enum Asset {
    Plain(Bytes),
    /// As the program has it, with gzip.
    Packed(&'static [u8]),
}

impl Asset {
    fn plain(&self) -> io::Result<Bytes> {
        match self {
            Self::Plain(content) => Ok(content.clone()),
            Self::Packed(content) => {
                let mut plain = Vec::new();
                Decompressor::new(*content, "the page", Limits::default())
                    .map_err(io::Error::other)?
                    .read_to_end(&mut plain)?;
                Ok(plain.into())
            }
        }
    }
}

/// Files by their path from the page.
#[derive(Clone, Debug)]
pub(crate) struct Assets(BTreeMap<Cow<'static, str>, Asset>);

impl Assets {
    /// Those in the program, if it was built with them.
    pub(crate) fn embedded() -> Option<Self> {
        let files = EMBEDDED.iter();
        let files: BTreeMap<_, _> = files
            .map(|&(name, content)| (name.into(), Asset::Packed(content)))
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
        let page = self.0.get(INDEX).map(Asset::plain).transpose();
        let page =
            page.map_err(|error| Failure::failed(format!("cannot read {INDEX}: {error}")))?;
        let page = page.unwrap_or_default();
        let page = String::from_utf8_lossy(&page);
        let Some((before, after)) = page.split_once("<head>") else {
            return Err(Failure::failed(format!("{INDEX} has no <head>")));
        };
        let about = attribute(&about.to_string());
        let page =
            format!("{before}<head><meta name=\"ocirepo-inspect\" content=\"{about}\">{after}");
        self.0.insert(INDEX.into(), Asset::Plain(page.into()));
        Ok(self)
    }

    /// The file at a path from the page, for who sent those headers; the page itself at the empty
    /// path.
    pub(super) fn get(&self, path: &str, asked: &HeaderMap) -> io::Result<Option<Response<Body>>> {
        let path = if path.is_empty() { INDEX } else { path };
        let Some(asset) = self.0.get(path) else {
            return Ok(None);
        };
        let (content, is_packed) = match asset {
            Asset::Packed(content) if accepts_gzip(asked) => (Bytes::from_static(content), true),
            asset => (asset.plain()?, false),
        };
        let mut response = Response::new(full(content));
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static(content_type(path));
        headers.insert(CONTENT_TYPE, kind);
        if is_packed {
            headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        if matches!(asset, Asset::Packed(_)) {
            headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
        }
        Ok(Some(response))
    }
}

/// Every file below a directory.
fn collect(
    directory: &Path,
    prefix: &str,
    files: &mut BTreeMap<Cow<'static, str>, Asset>,
) -> io::Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let entry = entry?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        if entry.path().is_dir() {
            collect(&entry.path(), &format!("{name}/"), files)?;
        } else {
            let content = std::fs::read(entry.path())?;
            files.insert(name.into(), Asset::Plain(content.into()));
        }
    }
    Ok(())
}

/// Whether a client takes gzip by name, as browsers do.
fn accepts_gzip(asked: &HeaderMap) -> bool {
    let all = asked.get_all(ACCEPT_ENCODING).iter();
    let codings = all.filter_map(|value| value.to_str().ok());
    let mut codings = codings.flat_map(|value| value.split(','));
    codings.any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=");
        let weight = weight.map_or(Some(1.0), |weight| weight.parse::<f32>().ok());
        name.trim().eq_ignore_ascii_case("gzip") && weight.is_some_and(|weight| weight > 0.0)
    })
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
            assets.0[INDEX].plain().unwrap(),
            "<!doctype html><head><meta name=\"ocirepo-inspect\" \
             content=\"{&quot;open&quot;:&quot;\\&quot;&gt;&lt;script&gt;&amp;&quot;}\"><title>"
        );
        let get = |path| assets.get(path, &HeaderMap::new()).unwrap();
        let kind = |path| get(path).unwrap().headers()[CONTENT_TYPE].clone();
        assert_eq!(kind(""), "text/html; charset=utf-8");
        assert_eq!(kind("assets/a.wasm"), "application/wasm");
        assert!(get("assets/../index.html").is_none());
        assert!(get("assets").is_none());
    }

    #[test]
    fn what_is_packed_is_sent_packed_only_to_who_takes_it() {
        // `printf hello | gzip -n9`
        const HELLO: &[u8] = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x02\x03\xcb\x48\xcd\xc9\xc9\x07\
            \x00\x86\xa6\x10\x36\x05\x00\x00\x00";
        let assets = Assets(BTreeMap::from([("a.js".into(), Asset::Packed(HELLO))]));
        for (accepted, packed) in [
            (None, false),
            (Some("gzip, deflate, br, zstd"), true),
            (Some("br, GZip;q=0.5"), true),
            (Some("identity, gzip;q=0"), false),
            (Some("br"), false),
        ] {
            let value = accepted.map(HeaderValue::from_static);
            let asked = value.map(|value| (ACCEPT_ENCODING, value));
            let answer = assets.get("a.js", &asked.into_iter().collect()).unwrap();
            let headers = answer.as_ref().unwrap().headers();
            let coding = headers.get(CONTENT_ENCODING).map(HeaderValue::as_bytes);
            assert_eq!(coding, packed.then_some(&b"gzip"[..]), "{accepted:?}");
            assert_eq!(headers[VARY], "accept-encoding");
        }
        assert_eq!(assets.0["a.js"].plain().unwrap(), "hello");
    }

    #[test]
    fn a_directory_without_a_page_is_refused() {
        let directory = tempfile::tempdir().unwrap();
        let error = Assets::read(directory.path()).unwrap_err();
        assert!(error.to_string().contains("index.html"), "{error}");
    }
}
