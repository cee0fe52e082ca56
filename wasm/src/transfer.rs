//! Blobs to and from files, and what changes a registry.

use js_sys::{Function, Object};
use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::operation::{PushedBlob, Resume, Upload};
use ocirepo::reference::Repository;
use ocirepo::sink::{BlobSink, Content};
use ocirepo::source::BlobSource;
use serde::Deserialize;
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;

use crate::client::{Client, abortable, blob, progress, reference, whole};
use crate::driver::Job;
use crate::failure::Failure;
use crate::js::{self, Blob, Call};
use crate::target::Target;

/// What is there of a blob already.
#[wasm_bindgen(skip_typescript)]
pub struct Partial {
    sink: BlobSink,
}

#[wasm_bindgen]
impl Partial {
    /// Of the blob that a reference names, and its size where it is known.
    #[wasm_bindgen(constructor)]
    pub fn new(reference: &str, size: Option<f64>) -> Result<Partial, JsValue> {
        let sink = BlobSink::new(content(reference, size)?.1);
        Ok(Partial { sink })
    }

    /// Takes the next bytes; false when they are more than the blob has, so that nothing
    /// of it can be right.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        self.sink.chunk(bytes).is_ok()
    }
}

/// How a blob is pushed, as JSON.
#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct Options {
    digest: Option<String>,
    chunk: Option<u64>,
    single: bool,
    check: bool,
    mount_from: Option<String>,
}

#[wasm_bindgen]
impl Client {
    /// Whether a blob is there.
    pub async fn exists(&self, reference: String, call: Call) -> Result<bool, JsValue> {
        let (repository, digest) = blob(&reference)?;
        let ask = self.driver.run(Job::default(), |session| {
            session.blob_exists(&repository, digest)
        });
        Ok(abortable(&call, ask).await?.is_some())
    }

    /// Pulls a blob and gives its bytes to a function, with the offset that they belong at.
    pub async fn save(
        &self,
        reference: String,
        size: Option<f64>,
        there: Option<Partial>,
        write: Function,
        call: Call,
    ) -> Result<JsValue, JsValue> {
        let (repository, content) = content(&reference, size)?;
        let resume = there.map_or(Resume::Fresh, |partial| Resume::From(partial.sink));
        let job = Job {
            target: Some(Target::Place(write)),
            on_bytes: progress(&call, "download", content.size, "blob"),
            ..Job::default()
        };
        let pull = self.driver.run(job, |session| {
            session.pull_blob(&repository, content, resume)
        });
        let blob = abortable(&call, pull).await?;
        Ok(described(&blob.digest.to_string(), blob.size).into())
    }

    /// Pushes a blob, with options as JSON.
    pub async fn push(
        &self,
        repository: String,
        blob: Blob,
        options: String,
        call: Call,
    ) -> Result<JsValue, JsValue> {
        let reference = reference(&repository)?;
        let options: Options = serde_json::from_str(&options).map_err(Failure::input)?;
        let upload = Upload {
            chunk: options.chunk,
            single_request: options.single,
            check: options.check,
            mount_from: match &options.mount_from {
                Some(name) => Some(
                    Repository::new(reference.registry().clone(), name).map_err(Failure::input)?,
                ),
                None => None,
            },
        };
        let size = whole(blob.size())?;
        let source = match &options.digest {
            Some(digest) => BlobSource::with_digest(size, digest.parse().map_err(Failure::input)?),
            None => BlobSource::new(size),
        };
        let job = Job {
            source: Some(blob),
            on_bytes: progress(&call, "upload", Some(size), "blob"),
            ..Job::default()
        };
        let push = self.driver.run(job, |session| {
            session.push_blob(reference.repository(), source, upload)
        });
        let PushedBlob {
            digest,
            size,
            uploaded,
            ..
        } = abortable(&call, push).await?;
        let pushed = described(&digest.to_string(), size);
        js::set(&pushed, "uploaded", &uploaded.into());
        Ok(pushed.into())
    }

    /// Pushes a manifest to the tag or digest of a reference.
    #[wasm_bindgen(js_name = pushManifest)]
    pub async fn push_manifest(
        &self,
        reference: String,
        bytes: Vec<u8>,
        media_type: Option<String>,
        call: Call,
    ) -> Result<JsValue, JsValue> {
        let reference = self::reference(&reference)?;
        let manifest = Manifest::parse(media_type.as_deref(), bytes).map_err(Failure::input)?;
        let push = self.driver.run(Job::default(), |session| {
            session.push_manifest(reference.repository(), reference.selector(), manifest)
        });
        let Descriptor { digest, size, .. } = abortable(&call, push).await?;
        Ok(described(&digest.to_string(), size).into())
    }

    /// Deletes the tag or the manifest that a reference names.
    #[wasm_bindgen(js_name = deleteManifest)]
    pub async fn delete_manifest(&self, reference: String, call: Call) -> Result<(), JsValue> {
        let reference = self::reference(&reference)?;
        let delete = self.driver.run(Job::default(), |session| {
            session.delete_manifest(reference.repository(), reference.selector())
        });
        Ok(abortable(&call, delete).await?)
    }

    /// Deletes a blob.
    #[wasm_bindgen(js_name = deleteBlob)]
    pub async fn delete_blob(&self, reference: String, call: Call) -> Result<(), JsValue> {
        let (repository, digest) = blob(&reference)?;
        let delete = self.driver.run(Job::default(), |session| {
            session.delete_blob(&repository, digest)
        });
        Ok(abortable(&call, delete).await?)
    }
}

fn content(reference: &str, size: Option<f64>) -> Result<(Repository, Content), Failure> {
    let (repository, digest) = blob(reference)?;
    let size = size.map(whole).transpose()?;
    Ok((repository, Content { digest, size }))
}

fn described(digest: &str, size: u64) -> Object {
    let object = Object::new();
    js::set(&object, "digest", &digest.into());
    js::set(&object, "size", &(size as f64).into());
    object
}
