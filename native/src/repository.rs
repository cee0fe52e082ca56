//! Opening RPM repositories, and remembering how far they were.

use ocirepo::Manifest;
use ocirepo::reference::{Reference, Repository};
use ocirepo_rpm::cosign::{PublicKey, Verdict, Verification};
use ocirepo_rpm::snapshot::{Answer, Ask, Mark, Opening, Options, Snapshot};

use crate::cache::{Memory, Remembered};
use crate::client::Client;
use crate::error::Result;
use crate::file::blocking;

/// Opens a repository at what its tag or digest names now.
///
/// With a memory, [`Options::seen`] and [`Options::layout`] are what it has of this
/// reference, an older snapshot than the one seen last is refused unless
/// [`Options::allow_rollback`] is set, and what was opened is remembered.
///
/// # Errors
/// [`Error::Repository`](crate::Error::Repository) when it is no repository, not signed
/// by the given keys, or older than what was seen; whatever else the exchanges and the
/// memory fail with.
pub async fn open(
    client: &Client,
    reference: &Reference,
    mut options: Options,
    memory: Option<&Memory>,
) -> Result<Snapshot> {
    let Some(memory) = memory else {
        return read(client, reference, options).await;
    };
    let location = reference.to_string();
    let known = {
        let (memory, location) = (memory.clone(), location.clone());
        blocking(move || memory.recall(&location)).await?
    };
    if let Some(known) = known {
        options.seen = mark(&known);
        options.layout = known.layout.and_then(|layout| layout.parse().ok());
    }
    // A person who allows to go back goes on from there.
    let forget = options.allow_rollback;
    let snapshot = read(client, reference, options).await?;
    let seen = remembered(location, &snapshot);
    let memory = memory.clone();
    blocking(move || {
        if forget {
            memory.forget(&seen.location)?;
        }
        memory.remember(&seen)
    })
    .await?;
    Ok(snapshot)
}

async fn read(client: &Client, reference: &Reference, options: Options) -> Result<Snapshot> {
    let mut opening = Opening::new(reference, options);
    loop {
        let answer = answer(client, opening.ask()).await?;
        if let Some(snapshot) = opening.answer(answer)? {
            return Ok(snapshot);
        }
    }
}

/// Finds the signatures of a root, all of them, and checks them by the given keys.
///
/// # Errors
/// Whatever the exchanges fail with; that no signature is good is in the verdict.
pub async fn signatures(
    client: &Client,
    repository: &Repository,
    root: Manifest,
    keys: Vec<PublicKey>,
) -> Result<Verdict> {
    let mut verification = Verification::new(repository.clone(), root, keys, true);
    while let Some(ask) = verification.ask() {
        let answer = answer(client, ask).await?;
        verification.answer(answer);
    }
    Ok(verification.into_verdict())
}

async fn answer(client: &Client, ask: &Ask) -> Result<Answer> {
    Ok(match ask {
        Ask::Manifest {
            repository,
            selector,
        } => Answer::Manifest(client.find_manifest(repository, selector.clone()).await?),
        Ask::Referrers {
            repository,
            subject,
            artifact_type,
        } => {
            let referrers = client.referrers(repository, *subject, Some(artifact_type));
            Answer::Referrers(referrers.await?)
        }
        Ask::Blob {
            repository,
            descriptor,
            limit,
        } => match client.pull_bytes(repository, descriptor, *limit).await {
            Ok(bytes) => Answer::Blob(Some(bytes)),
            Err(error) if error.is_not_found() => Answer::Blob(None),
            Err(error) => return Err(error),
        },
    })
}

fn mark(known: &Remembered) -> Option<Mark> {
    Some(Mark {
        sequence: known.sequence,
        revision: known.revision,
        digest: known.digest?,
    })
}

fn remembered(location: String, snapshot: &Snapshot) -> Remembered {
    let Mark {
        sequence,
        revision,
        digest,
    } = snapshot.mark();
    Remembered {
        location,
        layout: Some(snapshot.layout().as_str().to_owned()),
        sequence,
        digest: Some(digest),
        revision,
    }
}
