//! The worked example of `docs/format.md` is what is published.

use std::io::Read;

use flate2::read::GzDecoder;
use ocirepo::reference::Reference;
use ocirepo::{Digest, Manifest};
use ocirepo_rpm::layout::{Layout, format};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::native::{Part, Synthesis};
use ocirepo_rpm::publish::Parent;
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::snapshot::Options;

use super::registry::{Directory, Registry, WITH_REPODATA, href, rpm, tag};

const PACKAGE: &str = "Packages/gtk+-1.2.10-1.x86_64.rpm";

fn example(revision: u64) -> Directory {
    let primary = b"<metadata packages=\"0\"/>\n";
    let hex = Digest::of(primary).hex();
    let repomd = format!(
        "<repomd xmlns=\"http://linux.duke.edu/metadata/repo\">\n\
         <revision>{revision}</revision>\n\
         <data type=\"primary\"><checksum type=\"sha256\">{hex}</checksum>\
         <location href=\"repodata/primary.xml\"/><size>{}</size></data>\n</repomd>\n",
        primary.len()
    );
    let mut directory = Directory::new(revision, &[("gtk+", "gtk+")], &[]);
    directory.files.clear();
    for (path, content) in [
        ("repodata/repomd.xml", repomd.as_bytes()),
        ("repodata/primary.xml", primary),
        (PACKAGE, b"package\n"),
    ] {
        directory.files.insert(path.to_owned(), content.to_vec());
    }
    directory.repomd = Repomd::parse(repomd.as_bytes()).unwrap();
    directory.packages[0].path = href(PACKAGE);
    directory.packages[0].checksum = Digest::of(b"package\n").into();
    directory
}

fn document() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/format.md");
    std::fs::read_to_string(path).unwrap()
}

fn json(manifest: &Manifest) -> serde_json::Value {
    serde_json::from_slice(manifest.raw()).unwrap()
}

#[test]
fn the_worked_example_is_what_is_published() {
    let document = document();
    let mut missing = Vec::new();
    let mut expect = |text: String| {
        if !document.contains(&text) {
            missing.push(text);
        }
    };
    let directory = example(1_700_000_000);
    for content in directory.files.values() {
        expect(Digest::of(content).to_string());
    }
    for layout in WITH_REPODATA {
        let plan = directory.plan(Some(layout), None).unwrap();
        for push in plan.stages.iter().flat_map(|stage| &stage.manifests) {
            expect(push.repository.name().to_owned());
            expect(push.selector.to_string());
            expect(push.manifest.digest().to_string());
        }
        if let Some(root) = plan.stages.last().filter(|_| layout != Layout::Tree) {
            let value = json(&root.manifests[0].manifest);
            let shown = document
                .split("```json\n")
                .filter_map(|block| block.split("```").next())
                .any(|block| {
                    serde_json::from_str(block).is_ok_and(|b: serde_json::Value| b == value)
                });
            if !shown {
                expect(serde_json::to_string_pretty(&value).unwrap());
            }
        }
    }

    let mut registry = Registry::default();
    let plan = directory.plan(Some(Layout::Index), None).unwrap();
    registry.perform(&plan, &directory, usize::MAX);
    let reference: Reference = "localhost:5000/me/repo:el9".parse().unwrap();
    let first = registry.open_at(&reference, Options::default()).unwrap();
    let next = example(1_700_000_001);
    let plan = next
        .plan(Some(Layout::Index), Some(&Parent::of(&first)))
        .unwrap();
    expect(plan.root.unwrap().to_string());
    assert!(
        missing.is_empty(),
        "docs/format.md does not show {}",
        missing.join("\n")
    );
}

#[test]
fn the_worked_example_of_native_is_what_is_published() {
    let document = document();
    let mut missing = Vec::new();
    let mut expect = |text: String| {
        if !document.contains(&text) {
            missing.push(text);
        }
    };
    let shown = |value: &serde_json::Value| {
        document
            .split("```json\n")
            .filter_map(|block| block.split("```").next())
            .any(|block| serde_json::from_str(block).is_ok_and(|b: serde_json::Value| b == *value))
    };
    let directory = Directory::native(1_700_000_000, &["gtk+"], &[]);
    let package = rpm("gtk+");
    let digits: Vec<String> = package.iter().map(|byte| format!("{byte:02x}")).collect();
    for line in digits.chunks(32) {
        expect(line.concat());
    }
    let plan = directory.plan(None, None).unwrap();
    let mut values = Vec::new();
    let push = &plan.stages[0].packages[0];
    let pushes = directory.expand(push);
    expect(pushes.manifest.selector.to_string());
    expect(pushes.manifest.manifest.digest().to_string());
    values.push(json(&pushes.manifest.manifest));
    let config = directory.content(&pushes.blobs[0].source);
    values.push(serde_json::from_slice(&config).unwrap());
    let (catalogue, parts) = directory.catalogue.as_ref().unwrap();
    for (part, file) in Part::ALL.into_iter().zip(parts) {
        let mut line = Vec::new();
        GzDecoder::new(&file[..]).read_to_end(&mut line).unwrap();
        values.push(serde_json::from_slice(&line).unwrap());
        let mut xml = String::new();
        Synthesis::new(part, 1, &file[..], Limits::default())
            .unwrap()
            .read_to_string(&mut xml)
            .unwrap();
        expect(xml);
    }
    values.push(serde_json::from_slice(&catalogue.to_config()).unwrap());
    expect(catalogue.raw_repomd());
    for stage in &plan.stages[1..] {
        let push = &stage.manifests[0];
        expect(push.selector.to_string());
        expect(push.manifest.digest().to_string());
        values.push(json(&push.manifest));
    }
    for value in values {
        if !shown(&value) {
            expect(serde_json::to_string_pretty(&value).unwrap());
        }
    }
    assert!(
        missing.is_empty(),
        "docs/format.md does not show {}",
        missing.join("\n")
    );
}

#[test]
fn the_document_names_every_media_type_and_annotation() {
    let document = document();
    for word in [
        format::REPOSITORY,
        format::METADATA,
        format::PACKAGES,
        format::OTHER,
        format::FILE,
        format::TITLE,
        format::CREATED,
        format::LAYOUT,
        format::SEQUENCE,
        format::PARENT,
        format::ROLE,
        format::SHARD,
        format::UNPACK,
        format::VERSION,
        format::PACKAGE,
        format::PACKAGE_CONFIG,
        format::HEADER,
        format::CATALOGUE,
        format::CATALOGUE_PACKAGES,
        format::CATALOGUE_FILES,
        format::CATALOGUE_CHANGES,
        tag(Layout::Tree),
    ] {
        assert!(document.contains(&format!("`{word}`")), "{word}");
    }
}
