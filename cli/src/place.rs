//! Where content is, as the command line writes it: in a registry or in an OCI directory.

use std::fmt;
use std::path::PathBuf;

use ocirepo::reference::{Reference, Selector, Tag};
use ocirepo_native::Client;
use ocirepo_native::mirror;
use ocirepo_native::oci_directory::OciDirectory;
use ocirepo_rpm::mirror::names::Role;

use crate::client;
use crate::exit::Failure;

/// `oci://HOST/NAME[:TAG|@DIGEST]`, or `oci:DIR[:TAG|@DIGEST]` as skopeo writes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Registry(Reference),
    Directory {
        path: PathBuf,
        selector: Option<Selector>,
    },
}

impl Place {
    pub(crate) fn parse(text: &str) -> Result<Self, Failure> {
        let Some(rest) = text
            .strip_prefix("oci:")
            .filter(|rest| !rest.starts_with("//"))
        else {
            return Ok(Self::Registry(client::reference(text)?));
        };
        let (path, selector) = split(rest);
        if path.is_empty() {
            return Err(Failure::usage(format!(
                "`{text}` names no directory; an OCI directory is written oci:DIR[:TAG]"
            )));
        }
        let path = PathBuf::from(path);
        Ok(Self::Directory { path, selector })
    }

    /// The tag, if one is written.
    pub(crate) fn tag(&self) -> Option<Tag> {
        match self {
            Self::Registry(reference) => reference.tag().cloned(),
            Self::Directory { selector, .. } => match selector {
                Some(Selector::Tag(tag)) => Some(tag.clone()),
                _ => None,
            },
        }
    }

    /// Whether a digest is written.
    pub(crate) fn has_digest(&self) -> bool {
        match self {
            Self::Registry(reference) => reference.digest().is_some(),
            Self::Directory { selector, .. } => matches!(selector, Some(Selector::Digest(_))),
        }
    }

    /// The place to read from.
    pub(crate) fn source(&self, client: &Client) -> Result<mirror::Place, Failure> {
        match self {
            Self::Registry(reference) => {
                Ok(mirror::Place::registry(client, reference.repository()))
            }
            Self::Directory { path, .. } => Ok(OciDirectory::open(path)?.into()),
        }
    }

    /// The place to write to. A directory is made.
    pub(crate) fn target(&self, client: &Client) -> Result<mirror::Place, Failure> {
        match self {
            Self::Directory { path, .. } => Ok(OciDirectory::create(path)?.into()),
            Self::Registry(_) => self.source(client),
        }
    }

    /// What is meant at the source: what is written, or `latest`, or in a directory the
    /// only tag that moves.
    pub(crate) fn selector(&self) -> Result<Selector, Failure> {
        match self {
            Self::Registry(reference) => Ok(reference.selector()),
            Self::Directory {
                selector: Some(selector),
                ..
            } => Ok(selector.clone()),
            Self::Directory { path, .. } => {
                let mut tags = OciDirectory::open(path)?.tags()?;
                tags.retain(|tag| Role::of(tag) == Role::Other);
                match tags.as_slice() {
                    [only] => Ok(only.clone().into()),
                    [] => Err(Failure::not_found(format!("{self} has no tag"))),
                    more => {
                        let more: Vec<&str> = more.iter().map(Tag::as_str).collect();
                        Err(Failure::usage(format!(
                            "{self} has several tags, name one of them as {self}:TAG: {}",
                            more.join(", ")
                        )))
                    }
                }
            }
        }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(reference) => reference.fmt(f),
            Self::Directory { path, selector } => {
                write!(f, "oci:{}", path.display())?;
                match selector {
                    None => Ok(()),
                    Some(Selector::Tag(tag)) => write!(f, ":{tag}"),
                    Some(Selector::Digest(digest)) => write!(f, "@{digest}"),
                }
            }
        }
    }
}

/// Takes tag or digest off the end. What is neither belongs to the path.
fn split(text: &str) -> (&str, Option<Selector>) {
    if let Some((path, digest)) = text.rsplit_once('@')
        && let Ok(digest) = digest.parse()
    {
        return (path, Some(Selector::Digest(digest)));
    }
    if let Some((path, tag)) = text.rsplit_once(':')
        && let Ok(tag) = tag.parse()
    {
        return (path, Some(Selector::Tag(tag)));
    }
    (text, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_slashes_tell_a_registry_from_a_directory() {
        for registry in ["oci://localhost:5000/me/repo:el9", "ghcr.io/me/repo"] {
            let place = Place::parse(registry).unwrap();
            assert!(matches!(place, Place::Registry(_)), "{registry}");
        }
        let digest = format!("sha256:{}", "0".repeat(64));
        for (text, path, selector) in [
            ("oci:mirror", "mirror", None),
            ("oci:/srv/mirror:el9", "/srv/mirror", Some("el9")),
            ("oci:/srv/a:b/mirror", "/srv/a:b/mirror", None),
            ("oci:/srv/mirror:", "/srv/mirror:", None),
            (&format!("oci:m@{digest}"), "m", Some(digest.as_str())),
        ] {
            let Place::Directory {
                path: found,
                selector: at,
            } = Place::parse(text).unwrap()
            else {
                panic!("{text}");
            };
            assert_eq!(found, PathBuf::from(path), "{text}");
            assert_eq!(at, selector.map(|s| s.parse().unwrap()), "{text}");
            assert_eq!(Place::parse(text).unwrap().to_string(), text);
        }
        assert!(Place::parse("oci:").is_err());
        assert!(Place::parse("oci::el9").is_err());
    }
}
