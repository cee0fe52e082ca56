//! The simple signing payload: what a signature at a `.sig` tag is over.

use ocirepo::digest::Digest;
use ocirepo::reference::Repository;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::format::PAYLOAD_TYPE;
use super::verdict::Refusal;

/// Payloads larger than this, in bytes, are not read: one takes a few hundred.
pub(super) const MAX_PAYLOAD: u64 = 64 * 1024;

#[derive(Serialize, Deserialize)]
struct Payload {
    critical: Critical,
    /// What else the signer said; it is signed but changes nothing.
    #[serde(default)]
    optional: Value,
}

/// What is not understood here may be a restriction.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Critical {
    identity: Identity,
    image: Image,
    #[serde(rename = "type")]
    kind: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Identity {
    #[serde(rename = "docker-reference")]
    reference: String,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Image {
    #[serde(rename = "docker-manifest-digest")]
    digest: String,
}

/// The payload that says that a manifest belongs to a repository.
pub(super) fn write(repository: &Repository, root: &Digest) -> Vec<u8> {
    let payload = Payload {
        critical: Critical {
            identity: Identity {
                reference: repository.to_string(),
            },
            image: Image {
                digest: root.to_string(),
            },
            kind: PAYLOAD_TYPE.to_owned(),
        },
        optional: Value::Null,
    };
    // Writing to memory what has string keys only cannot fail.
    serde_json::to_vec(&payload).unwrap_or_default()
}

/// Reads a payload whose signature is good, and returns the repository it was signed for.
/// It must be about this manifest.
pub(super) fn read(payload: &[u8], root: &Digest) -> Result<String, Refusal> {
    let payload: Payload =
        serde_json::from_slice(payload).map_err(|_| Refusal::Malformed("payload"))?;
    if payload.critical.kind != PAYLOAD_TYPE {
        return Err(Refusal::OtherKind);
    }
    if payload.critical.image.digest != root.to_string() {
        return Err(Refusal::OtherDigest);
    }
    Ok(payload.critical.identity.reference)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root() -> Digest {
        Digest::of(b"root")
    }

    #[test]
    fn it_is_written_as_cosign_writes_it() {
        let repository = "localhost:5000/me/repo".parse::<ocirepo::Reference>();
        let repository = repository.unwrap().into_repository();
        let payload = write(&repository, &root());
        let expected = format!(
            "{{\"critical\":{{\"identity\":{{\"docker-reference\":\"localhost:5000/me/repo\"}},\
             \"image\":{{\"docker-manifest-digest\":\"{}\"}},\
             \"type\":\"cosign container image signature\"}},\"optional\":null}}",
            root()
        );
        assert_eq!(String::from_utf8(payload.clone()).unwrap(), expected);
        assert_eq!(read(&payload, &root()).unwrap(), "localhost:5000/me/repo");
    }

    #[test]
    fn what_is_about_something_else_is_refused() {
        let text = |kind: &str, digest: &str, more: &str| {
            format!(
                r#"{{"critical":{{"identity":{{"docker-reference":"a"}},"image":{{"docker-manifest-digest":"{digest}"}},"type":"{kind}"{more}}},"optional":{{"a":1}}}}"#
            )
        };
        let (digest, other) = (root().to_string(), Digest::of(b"other").to_string());
        let read = |text: String| read(text.as_bytes(), &root());
        assert_eq!(read(text(PAYLOAD_TYPE, &digest, "")).unwrap(), "a");
        assert_eq!(
            read(text(PAYLOAD_TYPE, &other, "")),
            Err(Refusal::OtherDigest)
        );
        assert_eq!(
            read(text("atomic container signature", &digest, "")),
            Err(Refusal::OtherKind)
        );
        for malformed in [
            text(PAYLOAD_TYPE, &digest, r#","until":1"#),
            text(PAYLOAD_TYPE, &digest, r#","type":"x""#),
            "{}".to_owned(),
            String::new(),
        ] {
            let refusal = read(malformed).unwrap_err();
            assert_eq!(refusal, Refusal::Malformed("payload"));
        }
    }
}
