//! Pulling and pushing against the in-memory registry over HTTP.

#![allow(clippy::unwrap_used, reason = "these are tests")]

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{Server, builder, client, noise};
use http::{Method, StatusCode};
use ocirepo::operation::{BlobCopy, Upload};
use ocirepo::reference::{Repository, Tag};
use ocirepo::sink::Content;
use ocirepo::{Digest, ErrorKind, Manifest};
use ocirepo_native::Error;
use ocirepo_registry::{Config, Quirk, Rule};

const MANIFEST: &str = r#"{"schemaVersion":2,"mediaType":"application/vnd.oci.image.manifest.v1+json","config":{"mediaType":"application/vnd.oci.empty.v1+json","digest":"sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a","size":2},"layers":[]}"#;

fn manifest() -> Manifest {
    Manifest::parse(None, MANIFEST.as_bytes().to_vec()).unwrap()
}

fn content(bytes: &[u8]) -> Content {
    Content {
        digest: Digest::of(bytes),
        size: Some(bytes.len() as u64),
    }
}

/// A registry with one blob of so many bytes in a repository.
async fn one_blob(size: usize) -> (Server, Repository, Vec<u8>) {
    let server = Server::start(Config::default()).await;
    let bytes = noise(size);
    server.registry().put_blob("me/repo", bytes.clone());
    let repository = server.repository("me/repo");
    (server, repository, bytes)
}

#[tokio::test]
async fn what_is_pushed_can_be_listed_pulled_and_deleted() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let (client, repository) = (client(home.path()), server.repository("me/repo"));
    let tag: Tag = "el9".parse().unwrap();

    let pushed = client
        .push_bytes(&repository, "{}", Upload::default())
        .await
        .unwrap();
    assert!(pushed.uploaded);
    let descriptor = client
        .push_manifest(&repository, tag.clone(), manifest())
        .await
        .unwrap();
    assert_eq!(
        client.tags(&repository).await.unwrap(),
        std::slice::from_ref(&tag)
    );
    let found = client.resolve(&repository, tag.clone()).await.unwrap();
    assert_eq!(found.digest, descriptor.digest);
    let pulled = client
        .pull_manifest(&repository, tag.clone())
        .await
        .unwrap();
    assert_eq!(pulled.raw(), MANIFEST.as_bytes());
    let blob = client
        .pull_bytes(&repository, pushed.digest, 10)
        .await
        .unwrap();
    assert_eq!(blob, b"{}");
    assert!(
        client
            .blob_exists(&repository, pushed.digest)
            .await
            .unwrap()
            .is_some()
    );
    assert_eq!(
        client.repositories(&server.at()).await.unwrap(),
        std::slice::from_ref(&repository)
    );
    assert!(
        client
            .referrers(&repository, descriptor.digest, None)
            .await
            .unwrap()
            .is_empty()
    );

    client
        .delete_manifest(&repository, descriptor.digest)
        .await
        .unwrap();
    let error = client.resolve(&repository, tag.clone()).await.unwrap_err();
    assert!(error.is_not_found(), "{error}");
    assert_eq!(
        client.manifest_exists(&repository, tag).await.unwrap(),
        None
    );
    client
        .delete_blob(&repository, pushed.digest)
        .await
        .unwrap();
    assert_eq!(
        client
            .blob_exists(&repository, pushed.digest)
            .await
            .unwrap(),
        None
    );
}

#[tokio::test]
async fn a_file_is_read_once_and_arrives_whole() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let repository = server.repository("me/repo");
    let bytes = noise(3_000_000);
    let (from, to) = (home.path().join("from"), home.path().join("to"));
    std::fs::write(&from, &bytes).unwrap();
    let reports = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&reports);
    let client = client(home.path()).on_progress(move |progress| {
        seen.lock().unwrap().push((progress.done, progress.total));
    });

    for chunk in [None, Some(1_000_000)] {
        let upload = Upload {
            chunk,
            ..Upload::default()
        };
        let pushed = client
            .push_file(&repository, &from, None, upload)
            .await
            .unwrap();
        assert_eq!(pushed.digest, Digest::of(&bytes));
    }
    client
        .pull_to_file(&repository, content(&bytes), &to)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&to).unwrap(), bytes);
    let left: Vec<_> = std::fs::read_dir(home.path()).unwrap().collect();
    assert_eq!(left.len(), 2, "no partial file is left: {left:?}");
    let reports = reports.lock().unwrap();
    assert_eq!(reports.last(), Some(&(3_000_000, Some(3_000_000))));
}

#[tokio::test]
async fn an_interrupted_pull_fetches_only_the_rest() {
    let home = tempfile::tempdir().unwrap();
    let (server, repository, bytes) = one_blob(1_000_000).await;
    server.script(
        Rule::new(Quirk::CutAfter(400_000))
            .method(Method::GET)
            .first(1),
    );
    let path = home.path().join("file");

    // As a process does that is killed: the partial file stays where it is.
    let impatient = builder(home.path())
        .session(|config| config.retry.retries = 0)
        .build()
        .unwrap();
    let error = impatient
        .pull_to_file(&repository, content(&bytes), &path)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Network), "{error}");
    assert!(!path.exists());

    let blob = client(home.path())
        .pull_to_file(&repository, content(&bytes), &path)
        .await
        .unwrap();
    assert_eq!(blob.size, 1_000_000);
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    let log = server.log();
    let range = log.last().unwrap().headers.get("range").unwrap();
    assert_eq!(range, "bytes=400000-");
}

#[tokio::test]
async fn a_connection_lost_in_the_middle_is_made_good_within_the_call() {
    let home = tempfile::tempdir().unwrap();
    let (server, repository, bytes) = one_blob(1_000_000).await;
    server.script(
        Rule::new(Quirk::CutAfter(300_000))
            .method(Method::GET)
            .first(2),
    );

    let mut writer = Vec::new();
    let written = client(home.path())
        .pull_to_writer(&repository, content(&bytes), &mut writer)
        .await
        .unwrap();
    assert_eq!(written, 1_000_000);
    assert_eq!(writer, bytes);
    let ranges: Vec<_> = server
        .log()
        .iter()
        .map(|e| e.headers.get("range").cloned())
        .collect();
    assert_eq!(ranges.len(), 3);
    assert_eq!(ranges[1].as_ref().unwrap(), "bytes=300000-");
    assert_eq!(ranges[2].as_ref().unwrap(), "bytes=600000-");
}

#[tokio::test]
async fn a_wrong_byte_never_completes_a_writer_or_a_file() {
    let home = tempfile::tempdir().unwrap();
    let (server, repository, bytes) = one_blob(1_000_000).await;
    server.script(Rule::new(Quirk::Corrupt { at: 10 }).method(Method::GET));
    let client = client(home.path());

    let mut writer = Vec::new();
    let error = client
        .pull_to_writer(&repository, content(&bytes), &mut writer)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Corrupt), "{error}");
    assert!(writer.len() < bytes.len(), "the last chunk was held back");

    let path = home.path().join("file");
    let pulled = client
        .pull_to_file(&repository, content(&bytes), &path)
        .await;
    assert_eq!(pulled.unwrap_err().kind(), Some(ErrorKind::Corrupt));
    assert!(!path.exists());
}

#[tokio::test]
async fn chunks_are_handed_out_as_they_come_until_one_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let (server, repository, bytes) = one_blob(1_000_000).await;
    server.script(
        Rule::new(Quirk::CutAfter(300_000))
            .method(Method::GET)
            .first(1),
    );
    let client = client(home.path());

    let got = Arc::new(Mutex::new(Vec::new()));
    let taken = got.clone();
    let take = move |chunk: bytes::Bytes| {
        taken.lock().unwrap().extend_from_slice(&chunk);
        Ok(())
    };
    let pulled = client.pull_each(&repository, content(&bytes), take).await;
    assert_eq!(pulled.unwrap().size, 1_000_000);
    assert_eq!(*got.lock().unwrap(), bytes);
    assert_eq!(server.log().len(), 2, "one part was not fetched twice");

    let full = |_| Err(std::io::ErrorKind::StorageFull.into());
    let error = client.pull_each(&repository, content(&bytes), full).await;
    let error = error.unwrap_err();
    assert!(matches!(error, Error::Stream { .. }), "{error:?}");
    assert_eq!(server.log().len(), 3, "it was not tried again");
}

#[tokio::test]
async fn a_function_that_panics_ends_its_pull() {
    let home = tempfile::tempdir().unwrap();
    let (_server, repository, bytes) = one_blob(1_000_000).await;
    let client = client(home.path());
    let take = |_| panic!("on purpose");
    let pulled = client.pull_each(&repository, content(&bytes), take);
    let pulled = tokio::time::timeout(Duration::from_secs(20), pulled).await;
    let error = pulled.expect("it ends").unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    // The client is none the worse for it.
    let again = client.pull_bytes(&repository, content(&bytes), 2_000_000);
    assert_eq!(again.await.unwrap(), bytes);
}

#[tokio::test]
async fn a_partial_file_that_turns_out_wrong_is_fetched_again_once() {
    let home = tempfile::tempdir().unwrap();
    let (server, repository, bytes) = one_blob(500_000).await;
    let path = home.path().join("file");
    let digest = Digest::of(&bytes).hex();
    let partial = home.path().join(format!(".file.{}.partial", &digest[..12]));
    std::fs::write(
        &partial,
        noise(200_000).iter().map(|b| b ^ 1).collect::<Vec<_>>(),
    )
    .unwrap();

    let client = client(home.path());
    client
        .pull_to_file(&repository, content(&bytes), &path)
        .await
        .unwrap();
    assert_eq!(std::fs::read(&path).unwrap(), bytes);
    assert_eq!(server.log().len(), 2);
}

#[tokio::test]
async fn a_lost_upload_goes_on_from_where_the_registry_is() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let repository = server.repository("me/repo");
    let bytes = noise(2_000_000);
    let path = home.path().join("file");
    std::fs::write(&path, &bytes).unwrap();
    server.script(
        Rule::new(Quirk::LostAfter(200_000))
            .method(Method::PATCH)
            .nth(2),
    );
    let upload = Upload {
        chunk: Some(500_000),
        ..Upload::default()
    };
    let pushed = client(home.path())
        .push_file(&repository, &path, None, upload)
        .await
        .unwrap();
    assert_eq!(pushed.digest, Digest::of(&bytes));
    assert_eq!(
        server.registry().blob("me/repo", &pushed.digest).unwrap(),
        bytes
    );
    assert!(
        server.asked().iter().any(|line| line.starts_with("GET")),
        "the status was asked for"
    );
}

#[tokio::test]
async fn an_upload_that_is_refused_early_is_not_sent_to_the_end() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let repository = server.repository("me/repo");
    let path = home.path().join("file");
    std::fs::write(&path, noise(30_000_000)).unwrap();
    server.script(Rule::new(Quirk::EarlyHead(StatusCode::FORBIDDEN)).method(Method::PATCH));
    let most = Arc::new(Mutex::new(0));
    let seen = Arc::clone(&most);
    let error = client(home.path())
        .on_progress(move |progress| *seen.lock().unwrap() = progress.done)
        .push_file(&repository, &path, None, Upload::default())
        .await
        .unwrap_err();
    // The answer may be lost with the connection that the server closes under us.
    let kind = error.kind();
    assert!(
        matches!(kind, Some(ErrorKind::Unsupported | ErrorKind::Network)),
        "{error}"
    );
    assert!(*most.lock().unwrap() < 30_000_000);
}

#[tokio::test]
async fn a_file_that_shrinks_while_it_is_sent_is_an_error_of_this_side() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let repository = server.repository("me/repo");
    let path = home.path().join("file");
    std::fs::write(&path, noise(20_000_000)).unwrap();
    let shrink = path.clone();
    let client = client(home.path()).on_progress(move |_| {
        let file = std::fs::OpenOptions::new()
            .write(true)
            .open(&shrink)
            .unwrap();
        file.set_len(1000).unwrap();
    });
    let error = client
        .push_file(&repository, &path, None, Upload::default())
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Some(ErrorKind::Local), "{error}");
    assert!(error.to_string().contains("became shorter"), "{error}");
}

#[tokio::test]
async fn dropping_the_future_cancels_the_upload_at_the_registry() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let repository = server.repository("me/repo");
    server.script(Rule::new(Quirk::Delay(60_000)).method(Method::PUT));
    let client = client(home.path());
    let push = client.push_bytes(&repository, noise(1000), Upload::default());
    assert!(
        tokio::time::timeout(Duration::from_millis(300), push)
            .await
            .is_err()
    );
    for _ in 0..100 {
        if server
            .asked()
            .iter()
            .any(|line| line.starts_with("DELETE /v2/me/repo/blobs/uploads/"))
        {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("no upload was cancelled: {:?}", server.asked());
}

#[tokio::test]
async fn the_cache_answers_the_second_time() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let repository = server.repository("me/repo");
    let bytes = noise(100_000);
    let digest = server.registry().put_blob("me/repo", bytes.clone());
    let client = builder(home.path()).cache().build().unwrap();
    for _ in 0..3 {
        let pulled = client
            .pull_bytes(&repository, digest, 1 << 20)
            .await
            .unwrap();
        assert_eq!(pulled, bytes);
    }
    let entry = client.pull_cached(&repository, digest).await.unwrap();
    assert_eq!(entry.size(), 100_000);
    assert_eq!(server.log().len(), 1);
    client.cache().unwrap().remove(&digest).unwrap();
    client.pull_cached(&repository, digest).await.unwrap();
    assert_eq!(server.log().len(), 2);
}

#[tokio::test]
async fn copies_are_mounted_or_sent_through_this_machine() {
    let home = tempfile::tempdir().unwrap();
    let (one, two) = (
        Server::start(Config::default()).await,
        Server::start(Config::default()).await,
    );
    let bytes = noise(10_000);
    let digest = one.registry().put_blob("from", bytes.clone());
    let client = client(home.path());
    let from = one.repository("from");
    let near = client
        .copy_blob(&from, &one.repository("to"), digest)
        .await
        .unwrap();
    assert_eq!(near, BlobCopy::Mounted);
    let far = client
        .copy_blob(&from, &two.repository("to"), digest)
        .await
        .unwrap();
    assert_eq!(far, BlobCopy::ToBeSent);
    assert_eq!(two.registry().blob("to", &digest).unwrap(), bytes);
    let again = client
        .copy_blob(&from, &two.repository("to"), digest)
        .await
        .unwrap();
    assert_eq!(again, BlobCopy::Present);
}

#[tokio::test]
async fn the_bandwidth_is_kept_to() {
    let home = tempfile::tempdir().unwrap();
    let (_server, repository, bytes) = one_blob(600_000).await;
    let client = builder(home.path()).bandwidth(1_000_000).build().unwrap();
    let start = std::time::Instant::now();
    client
        .pull_to_file(&repository, content(&bytes), home.path().join("f"))
        .await
        .unwrap();
    assert!(
        start.elapsed() >= Duration::from_millis(200),
        "{:?}",
        start.elapsed()
    );
}

#[tokio::test]
async fn nothing_that_listens_is_said_in_words() {
    let home = tempfile::tempdir().unwrap();
    let server = Server::start(Config::default()).await;
    let mut repository = server.repository("me/repo");
    // A port that was free a moment ago.
    let port = tokio::net::TcpListener::bind("127.0.0.1:0")
        .await
        .unwrap()
        .local_addr()
        .unwrap();
    repository.registry =
        ocirepo::reference::Registry::new(ocirepo::reference::Scheme::Http, &port.to_string())
            .unwrap();
    let error = client(home.path()).tags(&repository).await.unwrap_err();
    let Error::Connection {
        error: kind,
        detail,
    } = &error
    else {
        panic!("{error}");
    };
    assert_eq!(kind.kind(), ErrorKind::Network);
    assert!(detail.contains("refused"), "{error}");
}
