//! The exchange: parsers, the session against a registry in memory, and sinks.

use std::hint::black_box;
use std::str::FromStr as _;

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use ocirepo::auth::challenge::Challenge;
use ocirepo::manifest::ImageManifest;
use ocirepo::operation::Resume;
use ocirepo::reference::{Location, Reference, ReferenceRef};
use ocirepo::sink::{BlobSink, Content};
use ocirepo::{Descriptor, Digest, Manifest, Session};
use ocirepo_registry::simulator::Simulator;
use sha2::{Digest as _, Sha256};

const REFERENCES: [&str; 12] = [
    "ubuntu",
    "ubuntu:24.04",
    "docker.io/library/ubuntu:24.04",
    "ghcr.io/atgreen/librepo/gh-cli:latest",
    "quay.io/fedora/fedora-coreos:stable",
    "registry.example.com:5000/team/project/component/image:v1.2.3-rc.1_build.7",
    "localhost:5000/a/b",
    "127.0.0.1:5000/namespace/name:tag",
    "[fd00::1]:5000/namespace/name",
    "ghcr.io/owner/image:tag@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
    "example.org/deeply/nested/repository/path/with/many/components/and-dashes/under_scores:1",
    "UPPER.example/Not/Valid",
];

fn references(c: &mut Criterion) {
    let mut group = c.benchmark_group("reference");
    group.throughput(Throughput::Elements(REFERENCES.len() as u64));
    group.bench_function("borrowed", |b| {
        b.iter(|| {
            for text in REFERENCES {
                black_box(ReferenceRef::parse(black_box(text)).is_ok());
            }
        });
    });
    group.bench_function("owned", |b| {
        b.iter(|| {
            for text in REFERENCES {
                black_box(Reference::from_str(black_box(text)).is_ok());
            }
        });
    });
    group.finish();
}

fn challenges(c: &mut Criterion) {
    let fields = [
        r#"Bearer realm="https://ghcr.io/token",service="ghcr.io",scope="repository:me/repo:pull""#,
        r#"Basic realm="Registry Realm", Bearer realm="https://auth.example/token",service="x""#,
        r#"Bearer realm="https://auth.example/token",error="insufficient_scope",scope="a b c""#,
    ];
    let mut group = c.benchmark_group("challenge");
    group.throughput(Throughput::Elements(fields.len() as u64));
    group.bench_function("parse", |b| {
        b.iter(|| {
            for field in fields {
                black_box(Challenge::parse(black_box(field)));
            }
        });
    });
    group.finish();
}

fn manifests(c: &mut Criterion) {
    let mut manifest = ImageManifest::artifact("application/vnd.example.files");
    for number in 0_u32..15_000 {
        let digest = Digest::of(&number.to_le_bytes());
        let name = format!("Packages/p/package-{number:05}-devel-1.2.3-4.fc41.x86_64.rpm");
        let layer = Descriptor::new("application/x-rpm", digest, 12_345 + u64::from(number));
        manifest = manifest.layer(layer.annotate("org.opencontainers.image.title", name));
    }
    let raw = manifest.to_manifest().into_raw();
    let mut group = c.benchmark_group("manifest of 15,000 layers");
    group.throughput(Throughput::Bytes(raw.len() as u64));
    group.sample_size(30);
    group.bench_function("owned and hashed", |b| {
        b.iter_batched(
            || raw.clone(),
            |raw| Manifest::parse(None, raw).map(|manifest| manifest.layers().len()),
            BatchSize::LargeInput,
        );
    });
    group.bench_function("SHA-256 alone", |b| b.iter(|| Digest::of(black_box(&raw))));
    group.finish();
}

fn session(c: &mut Criterion) {
    const PULLS: usize = 100;
    let place: Location = "oci://registry.example/demo"
        .parse()
        .expect("the lab is as it was made");
    let mut group = c.benchmark_group("session");
    // A manifest and a blob of it make two requests.
    group.throughput(Throughput::Elements(PULLS as u64 + 1));
    group.bench_function("a manifest and 100 blobs, requests", |b| {
        b.iter_batched(
            || {
                let mut simulator = Simulator::new(1);
                let registry = simulator.registry("https://registry.example");
                let mut manifest = ImageManifest::artifact("application/vnd.example.files");
                for number in 0..PULLS {
                    let content = number.to_string().into_bytes();
                    manifest = manifest.layer(Descriptor::of("text/plain", &content));
                    registry.put_blob("demo", content);
                }
                let manifest = manifest.to_manifest();
                let kind = manifest.media_type().to_owned();
                registry.put_manifest("demo", Some("latest"), Some(&kind), manifest.into_raw());
                (simulator, Session::new(Default::default(), 1))
            },
            |(mut simulator, mut session)| {
                let selector = place.reference().selector();
                let pull = session.pull_manifest(place.repository(), selector);
                simulator.run(&mut session);
                let manifest = session.take(pull).expect("it ended").expect("it is there");
                let pulls: Vec<_> = manifest
                    .layers()
                    .iter()
                    .map(|layer| session.pull_blob(place.repository(), layer, Resume::Fresh))
                    .collect();
                simulator.run(&mut session);
                for pull in pulls {
                    session.take(pull).expect("it ended").expect("it is there");
                }
                assert_eq!(simulator.sent.len(), PULLS + 1);
                simulator
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

fn sinks(c: &mut Criterion) {
    const SIZE: usize = 8 << 20;
    let content: Vec<u8> = (0..SIZE).map(|at| (at * 31) as u8).collect();
    let declared = Content {
        digest: Digest::of(&content),
        size: Some(SIZE as u64),
    };
    let mut group = c.benchmark_group("8 MiB in pieces of 64 KiB");
    group.throughput(Throughput::Bytes(SIZE as u64));
    group.sample_size(30);
    group.bench_function("sink", |b| {
        b.iter(|| {
            let mut sink = BlobSink::new(declared);
            for piece in content.chunks(64 << 10) {
                black_box(sink.chunk(piece).expect("the lab is as it was made"));
            }
            assert!(sink.is_verified());
        });
    });
    group.bench_function("bare SHA-256", |b| {
        b.iter(|| {
            let mut hasher = Sha256::new();
            for piece in content.chunks(64 << 10) {
                hasher.update(piece);
            }
            black_box(hasher.finalize())
        });
    });
    group.finish();
}

criterion_group!(all, references, challenges, manifests, session, sinks);
criterion_main!(all);
