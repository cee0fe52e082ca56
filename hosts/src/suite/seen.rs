//! What was seen of a host, and whether it is what a scenario expects.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use bytes::Bytes;
use http::header::{ACCEPT_ENCODING, AUTHORIZATION, CONTENT_RANGE, COOKIE, RANGE};
use http::{HeaderMap, Method};
use ocirepo::Digest;
use ocirepo_registry::Registry;

use super::scenario::{Expect, Lines};
use super::world::{PASSWORD, World};
use super::{Failure, Result};

/// What no host may tell anybody.
const SECRETS: [&str; 2] = [PASSWORD, "signature=secret"];

/// One request as it came in.
#[derive(Clone, Debug)]
pub(crate) struct Wire {
    pub(crate) method: Method,
    /// The name of the origin it went to.
    pub(crate) origin: String,
    pub(crate) path_and_query: String,
    pub(crate) headers: HeaderMap,
    /// The length of its body, in bytes; `None` when it did not say.
    pub(crate) body: Option<u64>,
    /// The status it was answered with, if it was.
    pub(crate) status: Option<u16>,
}

/// Everything that was seen of one host in one scenario.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    /// What it printed, line by line.
    pub(crate) printed: Vec<String>,
    pub(crate) requests: Vec<Wire>,
    pub(crate) at_once: usize,
    pub(crate) registries: BTreeMap<String, Registry>,
}

impl Wire {
    /// The line that scenarios expect: method, origin, path, what is special about it, status.
    pub(crate) fn line(&self) -> String {
        let mut line = format!("{} {} {}", self.method, self.origin, self.path_and_query);
        let text = |name| self.headers.get(name).and_then(|value| value.to_str().ok());
        if let Some(value) = text(AUTHORIZATION) {
            let scheme = value.split(' ').next().unwrap_or_default();
            line.push_str(&format!(" {}", scheme.to_ascii_lowercase()));
        }
        if let Some(range) = text(RANGE) {
            line.push_str(&format!(" {range}"));
        }
        if let Some(range) = text(CONTENT_RANGE) {
            line.push_str(&format!(" part={range}"));
        }
        match self.body {
            Some(0) => {}
            Some(length) => line.push_str(&format!(" body={length}")),
            None => line.push_str(" body=unknown"),
        }
        match self.status {
            Some(status) => line.push_str(&format!(" {status}")),
            None => line.push_str(" -"),
        }
        line
    }

    /// What is wrong with a request in any scenario.
    fn faults(&self) -> Option<String> {
        let wrong = |what: &str| Some(format!("{}: {what}", self.line()));
        if self.headers.contains_key(COOKIE) {
            return wrong("it has a cookie");
        }
        let identity = (self.headers.get(ACCEPT_ENCODING)).is_none_or(|v| v == "identity");
        if self.method == Method::GET && !identity {
            return wrong("it takes encoded bodies");
        }
        None
    }
}

impl Seen {
    /// Every difference to what is expected.
    pub(crate) fn differences(
        &self,
        world: &World,
        expect: &Expect,
        directory: &Path,
        browser: bool,
    ) -> Result<Vec<String>> {
        let mut found = Vec::new();
        self.check_answers(expect, &mut found);
        if let Some(events) = &expect.events {
            let told: Vec<_> = self.told("event ").collect();
            if told != events.iter().map(String::as_str).collect::<Vec<_>>() {
                found.push(format!("events: expected {events:?}, saw {told:?}"));
            }
        }
        let lines: Vec<String> = self.requests.iter().map(Wire::line).collect();
        if let Some(requests) = &expect.requests
            && let Some(difference) = compare(requests, &lines)
        {
            found.push(difference);
        }
        // A browser sets what it likes, and shows the page nothing of it.
        if !browser {
            found.extend(self.requests.iter().filter_map(Wire::faults));
        }
        for line in &self.printed {
            if let Some(secret) = SECRETS.iter().find(|secret| line.contains(**secret)) {
                found.push(format!("{secret:?} is told in {line:?}"));
            }
        }
        for (file, content) in expect.written.iter().flatten() {
            let there = fs::read(directory.join(file)).unwrap_or_default();
            if world.bytes(content)? != there {
                found.push(format!(
                    "{file}: expected {content}, it has {} other bytes",
                    there.len()
                ));
            }
        }
        if let Some(most) = expect.at_once
            && !(2..=most).contains(&self.at_once)
        {
            found.push(format!(
                "at once: expected 2 to {most} requests, saw {}",
                self.at_once
            ));
        }
        self.check_stored(world, expect, &mut found)?;
        self.check_files(directory, world, &mut found)?;
        Ok(found)
    }

    fn told<'a>(&'a self, start: &'a str) -> impl Iterator<Item = &'a str> {
        self.printed
            .iter()
            .filter_map(move |line| line.strip_prefix(start))
    }

    fn answers(&self) -> BTreeMap<&str, &str> {
        self.printed
            .iter()
            .filter_map(|line| line.split_once(' '))
            .filter(|(id, rest)| {
                *id != "event" && (rest.starts_with("ok") || rest.starts_with("error "))
            })
            .collect()
    }

    fn check_answers(&self, expect: &Expect, found: &mut Vec<String>) {
        let Some(expected) = &expect.answers else {
            return;
        };
        let answers = self.answers();
        let ids: BTreeSet<&str> = (expected.keys().map(String::as_str))
            .chain(answers.keys().copied())
            .collect();
        for id in ids {
            let wanted = expected.get(id).map_or("nothing", String::as_str);
            let got = answers.get(id).copied().unwrap_or("nothing");
            if !answers_alike(wanted, got) {
                found.push(format!("{id}: expected {wanted:?}, it answered {got:?}"));
            }
        }
    }

    fn check_stored(&self, world: &World, expect: &Expect, found: &mut Vec<String>) -> Result<()> {
        for (origin, repositories) in expect.stored.iter().flatten() {
            let registry = self.registries.get(origin);
            let registry = registry.ok_or_else(|| Failure::new(format!("no origin {origin}")))?;
            for (repository, stock) in repositories {
                for name in &stock.blobs {
                    let (absent, name) = absence(name);
                    let content = world.bytes(name)?;
                    let there = registry.blob(repository, &Digest::of(&content));
                    if there.as_ref().is_none_or(|there| *there != content) != absent {
                        found.push(format!("{origin} {repository}: blob {name} is amiss"));
                    }
                }
                for (tag, name) in &stock.manifests {
                    let there = registry.manifest(repository, tag).map(|(_, _, raw)| raw);
                    let wanted = match name.as_str() {
                        "" => None,
                        name => Some(world.bytes(name)?),
                    };
                    if there != wanted {
                        found.push(format!("{origin} {repository}:{tag} is not {name}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Whatever is answered to be verified is in its file.
    fn check_files(&self, directory: &Path, world: &World, found: &mut Vec<String>) -> Result<()> {
        let answers = self.answers();
        for line in &world.scenario.operations {
            let words: Vec<&str> = line.split(' ').collect();
            let (id, file) = match words[..] {
                [id, "pull-blob", _, _, file, ..] | [id, "pull-manifest", _, file] => (id, file),
                _ => continue,
            };
            let Some(digest) = answers
                .get(id)
                .and_then(|answer| answer.strip_prefix("ok digest="))
                .and_then(|rest| rest.split(' ').next())
            else {
                continue;
            };
            let written: Bytes = fs::read(directory.join(file)).unwrap_or_default().into();
            if Digest::of(&written).to_string() != digest {
                found.push(format!("{id}: what is in {file} is not {digest}"));
            }
        }
        Ok(())
    }
}

/// A name with `!` before it is of something that must not be there.
fn absence(name: &str) -> (bool, &str) {
    match name.strip_prefix('!') {
        Some(name) => (true, name),
        None => (false, name),
    }
}

/// Whether an answer is the expected one. Of an error only the kind must be the same, and
/// the message must hold the words that are expected of it.
fn answers_alike(wanted: &str, got: &str) -> bool {
    match (wanted.strip_prefix("error "), got.strip_prefix("error ")) {
        (Some(wanted), Some(got)) => {
            let (kind, words) = wanted.split_once(' ').unwrap_or((wanted, ""));
            let (its_kind, message) = got.split_once(' ').unwrap_or((got, ""));
            kind == its_kind && message.contains(words)
        }
        _ => wanted == got,
    }
}

/// Why the requests are not the expected ones.
fn compare(expected: &[Lines], seen: &[String]) -> Option<String> {
    let mut rest = seen;
    let groups: Vec<&[String]> = expected.iter().flat_map(groups).collect();
    for lines in groups {
        let fits = take(lines, rest);
        match fits {
            Some(taken) => rest = &rest[taken..],
            None => return Some(listing(expected, seen, seen.len() - rest.len())),
        }
    }
    (!rest.is_empty()).then(|| listing(expected, seen, seen.len() - rest.len()))
}

/// The requests of an entry, as lists within which they come in any order.
fn groups(lines: &Lines) -> Vec<&[String]> {
    match lines {
        Lines::One(line) => vec![std::slice::from_ref(line)],
        Lines::AnyOrder(lines) => vec![lines],
        Lines::Repeated { times, lines } => {
            let once = lines.iter().map(std::slice::from_ref);
            (0..*times).flat_map(|_| once.clone()).collect()
        }
    }
}

/// How many of the first requests are these, in any order. A line that begins with `?` may
/// be missing.
fn take(lines: &[String], seen: &[String]) -> Option<usize> {
    let mut left: Vec<(&str, bool)> = lines
        .iter()
        .map(|line| match line.strip_prefix('?') {
            Some(line) => (line, true),
            None => (line.as_str(), false),
        })
        .collect();
    let mut taken = 0;
    while let Some(next) = seen.get(taken) {
        let Some(at) = left.iter().position(|(line, _)| covers(line, next)) else {
            break;
        };
        left.swap_remove(at);
        taken += 1;
    }
    left.iter().all(|(_, optional)| *optional).then_some(taken)
}

fn listing(expected: &[Lines], seen: &[String], fit: usize) -> String {
    let mut text = format!("requests: the first {fit} fit\n      expected:");
    for lines in expected.iter().flat_map(groups) {
        let mark = if lines.len() > 1 { "~ " } else { "" };
        for line in lines {
            text.push_str(&format!("\n        {mark}{line}"));
        }
    }
    text.push_str("\n      saw:");
    for line in seen {
        text.push_str(&format!("\n        {line}"));
    }
    text
}

/// Whether a pattern in which `*` stands for any run of characters covers a whole text.
fn covers(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(mut rest) = parts.next().and_then(|first| text.strip_prefix(first)) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    for part in parts {
        match rest.split_once(part) {
            Some((_, behind)) => rest = behind,
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|line| (*line).to_owned()).collect()
    }

    #[test]
    fn requests_come_in_order_but_for_groups() {
        let one = |line: &str| Lines::One(line.to_owned());
        let group = |lines: &[&str]| Lines::AnyOrder(texts(lines));
        let twice = Lines::Repeated {
            times: 2,
            lines: texts(&["f", "g"]),
        };
        assert_eq!(compare(&[twice], &texts(&["f", "g", "f", "g"])), None);
        let expected = [one("a *"), group(&["b", "c"]), one("?d"), one("e")];
        for good in [&["a 1", "b", "c", "e"][..], &["a 2", "c", "b", "d", "e"]] {
            assert_eq!(compare(&expected, &texts(good)), None, "{good:?}");
        }
        for bad in [
            &["a 1", "b", "e"][..],
            &["b", "a 1", "c", "e"],
            &["a 1", "b", "c", "e", "e"],
            &["a 1", "b", "c"],
            &["a 1", "b", "c", "d", "d", "e"],
        ] {
            assert!(compare(&expected, &texts(bad)).is_some(), "{bad:?}");
        }
    }

    #[test]
    fn errors_are_alike_by_kind_and_expected_words() {
        assert!(answers_alike(
            "error not-found",
            "error not-found cannot pull"
        ));
        assert!(answers_alike(
            "error not-found pull",
            "error not-found cannot pull"
        ));
        assert!(!answers_alike(
            "error not-found push",
            "error not-found cannot pull"
        ));
        assert!(!answers_alike(
            "error denied",
            "error not-found cannot pull"
        ));
        assert!(!answers_alike("ok", "ok digest=x"));
    }
}
