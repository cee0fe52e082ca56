//! Scenarios as they are written in `tests/hosts/*.json`.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::Deserialize;
use serde_json::{Map, Value};

use super::{Failure, Result, quirk::Rule};

/// A file of scenarios that share content.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    /// Named bytes, for all scenarios.
    data: Map<String, Value>,
    /// What the origins hold, unless a scenario says otherwise.
    stock: Value,
    scenarios: Vec<Map<String, Value>>,
}

/// A scenario whose addresses are not known yet.
#[derive(Clone, Debug)]
pub(crate) struct Draft {
    /// `SUBJECT: NAME`, the name of its file and its own.
    pub(crate) name: String,
    pub(crate) data: Map<String, Value>,
    pub(crate) stock: Value,
    pub(crate) value: Map<String, Value>,
}

/// A scenario with everything filled in.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(crate) struct Scenario {
    #[serde(rename = "name")]
    _name: String,
    /// Where it is from, for people.
    #[serde(default, rename = "why")]
    _why: String,
    /// The servers, by name. `registry` is there in any case.
    #[serde(default)]
    pub(crate) origins: BTreeMap<String, Origin>,
    #[serde(default)]
    pub(crate) stock: BTreeMap<String, BTreeMap<String, Stock>>,
    /// `set`, `login` and `trust` lines.
    #[serde(default)]
    pub(crate) settings: Vec<String>,
    pub(crate) operations: Vec<String>,
    /// Files that are there at the start: their content.
    #[serde(default)]
    pub(crate) files: BTreeMap<String, String>,
    pub(crate) expect: Expect,
    /// What is expected otherwise of hosts with a capability, by its name.
    #[serde(default, rename = "where")]
    pub(crate) otherwise: BTreeMap<String, Expect>,
    /// Hosts that cannot take part, and why; the draft is asked for it.
    #[serde(default, rename = "without")]
    _without: BTreeMap<String, String>,
}

/// One server.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Origin {
    /// `https` with a certificate for 127.0.0.1 and localhost.
    pub(crate) tls: bool,
    /// Whether it is named `localhost` in addresses, instead of 127.0.0.1.
    pub(crate) localhost: bool,
    /// Whether nobody listens there.
    pub(crate) down: bool,
    /// `basic` or `bearer`, for `lab` with the password `labpass`.
    pub(crate) auth: Option<String>,
    /// Where challenges send for tokens, when it is not the registry itself.
    pub(crate) realm: Option<String>,
    /// How long tokens live, in seconds.
    pub(crate) token_lifetime: Option<u64>,
    /// Whether everybody may read.
    pub(crate) public: bool,
    /// The smallest chunk, announced and enforced.
    pub(crate) chunk_min: Option<u64>,
    /// The most entries on a page.
    pub(crate) page: Option<usize>,
    /// Whether this is an imitation of docker-registry.
    pub(crate) docker: bool,
    pub(crate) rules: Vec<Rule>,
}

/// What a repository holds: names of data.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Stock {
    pub(crate) blobs: Vec<String>,
    /// By tag; those whose tag begins with `@` have none.
    pub(crate) manifests: BTreeMap<String, String>,
}

/// What must be seen.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(crate) struct Expect {
    /// By operation.
    pub(crate) answers: Option<BTreeMap<String, String>>,
    /// Events, in order.
    pub(crate) events: Option<Vec<String>>,
    /// Requests; those in an inner list in any order.
    pub(crate) requests: Option<Vec<Lines>>,
    /// Files, and the content they have.
    pub(crate) written: Option<BTreeMap<String, String>>,
    /// What the registries hold in the end, by origin and repository.
    pub(crate) stored: Option<BTreeMap<String, BTreeMap<String, Stock>>>,
    /// The most requests that may be under way at once; at least two were.
    pub(crate) at_once: Option<usize>,
}

/// One request, some in any order, or some again and again.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Lines {
    One(String),
    AnyOrder(Vec<String>),
    Repeated { times: usize, lines: Vec<String> },
}

impl Expect {
    /// What is expected where `other` holds too.
    pub(crate) fn but(mut self, other: &Self) -> Self {
        let Self {
            answers,
            events,
            requests,
            written,
            stored,
            at_once,
        } = other.clone();
        self.answers = answers.or(self.answers);
        self.events = events.or(self.events);
        self.requests = requests.or(self.requests);
        self.written = written.or(self.written);
        self.stored = stored.or(self.stored);
        self.at_once = at_once.or(self.at_once);
        self
    }
}

/// All scenarios of a directory, by the names of their files.
pub(crate) fn load(directory: &Path) -> Result<Vec<Draft>> {
    let told = |error: &dyn std::fmt::Display, path: &Path| {
        Failure::new(format!("{}: {error}", path.display()))
    };
    let mut paths: Vec<_> = fs::read_dir(directory)
        .map_err(|error| told(&error, directory))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|end| end == "json"))
        .collect();
    paths.sort();
    let mut drafts: Vec<Draft> = Vec::new();
    for path in paths {
        let text = fs::read_to_string(&path).map_err(|error| told(&error, &path))?;
        let subject: Subject = serde_json::from_str(&text).map_err(|error| told(&error, &path))?;
        let stem = path.file_stem().unwrap_or_default().to_string_lossy();
        for value in subject.scenarios {
            let own = value.get("name").and_then(Value::as_str);
            let name = format!(
                "{stem}: {}",
                own.ok_or_else(|| told(&"a scenario has no name", &path))?
            );
            if drafts.iter().any(|draft| draft.name == name) {
                return Err(told(&format!("{name} is there twice"), &path));
            }
            drafts.push(Draft {
                name,
                data: subject.data.clone(),
                stock: subject.stock.clone(),
                value,
            });
        }
    }
    Ok(drafts)
}
