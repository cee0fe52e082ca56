//! What a case speaks to the registry with.

use http::{HeaderMap, Method};
use ocirepo::digest::Digest;
use url::Url;

use crate::Verdict;

/// A registry that can be asked.
pub(crate) trait Target {
    /// Scheme and authority, with a slash at the end.
    fn base(&self) -> Url;
    /// One exchange. `Err` is a connection that failed, or an answer that is no HTTP.
    fn send(
        &mut self,
        method: &Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<(u16, HeaderMap, Vec<u8>), String>;
}

/// One case's view of a registry: a repository, and another to mount from.
pub(crate) struct Client<'a> {
    target: &'a mut dyn Target,
    repository: String,
}

impl<'a> Client<'a> {
    pub(crate) fn new(target: &'a mut dyn Target, repository: String) -> Self {
        Self { target, repository }
    }

    pub(crate) fn name(&self) -> &str {
        &self.repository
    }

    /// The other repository.
    pub(crate) fn other(&self) -> String {
        format!("{}-other", self.repository)
    }

    /// A URL below `/v2/<name>/`.
    pub(crate) fn url(&self, path: &str) -> Url {
        self.url_in(&self.repository, path)
    }

    /// A URL below another repository.
    pub(crate) fn url_in(&self, repository: &str, path: &str) -> Url {
        let path = format!("/v2/{repository}/{path}");
        self.target.base().join(&path).unwrap()
    }

    /// `/v2/`.
    pub(crate) fn root(&self) -> Url {
        self.target.base().join("/v2/").unwrap()
    }

    pub(crate) fn send(
        &mut self,
        method: Method,
        url: &Url,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let (status, headers, body) = self
            .target
            .send(&method, url, headers, body)
            .map_err(|error| format!("{method} {url}: {error}"))?;
        if method == Method::HEAD && !body.is_empty() {
            return Err(format!("HEAD {url}: {} bytes of body", body.len()));
        }
        Ok(Answer {
            asked: format!("{method} {url}"),
            url: url.clone(),
            status,
            headers,
            body,
        })
    }

    pub(crate) fn get(&mut self, url: &Url) -> Result<Answer, String> {
        self.send(Method::GET, url, &[], &[])
    }

    pub(crate) fn head(&mut self, url: &Url) -> Result<Answer, String> {
        self.send(Method::HEAD, url, &[], &[])
    }

    pub(crate) fn delete(&mut self, url: &Url) -> Result<Answer, String> {
        self.send(Method::DELETE, url, &[], &[])
    }

    /// Starts an upload; gives its URL.
    pub(crate) fn start_upload(&mut self) -> Result<Url, String> {
        let url = self.url("blobs/uploads/");
        self.send(Method::POST, &url, &[], &[])?
            .expect(&[202])?
            .location()
    }

    /// Closes an upload, with a last piece or without.
    pub(crate) fn close_upload(
        &mut self,
        upload: &Url,
        digest: &Digest,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, String> {
        let mut url = upload.clone();
        url.query_pairs_mut()
            .append_pair("digest", &digest.to_string());
        self.send(Method::PUT, &url, headers, body)
    }

    /// Pushes a blob the most common way, `POST` then `PUT`.
    pub(crate) fn push_blob(&mut self, content: &[u8]) -> Result<Digest, String> {
        let digest = Digest::of(content);
        self.push_blob_as(&digest, content)?;
        Ok(digest)
    }

    /// The same, under a digest of the caller's choice.
    pub(crate) fn push_blob_as(&mut self, digest: &Digest, content: &[u8]) -> Verdict {
        let upload = self.start_upload()?;
        let created = self
            .close_upload(&upload, digest, &[OCTETS], content)?
            .expect(&[201])?;
        created.header_is("docker-content-digest", &digest.to_string())?;
        self.get(&created.location()?)?
            .expect(&[200])?
            .body_is(content)
    }

    /// Pushes a manifest and reads it back from where it is said to be.
    pub(crate) fn push_manifest(
        &mut self,
        reference: &str,
        media_type: &str,
        raw: &[u8],
    ) -> Result<Answer, String> {
        let url = self.url(&format!("manifests/{reference}"));
        let created = self
            .send(Method::PUT, &url, &[("content-type", media_type)], raw)?
            .expect(&[201])?;
        let found = self
            .send(
                Method::GET,
                &created.location()?,
                &[("accept", media_type)],
                &[],
            )?
            .expect(&[200])?;
        found.body_is(raw)?;
        found.header_is("content-type", media_type)?;
        Ok(created)
    }
}

/// The content type of blobs on their way in.
pub(crate) const OCTETS: (&str, &str) = ("content-type", "application/octet-stream");

/// What came back.
#[derive(Debug)]
pub(crate) struct Answer {
    asked: String,
    url: Url,
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    /// Goes on if the status is one of these.
    pub(crate) fn expect(self, statuses: &[u16]) -> Result<Self, String> {
        if statuses.contains(&self.status) {
            return Ok(self);
        }
        let body: String = String::from_utf8_lossy(&self.body)
            .chars()
            .take(200)
            .collect();
        Err(format!(
            "{}: {} where {statuses:?} is due: {body}",
            self.asked, self.status
        ))
    }

    pub(crate) fn header(&self, name: &str) -> Result<&str, String> {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .ok_or_else(|| format!("{}: no {name}", self.asked))
    }

    pub(crate) fn header_is(&self, name: &str, wanted: &str) -> Verdict {
        let found = self.header(name)?;
        if found == wanted {
            Ok(())
        } else {
            Err(format!("{}: {name} is {found}, not {wanted}", self.asked))
        }
    }

    /// `Location`, resolved.
    pub(crate) fn location(&self) -> Result<Url, String> {
        let location = self.header("location")?;
        self.url
            .join(location)
            .map_err(|error| format!("{}: Location {location}: {error}", self.asked))
    }

    /// The target of `Link` with `rel="next"`, resolved.
    pub(crate) fn next(&self) -> Option<Url> {
        let link = self.header("link").ok()?;
        let (target, parameters) = link.strip_prefix('<')?.split_once('>')?;
        parameters.contains("rel=\"next\"").then_some(())?;
        self.url.join(target).ok()
    }

    pub(crate) fn body_is(&self, wanted: &[u8]) -> Verdict {
        if self.body == wanted {
            Ok(())
        } else {
            Err(format!(
                "{}: a body of {} bytes is not the one of {} bytes due",
                self.asked,
                self.body.len(),
                wanted.len()
            ))
        }
    }

    pub(crate) fn json(&self) -> Result<serde_json::Value, String> {
        serde_json::from_slice(&self.body).map_err(|error| format!("{}: {error}", self.asked))
    }

    /// Goes on if the body carries this error code (section "Error Codes").
    pub(crate) fn code_is(&self, code: &str) -> Verdict {
        let body = self.json()?;
        if body["errors"][0]["code"] == code {
            Ok(())
        } else {
            Err(format!("{}: {body} where {code} is due", self.asked))
        }
    }
}

/// Goes on if something holds.
pub(crate) fn ensure(holds: bool, what: impl FnOnce() -> String) -> Verdict {
    if holds { Ok(()) } else { Err(what()) }
}
