//! Publishing: carrying out a plan of [`ocirepo_rpm::publish`].
//!
//! [`publish`] finds out what the tag points at, asks the caller for a [`Plan`] on top of
//! that, and pushes what the plan says: blobs before manifests, stage after stage, the
//! moving tag last. What the plan marks as known is not even asked for; where the registry
//! turns out not to have it, it is pushed after all. The tag is moved only away from what
//! was there when the plan was made: where somebody else published meanwhile, the caller is
//! asked for another plan, on top of that.

mod error;
mod head;
mod lost;
mod package;
mod push;
mod sources;

use std::fmt;

use ocirepo::reference::{Reference, Repository, Tag};
use ocirepo::{Digest, ErrorKind};
use ocirepo_rpm::layout::{Layout, tags};
use ocirepo_rpm::publish::{Destination, Plan};
use ocirepo_rpm::snapshot::{self, Snapshot, SnapshotErrorKind};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::repository;

pub use self::error::Refusal;
pub use self::lost::{Lost, lost};
pub use self::sources::{Fetch, Fetching, Local, Sources};

use self::head::{Head, Stop};
use self::push::{Pushed, Pusher};

/// How to publish.
pub struct Options {
    /// The time of day, in Unix seconds; 0 where nobody knows. With it, the snapshot before
    /// gets a tag that says since when it is superseded.
    pub now: u64,
    /// What must be at the tag: the digest of the root, or in a tree of `repomd.xml`.
    /// Otherwise nothing is published.
    pub expect: Option<Digest>,
    /// How often to try while others publish at the same tag.
    pub attempts: u32,
    /// A repository of the same registry that may have some of the content, to take it
    /// from there.
    pub mount_from: Option<Repository>,
    /// Publish over what is there although it is no repository that can be read. Not for
    /// changes of a repository, which would lose what is not understood.
    pub replace_broken: bool,
    /// Is told what happens.
    pub on_event: Option<OnEvent>,
}

/// What a publisher is told with.
pub type OnEvent = Box<dyn Fn(Event<'_>) + Send + Sync>;

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("now", &self.now)
            .field("expect", &self.expect)
            .field("attempts", &self.attempts)
            .field("mount_from", &self.mount_from)
            .field("replace_broken", &self.replace_broken)
            .finish_non_exhaustive()
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            now: 0,
            expect: None,
            attempts: 10,
            mount_from: None,
            replace_broken: false,
            on_event: None,
        }
    }
}

impl Options {
    fn tell(&self, event: Event<'_>) {
        if let Some(on_event) = &self.on_event {
            on_event(event);
        }
    }
}

/// What happens while publishing.
#[derive(Debug)]
#[non_exhaustive]
pub enum Event<'a> {
    /// What is at the tag cannot be read, and is published over.
    Broken(&'a Error),
    /// Somebody else published meanwhile: this is there now. The change is made again on
    /// top of it.
    Overtaken(Option<Digest>),
    /// The tag that says since when the snapshot before is superseded could not be made.
    Unmarked(&'a Error),
    /// Pushing begins: so many blobs.
    Begin {
        /// How many blobs there are to push.
        blobs: u64,
    },
    /// A blob is in the registry.
    Blob {
        /// Its size in bytes.
        size: u64,
    },
}

/// What to publish.
#[derive(Debug)]
pub struct Prepared {
    /// What to push.
    pub plan: Plan,
    /// Where the content of the files is that the plan names.
    pub sources: Sources,
}

/// What was published.
#[derive(Debug)]
pub struct Published {
    /// What the plan was.
    pub plan: Plan,
    /// How many blobs were pushed.
    pub blobs: u64,
    /// Their size in bytes.
    pub bytes: u64,
    /// How often it was tried: once, unless others published meanwhile.
    pub attempts: u32,
    /// Snapshots that are not in the history of the tag, as far as the registry tells.
    pub lost: Vec<Lost>,
}

/// Publishes at a tag (or in a tree) what `make` makes of what is there.
///
/// `make` is given the snapshot that is there, if there is one, and the destination, which
/// are both for the [planner](ocirepo_rpm::publish::plan()). The snapshot has not learnt its
/// packages. With [`Plan::unchanged`] nothing is pushed. Where somebody else publishes
/// meanwhile, `make` is called again with what is there then, unless
/// [`Options::expect`] is set. A tree has no tag that moves, so that in one nobody notices.
///
/// # Errors
/// [`Error::Publish`] when it may not be published there, or the registry lacks content
/// that no source gives; [`Error::Repository`] when what is there cannot be read; whatever
/// `make` and the exchanges fail with. The tag is then as it was, unless the answer to its
/// move was lost again and again.
pub async fn publish<E: From<Error>>(
    client: &Client,
    to: &Destination,
    options: Options,
    mut make: impl AsyncFnMut(Option<&Snapshot>, &Destination) -> Result<Prepared, E>,
) -> Result<Published, E> {
    let mut to = to.clone();
    let pushed = Pushed::default();
    for attempt in 1..=options.attempts.max(1) {
        let Base { tagged, snapshot } = base(client, &to, &options).await?;
        let Prepared { plan, sources } = make(snapshot.as_ref(), &to).await?;
        if plan.unchanged {
            let lost = lost_from(client, &to, &plan).await;
            return Ok(pushed.published(plan, attempt, lost));
        }
        // In a tree there is no one tag.
        let head = plan.root.map(|_| Head {
            client,
            repository: &to.repository,
            tag: &to.tag,
            before: tagged,
        });
        let pusher = Pusher {
            client,
            plan: &plan,
            sources: &sources,
            options: &options,
            head: head.as_ref(),
            pushed: &pushed,
        };
        match pusher.run().await {
            Ok(()) => {
                if let Some(snapshot) = &snapshot {
                    mark_superseded(client, &to, snapshot, &options).await;
                }
                let lost = lost_from(client, &to, &plan).await;
                return Ok(pushed.published(plan, attempt, lost));
            }
            Err(Stop::Failed(error)) => return Err(error.into()),
            Err(Stop::Overtaken(found)) => {
                if let Some(expected) = options.expect {
                    return Err(unexpected(&to, expected, found).into());
                }
                options.tell(Event::Overtaken(found));
                if let Some(root) = plan.root.filter(|_| pushed.left_a_snapshot()) {
                    to.merges.push(root);
                }
            }
        }
    }
    let refusal = Refusal::Overtaken {
        repository: to.repository,
        tag: to.tag,
        attempts: options.attempts.max(1),
    };
    Err(Error::from(refusal).into())
}

/// What the plan leaves out of its history. It is published all the same where the registry
/// does not say.
async fn lost_from(client: &Client, to: &Destination, plan: &Plan) -> Vec<Lost> {
    let last = plan.stages.last().and_then(|stage| stage.manifests.last());
    let Some(push) = last.filter(|push| plan.root == Some(push.manifest.digest())) else {
        return Vec::new();
    };
    let found = lost::of_root(client, &to.repository, &to.tag, &push.manifest).await;
    found.unwrap_or_else(|error| {
        tracing::debug!(%error, "cannot look for lost publishes");
        Vec::new()
    })
}

fn unexpected(to: &Destination, expected: Digest, found: Option<Digest>) -> Error {
    let (repository, tag) = (to.repository.clone(), to.tag.clone());
    Refusal::Unexpected {
        repository,
        tag,
        expected,
        found,
    }
    .into()
}

/// What is published there now.
struct Base {
    /// What the tag points at, as the repository itself says, for a mirror may be behind.
    tagged: Option<Digest>,
    /// What that is, if it is a repository.
    snapshot: Option<Snapshot>,
}

async fn base(client: &Client, to: &Destination, options: &Options) -> Result<Base> {
    let tree = to.layout == Some(Layout::Tree);
    let tagged = match tree {
        true => None,
        false => client.tag_at_home(&to.repository, &to.tag).await?,
    };
    let tagged = tagged.map(|root| root.digest);
    let snapshot = match tagged {
        // Only a tree can be where no manifest is at the tag.
        None if !tree && to.tag != Tag::latest() => None,
        _ => open(client, to, tagged, options).await?,
    };
    if let Some(expected) = options.expect {
        let found = tagged.or_else(|| snapshot.as_ref().map(Snapshot::digest));
        if found != Some(expected) {
            return Err(unexpected(to, expected, found));
        }
    }
    Ok(Base { tagged, snapshot })
}

async fn open(
    client: &Client,
    to: &Destination,
    tagged: Option<Digest>,
    options: &Options,
) -> Result<Option<Snapshot>> {
    let reference = Reference::new(to.repository.clone());
    let reference = match tagged {
        Some(root) => reference.with_digest(root),
        None => reference.with_tag(to.tag.clone()),
    };
    let opening = snapshot::Options {
        now: options.now,
        layout: to.layout.filter(|layout| *layout == Layout::Tree),
        ..snapshot::Options::default()
    };
    match repository::open(client, &reference, opening, None).await {
        Ok(snapshot) => Ok(Some(snapshot)),
        Err(Error::Repository(error)) if error.kind() == SnapshotErrorKind::NotFound => Ok(None),
        Err(error) if options.replace_broken && is_broken(&error) => {
            options.tell(Event::Broken(&error));
            Ok(None)
        }
        Err(error) => Err(error),
    }
}

/// Whether it is what is there that is at fault.
fn is_broken(error: &Error) -> bool {
    let broken = [
        ErrorKind::Corrupt,
        ErrorKind::TooLarge,
        ErrorKind::InvalidResponse,
    ];
    matches!(error, Error::Repository(_)) || error.kind().is_some_and(|kind| broken.contains(&kind))
}

/// Says at a tag since when a snapshot is superseded, for whoever prunes. Where that fails,
/// the snapshot is only kept for longer.
async fn mark_superseded(client: &Client, to: &Destination, before: &Snapshot, options: &Options) {
    let Some(root) = before.root().filter(|_| options.now > 0) else {
        return;
    };
    let sequence = before.sequence().unwrap_or(0);
    let tag = tags::superseded(&to.tag, sequence, &root.digest(), options.now);
    let Some(tag) = tag else { return };
    let pushed = client.push_manifest(&to.repository, tag, root.clone());
    if let Err(error) = pushed.await {
        options.tell(Event::Unmarked(&error));
    }
}
