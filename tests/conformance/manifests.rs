//! Category "Push": manifests.

use http::Method;
use ocirepo::digest::{Algorithm, Digest};
use serde_json::{Value, json};

use crate::client::{Client, ensure};
use crate::samples::{
    CONFIG, EMPTY, INDEX, KIND, LAYER, MANIFEST, bytes, descriptor, descriptor_with, image, index,
    noise,
};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "manifest-put-by-tag",
        section: "Pushing Manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("put-by-tag")?);
            let created = client.push_manifest("v1.0_x", MANIFEST, &raw)?;
            created.header_is("docker-content-digest", &Digest::of(&raw).to_string())
        },
    },
    Case {
        name: "manifest-put-verbatim",
        section: "Pushing Manifests",
        check: |client| {
            let document = client.prepare_image("put-verbatim")?;
            let raw = format!("\n{document:#}  \n").into_bytes();
            push(client, MANIFEST, &raw)
        },
    },
    Case {
        name: "manifest-put-replaces-the-tag",
        section: "Pushing Manifests",
        check: |client| {
            let old = bytes(&client.prepare_image("replaced")?);
            let new = bytes(&client.prepare_image("replacing")?);
            client.push_manifest("tag", MANIFEST, &old)?;
            client.push_manifest("tag", MANIFEST, &new)?;
            resolves(client, "tag", MANIFEST, &new)?;
            resolves(client, &Digest::of(&old).to_string(), MANIFEST, &old)
        },
    },
    Case {
        name: "manifest-put-bad-digest",
        section: "Pushing Manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("bad-digest")?);
            let url = client.url(&format!("manifests/{}", Digest::of(b"something else")));
            client
                .send(Method::PUT, &url, &[("content-type", MANIFEST)], &raw)?
                .expect(&[400])?
                .code_is("DIGEST_INVALID")
        },
    },
    Case {
        name: "manifest-put-invalid-digest",
        section: "Pushing Manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("invalid-digest")?);
            let url = client.url("manifests/sha256:baddigeststring");
            client
                .send(Method::PUT, &url, &[("content-type", MANIFEST)], &raw)?
                .expect(&[400])
                .map(drop)
        },
    },
    Case {
        name: "manifest-put-no-manifest",
        section: "Pushing Manifests",
        check: |client| {
            let url = client.url("manifests/tag");
            client
                .send(Method::PUT, &url, &[("content-type", MANIFEST)], b"no JSON")?
                .expect(&[400])?
                .code_is("MANIFEST_INVALID")
        },
    },
    Case {
        name: "manifest-put-sha512",
        section: "Pushing Manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("put-sha512")?);
            let digest = Digest::with(Algorithm::Sha512, &raw).to_string();
            let created = client.push_manifest(&digest, MANIFEST, &raw)?;
            created.header_is("docker-content-digest", &digest)?;
            resolves(client, &digest, MANIFEST, &raw)
        },
    },
    Case {
        name: "manifest-put-index-by-sha512",
        section: "Pushing Manifests",
        check: |client| {
            let algorithm = Algorithm::Sha512;
            let raw = bytes(&client.prepare_image("index-by-sha512")?);
            let digest = Digest::with(algorithm, &raw).to_string();
            client.push_manifest(&digest, MANIFEST, &raw)?;
            let raw = bytes(&index(&[descriptor_with(algorithm, MANIFEST, &raw)]));
            let digest = Digest::with(algorithm, &raw).to_string();
            client.push_manifest(&digest, INDEX, &raw).map(drop)
        },
    },
    Case {
        name: "manifest-put-tag-parameters",
        section: "Pushing Manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("tag-parameters")?);
            tag_by_parameters(client, &Digest::of(&raw), &raw)
        },
    },
    Case {
        name: "manifest-put-tag-parameters-sha512",
        section: "Pushing Manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("tag-parameters-sha512")?);
            tag_by_parameters(client, &Digest::with(Algorithm::Sha512, &raw), &raw)
        },
    },
    Case {
        name: "manifest-put-large",
        section: "Pushing Manifests",
        check: |client| put_padded(client, 3_900_000),
    },
    Case {
        name: "manifest-put-4-mib",
        section: "Pushing Manifests",
        check: |client| put_padded(client, 4 << 20),
    },
    Case {
        name: "manifest-put-no-layers",
        section: "Pushing Manifests",
        check: |client| {
            client.push_blob(b"{}")?;
            push(
                client,
                MANIFEST,
                &bytes(&image(&descriptor(CONFIG, b"{}"), &[])),
            )
        },
    },
    Case {
        name: "manifest-put-artifact",
        section: "Pushing Manifests",
        check: |client| {
            client.push_blob(b"{}")?;
            let layer = noise("artifact", 200);
            client.push_blob(&layer)?;
            let mut artifact = image(&descriptor(EMPTY, b"{}"), &[descriptor(KIND, &layer)]);
            artifact["artifactType"] = json!(KIND);
            push(client, MANIFEST, &bytes(&artifact))
        },
    },
    Case {
        name: "manifest-put-data-field",
        section: "Pushing Manifests",
        check: |client| {
            client.push_blob(b"{}")?;
            let mut config = descriptor(EMPTY, b"{}");
            config["data"] = json!("e30=");
            push(client, MANIFEST, &bytes(&image(&config, &[])))
        },
    },
    Case {
        name: "manifest-put-unknown-fields",
        section: "Pushing Manifests",
        check: |client| {
            let mut document = client.prepare_image("unknown-fields")?;
            document["org.example.field"] = json!({ "any": ["thing"] });
            document["config"]["org.example.field"] = json!(1);
            push(client, MANIFEST, &bytes(&document))
        },
    },
    Case {
        name: "manifest-put-layers-elsewhere",
        section: "Pushing Manifests",
        check: |client| {
            client.push_blob(b"{}")?;
            let kind = "application/vnd.oci.image.layer.nondistributable.v1.tar";
            let mut layer = descriptor(kind, b"elsewhere");
            layer["urls"] = json!(["https://store.example.com/layer"]);
            let document = image(&descriptor(CONFIG, b"{}"), &[layer]);
            push(client, MANIFEST, &bytes(&document))
        },
    },
    Case {
        name: "manifest-put-index",
        section: "Pushing Manifests",
        check: |client| {
            let raw = push_index(client, &["one", "two"])?;
            client.push_manifest("tag", INDEX, &raw)?;
            resolves(client, "tag", INDEX, &raw)
        },
    },
    Case {
        name: "manifest-put-index-of-indexes",
        section: "Pushing Manifests",
        check: |client| {
            let one = push_index(client, &["three"])?;
            let two = push_index(client, &["four"])?;
            let document = index(&[descriptor(INDEX, &one), descriptor(INDEX, &two)]);
            push(client, INDEX, &bytes(&document))
        },
    },
    Case {
        name: "manifest-put-empty-index",
        section: "Pushing Manifests",
        check: |client| push(client, INDEX, &bytes(&index(&[]))),
    },
    Case {
        name: "manifest-put-artifact-index",
        section: "Pushing Manifests",
        check: |client| {
            let raw = client.push_image("artifact-index")?;
            let mut document = index(&[descriptor(MANIFEST, &raw)]);
            document["artifactType"] = json!(KIND);
            push(client, INDEX, &bytes(&document))
        },
    },
    Case {
        name: "manifest-put-sparse-image",
        section: "Pushing Manifests",
        check: |client| {
            client.push_blob(b"{}")?;
            let layers = [descriptor(LAYER, b"never pushed")];
            let document = image(&descriptor(CONFIG, b"{}"), &layers);
            push(client, MANIFEST, &bytes(&document))
        },
    },
    Case {
        name: "manifest-put-sparse-index",
        section: "Pushing Manifests",
        check: |client| {
            let document = index(&[descriptor(MANIFEST, b"never pushed")]);
            push(client, INDEX, &bytes(&document))
        },
    },
    Case {
        name: "manifest-put-subject",
        section: "Pushing Manifests with Subject",
        check: |client| {
            let subject = client.push_image("subject")?;
            put_subject(client, &descriptor(MANIFEST, &subject))
        },
    },
    Case {
        name: "manifest-put-missing-subject",
        section: "Pushing Manifests with Subject",
        check: |client| put_subject(client, &descriptor(MANIFEST, b"missing content")),
    },
];

/// Pushes a manifest by its digest.
fn push(client: &mut Client<'_>, media_type: &str, raw: &[u8]) -> Verdict {
    let digest = Digest::of(raw).to_string();
    let created = client.push_manifest(&digest, media_type, raw)?;
    created.header_is("docker-content-digest", &digest)?;
    resolves(client, &digest, media_type, raw)
}

fn resolves(client: &mut Client<'_>, reference: &str, media_type: &str, raw: &[u8]) -> Verdict {
    let url = client.url(&format!("manifests/{reference}"));
    client
        .send(Method::GET, &url, &[("accept", media_type)], &[])?
        .expect(&[200])?
        .body_is(raw)
}

/// Pushes one image a seed, and an index of them by digest.
fn push_index(client: &mut Client<'_>, seeds: &[&str]) -> Result<Vec<u8>, String> {
    let mut manifests: Vec<Value> = Vec::new();
    for seed in seeds {
        let raw = client.push_image(seed)?;
        let mut manifest = descriptor(MANIFEST, &raw);
        manifest["platform"] = json!({ "architecture": "amd64", "os": "linux" });
        manifests.push(manifest);
    }
    let raw = bytes(&index(&manifests));
    push(client, INDEX, &raw)?;
    Ok(raw)
}

fn tag_by_parameters(client: &mut Client<'_>, digest: &Digest, raw: &[u8]) -> Verdict {
    let mut url = client.url(&format!("manifests/{digest}"));
    url.query_pairs_mut()
        .append_pair("tag", "one")
        .append_pair("tag", "two");
    let created = client
        .send(Method::PUT, &url, &[("content-type", MANIFEST)], raw)?
        .expect(&[201])?;
    let told: Vec<_> = created
        .headers
        .get_all("oci-tag")
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .collect();
    ensure(told == ["one", "two"], || {
        format!("OCI-Tag tells {told:?}, not one and two")
    })?;
    for tag in ["one", "two"] {
        resolves(client, tag, MANIFEST, raw)?;
        let url = client.url(&format!("manifests/{tag}"));
        let answer = client.send(Method::HEAD, &url, &[("accept", MANIFEST)], &[])?;
        answer.header_is("docker-content-digest", &digest.to_string())?;
    }
    Ok(())
}

/// Pushes a manifest of so many bytes.
fn put_padded(client: &mut Client<'_>, length: usize) -> Verdict {
    let mut document = client.prepare_image("padded")?;
    document["annotations"] = json!({ "org.example.padding": "" });
    let padding = length - bytes(&document).len();
    document["annotations"] = json!({ "org.example.padding": "A".repeat(padding) });
    push(client, MANIFEST, &bytes(&document))
}

fn put_subject(client: &mut Client<'_>, subject: &Value) -> Verdict {
    client.push_blob(b"{}")?;
    let mut artifact = image(&descriptor(EMPTY, b"{}"), &[]);
    artifact["artifactType"] = json!(KIND);
    artifact["subject"] = subject.clone();
    let raw = bytes(&artifact);
    let created = client.push_manifest(&Digest::of(&raw).to_string(), MANIFEST, &raw)?;
    let digest = subject["digest"].as_str().unwrap_or_default();
    created.header_is("oci-subject", digest)
}
