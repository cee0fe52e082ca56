//! Repositories of a registry: `GET /v2/_catalog` of Docker's registry ("Listing
//! Repositories" of its HTTP API), which the distribution specification only reserves.

use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{Page, call, expect, json, tags};
use crate::error::Error;
use crate::exchange::{Call, Head};
use crate::link;
use crate::reference::{Registry, Repository};

/// Asks for the repositories of a registry: at most `n` on a page, those after `last`.
/// Hosted registries refuse this to most accounts.
pub fn list(registry: &Registry, n: Option<u32>, last: Option<&str>) -> Call {
    let mut call = call(Method::GET, registry, "_catalog");
    tags::paging(&mut call.url, n, last);
    call
}

/// Reads a page of repositories of `registry`; `base` is where the request went. What
/// is not the name of a repository is left out.
pub fn page(
    head: &Head,
    body: &[u8],
    base: &Url,
    registry: &Registry,
) -> Result<Page<Repository>, Error> {
    #[derive(Deserialize)]
    struct Repositories {
        repositories: Option<Vec<String>>,
    }
    expect(head, &[StatusCode::OK])?;
    let names: Repositories = json(head, body)?;
    let names = names.repositories.unwrap_or_default().into_iter();
    Ok(Page {
        items: names
            .filter_map(|name| Repository::new(registry.clone(), &name).ok())
            .collect(),
        next: link::next(head, base)?,
    })
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::error::ErrorKind;

    #[test]
    fn the_examples_of_docker() {
        assert_eq!(line(&list(&registry(), None, None)), "GET /v2/_catalog");
        assert_eq!(
            line(&list(&registry(), Some(100), Some("a/b"))),
            "GET /v2/_catalog?n=100&last=a%2Fb"
        );
        let link = ("Link", "</v2/_catalog?n=2&last=a%2Fb>; rel=\"next\"");
        let page = page(
            &answer(200, &[link]),
            br#"{"repositories": ["a", "a/b", "UPPER", "../x"]}"#,
            &url("https://registry.example/v2/_catalog?n=2"),
            &registry(),
        )
        .unwrap();
        let names: Vec<_> = page.items.iter().map(Repository::name).collect();
        assert_eq!(names, ["a", "a/b"]);
        assert_eq!(
            page.next,
            Some(url("https://registry.example/v2/_catalog?n=2&last=a%2Fb"))
        );
    }

    #[test]
    fn a_refusal_is_an_error() {
        let base = url("https://registry.example/v2/_catalog");
        let read = |status, body: &[u8]| page(&answer(status, &[]), body, &base, &registry());
        assert!(
            read(200, br#"{"repositories": null}"#)
                .unwrap()
                .items
                .is_empty()
        );
        assert_eq!(read(401, b"").unwrap_err().kind(), ErrorKind::Unauthorized);
        assert_eq!(
            read(200, b"hello").unwrap_err().kind(),
            ErrorKind::InvalidResponse
        );
    }
}
