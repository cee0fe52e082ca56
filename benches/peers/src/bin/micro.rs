//! Parsers in turns, in one process: `micro CASE ROUNDS REPETITIONS`.
//!
//! One line for each round and parser: its name, a tab, and seconds. Every second round goes
//! backwards.

use std::hint::black_box;
use std::process::ExitCode;
use std::str::FromStr;
use std::time::Instant;

use container_image_dist_ref::ImgRef;
use ocirepo::Manifest;
use ocirepo::manifest::{ImageManifest, ManifestRef};
use ocirepo::reference::{Reference, ReferenceRef};
use ocirepo::{Descriptor, Digest};
use serde::Deserialize;
use serde_json::value::RawValue;

type Contender<'a> = (&'static str, Box<dyn FnMut() + 'a>);

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let numbers: Vec<usize> = arguments
        .iter()
        .filter_map(|text| text.parse().ok())
        .collect();
    let (Some(case), [rounds, repetitions]) = (arguments.first(), &numbers[..]) else {
        eprintln!("usage: micro CASE ROUNDS REPETITIONS");
        return ExitCode::from(2);
    };
    match case.as_str() {
        "reference" => in_turns(*rounds, references(*repetitions)),
        "manifest" => manifests(*rounds, *repetitions),
        _ => return ExitCode::from(2),
    }
    ExitCode::SUCCESS
}

fn in_turns(rounds: usize, mut contenders: Vec<Contender<'_>>) {
    for (_, run) in &mut contenders {
        run();
    }
    for _ in 0..rounds {
        for (name, run) in &mut contenders {
            let start = Instant::now();
            run();
            println!("{name}\t{}", start.elapsed().as_secs_f64());
        }
        contenders.reverse();
    }
}

/// References of all kinds that every parser takes.
const REFERENCES: &[&str] = &[
    "ubuntu",
    "ubuntu:24.04",
    "library/ubuntu:latest",
    "docker.io/library/ubuntu:24.04",
    "ghcr.io/atgreen/librepo/gh-cli:latest",
    "quay.io/fedora/fedora-coreos:stable",
    "registry.example.com:5000/team/project/component/image:v1.2.3-rc.1_build.7",
    "localhost:5000/a/b",
    "127.0.0.1:5000/namespace/name:tag",
    "gcr.io/distroless/static-debian12:nonroot",
    "public.ecr.aws/amazonlinux/amazonlinux:2023",
    "registry.access.redhat.com/ubi9/ubi-minimal:9.4-1194",
    "mcr.microsoft.com/dotnet/runtime-deps:8.0-jammy-chiseled-extra",
    "alpine@sha256:b5b28e5a8e5d2b5e6d6a2a0e0c5b8a5d2e6c0b9f7a4d3e2c1b0a9f8e7d6c5b4a",
    "ghcr.io/owner/image:tag@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "example.org/deeply/nested/repository/path/with/many/components/and-dashes/under_scores:1",
];

fn references(repetitions: usize) -> Vec<Contender<'static>> {
    let corpus: Vec<&str> = REFERENCES
        .iter()
        .copied()
        .filter(|text| {
            let taken = ReferenceRef::parse(text).is_ok()
                && Reference::from_str(text).is_ok()
                && ImgRef::new(text).is_ok()
                && oci_client::Reference::from_str(text).is_ok();
            if !taken {
                eprintln!("{text} is left out: not all take it");
            }
            taken
        })
        .collect();
    // Divided by what is printed, so that a line is the time of one reference.
    fn all<T>(
        corpus: Vec<&'static str>,
        repetitions: usize,
        parse: impl Fn(&'static str) -> T + 'static,
    ) -> Box<dyn FnMut()> {
        Box::new(move || {
            for _ in 0..repetitions {
                for text in &corpus {
                    black_box(parse(black_box(text)));
                }
            }
        })
    }
    let c = || corpus.clone();
    vec![
        ("ocirepo, borrowed", all(c(), repetitions, |text| ReferenceRef::parse(text).is_ok())),
        ("ocirepo, owned", all(c(), repetitions, Reference::from_str)),
        ("container_image_dist_ref", all(c(), repetitions, |text| ImgRef::new(text).is_ok())),
        ("oci-client", all(c(), repetitions, oci_client::Reference::from_str)),
    ]
}

/// What a borrowed parse gives a caller who wants the digests and sizes of layers.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Borrowed<'a> {
    #[serde(borrow)]
    config: Layer<'a>,
    layers: Vec<Layer<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Layer<'a> {
    #[serde(borrow)]
    media_type: &'a str,
    digest: &'a str,
    size: u64,
    #[serde(borrow)]
    annotations: Option<&'a RawValue>,
}

fn manifests(rounds: usize, repetitions: usize) {
    let raw = manifest();
    eprintln!("{} bytes", raw.len());
    let kind = "application/vnd.oci.image.manifest.v1+json";
    let repeat = |run: &mut dyn FnMut()| (0..repetitions).for_each(|_| run());
    let contenders: Vec<Contender<'_>> = vec![
        (
            "ocirepo, owned and hashed",
            Box::new(|| {
                repeat(&mut || {
                    let manifest = Manifest::parse(Some(kind), raw.clone());
                    assert!(black_box(manifest).is_ok());
                });
            }),
        ),
        (
            "ocirepo, view",
            Box::new(|| {
                repeat(&mut || {
                    let view = ManifestRef::parse(Some(kind), black_box(&raw))
                        .unwrap_or_else(|error| panic!("{error}"));
                    for layer in view.layers().iter().chain(view.config()) {
                        black_box((layer.media_type(), layer.size()));
                        black_box(layer);
                    }
                });
            }),
        ),
        (
            "SHA-256 of it",
            Box::new(|| {
                repeat(&mut || {
                    black_box(Digest::of(black_box(&raw)));
                });
            }),
        ),
        (
            "serde_json, borrowed",
            Box::new(|| {
                repeat(&mut || {
                    let view: Borrowed<'_> = serde_json::from_slice(black_box(&raw))
                        .unwrap_or_else(|error| panic!("{error}"));
                    for layer in view.layers.iter().chain([&view.config]) {
                        black_box((layer.media_type, layer.digest, layer.size));
                        black_box(layer.annotations);
                    }
                });
            }),
        ),
        (
            "oci-client",
            Box::new(|| {
                repeat(&mut || {
                    let manifest: oci_client::manifest::OciImageManifest =
                        serde_json::from_slice(black_box(&raw))
                            .unwrap_or_else(|error| panic!("{error}"));
                    black_box(manifest);
                });
            }),
        ),
    ];
    in_turns(rounds, contenders);
}

/// About 4 MiB: 15,000 layers, each with a title.
fn manifest() -> Vec<u8> {
    let mut manifest = ImageManifest::artifact("application/vnd.example.files");
    for number in 0_u32..15_000 {
        let digest = Digest::of(&number.to_le_bytes());
        let name = format!("Packages/p/package-{number:05}-devel-1.2.3-4.fc41.x86_64.rpm");
        let layer = Descriptor::new("application/x-rpm", digest, 12_345 + u64::from(number));
        manifest = manifest.layer(layer.annotate("org.opencontainers.image.title", name));
    }
    manifest.to_manifest().into_raw()
}
