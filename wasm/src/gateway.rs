//! A gateway on the page's own origin, for registries that pages may not read.

use url::Url;

use crate::js;

/// Turns URLs of registries into those of the gateway, `<base>HOST/PATH`, and back.
pub(crate) struct Gateway {
    /// Absolute, with a slash at the end.
    base: String,
}

impl Gateway {
    /// A gateway below the given URL, which may be relative to the page.
    pub(crate) fn new(base: &str) -> Option<Self> {
        let slash = if base.ends_with('/') { "" } else { "/" };
        let base = format!("{base}{slash}");
        let url = match Url::parse(&base) {
            Ok(url) => url,
            Err(_) => Url::parse(&js::page_origin()?).ok()?.join(&base).ok()?,
        };
        Some(Self {
            base: url.as_str().to_owned(),
        })
    }

    /// Where the gateway takes what belongs to a URL.
    pub(crate) fn through(&self, url: &Url) -> String {
        let host = url.host_str().unwrap_or_default();
        let mut to = format!("{}{host}", self.base);
        if let Some(port) = url.port() {
            to.push_str(&format!(":{port}"));
        }
        to.push_str(url.path());
        if let Some(query) = url.query() {
            to.push('?');
            to.push_str(query);
        }
        to
    }

    /// What URL a response of the gateway stands for: none where it is not clear, which
    /// the session takes for the one it asked for.
    pub(crate) fn back(&self, _: &str) -> Option<Url> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_become_the_first_component() {
        let gateway = Gateway::new("http://127.0.0.1:7414/gateway").unwrap();
        let url = Url::parse("https://registry.example:5000/v2/a/tags/list?n=1").unwrap();
        assert_eq!(
            gateway.through(&url),
            "http://127.0.0.1:7414/gateway/registry.example:5000/v2/a/tags/list?n=1"
        );
    }
}
