//! Manifests that refer to a manifest (end-12a, end-12b, "Listing Referrers").

use http::{HeaderName, Method, StatusCode};
use serde::Deserialize;
use url::Url;

use super::{call_in, expect, invalid, json};
use crate::descriptor::Descriptor;
use crate::digest::Digest;
use crate::error::Error;
use crate::exchange::{Call, Head};
use crate::link;
use crate::media_type;
use crate::reference::{Repository, Tag};

/// Asks which manifests have `digest` as their subject (end-12a), of one artifact type
/// where one is given (end-12b). Registries without the referrers API answer 404; what
/// they have is under the [fallback tag](fallback_tag).
pub fn list(repository: &Repository, digest: &Digest, artifact_type: Option<&str>) -> Call {
    let mut call = call_in(Method::GET, repository, &format!("referrers/{digest}"));
    if let Some(kind) = artifact_type {
        call.url.query_pairs_mut().append_pair("artifactType", kind);
    }
    call
}

/// One page of referrers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Referrers {
    /// The manifests that refer to the one asked about.
    pub items: Vec<Descriptor>,
    /// Where the next page is; `None` on the last one.
    pub next: Option<Url>,
    /// Whether the registry kept to the artifact type (`OCI-Filters-Applied`). If not,
    /// the caller has to.
    pub filters_applied: bool,
}

/// Reads a page of referrers; `base` is where the request went.
pub fn page(head: &Head, body: &[u8], base: &Url) -> Result<Referrers, Error> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Index {
        media_type: Option<String>,
        manifests: Option<Vec<Descriptor>>,
    }
    expect(head, &[StatusCode::OK])?;
    let index: Index = json(head, body)?;
    if let Some(kind) = &index.media_type
        && !media_type::same(kind, media_type::OCI_INDEX)
    {
        return Err(invalid("the list of referrers is not an image index").status(head.status));
    }
    Ok(Referrers {
        items: index.manifests.unwrap_or_default(),
        next: link::next(head, base)?,
        filters_applied: filters_applied(head),
    })
}

fn filters_applied(head: &Head) -> bool {
    const FILTERS: HeaderName = HeaderName::from_static("oci-filters-applied");
    head.headers.get_all(FILTERS).iter().any(|value| {
        let filters = value.to_str().unwrap_or_default();
        filters
            .split(',')
            .any(|filter| filter.trim().eq_ignore_ascii_case("artifactType"))
    })
}

/// The tag that stands in for the referrers API ("Referrers Tag Schema"): the algorithm
/// cut to 32 characters, a dash, the hash cut to 64, with a dash for every character
/// that no tag may have.
pub fn fallback_tag(digest: &Digest) -> Tag {
    schema(digest.algorithm().as_str(), &digest.hex())
        .parse()
        .expect("a cut digest is a tag")
}

fn schema(algorithm: &str, encoded: &str) -> String {
    let cut = |part: &str, length| -> String {
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-');
        (part.chars().take(length))
            .map(|c| if legal(c) { c } else { '-' })
            .collect()
    };
    format!("{}-{}", cut(algorithm, 32), cut(encoded, 64))
}

#[cfg(test)]
mod tests {
    use super::super::testing::*;
    use super::*;
    use crate::digest::Algorithm;
    use crate::error::ErrorKind;
    use proptest::prelude::*;

    fn read(fields: &[(&str, &str)], body: &str) -> Result<Referrers, Error> {
        let base = url("https://registry.example/v2/me/repo/referrers/x");
        page(&answer(200, fields), body.as_bytes(), &base)
    }

    #[test]
    fn end_12() {
        let plain = list(&repository(), &some_digest(), None);
        let path = format!("GET /v2/me/repo/referrers/{}", some_digest());
        assert_eq!(line(&plain), path);
        let filtered = list(
            &repository(),
            &some_digest(),
            Some("application/vnd.example.sbom.v1+json"),
        );
        assert_eq!(
            line(&filtered),
            format!("{path}?artifactType=application%2Fvnd.example.sbom.v1%2Bjson")
        );
    }

    #[test]
    fn the_example_of_the_specification() {
        let body = format!(
            r#"{{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{{"mediaType": "application/vnd.oci.image.manifest.v1+json",
            "size": 1234, "digest": "{}", "artifactType": "application/vnd.example.sbom.v1",
            "annotations": {{"org.example.sbom.format": "json"}}}}]}}"#,
            some_digest()
        );
        let page = read(&[("OCI-Filters-Applied", "artifactType")], &body).unwrap();
        assert!(page.filters_applied);
        assert_eq!(page.next, None);
        let referrer = &page.items[0];
        assert_eq!(referrer.digest, some_digest());
        assert_eq!(
            referrer.artifact_type.as_deref(),
            Some("application/vnd.example.sbom.v1")
        );
        assert_eq!(referrer.annotation("org.example.sbom.format"), Some("json"));
    }

    #[test]
    fn filters_are_a_list_and_may_be_missing() {
        let empty = r#"{"schemaVersion":2,"manifests":[]}"#;
        for (fields, applied) in [
            (&[][..], false),
            (&[("OCI-Filters-Applied", "annotation, artifactType")], true),
            (&[("OCI-Filters-Applied", "annotation")], false),
        ] {
            assert_eq!(read(fields, empty).unwrap().filters_applied, applied);
        }
    }

    #[test]
    fn pages_are_linked() {
        let link = ("Link", "<?page=2>; rel=next");
        let page = read(&[link], r#"{"manifests":null}"#).unwrap();
        assert!(page.items.is_empty());
        assert_eq!(
            page.next.unwrap().as_str(),
            "https://registry.example/v2/me/repo/referrers/x?page=2"
        );
    }

    #[test]
    fn what_is_no_index_is_an_error() {
        for body in [
            "",
            "<html>",
            r#"{"manifests":[{"digest":"sha256:../.."}]}"#,
            r#"{"mediaType":"application/vnd.oci.image.manifest.v1+json","manifests":[]}"#,
        ] {
            assert_eq!(
                read(&[], body).unwrap_err().kind(),
                ErrorKind::InvalidResponse,
                "{body}"
            );
        }
        let base = url("https://registry.example/");
        let error = page(&answer(404, &[]), b"", &base).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
    }

    #[test]
    fn the_tag_schema_of_the_specification() {
        let a = "a".repeat(200);
        assert_eq!(schema("sha256", &a[..64]), format!("sha256-{}", &a[..64]));
        assert_eq!(schema("sha512", &a[..128]), format!("sha512-{}", &a[..64]));
        assert_eq!(
            schema(
                "test+algorithm+using+algorithm+separators+and+lots+of+characters+to+excercise+overall+truncation",
                "alsoSome=InTheEncodedSectionToShowHyphenReplacementAndLotsAndLotsOfCharactersToExcerciseEncodedTruncation"
            ),
            "test-algorithm-using-algorithm-s-alsoSome-InTheEncodedSectionToShowHyphenReplacementAndLotsAndLot"
        );
    }

    proptest! {
        #[test]
        fn every_digest_has_a_fallback_tag(content: Vec<u8>) {
            for algorithm in [Algorithm::Sha256, Algorithm::Sha384, Algorithm::Sha512] {
                let digest = Digest::with(algorithm, &content);
                let tag = fallback_tag(&digest).to_string();
                prop_assert_eq!(tag, format!("{algorithm}-{}", &digest.hex()[..64]));
            }
        }

        #[test]
        fn any_body_is_read_without_panic(body in "\\{\"manifests\":[ -~é]{0,40}\\}|[ -~]{0,40}") {
            let _ = read(&[], &body);
        }
    }
}
