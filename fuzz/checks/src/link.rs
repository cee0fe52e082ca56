//! `Link` and `Location`, joined to where they came from: never down to http, never with a user,
//! and exactly what joining URLs gives.

use http::{HeaderMap, HeaderValue, StatusCode};
use ocirepo::Error;
use ocirepo::endpoint::uploads::{Started, started};
use ocirepo::exchange::Head;
use ocirepo::link;
use url::Url;

const BASES: [&str; 4] = [
    "https://registry.example/v2/me/repo/blobs/uploads/",
    "https://registry.example:8443/v2/_catalog?n=100&last=a",
    "http://127.0.0.1:5000/v2/me/repo/tags/list",
    "https://[::1]/v2/",
];

/// The first byte chooses where the response came from; each line is a field.
pub fn check(data: &[u8]) {
    let Some((choice, fields)) = data.split_first() else {
        return;
    };
    let base = Url::parse(BASES[usize::from(choice % 4)]).unwrap();
    let mut head = Head {
        status: StatusCode::ACCEPTED,
        headers: HeaderMap::new(),
        url: None,
    };
    let fields: Vec<_> = (fields.split(|byte| *byte == b'\n').take(4))
        .filter_map(|field| HeaderValue::from_bytes(field).ok())
        .collect();
    for field in &fields {
        head.headers.append("link", field.clone());
    }
    if let Some(next) = followed(link::next(&head, &base), &base) {
        let link = format!("<{next}>; rel=\"next\"");
        head.headers
            .insert("link", link.parse().expect("a URL is legal in a field"));
        assert_eq!(
            link::next(&head, &base).unwrap(),
            Some(next),
            "it is where it is"
        );
    }
    let Some(field) = fields.first() else {
        return;
    };
    head.headers.insert("location", field.clone());
    let location = started(&head, &base).map(|started| match started {
        Started::Upload { location, .. } => Some(location),
        Started::Done => None,
    });
    if let Some(location) = followed(location, &base) {
        let written = String::from_utf8_lossy(field.as_bytes());
        let mut joined = base.join(written.trim()).expect("it was joined");
        joined.set_fragment(None);
        assert_eq!(location, joined);
        // URLs lose their tabs before anything else.
        let written = written.replace('\t', "");
        if !written.contains(':') && !written.contains("//") && !written.contains('\\') {
            assert_eq!(
                location.origin(),
                base.origin(),
                "a path stays: {written:?}"
            );
        }
        // What is found elsewhere, from https, is not led down from there either.
        let there = followed(
            link::next(
                &Head {
                    url: Some(location.clone()),
                    ..head
                },
                &base,
            ),
            &location,
        );
        assert!(there.is_none_or(|url| location.scheme() == "http" || url.scheme() == "https"));
    }
}

/// What must hold for anything that would be followed.
fn followed(result: Result<Option<Url>, Error>, base: &Url) -> Option<Url> {
    let url = match result {
        Ok(url) => url?,
        Err(error) => {
            let said = error.to_string().replace("?…", "");
            assert!(!said.contains('?'), "queries may be secret: {error}");
            return None;
        }
    };
    assert!(
        url.scheme() == "https" || (url.scheme() == "http" && base.scheme() == "http"),
        "{url}"
    );
    assert!(
        url.username().is_empty() && url.password().is_none(),
        "{url}"
    );
    assert_eq!(url.fragment(), None);
    assert!(url.has_host(), "{url}");
    Some(url)
}
