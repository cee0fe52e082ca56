//! `push`: a new repository, or the update of one.

use std::collections::BTreeSet;
use std::io;

use super::lab::{Lab, curious, impatient, somebody};
use super::{Disturbance, Started, Way, disturbed, leftovers};
use crate::curl::curl;
use crate::random::Random;
use crate::scratch::Scratch;

/// From which size on a push asks first whether the registry has a blob, in bytes.
const ASKED_FROM: u64 = 64 << 10;

pub(super) fn run(
    lab: &Lab,
    docker: bool,
    layout: &str,
    how: Disturbance,
    random: &mut Random,
    findings: &mut Vec<String>,
) -> io::Result<bool> {
    let registry = lab.registry(docker);
    let way = Way::new(registry, how, random)?;
    let name = format!("push/{layout}-{:016x}", random.next());
    let direct = format!("oci://{registry}/{name}:latest");
    let program = somebody(&way.host())?;
    let update = random.chance(0.5);
    if update {
        let from = lab.old.path().to_string_lossy();
        let push = ["push", &*from, &direct, "--layout", layout];
        lab.program.run(&push)?.well()?;
    }
    // In a tree, the tag is that of the last file.
    let root = match layout {
        "tree" => format!("{name}/repodata/repomd.xml"),
        _ => name.clone(),
    };
    let tag = || {
        let url = format!("http://{registry}/v2/{root}/manifests/latest");
        let accept = "Accept: application/vnd.oci.image.index.v1+json, \
                      application/vnd.oci.image.manifest.v1+json";
        let mut arguments = lab.login(docker).arguments(&root).ok()?;
        arguments.extend(["--header", accept, &url].map(str::to_owned));
        curl(arguments).ok()
    };
    let before = tag();
    let to = format!("oci://{}/{name}:latest", way.host());
    let from = lab.new.path().to_string_lossy();
    let arguments = ["push", &*from, &to, "--layout", layout];
    let command = impatient(&program, &arguments);
    let out = Scratch::new("out")?;
    let place = (out.path(), &*program.path(""));
    let first = disturbed(&lab.secrets, how, &command, place, random, findings)?;
    way.calm();

    let verify = ["verify", &direct, "--deep"];
    let after = tag();
    if first.ok && after == before {
        findings.push(format!(
            "the tag did not move, but it says that all went well: {first}"
        ));
    }
    if after != before || (update && layout != "tree") {
        // Whatever the tag leads to is whole.
        let whole = lab.program.run(&verify)?;
        if !whole.ok {
            findings.push(format!(
                "the tag leads to what is not whole: {whole}; after: {first}"
            ));
        }
    }
    let exchanges = way.proxy.exchanges();
    let digest = |target: &str| {
        let (_, digest) = target.split_once("digest=")?;
        Some(digest.split('&').next().unwrap_or(digest).to_owned())
    };
    // The same blob in another repository, as in a tree, is another blob there. What is small is
    // sent without asking whether it is there.
    let accepted = |exchanges: &[crate::proxy::Passed]| -> BTreeSet<(String, String)> {
        exchanges
            .iter()
            .filter(|passed| passed.method == "PUT" && passed.status == 201)
            .filter(|passed| passed.sent >= ASKED_FROM)
            .filter_map(|passed| {
                let repository = passed.target.split("/blobs/").next()?.to_owned();
                Some((repository, digest(&passed.target)?))
            })
            .collect()
    };
    let had = accepted(&exchanges);
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
    let whole = lab.program.run(&verify)?;
    let listed = lab.program.run(&["ls", &direct])?;
    if !whole.ok || listed.stdout.lines().skip(1).count() != lab.new.packages().len() {
        findings.push(format!("after the second run: {whole}\n{listed}"));
    }
    let again = way.proxy.exchanges().split_off(exchanges.len());
    if let Some((_, digest)) = accepted(&again).intersection(&had).next() {
        findings.push(format!("{digest} was there and is sent again"));
    }
    for place in ["tmp", "cache/ocirepo/new"] {
        for path in leftovers(&program.path(place)) {
            findings.push(format!("{path} stays"));
        }
    }
    Ok(!first.ok)
}
