//! Category "Pull".

use http::Method;
use ocirepo::digest::Digest;

use crate::client::Client;
use crate::samples::{MANIFEST, bytes, noise};
use crate::{Case, Verdict};

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "support",
        section: "Determining Support",
        check: |client| {
            let root = client.root();
            client.get(&root)?.expect(&[200]).map(drop)
        },
    },
    Case {
        name: "blob-get",
        section: "Pulling blobs",
        check: |client| get_blob(client, &noise("blob-get", 512)),
    },
    Case {
        name: "blob-get-empty",
        section: "Pulling blobs",
        check: |client| get_blob(client, b""),
    },
    Case {
        name: "blob-get-empty-object",
        section: "Pulling blobs",
        check: |client| get_blob(client, b"{}"),
    },
    Case {
        name: "blob-head",
        section: "Checking if content exists in the registry",
        check: |client| {
            let content = noise("blob-head", 512);
            let digest = client.push_blob(&content)?;
            let url = client.url(&format!("blobs/{digest}"));
            let answer = client.head(&url)?.expect(&[200])?;
            answer.header_is("content-length", "512")?;
            answer.header_is("docker-content-digest", &digest.to_string())
        },
    },
    Case {
        name: "blob-missing",
        section: "Pulling blobs",
        check: |client| {
            client.push_blob(b"another")?;
            let url = client.url(&format!("blobs/{}", Digest::of(b"missing")));
            client.head(&url)?.expect(&[404])?;
            client.get(&url)?.expect(&[404])?.code_is("BLOB_UNKNOWN")
        },
    },
    Case {
        name: "blob-of-another-repository",
        section: "Pulling blobs",
        check: |client| {
            let digest = client.push_blob(b"here, not there")?;
            let other = client.other();
            let url = client.url_in(&other, &format!("blobs/{digest}"));
            client.get(&url)?.expect(&[404]).map(drop)
        },
    },
    Case {
        name: "blob-range",
        section: "Pulling blobs",
        check: |client| {
            let content = noise("blob-range", 2048);
            let digest = client.push_blob(&content)?;
            for (range, first, last) in [
                ("bytes=0-0", 0, 0),
                ("bytes=500-1499", 500, 1499),
                ("bytes=500-", 500, 2047),
                ("bytes=-500", 1548, 2047),
                ("bytes=2000-5000", 2000, 2047),
            ] {
                let answer = get_range(client, &digest, range)?.expect(&[206])?;
                answer.body_is(&content[first..=last])?;
                answer.header_is("content-range", &format!("bytes {first}-{last}/2048"))?;
                answer.header_is("content-length", &(last - first + 1).to_string())?;
            }
            Ok(())
        },
    },
    Case {
        name: "blob-range-past-the-end",
        section: "Pulling blobs",
        check: |client| {
            let digest = client.push_blob(&noise("blob-range-past-the-end", 2048))?;
            get_range(client, &digest, "bytes=5000-10000")?
                .expect(&[416])
                .map(drop)
        },
    },
    Case {
        name: "blob-range-backwards",
        section: "Pulling blobs",
        check: |client| {
            let digest = client.push_blob(&noise("blob-range-backwards", 2048))?;
            get_range(client, &digest, "bytes=500-0")?
                .expect(&[416])
                .map(drop)
        },
    },
    Case {
        name: "manifest-get",
        section: "Pulling manifests",
        check: |client| {
            let raw = bytes(&client.prepare_image("manifest-get")?);
            client.push_manifest("tag", MANIFEST, &raw)?;
            let digest = Digest::of(&raw).to_string();
            for reference in ["tag", &digest] {
                for method in [Method::GET, Method::HEAD] {
                    let url = client.url(&format!("manifests/{reference}"));
                    let is_get = method == Method::GET;
                    let answer = client
                        .send(method, &url, &[("accept", MANIFEST)], &[])?
                        .expect(&[200])?;
                    answer.header_is("content-type", MANIFEST)?;
                    answer.header_is("content-length", &raw.len().to_string())?;
                    answer.header_is("docker-content-digest", &digest)?;
                    if is_get {
                        answer.body_is(&raw)?;
                    }
                }
            }
            Ok(())
        },
    },
    Case {
        name: "manifest-get-without-accept",
        section: "Pulling manifests",
        check: |client| {
            let raw = client.push_image("manifest-get-without-accept")?;
            let url = client.url(&format!("manifests/{}", Digest::of(&raw)));
            client.get(&url)?.expect(&[200])?.body_is(&raw)
        },
    },
    Case {
        name: "manifest-missing",
        section: "Pulling manifests",
        check: |client| {
            client.push_image("manifest-missing")?;
            let digest = Digest::of(b"missing").to_string();
            for reference in ["missing", &digest] {
                let url = client.url(&format!("manifests/{reference}"));
                client.head(&url)?.expect(&[404])?;
                let answer = client.get(&url)?.expect(&[404])?;
                answer.code_is("MANIFEST_UNKNOWN")?;
            }
            Ok(())
        },
    },
    Case {
        name: "repository-missing",
        section: "Pulling manifests",
        check: |client| {
            let url = client.url("manifests/latest");
            client.get(&url)?.expect(&[404]).map(drop)
        },
    },
    Case {
        name: "manifest-get-invalid-digest",
        section: "Pulling manifests",
        check: |client| {
            let url = client.url("manifests/sha256:baddigeststring");
            client.get(&url)?.expect(&[400, 404]).map(drop)
        },
    },
];

fn get_blob(client: &mut Client<'_>, content: &[u8]) -> Verdict {
    let digest = client.push_blob(content)?;
    let url = client.url(&format!("blobs/{digest}"));
    let answer = client.get(&url)?.expect(&[200])?;
    answer.body_is(content)?;
    answer.header_is("content-length", &content.len().to_string())?;
    answer.header_is("docker-content-digest", &digest.to_string())
}

fn get_range(
    client: &mut Client<'_>,
    digest: &Digest,
    range: &str,
) -> Result<crate::client::Answer, String> {
    let url = client.url(&format!("blobs/{digest}"));
    client.send(Method::GET, &url, &[("range", range)], &[])
}
