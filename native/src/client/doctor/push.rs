//! What can be written, tried out in a repository made for it.

use http::StatusCode;
use ocirepo::auth::Scope;
use ocirepo::endpoint::uploads::{self, Started};
use ocirepo::endpoint::{blobs, manifests};
use ocirepo::exchange::{Body, Call};
use ocirepo::manifest::ImageManifest;
use ocirepo::reference::{Repository, Selector};
use ocirepo::{Descriptor, Digest, Manifest};
use url::Url;

use super::probe::{Answer, Probe};
use super::{Diagnosis, Trouble};

/// One byte more than the lowest cap on a request that is known.
const LARGE: usize = (4 << 20) + 1;

/// What the trial manifest says it is.
const ARTIFACT: &str = "application/vnd.ocirepo.doctor";

struct Trial<'a> {
    probe: &'a Probe<'a>,
    repository: &'a Repository,
}

pub(super) async fn look(probe: &Probe<'_>, repository: &Repository, diagnosis: &mut Diagnosis) {
    let trial = Trial { probe, repository };
    let first = b"ocirepo doctor: in two requests".as_slice();
    if let Err(trouble) = trial.in_two(first).await {
        return diagnosis.broken_by("upload", trouble);
    }
    diagnosis.good("upload", format!("blobs can be pushed to {repository}"));

    let second = b"ocirepo doctor: in one request".as_slice();
    match trial.in_one(second).await {
        Ok(true) => diagnosis.good("single-post", "a blob can be pushed with one request"),
        Ok(false) => diagnosis.poor("single-post", "a blob takes two requests", None),
        Err(trouble) => diagnosis.poor("single-post", trouble.text, None),
    }
    let large = vec![b'.'; LARGE];
    match trial.in_chunks(&large).await {
        Ok(Chunks::Taken(None)) => diagnosis.good("chunks", "uploads may come in chunks"),
        Ok(Chunks::Taken(Some(least))) => {
            let found = format!("uploads may come in chunks of {least} bytes or more");
            diagnosis.good("chunks", found);
        }
        Ok(Chunks::TooLarge) => diagnosis.poor(
            "chunks",
            format!("a request of {LARGE} bytes is too large for it"),
            "uploads are sent in chunks of 4 MiB; nginx: `client_max_body_size 0;`",
        ),
        Err(trouble) => diagnosis.poor("chunks", trouble.text, None),
    }
    match trial.mount(first).await {
        Ok(true) => diagnosis.good("mount", "blobs can be taken from other repositories"),
        Ok(false) => diagnosis.poor(
            "mount",
            "blobs of other repositories have to be sent again",
            "a proxy in front must pass the query of POST on",
        ),
        Err(trouble) => diagnosis.poor("mount", trouble.text, None),
    }
    match trial.manifest(first).await {
        Ok(manifest) => {
            diagnosis.good("publish", "manifests can be pushed");
            trial
                .clean_up(&manifest, [first, second, &large], diagnosis)
                .await;
        }
        Err(trouble) => diagnosis.broken_by("publish", trouble),
    }
}

/// How chunks are taken.
enum Chunks {
    /// They are, of so many bytes at least.
    Taken(Option<u64>),
    /// Not large ones.
    TooLarge,
}

impl Trial<'_> {
    async fn ask(&self, call: Call) -> Result<Answer, Trouble> {
        let scope = Scope::push(self.repository);
        let answer = self.probe.ask(call, Some(scope)).await?;
        if answer.status().is_success() {
            Ok(answer)
        } else {
            Err(answer.trouble())
        }
    }

    async fn start(&self) -> Result<(Url, Option<u64>), Trouble> {
        let answer = self.ask(uploads::start(self.repository)).await?;
        match uploads::started(&answer.head, &answer.url)? {
            Started::Upload {
                location,
                chunk_min,
            } => Ok((location, chunk_min)),
            Started::Done => Err(answer.trouble()),
        }
    }

    async fn in_two(&self, content: &[u8]) -> Result<(), Trouble> {
        let (location, _) = self.start().await?;
        let call = uploads::close(&location, &Digest::of(content), Some(0..len(content)));
        self.ask(call.body(Body::Bytes(content.to_vec()))).await?;
        Ok(())
    }

    async fn in_one(&self, content: &[u8]) -> Result<bool, Trouble> {
        let digest = Digest::of(content);
        let call = uploads::single(self.repository, &digest, len(content));
        let answer = self.ask(call.body(Body::Bytes(content.to_vec()))).await?;
        match uploads::started(&answer.head, &answer.url)? {
            Started::Done => Ok(true),
            Started::Upload { location, .. } => {
                self.cancel(&location).await;
                Ok(false)
            }
        }
    }

    async fn in_chunks(&self, content: &[u8]) -> Result<Chunks, Trouble> {
        let (location, least) = self.start().await?;
        let call = uploads::patch(&location, 0..len(content));
        let call = call.body(Body::Bytes(content.to_vec()));
        let scope = Scope::push(self.repository);
        let answer = self.probe.ask(call, Some(scope)).await?;
        if answer.status() == StatusCode::PAYLOAD_TOO_LARGE {
            self.cancel(&location).await;
            return Ok(Chunks::TooLarge);
        }
        if !answer.status().is_success() {
            self.cancel(&location).await;
            return Err(answer.trouble());
        }
        let progress = uploads::progress(&answer.head, &location, len(content))?;
        let digest = Digest::of(content);
        self.ask(uploads::close(&progress.location, &digest, None))
            .await?;
        Ok(Chunks::Taken(least))
    }

    async fn mount(&self, content: &[u8]) -> Result<bool, Trouble> {
        let name = format!("{}-mount", self.repository.name());
        let Ok(other) = Repository::new(self.repository.registry.clone(), &name) else {
            return Ok(false);
        };
        let trial = Trial {
            probe: self.probe,
            repository: &other,
        };
        let digest = Digest::of(content);
        let call = uploads::mount(&other, &digest, Some(self.repository));
        // Written to here, and read from there.
        let scopes = [Scope::push(&other), Scope::pull(self.repository)];
        let answer = self.probe.ask(call, scopes).await?;
        if !answer.status().is_success() {
            return Err(answer.trouble());
        }
        match uploads::started(&answer.head, &answer.url)? {
            Started::Done => {
                let scope = Scope::delete(&other);
                // What cannot be deleted is told of for the first repository.
                let _ = self
                    .probe
                    .ask(blobs::delete(&other, &digest), Some(scope))
                    .await;
                Ok(true)
            }
            Started::Upload { location, .. } => {
                trial.cancel(&location).await;
                Ok(false)
            }
        }
    }

    async fn manifest(&self, layer: &[u8]) -> Result<Manifest, Trouble> {
        let config = b"{}".as_slice();
        self.in_two(config).await?;
        let manifest = ImageManifest::artifact(ARTIFACT)
            .layer(Descriptor::of("text/plain", layer))
            .to_manifest();
        let named = Selector::Digest(manifest.digest());
        let call = manifests::put(self.repository, &named, &manifest);
        self.ask(call).await?;
        Ok(manifest)
    }

    async fn cancel(&self, location: &Url) {
        // The registry forgets uploads by itself, in time.
        let _ = self.ask(uploads::cancel(location)).await;
    }

    async fn clean_up(&self, manifest: &Manifest, blobs: [&[u8]; 3], diagnosis: &mut Diagnosis) {
        let scope = || Some(Scope::delete(self.repository));
        let by_digest = Selector::Digest(manifest.digest());
        let call = manifests::delete(self.repository, &by_digest);
        let deleted = match self.probe.ask(call, scope()).await {
            Ok(answer) if answer.status().is_success() => Ok(()),
            Ok(answer) => Err(answer.trouble()),
            Err(trouble) => Err(trouble),
        };
        for content in blobs.into_iter().chain([b"{}".as_slice()]) {
            let call = blobs::delete(self.repository, &Digest::of(content));
            // Some registries delete manifests only, and blobs when nothing names them.
            let _ = self.probe.ask(call, scope()).await;
        }
        match deleted {
            Ok(()) => diagnosis.good("delete", "what was pushed can be deleted, and was"),
            Err(trouble) => diagnosis.poor(
                "delete",
                format!(
                    "what was pushed stays in {}: {}",
                    self.repository, trouble.text
                ),
                "distribution: `storage.delete.enabled: true`; hosted registries delete in their \
                 own pages",
            ),
        }
    }
}

fn len(content: &[u8]) -> u64 {
    content.len() as u64
}
