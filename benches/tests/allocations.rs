//! What allocates, and how much: the same in every run, so a test.
//!
//! One test alone, because what is counted is that of the whole process.

use dhat::{HeapStats, Profiler};
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::ReferenceRef;
use ocirepo::sink::{BlobSink, Content};
use ocirepo::{Descriptor, Digest, Manifest};

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

/// How often it may be done to know how often it allocates: the runner has a thread of its own.
const TIMES: usize = 5;

/// How often something allocates, at least.
fn blocks(mut work: impl FnMut()) -> Option<u64> {
    let counted = (0..TIMES).map(|_| {
        let before = HeapStats::get().total_blocks;
        work();
        HeapStats::get().total_blocks - before
    });
    counted.min()
}

#[test]
fn what_need_not_allocate_does_not() {
    let _profiler = Profiler::builder().testing().build();
    let references = [
        "ubuntu",
        "ghcr.io/atgreen/librepo/gh-cli:latest",
        "registry.example.com:5000/team/project/image:v1.2.3-rc.1_build.7",
        "ghcr.io/owner/image:tag@sha256:\
         9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08",
        "[fd00::1]:5000/namespace/name",
    ];
    let parse = || {
        for text in references {
            assert!(ReferenceRef::parse(text).is_ok(), "{text}");
        }
    };
    assert_eq!(blocks(parse), Some(0), "a borrowed reference");

    let content = vec![7; 1 << 20];
    let declared = Content {
        digest: Digest::of(&content),
        size: Some(content.len() as u64),
    };
    let mut sinks = [(); TIMES].map(|()| BlobSink::new(declared));
    let mut sinks = sinks.iter_mut();
    let feed = || {
        let sink = sinks.next().expect("a sink");
        for piece in content.chunks(4096) {
            assert!(sink.chunk(piece).is_ok());
        }
    };
    assert_eq!(blocks(feed), Some(0), "the chunks of a blob");

    // What a manifest of 15,000 layers holds besides its raw bytes.
    let mut manifest = ImageManifest::artifact("application/vnd.example.files");
    for number in 0_u32..15_000 {
        let digest = Digest::of(&number.to_le_bytes());
        let name = format!("Packages/p/package-{number:05}-devel-1.2.3-4.fc41.x86_64.rpm");
        let layer = Descriptor::new("application/x-rpm", digest, 12_345);
        manifest = manifest.layer(layer.annotate("org.opencontainers.image.title", name));
    }
    let raw = manifest.to_manifest().into_raw();
    let (before, size) = (HeapStats::get().curr_bytes, raw.len());
    let parsed = Manifest::parse(None, raw);
    let held = HeapStats::get().curr_bytes - before;
    assert_eq!(
        parsed.map(|parsed| parsed.layers().len()).ok(),
        Some(15_000)
    );
    println!("{size} bytes of JSON, {held} bytes of descriptors");
    assert!(held < 4 * size, "{held} bytes for {size} of JSON");
}
