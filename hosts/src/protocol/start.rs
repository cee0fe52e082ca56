//! Starting what was asked for in a session, and telling what came of it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _};
use std::path::PathBuf;

use ocirepo::operation::{Operation, OperationId, Outcome, Resume};
use ocirepo::sink::{BlobSink, Content};
use ocirepo::source::BlobSource;
use ocirepo::{Error, Manifest, Session};

use super::{Ask, Job, answers};

/// Takes a result and tells it.
type Finish = Box<dyn FnOnce(&mut Session) -> io::Result<String> + Send>;

/// An operation under way.
pub struct Running {
    /// What answers name it by.
    pub id: String,
    /// What the session names it by.
    pub operation: OperationId,
    /// Where bytes go that are pulled, or come from that are pushed.
    pub file: Option<File>,
    /// Whether bytes are pushed.
    pub sends: bool,
    /// Cancel it when so many bytes of the blob were moved.
    pub cancel: Option<u64>,
    finish: Finish,
}

impl fmt::Debug for Running {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Running")
            .field("id", &self.id)
            .field("operation", &self.operation)
            .finish_non_exhaustive()
    }
}

impl Running {
    /// Takes the result of an operation that is done; gives the line that tells it.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn finish(self, session: &mut Session) -> io::Result<String> {
        (self.finish)(session)
    }
}

impl Job {
    /// Starts the operation.
    ///
    /// # Errors
    /// When a file cannot be opened or read.
    pub fn start(self, session: &mut Session) -> io::Result<Running> {
        let Self { id, ask, cancel } = self;
        let mut start = Start {
            id,
            cancel,
            file: None,
            sends: false,
        };
        Ok(match ask {
            Ask::Ping(at) => start.told(session.ping(&at.registry), |()| String::new()),
            Ask::Resolve(at, which) => {
                start.told(session.resolve(&at, which), |d| answers::descriptor(&d))
            }
            Ask::PullManifest(at, which, file) => {
                start.saved(session.pull_manifest(&at, which), move |manifest| {
                    fs::write(file, manifest.raw())?;
                    Ok(answers::manifest(&manifest))
                })
            }
            Ask::PullBlob(at, content, file) => {
                let resume = start.resume(content, file)?;
                let pull = session.pull_blob(&at, content, resume);
                start.told(pull, |blob| answers::blob(&blob))
            }
            Ask::PullRange(at, digest, range, file) => {
                start.saved(session.pull_blob_range(&at, digest, range), move |part| {
                    fs::write(file, &part.bytes)?;
                    Ok(answers::range(&part.bytes))
                })
            }
            Ask::Exists(at, digest) => start.told(session.blob_exists(&at, digest), |found| {
                answers::exists(found.as_ref())
            }),
            Ask::PushBlob(at, file, digest, upload) => {
                let file = File::open(file)?;
                let size = file.metadata()?.len();
                start.file = Some(file);
                start.sends = true;
                let source = match digest {
                    Some(digest) => BlobSource::with_digest(size, digest),
                    None => BlobSource::new(size),
                };
                let push = session.push_blob(&at, source, upload);
                start.told(push, |pushed| answers::pushed(&pushed))
            }
            Ask::PushManifest(at, which, file) => {
                let manifest = Manifest::parse(None, fs::read(file)?).map_err(io::Error::other)?;
                let push = session.push_manifest(&at, which, manifest);
                start.told(push, |pushed| answers::pushed_manifest(&pushed))
            }
            Ask::Tags(at) => start.told(session.tags(&at), |tags| answers::tags(&tags)),
            Ask::Repositories(at) => start.told(session.repositories(&at.registry), |found| {
                answers::repositories(&found)
            }),
            Ask::Referrers(at, digest, kind) => {
                let list = session.referrers(&at, digest, kind.as_deref());
                start.told(list, |found| answers::referrers(&found))
            }
            Ask::DeleteManifest(at, which) => {
                start.told(session.delete_manifest(&at, which), |()| String::new())
            }
            Ask::DeleteBlob(at, digest) => {
                start.told(session.delete_blob(&at, digest), |()| String::new())
            }
        })
    }
}

struct Start {
    id: String,
    cancel: Option<u64>,
    file: Option<File>,
    sends: bool,
}

impl Start {
    /// Opens the file a blob is pulled to, and shows the session what is in it already.
    fn resume(&mut self, content: Content, file: PathBuf) -> io::Result<Resume> {
        let mut options = OpenOptions::new();
        let mut file = options
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(file)?;
        let mut there = Vec::new();
        file.read_to_end(&mut there)?;
        let mut sink = BlobSink::new(content);
        let resume = match sink.chunk(&there) {
            Ok(_) if !there.is_empty() => Resume::From(sink),
            // More than the blob has cannot be a part of it.
            _ => {
                file.set_len(0)?;
                Resume::Fresh
            }
        };
        self.file = Some(file);
        Ok(resume)
    }

    fn told<T: Outcome + 'static>(
        self,
        operation: Operation<T>,
        tell: impl FnOnce(T) -> String + Send + 'static,
    ) -> Running {
        self.saved(operation, |value| Ok(tell(value)))
    }

    fn saved<T: Outcome + 'static>(
        self,
        operation: Operation<T>,
        tell: impl FnOnce(T) -> io::Result<String> + Send + 'static,
    ) -> Running {
        let id = self.id.clone();
        let finish = move |session: &mut Session| {
            let result: Result<T, Error> = session
                .take(operation)
                .ok_or_else(|| io::Error::other(format!("{id} is not done")))?;
            match result {
                Ok(value) => Ok(answers::ok(&id, &tell(value)?)),
                Err(error) => Ok(answers::error(&id, error.kind(), &error.to_string())),
            }
        };
        Running {
            id: self.id,
            operation: operation.id(),
            file: self.file,
            sends: self.sends,
            cancel: self.cancel,
            finish: Box::new(finish),
        }
    }
}
