//! Publishing a plain repository that is elsewhere.

use std::sync::Arc;

use ocirepo::digest::Digest;
use ocirepo::operation::Upload;
use ocirepo_native::Client;
use ocirepo_native::import::{Named, Origin};
use ocirepo_native::publish::{self, Local, Options, Prepared, Published, Sources};
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::publish::{self as plan, Destination, File, Input, Parent};
use ocirepo_rpm::snapshot::Snapshot;

use futures_util::stream::{self, StreamExt, TryStreamExt};

use crate::exit::Failure;
use crate::output::progress;
use crate::publish::learnt;
use crate::repository::{self, Located};

/// Files read at a time.
const AT_ONCE: usize = 8;

/// Publishes what a plain repository has.
pub(crate) async fn publish(
    client: &Client,
    origin: &Arc<Origin>,
    to: &Destination,
    options: Options,
) -> Result<Published, Failure> {
    publish::publish(client, to, options, async |snapshot, to| {
        let parent = match snapshot {
            Some(snapshot) => learnt(client, snapshot).await,
            None => None,
        };
        let mut sources = Sources::new();
        let mut files = files(client, origin, parent.as_deref(), to).await?;
        for (path, content) in origin.held().map_err(ocirepo_native::Error::from)? {
            files.push(File::of(path.clone(), content));
            sources.insert(path.path(), Local::Bytes(content.to_vec().into()));
        }
        sources.fetch_with(Arc::clone(origin) as _);
        let input = Input {
            files,
            repomd: origin.repomd(),
            packages: origin.packages().to_vec(),
            date: None,
            catalogue: None,
        };
        let parent = parent.as_deref().or(snapshot).map(Parent::of);
        let plan = plan::plan(&input, to, parent.as_ref()).map_err(Failure::failed)?;
        Ok::<_, Failure>(Prepared { plan, sources })
    })
    .await
}

/// Every file that the metadata names, with digest and size. Where the metadata does not
/// tell these, the snapshot that is there does, or the file is read.
async fn files(
    client: &Client,
    origin: &Origin,
    parent: Option<&Snapshot>,
    to: &Destination,
) -> Result<Vec<File>, Failure> {
    let mut files = Vec::new();
    let mut unknown = Vec::new();
    for named in origin.named() {
        match known(&named) {
            Some((digest, size)) => files.push(File {
                path: named.path.clone(),
                digest,
                size,
            }),
            None => unknown.push(named),
        }
    }
    let bar = progress::items(unknown.len() as u64, "reading");
    // One by one: that many futures at once would take more memory than all else.
    let found = unknown.iter().map(|named| {
        let found = find(client, origin, parent, to, named);
        async { Ok::<_, Failure>((named.path, found.await?)) }
    });
    let mut found = stream::iter(found).buffer_unordered(AT_ONCE);
    while let Some((path, (digest, size))) = found.try_next().await? {
        let path = path.clone();
        files.push(File { path, digest, size });
        bar.inc(1);
    }
    bar.finish_and_clear();
    Ok(files)
}

/// What a registry calls a file, as far as the metadata tells.
fn known(named: &Named<'_>) -> Option<(Digest, u64)> {
    Some((named.checksum.to_digest()?, named.size?))
}

async fn find(
    client: &Client,
    origin: &Origin,
    parent: Option<&Snapshot>,
    to: &Destination,
    named: &Named<'_>,
) -> Result<(Digest, u64), Failure> {
    if let Some(parent) = parent
        && let Some(Located::Blob(blob)) = repository::locate(client, parent, named.path).await?
        && blob.repository == to.repository
    {
        let descriptor = &blob.descriptor;
        let same = match blob.checksum {
            // A manifest vouches for the digest of what metadata names by this checksum.
            Some(checksum) => checksum == named.checksum,
            None => named.checksum.to_digest() == Some(descriptor.digest),
        };
        if same && named.size.is_none_or(|size| size == descriptor.size) {
            return Ok((descriptor.digest, descriptor.size));
        }
    }
    if to.layout == Some(Layout::Tree) {
        let read = origin.measure(named.path).await;
        let read = read.map_err(ocirepo_native::Error::from)?;
        return Ok((read.digest, read.size));
    }
    // Once it is here it may as well be pushed: nothing refers to it yet.
    let file = origin.fetch(named.path).await?;
    let upload = Upload::default();
    let pushed = client
        .push_file(&to.repository, &file, None, upload)
        .await?;
    Ok((pushed.digest, pushed.size))
}
