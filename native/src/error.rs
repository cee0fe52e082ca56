//! The error of the native host.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use ocirepo::ErrorKind;
use ocirepo_rpm::error::MetadataError;
use ocirepo_rpm::snapshot::SnapshotError;

use crate::import::ImportError;
use crate::publish::Refusal;

/// A `Result` with the native [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why something the native host was asked for failed.
///
/// Displays as one line: what was being done, what came back, what to do next. It
/// never holds credentials, tokens or the query of a URL.
#[derive(Debug)]
#[non_exhaustive]
pub enum Error {
    /// The exchange with the registry failed.
    Registry(ocirepo::Error),
    /// The exchange failed below HTTP, and this is what the layers below said.
    Connection {
        /// What it came to.
        error: ocirepo::Error,
        /// The words of the network, of TLS, or of a credential helper.
        detail: String,
    },
    /// A file could not be read or written.
    Io {
        /// What was being done, such as `write`.
        doing: &'static str,
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A reader or writer of the caller failed.
    Stream {
        /// What was being done.
        doing: &'static str,
        /// What it said.
        source: io::Error,
    },
    /// A directory that should be, or become, an OCI image layout is damaged or something
    /// else.
    Directory {
        /// The directory or the file in it.
        path: PathBuf,
        /// What is wrong.
        message: String,
    },
    /// The target of a copy has a later snapshot than the source.
    Older {
        /// The tag of the target.
        place: String,
        /// The sequence number it is at.
        has: u64,
        /// The sequence number of the source.
        new: u64,
    },
    /// A request that is passed on got no answer.
    Relay {
        /// What it comes to.
        kind: ErrorKind,
        /// Where the request went, and what the layers below said.
        message: String,
    },
    /// What was asked for cannot be done, as the message says.
    Impossible(String),
    /// What was asked for is not there, though no registry said so.
    NotFound(String),
    /// A configuration file, or a variable of the environment, says something that
    /// cannot be followed.
    Config {
        /// The file, or the name of the variable.
        place: PathBuf,
        /// The line, counted from 1, when it is known.
        line: Option<usize>,
        /// What is wrong and how to mend it.
        message: String,
    },
    /// A credential helper failed.
    Helper {
        /// The program, such as `docker-credential-pass`.
        program: String,
        /// What happened and what to do.
        message: String,
    },
    /// The administrator blocked this registry or repository in `registries.conf`.
    Blocked {
        /// The repository that was asked for.
        repository: String,
        /// The prefix that blocks it.
        prefix: String,
    },
    /// The HTTP client could not be set up.
    Setup(String),
    /// The RPM repository cannot be read or is not what it claims to be.
    Repository(SnapshotError),
    /// Something cannot be published as it is.
    Publish(Box<Refusal>),
    /// A metadata file of a repository cannot be read.
    Metadata(MetadataError),
    /// A plain repository cannot be read.
    Import(ImportError),
}

impl Error {
    pub(crate) fn io(doing: &'static str, path: &Path, source: io::Error) -> Self {
        Self::Io {
            doing,
            path: path.to_owned(),
            source,
        }
    }

    pub(crate) fn config(place: impl Into<PathBuf>, message: impl Into<String>) -> Self {
        Self::Config {
            place: place.into(),
            line: None,
            message: message.into(),
        }
    }

    /// The kind of the registry's error, when the registry is what failed, or of what
    /// comes to the same.
    pub fn kind(&self) -> Option<ErrorKind> {
        match self {
            Self::Registry(error) | Self::Connection { error, .. } => Some(error.kind()),
            Self::Relay { kind, .. } => Some(*kind),
            Self::NotFound(_) => Some(ErrorKind::NotFound),
            _ => None,
        }
    }

    /// Whether what was asked for is not there.
    pub fn is_not_found(&self) -> bool {
        self.kind() == Some(ErrorKind::NotFound)
    }

    /// Whether a file was to be written where nothing can be.
    pub(crate) fn is_read_only(&self) -> bool {
        use io::ErrorKind::{PermissionDenied, ReadOnlyFilesystem};
        let Self::Io { source, .. } = self else {
            return false;
        };
        matches!(source.kind(), PermissionDenied | ReadOnlyFilesystem)
    }

    /// Whether a registry refused a manifest because it does not have what it lists.
    pub(crate) fn is_unknown_content(&self) -> bool {
        let Self::Registry(failure) = self else {
            return false;
        };
        self.is_not_found()
            || ["MANIFEST_BLOB_UNKNOWN", "BLOB_UNKNOWN", "MANIFEST_UNKNOWN"]
                .iter()
                .any(|code| failure.has_code(code))
    }
}

impl From<ocirepo::Error> for Error {
    fn from(error: ocirepo::Error) -> Self {
        Self::Registry(error)
    }
}

impl From<MetadataError> for Error {
    fn from(error: MetadataError) -> Self {
        Self::Metadata(error)
    }
}

impl From<ImportError> for Error {
    fn from(error: ImportError) -> Self {
        Self::Import(error)
    }
}

impl From<SnapshotError> for Error {
    fn from(error: SnapshotError) -> Self {
        Self::Repository(error)
    }
}

impl From<Refusal> for Error {
    fn from(refusal: Refusal) -> Self {
        Self::Publish(Box::new(refusal))
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Registry(error) => error.fmt(f),
            Self::Connection { error, detail } => write!(f, "{error}: {detail}"),
            Self::Io {
                doing,
                path,
                source,
            } => write!(f, "cannot {doing} {}: {source}", path.display()),
            Self::Stream { doing, source } => write!(f, "cannot {doing}: {source}"),
            Self::Directory { path, message } => write!(f, "{}: {message}", path.display()),
            Self::Older { place, has, new } => write!(
                f,
                "{place} is at snapshot {has}, the source at {new}: that would lead its readers \
                 back; see where {has} came from, or allow it with --allow-rollback"
            ),
            Self::NotFound(message) | Self::Impossible(message) | Self::Relay { message, .. } => {
                f.write_str(message)
            }
            Self::Config {
                place,
                line,
                message,
            } => {
                write!(f, "{}", place.display())?;
                if let Some(line) = line {
                    write!(f, ":{line}")?;
                }
                write!(f, ": {message}")
            }
            Self::Helper { program, message } => write!(f, "{program}: {message}"),
            Self::Blocked { repository, prefix } => write!(
                f,
                "{repository} is blocked: registries.conf says `blocked = true` for `{prefix}`; \
                 ask whoever administers this machine"
            ),
            Self::Setup(message) => write!(f, "cannot set up the HTTP client: {message}"),
            Self::Repository(error) => error.fmt(f),
            Self::Publish(refusal) => refusal.fmt(f),
            Self::Metadata(error) => error.fmt(f),
            Self::Import(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for Error {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Registry(error) | Self::Connection { error, .. } => Some(error),
            Self::Repository(error) => Some(error),
            Self::Publish(refusal) => Some(&**refusal),
            Self::Metadata(error) => Some(error),
            Self::Import(error) => Some(error),
            Self::Io { source, .. } | Self::Stream { source, .. } => Some(source),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_says_what_was_done_where_and_what_came_back() {
        let error = Error::io(
            "write",
            Path::new("/srv/a.rpm"),
            io::Error::other("disk full"),
        );
        assert_eq!(error.to_string(), "cannot write /srv/a.rpm: disk full");
        let error = Error::Config {
            place: "/etc/x.toml".into(),
            line: Some(3),
            message: "not a table".into(),
        };
        assert_eq!(error.to_string(), "/etc/x.toml:3: not a table");
    }
}
