//! What a request line asks for: `/<registry[:port]>/<name>:<tag>/<path>`.

use std::fmt;

use ocirepo::reference::{Location, Reference, ReferenceError};
use ocirepo_rpm::name;

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// `/`: what is served here, for people.
    Home,
    /// `/-/health`. No registry is called `-`.
    Health,
    /// `/-/metrics`
    Metrics,
    /// `/-/failures`: what went wrong for this client since it asked last.
    Failures,
    /// A file of a repository.
    File {
        /// The repository and its tag or digest. The scheme is a guess until the allow
        /// list has its say.
        reference: Reference,
        /// The path of the file inside the repository, decoded.
        path: String,
    },
}

/// Why a path is no target; displays as a sentence for the client.
#[derive(Debug)]
pub(super) enum TargetError {
    /// Neither tag nor digest.
    Shape,
    Reference(ReferenceError),
    Path(name::NameError),
}

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Shape => f.write_str(
                "the path must be /REGISTRY[:PORT]/NAME:TAG/FILE or \
                 /REGISTRY[:PORT]/NAME@DIGEST/FILE, with the tag or digest written out",
            ),
            Self::Reference(error) => error.fmt(f),
            Self::Path(error) => error.fmt(f),
        }
    }
}

impl Target {
    /// Reads the path of a request, as it came.
    pub(super) fn parse(raw: &str) -> Result<Self, TargetError> {
        match raw {
            "" | "/" => return Ok(Self::Home),
            "/-/health" => return Ok(Self::Health),
            "/-/metrics" => return Ok(Self::Metrics),
            "/-/failures" => return Ok(Self::Failures),
            _ => {}
        }
        let raw = raw.strip_prefix('/').ok_or(TargetError::Shape)?;
        let (registry, mut rest) = raw.split_once('/').ok_or(TargetError::Shape)?;
        let mut text = format!("oci://{}", decode(registry)?);
        loop {
            let (component, after) = rest.split_once('/').ok_or(TargetError::Shape)?;
            let component = decode(component)?;
            // A component of a name holds neither, so the first that does ends the name.
            let last = component.contains([':', '@']);
            text.push('/');
            text.push_str(&component);
            rest = after;
            if last {
                break;
            }
        }
        let reference = Location::parse(&text)
            .map_err(TargetError::Reference)?
            .into_reference();
        if reference.tag().is_none() && reference.digest().is_none() {
            return Err(TargetError::Shape);
        }
        let path = decode(rest)?;
        name::check_path(&path).map_err(TargetError::Path)?;
        Ok(Self::File { reference, path })
    }
}

/// Decodes once; an encoded slash would move the border between name and path.
fn decode(raw: &str) -> Result<String, TargetError> {
    name::percent_decode(raw).map_err(TargetError::Path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(raw: &str) -> (String, String) {
        match Target::parse(raw).unwrap() {
            Target::File { reference, path } => (reference.to_string(), path),
            other => panic!("{other:?}"),
        }
    }

    fn refused(raw: &str) -> String {
        match Target::parse(raw) {
            Ok(target) => panic!("{raw}: {target:?}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_name_ends_at_the_first_component_with_a_tag_or_digest() {
        assert_eq!(
            file("/127.0.0.1:5000/lab/repo:el9/repodata/repomd.xml"),
            (
                "127.0.0.1:5000/lab/repo:el9".into(),
                "repodata/repomd.xml".into()
            )
        );
        let digest = format!("sha256:{}", "a".repeat(64));
        assert_eq!(
            file(&format!("/ghcr.io/me/repo@{digest}/p/a:b.rpm")),
            (format!("ghcr.io/me/repo@{digest}"), "p/a:b.rpm".into())
        );
    }

    #[test]
    fn paths_are_decoded_once() {
        assert_eq!(
            file("/ghcr.io/me/repo%3Ael9/LibFoo%2b%2b-1.2~rc1%5egit.rpm").1,
            "LibFoo++-1.2~rc1^git.rpm"
        );
        assert_eq!(file("/ghcr.io/me/repo:el9/a%252e").1, "a%2e");
    }

    #[test]
    fn what_leaves_the_repository_is_refused() {
        for path in [
            "../x",
            "a/%2e%2e/x",
            "a//b",
            "./a",
            "",
            "a/..",
            "%00",
            "a%2f..%2fb",
        ] {
            refused(&format!("/ghcr.io/me/repo:el9/{path}"));
        }
        refused("/ghcr.io/../me/repo:el9/a");
        refused("/ghcr.io/me%2f..%2frepo:el9/a");
    }

    #[test]
    fn tag_or_digest_must_be_written() {
        assert!(refused("/ghcr.io/me/repo/repodata/repomd.xml").contains("written out"));
        assert!(refused("/ghcr.io/me/repo:el9").contains("written out"));
        refused("/ghcr.io/me/repo:/a");
        refused("/ghcr.io");
        refused("*");
    }

    #[test]
    fn own_pages_have_no_registry() {
        assert_eq!(Target::parse("/").unwrap(), Target::Home);
        assert_eq!(Target::parse("/-/health").unwrap(), Target::Health);
        assert_eq!(Target::parse("/-/metrics").unwrap(), Target::Metrics);
    }
}
