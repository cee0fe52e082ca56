//! An RPM repository in a registry: opened through a session, and its list of packages.

use std::ffi::c_char;
use std::io::{Cursor, Read};
use std::mem::MaybeUninit;

use ocirepo::reference::{Repository, Selector};
use ocirepo::sink::Content;
use ocirepo::{Digest, Error, ErrorKind};
use ocirepo_rpm::cosign::PublicKey;
use ocirepo_rpm::error::{MetadataError, MetadataErrorKind};
use ocirepo_rpm::limits::Limits;
use ocirepo_rpm::metadata;
use ocirepo_rpm::package::Package;
use ocirepo_rpm::primary::Primary;
use ocirepo_rpm::repomd::Record;
use ocirepo_rpm::signature::Keyring;
use ocirepo_rpm::snapshot::{
    Answer, Ask, Blob, List, Made, Mark, Opening, Options, Snapshot, SnapshotError,
    SnapshotErrorKind, Target,
};

use crate::OCIREPO_NOTHING;
use crate::reference::ocirepo_reference;
use crate::result::{
    self, Value, ocirepo_error, ocirepo_error_kind, ocirepo_result, ocirepo_result_data,
    ocirepo_result_kind,
};
use crate::session::ocirepo_session;
use crate::status::{Common, Handle, Misuse, enter, free, ocirepo_status, outside, required};
use crate::text::{Store, copy_message, list, ocirepo_bytes, ocirepo_str};
use crate::versioned::{self, Versioned, zeroed};

/// The largest list of packages that is read, in bytes as it lies in the registry.
const MAX_PRIMARY: u64 = 512 << 20;

/// An RPM repository that is opened, or was. It asks its session for what it needs.
pub struct ocirepo_repository {
    pub(crate) common: Common,
    pub(crate) state: State,
    pub(crate) waiting: Option<Waiting>,
    pub(crate) packages: Packages,
}

pub(crate) enum State {
    Opening(Box<Opening>),
    Open(Box<Snapshot>),
    /// It cannot be opened.
    Ended,
}

/// An operation whose result is waited for.
pub(crate) struct Waiting {
    operation: u64,
    session: std::sync::Arc<()>,
    what: What,
}

enum What {
    /// The answer to what the opening asked.
    Answer,
    /// The bytes of `primary`, or what it is made from.
    Primary {
        blob: Box<Blob>,
        made: Option<Box<Made>>,
    },
    /// A manifest that lists `primary`, or without which a cache does not serve it.
    List { again: bool },
}

/// How far the list of packages was read.
pub(crate) enum Packages {
    /// Nobody asked.
    Unasked,
    /// It is asked for.
    Wanted { listed: bool },
    /// It is there, to be read package by package.
    Reading(Box<dyn Iterator<Item = Result<Package, MetadataError>> + Send>),
    /// It was read to its verified end.
    Read,
}

/// Whatever may go wrong on the way.
pub(crate) enum Failure {
    Misuse(Misuse),
    Exchange(Error),
    Snapshot(SnapshotError),
    Metadata(MetadataError),
    Missing(String),
}

impl From<Misuse> for Failure {
    fn from(misuse: Misuse) -> Self {
        Self::Misuse(misuse)
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        Self::Snapshot(error)
    }
}

impl From<MetadataError> for Failure {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

impl Handle for ocirepo_repository {
    fn common(&mut self) -> &mut Common {
        &mut self.common
    }
}

/// Accept a snapshot older than the one that was seen.
pub const OCIREPO_ALLOW_ROLLBACK: u32 = 1;

/// How a repository is to be opened. `ocirepo_open_init` fills it with: as it is there.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct ocirepo_open {
    /// `sizeof(ocirepo_open)`.
    pub size: usize,
    /// `OCIREPO_ALLOW_ROLLBACK` or 0.
    pub flags: u32,
    /// Nothing yet; 0.
    pub reserved: u32,
    /// The time, in seconds since 1970, at which keys and signatures must be valid.
    pub now: u64,
    /// The most seconds a snapshot may be old; `OCIREPO_NOTHING` for any age.
    pub max_age: u64,
    /// The OpenPGP keys of the publisher. Where there are any, a repository without a good
    /// signature of `repomd.xml` is refused.
    pub keys: ocirepo_bytes,
    /// A public key in PEM for signatures of the root, as cosign makes them; as above.
    pub cosign_key: ocirepo_bytes,
    /// The digest of the newest snapshot that was seen before, or empty.
    pub seen_digest: ocirepo_str,
    /// Its number, or `OCIREPO_NOTHING`.
    pub seen_sequence: u64,
    /// Its revision, or `OCIREPO_NOTHING`.
    pub seen_revision: u64,
}

// SAFETY: numbers and pointers, its size first.
unsafe impl Versioned for ocirepo_open {}

fn open_defaults() -> ocirepo_open {
    ocirepo_open {
        max_age: OCIREPO_NOTHING,
        keys: ocirepo_bytes::EMPTY,
        cosign_key: ocirepo_bytes::EMPTY,
        seen_digest: ocirepo_str::EMPTY,
        seen_sequence: OCIREPO_NOTHING,
        seen_revision: OCIREPO_NOTHING,
        ..zeroed()
    }
}

/// Fills the options with the defaults. Their `size` must be set.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_open_init(open: *mut ocirepo_open) -> ocirepo_status {
    let work = || {
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(open, open_defaults()) }?;
        Ok(ocirepo_status::Ok)
    };
    outside(work).0
}

fn number(number: u64) -> Option<u64> {
    Some(number).filter(|number| *number != OCIREPO_NOTHING)
}

/// # Safety
/// The caller's promise for structs, text and bytes.
unsafe fn options(open: *const ocirepo_open) -> Result<Options, Misuse> {
    if open.is_null() {
        return Ok(Options::default());
    }
    // SAFETY: it is not NULL; the rest is the caller's promise.
    let open = unsafe { versioned::read(open, open_defaults()) }?;
    if open.flags & !OCIREPO_ALLOW_ROLLBACK != 0 {
        return Err(Misuse::invalid("there is no such flag"));
    }
    // SAFETY: the caller's promise for bytes.
    let keys = unsafe { list(open.keys.data, open.keys.len) }?;
    // SAFETY: as above.
    let cosign = unsafe { list(open.cosign_key.data, open.cosign_key.len) }?;
    // SAFETY: the caller's promise for text.
    let seen = unsafe { open.seen_digest.optional() }?;
    let seen: Option<Digest> = seen
        .map(str::parse)
        .transpose()
        .map_err(Misuse::malformed)?;
    let keys = match keys {
        [] => None,
        keys => Some(Keyring::parse(keys).map_err(Misuse::malformed)?),
    };
    let cosign = match cosign {
        [] => None,
        key => Some(vec![PublicKey::parse(key).map_err(Misuse::malformed)?]),
    };
    Ok(Options {
        keys,
        cosign,
        max_age: number(open.max_age),
        now: open.now,
        seen: seen.map(|digest| Mark {
            sequence: number(open.seen_sequence),
            revision: number(open.seen_revision),
            digest,
        }),
        allow_rollback: open.flags & OCIREPO_ALLOW_ROLLBACK != 0,
        ..Options::default()
    })
}

/// Begins to open the repository that a reference means. Nothing is asked before the first
/// `ocirepo_repository_step`. With NULL for `open`, the defaults. It is to be freed with
/// `ocirepo_repository_free`. What is wrong with the options is written to `message`.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_repository_new(
    reference: Option<&ocirepo_reference>,
    open: *const ocirepo_open,
    repository: Option<&mut MaybeUninit<*mut ocirepo_repository>>,
    message: *mut c_char,
    message_size: usize,
) -> ocirepo_status {
    let (status, said) = outside(|| {
        let place = required(repository, "repository")?;
        place.write(std::ptr::null_mut());
        let reference = required(reference, "reference")?;
        // SAFETY: the caller's promise for structs, text and bytes.
        let options = unsafe { options(open) }?;
        let opening = Opening::new(&reference.reference, options);
        let repository = ocirepo_repository {
            common: Common::default(),
            state: State::Opening(Box::new(opening)),
            waiting: None,
            packages: Packages::Unasked,
        };
        place.write(Box::into_raw(Box::new(repository)));
        Ok(ocirepo_status::Ok)
    });
    // SAFETY: the caller's promise for the buffer.
    unsafe { copy_message(&said, message, message_size) };
    status
}

/// Frees a repository. An operation it waits for goes on, and is the caller's to forget.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_repository_free(repository: Option<Box<ocirepo_repository>>) {
    free(repository);
}

/// What the last call on the repository had to say, for people; empty after it went well.
#[unsafe(no_mangle)]
pub extern "C" fn ocirepo_repository_message(
    repository: Option<&ocirepo_repository>,
) -> ocirepo_str {
    repository.map_or(ocirepo_str::EMPTY, |repository| repository.common.message())
}

/// Goes on with what is wanted of a repository: opening it, and after
/// `ocirepo_repository_read_packages` its list of packages.
///
/// `OCIREPO_STATUS_NONE` says that it waits for `operation`, which it began in the session: call
/// again when that is done; nobody else may take its result. `OCIREPO_STATUS_OK` says that
/// everything wanted is there. After `OCIREPO_STATUS_FAILED`, `failure` has the error.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn ocirepo_repository_step(
    repository: Option<&mut ocirepo_repository>,
    session: Option<&mut ocirepo_session>,
    operation: Option<&mut MaybeUninit<u64>>,
    failure: *mut ocirepo_result,
) -> ocirepo_status {
    enter(repository, |repository| {
        let place = required(operation, "operation")?;
        place.write(OCIREPO_NOTHING);
        // SAFETY: the caller's promise for a struct with a size.
        unsafe { versioned::write(failure, zeroed()) }?;
        let mut step = Err(Failure::Misuse(Misuse::invalid("session is NULL")));
        let status = enter(session, |session| {
            step = repository.step(session);
            Ok(ocirepo_status::Ok)
        });
        if status == ocirepo_status::Poisoned {
            return Err(Misuse::new(status, "the session is poisoned"));
        }
        match step {
            Ok(None) => Ok(ocirepo_status::Ok),
            Ok(Some(operation)) => {
                place.write(operation);
                Ok(ocirepo_status::None)
            }
            Err(error) => {
                let shown = error.show(&mut repository.common.store)?;
                // SAFETY: as above.
                unsafe { versioned::write(failure, shown) }?;
                Ok(ocirepo_status::Failed)
            }
        }
    })
}

impl ocirepo_repository {
    /// The operation that is waited for; none when there is nothing left to do.
    fn step(&mut self, session: &mut ocirepo_session) -> Result<Option<u64>, Failure> {
        loop {
            if let Some(waiting) = &self.waiting {
                if !session.is(&waiting.session) {
                    return Err(Misuse::new(
                        ocirepo_status::Foreign,
                        "it waits for an operation of another session",
                    )
                    .into());
                }
                let operation = waiting.operation;
                let taken = match session.take(operation) {
                    Ok(None) => return Ok(Some(operation)),
                    Ok(Some(taken)) => taken,
                    Err(misuse) => {
                        // Somebody else took the answer: it is asked for again.
                        self.waiting = None;
                        return Err(misuse.into());
                    }
                };
                if let Some(waiting) = self.waiting.take() {
                    self.arrived(waiting.what, taken, session)?;
                }
                continue;
            }
            match &self.state {
                State::Opening(opening) => {
                    let operation = ask(opening.ask(), session);
                    self.wait(operation, What::Answer, session);
                }
                State::Open(_) => match self.packages {
                    Packages::Wanted { listed } => self.want_packages(listed, session)?,
                    _ => return Ok(None),
                },
                State::Ended => {
                    return Err(Misuse::order("the repository could not be opened").into());
                }
            }
        }
    }

    fn wait(&mut self, operation: u64, what: What, session: &ocirepo_session) {
        self.waiting = Some(Waiting {
            operation,
            session: session.identity(),
            what,
        });
    }

    fn arrived(
        &mut self,
        what: What,
        taken: Result<Value, Error>,
        session: &mut ocirepo_session,
    ) -> Result<(), Failure> {
        let missing = taken
            .as_ref()
            .is_err_and(|error| error.kind() == ErrorKind::NotFound);
        match what {
            What::Answer => {
                let State::Opening(opening) = &mut self.state else {
                    return Ok(());
                };
                let answer = match (opening.ask(), taken) {
                    (Ask::Manifest { .. }, Err(_)) if missing => Answer::Manifest(None),
                    (Ask::Blob { .. }, Err(_)) if missing => Answer::Blob(None),
                    (_, Err(error)) => return Err(Failure::Exchange(error)),
                    (_, Ok(Value::Manifest(manifest))) => Answer::Manifest(Some(*manifest)),
                    (_, Ok(Value::Descriptors(list))) => Answer::Referrers(list),
                    (_, Ok(Value::Bytes(bytes))) => Answer::Blob(Some(bytes)),
                    (_, Ok(_)) => return Ok(()),
                };
                match opening.answer(answer) {
                    Ok(None) => {}
                    Ok(Some(snapshot)) => self.state = State::Open(Box::new(snapshot)),
                    Err(error) => {
                        self.state = State::Ended;
                        return Err(error.into());
                    }
                }
            }
            What::Primary { blob, made } => match (taken, blob.list) {
                (Ok(Value::Bytes(bytes)), _) => return self.begin_packages(bytes, made),
                (Err(_), Some(list)) if missing && self.packages_may_be_listed() => {
                    let operation = pull_manifest(&list.repository, list.selector, session);
                    self.wait(operation, What::List { again: true }, session);
                }
                (Err(error), _) => return self.give_up(Failure::Exchange(error)),
                (Ok(_), _) => {}
            },
            What::List { again } => match taken {
                Ok(_) if again => self.packages = Packages::Wanted { listed: true },
                Ok(Value::Manifest(manifest)) => {
                    let (snapshot, record) = self.primary()?;
                    match snapshot.listed(&record.location, &manifest)? {
                        Some(blob) => self.pull_primary(blob, None, session),
                        None => {
                            return self.give_up(Failure::Missing(
                                "no manifest lists the file of its packages".to_owned(),
                            ));
                        }
                    }
                }
                Ok(_) => {}
                Err(error) => return self.give_up(Failure::Exchange(error)),
            },
        }
        Ok(())
    }

    fn packages_may_be_listed(&self) -> bool {
        matches!(self.packages, Packages::Wanted { listed: false })
    }

    fn give_up(&mut self, failure: Failure) -> Result<(), Failure> {
        self.packages = Packages::Unasked;
        Err(failure)
    }

    pub(crate) fn snapshot(&self) -> Result<&Snapshot, Misuse> {
        match &self.state {
            State::Open(snapshot) => Ok(snapshot),
            _ => Err(Misuse::order("the repository is not open")),
        }
    }

    fn primary(&self) -> Result<(&Snapshot, Record), Failure> {
        let snapshot = self.snapshot()?;
        let record = snapshot.repomd().require("primary")?.clone();
        Ok((snapshot, record))
    }

    fn want_packages(
        &mut self,
        listed: bool,
        session: &mut ocirepo_session,
    ) -> Result<(), Failure> {
        let found = self.primary().and_then(|(snapshot, record)| {
            Ok(match snapshot.resolve(&record.location)? {
                Target::Held(bytes) => Found::Held(bytes.to_vec()),
                Target::Blob(blob) => Found::Blob(blob, None),
                Target::Made(made) => Found::Blob(made.from.clone(), Some(made)),
                Target::Listed(list) => Found::Listed(list),
                Target::Packages | Target::Missing => Found::Missing,
            })
        });
        match found {
            Err(failure) => self.give_up(failure),
            Ok(Found::Held(bytes)) => self.begin_packages(bytes, None),
            Ok(Found::Blob(mut blob, made)) => {
                if listed {
                    blob.list = None;
                }
                self.pull_primary(blob, made, session);
                Ok(())
            }
            Ok(Found::Listed(list)) => {
                let operation = pull_manifest(&list.repository, list.selector, session);
                self.wait(operation, What::List { again: false }, session);
                Ok(())
            }
            Ok(Found::Missing) => self.give_up(Failure::Missing(
                "repomd.xml names a file of packages that is nowhere to be found".to_owned(),
            )),
        }
    }

    fn pull_primary(&mut self, blob: Blob, made: Option<Made>, session: &mut ocirepo_session) {
        let content = Content::from(&blob.descriptor);
        let pull = session
            .session
            .pull_blob_bytes(&blob.repository, content, MAX_PRIMARY);
        let operation = session.begin(pull.into());
        let what = What::Primary {
            blob: Box::new(blob),
            made: made.map(Box::new),
        };
        self.wait(operation, what, session);
    }

    fn begin_packages(&mut self, bytes: Vec<u8>, made: Option<Box<Made>>) -> Result<(), Failure> {
        let opened = self.primary().and_then(|(_, record)| {
            let source: Box<dyn Read + Send> = match made {
                None => Box::new(Cursor::new(bytes)),
                Some(made) => Box::new(made.make(Cursor::new(bytes))?),
            };
            let opened = metadata::open(&record, source, Limits::default())?;
            Ok(Primary::open(
                opened,
                record.location.path(),
                Limits::default(),
            )?)
        });
        match opened {
            Ok(packages) => {
                self.packages = Packages::Reading(Box::new(packages));
                Ok(())
            }
            Err(failure) => self.give_up(failure),
        }
    }
}

/// Where `primary` is.
#[expect(clippy::large_enum_variant, reason = "there is one, for a moment")]
enum Found {
    Held(Vec<u8>),
    Blob(Blob, Option<Made>),
    Listed(List),
    Missing,
}

fn ask(ask: &Ask, session: &mut ocirepo_session) -> u64 {
    match ask {
        Ask::Manifest {
            repository,
            selector,
        } => pull_manifest(repository, selector.clone(), session),
        Ask::Referrers {
            repository,
            subject,
            artifact_type,
        } => {
            let kind = Some(artifact_type.as_str());
            let operation = session.session.referrers(repository, *subject, kind);
            session.begin(operation.into())
        }
        Ask::Blob {
            repository,
            descriptor,
            limit,
        } => {
            let pull = session
                .session
                .pull_blob_bytes(repository, descriptor, *limit);
            session.begin(pull.into())
        }
    }
}

fn pull_manifest(
    repository: &Repository,
    selector: Selector,
    session: &mut ocirepo_session,
) -> u64 {
    let pull = session.session.pull_manifest(repository, selector);
    session.begin(pull.into())
}

impl Failure {
    /// The error as a result, unless the caller is at fault.
    fn show(self, store: &mut Store) -> Result<ocirepo_result, Misuse> {
        use ocirepo_error_kind as kind;
        let error = match self {
            Self::Misuse(misuse) => return Err(misuse),
            Self::Exchange(error) => result::error(&error, store),
            Self::Snapshot(error) => {
                let kind = match error.kind() {
                    SnapshotErrorKind::NotFound => kind::NotFound,
                    SnapshotErrorKind::NotARepository => kind::NotARepository,
                    SnapshotErrorKind::Malformed => kind::Malformed,
                    SnapshotErrorKind::Incomplete => kind::Incomplete,
                    SnapshotErrorKind::TooLarge => kind::TooLarge,
                    SnapshotErrorKind::Unsigned => kind::Unsigned,
                    SnapshotErrorKind::BadSignature => kind::BadSignature,
                    SnapshotErrorKind::Rollback => kind::Rollback,
                    SnapshotErrorKind::Stale => kind::Stale,
                    SnapshotErrorKind::Moving => kind::Moving,
                    _ => kind::Other,
                };
                simple(kind, &error.to_string(), store)
            }
            Self::Metadata(error) => {
                let kind = match error.kind() {
                    MetadataErrorKind::Corrupt => kind::Corrupt,
                    MetadataErrorKind::TooLarge => kind::TooLarge,
                    MetadataErrorKind::Unsupported => kind::Unsupported,
                    _ => kind::Malformed,
                };
                simple(kind, &error.to_string(), store)
            }
            Self::Missing(message) => simple(kind::Incomplete, &message, store),
        };
        Ok(ocirepo_result {
            kind: ocirepo_result_kind::Error as u32,
            u: ocirepo_result_data { error },
            ..zeroed()
        })
    }
}

fn simple(kind: ocirepo_error_kind, message: &str, store: &mut Store) -> ocirepo_error {
    ocirepo_error {
        kind: kind as u32,
        http_status: 0,
        message: store.text(message),
        url: ocirepo_str::EMPTY,
        registry_errors: std::ptr::null(),
        registry_errors_len: 0,
    }
}
