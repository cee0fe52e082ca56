//! Publishing a directory that has `repodata`.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;

use ocirepo::reference::{Reference, Selector, Tag};
use ocirepo_native::publish::{self, Local, Options, Prepared, Published, Sources};
use ocirepo_native::{Client, WorkDir};
use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::layout::format::SIGNATURE;
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::native::{Catalogue, is_kept};
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::publish::{self as plan, Destination, File, Input, Package, Parent};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::snapshot::Snapshot;

use crate::catalogue;
use crate::create::{hash, walk};
use crate::exit::Failure;
use crate::output::progress;
use crate::publishing::Publishing;
use crate::repository;
use crate::signing::Signers;

/// Publishes what is in a directory at the tag of the reference.
pub(crate) async fn directory(
    client: &Client,
    directory: &Path,
    reference: &Reference,
    layout: Option<Layout>,
    signers: &Signers,
    publishing: &Publishing,
    mut dry_run: Option<&mut Option<plan::Plan>>,
) -> Result<Published, Failure> {
    let destination = destination(reference, layout)?;
    let mut scanned = {
        let directory = directory.to_owned();
        tokio::task::spawn_blocking(move || scan(&directory))
            .await
            .map_err(Failure::failed)??
    };
    let bar = progress::items(0, "pushing");
    let options = Options {
        // A directory is a whole repository.
        replace_broken: true,
        ..publishing.options(reference, &bar)?
    };
    let published = publish::publish(client, &destination, options, async |snapshot, to| {
        let parent = match snapshot {
            Some(snapshot) => Some(parent(client, snapshot).await),
            None => None,
        };
        // Who has a catalogue means to.
        let is_native = snapshot.is_some_and(|snapshot| snapshot.layout() == Layout::Native);
        if to
            .layout
            .map_or(is_native, |layout| layout == Layout::Native)
            && scanned.catalogue.is_none()
        {
            let signed = signers.repomd.is_some();
            tokio::task::block_in_place(|| scanned.put_catalogue(directory, signed))?;
        }
        if let Some(signer) = &signers.repomd {
            let signature = signer.signature(client, &scanned.raw_repomd, snapshot);
            scanned.put_signature(signature.await?)?;
        }
        let input = Input {
            files: scanned.files.clone(),
            repomd: &scanned.repomd,
            packages: scanned.packages.clone(),
            date: None,
            catalogue: scanned.catalogue.as_ref().map(|(catalogue, _)| catalogue),
        };
        let mut plan = plan::plan(&input, to, parent.as_ref()).map_err(Failure::failed)?;
        if let Some(planned) = dry_run.as_deref_mut() {
            return Err(stop_before(plan, planned));
        }
        if let Some(signer) = &signers.root {
            signer.plan(client, &to.repository, &mut plan).await?;
        }
        Ok::<_, Failure>(Prepared {
            plan,
            sources: scanned.sources.clone(),
        })
    })
    .await;
    bar.finish_and_clear();
    published
}

/// Where a reference says to publish.
pub(crate) fn destination(
    reference: &Reference,
    layout: Option<Layout>,
) -> Result<Destination, Failure> {
    let tag = match reference.selector() {
        Selector::Tag(tag) => tag,
        Selector::Digest(_) => {
            return Err(Failure::usage(format!(
                "{reference}: a repository is published at a tag, not at a digest"
            )));
        }
    };
    if layout == Some(Layout::Tree) && tag != Tag::latest() {
        return Err(Failure::usage(format!(
            "a tree has no tags, every file is a repository of its own; leave `:{tag}` out, \
             or put it into the name"
        )));
    }
    Ok(Destination {
        repository: reference.repository().clone(),
        tag,
        layout,
        merges: Vec::new(),
    })
}

/// Keeps the plan of a dry run, and gives the failure that ends it before anything is
/// pushed.
pub(crate) fn stop_before(plan: plan::Plan, planned: &mut Option<plan::Plan>) -> Failure {
    *planned = Some(plan);
    Failure::new(crate::exit::Exit::Success, "")
}

/// What is known of the snapshot that is there. Its list of packages saves a question for
/// each; one that cannot be read saves nothing.
async fn parent(client: &Client, snapshot: &Snapshot) -> Parent {
    // The manifest of `files` lists them already.
    if snapshot.layout() == Layout::Files {
        return Parent::of(snapshot);
    }
    let learnt = learnt(client, snapshot).await;
    Parent::of(learnt.as_deref().unwrap_or(snapshot))
}

/// The snapshot that is there with its packages, which then need neither be fetched nor asked
/// for. A list of packages that cannot be read saves nothing.
pub(crate) async fn learnt(client: &Client, snapshot: &Snapshot) -> Option<Arc<Snapshot>> {
    match repository::learn(client, &Arc::new(snapshot.clone())).await {
        Ok(learnt) => Some(learnt),
        Err(error) => {
            crate::output::note("warning", &format!("{error}; publishing over it"));
            None
        }
    }
}

/// A directory as it was found.
struct Scanned {
    files: Vec<File>,
    sources: Sources,
    repomd: Repomd,
    raw_repomd: Vec<u8>,
    packages: Vec<Package>,
    /// The catalogue of `native`, and where its parts are.
    catalogue: Option<(Catalogue, WorkDir)>,
}

impl Scanned {
    /// Makes a catalogue, which takes the place of what it makes needless. `signed` says that
    /// it will be signed.
    fn put_catalogue(&mut self, directory: &Path, signed: bool) -> Result<(), Failure> {
        let parts = WorkDir::new()?;
        let packages = self.packages.len() as u64;
        let catalogue = catalogue::make(parts.path(), &self.repomd, packages, |record| {
            catalogue::open(record, &directory.join(record.location.path()))
        })?;
        catalogue::put_sources(parts.path(), &mut self.sources);
        let was_signed = self.files.iter().any(|file| file.path.path() == SIGNATURE);
        if was_signed && !signed {
            crate::output::note(
                "warning",
                "the layout native has a repomd.xml of its own, which the signature in the \
                 directory does not fit; sign it with --sign-key",
            );
        }
        self.files
            .retain(|file| is_kept(&self.repomd, file.path.path()));
        self.raw_repomd = catalogue.raw_repomd().into_bytes();
        self.repomd = catalogue.repomd().clone();
        self.catalogue = Some((catalogue, parts));
        Ok(())
    }

    /// Has this signature of `repomd.xml`, in place of one that lies in the directory.
    fn put_signature(&mut self, signature: Vec<u8>) -> Result<(), Failure> {
        if let Some((catalogue, _)) = &mut self.catalogue {
            *catalogue = catalogue::signed(catalogue, signature)?;
            return Ok(());
        }
        self.files.retain(|file| file.path.path() != SIGNATURE);
        let path = Href::from_path(SIGNATURE).map_err(Failure::failed)?;
        self.files.push(File::of(path, &signature));
        let signature = Local::Bytes(signature.into());
        self.sources.insert(SIGNATURE, signature);
        Ok(())
    }
}

fn scan(directory: &Path) -> Result<Scanned, Failure> {
    let failed = |path: &Path, error: &dyn std::fmt::Display| {
        Failure::failed(format!("cannot read {}: {error}", path.display()))
    };
    let mut found = BTreeMap::new();
    walk(directory, "", &mut found)?;
    let raw = directory.join("repodata/repomd.xml");
    let raw_repomd = std::fs::read(&raw).map_err(|error| {
        if error.kind() == io::ErrorKind::NotFound {
            Failure::failed(format!(
                "{} has no repodata/repomd.xml; run createrepo_c on it first",
                directory.display()
            ))
        } else {
            failed(&raw, &error)
        }
    })?;
    let repomd = Repomd::parse(&raw_repomd)?;
    let mut files = Vec::new();
    let bar = progress::items(found.len() as u64, "reading");
    for (path, file) in &found {
        let (digest, size) = hash(file).map_err(|error| failed(file, &error))?;
        let path = Href::from_path(path).map_err(|error| failed(file, &error))?;
        files.push(File { path, digest, size });
        bar.inc(1);
    }
    bar.finish_and_clear();
    let record = repomd.require("primary")?;
    let primary = catalogue::open(record, &directory.join(record.location.path()))?;
    let packages = Primary::open(primary, record.location.path(), Limits::default())?
        .map(|package| package.map(|package| Package::from(&package)))
        .collect::<Result<_, _>>()?;
    let mut sources = Sources::new();
    for (path, file) in found {
        sources.insert(path, Local::File(file));
    }
    Ok(Scanned {
        files,
        sources,
        repomd,
        raw_repomd,
        packages,
        catalogue: None,
    })
}

/// The tag a reference means.
pub(crate) fn tag_of(reference: &Reference) -> Tag {
    reference.tag().cloned().unwrap_or_else(Tag::latest)
}
