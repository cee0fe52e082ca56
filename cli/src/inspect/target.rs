//! What the page asks a registry for, read from the path behind `gateway/`.

use ocirepo::reference::{Registry, Repository};
use url::Url;

use crate::serve::allow::AllowList;

/// A request to a registry.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) registry: Registry,
    /// Missing for what is not in a repository.
    pub(super) repository: Option<Repository>,
    pub(super) url: Url,
}

/// Why a request is not passed on, in a sentence.
pub(super) type Denied = String;

/// `HOST[:PORT]` and the path behind it, with its slash.
pub(super) fn split(path: &str) -> Option<(&str, &str)> {
    let at = path.find('/')?;
    let (authority, path) = path.split_at(at);
    (!authority.is_empty()).then_some((authority, path))
}

/// Reads what is asked of a registry: that it speaks the protocol, its list of repositories, or
/// something in a repository, if that is allowed.
pub(super) fn read(
    allow: &AllowList,
    authority: &str,
    path: &str,
    query: Option<&str>,
) -> Result<Target, Denied> {
    let Some((registry, whole)) = allow.registry(authority) else {
        return Err(format!(
            "{authority} may not be reached; start `ocirepo inspect` with --allow {authority}"
        ));
    };
    let mut url = registry.base();
    url.set_path(path);
    url.set_query(query);
    // A path that is read in two ways may be checked in one and fetched in the other.
    if url.path() != path || path.contains("//") {
        return Err(format!("{path} is not a path of the registry API"));
    }
    let api = path.strip_prefix("/v2/");
    let api = api.ok_or_else(|| format!("{path} is not a path of the registry API"))?;
    let repository = match api {
        "" => None,
        "_catalog" if whole => None,
        "_catalog" => {
            return Err(format!(
                "the list of all repositories may not be read; start `ocirepo inspect` with \
                 --allow {authority}"
            ));
        }
        api => Some(repository(registry, api).ok_or_else(|| {
            format!("{path} is not a path of the registry API that is read from")
        })?),
    };
    if let Some(repository) = repository.as_ref().filter(|found| !allow.covers(found)) {
        return Err(format!(
            "{repository} may not be reached; start `ocirepo inspect` with --allow {repository}"
        ));
    }
    Ok(Target {
        registry: registry.clone(),
        repository,
        url,
    })
}

/// The repository of `NAME/manifests/…`, `NAME/blobs/…`, `NAME/tags/list` or `NAME/referrers/…`.
fn repository(registry: &Registry, api: &str) -> Option<Repository> {
    let (rest, last) = api.rsplit_once('/')?;
    let (name, kind) = rest.rsplit_once('/')?;
    let reads = match kind {
        "manifests" | "blobs" | "referrers" => !last.is_empty(),
        "tags" => last == "list",
        _ => false,
    };
    reads
        .then(|| Repository::new(registry.clone(), name).ok())
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn target(path: &str) -> Result<String, Denied> {
        let mut allow = AllowList::default();
        for prefix in ["oci+http://r.example:5000/me", "whole.example"] {
            allow.prefix(prefix).unwrap();
        }
        let (path, query) = match path.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (path, None),
        };
        let (authority, path) = split(path).ok_or("no host")?;
        read(&allow, authority, path, query).map(|target| {
            let name = target.repository.map(|found| found.name().to_owned());
            format!("{} {}", name.as_deref().unwrap_or("-"), target.url)
        })
    }

    #[test]
    fn what_readers_ask_for_is_passed_on() {
        for (path, expected) in [
            ("r.example:5000/v2/", "- http://r.example:5000/v2/"),
            (
                "r.example:5000/v2/me/repo/manifests/el9",
                "me/repo http://r.example:5000/v2/me/repo/manifests/el9",
            ),
            (
                "r.example:5000/v2/me/tags/list?n=100&last=a%2Fb",
                "me http://r.example:5000/v2/me/tags/list?n=100&last=a%2Fb",
            ),
            (
                "whole.example/v2/tags/list/blobs/sha256:00",
                "tags/list https://whole.example/v2/tags/list/blobs/sha256:00",
            ),
            (
                "whole.example/v2/a/referrers/sha256:00?artifactType=x",
                "a https://whole.example/v2/a/referrers/sha256:00?artifactType=x",
            ),
            (
                "whole.example/v2/_catalog",
                "- https://whole.example/v2/_catalog",
            ),
        ] {
            assert_eq!(target(path).as_deref(), Ok(expected), "{path}");
        }
    }

    #[test]
    fn everything_else_is_denied() {
        for path in [
            "",
            "/v2/",
            "r.example:5000",
            "r.example/v2/",
            "other.example/v2/",
            "r.example:5000@other.example/v2/",
            "whole.example:443@other.example/v2/",
            "r.example:5000/v2/_catalog",
            "r.example:5000/v2/mean/manifests/a",
            "r.example:5000/v2/other/blobs/sha256:00",
            "r.example:5000/v2/me/../other/blobs/sha256:00",
            "r.example:5000/v2/me/%2e%2e/other/blobs/sha256:00",
            "r.example:5000/v2/me\\..\\other/blobs/sha256:00",
            "r.example:5000/v2/me%2f..%2fother/blobs/sha256:00",
            "r.example:5000/v2/me//blobs/sha256:00",
            "r.example:5000/v2/me/blobs/",
            "r.example:5000/v2/me/blobs/uploads/1",
            "r.example:5000/v2/me/tags/other",
            "r.example:5000/metrics",
            "r.example:5000/v2",
        ] {
            assert!(target(path).is_err(), "{path}: {:?}", target(path));
        }
    }
}
