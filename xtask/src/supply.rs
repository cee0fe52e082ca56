//! Where the packages come from, under which licence, and what a release is made of.
//!
//! `deny.toml` is cargo-deny's, which takes minutes to build and asks the network for advisories.
//! The lists in it are held here with nothing but Cargo, so that every check holds them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::fs;
use std::path::Path;

use crate::report::{Failure, Outcome};
use crate::run::{cargo, output, program, root, run, succeeds};

/// Licences, banned packages and sources, by the lists of `deny.toml`; by cargo-deny too where it
/// is installed.
pub(crate) fn check() -> Result<Outcome, Failure> {
    let lists = read("deny.toml")?;
    let allowed = list(&lists, "[licenses]", "allow");
    let banned = list(&lists, "[bans]", "crate");
    if allowed.is_empty() || banned.is_empty() {
        return Err("deny.toml has no lists".to_owned());
    }
    let packages = tree(&["--workspace", "--all-features", "--target", "all"])?;
    let mut wrong = Vec::new();
    for (package, licence) in &packages {
        if !permitted(licence, &allowed) {
            wrong.push(format!("{package} is under `{licence}`"));
        }
        let name = package.split_once(' ').map_or(&**package, |(name, _)| name);
        if banned.contains(name) {
            wrong.push(format!("{package} is banned"));
        }
    }
    for package in locked()? {
        if package.source.is_some_and(|source| source != CRATES_IO) {
            wrong.push(format!(
                "{} is not from the registry of crates",
                package.name
            ));
        }
    }
    if !wrong.is_empty() {
        return Err(format!("{}; see deny.toml", wrong.join("; ")));
    }
    println!("    {} packages under permitted licences", packages.len());
    if succeeds(&mut program("cargo", ["deny", "--version"])) {
        let check = [
            "deny",
            "--all-features",
            "check",
            "licenses",
            "bans",
            "sources",
        ];
        run(&mut program("cargo", check))?;
    }
    Ok(Outcome::Done)
}

const CRATES_IO: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// Writes the software bill of materials of a built program (CycloneDX 1.6): every package that is
/// linked into it, with its licence, its checksum and what it needs in turn.
pub(crate) fn bill(built: &Path, to: &Path) -> Result<Outcome, Failure> {
    let linked = tree(&["--package", "ocirepo-cli", "--edges", "normal"])?;
    let version = output(&mut program(&built.to_string_lossy(), ["--version"]))?;
    let version = version
        .split_whitespace()
        .nth(1)
        .unwrap_or_default()
        .to_owned();
    let sum = output(&mut program("sha256sum", [&*built.to_string_lossy()]))?;
    let sum = sum.split_whitespace().next().unwrap_or_default().to_owned();
    let locked = locked()?;
    let by_name: BTreeMap<String, &Locked> = (locked.iter())
        .map(|package| (format!("{} {}", package.name, package.version), package))
        .collect();
    let mut components = Vec::new();
    let mut graph = Vec::new();
    for (package, licence) in &linked {
        let Some(found) = by_name.get(package) else {
            return Err(format!("{package} is not in Cargo.lock"));
        };
        let mut component = format!(
            "{{\"type\":\"library\",\"bom-ref\":{0},\"name\":{1},\"version\":{2},\"purl\":{0},\
             \"licenses\":[{{\"expression\":{3}}}]",
            json(&found.purl()),
            json(&found.name),
            json(&found.version),
            json(&normal(licence)),
        );
        if let Some(checksum) = &found.checksum {
            let _ = write!(
                component,
                ",\"hashes\":[{{\"alg\":\"SHA-256\",\"content\":{}}}]",
                json(checksum)
            );
        }
        component.push('}');
        components.push(component);
        // Cargo.lock knows what may be needed on other systems too.
        let needs: Vec<String> = (found.dependencies.iter())
            .filter_map(|name| resolve(name, &locked))
            .filter(|need| linked.contains_key(&format!("{} {}", need.name, need.version)))
            .map(|need| json(&need.purl()))
            .collect();
        graph.push(format!(
            "{{\"ref\":{},\"dependsOn\":[{}]}}",
            json(&found.purl()),
            needs.join(",")
        ));
    }
    let text = format!(
        "{{\"bomFormat\":\"CycloneDX\",\"specVersion\":\"1.6\",\"version\":1,\"metadata\":\
         {{\"component\":{{\"type\":\"application\",\"bom-ref\":\"ocirepo\",\"name\":\"ocirepo\",\
         \"version\":{},\"hashes\":[{{\"alg\":\"SHA-256\",\"content\":{}}}],\"licenses\":\
         [{{\"expression\":\"MIT OR Apache-2.0\"}}]}}}},\"components\":[\n{}\n],\
         \"dependencies\":[\n{}\n]}}\n",
        json(&version),
        json(&sum),
        components.join(",\n"),
        graph.join(",\n")
    );
    fs::create_dir_all(to.parent().unwrap_or(to))
        .and_then(|()| fs::write(to, text))
        .map_err(|error| format!("could not write {}: {error}", to.display()))?;
    // Another reader than the writer.
    let parse = "import json, sys; print('   ', len(json.load(open(sys.argv[1]))['components']), \
                 'components')";
    run(&mut program(
        "python3",
        ["-c", parse, &to.to_string_lossy()],
    ))?;
    Ok(Outcome::Done)
}

/// A package in Cargo.lock.
#[derive(Debug, Default)]
struct Locked {
    name: String,
    version: String,
    source: Option<String>,
    checksum: Option<String>,
    /// `NAME`, or `NAME VERSION` where there are several.
    dependencies: Vec<String>,
}

impl Locked {
    fn purl(&self) -> String {
        format!("pkg:cargo/{}@{}", self.name, self.version)
    }
}

fn locked() -> Result<Vec<Locked>, Failure> {
    Ok(parse_lock(&read("Cargo.lock")?))
}

/// Cargo writes its lock file in one way only, so that lines are enough to read it.
fn parse_lock(text: &str) -> Vec<Locked> {
    let blocks = text.split("[[package]]").skip(1);
    let value = |line: &str, key: &str| -> Option<String> {
        let rest = line.strip_prefix(key)?.strip_prefix(" = \"")?;
        rest.strip_suffix('"').map(str::to_owned)
    };
    blocks
        .map(|block| {
            let mut package = Locked::default();
            for line in block.lines() {
                if let Some(name) = value(line, "name") {
                    package.name = name;
                } else if let Some(version) = value(line, "version") {
                    package.version = version;
                } else if let Some(source) = value(line, "source") {
                    package.source = Some(source);
                } else if let Some(checksum) = value(line, "checksum") {
                    package.checksum = Some(checksum);
                } else if let Some(entry) = line.strip_prefix(" \"") {
                    package
                        .dependencies
                        .push(entry.trim_end_matches("\",").to_owned());
                }
            }
            package
        })
        .collect()
}

fn resolve<'a>(dependency: &str, locked: &'a [Locked]) -> Option<&'a Locked> {
    let mut words = dependency.split(' ');
    let (name, version) = (words.next()?, words.next());
    (locked.iter()).find(|package| {
        package.name == name && version.is_none_or(|version| package.version == version)
    })
}

/// `NAME VERSION` and licence of every package of a tree.
fn tree(arguments: &[&str]) -> Result<BTreeMap<String, String>, Failure> {
    let mut command = cargo(["tree", "--quiet", "--locked", "--prefix", "none"]);
    command.args(["--format", "{p}|{l}"]).args(arguments);
    let mut packages = BTreeMap::new();
    for line in output(&mut command)?.lines() {
        // What was shown before ends in `(*)`.
        let (package, licence) = line
            .trim_end_matches(" (*)")
            .split_once('|')
            .unwrap_or_default();
        let mut words = package.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next()) {
            let version = version.trim_start_matches('v');
            packages.insert(format!("{name} {version}"), licence.to_owned());
        }
    }
    Ok(packages)
}

/// An expression as SPDX writes it now: a slash was once an `OR`.
fn normal(licence: &str) -> String {
    licence.replace(" / ", " OR ").replace('/', " OR ")
}

/// Whether a licence expression (SPDX) can be met with the licences allowed.
fn permitted(licence: &str, allowed: &BTreeSet<String>) -> bool {
    let spaced = normal(licence).replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let mut at = 0;
    let met = either(&words, &mut at, allowed);
    met && at == words.len()
}

fn either(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = both(words, at, allowed);
    while words.get(*at) == Some(&"OR") {
        *at += 1;
        met |= both(words, at, allowed);
    }
    met
}

fn both(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let mut met = one(words, at, allowed);
    while words.get(*at) == Some(&"AND") {
        *at += 1;
        met &= one(words, at, allowed);
    }
    met
}

fn one(words: &[&str], at: &mut usize, allowed: &BTreeSet<String>) -> bool {
    let Some(word) = words.get(*at) else {
        return false;
    };
    *at += 1;
    if *word == "(" {
        let met = either(words, at, allowed);
        let closed = words.get(*at) == Some(&")");
        *at += 1;
        return met && closed;
    }
    if words.get(*at) == Some(&"WITH") {
        let exception = words.get(*at + 1).copied().unwrap_or_default();
        *at += 2;
        return allowed.contains(&format!("{word} WITH {exception}"));
    }
    allowed.contains(*word)
}

/// The quoted texts behind a key of a section of `deny.toml`.
fn list(text: &str, section: &str, key: &str) -> BTreeSet<String> {
    let (_, rest) = text.split_once(section).unwrap_or_default();
    let rest = rest.split("\n[").next().unwrap_or_default();
    let lines = rest.lines().skip_while(|line| !line.contains(key));
    let mut found = BTreeSet::new();
    for line in lines.take_while(|line| *line != "]") {
        found.extend(line.split('"').nth(1).map(str::to_owned));
    }
    found
}

fn read(file: &str) -> Result<String, Failure> {
    fs::read_to_string(root().join(file)).map_err(|error| format!("could not read {file}: {error}"))
}

/// A JSON string. Names, versions and licences have nothing more to escape.
fn json(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn licence_expressions_are_met_as_spdx_has_it() {
        let allowed = list(
            "[x]\nallow = [\"no\"]\n[licenses]\nallow = [\n    \"MIT\",\n    \
             \"A WITH B\",\n]\n[y]\n",
            "[licenses]",
            "allow",
        );
        assert_eq!(
            allowed,
            BTreeSet::from(["A WITH B", "MIT"].map(str::to_owned))
        );
        for (licence, met) in [
            ("MIT", true),
            ("GPL-3.0", false),
            ("GPL-3.0 OR MIT", true),
            ("GPL-3.0/MIT", true),
            ("GPL-3.0 / MIT", true),
            ("GPL-3.0 AND MIT", false),
            ("MIT AND (GPL-3.0 OR MIT)", true),
            ("(MIT OR X) AND GPL-3.0", false),
            ("A WITH B OR X", true),
            ("MIT WITH B", false),
            ("MIT AND", false),
            ("", false),
        ] {
            assert_eq!(permitted(licence, &allowed), met, "{licence}");
        }
    }

    #[test]
    fn a_lock_file_tells_checksums_and_what_needs_what() {
        let lock = "version = 4\n\n[[package]]\nname = \"a\"\nversion = \"1.0.0\"\ndependencies = [\n \
             \"b 2.0.0\",\n \"c\",\n]\n\n[[package]]\nname = \"b\"\nversion = \"2.0.0\"\n\
             source = \"registry+x\"\nchecksum = \"00\"\n";
        let packages = parse_lock(lock);
        assert_eq!(packages[0].dependencies, ["b 2.0.0", "c"]);
        assert_eq!(packages[1].checksum.as_deref(), Some("00"));
        let found = resolve("b 2.0.0", &packages).map(Locked::purl);
        assert_eq!(found.as_deref(), Some("pkg:cargo/b@2.0.0"));
        assert!(resolve("b 1.0.0", &packages).is_none());
    }
}
