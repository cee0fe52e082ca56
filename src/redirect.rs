//! Where a redirect or an upload location may lead, and with which credentials.
//!
//! A session asks these itself. They are public for hosts that pass requests of others on.

use http::{Method, StatusCode};
use url::Url;

use crate::error::{Error, ErrorKind};
use crate::exchange::Head;
use crate::link;
use crate::reference::Registry;

/// The most redirects one request follows.
pub const MOST_REDIRECTS: u8 = 10;

/// Whether a request to `url` may carry what was issued for `registry`: only when
/// scheme, host and port are those of its API. Everything that attaches an
/// `Authorization` asks here.
pub fn may_authorize(registry: &Registry, url: &Url) -> bool {
    registry.base().origin() == url.origin()
}

/// Where the response sends this request, if anywhere.
///
/// # Errors
/// When it leads from https to http or to another scheme, holds a user name, is no URL, or is
/// missing.
pub fn follow(method: &Method, from: &Url, head: &Head) -> Result<Option<Url>, Error> {
    let safe = *method == Method::GET || *method == Method::HEAD;
    let redirects = match head.status {
        StatusCode::TEMPORARY_REDIRECT | StatusCode::PERMANENT_REDIRECT => true,
        // Other methods would have to become GET, which no registry means.
        StatusCode::MOVED_PERMANENTLY | StatusCode::FOUND | StatusCode::SEE_OTHER => safe,
        _ => false,
    };
    if !redirects {
        return Ok(None);
    }
    let Some(location) = head.text(http::header::LOCATION) else {
        return Err(Error::new(
            ErrorKind::InvalidResponse,
            "a redirect without a `Location`",
        )
        .at(from)
        .status(head.status));
    };
    link::resolve(head, from, location, "Location").map(Some)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn followed(
        method: Method,
        from: &str,
        status: u16,
        location: &str,
    ) -> Result<Option<String>, String> {
        let mut head = Head {
            status: StatusCode::from_u16(status).unwrap(),
            ..Head::default()
        };
        head.headers.insert("location", location.parse().unwrap());
        follow(&method, &Url::parse(from).unwrap(), &head)
            .map(|url| url.map(String::from))
            .map_err(|e| e.to_string())
    }

    #[test]
    fn redirects_lead_on_but_never_down() {
        let from = "https://r.example/v2/a/blobs/x?y";
        assert_eq!(
            followed(Method::GET, from, 307, "/b"),
            Ok(Some("https://r.example/b".into()))
        );
        assert_eq!(
            followed(Method::HEAD, from, 302, "//s.example/b?sig=1"),
            Ok(Some("https://s.example/b?sig=1".into()))
        );
        assert_eq!(followed(Method::PUT, from, 302, "/b"), Ok(None));
        assert_eq!(
            followed(Method::PUT, from, 308, "/b"),
            Ok(Some("https://r.example/b".into()))
        );
        assert_eq!(followed(Method::GET, from, 200, "/b"), Ok(None));
        for (location, why) in [
            ("http://r.example/b", "leads from https"),
            ("ftp://r.example/b", "scheme ftp"),
            ("data:text/plain,x", "scheme data"),
            ("https://me:pw@r.example/b", "user name"),
            ("https://", "not a URL"),
        ] {
            let error = followed(Method::GET, from, 307, location).unwrap_err();
            assert!(error.contains(why), "{location}: {error}");
            assert!(!error.contains("pw"), "{error}");
        }
        assert!(followed(Method::GET, "http://r.example/", 307, "http://s.example/").is_ok());
    }

    #[test]
    fn credentials_go_to_the_origin_of_the_registry_only() {
        let registry: Registry =
            Registry::new(crate::reference::Scheme::Https, "r.example").unwrap();
        for (url, may) in [
            ("https://r.example/v2/", true),
            ("https://r.example:443/x", true),
            ("https://r.example:444/x", false),
            ("http://r.example/x", false),
            ("https://s.r.example/x", false),
            ("https://r.example.evil/x", false),
        ] {
            assert_eq!(
                may_authorize(&registry, &Url::parse(url).unwrap()),
                may,
                "{url}"
            );
        }
    }
}
