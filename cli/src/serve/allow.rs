//! What the bridge may reach: only what somebody named.

use std::fmt;

use ocirepo::reference::{Location, Reference, Registry, Repository, Scheme};

use crate::client::quoted;
use crate::exit::Failure;

/// Repositories and prefixes that were named.
#[derive(Clone, Debug, Default)]
pub(crate) struct AllowList(Vec<Rule>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Rule {
    registry: Registry,
    /// The repository, or what is before the repositories; empty for the whole registry.
    name: String,
    /// Whether repositories below the name are meant too.
    below: bool,
}

impl AllowList {
    /// Adds one repository, at every tag.
    pub(crate) fn repository(&mut self, repository: &Repository) {
        self.0.push(Rule {
            registry: repository.registry.clone(),
            name: repository.name().to_owned(),
            below: false,
        });
    }

    /// Adds a repository and those below it, as the layout `tree` has them.
    pub(crate) fn below(&mut self, repository: &Repository) {
        self.repository(repository);
        if let Some(rule) = self.0.last_mut() {
            rule.below = true;
        }
    }

    /// Adds `[oci://|oci+http://]REGISTRY[/PREFIX]`: the repository of that name and all
    /// below it, or all of the registry.
    pub(crate) fn prefix(&mut self, text: &str) -> Result<(), Failure> {
        let refuse =
            |error: &dyn fmt::Display| Failure::usage(format!("--allow {}: {error}", quoted(text)));
        let (scheme, rest) = text.split_once("://").unwrap_or(("oci", text));
        let rest = rest.trim_end_matches('/');
        let rule = if rest.contains('/') {
            let location =
                Location::parse(&format!("{scheme}://{rest}")).map_err(|error| refuse(&error))?;
            let reference = location.reference();
            if reference.tag().is_some() || reference.digest().is_some() {
                return Err(refuse(&"a prefix has no tag and no digest"));
            }
            Rule {
                registry: reference.registry().clone(),
                name: reference.repository().name().to_owned(),
                below: true,
            }
        } else {
            let registry = match scheme {
                "oci" => Registry::with_default_scheme(rest),
                "oci+https" => Registry::new(Scheme::Https, rest),
                "oci+http" => Registry::new(Scheme::Http, rest),
                _ => return Err(refuse(&"the scheme must be oci, oci+http or oci+https")),
            };
            Rule {
                registry: registry.map_err(|error| refuse(&error))?,
                name: String::new(),
                below: true,
            }
        };
        self.0.push(rule);
        Ok(())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The registry whose API is at `HOST[:PORT]`, with the scheme it was named with, and
    /// whether all of it is allowed.
    pub(crate) fn registry(&self, authority: &str) -> Option<(&Registry, bool)> {
        let at = |rule: &&Rule| {
            let base = rule.registry.base();
            let host = base.host_str().unwrap_or_default();
            match base.port() {
                Some(port) => authority.eq_ignore_ascii_case(&format!("{host}:{port}")),
                None => authority.eq_ignore_ascii_case(host),
            }
        };
        let rules = || self.0.iter().filter(at);
        let whole = rules().any(|rule| rule.below && rule.name.is_empty());
        rules().next().map(|rule| (&rule.registry, whole))
    }

    /// Whether a repository is allowed, by whatever scheme its registry is named.
    pub(crate) fn covers(&self, repository: &Repository) -> bool {
        self.0.iter().any(|rule| rule.covers(repository))
    }

    /// The reference with the scheme its registry was named with, if it is allowed.
    pub(crate) fn admit(&self, reference: &Reference) -> Option<Reference> {
        let repository = reference.repository();
        let rule = self.0.iter().find(|rule| rule.covers(repository))?;
        let registry = repository
            .registry
            .clone()
            .with_scheme(rule.registry.scheme());
        let mut admitted = Reference::new(Repository::new(registry, repository.name()).ok()?);
        if let Some(tag) = reference.tag() {
            admitted = admitted.with_tag(tag.clone());
        }
        if let Some(digest) = reference.digest() {
            admitted = admitted.with_digest(digest);
        }
        Some(admitted)
    }

    /// One line for each rule, for people.
    pub(crate) fn lines(&self) -> impl Iterator<Item = String> {
        self.0.iter().map(|rule| match (&*rule.name, rule.below) {
            ("", _) => format!("{}/*", rule.registry),
            (name, true) => format!("{0}/{name}, {0}/{name}/*", rule.registry),
            (name, false) => format!("{}/{name}", rule.registry),
        })
    }
}

impl Rule {
    fn covers(&self, repository: &Repository) -> bool {
        if self.registry.authority() != repository.registry.authority() {
            return false;
        }
        let name = repository.name();
        match name.strip_prefix(&self.name) {
            Some("") => true,
            Some(rest) => self.below && (self.name.is_empty() || rest.starts_with('/')),
            None => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reference(text: &str) -> Reference {
        Location::parse(text).unwrap().into_reference()
    }

    fn list(prefixes: &[&str]) -> AllowList {
        let mut list = AllowList::default();
        for prefix in prefixes {
            list.prefix(prefix).unwrap();
        }
        list
    }

    #[test]
    fn a_prefix_ends_at_a_slash() {
        let list = list(&["ghcr.io/me/"]);
        assert!(list.admit(&reference("oci://ghcr.io/me:a")).is_some());
        assert!(list.admit(&reference("oci://ghcr.io/me/repo:a")).is_some());
        assert!(
            list.admit(&reference("oci://ghcr.io/mean/repo:a"))
                .is_none()
        );
        assert!(list.admit(&reference("oci://quay.io/me/repo:a")).is_none());
    }

    #[test]
    fn a_repository_is_only_itself() {
        let mut list = AllowList::default();
        list.repository(reference("oci://ghcr.io/me/repo:el9").repository());
        assert!(
            list.admit(&reference("oci://ghcr.io/me/repo:el10"))
                .is_some()
        );
        assert!(
            list.admit(&reference("oci://ghcr.io/me/repo/x:el9"))
                .is_none()
        );
    }

    #[test]
    fn a_registry_alone_covers_all_of_it_but_not_another_port() {
        let list = list(&["127.0.0.1:5000"]);
        assert!(list.admit(&reference("oci://127.0.0.1:5000/a:b")).is_some());
        assert!(list.admit(&reference("oci://127.0.0.1:5001/a:b")).is_none());
    }

    #[test]
    fn the_scheme_is_the_one_the_registry_was_named_with() {
        let list = list(&["oci+http://registry.example:5000/me"]);
        let admitted = list
            .admit(&reference("oci://registry.example:5000/me/repo:el9"))
            .unwrap();
        assert_eq!(admitted.registry().scheme(), Scheme::Http);
        assert_eq!(admitted.tag().unwrap().as_str(), "el9");
    }

    #[test]
    fn a_registry_is_found_by_where_its_api_is() {
        let list = list(&[
            "oci+http://r.example:5000/me",
            "docker.io",
            "127.0.0.1:5000/a",
        ]);
        let found = |authority| {
            let (registry, whole) = list.registry(authority)?;
            Some((registry.base().to_string(), whole))
        };
        assert_eq!(
            found("R.example:5000"),
            Some(("http://r.example:5000/".to_owned(), false))
        );
        assert_eq!(
            found("registry-1.docker.io"),
            Some(("https://registry-1.docker.io/".to_owned(), true))
        );
        for other in ["r.example", "docker.io", "127.0.0.1", "r.example:5000.evil"] {
            assert_eq!(found(other), None, "{other}");
        }
    }

    #[test]
    fn a_prefix_with_a_tag_is_refused() {
        let error = AllowList::default()
            .prefix("ghcr.io/me/repo:el9")
            .unwrap_err();
        assert!(error.to_string().contains("no tag"), "{error}");
        assert!(AllowList::default().prefix("ftp://ghcr.io").is_err());
        assert!(AllowList::default().prefix("").is_err());
    }
}
