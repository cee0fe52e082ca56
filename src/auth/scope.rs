//! What a token is good for, as the token protocol writes it.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use crate::reference::Repository;

/// One resource and what may be done with it: `repository:me/repo:pull,push`.
///
/// The notation is that of Docker's token scope documentation: a kind, perhaps with a
/// class in parentheses, a name that may itself hold a colon (`host:5000/me/repo`), and
/// actions. Actions are a set: their order and repetition mean nothing.
///
/// ```
/// use ocirepo::auth::Scope;
///
/// let scope: Scope = "repository:me/repo:push,pull".parse()?;
/// assert!(scope.covers(&"repository:me/repo:pull".parse()?));
/// assert_eq!(scope.to_string(), "repository:me/repo:pull,push");
/// # Ok::<(), ocirepo::auth::ParseScopeError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Scope {
    kind: String,
    name: String,
    actions: BTreeSet<String>,
}

/// Longest scope that is read, in bytes; names have at most 255.
const MAX_LEN: usize = 1024;

impl Scope {
    /// To read a repository.
    pub fn pull(repository: &Repository) -> Self {
        Self::repository(repository, &["pull"])
    }

    /// To read and write a repository. Registries hand out no `push` without `pull`.
    pub fn push(repository: &Repository) -> Self {
        Self::repository(repository, &["pull", "push"])
    }

    /// To delete from a repository. Registries differ in which action they ask for, so
    /// all three are named; a token server grants those the account has.
    pub fn delete(repository: &Repository) -> Self {
        Self::repository(repository, &["delete", "pull", "push"])
    }

    /// To list the repositories of a registry.
    pub fn catalog() -> Self {
        Self {
            kind: "registry".to_owned(),
            name: "catalog".to_owned(),
            actions: BTreeSet::from(["*".to_owned()]),
        }
    }

    fn repository(repository: &Repository, actions: &[&str]) -> Self {
        Self {
            kind: "repository".to_owned(),
            name: repository.name().to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
        }
    }

    /// The kind of resource, such as `repository` or `repository(plugin)`.
    pub fn kind(&self) -> &str {
        &self.kind
    }

    /// The name of the resource, such as `me/repo`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The actions in order, such as `pull` and `push`.
    pub fn actions(&self) -> impl Iterator<Item = &str> {
        self.actions.iter().map(String::as_str)
    }

    /// Whether a token for this scope serves a request that needs `other`: the same
    /// resource, and every action of it (`*` stands for all).
    pub fn covers(&self, other: &Self) -> bool {
        self.same_resource(other)
            && (self.actions.contains("*") || other.actions.is_subset(&self.actions))
    }

    /// Takes the actions of `other` in, if it is about the same resource; tells whether
    /// it was.
    pub fn merge(&mut self, other: &Self) -> bool {
        let same = self.same_resource(other);
        if same {
            self.actions.extend(other.actions.iter().cloned());
        }
        same
    }

    fn same_resource(&self, other: &Self) -> bool {
        self.kind == other.kind && self.name == other.name
    }

    /// Reads a list separated by blanks, as challenges and OAuth2 forms hold it. What is
    /// not a scope is left out; at most 64 are read.
    pub fn parse_list(text: &str) -> Vec<Self> {
        text.split_ascii_whitespace()
            .filter_map(|scope| scope.parse().ok())
            .take(64)
            .collect()
    }
}

impl FromStr for Scope {
    type Err = ParseScopeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let legal = |b: u8| b.is_ascii_graphic() && b != b'"' && b != b'\\';
        if text.len() > MAX_LEN || !text.bytes().all(legal) {
            return Err(ParseScopeError(()));
        }
        let (kind, rest) = text.split_once(':').ok_or(ParseScopeError(()))?;
        let (name, actions) = rest.rsplit_once(':').ok_or(ParseScopeError(()))?;
        if kind.is_empty() || name.is_empty() {
            return Err(ParseScopeError(()));
        }
        Ok(Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions
                .split(',')
                .filter(|action| !action.is_empty())
                .map(str::to_owned)
                .collect(),
        })
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:", self.kind, self.name)?;
        for (at, action) in self.actions.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{action}")?;
        }
        Ok(())
    }
}

/// Why a text is not a [`Scope`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParseScopeError(());

impl fmt::Display for ParseScopeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("invalid scope: expected kind:name:action,…, such as repository:me/repo:pull")
    }
}

impl std::error::Error for ParseScopeError {}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn scope(text: &str) -> Scope {
        text.parse().unwrap()
    }

    #[test]
    fn examples_of_the_token_scope_documentation() {
        let plain = scope("repository:samalba/my-app:pull,push");
        assert_eq!(
            (plain.kind(), plain.name()),
            ("repository", "samalba/my-app")
        );
        assert_eq!(plain.actions().collect::<Vec<_>>(), ["pull", "push"]);

        let class = scope("repository(plugin):samalba/my-app:pull");
        assert_eq!(class.kind(), "repository(plugin)");

        let port = scope("repository:registry.example:5000/me/repo:pull");
        assert_eq!(port.name(), "registry.example:5000/me/repo");

        assert_eq!(scope("registry:catalog:*"), Scope::catalog());
    }

    #[test]
    fn a_scope_covers_what_it_includes() {
        let push = scope("repository:a:pull,push");
        let all = scope("repository:a:*");
        let pull = scope("repository:a:pull");
        assert!(push.covers(&pull) && all.covers(&push) && pull.covers(&pull));
        assert!(!pull.covers(&push) && !push.covers(&all));
        assert!(!push.covers(&scope("repository:b:pull")));
        assert!(!push.covers(&scope("repository(plugin):a:pull")));
    }

    #[test]
    fn only_scopes_of_one_resource_merge() {
        let mut pull = scope("repository:a:pull");
        assert!(pull.merge(&scope("repository:a:push")));
        assert!(!pull.merge(&scope("repository:b:delete")));
        assert_eq!(pull.to_string(), "repository:a:pull,push");
    }

    #[test]
    fn what_is_not_a_scope_is_refused_or_left_out() {
        for text in [
            "",
            "a",
            "a:b",
            ":b:pull",
            "a::pull",
            "a:b c:pull",
            "a:b:\"",
            "é:b:c",
        ] {
            assert!(text.parse::<Scope>().is_err(), "{text}");
        }
        assert!(
            format!("a:{}:b", "x".repeat(2000))
                .parse::<Scope>()
                .is_err()
        );
        assert!(
            format!("a:{}:b", "x".repeat(MAX_LEN - 4))
                .parse::<Scope>()
                .is_ok()
        );
        let list = Scope::parse_list("  openid repository:a:pull\trepository:b:pull ");
        assert_eq!(
            list,
            [scope("repository:a:pull"), scope("repository:b:pull")]
        );
    }

    proptest! {
        #[test]
        fn any_text_is_read_without_panic(text in ".{0,80}") {
            if let Ok(scope) = text.parse::<Scope>() {
                prop_assert_eq!(scope.to_string().parse::<Scope>(), Ok(scope));
            }
        }

        #[test]
        fn a_merged_scope_covers_both(a in "[a-z*,]{0,9}", b in "[a-z*,]{0,9}") {
            let (a, b) = (scope(&format!("k:n:{a}")), scope(&format!("k:n:{b}")));
            let mut both = a.clone();
            both.merge(&b);
            prop_assert!(both.covers(&a) && both.covers(&b));
        }
    }
}
