//! Manifests: end-3 (pull), end-7 (push) and end-9 (delete).
//!
//! The documents are read here with a parser of the registry's own, on purpose: a
//! registry that shared its client's parser would share its mistakes.

use std::collections::BTreeMap;

use http::header::{ACCEPT, CONTENT_TYPE, ETAG, IF_MATCH, IF_NONE_MATCH, LOCATION};
use http::{Method, StatusCode};
use ocirepo::digest::{Algorithm, Digest};
use serde::Deserialize;
use serde_json::json;

use crate::error::{Code, Refusal};
use crate::names::{DOCKER_CONTENT_DIGEST, OCI_SUBJECT, OCI_TAG};
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::Ask;
use crate::router::{check_tag, parse_digest};
use crate::script::Quirk;

const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
pub(crate) const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// What the registry remembers of a manifest besides its bytes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) media_type: String,
    pub(crate) size: u64,
    pub(crate) subject: Option<Digest>,
    /// As a referrer's descriptor carries it: the config's media type stands in for an
    /// image manifest that has none.
    pub(crate) artifact_type: Option<String>,
    /// Kept of referrers only, which are listed with their annotations.
    pub(crate) annotations: BTreeMap<String, String>,
}

/// The parts of a manifest or index a registry cares for.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Document {
    schema_version: Option<u64>,
    media_type: Option<String>,
    artifact_type: Option<String>,
    config: Option<Descriptor>,
    layers: Option<Vec<Descriptor>>,
    manifests: Option<Vec<Descriptor>>,
    subject: Option<Descriptor>,
    annotations: Option<BTreeMap<String, String>>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Descriptor {
    media_type: Option<String>,
    digest: Digest,
    #[serde(default)]
    urls: Vec<String>,
}

impl Document {
    /// Parses a manifest and finds out its media type, from `Content-Type` and the
    /// document, which must agree.
    pub(crate) fn parse(content_type: Option<&str>, raw: &[u8]) -> Result<(Self, Facts), Refusal> {
        let invalid = |why: String| Refusal::bad_request(Code::ManifestInvalid, why);
        let document: Self = serde_json::from_slice(raw)
            .map_err(|error| invalid(format!("the manifest is not one: {error}")))?;
        // Parameters of a content type are to be ignored.
        let declared = content_type
            .and_then(|value| value.split(';').next())
            .map(str::trim)
            .filter(|value| !value.is_empty());
        let media_type = match (declared, document.media_type.as_deref()) {
            (Some(declared), Some(inside)) if declared != inside => {
                return Err(invalid(format!(
                    "Content-Type is {declared:?} but mediaType is {inside:?}"
                )));
            }
            (Some(media_type), _) | (None, Some(media_type)) => media_type.to_owned(),
            (None, None) => {
                return Err(invalid(
                    "neither a Content-Type nor a mediaType says what this is".to_owned(),
                ));
            }
        };
        if document.schema_version != Some(2) {
            return Err(invalid("schemaVersion is not 2".to_owned()));
        }
        let is_index = match media_type.as_str() {
            OCI_MANIFEST | DOCKER_MANIFEST => false,
            OCI_INDEX | DOCKER_LIST => true,
            other => return Err(invalid(format!("{other:?} is no manifest media type"))),
        };
        let is_image = document.config.is_some() && document.layers.is_some();
        if is_index != document.manifests.is_some()
            || is_index == is_image
            || (is_index && document.layers.is_some())
        {
            return Err(invalid(format!("the document is no {media_type}")));
        }
        let subject = document.subject.as_ref().map(|subject| subject.digest);
        let facts = Facts {
            size: raw.len() as u64,
            subject,
            artifact_type: document.artifact_type(),
            annotations: subject
                .and(document.annotations.clone())
                .unwrap_or_default(),
            media_type,
        };
        Ok((document, facts))
    }

    fn artifact_type(&self) -> Option<String> {
        let own = self.artifact_type.clone().filter(|kind| !kind.is_empty());
        own.or_else(|| self.config.as_ref()?.media_type.clone())
    }

    /// The blobs it needs; layers that live at other URLs are not among them.
    pub(crate) fn blobs(&self) -> impl Iterator<Item = Digest> {
        let layers = self.layers.iter().flatten();
        self.config
            .iter()
            .chain(layers)
            .filter(|descriptor| descriptor.urls.is_empty())
            .map(|descriptor| descriptor.digest)
    }

    fn foreign_layers_allowed(&self, ask: &Ask) -> bool {
        let mut layers = self.layers.iter().flatten();
        !ask.has(&Quirk::ForeignLayersRefused) || layers.all(|layer| layer.urls.is_empty())
    }

    /// The manifests an index names.
    pub(crate) fn children(&self) -> impl Iterator<Item = Digest> {
        let manifests = self.manifests.iter().flatten();
        manifests.map(|descriptor| descriptor.digest)
    }
}

impl Registry {
    /// Dispatches `/v2/<name>/manifests/<reference>`.
    pub(crate) fn manifests(
        &mut self,
        ask: &Ask,
        name: &str,
        reference: &str,
    ) -> Result<Reply, Refusal> {
        match ask.method {
            Method::PUT => self.accept_manifest(ask, name, reference),
            Method::DELETE => self.remove_manifest(ask, name, reference),
            _ => self.serve_manifest(ask, name, reference),
        }
    }

    fn serve_manifest(&self, ask: &Ask, name: &str, reference: &str) -> Result<Reply, Refusal> {
        let unknown = || {
            Refusal::not_found(
                Code::ManifestUnknown,
                format!("{name} has no manifest {reference}"),
            )
        };
        let digest = match Reference::parse(ask, reference)? {
            Reference::Digest(digest) => digest,
            Reference::Tag(tag) => self.store.tagged(name, tag).ok_or_else(unknown)?,
        };
        let (facts, bytes) = self.store.manifest(name, &digest).ok_or_else(unknown)?;
        if ask.has(&Quirk::AcceptEnforced) && !accepts(ask, &facts.media_type) {
            return Err(unknown().detail(json!({ "mediaType": facts.media_type })));
        }
        let etag = format!("\"{digest}\"");
        if ask.header(IF_NONE_MATCH) == Some(etag.as_str()) {
            return Ok(Reply::new(StatusCode::NOT_MODIFIED).header(ETAG, etag));
        }
        Ok(Reply::new(StatusCode::OK)
            .header(DOCKER_CONTENT_DIGEST, digest.to_string())
            .header(ETAG, etag)
            .body(&facts.media_type, bytes.clone()))
    }

    fn accept_manifest(
        &mut self,
        ask: &Ask,
        name: &str,
        reference: &str,
    ) -> Result<Reply, Refusal> {
        let limit = ask.manifest_limit().unwrap_or(self.config.manifest_limit);
        if ask.body.len() > limit {
            return Err(Refusal::new(
                StatusCode::PAYLOAD_TOO_LARGE,
                Code::SizeInvalid,
                format!("manifests are limited to {limit} bytes"),
            ));
        }
        let (document, facts) = Document::parse(ask.header(CONTENT_TYPE), &ask.body)?;
        let layers = document.layers.iter().flatten().count();
        if ask.layer_limit().is_some_and(|limit| layers > limit) {
            return Err(Refusal::bad_request(
                Code::ManifestInvalid,
                format!("{layers} layers are too many"),
            ));
        }
        let (digest, mut tags) = match Reference::parse(ask, reference)? {
            Reference::Digest(digest) => (digest, Vec::new()),
            Reference::Tag(tag) => {
                let tagged = self.store.tagged(name, tag);
                check_conditions(ask, tag, tagged)?;
                if tagged.is_some() && ask.has(&Quirk::TagsImmutable) {
                    return Err(Refusal::bad_request(
                        Code::TagInvalid,
                        format!("the tag {tag} exists and is immutable"),
                    ));
                }
                (Digest::of(&ask.body), vec![tag])
            }
        };
        let actual = Digest::with(digest.algorithm(), &ask.body);
        if actual != digest {
            return Err(Refusal::bad_request(
                Code::DigestInvalid,
                format!("the content is {actual}, not {digest}"),
            ));
        }
        if digest.algorithm() != Algorithm::Sha256 && ask.has(&Quirk::Sha256Only) {
            return Err(Refusal::bad_request(
                Code::DigestInvalid,
                format!("the content is {}, not {digest}", Digest::of(&ask.body)),
            ));
        }
        if !document.foreign_layers_allowed(ask) {
            return Err(Refusal::bad_request(
                Code::ManifestInvalid,
                "layers at other URLs are not allowed",
            ));
        }
        let parameters = || {
            let ignored = ask.has(&Quirk::TagParametersIgnored);
            ask.query.all("tag").filter(move |_| !ignored)
        };
        for tag in parameters() {
            check_tag(tag)?;
            tags.push(tag);
        }
        if !self.config.sparse {
            self.check_references(name, &document)?;
        }
        let mut reply = Reply::new(StatusCode::CREATED)
            .header(LOCATION, format!("/v2/{name}/manifests/{digest}"))
            .header(DOCKER_CONTENT_DIGEST, digest.to_string());
        if let Some(subject) = facts.subject
            && !ask.has(&Quirk::NoReferrers)
        {
            reply = reply.header(OCI_SUBJECT, subject.to_string());
        }
        if parameters().next().is_some() {
            reply = reply.header(OCI_TAG, tags.join(", "));
        }
        self.store
            .put_manifest(name, digest, ask.body.clone(), facts);
        for tag in tags {
            self.store.tag(name, tag, digest);
        }
        Ok(reply)
    }

    /// Refuses a manifest that names what the repository does not hold.
    fn check_references(&self, name: &str, document: &Document) -> Result<(), Refusal> {
        let missing = document
            .blobs()
            .find(|digest| self.store.blob(name, digest).is_none())
            .or_else(|| {
                document
                    .children()
                    .find(|digest| self.store.manifest(name, digest).is_none())
            });
        match missing {
            None => Ok(()),
            Some(digest) => Err(Refusal::bad_request(
                Code::ManifestBlobUnknown,
                format!("{name} does not hold {digest}, which the manifest names"),
            )
            .detail(json!({ "digest": digest }))),
        }
    }

    fn remove_manifest(
        &mut self,
        ask: &Ask,
        name: &str,
        reference: &str,
    ) -> Result<Reply, Refusal> {
        self.check_delete()?;
        let found = match Reference::parse(ask, reference)? {
            Reference::Tag(_) if ask.has(&Quirk::TagDeletionRefused) => {
                return Err(Refusal::bad_request(
                    Code::Unsupported,
                    "tags cannot be deleted",
                ));
            }
            Reference::Tag(tag) => self.store.untag(name, tag),
            Reference::Digest(digest) => self.store.delete_manifest(name, &digest),
        };
        if found {
            Ok(Reply::new(StatusCode::ACCEPTED))
        } else {
            Err(Refusal::not_found(
                Code::ManifestUnknown,
                format!("{name} has no manifest {reference}"),
            ))
        }
    }
}

/// Refuses to move a tag that is not where the client believes it is: clients that
/// update a referrers tag may say so (section "Referrers Tag Schema").
fn check_conditions(ask: &Ask, tag: &str, current: Option<Digest>) -> Result<(), Refusal> {
    if ask.has(&Quirk::ConditionsIgnored) {
        return Ok(());
    }
    let etag = current.map(|digest| format!("\"{digest}\""));
    let names_it = |header: &str| {
        let mut tags = header.split(',').map(str::trim);
        etag.as_deref()
            .is_some_and(|etag| tags.any(|tag| tag == "*" || tag == etag))
    };
    if ask.header(IF_MATCH).is_some_and(|header| !names_it(header))
        || ask.header(IF_NONE_MATCH).is_some_and(names_it)
    {
        return Err(Refusal::new(
            StatusCode::PRECONDITION_FAILED,
            Code::Denied,
            format!("{tag} is at {}", etag.as_deref().unwrap_or("nothing")),
        ));
    }
    Ok(())
}

/// What a manifest is addressed by.
enum Reference<'a> {
    Tag(&'a str),
    Digest(Digest),
}

impl<'a> Reference<'a> {
    fn parse(ask: &Ask, text: &'a str) -> Result<Self, Refusal> {
        // No tag contains a colon, every digest does.
        let parsed = if text.contains(':') {
            parse_digest(text).map(Self::Digest)
        } else {
            check_tag(text).map(|()| Self::Tag(text))
        };
        parsed.map_err(|refusal| {
            if ask.has(&Quirk::InvalidReferenceFails) {
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                Refusal::new(status, Code::Unknown, "unknown error")
            } else {
                refusal
            }
        })
    }
}

fn accepts(ask: &Ask, media_type: &str) -> bool {
    ask.headers
        .get_all(ACCEPT)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|range| range.split(';').next())
        .any(|range| matches!(range.trim(), "*/*" | "application/*") || range.trim() == media_type)
}

impl Ask {
    fn manifest_limit(&self) -> Option<usize> {
        self.quirks.iter().find_map(|quirk| match quirk {
            Quirk::ManifestLimit(bytes) => Some(*bytes),
            _ => None,
        })
    }

    fn layer_limit(&self) -> Option<usize> {
        self.quirks.iter().find_map(|quirk| match quirk {
            Quirk::LayerLimit(layers) => Some(*layers),
            _ => None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(content_type: Option<&str>, document: &serde_json::Value) -> Option<Facts> {
        let raw = serde_json::to_vec(document).unwrap();
        Document::parse(content_type, &raw)
            .ok()
            .map(|(_, facts)| facts)
    }

    fn descriptor(media_type: &str) -> serde_json::Value {
        json!({ "mediaType": media_type, "digest": Digest::of(b""), "size": 0 })
    }

    #[test]
    fn the_content_type_must_agree_with_the_document() {
        let image = json!({
            "schemaVersion": 2, "mediaType": OCI_MANIFEST,
            "config": descriptor("application/x-config"), "layers": [],
        });
        let with_parameter = format!("{OCI_MANIFEST}; charset=utf-8");
        for accepted in [None, Some(OCI_MANIFEST), Some(with_parameter.as_str())] {
            let facts = facts(accepted, &image).unwrap();
            assert_eq!(facts.media_type, OCI_MANIFEST);
            assert_eq!(facts.artifact_type.as_deref(), Some("application/x-config"));
        }
        for refused in [OCI_INDEX, DOCKER_MANIFEST, "application/json"] {
            assert!(facts(Some(refused), &image).is_none(), "{refused}");
        }
    }

    #[test]
    fn a_document_is_an_image_or_an_index_never_both() {
        let config = descriptor("application/x-config");
        let neither = json!({ "schemaVersion": 2 });
        let both = json!({
            "schemaVersion": 2, "config": config, "layers": [], "manifests": [],
        });
        let index = json!({ "schemaVersion": 2, "manifests": [] });
        for media_type in [OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST] {
            assert!(facts(Some(media_type), &neither).is_none());
            assert!(facts(Some(media_type), &both).is_none());
        }
        assert!(facts(Some(OCI_INDEX), &index).is_some());
        assert!(facts(Some(OCI_MANIFEST), &index).is_none());
        assert!(facts(None, &index).is_none(), "nothing says what it is");
    }

    #[test]
    fn layers_with_urls_are_not_needed() {
        let mut layer = descriptor("application/x-layer");
        layer["urls"] = json!(["https://store.example/layer"]);
        let image = json!({
            "schemaVersion": 2,
            "config": descriptor("application/x-config"), "layers": [layer],
        });
        let raw = serde_json::to_vec(&image).unwrap();
        let (document, _) = Document::parse(Some(OCI_MANIFEST), &raw).unwrap();
        assert_eq!(document.blobs().count(), 1, "the config only");
    }
}
