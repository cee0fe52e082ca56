//! Publishing: carrying out a plan of [`ocirepo_rpm::publish`].
//!
//! [`publish`] finds out what the tag points at, asks the caller for a [`Plan`] on top of
//! that, and pushes what the plan says: blobs before manifests, stage after stage, the
//! moving tag last. What the plan marks as known is not even asked for; where the registry
//! turns out not to have it, it is pushed after all.

mod error;
mod push;
mod sources;

use std::fmt;

use ocirepo::ErrorKind;
use ocirepo::reference::{Reference, Tag};
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::{Destination, Plan};
use ocirepo_rpm::snapshot::{self, Snapshot, SnapshotErrorKind};

use crate::client::Client;
use crate::error::{Error, Result};
use crate::repository;

pub use self::error::Refusal;
pub use self::sources::{Fetch, Fetching, Local, Sources};

use self::push::Pusher;

/// How to publish.
#[derive(Default)]
pub struct Options {
    /// The time of day, in Unix seconds.
    pub now: u64,
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
            .field("replace_broken", &self.replace_broken)
            .finish_non_exhaustive()
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
}

/// Publishes at a tag (or in a tree) what `make` makes of what is there.
///
/// `make` is given the snapshot that is there, if there is one, and the destination, which
/// are both for the [planner](ocirepo_rpm::publish::plan()). The snapshot has not learnt its
/// packages. With [`Plan::unchanged`] nothing is pushed.
///
/// # Errors
/// [`Error::Publish`] when the registry lacks content that no source gives;
/// [`Error::Repository`] when what is there cannot be read; whatever `make` and the
/// exchanges fail with. The tag is then as it was.
pub async fn publish<E: From<Error>>(
    client: &Client,
    to: &Destination,
    options: Options,
    mut make: impl AsyncFnMut(Option<&Snapshot>, &Destination) -> Result<Prepared, E>,
) -> Result<Published, E> {
    let parent = parent(client, to, &options).await?;
    let Prepared { plan, sources } = make(parent.as_ref(), to).await?;
    if plan.unchanged {
        return Ok(Published {
            plan,
            blobs: 0,
            bytes: 0,
        });
    }
    let (blobs, bytes) = {
        let pusher = Pusher::new(client, &plan, &sources, &options);
        pusher.run().await?;
        pusher.pushed()
    };
    Ok(Published { plan, blobs, bytes })
}

/// What is published there now. The tag is asked of the repository itself, for a mirror may
/// be behind; what it points at may come from anywhere.
async fn parent(client: &Client, to: &Destination, options: &Options) -> Result<Option<Snapshot>> {
    let tree = to.layout == Some(Layout::Tree);
    let reference = Reference::new(to.repository.clone());
    let reference = match client.tag_at_home(&to.repository, &to.tag).await? {
        Some(root) if !tree => reference.with_digest(root.digest),
        // Only a tree can be where no manifest is at the tag.
        None if !tree && to.tag != Tag::latest() => return Ok(None),
        _ => reference.with_tag(to.tag.clone()),
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
