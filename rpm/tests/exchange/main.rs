//! A repository from publishing to reading over whole exchanges: the session, a
//! registry in memory that wants tokens, and no network.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

#[allow(dead_code, reason = "the layout tests use the rest")]
#[path = "../layouts/registry.rs"]
mod registry;

use std::collections::BTreeMap;
use std::io::Read;

use bytes::Bytes;
use ocirepo::auth::Credentials;
use ocirepo::operation::{Operation, Outcome, Upload};
use ocirepo::reference::{Reference, Repository};
use ocirepo::session::{Config, Session};
use ocirepo::source::BlobSource;
use ocirepo::{Error, ErrorKind};
use ocirepo_registry::simulator::{Simulator, Weather};
use ocirepo_registry::{Auth, Config as RegistryConfig, Quirk, Rule};
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::{PackagePushes, Plan};
use ocirepo_rpm::signature::{Keyring, SecretKey};
use ocirepo_rpm::snapshot::{
    Answer, Ask, Opening, Options, Snapshot, SnapshotError, SnapshotErrorKind, Target,
};

use registry::{Directory, WITH_REPODATA, href, repository, tag};

const ORIGIN: &str = "http://localhost:5000";
const NOW: u64 = 1_700_000_000;

fn key(seed: u8) -> SecretKey {
    SecretKey::generate("Me <me@example.org>", NOW - 1000, [seed; 32]).unwrap()
}

/// A signed directory with two packages, one of whose names OCI does not allow.
fn directory() -> Directory {
    let packages = [("hello", "hello"), ("LibFoo++", "LibFoo++")];
    let mut directory = Directory::new(7, &packages, &[("RPM-GPG-KEY", "key")]);
    let repomd = &directory.files["repodata/repomd.xml"];
    let signature = key(1).sign(repomd, NOW - 100, None, [1; 32]).unwrap();
    let path = "repodata/repomd.xml.asc".to_owned();
    directory.files.insert(path, signature.into_bytes());
    directory
}

fn verified() -> Options {
    Options {
        keys: Some(Keyring::parse(key(1).certificate().unwrap().as_bytes()).unwrap()),
        now: NOW,
        ..Options::default()
    }
}

struct Host {
    session: Session,
    simulator: Simulator,
}

impl Host {
    fn new(auth: Option<Auth>) -> Self {
        let mut simulator = Simulator::new(3);
        let config = RegistryConfig {
            auth,
            sparse: false,
            ..RegistryConfig::default()
        };
        simulator.add_registry(ORIGIN, config);
        let registry = repository().registry;
        simulator.log_in(registry, Credentials::basic("lab", "labpass"));
        Self {
            session: Session::new(Config::default(), 3),
            simulator,
        }
    }

    fn run<T: Outcome>(
        &mut self,
        start: impl FnOnce(&mut Session) -> Operation<T>,
    ) -> Result<T, Error> {
        let operation = start(&mut self.session);
        self.simulator.run(&mut self.session);
        self.session.take(operation).unwrap()
    }

    fn found<T: Outcome>(&mut self, start: impl FnOnce(&mut Session) -> Operation<T>) -> Option<T> {
        match self.run(start) {
            Ok(value) => Some(value),
            Err(error) if error.kind() == ErrorKind::NotFound => None,
            Err(error) => panic!("{error}"),
        }
    }

    fn publish(&mut self, plan: &Plan, directory: &Directory) {
        for stage in &plan.stages {
            let packages = stage.packages.iter().map(|push| directory.expand(push));
            let packages: Vec<PackagePushes> = packages.collect();
            let of_packages = packages.iter().flat_map(|pushes| &pushes.blobs);
            for push in stage.blobs.iter().chain(of_packages) {
                let content = directory.content(&push.source);
                let source = BlobSource::with_digest(push.descriptor.size, push.descriptor.digest);
                let upload = Upload::default();
                let operation = self.session.push_blob(&push.repository, source, upload);
                let content = Bytes::from(content);
                self.simulator.sources.insert(operation.id(), content);
                self.simulator.run(&mut self.session);
                self.session.take(operation).unwrap().unwrap();
            }
            let of_packages = packages.iter().map(|pushes| &pushes.manifest);
            for push in of_packages.chain(&stage.manifests) {
                let (selector, manifest) = (push.selector.clone(), push.manifest.clone());
                self.run(|s| s.push_manifest(&push.repository, selector, manifest))
                    .unwrap();
            }
        }
    }

    fn open(&mut self, layout: Layout, options: Options) -> Result<Snapshot, SnapshotError> {
        let reference = Reference::new(repository()).with_tag(tag(layout).parse().unwrap());
        let mut opening = Opening::new(&reference, options);
        loop {
            let answer = match opening.ask().clone() {
                Ask::Manifest {
                    repository,
                    selector,
                } => Answer::Manifest(self.found(|s| s.pull_manifest(&repository, selector))),
                Ask::Referrers {
                    repository,
                    subject,
                    artifact_type,
                } => {
                    let kind = Some(artifact_type.as_str());
                    Answer::Referrers(
                        self.run(|s| s.referrers(&repository, subject, kind))
                            .unwrap(),
                    )
                }
                Ask::Blob {
                    repository,
                    descriptor,
                    limit,
                } => {
                    Answer::Blob(self.found(|s| s.pull_blob_bytes(&repository, &descriptor, limit)))
                }
            };
            if let Some(snapshot) = opening.answer(answer)? {
                return Ok(snapshot);
            }
        }
    }

    fn fetch(&mut self, snapshot: &Snapshot, path: &str) -> Result<Option<Vec<u8>>, Error> {
        let path = href(path);
        let blob = match snapshot.resolve(&path).unwrap() {
            Target::Held(content) => return Ok(Some(content.to_vec())),
            Target::Blob(blob) => blob,
            Target::Listed(list) => {
                let manifest =
                    self.found(|s| s.pull_manifest(&list.repository, list.selector.clone()));
                match manifest.and_then(|m| snapshot.listed(&path, &m).unwrap()) {
                    Some(blob) => blob,
                    None => return Ok(None),
                }
            }
            Target::Made(made) => {
                let from = &made.from;
                let part =
                    self.run(|s| s.pull_blob_bytes(&from.repository, &from.descriptor, 1 << 20))?;
                let mut content = Vec::new();
                made.make(&part[..])
                    .unwrap()
                    .read_to_end(&mut content)
                    .unwrap();
                return Ok(Some(content));
            }
            Target::Packages => panic!("the packages are to be learnt"),
            Target::Missing => return Ok(None),
        };
        self.run(|s| s.pull_blob_bytes(&blob.repository, &blob.descriptor, 1 << 20))
            .map(Some)
    }

    fn published(auth: Option<Auth>, layout: Layout, directory: &Directory) -> Self {
        let mut host = Self::new(auth);
        host.publish(&directory.plan(Some(layout), None).unwrap(), directory);
        host.forget();
        host
    }

    /// What a client that starts now knows: nothing.
    fn forget(&mut self) {
        self.session = Session::new(Config::default(), 4);
        self.simulator.sent.clear();
    }

    fn requests(&self) -> Vec<String> {
        let sent = self.simulator.sent.iter();
        sent.map(|sent| {
            let path = sent.url.path();
            let what = ["/token", "/manifests/", "/blobs/"]
                .into_iter()
                .find(|what| path.contains(what))
                .unwrap_or(path);
            format!(
                "{} {}",
                sent.status.unwrap().as_u16(),
                what.trim_matches('/')
            )
        })
        .collect()
    }
}

#[test]
fn what_is_published_is_read_back_in_every_layout_and_with_every_log_in() {
    let directory = directory();
    let auths = [
        None,
        Some(Auth::basic("lab", "labpass")),
        Some(Auth::bearer("lab", "labpass")),
    ];
    for auth in auths {
        for layout in WITH_REPODATA {
            let mut host = Host::published(auth.clone(), layout, &directory);
            let mut snapshot = host.open(layout, verified()).unwrap();
            assert_eq!(snapshot.layout(), layout);
            assert!(snapshot.signer().is_some());
            directory.teach(&mut snapshot);
            let mut read = BTreeMap::new();
            for path in directory.files.keys() {
                if let Some(content) = host.fetch(&snapshot, path).unwrap() {
                    read.insert(path.clone(), content);
                }
            }
            assert_eq!(read, directory.files, "{layout}");
        }
    }
}

#[test]
fn a_cold_read_of_an_index_costs_what_it_must_and_a_package_one_request() {
    let directory = directory();
    let auth = Some(Auth::bearer("lab", "labpass"));
    let mut host = Host::published(auth, Layout::Index, &directory);
    let mut snapshot = host.open(Layout::Index, verified()).unwrap();
    let primary = snapshot
        .repomd()
        .require("primary")
        .unwrap()
        .location
        .path()
        .to_owned();
    host.fetch(&snapshot, &primary).unwrap().unwrap();
    directory.teach(&mut snapshot);
    assert_eq!(
        host.requests(),
        [
            "401 manifests",
            "200 token",
            "200 manifests", // the index
            "200 manifests", // the metadata
            "200 blobs",     // repomd.xml
            "200 blobs",     // its signature
            "200 blobs",     // primary
        ]
    );
    host.simulator.sent.clear();
    for package in &directory.packages {
        host.fetch(&snapshot, package.path.path()).unwrap().unwrap();
    }
    assert_eq!(host.requests(), ["200 blobs", "200 blobs"]);
}

#[test]
fn a_changed_package_or_primary_is_never_delivered() {
    let directory = directory();
    for layout in WITH_REPODATA {
        let mut host = Host::published(None, layout, &directory);
        let mut snapshot = host.open(layout, verified()).unwrap();
        directory.teach(&mut snapshot);
        let corrupt = Rule::new(Quirk::Corrupt { at: 3 }).path("*/blobs/*");
        host.simulator.registry(ORIGIN).script(corrupt);
        let primary = snapshot
            .repomd()
            .require("primary")
            .unwrap()
            .location
            .path()
            .to_owned();
        let package = directory.packages[1].path.path().to_owned();
        for path in [primary, package] {
            let error = host.fetch(&snapshot, &path).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Corrupt, "{layout} {path}: {error}");
        }
    }
}

#[test]
fn a_signature_of_another_key_or_none_is_refused() {
    let mut unsigned = directory();
    unsigned.files.remove("repodata/repomd.xml.asc");
    let mut other = directory();
    let repomd = &other.files["repodata/repomd.xml"];
    let signature = key(2).sign(repomd, NOW - 100, None, [1; 32]).unwrap();
    let path = "repodata/repomd.xml.asc".to_owned();
    other.files.insert(path, signature.into_bytes());
    for layout in WITH_REPODATA {
        for (directory, kind) in [
            (&unsigned, SnapshotErrorKind::Unsigned),
            (&other, SnapshotErrorKind::BadSignature),
        ] {
            let mut host = Host::published(None, layout, directory);
            let error = host.open(layout, verified()).unwrap_err();
            assert_eq!(error.kind(), kind, "{layout}: {error}");
        }
    }
}

#[test]
fn a_network_that_loses_and_splits_costs_nothing_but_time() {
    let directory = directory();
    for layout in WITH_REPODATA {
        let mut host = Host::published(Some(Auth::bearer("lab", "labpass")), layout, &directory);
        host.simulator.weather = Weather {
            chunk: 40,
            losses: 20,
            forgets: 300,
        };
        let mut snapshot = host.open(layout, verified()).unwrap();
        directory.teach(&mut snapshot);
        for (path, content) in &directory.files {
            assert_eq!(host.fetch(&snapshot, path).unwrap().as_ref(), Some(content));
        }
    }
}

/// The repository of the tests is one that plain http may reach.
#[test]
fn the_registry_is_where_the_simulator_looks_for_it() {
    let place: Repository = repository();
    assert_eq!(place.registry.base().origin().ascii_serialization(), ORIGIN);
}
