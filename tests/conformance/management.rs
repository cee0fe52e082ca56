//! Category "Content Management".

use http::Method;
use ocirepo::digest::Digest;
use url::Url;

use crate::client::Client;
use crate::samples::{MANIFEST, bytes};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "delete-tag",
        section: "Deleting tags",
        check: |client| {
            let raw = bytes(&client.prepare_image("delete-tag")?);
            client.push_manifest("gone", MANIFEST, &raw)?;
            client.push_manifest("kept", MANIFEST, &raw)?;
            let gone = client.url("manifests/gone");
            client.delete(&gone)?.expect(&[202])?;
            status(client, &gone, 404)?;
            let kept = client.url("manifests/kept");
            status(client, &kept, 200)?;
            let manifest = client.url(&format!("manifests/{}", Digest::of(&raw)));
            status(client, &manifest, 200)
        },
    },
    Case {
        name: "delete-tag-missing",
        section: "Deleting tags",
        check: |client| {
            client.push_image("delete-tag-missing")?;
            let url = client.url("manifests/missing");
            client.delete(&url)?.expect(&[404]).map(drop)
        },
    },
    Case {
        name: "delete-manifest",
        section: "Deleting Manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("delete-manifest")?);
            client.push_manifest("one", MANIFEST, &raw)?;
            client.push_manifest("two", MANIFEST, &raw)?;
            let url = client.url(&format!("manifests/{}", Digest::of(&raw)));
            client.delete(&url)?.expect(&[202])?;
            status(client, &url, 404)?;
            for tag in ["one", "two"] {
                let url = client.url(&format!("manifests/{tag}"));
                status(client, &url, 404)?;
            }
            Ok(())
        },
    },
    Case {
        name: "delete-manifest-missing",
        section: "Deleting Manifests",
        check: |client| {
            client.push_image("delete-manifest-missing")?;
            let url = client.url(&format!("manifests/{}", Digest::of(b"missing")));
            client.delete(&url)?.expect(&[404]).map(drop)
        },
    },
    Case {
        name: "delete-manifest-of-nothing",
        section: "Deleting Manifests",
        check: |client| {
            let url = client.url(&format!("manifests/{}", Digest::of(b"missing")));
            client.delete(&url)?.expect(&[404]).map(drop)
        },
    },
    Case {
        name: "delete-blob",
        section: "Deleting Blobs",
        check: |client| {
            let digest = client.push_blob(b"to be deleted")?;
            let url = client.url(&format!("blobs/{digest}"));
            client.delete(&url)?.expect(&[202])?;
            status(client, &url, 404)
        },
    },
    Case {
        name: "delete-blob-missing",
        section: "Deleting Blobs",
        check: |client| {
            client.push_blob(b"another")?;
            let url = client.url(&format!("blobs/{}", Digest::of(b"missing")));
            client.delete(&url)?.expect(&[404]).map(drop)
        },
    },
    Case {
        name: "delete-blob-here-only",
        section: "Deleting Blobs",
        check: |client| {
            let digest = client.push_blob(b"held twice")?;
            let other = client.other();
            let url = client.url_in(
                &other,
                &format!("blobs/uploads/?mount={digest}&from={}", client.name()),
            );
            client.send(Method::POST, &url, &[], &[])?.expect(&[201])?;
            let here = client.url(&format!("blobs/{digest}"));
            client.delete(&here)?.expect(&[202])?;
            status(client, &here, 404)?;
            let there = client.url_in(&other, &format!("blobs/{digest}"));
            status(client, &there, 200)
        },
    },
    Case {
        name: "method-unsupported",
        section: "Error Codes",
        check: |client| {
            let url = client.url("tags/list");
            client
                .send(Method::PUT, &url, &[], &[])?
                .expect(&[405])
                .map(drop)
        },
    },
];

fn status(client: &mut Client<'_>, url: &Url, wanted: u16) -> Verdict {
    client
        .send(Method::HEAD, url, &[("accept", MANIFEST)], &[])?
        .expect(&[wanted])
        .map(drop)
}
