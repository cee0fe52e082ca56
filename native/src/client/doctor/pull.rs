//! What can be read, and with how many requests.

use http::StatusCode;
use ocirepo::auth::Scope;
use ocirepo::endpoint::{blobs, catalog as endpoint, manifests, referrers, tags};
use ocirepo::reference::{Repository, Selector};
use ocirepo::{Digest, ErrorKind, Manifest};

use super::probe::Probe;
use super::{Diagnosis, Trouble};

/// The first repository the registry lists, if it lists any.
pub(super) async fn catalog(probe: &Probe<'_>, diagnosis: &mut Diagnosis) -> Option<Repository> {
    let call = endpoint::list(probe.registry, Some(1), None);
    let offered = match probe.ask(call, Some(Scope::catalog())).await {
        Ok(answer) if answer.status().is_success() => {
            endpoint::page(&answer.head, &answer.body, &answer.url, probe.registry).ok()
        }
        _ => None,
    };
    let Some(page) = offered else {
        diagnosis.poor(
            "catalog",
            "repositories are not listed",
            "hosted registries rarely do; to look into a repository, name it with --repository",
        );
        return None;
    };
    diagnosis.good("catalog", "repositories are listed");
    page.items.into_iter().next()
}

/// Looks into a repository, which has to be there when somebody `named` it.
pub(super) async fn look(
    probe: &Probe<'_>,
    repository: &Repository,
    named: bool,
    diagnosis: &mut Diagnosis,
) {
    let tag = match list_tags(probe, repository, diagnosis).await {
        Ok(Some(tag)) => tag,
        Ok(None) => return,
        // docker-registry lists repositories from which everything was deleted.
        Err(trouble) if trouble.kind == ErrorKind::NotFound && !named => {
            let found = format!("{} is listed and has none", repository.name());
            return diagnosis.good("tags", found);
        }
        Err(trouble) => return diagnosis.broken_by("tags", trouble),
    };
    let manifest = match read_manifest(probe, repository, &tag, diagnosis).await {
        Ok(manifest) => manifest,
        Err(trouble) => return diagnosis.broken_by("manifest", trouble),
    };
    if let Some(blob) = manifest.blobs().find(|blob| blob.size > 1) {
        let result = read_range(probe, repository, blob.digest, diagnosis).await;
        if let Err(trouble) = result {
            diagnosis.broken_by("range", trouble);
        }
    }
    list_referrers(probe, repository, manifest.digest(), diagnosis).await;
}

async fn list_tags(
    probe: &Probe<'_>,
    repository: &Repository,
    diagnosis: &mut Diagnosis,
) -> Result<Option<Selector>, Trouble> {
    let call = tags::list(repository, Some(1), None);
    let answer = probe.ask(call, Some(Scope::pull(repository))).await?;
    if !answer.status().is_success() {
        return Err(answer.trouble());
    }
    let page = tags::page(&answer.head, &answer.body, &answer.url)?;
    let name = repository.name();
    match page.items.len() {
        0 => diagnosis.good("tags", format!("{name} has none")),
        1 if page.next.is_some() => diagnosis.good("tags", format!("{name} lists them by page")),
        1 => diagnosis.good(
            "tags",
            format!("{name} has one, or does not say that there are more"),
        ),
        n => diagnosis.poor(
            "tags",
            format!("{name} lists all {n} at once, though one was asked for"),
            "an older registry; distribution pages from version 3 on",
        ),
    }
    Ok(page.items.into_iter().next().map(Selector::from))
}

async fn read_manifest(
    probe: &Probe<'_>,
    repository: &Repository,
    tag: &Selector,
    diagnosis: &mut Diagnosis,
) -> Result<Manifest, Trouble> {
    let scope = Some(Scope::pull(repository));
    let head = probe
        .ask(manifests::head(repository, tag), scope.clone())
        .await?;
    match manifests::found(&head.head) {
        Ok(found) if found.digest.is_some() => {
            diagnosis.good("digest", "HEAD of a tag tells its digest");
        }
        Ok(_) => diagnosis.poor(
            "digest",
            "HEAD of a tag does not tell its digest, so it has to be pulled to be known",
            "a proxy in front must pass `Docker-Content-Digest` on",
        ),
        Err(_) => diagnosis.poor(
            "digest",
            format!("HEAD of a tag is answered by {}", head.status()),
            "a proxy in front must let HEAD through (nginx: `proxy_cache_convert_head off;`)",
        ),
    }
    let answer = probe.ask(manifests::get(repository, tag), scope).await?;
    if !answer.status().is_success() {
        return Err(answer.trouble());
    }
    let manifest = manifests::received(&answer.head, answer.body, tag)?;
    diagnosis.good("manifest", format!("{tag} is a {}", manifest.media_type()));
    Ok(manifest)
}

async fn read_range(
    probe: &Probe<'_>,
    repository: &Repository,
    digest: Digest,
    diagnosis: &mut Diagnosis,
) -> Result<(), Trouble> {
    let call = || blobs::get_range(repository, &digest, 0..1);
    let mut answer = probe.ask(call(), Some(Scope::pull(repository))).await?;
    let mut from = String::new();
    if let Some(storage) = answer.leads_to() {
        from = format!(", from {}", storage.origin().ascii_serialization());
        let mut call = call();
        call.url = storage;
        answer = probe.ask(call, None).await?;
    }
    match answer.status() {
        StatusCode::PARTIAL_CONTENT => {
            diagnosis.good("range", format!("a part of a blob can be read{from}"));
        }
        StatusCode::OK => diagnosis.poor(
            "range",
            format!("a part of a blob is asked for and all of it comes{from}"),
            "interrupted downloads start over; a proxy in front must pass `Range` on \
             (nginx: `proxy_force_ranges on;`)",
        ),
        _ => return Err(answer.trouble()),
    }
    Ok(())
}

async fn list_referrers(
    probe: &Probe<'_>,
    repository: &Repository,
    subject: Digest,
    diagnosis: &mut Diagnosis,
) {
    let call = referrers::list(repository, &subject, None);
    match probe.ask(call, Some(Scope::pull(repository))).await {
        Ok(answer) if referrers::page(&answer.head, &answer.body, &answer.url).is_ok() => {
            diagnosis.good(
                "referrers",
                "signatures and the like are listed (referrers API)",
            );
        }
        Ok(_) => diagnosis.poor(
            "referrers",
            "no referrers API: clients keep the list under a tag",
            "distribution has none; zot and most hosted registries do",
        ),
        Err(trouble) => diagnosis.broken_by("referrers", trouble),
    }
}
