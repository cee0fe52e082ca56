//! Category "Content Discovery".

use ocirepo::digest::Digest;
use serde_json::{Value, json};
use url::Url;

use crate::client::{Client, ensure};
use crate::samples::{EMPTY, INDEX, KIND, MANIFEST, bytes, descriptor, index};
use crate::{Case, Verdict};

const OTHER_KIND: &str = "application/vnd.example.other.v1";

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "tags",
        section: "Listing Tags",
        check: |client| {
            push_tags(
                client,
                &["beta", "9", "a", "alpha", "gamma", "10", "Z", "_"],
            )?;
            let (tags, _) = list(client, "")?;
            let mut sorted = tags.clone();
            sorted.sort();
            // ASCII order, or the lexical order of case-insensitive letters.
            let mut lexical = tags.clone();
            lexical.sort_by_key(|tag| tag.to_lowercase());
            ensure(
                tags.len() == 8 && (tags == sorted || tags == lexical),
                || format!("{tags:?}"),
            )
        },
    },
    Case {
        name: "tags-of-nothing",
        section: "Listing Tags",
        check: |client| {
            let url = client.url("tags/list");
            client.get(&url)?.expect(&[404])?.code_is("NAME_UNKNOWN")
        },
    },
    Case {
        name: "tags-never-tagged",
        section: "Listing Tags",
        check: |client| {
            client.push_image("never-tagged")?;
            let (tags, next) = list(client, "")?;
            ensure(tags.is_empty() && next.is_none(), || format!("{tags:?}"))
        },
    },
    Case {
        name: "tags-all-deleted",
        section: "Listing Tags",
        check: |client| {
            let raw = bytes(&client.prepare_image("all-deleted")?);
            client.push_manifest("tag", MANIFEST, &raw)?;
            let url = client.url(&format!("manifests/{}", Digest::of(&raw)));
            client.delete(&url)?.expect(&[202])?;
            let (tags, _) = list(client, "")?;
            ensure(tags.is_empty(), || format!("{tags:?}"))
        },
    },
    Case {
        name: "tags-n",
        section: "Listing Tags",
        check: |client| {
            push_tags(client, &["a", "b", "c"])?;
            let (tags, next) = list(client, "?n=2")?;
            ensure(tags == ["a", "b"], || format!("n=2 gives {tags:?}"))?;
            let next = next.ok_or("no Link to the next page")?;
            let answer = client.get(&next)?.expect(&[200])?;
            let rest = answer.json()?;
            ensure(rest["tags"] == json!(["c"]), || {
                format!("the next page is {rest}")
            })?;
            ensure(answer.next().is_none(), || "a page too many".to_owned())
        },
    },
    Case {
        name: "tags-n-0",
        section: "Listing Tags",
        check: |client| {
            push_tags(client, &["a"])?;
            let (tags, next) = list(client, "?n=0")?;
            ensure(tags.is_empty(), || format!("n=0 gives {tags:?}"))?;
            ensure(next.is_none(), || "n=0 has a next page".to_owned())
        },
    },
    Case {
        name: "tags-last",
        section: "Listing Tags",
        check: |client| {
            push_tags(client, &["a", "b", "c"])?;
            let (tags, _) = list(client, "?last=a")?;
            ensure(tags == ["b", "c"], || format!("last=a gives {tags:?}"))?;
            let (tags, _) = list(client, "?n=1&last=a")?;
            ensure(tags == ["b"], || format!("n=1&last=a gives {tags:?}"))?;
            // The tag named need not exist.
            let (tags, _) = list(client, "?last=aa")?;
            ensure(tags == ["b", "c"], || format!("last=aa gives {tags:?}"))
        },
    },
    Case {
        name: "referrers-of-nothing",
        section: "Listing Referrers",
        check: |client| {
            let referrers = referrers(client, &Digest::of(b"nothing"), "")?;
            ensure(referrers == json!([]), || referrers.to_string())
        },
    },
    Case {
        name: "referrers-invalid-digest",
        section: "Listing Referrers",
        check: |client| {
            let url = client.url("referrers/sha256:baddigeststring");
            client.get(&url)?.expect(&[400]).map(drop)
        },
    },
    Case {
        name: "referrers",
        section: "Listing Referrers",
        check: |client| {
            let raw = client.push_image("referrers")?;
            let subject = descriptor(MANIFEST, &raw);
            let typed = client.push_referrer(&subject, Some(KIND), "typed")?;
            let untyped = client.push_referrer(&subject, None, "untyped")?;
            let mut as_index = index(&[]);
            as_index["subject"] = subject;
            let as_index = bytes(&as_index);
            client.push_manifest(&Digest::of(&as_index).to_string(), INDEX, &as_index)?;

            let found = referrers(client, &Digest::of(&raw), "")?;
            let referrer = |raw: &[u8], kind: &str, seed: &str| {
                let mut referrer = descriptor(MANIFEST, raw);
                referrer["artifactType"] = json!(kind);
                referrer["annotations"] = json!({ "org.example.seed": seed });
                referrer
            };
            // Without a type of its own an image is told by its config, an index not at all.
            contains(&found, &referrer(&typed, KIND, "typed"))?;
            contains(&found, &referrer(&untyped, EMPTY, "untyped"))?;
            contains(&found, &descriptor(INDEX, &as_index))?;
            ensure(found.as_array().is_some_and(|all| all.len() == 3), || {
                found.to_string()
            })
        },
    },
    Case {
        name: "referrers-of-a-missing-subject",
        section: "Listing Referrers",
        check: |client| {
            let subject = descriptor(MANIFEST, b"missing");
            let raw = client.push_referrer(&subject, Some(KIND), "missing")?;
            let found = referrers(client, &Digest::of(b"missing"), "")?;
            ensure(found[0]["digest"] == json!(Digest::of(&raw)), || {
                found.to_string()
            })
        },
    },
    Case {
        name: "referrers-filter",
        section: "Listing Referrers",
        check: |client| {
            let subject = descriptor(MANIFEST, b"filtered");
            client.push_referrer(&subject, Some(KIND), "one")?;
            client.push_referrer(&subject, Some(OTHER_KIND), "two")?;
            let path = format!("referrers/{}", Digest::of(b"filtered"));
            let mut url = client.url(&path);
            url.query_pairs_mut().append_pair("artifactType", KIND);
            let answer = client.get(&url)?.expect(&[200])?;
            answer.header_is("oci-filters-applied", "artifactType")?;
            let found = answer.json()?["manifests"].clone();
            ensure(
                found.as_array().is_some_and(|all| all.len() == 1)
                    && found[0]["artifactType"] == KIND,
                || found.to_string(),
            )
        },
    },
    Case {
        name: "referrers-after-deletion",
        section: "Listing Referrers",
        check: |client| {
            let subject = descriptor(MANIFEST, b"left alone");
            let raw = client.push_referrer(&subject, Some(KIND), "gone")?;
            let url = client.url(&format!("manifests/{}", Digest::of(&raw)));
            client.delete(&url)?.expect(&[202])?;
            let found = referrers(client, &Digest::of(b"left alone"), "")?;
            ensure(found == json!([]), || found.to_string())
        },
    },
];

fn push_tags(client: &mut Client<'_>, tags: &[&str]) -> Verdict {
    let raw = bytes(&client.prepare_image("tags")?);
    for tag in tags {
        client.push_manifest(tag, MANIFEST, &raw)?;
    }
    Ok(())
}

/// One page of tags, and where the next is.
fn list(client: &mut Client<'_>, query: &str) -> Result<(Vec<String>, Option<Url>), String> {
    let url = client.url(&format!("tags/list{query}"));
    let answer = client.get(&url)?.expect(&[200])?;
    let body = answer.json()?;
    ensure(body["name"] == client.name(), || body.to_string())?;
    let tags = body["tags"]
        .as_array()
        .ok_or_else(|| format!("tags is {}", body["tags"]))?
        .iter()
        .filter_map(|tag| tag.as_str().map(str::to_owned))
        .collect();
    Ok((tags, answer.next()))
}

/// The descriptors of an index that is well-formed.
fn referrers(client: &mut Client<'_>, subject: &Digest, query: &str) -> Result<Value, String> {
    let url = client.url(&format!("referrers/{subject}{query}"));
    let answer = client.get(&url)?.expect(&[200])?;
    answer.header_is("content-type", INDEX)?;
    let body = answer.json()?;
    ensure(
        body["schemaVersion"] == 2 && body["mediaType"] == INDEX,
        || body.to_string(),
    )?;
    Ok(body["manifests"].clone())
}

fn contains(list: &Value, wanted: &Value) -> Verdict {
    let found = list.as_array().is_some_and(|list| list.contains(wanted));
    ensure(found, || format!("{wanted} is not in {list}"))
}
