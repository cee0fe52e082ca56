//! Scopes: what a token is for (Docker's token specification, section "Scope").

use std::fmt;

use crate::auth::Rights;

/// `<kind>:<name>:<action>,<action>`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Scope {
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) actions: Vec<String>,
}

impl Scope {
    pub(crate) fn new(kind: &str, name: &str, actions: &[&str]) -> Self {
        Self {
            kind: kind.to_owned(),
            name: name.to_owned(),
            actions: actions.iter().map(|&action| action.to_owned()).collect(),
        }
    }

    /// Parses one scope; the name may itself contain colons (`host:5000/name`).
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(':')?;
        let (name, actions) = rest.rsplit_once(':')?;
        let actions: Vec<_> = actions.split(',').filter(|a| !a.is_empty()).collect();
        Some(Self::new(kind, name, &actions))
    }

    /// What of this scope somebody with these rights gets.
    pub(crate) fn granted(mut self, rights: Rights) -> Self {
        self.actions.retain(|action| rights.include(action));
        self
    }

    /// Whether holding this scope is enough where the other is needed.
    pub(crate) fn covers(&self, needed: &str, kind: &str, name: &str) -> bool {
        self.kind == kind
            && self.name == name
            && self
                .actions
                .iter()
                .any(|held| held == needed || held == "*")
    }
}

impl fmt::Display for Scope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}", self.kind, self.name, self.actions.join(","))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_read_and_write_the_same() {
        for text in [
            "repository:a/b:pull,push",
            "repository:host:5000/a:pull",
            "registry:catalog:*",
        ] {
            assert_eq!(Scope::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(Scope::parse("repository"), None);
        assert_eq!(Scope::parse("repository:a"), None);
    }

    #[test]
    fn rights_cut_a_scope_down() {
        let scope = Scope::parse("repository:a:pull,push,delete").unwrap();
        let cut = scope.clone().granted(Rights::Pull);
        assert_eq!(cut.to_string(), "repository:a:pull");
        assert!(cut.covers("pull", "repository", "a"));
        assert!(!cut.covers("push", "repository", "a"));
        assert!(!cut.covers("pull", "repository", "b"));
        assert_eq!(scope.clone().granted(Rights::All), scope);
    }
}
