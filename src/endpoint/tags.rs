//! Tags of a repository (end-8a, end-8b, "Listing Tags").

use http::{Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{Page, call_in, expect, json};
use crate::error::Error;
use crate::exchange::{Call, Head};
use crate::link;
use crate::reference::{Repository, Tag};

/// Asks for the tags of a repository: at most `n` on a page, those after `last`. Both
/// are wishes that registries may ignore.
pub fn list(repository: &Repository, n: Option<u32>, last: Option<&str>) -> Call {
    let mut call = call_in(Method::GET, repository, "tags/list");
    paging(&mut call.url, n, last);
    call
}

/// Reads a page of tags; `base` is where the request went. What is not a tag is left
/// out: it could not be asked for.
pub fn page(head: &Head, body: &[u8], base: &Url) -> Result<Page<Tag>, Error> {
    #[derive(Deserialize)]
    struct Tags {
        /// `null` when there are none.
        tags: Option<Vec<String>>,
    }
    expect(head, &[StatusCode::OK])?;
    let tags: Tags = json(head, body)?;
    let tags = tags.tags.unwrap_or_default().into_iter();
    Ok(Page {
        items: tags.filter_map(|tag| tag.parse().ok()).collect(),
        next: link::next(head, base)?,
    })
}

/// The parameters every paged list has.
pub(super) fn paging(url: &mut Url, n: Option<u32>, last: Option<&str>) {
    if n.is_none() && last.is_none() {
        return;
    }
    let mut query = url.query_pairs_mut();
    if let Some(n) = n {
        query.append_pair("n", &n.to_string());
    }
    if let Some(last) = last {
        query.append_pair("last", last);
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn read(fields: &[(&str, &str)], body: &str) -> Result<Page<Tag>, Error> {
        let base = url("https://registry.example/v2/me/repo/tags/list");
        page(&answer(200, fields), body.as_bytes(), &base)
    }

    fn names(body: &str) -> Vec<String> {
        let page = read(&[], body).unwrap();
        assert_eq!(page.next, None);
        page.items.iter().map(Tag::to_string).collect()
    }

    #[test]
    fn end_8() {
        let line_of = |n, last| line(&list(&repository(), n, last));
        assert_eq!(line_of(None, None), "GET /v2/me/repo/tags/list");
        assert_eq!(
            line_of(Some(50), Some("v1.0")),
            "GET /v2/me/repo/tags/list?n=50&last=v1.0"
        );
        assert_eq!(
            line_of(None, Some("a&b")),
            "GET /v2/me/repo/tags/list?last=a%26b"
        );
    }

    #[test]
    fn the_example_of_the_specification() {
        let body = r#"{"name": "<name>", "tags": ["tag1", "tag2", "tag3"]}"#;
        assert_eq!(names(body), ["tag1", "tag2", "tag3"]);
    }

    #[test]
    fn no_tags_may_be_written_in_any_way() {
        for body in [r#"{"tags": null}"#, r#"{"name": "a"}"#, r#"{"tags": []}"#] {
            assert!(names(body).is_empty(), "{body}");
        }
    }

    #[test]
    fn what_is_not_a_tag_is_left_out() {
        let body = r#"{"tags": ["ok", "", "../../etc", "a b", "-x", "é"]}"#;
        assert_eq!(names(body), ["ok"]);
    }

    #[test]
    fn the_next_page_is_linked() {
        let link = ("Link", r#"</v2/me/repo/tags/list?last=b&n=2>; rel="next""#);
        let page = read(&[link], r#"{"tags": ["a", "b"]}"#).unwrap();
        assert_eq!(
            page.next,
            Some(url(
                "https://registry.example/v2/me/repo/tags/list?last=b&n=2"
            ))
        );
        let bad = ("Link", "<http://registry.example/>; rel=next");
        assert!(read(&[bad], r#"{"tags": []}"#).is_err());
    }

    #[test]
    fn what_is_no_list_is_an_error() {
        for body in ["", "<html>", "[1]", r#"{"tags": "x"}"#, r#"{"tags": [1]}"#] {
            let error = read(&[("Content-Type", "text/html")], body).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::InvalidResponse, "{body}");
            assert!(error.to_string().contains("text/html"));
        }
        let base = url("https://registry.example/");
        let error = page(&answer(404, &[]), b"", &base).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    proptest! {
        #[test]
        fn any_body_is_read_without_panic(body in "\\{\"tags\":[ -~é]{0,40}\\}|[ -~]{0,40}") {
            let _ = read(&[], &body);
        }
    }
}
