//! How results are written.

use ocirepo::operation::{Blob, PushedBlob};
use ocirepo::reference::{Repository, Tag};
use ocirepo::session::Event;
use ocirepo::sink::Content;
use ocirepo::{Descriptor, Digest, ErrorKind, Manifest};

/// The line for an operation that ended well, with what is told of its result.
pub fn ok(id: &str, result: &str) -> String {
    format!("{id} ok {result}").trim_end().to_owned()
}

/// The line for an operation that failed.
pub fn error(id: &str, kind: ErrorKind, message: &str) -> String {
    format!("{id} error {} {message}", kind.name())
}

/// The line for an event, if it has one.
pub fn event(event: &Event) -> Option<String> {
    match event {
        Event::Warning { text, .. } => Some(format!("event warning {text}")),
        Event::Redirect { to, .. } => Some(format!("event redirect {to}")),
        _ => None,
    }
}

/// What is told of a descriptor.
pub fn descriptor(found: &Descriptor) -> String {
    let Descriptor {
        digest,
        size,
        media_type,
        ..
    } = found;
    format!("digest={digest} size={size} type={media_type}")
}

/// What is told of a manifest that was pulled.
pub fn manifest(manifest: &Manifest) -> String {
    descriptor(&manifest.descriptor())
}

/// What is told of a manifest that was pushed.
pub fn pushed_manifest(pushed: &Descriptor) -> String {
    format!("digest={} size={}", pushed.digest, pushed.size)
}

/// What is told of a blob that was pulled.
pub fn blob(blob: &Blob) -> String {
    format!("digest={} size={}", blob.digest, blob.size)
}

/// What is told of a blob that was pushed.
pub fn pushed(pushed: &PushedBlob) -> String {
    let PushedBlob {
        digest,
        size,
        uploaded,
        ..
    } = pushed;
    format!("digest={digest} size={size} uploaded={}", word(*uploaded))
}

/// What is told of a range of a blob.
pub fn range(bytes: &[u8]) -> String {
    format!("size={}", bytes.len())
}

/// Whether a blob is there.
pub fn exists(found: Option<&Content>) -> String {
    format!("there={}", word(found.is_some()))
}

/// The names of tags.
pub fn tags(tags: &[Tag]) -> String {
    format!("tags={}", joined(tags.iter().map(Tag::as_str)))
}

/// The names of repositories.
pub fn repositories(found: &[Repository]) -> String {
    format!(
        "repositories={}",
        joined(found.iter().map(Repository::name))
    )
}

/// The digests of referrers.
pub fn referrers(found: &[Descriptor]) -> String {
    let digests: Vec<String> = found.iter().map(|d| Digest::to_string(&d.digest)).collect();
    format!("digests={}", digests.join(","))
}

fn word(holds: bool) -> &'static str {
    if holds { "yes" } else { "no" }
}

fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.collect::<Vec<_>>().join(",")
}
