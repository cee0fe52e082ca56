//! `blob`, `get` and `sync`.

use std::fs;
use std::io;
use std::path::Path;

use ocirepo::Digest;

use super::lab::{Files, Lab, curious, files, impatient, keeps_files, somebody};
use super::{Disturbance, Started, Way, disturbed, leftovers};
use crate::random::Random;
use crate::scratch::Scratch;

/// What may have been received but not yet written when a program was stopped, in bytes.
const IN_FLIGHT: u64 = 256 << 10;

/// What a run is to bring, and by which command.
struct Wanted {
    arguments: Vec<String>,
    files: Files,
}

fn wanted(lab: &Lab, host: &str, layout: &str, kind: &str, out: &Path) -> io::Result<Wanted> {
    let golden = &lab.golden[layout];
    let location = format!("oci://{host}/lab/{layout}:latest");
    let to = out.to_string_lossy();
    let packages = golden.iter().filter(|(path, _)| path.ends_with(".rpm"));
    let by_name = packages.clone().map(|(path, digest)| {
        let name = path.rsplit('/').next().unwrap_or(path);
        (name.to_owned(), *digest)
    });
    let words = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
    Ok(match kind {
        "blob" => {
            let large = packages.clone().find(|(path, _)| path.contains("sigma"));
            let (_, digest) = large.ok_or(io::ErrorKind::NotFound)?;
            // In a tree every file is a repository, and has its blob there.
            let layout = if layout == "tree" { "files" } else { layout };
            let blob = format!("oci://{host}/lab/{layout}@{digest}");
            Wanted {
                arguments: words(&["blob", &blob, "-o", &out.join("blob").to_string_lossy()]),
                files: Files::from([("blob".to_owned(), *digest)]),
            }
        }
        "get" => Wanted {
            arguments: words(&["get", &location, "*", "--all", "-d", &to]),
            files: by_name.collect(),
        },
        _ => Wanted {
            arguments: words(&["sync", &location, &to]),
            files: golden.clone(),
        },
    })
}

/// Whether a file is one that a pull fills and keeps for the next one.
fn is_hidden(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.starts_with('.'))
}

pub(super) fn run(
    lab: &Lab,
    docker: bool,
    layout: &str,
    kind: &str,
    how: Disturbance,
    random: &mut Random,
    findings: &mut Vec<String>,
) -> io::Result<bool> {
    let way = Way::new(lab.registry(docker), how, random)?;
    let (program, out) = (somebody(&way.host())?, Scratch::new("out")?);
    let wanted = wanted(lab, &way.host(), layout, kind, out.path())?;
    let arguments: Vec<&str> = wanted.arguments.iter().map(String::as_str).collect();
    let command = impatient(&program, &arguments);
    let place = (out.path(), &*program.path(""));
    let first = disturbed(&lab.secrets, how, &command, place, random, findings)?;
    way.calm();

    let there = files(out.path())?;
    for (path, digest) in there.iter().filter(|(path, _)| !is_hidden(path)) {
        if wanted.files.get(path) != Some(digest) {
            findings.push(format!("{path} is wrong after: {first}"));
        }
    }
    let missing = |there: &Files| {
        wanted
            .files
            .keys()
            .find(|path| !there.contains_key(*path))
            .cloned()
    };
    if first.ok
        && let Some(path) = missing(&there)
    {
        findings.push(format!(
            "{path} is missing, but it says that all went well: {first}"
        ));
    }
    let partial = fs::read_dir(out.path())?
        .flatten()
        .filter(|entry| is_hidden(&entry.file_name().to_string_lossy()))
        .filter_map(|entry| entry.metadata().ok())
        .map(|metadata| metadata.len())
        .max();

    let before = way.proxy.exchanges().len();
    let second = Started::new(&mut curious(&program, &arguments))?;
    let Some(second) = second.end(None)? else {
        findings.push("the second run does not end".to_owned());
        return Ok(!first.ok);
    };
    lab.secrets.look_at(&second, findings);
    lab.secrets.look_below(&program, out.path(), findings)?;
    if !second.ok {
        findings.push(format!(
            "the second run fails: {second}; the first one: {first}"
        ));
        return Ok(!first.ok);
    }
    let whole = files(out.path())?;
    if whole != wanted.files {
        let other = whole
            .iter()
            .find(|(path, digest)| wanted.files.get(*path) != Some(*digest));
        let path = other.map(|(path, _)| path.clone()).or(missing(&whole));
        findings.push(format!(
            "after the second run, {path:?} is not as it should be"
        ));
    }
    for place in ["tmp", "cache/ocirepo/new"] {
        for path in leftovers(&program.path(place)) {
            findings.push(format!("{path} stays"));
        }
    }
    if !keeps_files(how) {
        return Ok(!first.ok);
    }
    let again = way.proxy.exchanges().split_off(before);
    let fetched = |digest: &Digest| -> u64 {
        let end = format!("/blobs/{digest}");
        let gets = again.iter().filter(|passed| passed.method == "GET");
        gets.filter(|passed| passed.target.ends_with(&end))
            .map(|passed| passed.received)
            .sum()
    };
    for (path, digest) in there
        .iter()
        .filter(|(path, _)| path.ends_with(".rpm") && !is_hidden(path))
    {
        if fetched(digest) > 0 {
            findings.push(format!("{path} was there and is fetched again"));
        }
    }
    if let ("blob", Some(partial), false) = (kind, partial, way.corrupts) {
        let (digest, size) = (wanted.files["blob"], fs::metadata(out.join("blob"))?.len());
        let bytes = fetched(&digest);
        if bytes > size.saturating_sub(partial) + IN_FLIGHT {
            findings.push(format!(
                "{partial} of {size} bytes were there, and {bytes} are fetched"
            ));
        }
    }
    Ok(!first.ok)
}
