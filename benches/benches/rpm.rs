//! RPM repositories: metadata read and written, names, versions.

use std::fs::{self, File};
use std::hint::black_box;
use std::path::{Path, PathBuf};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use ocirepo_e2e::synthetic;
use ocirepo_rpm::evr::rpmvercmp;
use ocirepo_rpm::header::{self, HeaderOptions};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::name;
use ocirepo_rpm::package::Package;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::write::PrimaryWriter;

const PACKAGES: usize = 1000;

/// Synthetic packages in the target directory.
fn files() -> Vec<PathBuf> {
    let below = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/bench");
    let made = synthetic::make(&below, PACKAGES).expect("the lab is as it was made");
    let mut files = Vec::new();
    for folder in fs::read_dir(made.packages).expect("the lab is as it was made") {
        for file in fs::read_dir(folder.expect("the lab is as it was made").path())
            .expect("the lab is as it was made")
        {
            files.push(file.expect("the lab is as it was made").path());
        }
    }
    files.sort();
    files
}

fn scan(file: &Path) -> Package {
    let name = file
        .file_name()
        .expect("the lab is as it was made")
        .to_str()
        .expect("the lab is as it was made");
    let location = Href::from_path(name).expect("the lab is as it was made");
    let opened = File::open(file).expect("the lab is as it was made");
    header::scan(opened, name, location, None, &HeaderOptions::default())
        .expect("the lab is as it was made")
        .package
}

fn metadata(c: &mut Criterion) {
    let files = files();
    let packages: Vec<Package> = files.iter().map(|file| scan(file)).collect();
    let mut group = c.benchmark_group("1,000 packages");
    group.throughput(Throughput::Elements(PACKAGES as u64));
    group.sample_size(20);
    group.bench_function("headers scanned and hashed", |b| {
        b.iter(|| {
            files
                .iter()
                .map(|file| scan(file).size.package)
                .sum::<u64>()
        });
    });
    group.bench_function("primary.xml written", |b| b.iter(|| write(&packages).len()));
    group.finish();

    let written = write(&packages);
    let mut group = c.benchmark_group("primary.xml of 1,000 packages, read");
    group.sample_size(20);
    for (unit, throughput) in [
        ("packages", Throughput::Elements(PACKAGES as u64)),
        ("bytes", Throughput::Bytes(written.len() as u64)),
    ] {
        group.throughput(throughput);
        group.bench_function(unit, |b| {
            b.iter(|| {
                let primary = Primary::open(&written[..], "primary.xml", Limits::default());
                let read: Result<Vec<Package>, _> =
                    primary.expect("the lab is as it was made").collect();
                assert_eq!(read.expect("the lab is as it was made").len(), PACKAGES);
            });
        });
    }
    group.finish();
}

fn write(packages: &[Package]) -> Vec<u8> {
    let mut writer =
        PrimaryWriter::new(Vec::new(), packages.len() as u64).expect("the lab is as it was made");
    for package in packages {
        writer.write(package).expect("the lab is as it was made");
    }
    writer.finish().expect("the lab is as it was made")
}

fn names(c: &mut Criterion) {
    let names: Vec<String> = files()
        .iter()
        .map(|file| {
            file.file_name()
                .expect("the lab is as it was made")
                .to_string_lossy()
                .into_owned()
        })
        .chain(["gtk+-1.2.10-1.x86_64.rpm".to_owned(), "Café_Ω".to_owned()])
        .collect();
    let mut group = c.benchmark_group("name of a file in a tree");
    group.throughput(Throughput::Elements(names.len() as u64));
    group.bench_function("encode", |b| {
        b.iter(|| {
            for component in &names {
                black_box(name::encode_component(black_box(component)).is_ok());
            }
        });
    });
    group.finish();
}

fn versions(c: &mut Criterion) {
    let versions: Vec<String> = (0..5000_u32)
        .map(|at| format!("{}.{}.{}~rc{}", at % 7, at % 41, at % 13, at % 3))
        .collect();
    let mut group = c.benchmark_group("versions");
    group.throughput(Throughput::Elements(versions.len() as u64));
    group.bench_function("sort 5,000", |b| {
        b.iter(|| {
            let mut sorted: Vec<&str> = versions.iter().map(String::as_str).collect();
            sorted.sort_by(|a, b| rpmvercmp(a, b));
            black_box(sorted.len())
        });
    });
    group.finish();
}

criterion_group!(all, metadata, names, versions);
criterion_main!(all);
