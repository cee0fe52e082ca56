//! Category "Push": blobs.

use http::Method;
use ocirepo::digest::{Algorithm, Digest};
use url::Url;

use crate::client::{Answer, Client, OCTETS, ensure};
use crate::samples::noise;
use crate::{Case, Verdict};

const CHUNK: usize = 1024;
const LENGTH: usize = 3 * CHUNK - 5;

pub(crate) const CASES: &[Case] = &[
    Case {
        name: "upload-post-put",
        section: "POST then PUT",
        check: |client| client.push_blob(&noise("post-put", 512)).map(drop),
    },
    Case {
        name: "upload-post-put-sha512",
        section: "POST then PUT",
        check: |client| {
            let content = noise("post-put-sha512", 512);
            let digest = Digest::with(Algorithm::Sha512, &content);
            client.push_blob_as(&digest, &content)?;
            is_there(client, &digest, &content)
        },
    },
    Case {
        name: "upload-post-put-sha384",
        section: "POST then PUT",
        check: |client| {
            let content = noise("post-put-sha384", 512);
            let digest = Digest::with(Algorithm::Sha384, &content);
            client.push_blob_as(&digest, &content)?;
            is_there(client, &digest, &content)
        },
    },
    Case {
        name: "upload-post-put-bad-digest",
        section: "POST then PUT",
        check: |client| {
            let digest = Digest::of(b"something else");
            let upload = client.start_upload()?;
            let content = noise("post-put-bad-digest", 512);
            client
                .close_upload(&upload, &digest, &[OCTETS], &content)?
                .expect(&[400])?
                .code_is("DIGEST_INVALID")?;
            is_absent(client, &digest)
        },
    },
    Case {
        name: "upload-put-without-digest",
        section: "POST then PUT",
        check: |client| {
            let upload = client.start_upload()?;
            client
                .send(Method::PUT, &upload, &[OCTETS], b"content")?
                .expect(&[400])
                .map(drop)
        },
    },
    Case {
        name: "upload-single-post",
        section: "Single POST",
        check: |client| {
            let content = noise("single-post", 512);
            let digest = Digest::of(&content);
            let created = single_post(client, &digest, &content)?.expect(&[201])?;
            client
                .get(&created.location()?)?
                .expect(&[200])?
                .body_is(&content)
        },
    },
    Case {
        name: "upload-single-post-sha512",
        section: "Single POST",
        check: |client| {
            let content = noise("single-post-sha512", 512);
            let digest = Digest::with(Algorithm::Sha512, &content);
            single_post(client, &digest, &content)?.expect(&[201])?;
            is_there(client, &digest, &content)
        },
    },
    Case {
        name: "upload-single-post-bad-digest",
        section: "Single POST",
        check: |client| {
            let digest = Digest::of(b"something else");
            let content = noise("single-post-bad-digest", 512);
            single_post(client, &digest, &content)?.expect(&[400, 202])?;
            is_absent(client, &digest)
        },
    },
    Case {
        name: "upload-chunked",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("chunked", LENGTH);
            let upload = client.start_upload()?;
            let upload = patch_all(client, upload, &content)?;
            close(client, &upload, &Digest::of(&content), &content)
        },
    },
    Case {
        name: "upload-chunked-sha512",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("chunked-sha512", LENGTH);
            let digest = Digest::with(Algorithm::Sha512, &content);
            let upload = client.start_upload()?;
            let upload = patch_all(client, upload, &content)?;
            close(client, &upload, &digest, &content)
        },
    },
    Case {
        name: "upload-chunked-last-by-put",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("chunked-last-by-put", LENGTH);
            let digest = Digest::of(&content);
            let (front, last) = content.split_at(2 * CHUNK);
            let upload = client.start_upload()?;
            let upload = patch_all(client, upload, front)?;
            let range = format!("{}-{}", 2 * CHUNK, LENGTH - 1);
            client
                .close_upload(&upload, &digest, &[OCTETS, ("content-range", &range)], last)?
                .expect(&[201])?;
            is_there(client, &digest, &content)
        },
    },
    Case {
        name: "upload-chunked-bad-digest",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("chunked-bad-digest", LENGTH);
            let digest = Digest::of(b"something else");
            let upload = client.start_upload()?;
            let upload = patch_all(client, upload, &content)?;
            client
                .close_upload(&upload, &digest, &[], &[])?
                .expect(&[400])?;
            is_absent(client, &digest)
        },
    },
    Case {
        name: "upload-streamed",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("streamed", LENGTH);
            let upload = client.start_upload()?;
            let upload = client
                .send(Method::PATCH, &upload, &[OCTETS], &content)?
                .expect(&[202])?
                .location()?;
            close(client, &upload, &Digest::of(&content), &content)
        },
    },
    Case {
        name: "upload-chunk-ahead",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("chunk-ahead", LENGTH);
            let upload = client.start_upload()?;
            patch(client, &upload, &content, CHUNK..2 * CHUNK)?.expect(&[416])?;
            // The status tells where to go on, and going on works.
            let upload = client.get(&upload)?.expect(&[204])?.location()?;
            let upload = patch_all(client, upload, &content)?;
            close(client, &upload, &Digest::of(&content), &content)
        },
    },
    Case {
        name: "upload-chunk-again",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("chunk-again", LENGTH);
            let upload = client.start_upload()?;
            let upload = patch(client, &upload, &content, 0..CHUNK)?
                .expect(&[202])?
                .location()?;
            patch(client, &upload, &content, 0..CHUNK)?.expect(&[416])?;
            let answer = client.get(&upload)?.expect(&[204])?;
            answer.header_is("range", &format!("0-{}", CHUNK - 1))
        },
    },
    Case {
        name: "upload-last-chunk-ahead",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("last-chunk-ahead", 2 * CHUNK);
            let digest = Digest::of(&content);
            let upload = client.start_upload()?;
            let range = format!("{CHUNK}-{}", 2 * CHUNK - 1);
            client
                .close_upload(
                    &upload,
                    &digest,
                    &[OCTETS, ("content-range", &range)],
                    &content[CHUNK..],
                )?
                .expect(&[416])?;
            let upload = client.get(&upload)?.expect(&[204])?.location()?;
            let upload = patch_all(client, upload, &content)?;
            close(client, &upload, &digest, &content)
        },
    },
    Case {
        name: "upload-status",
        section: "Pushing a blob in chunks",
        check: |client| {
            let content = noise("status", LENGTH);
            let upload = client.start_upload()?;
            let upload = patch(client, &upload, &content, 0..CHUNK)?
                .expect(&[202])?
                .location()?;
            let answer = client.get(&upload)?.expect(&[204])?;
            answer.header_is("range", &format!("0-{}", CHUNK - 1))?;
            answer.location().map(drop)
        },
    },
    Case {
        name: "upload-unknown",
        section: "Pushing a blob in chunks",
        check: |client| {
            let upload = client.start_upload()?;
            client.delete(&upload)?.expect(&[204])?;
            client
                .send(Method::PATCH, &upload, &[OCTETS], b"late")?
                .expect(&[404])?
                .code_is("BLOB_UPLOAD_UNKNOWN")
        },
    },
    Case {
        name: "upload-cancel",
        section: "Cancel a blob upload",
        check: |client| {
            let upload = client.start_upload()?;
            client.delete(&upload)?.expect(&[204])?;
            client.get(&upload)?.expect(&[404]).map(drop)
        },
    },
    Case {
        name: "mount",
        section: "Mounting a blob from another repository",
        check: |client| {
            let (digest, content) = push_to_other(client, "mount")?;
            let from = client.other();
            let created = mount(client, &digest, Some(&from))?.expect(&[201])?;
            client
                .get(&created.location()?)?
                .expect(&[200])?
                .body_is(&content)
        },
    },
    Case {
        name: "mount-without-from",
        section: "Mounting a blob from another repository",
        check: |client| {
            let (digest, content) = push_to_other(client, "mount-without-from")?;
            let created = mount(client, &digest, None)?.expect(&[201])?;
            client
                .get(&created.location()?)?
                .expect(&[200])?
                .body_is(&content)
        },
    },
    Case {
        name: "mount-sha512",
        section: "Mounting a blob from another repository",
        check: |client| {
            let content = noise("mount-sha512", 512);
            let digest = Digest::with(Algorithm::Sha512, &content);
            let from = client.other();
            let url = client.url_in(&from, "blobs/uploads/");
            let upload = client
                .send(Method::POST, &url, &[], &[])?
                .expect(&[202])?
                .location()?;
            client
                .close_upload(&upload, &digest, &[OCTETS], &content)?
                .expect(&[201])?;
            mount(client, &digest, Some(&from))?.expect(&[201])?;
            is_there(client, &digest, &content)
        },
    },
    Case {
        name: "mount-missing",
        section: "Mounting a blob from another repository",
        check: |client| {
            let content = noise("mount-missing", 512);
            let digest = Digest::of(&content);
            push_to_other(client, "mount-missing: another")?;
            let from = client.other();
            let upload = mount(client, &digest, Some(&from))?
                .expect(&[202])?
                .location()?;
            close_with(client, &upload, &digest, &content)
        },
    },
];

fn single_post(client: &mut Client<'_>, digest: &Digest, content: &[u8]) -> Result<Answer, String> {
    let mut url = client.url("blobs/uploads/");
    url.query_pairs_mut()
        .append_pair("digest", &digest.to_string());
    client.send(Method::POST, &url, &[OCTETS], content)
}

fn patch(
    client: &mut Client<'_>,
    upload: &Url,
    content: &[u8],
    range: std::ops::Range<usize>,
) -> Result<Answer, String> {
    let header = format!("{}-{}", range.start, range.end - 1);
    let headers = [OCTETS, ("content-range", header.as_str())];
    client.send(Method::PATCH, upload, &headers, &content[range])
}

/// Sends all the content in chunks; gives the URL to close the upload at.
fn patch_all(client: &mut Client<'_>, mut upload: Url, content: &[u8]) -> Result<Url, String> {
    for start in (0..content.len()).step_by(CHUNK) {
        let end = content.len().min(start + CHUNK);
        let answer = patch(client, &upload, content, start..end)?.expect(&[202])?;
        answer.header_is("range", &format!("0-{}", end - 1))?;
        upload = answer.location()?;
    }
    Ok(upload)
}

fn close(client: &mut Client<'_>, upload: &Url, digest: &Digest, content: &[u8]) -> Verdict {
    client
        .close_upload(upload, digest, &[], &[])?
        .expect(&[201])?;
    is_there(client, digest, content)
}

fn close_with(client: &mut Client<'_>, upload: &Url, digest: &Digest, content: &[u8]) -> Verdict {
    client
        .close_upload(upload, digest, &[OCTETS], content)?
        .expect(&[201])?;
    is_there(client, digest, content)
}

fn is_there(client: &mut Client<'_>, digest: &Digest, content: &[u8]) -> Verdict {
    let url = client.url(&format!("blobs/{digest}"));
    client.get(&url)?.expect(&[200])?.body_is(content)
}

fn is_absent(client: &mut Client<'_>, digest: &Digest) -> Verdict {
    let url = client.url(&format!("blobs/{digest}"));
    let answer = client.head(&url)?;
    ensure(answer.status == 404, || {
        format!("{url} is there, status {}", answer.status)
    })
}

fn push_to_other(client: &mut Client<'_>, seed: &str) -> Result<(Digest, Vec<u8>), String> {
    let content = noise(seed, 512);
    let digest = Digest::of(&content);
    let other = client.other();
    let url = client.url_in(&other, "blobs/uploads/");
    let upload = client
        .send(Method::POST, &url, &[], &[])?
        .expect(&[202])?
        .location()?;
    client
        .close_upload(&upload, &digest, &[OCTETS], &content)?
        .expect(&[201])?;
    Ok((digest, content))
}

fn mount(client: &mut Client<'_>, digest: &Digest, from: Option<&str>) -> Result<Answer, String> {
    let mut url = client.url("blobs/uploads/");
    url.query_pairs_mut()
        .append_pair("mount", &digest.to_string());
    if let Some(from) = from {
        url.query_pairs_mut().append_pair("from", from);
    }
    client.send(Method::POST, &url, &[], &[])
}
