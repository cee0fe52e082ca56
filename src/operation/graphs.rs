//! The drawing at the top of each operation's file is what the machine does.
//!
//! Each machine is walked through every state it can reach: in every state it is given
//! every answer of a list that covers what machines tell apart, and every way to lose
//! one. The edges found must be the edges drawn, no more and no fewer.

use std::collections::{BTreeMap, BTreeSet};

use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

use super::exists::What;
use super::*;
use crate::auth::credentials::Credentials;
use crate::auth::realm::TrustedRealms;
use crate::exchange::Body;
use crate::manifest::{ImageIndex, ImageManifest, Manifest};
use crate::reference::Scheme;
use crate::session::Config;
use crate::sink::Content;

const BLOB: &[u8] = b"hello world";

fn registry() -> Registry {
    Registry::new(Scheme::Https, "r.example").unwrap()
}

fn repository() -> Repository {
    Repository::new(registry(), "demo").unwrap()
}

fn content() -> Content {
    Content {
        digest: Digest::of(BLOB),
        size: Some(BLOB.len() as u64),
    }
}

fn tag() -> Selector {
    "el9".parse().unwrap()
}

/// What happens to the request of a state.
#[derive(Clone, Debug)]
enum Answer {
    Response(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The body is cut after so many bytes, or before the head where it has none.
    Cut(usize),
}

fn answers() -> Vec<Answer> {
    let response = |status, headers: &[(&'static str, &str)], body: &[u8]| {
        let headers = headers.iter().map(|(k, v)| (*k, (*v).to_owned())).collect();
        Answer::Response(status, headers, body.to_vec())
    };
    let manifest = ImageManifest::artifact("application/x").to_manifest();
    let digest = manifest.digest().to_string();
    let typed = [
        ("content-type", manifest.media_type()),
        ("docker-content-digest", &digest),
        ("content-length", "300"),
    ];
    let listed = ImageIndex::new()
        .manifest(subject_manifest().referrer())
        .to_manifest();
    let upload = [("location", "/v2/demo/blobs/uploads/1")];
    let mut answers = vec![
        response(200, &[], BLOB),
        response(200, &[], b"HELLO world"),
        response(206, &[("content-range", "bytes 5-10/11")], &BLOB[5..]),
        response(206, &[("content-range", "bytes 5-10/11")], b" WORLD"),
        response(200, &typed, manifest.raw()),
        response(200, &typed[..1], manifest.raw()),
        response(200, &[("content-type", listed.media_type())], listed.raw()),
        response(
            200,
            &[],
            br#"{"tags":["a"],"repositories":["a"],"manifests":[]}"#,
        ),
        response(
            200,
            &[("link", "</v2/next>; rel=next")],
            br#"{"tags":["a"],"repositories":["a"],"manifests":[]}"#,
        ),
        response(200, &[], br#"{"token":"t"}"#),
        response(201, &[], b""),
        response(201, &[("oci-subject", &digest)], b""),
        response(202, &upload, b""),
        response(204, &[("range", "0-0"), upload[0]], b""),
        response(204, &[("range", "0-4"), upload[0]], b""),
        response(204, &[("range", "0-10"), upload[0]], b""),
        response(202, &[("range", "0-4"), upload[0]], b""),
        response(202, &[("range", "0-10"), upload[0]], b""),
        Answer::Cut(0),
        Answer::Cut(5),
        Answer::Cut(BLOB.len()),
    ];
    for status in [400, 401, 403, 404, 405, 413, 416] {
        answers.push(response(status, &[], b""));
    }
    let invalid = br#"{"errors":[{"code":"DIGEST_INVALID"}]}"#;
    answers.push(response(400, &[], invalid));
    answers
}

fn subject_manifest() -> Manifest {
    ImageManifest::artifact("application/signature")
        .about(
            ImageManifest::artifact("application/x")
                .to_manifest()
                .descriptor(),
        )
        .to_manifest()
}

/// The name of the state a machine is in, read from what it shows for debugging.
fn state(machine: &dyn Machine, only: &str) -> String {
    let shown = format!("{machine:?}");
    match shown.rsplit_once(" state: ") {
        Some((_, state)) => state
            .chars()
            .take_while(|c| c.is_ascii_alphanumeric())
            .collect(),
        None => only.to_owned(),
    }
}

/// Gives one answer to a machine, as the session would.
fn give(machine: &mut dyn Machine, answer: &Answer, env: &Env<'_>) -> Step {
    let outgoing = machine.request();
    if let (Some(mut source), Body::Source(range)) = (outgoing.source, &outgoing.call.body) {
        let part = &BLOB[range.start as usize..range.end as usize];
        assert!(source.chunk(range.start, part).is_ok());
        machine.keep_source(source);
    }
    let (status, headers, body) = match answer {
        Answer::Cut(bytes) => {
            let sink = matches!(outgoing.take, Take::Stream)
                .then(|| machine.stream(&Head::default(), env).ok())
                .flatten();
            let sink = sink.map(|mut sink| {
                let _ = sink.chunk(&BLOB[..*bytes]);
                sink
            });
            return machine.interrupted(sink);
        }
        Answer::Response(status, headers, body) => (*status, headers, body),
    };
    let mut head = Head {
        status: StatusCode::from_u16(status).unwrap(),
        headers: HeaderMap::new(),
        url: None,
    };
    for (name, value) in headers {
        head.headers.insert(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
    }
    let mut sink = None;
    if matches!(outgoing.take, Take::Stream) && head.status.is_success() {
        match machine.stream(&head, env) {
            Ok(mut stream) => {
                if stream.chunk(body).is_err() {
                    return machine.interrupted(Some(stream));
                }
                sink = Some(stream);
            }
            Err(Reject::Restart) => return Step::Again(Cause::Reset),
            Err(Reject::Fail(error)) => return Step::fail(error),
        }
    }
    let url = outgoing.call.url;
    let body = body.clone();
    machine.response(
        Response {
            head,
            url,
            body,
            sink,
        },
        env,
    )
}

/// All edges of a machine, found by trying every answer on every path of some length.
fn walk(make: &dyn Fn() -> Box<dyn Machine>, only: &str) -> BTreeSet<(String, String)> {
    let config = Config::default();
    let env = Env {
        capabilities: &config.capabilities,
        limits: &config.limits,
        now: Now::default(),
    };
    let answers = answers();
    let mut edges = BTreeSet::new();
    // What a machine shows for debugging is all it knows, so a path that leads to what
    // was seen before need not be followed.
    let mut seen = BTreeMap::new();
    let mut paths: Vec<Vec<usize>> = vec![Vec::new()];
    while let Some(path) = paths.pop() {
        for next in 0..answers.len() {
            let mut machine = make();
            for step in &path {
                give(machine.as_mut(), &answers[*step], &env);
            }
            let from = state(machine.as_ref(), only);
            let to = match give(machine.as_mut(), &answers[next], &env) {
                Step::Done(Ok(_)) => "done".to_owned(),
                Step::Done(Err(_)) => "failed".to_owned(),
                Step::Next | Step::Again(_) => {
                    let to = state(machine.as_ref(), only);
                    let longer: Vec<usize> = path.iter().copied().chain([next]).collect();
                    let shown = format!("{machine:?}");
                    if longer.len() < 9 && seen.insert(shown, ()).is_none() {
                        paths.push(longer);
                    }
                    to
                }
            };
            edges.insert((from, to));
        }
    }
    edges
}

/// The edges of the drawing at the top of a file, of the section with this name or of
/// the only one. `A, B --label--> C | done` stands for four of them.
fn drawn(file: &str, section: Option<&str>) -> BTreeSet<(String, String)> {
    let text = file
        .split("```text")
        .nth(1)
        .and_then(|rest| rest.split("```").next());
    let mut within = section.is_none();
    let mut edges = BTreeSet::new();
    for line in text.expect("a drawing").lines() {
        let line = line.trim_start_matches("//!").trim();
        if let Some(name) = line.strip_suffix(':') {
            within = section == Some(name);
        }
        let Some((from, rest)) = line.split_once(" --") else {
            continue;
        };
        let (_, to) = rest.split_once("--> ").expect("an arrow has a head");
        let to = to.split("  ").next().unwrap();
        if !within {
            continue;
        }
        let name = |text: &str| {
            text.chars()
                .take_while(|c| c.is_alphanumeric())
                .collect::<String>()
        };
        for from in from.split(", ") {
            for to in to.split(" | ") {
                edges.insert((name(from), name(to)));
            }
        }
    }
    edges
}

#[track_caller]
fn compare(file: &str, section: Option<&str>, only: &str, makes: &[&dyn Fn() -> Box<dyn Machine>]) {
    let mut walked: BTreeSet<_> = makes.iter().flat_map(|make| walk(make, only)).collect();
    let mut drawn = drawn(file, section);
    // Every state may fail, and may be tried again as it is: nobody draws that.
    walked.retain(|(from, to)| to != "failed" && from != to);
    drawn.retain(|(from, to)| to != "failed" && from != to);
    assert_eq!(walked, drawn, "walked on the left, drawn on the right");
}

#[test]
fn pulls_are_as_drawn() {
    use crate::sink::BlobSink;
    let fresh =
        || -> Box<dyn Machine> { Box::new(PullBlob::new(repository(), content(), Resume::Fresh)) };
    let resumed = || -> Box<dyn Machine> {
        let mut sink = BlobSink::new(content());
        sink.chunk(&BLOB[..5]).unwrap();
        Box::new(PullBlob::new(repository(), content(), Resume::From(sink)))
    };
    let file = include_str!("pull_blob.rs");
    compare(file, None, "Fetching", &[&fresh, &resumed]);
    let file = include_str!("pull_bytes.rs");
    compare(
        file,
        Some("PullBytes"),
        "Pulling",
        &[&|| Box::new(PullBytes::new(repository(), content(), 100))],
    );
    compare(
        file,
        Some("PullRange"),
        "Pulling",
        &[&|| Box::new(PullRange::new(repository(), content().digest, 0..5))],
    );
    let file = include_str!("pull_manifest.rs");
    compare(
        file,
        None,
        "Pulling",
        &[&|| Box::new(PullManifest::new(repository(), tag(), 1000))],
    );
    let file = include_str!("resolve.rs");
    compare(
        file,
        None,
        "",
        &[&|| Box::new(Resolve::new(repository(), tag(), 1000))],
    );
    let file = include_str!("exists.rs");
    compare(
        file,
        None,
        "",
        &[
            &|| Box::new(Exists::new(repository(), What::Manifest(tag()))),
            &|| Box::new(Exists::new(repository(), What::Blob(content().digest))),
        ],
    );
}

#[test]
fn lists_are_as_drawn() {
    let file = include_str!("list.rs");
    compare(
        file,
        None,
        "Listing",
        &[&|| Box::new(ListTags::new(repository(), 1000))],
    );
    compare(
        file,
        None,
        "Listing",
        &[&|| Box::new(ListRepositories::new(registry(), 1000))],
    );
    let file = include_str!("referrers.rs");
    let digest = content().digest;
    compare(
        file,
        None,
        "",
        &[&|| Box::new(ListReferrers::new(repository(), digest, None, 1000))],
    );
}

#[test]
fn pushes_are_as_drawn() {
    let push = |source: BlobSource, upload: Upload| -> Box<dyn Machine> {
        Box::new(PushBlob::new(repository(), source, upload, u64::MAX))
    };
    let known = || BlobSource::with_digest(BLOB.len() as u64, content().digest);
    let unknown = || BlobSource::new(BLOB.len() as u64);
    let uploads = || {
        let check = Upload {
            check: true,
            ..Upload::default()
        };
        let mount_from = Some(repository());
        vec![
            Upload::default(),
            Upload {
                chunk: Some(5),
                ..Upload::default()
            },
            Upload {
                single_request: true,
                ..check.clone()
            },
            Upload {
                mount_from: mount_from.clone(),
                ..check.clone()
            },
            Upload {
                chunk: Some(5),
                mount_from,
                ..Upload::default()
            },
            Upload {
                chunk: Some(5),
                single_request: true,
                ..Upload::default()
            },
            check,
        ]
    };
    let machines: Vec<Box<dyn Fn() -> Box<dyn Machine>>> = uploads()
        .into_iter()
        .flat_map(|upload| {
            let same = upload.clone();
            let one: Box<dyn Fn() -> Box<dyn Machine>> =
                Box::new(move || push(known(), upload.clone()));
            let two: Box<dyn Fn() -> Box<dyn Machine>> =
                Box::new(move || push(unknown(), same.clone()));
            [one, two]
        })
        .collect();
    let machines: Vec<&dyn Fn() -> Box<dyn Machine>> = machines.iter().map(AsRef::as_ref).collect();
    compare(include_str!("push_blob.rs"), None, "", &machines);

    let file = include_str!("push_manifest.rs");
    compare(
        file,
        None,
        "",
        &[&|| {
            Box::new(PushManifest::new(
                repository(),
                tag(),
                subject_manifest(),
                1000,
            ))
        }],
    );
}

#[test]
fn the_rest_is_as_drawn() {
    let file = include_str!("ping.rs");
    compare(file, None, "Asking", &[&|| Box::new(Ping::new(registry()))]);
    let file = include_str!("delete.rs");
    compare(
        file,
        None,
        "Deleting",
        &[&|| Box::new(Delete::new(repository(), What::Blob(content().digest)))],
    );
    let file = include_str!("copy.rs");
    let other = || Repository::new(registry(), "other").unwrap();
    let elsewhere = || {
        let registry = Registry::new(Scheme::Https, "s.example").unwrap();
        Repository::new(registry, "other").unwrap()
    };
    let digest = content().digest;
    compare(
        file,
        Some("CopyBlob"),
        "",
        &[
            &|| Box::new(CopyBlob::new(other(), repository(), digest)),
            &|| Box::new(CopyBlob::new(elsewhere(), repository(), digest)),
        ],
    );
    let file = include_str!("fetch_token.rs");
    let fetch = |credentials: Credentials| -> Box<dyn Machine> {
        let realm = "https://r.example/token".parse().unwrap();
        let trusted = TrustedRealms::default();
        let credentials = Some(credentials);
        let machine = FetchToken::new(
            registry(),
            realm,
            None,
            Vec::new(),
            credentials,
            &trusted,
            1000,
        );
        Box::new(machine.unwrap())
    };
    compare(
        file,
        None,
        "",
        &[&|| fetch(Credentials::basic("me", "secret")), &|| {
            fetch(Credentials::IdentityToken {
                token: "t".into(),
                username: None,
            })
        }],
    );
}
