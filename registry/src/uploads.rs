//! Blob uploads: end-4 (start, or all in one), end-5 (chunk), end-6 (close),
//! end-11 (mount), end-13 (status) and end-14 (cancel).

use std::collections::BTreeMap;

use bytes::{Bytes, BytesMut};
use http::header::{CONTENT_RANGE, LOCATION, RANGE};
use http::{Method, StatusCode};
use ocirepo::digest::{Algorithm, Digest, Hasher};

use crate::error::{Code, Refusal};
use crate::names::{DOCKER_CONTENT_DIGEST, DOCKER_UPLOAD_UUID, OCI_CHUNK_MIN_LENGTH};
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::Ask;
use crate::router::{check_name, parse_digest};
use crate::script::Quirk;

/// The uploads that were started and not closed, by identifier.
pub(crate) type Uploads = BTreeMap<String, Upload>;

/// One upload: its pieces as they came, hashed on the way.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    repository: String,
    pieces: Vec<Bytes>,
    length: u64,
    hasher: Hasher,
    /// A piece under the minimum came, so it must have been the last.
    short: bool,
    /// When it was last written to, in Unix seconds.
    touched: u64,
}

impl Upload {
    fn new(repository: &str, algorithm: Algorithm, now: u64) -> Self {
        Self {
            repository: repository.to_owned(),
            pieces: Vec::new(),
            length: 0,
            hasher: Hasher::new(algorithm),
            short: false,
            touched: now,
        }
    }

    fn append(&mut self, piece: Bytes) {
        self.hasher.update(&piece);
        self.length = self.length.saturating_add(piece.len() as u64);
        if !piece.is_empty() {
            self.pieces.push(piece);
        }
    }

    /// The digest under the algorithm asked for. Pieces are hashed again only when the
    /// upload was not opened for that algorithm.
    fn digest(&self, algorithm: Algorithm) -> Digest {
        if self.hasher.algorithm() == algorithm {
            return self.hasher.clone().finish();
        }
        let mut hasher = Hasher::new(algorithm);
        for piece in &self.pieces {
            hasher.update(piece);
        }
        hasher.finish()
    }

    /// The content in one piece: shared when it came as one, else joined, letting go of
    /// each piece once it is copied.
    fn join(mut self) -> Bytes {
        if self.pieces.len() < 2 {
            return self.pieces.pop().unwrap_or_default();
        }
        let total = self.pieces.iter().map(Bytes::len).sum();
        let mut joined = BytesMut::with_capacity(total);
        for piece in self.pieces {
            joined.extend_from_slice(&piece);
        }
        joined.freeze()
    }

    /// `Range` of a status: what is there. Nothing is told as `0-0`, as registries do.
    fn range(&self) -> String {
        format!("0-{}", self.length.saturating_sub(1))
    }
}

impl Registry {
    /// `POST /v2/<name>/blobs/uploads/`: mounts, stores or starts.
    pub(crate) fn start_upload(&mut self, ask: &Ask, name: &str) -> Result<Reply, Refusal> {
        let lifetime = self.config.upload_lifetime;
        self.uploads
            .retain(|_, upload| ask.now.saturating_sub(upload.touched) <= lifetime);
        if let Some(mount) = ask.query.get("mount") {
            let digest = parse_digest(mount)?;
            let from = ask.query.get("from");
            let refused = ask.has(&Quirk::MountIgnored)
                || (from.is_none() && ask.has(&Quirk::MountNeedsFrom));
            if !refused && let Some(bytes) = self.mountable(from, &digest)? {
                let digest = if ask.has(&Quirk::Sha256Only) {
                    Digest::of(&bytes)
                } else {
                    digest
                };
                self.store.put_blob(name, digest, bytes);
                return Ok(created(name, &digest));
            }
        } else if let Some(digest) = ask.query.get("digest")
            && !ask.has(&Quirk::SinglePostIgnored)
        {
            let digest = parse_digest(digest)?;
            let mut upload = Upload::new(name, digest.algorithm(), ask.now);
            self.check_blob_size(&upload, &ask.body)?;
            upload.append(ask.body.clone());
            return self.store_upload(ask, name, upload, digest);
        }
        let algorithm = match ask.query.get("digest-algorithm") {
            None => Algorithm::Sha256,
            Some(algorithm) => Algorithm::from_name(algorithm).ok_or_else(|| {
                Refusal::bad_request(
                    Code::DigestInvalid,
                    format!("unknown digest algorithm {algorithm:?}"),
                )
            })?,
        };
        let id = self.unique_id("upload");
        let upload = Upload::new(name, algorithm, ask.now);
        let mut reply = status(StatusCode::ACCEPTED, name, &id, &upload);
        if let Some(minimum) = self.config.chunk_min {
            reply = reply.header(OCI_CHUNK_MIN_LENGTH, minimum.to_string());
        }
        self.uploads.insert(id, upload);
        Ok(reply)
    }

    /// The blob to mount, looked for everywhere when the client does not say where.
    fn mountable(&self, from: Option<&str>, digest: &Digest) -> Result<Option<Bytes>, Refusal> {
        let found = match from {
            Some(from) => {
                check_name(from)?;
                self.store.blob(from, digest)
            }
            None => self.store.blob_anywhere(digest),
        };
        Ok(found.cloned())
    }

    /// Dispatches `/v2/<name>/blobs/uploads/<id>`.
    pub(crate) fn upload(&mut self, ask: &Ask, name: &str, id: &str) -> Result<Reply, Refusal> {
        // Taken out while it is worked on: what ends it just does not put it back.
        let known = self.uploads.get(id).is_some_and(|u| u.repository == name);
        let Some(mut upload) = known.then(|| self.uploads.remove(id)).flatten() else {
            return Err(Refusal::not_found(
                Code::BlobUploadUnknown,
                format!("{name} has no upload {id}"),
            ));
        };
        upload.touched = ask.now;
        let (upload, result) = match ask.method {
            Method::DELETE => return Ok(Reply::new(StatusCode::NO_CONTENT)),
            // A closing PUT that was cut off leaves what a PATCH would have left.
            Method::PATCH | Method::PUT if ask.method == Method::PATCH || ask.is_cut() => {
                let result = self.append(ask, name, id, &mut upload);
                let reply = |()| status(StatusCode::ACCEPTED, name, id, &upload);
                let result = result.map(reply);
                (upload, result)
            }
            Method::PUT => match self.last_piece(ask, name, id, &mut upload) {
                Ok(digest) => return self.store_upload(ask, name, upload, digest),
                Err(refusal) => (upload, Err(refusal)),
            },
            _ => {
                let reply = status(StatusCode::NO_CONTENT, name, id, &upload);
                (upload, Ok(reply))
            }
        };
        self.uploads.insert(id.to_owned(), upload);
        result
    }

    /// Takes the piece that a closing `PUT` may bring; says which digest it claims.
    fn last_piece(
        &self,
        ask: &Ask,
        name: &str,
        id: &str,
        upload: &mut Upload,
    ) -> Result<Digest, Refusal> {
        let digest = ask.query.get("digest").ok_or_else(|| {
            Refusal::bad_request(Code::DigestInvalid, "the closing PUT names no digest")
        })?;
        let digest = parse_digest(digest)?;
        if !ask.body.is_empty() {
            self.append(ask, name, id, upload)?;
        }
        Ok(digest)
    }

    /// Appends the body where `Content-Range` says it belongs.
    fn append(&self, ask: &Ask, name: &str, id: &str, upload: &mut Upload) -> Result<(), Refusal> {
        let length = ask.body.len() as u64;
        if let Some(range) = ask.header(CONTENT_RANGE) {
            let (first, last) = parse_content_range(range)?;
            if first != upload.length && !ask.has(&Quirk::OutOfOrderAppended) {
                return Err(out_of_order(name, id, upload));
            }
            if last.checked_sub(first).and_then(|n| n.checked_add(1)) != Some(length) {
                return Err(Refusal::bad_request(
                    Code::SizeInvalid,
                    format!("Content-Range is {range} but the body has {length} bytes"),
                ));
            }
        }
        self.check_blob_size(upload, &ask.body)?;
        if upload.short && length > 0 {
            return Err(Refusal::bad_request(
                Code::SizeInvalid,
                "the chunk before this one was shorter than OCI-Chunk-Min-Length",
            ));
        }
        upload.short = self.config.chunk_min.is_some_and(|min| length < min);
        upload.append(ask.body.clone());
        Ok(())
    }

    fn check_blob_size(&self, upload: &Upload, piece: &Bytes) -> Result<(), Refusal> {
        let limit = self.config.blob_limit;
        if upload.length.saturating_add(piece.len() as u64) > limit {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                Code::SizeInvalid,
                format!("blobs are limited to {limit} bytes"),
            ));
        }
        Ok(())
    }

    /// Ends an upload: stores the blob if it is what it was said to be.
    fn store_upload(
        &mut self,
        ask: &Ask,
        name: &str,
        upload: Upload,
        digest: Digest,
    ) -> Result<Reply, Refusal> {
        let actual = upload.digest(digest.algorithm());
        if actual != digest {
            return Err(Refusal::bad_request(
                Code::DigestInvalid,
                format!("the content is {actual}, not {digest}"),
            ));
        }
        let bytes = upload.join();
        self.store.put_blob(name, digest, bytes.clone());
        if !ask.has(&Quirk::Sha256Only) {
            return Ok(created(name, &digest));
        }
        let canonical = Digest::of(&bytes);
        self.store.put_blob(name, canonical, bytes);
        Ok(created(name, &canonical))
    }
}

fn created(name: &str, digest: &Digest) -> Reply {
    Reply::new(StatusCode::CREATED)
        .header(LOCATION, format!("/v2/{name}/blobs/{digest}"))
        .header(DOCKER_CONTENT_DIGEST, digest.to_string())
}

fn status(status: StatusCode, name: &str, id: &str, upload: &Upload) -> Reply {
    Reply::new(status)
        .header(LOCATION, location(name, id))
        .header(RANGE, upload.range())
        .header(DOCKER_UPLOAD_UUID, id)
}

fn location(name: &str, id: &str) -> String {
    format!("/v2/{name}/blobs/uploads/{id}")
}

fn out_of_order(name: &str, id: &str, upload: &Upload) -> Refusal {
    Refusal::new(
        StatusCode::RANGE_NOT_SATISFIABLE,
        Code::BlobUploadInvalid,
        format!("the next chunk begins at {}", upload.length),
    )
    .header(LOCATION, location(name, id))
    .header(RANGE, upload.range())
    .header(DOCKER_UPLOAD_UUID, id)
}

/// `<first>-<last>`, as the distribution-spec writes it, or with HTTP's `bytes ` and `/total`.
fn parse_content_range(header: &str) -> Result<(u64, u64), Refusal> {
    let range = header.strip_prefix("bytes ").unwrap_or(header);
    let range = range.split('/').next().unwrap_or(range);
    range
        .split_once('-')
        .and_then(|(first, last)| Some((first.parse().ok()?, last.parse().ok()?)))
        .ok_or_else(|| {
            Refusal::bad_request(
                Code::BlobUploadInvalid,
                format!("Content-Range {header:?} is not <first>-<last>"),
            )
        })
}
