//! Reading plain repositories of web servers that are slow, old, damaged or hostile.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;
#[path = "import/repo.rs"]
mod repo;

use std::path::Path;

use common::client;
use ocirepo_native::Error;
use ocirepo_native::import::{Address, ImportErrorKind, Options, Origin};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::signature::{Keyring, SecretKey};
use repo::{Repo, list, metalink};
use wiremock::matchers::{any, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

const PACKAGE: &str = "Packages/g++-1-1.noarch.rpm";
const NOW: u64 = 1_700_000_000;

async fn open(address: &Address, options: &Options) -> Result<Origin, Error> {
    let home = tempfile::tempdir().unwrap();
    Origin::open(&client(home.path()), address, options).await
}

fn at(server: &MockServer) -> Address {
    Address::Base(format!("{}/os", server.uri()).parse().unwrap())
}

fn kind(result: Result<impl std::fmt::Debug, Error>) -> (ImportErrorKind, String) {
    match result.unwrap_err() {
        Error::Import(error) => (error.kind(), error.to_string()),
        other => panic!("{other}"),
    }
}

async fn package(origin: &Origin) -> Result<Vec<u8>, Error> {
    let path = Href::from_path(PACKAGE).unwrap();
    let file = origin.fetch(&path).await?;
    Ok(std::fs::read(&file).unwrap())
}

fn repomd(origin: &Origin) -> Vec<u8> {
    origin.held().unwrap()[0].1.to_vec()
}

/// How often a server was asked for paths that end so.
async fn asked(server: &MockServer, end: &str) -> usize {
    let requests = server.received_requests().await.unwrap();
    let ends = |request: &&wiremock::Request| request.url.path().ends_with(end);
    requests.iter().filter(ends).count()
}

#[tokio::test]
async fn a_repository_is_read_and_its_packages_verified() {
    let repo = Repo::new(1, b"content", None);
    let server = repo.serve().await;
    let origin = open(&at(&server), &Options::default()).await.unwrap();
    assert_eq!(repomd(&origin), repo.repomd());
    assert_eq!(origin.packages().len(), 1);
    assert_eq!(origin.packages()[0].source, "gcc");
    assert_eq!(package(&origin).await.unwrap(), b"content");

    let damaged = repo
        .without("Packages/g%2B%2B-1-1.noarch.rpm")
        .with("Packages/g%2B%2B-1-1.noarch.rpm", b"c0ntent");
    let server = damaged.serve().await;
    let origin = open(&at(&server), &Options::default()).await.unwrap();
    let (kind, text) = kind(package(&origin).await);
    assert_eq!(kind, ImportErrorKind::Corrupt);
    assert!(
        text.contains("g%2B%2B-1-1.noarch.rpm: its checksum is"),
        "{text}"
    );
}

#[tokio::test]
async fn a_local_directory_is_read_too() {
    let folder = tempfile::tempdir().unwrap();
    for (path, content) in Repo::new(1, b"content", None).files {
        let file = folder.path().join(path.replace("%2B", "+"));
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
    let url = url::Url::from_directory_path(folder.path()).unwrap();
    let origin = open(&Address::Base(url), &Options::default())
        .await
        .unwrap();
    assert_eq!(package(&origin).await.unwrap(), b"content");
}

#[tokio::test]
async fn a_fetched_file_is_gone_when_it_is_dropped() {
    let server = Repo::new(1, b"content", None).serve().await;
    let origin = open(&at(&server), &Options::default()).await.unwrap();
    let path = Href::from_path(PACKAGE).unwrap();
    let file = origin.fetch(&path).await.unwrap();
    let spool = Path::new(&*file).parent().unwrap().to_owned();
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 1);
    drop(file);
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
    drop(origin);
    assert!(!spool.exists());
}

#[tokio::test]
async fn mirrors_are_tried_in_order_and_a_dead_one_is_not_asked_again() {
    let repo = Repo::new(1, b"content", None);
    let old = Repo::new(0, b"old", None).serve().await;
    let dead = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(503))
        .mount(&dead)
        .await;
    let good = repo.serve().await;
    let text = metalink(&[repo.repomd()], &[&old.uri(), &dead.uri(), &good.uri()]);
    let list = list(&text).await;
    let address = Address::Metalink(format!("{}/list", list.uri()).parse().unwrap());
    let origin = open(&address, &Options::default()).await.unwrap();
    assert_eq!(repomd(&origin), repo.repomd());
    assert_eq!(package(&origin).await.unwrap(), b"content");
    assert!(!origin.is_behind());
    assert_eq!(asked(&dead, "").await, 1);
    assert_eq!(asked(&old, "primary.xml").await, 0);
}

#[tokio::test]
async fn an_earlier_version_is_taken_only_where_no_mirror_has_the_latest() {
    let new = Repo::new(2, b"new", None);
    let old = Repo::new(1, b"old", None);
    let server = old.serve().await;
    let text = metalink(&[new.repomd(), old.repomd()], &[&server.uri()]);
    let list_of_old = list(&text).await;
    let address =
        |list: &MockServer| Address::Metalink(format!("{}/list", list.uri()).parse().unwrap());
    let origin = open(&address(&list_of_old), &Options::default())
        .await
        .unwrap();
    assert!(origin.is_behind());
    assert_eq!(package(&origin).await.unwrap(), b"old");

    let unknown = list(&metalink(&[new.repomd()], &[&server.uri()])).await;
    let (kind, text) = kind(open(&address(&unknown), &Options::default()).await);
    assert_eq!(kind, ImportErrorKind::Corrupt);
    assert!(
        text.contains("not the one that the metalink names"),
        "{text}"
    );
}

#[tokio::test]
async fn a_mirror_list_may_be_a_metalink_but_a_metalink_no_list() {
    let repo = Repo::new(1, b"content", None);
    let server = repo.serve().await;
    let plain = list(&format!("# mirrors\n{}/os\n", server.uri())).await;
    let xml = list(&metalink(&[repo.repomd()], &[&server.uri()])).await;
    let url = |list: &MockServer| format!("{}/list", list.uri()).parse().unwrap();
    for list in [&plain, &xml] {
        let address = Address::Mirrorlist(url(list));
        let origin = open(&address, &Options::default()).await.unwrap();
        assert_eq!(repomd(&origin), repo.repomd());
    }
    let refused = open(&Address::Metalink(url(&plain)), &Options::default()).await;
    assert_eq!(kind(refused).0, ImportErrorKind::Refused);
}

#[tokio::test]
async fn keys_refuse_what_they_did_not_sign() {
    let key = SecretKey::generate("Lab <lab@example.org>", NOW, [7; 32]).unwrap();
    let other = SecretKey::generate("Other <other@example.org>", NOW, [8; 32]).unwrap();
    let repo = Repo::new(1, b"content", None);
    let asc = key.sign(repo.repomd(), NOW, None, [1; 32]).unwrap();
    let signed = repo.clone().with("repodata/repomd.xml.asc", asc.clone());
    let server = signed.serve().await;
    let options = |key: &SecretKey| Options {
        keys: Some(Keyring::parse(key.certificate().unwrap().as_bytes()).unwrap()),
        now: NOW,
        ..Options::default()
    };
    let origin = open(&at(&server), &options(&key)).await.unwrap();
    assert_eq!(origin.signer().unwrap().fingerprint(), key.fingerprint());
    assert_eq!(origin.held().unwrap()[1].1, asc.as_bytes());

    let (kind_of_other, _) = kind(open(&at(&server), &options(&other)).await);
    assert_eq!(kind_of_other, ImportErrorKind::Corrupt);
    let unsigned = repo.serve().await;
    let (kind, text) = kind(open(&at(&unsigned), &options(&key)).await);
    assert_eq!(kind, ImportErrorKind::Corrupt);
    assert!(text.contains("no signature"), "{text}");
}

#[tokio::test]
async fn packages_elsewhere_cost_the_signature_and_only_if_that_is_allowed() {
    let elsewhere = Repo::new(1, b"content", None).serve().await;
    let base = format!("{}/os/", elsewhere.uri());
    let repo = Repo::new(1, b"content", Some(&base))
        .without("Packages/g%2B%2B-1-1.noarch.rpm")
        .with("repodata/repomd.xml.asc", b"signature");
    let server = repo.serve().await;
    let (refused, text) = kind(open(&at(&server), &Options::default()).await);
    assert_eq!(refused, ImportErrorKind::Refused);
    assert!(text.contains("--allow-rewrite"), "{text}");

    let options = Options {
        allow_rewrite: true,
        ..Options::default()
    };
    let origin = open(&at(&server), &options).await.unwrap();
    assert!(origin.is_rewritten() && !origin.is_signed());
    assert_eq!(package(&origin).await.unwrap(), b"content");
    assert_eq!(asked(&elsewhere, ".rpm").await, 1);
    // What is published then names nothing outside, and is what its repomd says.
    let record = origin.repomd().require("primary").unwrap().clone();
    let file = origin.fetch(&record.location).await.unwrap();
    let file = std::fs::File::open(&file).unwrap();
    let open = metadata::open(&record, file, Limits::default()).unwrap();
    let primary = Primary::open(std::io::BufReader::new(open), "primary", Limits::default());
    let packages: Vec<_> = primary.unwrap().collect::<Result<_, _>>().unwrap();
    assert_eq!(packages[0].location.path(), PACKAGE);
    assert_eq!(origin.held().unwrap().len(), 1);
    assert_ne!(repomd(&origin), repo.repomd());
    // Twice is the same.
    let again = self::open(&at(&server), &options).await.unwrap();
    assert_eq!(repomd(&again), repomd(&origin));
}

#[tokio::test]
async fn a_repository_of_the_network_names_no_local_files() {
    let server = Repo::new(1, b"content", Some("file:///etc/")).serve().await;
    let options = Options {
        allow_rewrite: true,
        ..Options::default()
    };
    let (kind, text) = kind(open(&at(&server), &options).await);
    assert_eq!(kind, ImportErrorKind::Refused);
    assert!(text.contains("files of this machine"), "{text}");
}

#[tokio::test]
async fn errors_name_the_url_without_its_secrets() {
    let server = MockServer::start().await;
    let secret = server.uri().replace("http://", "http://user:secret@");
    let address = Address::Base(format!("{secret}/os?token=secret").parse().unwrap());
    let (kind, text) = kind(open(&address, &Options::default()).await);
    assert_eq!(kind, ImportErrorKind::NotFound);
    let place = format!("{}/os/repodata/repomd.xml", server.uri());
    assert!(text.contains(&place) && !text.contains("secret"), "{text}");
    let request = &server.received_requests().await.unwrap()[0];
    assert!(request.headers.contains_key("authorization"));
    assert_eq!(request.url.query(), Some("token=secret"));
}

#[tokio::test]
async fn a_server_that_is_busy_is_asked_again() {
    let repo = Repo::new(1, b"content", None);
    let server = MockServer::start().await;
    Mock::given(path("/os/repodata/repomd.xml"))
        .respond_with(ResponseTemplate::new(503))
        .up_to_n_times(1)
        .mount(&server)
        .await;
    for (file, content) in &repo.files {
        Mock::given(path(format!("/os/{file}")))
            .respond_with(ResponseTemplate::new(200).set_body_bytes(content.clone()))
            .mount(&server)
            .await;
    }
    let origin = open(&at(&server), &Options::default()).await.unwrap();
    assert_eq!(repomd(&origin), repo.repomd());
}
