//! Referrers: end-12, the manifests that name another as their subject.

use http::StatusCode;
use http::header::LINK;
use ocirepo::digest::Digest;
use serde_json::{Value, json};

use crate::error::{Code, Refusal};
use crate::manifests::{Facts, OCI_INDEX};
use crate::names::OCI_FILTERS_APPLIED;
use crate::registry::Registry;
use crate::reply::Reply;
use crate::request::{Ask, encode};
use crate::router::parse_digest;
use crate::script::Quirk;
use crate::tags::cut;

impl Registry {
    /// `GET /v2/<name>/referrers/<digest>?artifactType=<type>`. Nobody's referrers are
    /// an empty list, in a repository that does not exist too.
    pub(crate) fn referrers(&self, ask: &Ask, name: &str, digest: &str) -> Result<Reply, Refusal> {
        if ask.has(&Quirk::NoReferrers) {
            return Err(Refusal::not_found(Code::Unsupported, "404 page not found"));
        }
        let subject = parse_digest(digest)?;
        let filter = ask
            .query
            .get("artifactType")
            .filter(|_| !ask.has(&Quirk::FiltersIgnored));
        let last = ask.query.get("last").map(parse_digest).transpose()?;
        let referrers = self
            .store
            .repository(name)
            .into_iter()
            .flat_map(|repository| repository.referrers_after(&subject, last))
            .filter(|(_, facts)| filter.is_none_or(|f| facts.artifact_type.as_deref() == Some(f)));
        let (page, more) = cut(referrers, self.config.page_limit);
        let manifests: Vec<Value> = page.iter().map(|(d, facts)| descriptor(d, facts)).collect();
        let index = json!({
            "schemaVersion": 2,
            "mediaType": OCI_INDEX,
            "manifests": manifests,
        });
        let mut reply = Reply::new(StatusCode::OK).body(
            OCI_INDEX,
            serde_json::to_vec(&index).unwrap_or_default().into(),
        );
        if filter.is_some() {
            reply = reply.header(OCI_FILTERS_APPLIED, "artifactType");
        }
        if let (true, Some((last, _))) = (more, page.last()) {
            let filter = filter.map_or(String::new(), |f| format!("&artifactType={}", encode(f)));
            let path = format!("/v2/{name}/referrers/{subject}");
            reply = reply.header(LINK, format!("<{path}?last={last}{filter}>; rel=\"next\""));
        }
        Ok(reply)
    }
}

/// A referrer as the list shows it, with the annotations of its manifest.
fn descriptor(digest: &Digest, facts: &Facts) -> Value {
    let mut descriptor = json!({
        "mediaType": facts.media_type,
        "digest": digest,
        "size": facts.size,
    });
    if let Some(artifact_type) = &facts.artifact_type {
        descriptor["artifactType"] = json!(artifact_type);
    }
    if !facts.annotations.is_empty() {
        descriptor["annotations"] = json!(facts.annotations);
    }
    descriptor
}
