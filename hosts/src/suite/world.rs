//! The world of one scenario: addresses, content, registries.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use ocirepo::Digest;
use ocirepo_registry::{Auth, Config, Cors, Registry, Rights, Scheme};
use serde_json::{Map, Value};

use super::scenario::{Draft, Origin, Scenario, Stock};
use super::{Failure, Result};

/// Who may log in everywhere.
const ACCOUNT: &str = "lab";
/// With this password.
pub(crate) const PASSWORD: &str = "labpass";

/// A scenario with the content it speaks of.
#[derive(Debug)]
pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) data: BTreeMap<String, Bytes>,
}

/// What names in braces stand for.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names(BTreeMap<String, String>);

/// Where an origin is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Address {
    pub(crate) tls: bool,
    /// `127.0.0.1:PORT` or `localhost:PORT`
    pub(crate) authority: String,
}

impl Address {
    pub(crate) fn url(&self) -> String {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}", self.authority)
    }
}

/// The origins of a scenario, as far as their addresses depend on them.
pub(crate) fn origins(draft: &Draft) -> Result<BTreeMap<String, Shape>> {
    let mut shapes = BTreeMap::from([("registry".to_owned(), Shape::default())]);
    let listed = draft.value.get("origins").and_then(Value::as_object);
    for (name, origin) in listed.into_iter().flatten() {
        let is = |key| origin.get(key).and_then(Value::as_bool).unwrap_or_default();
        let shape = Shape {
            tls: is("tls"),
            localhost: is("localhost"),
            down: is("down"),
        };
        shapes.insert(name.clone(), shape);
    }
    Ok(shapes)
}

/// What kind of address an origin has.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Shape {
    pub(crate) tls: bool,
    pub(crate) localhost: bool,
    pub(crate) down: bool,
}

impl World {
    /// Fills a draft in. Files go to `directory`; dates are counted from `now`.
    pub(crate) fn new(
        draft: &Draft,
        addresses: &BTreeMap<String, Address>,
        directory: &Path,
        now: u64,
    ) -> Result<Self> {
        let mut names = Names::default();
        names.set("dir", directory.display());
        // Identifiers come from a seed, so that all registries give out the same.
        names.set(
            "refresh",
            Registry::new(Config::default()).issue_refresh_token(ACCOUNT),
        );
        for (name, address) in addresses {
            names.set(name, format_args!("oci+{}", address.url()));
            names.set(&format!("{name}.url"), address.url());
            names.set(&format!("{name}.authority"), &address.authority);
        }
        for seconds in 0..5 {
            let at = UNIX_EPOCH + Duration::from_secs(now + seconds);
            names.set(&format!("date+{seconds}"), httpdate::fmt_http_date(at));
        }
        let mut value = draft.value.clone();
        value.entry("stock").or_insert_with(|| draft.stock.clone());
        let value = Value::Object(value);
        let wanted = named(&draft.data, &value);
        let data = content(&wanted, &mut names, directory)?;
        let filled = names.fill(value)?;
        let mut scenario: Scenario = serde_json::from_value(filled)
            .map_err(|error| Failure::new(format!("cannot read it: {error}")))?;
        scenario.origins.entry("registry".to_owned()).or_default();
        let world = Self { scenario, data };
        for (name, text) in &world.scenario.files {
            fs::write(directory.join(name), world.bytes(text)?)?;
        }
        Ok(world)
    }

    /// What `NAME`, `NAME[..N]` (its first bytes) or `""` stands for.
    pub(crate) fn bytes(&self, text: &str) -> Result<Bytes> {
        if text.is_empty() {
            return Ok(Bytes::new());
        }
        let (name, length) = match text.strip_suffix(']').and_then(|t| t.split_once("[..")) {
            Some((name, length)) => (name, length.parse().ok()),
            None => (text, None),
        };
        let bytes = self.data.get(name).cloned();
        let bytes = bytes.ok_or_else(|| Failure::new(format!("there is no data {name:?}")))?;
        Ok(bytes.slice(..length.map_or(bytes.len(), |length: usize| length.min(bytes.len()))))
    }

    /// The registry at one of the origins. Browsers may use it when `cors` is set.
    pub(crate) fn registry(&self, name: &str, address: &Address, cors: bool) -> Result<Registry> {
        let fallback = Origin::default();
        let origin = self.scenario.origins.get(name).unwrap_or(&fallback);
        let mut registry = if origin.docker {
            ocirepo_registry::docker_registry()
        } else {
            Registry::new(Config {
                auth: auth(origin)?,
                chunk_min: origin.chunk_min,
                page_limit: origin.page,
                origin: Some(address.url()),
                ..Config::default()
            })
        };
        if cors {
            registry.set_cors(Cors::default());
        }
        if origin.auth.as_deref() == Some("bearer") {
            registry.issue_refresh_token(ACCOUNT);
        }
        if origin.realm.is_some() {
            // It is the first token that the token server will give out, too.
            registry.issue_token("repository:me/demo:pull,push", u64::MAX);
        }
        for (repository, stock) in self.scenario.stock.get(name).into_iter().flatten() {
            self.stock(&mut registry, repository, stock)?;
        }
        for rule in &origin.rules {
            for rule in rule.clone().script()? {
                registry.script(rule);
            }
        }
        Ok(registry)
    }

    fn stock(&self, registry: &mut Registry, repository: &str, stock: &Stock) -> Result<()> {
        for blob in &stock.blobs {
            registry.put_blob(repository, self.bytes(blob)?);
        }
        for (tag, manifest) in &stock.manifests {
            let tag = Some(tag.as_str()).filter(|tag| !tag.starts_with('@'));
            let put = registry.put_manifest(repository, tag, None, self.bytes(manifest)?);
            if put.is_none() {
                return Err(Failure::new(format!("{manifest} is no manifest")));
            }
        }
        Ok(())
    }
}

fn auth(origin: &Origin) -> Result<Option<Auth>> {
    let mut auth = match origin.auth.as_deref() {
        None => return Ok(None),
        Some("basic") => Auth::basic(ACCOUNT, PASSWORD),
        Some("bearer") => Auth::bearer(ACCOUNT, PASSWORD),
        Some(other) => return Err(Failure::new(format!("{other:?} is no authentication"))),
    };
    if origin.public {
        auth.anonymous = Rights::Pull;
    }
    if let Scheme::Bearer {
        realm, lifetime, ..
    } = &mut auth.scheme
    {
        realm.clone_from(&origin.realm);
        *lifetime = origin.token_lifetime.unwrap_or(*lifetime);
    }
    Ok(Some(auth))
}

/// The data that a scenario names, in braces or as a whole text, with what that names.
fn named(data: &Map<String, Value>, scenario: &Value) -> Map<String, Value> {
    let mut text = scenario.to_string();
    let mut found = Map::new();
    loop {
        let more: Vec<_> = data
            .iter()
            .filter(|(name, _)| !found.contains_key(*name))
            .filter(|(name, _)| {
                let forms = [
                    format!("{{{name}}}"),
                    format!("{{{name}."),
                    format!("\"{name}\""),
                ];
                let others = [format!("\"{name}["), format!("\"!{name}\"")];
                forms.iter().chain(&others).any(|form| text.contains(form))
            })
            .collect();
        if more.is_empty() {
            return found;
        }
        for (name, value) in more {
            text.push_str(&value.to_string());
            found.insert(name.clone(), value.clone());
        }
    }
}

/// Makes the named bytes and puts them into files. They may speak of one another, so that
/// each waits until what it names is there.
fn content(
    wanted: &Map<String, Value>,
    names: &mut Names,
    directory: &Path,
) -> Result<BTreeMap<String, Bytes>> {
    let mut made = BTreeMap::new();
    while made.len() < wanted.len() {
        let before = made.len();
        for (name, value) in wanted {
            if made.contains_key(name) {
                continue;
            }
            let Ok(value) = names.fill(value.clone()) else {
                continue;
            };
            let bytes = bytes(&value)?;
            let digest = Digest::of(&bytes);
            names.set(name, digest);
            names.set(&format!("{name}.hex"), digest.hex());
            names.set(&format!("{name}.size"), bytes.len());
            let path = directory.join(format!("data-{name}"));
            fs::write(&path, &bytes)?;
            names.set(&format!("{name}.path"), path.display());
            made.insert(name.clone(), bytes);
        }
        if made.len() == before {
            let left: BTreeSet<_> = wanted.keys().filter(|n| !made.contains_key(*n)).collect();
            return Err(Failure::new(format!("{left:?} name what is not there")));
        }
    }
    Ok(made)
}

/// `{"noise": LENGTH}`, `{"text": …}` or `{"json": …}`.
fn bytes(value: &Value) -> Result<Bytes> {
    if let Some(length) = value.get("noise").and_then(Value::as_u64) {
        return Ok(noise(usize::try_from(length).unwrap_or_default()).into());
    }
    if let Some(text) = value.get("text").and_then(Value::as_str) {
        return Ok(text.to_owned().into());
    }
    match value.get("json") {
        Some(value) => Ok(with_numbers(value.clone()).to_string().into()),
        None => Err(Failure::new(format!("{value} is no data"))),
    }
}

/// A descriptor's `size` is a number, and was filled in as text.
fn with_numbers(mut value: Value) -> Value {
    match &mut value {
        Value::Object(map) => {
            for (key, inner) in map.iter_mut() {
                let number = inner.as_str().and_then(|text| text.parse::<u64>().ok());
                *inner = match number.filter(|_| key == "size") {
                    Some(number) => number.into(),
                    None => with_numbers(inner.take()),
                };
            }
        }
        Value::Array(list) => {
            for inner in list {
                *inner = with_numbers(inner.take());
            }
        }
        _ => {}
    }
    value
}

/// Bytes that no two places of are alike; those of every length differ.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64 ^ length as u64;
    let mut bytes = Vec::with_capacity(length + 8);
    while bytes.len() < length {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        bytes.extend_from_slice(&state.to_le_bytes());
    }
    bytes.truncate(length);
    bytes
}

impl Names {
    fn set(&mut self, name: &str, value: impl ToString) {
        self.0.insert(name.to_owned(), value.to_string());
    }

    /// Replaces `{NAME}` in every text and key.
    fn fill(&self, value: Value) -> Result<Value> {
        Ok(match value {
            Value::String(text) => Value::String(self.text(&text)?),
            Value::Array(list) => {
                let filled: Result<Vec<_>> = list.into_iter().map(|v| self.fill(v)).collect();
                Value::Array(filled?)
            }
            Value::Object(map) => {
                let filled: Result<Map<_, _>> = map
                    .into_iter()
                    .map(|(key, v)| Ok((self.text(&key)?, self.fill(v)?)))
                    .collect();
                Value::Object(filled?)
            }
            other => other,
        })
    }

    fn text(&self, text: &str) -> Result<String> {
        let mut filled = String::new();
        let mut rest = text;
        while let Some((before, name, after)) = next_name(rest) {
            filled.push_str(before);
            match self.0.get(name) {
                Some(value) => filled.push_str(value),
                // A quirk of the registry, which knows what it stands for.
                None if name == "own" => filled.push_str("{own}"),
                None => return Err(Failure::new(format!("{{{name}}} stands for nothing"))),
            }
            rest = after;
        }
        filled.push_str(rest);
        Ok(filled)
    }
}

/// The text before the first name in braces, the name, and what is behind it. Braces
/// around anything but a name are text.
fn next_name(text: &str) -> Option<(&str, &str, &str)> {
    let mut from = 0;
    loop {
        let open = from + text.get(from..)?.find('{')?;
        let inner = &text[open + 1..];
        let close = inner.find('}')?;
        let name = &inner[..close];
        let legal = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '_');
        if !name.is_empty() && name.chars().all(legal) {
            return Some((&text[..open], name, &inner[close + 1..]));
        }
        from = open + 1;
    }
}

/// Unix seconds.
pub(crate) fn unix_now() -> u64 {
    let elapsed = SystemTime::now().duration_since(UNIX_EPOCH);
    elapsed.map_or(0, |elapsed| elapsed.as_secs())
}
