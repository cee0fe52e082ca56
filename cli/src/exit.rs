//! How the program ends: exit codes, and the failure every command returns.

use std::fmt;
use std::io;
use std::process::ExitCode;

use ocirepo::ErrorKind;
use ocirepo_native::import::{ImportError, ImportErrorKind};
use ocirepo_rpm::create::{SelectError, SelectErrorKind};
use ocirepo_rpm::error::{MetadataError, MetadataErrorKind};
use ocirepo_rpm::snapshot::{SnapshotError, SnapshotErrorKind};

/// The exit codes; `docs/cli.md` and `--help` list them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Exit {
    Success = 0,
    Failure = 1,
    Usage = 2,
    NotFound = 3,
    Unauthorized = 4,
    Verification = 5,
    Unavailable = 6,
    Interrupted = 130,
}

/// The exit codes as the end of `--help` shows them.
pub(crate) const HELP: &str = "\
Exit codes:
    0  done
    1  failed (a local failure, or a response that breaks the specification)
    2  wrong usage
    3  not found
    4  credentials are missing, wrong, or do not allow it
    5  verification failed: content, signature or digest
    6  no connection, TLS failed, or the registry is unavailable
  130  interrupted";

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::NotFound => Self::NotFound,
            ErrorKind::Unauthorized | ErrorKind::Denied | ErrorKind::UntrustedRealm => {
                Self::Unauthorized
            }
            ErrorKind::Corrupt => Self::Verification,
            ErrorKind::RateLimited
            | ErrorKind::Unavailable
            | ErrorKind::Network
            | ErrorKind::Tls => Self::Unavailable,
            ErrorKind::Cancelled => Self::Interrupted,
            _ => Self::Failure,
        }
    }
}

/// Why a command failed: one message for a person, one code for a program.
#[derive(Clone, Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display) -> Self {
        Self {
            exit,
            message: message.to_string(),
        }
    }

    /// A local failure.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Exit::Failure, message)
    }

    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn not_found(message: impl fmt::Display) -> Self {
        Self::new(Exit::NotFound, message)
    }

    pub(crate) fn verification(message: impl fmt::Display) -> Self {
        Self::new(Exit::Verification, message)
    }

    pub(crate) fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints the message to standard error; silent when there is nothing to say.
    pub(crate) fn report(&self) {
        if !self.message.is_empty() {
            crate::output::note("error", &self.message);
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl From<io::Error> for Failure {
    /// A reader that went away (`ocirepo ls … | head`) has all it wanted.
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::new(Exit::Success, "")
        } else {
            Self::failed(error)
        }
    }
}

impl From<ocirepo::Error> for Failure {
    fn from(error: ocirepo::Error) -> Self {
        Self::new(error.kind().into(), &error)
    }
}

impl From<ocirepo_native::Error> for Failure {
    fn from(error: ocirepo_native::Error) -> Self {
        let error = match error {
            ocirepo_native::Error::Repository(error) => return error.into(),
            ocirepo_native::Error::Metadata(error) => return error.into(),
            ocirepo_native::Error::Import(error) => return error.into(),
            other => other,
        };
        let exit = match &error {
            ocirepo_native::Error::Older { .. } => Exit::Verification,
            other => other.kind().map_or(Exit::Failure, Exit::from),
        };
        Self::new(exit, error)
    }
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        let exit = match error.kind() {
            SnapshotErrorKind::NotFound => Exit::NotFound,
            SnapshotErrorKind::Unsigned
            | SnapshotErrorKind::BadSignature
            | SnapshotErrorKind::Rollback
            | SnapshotErrorKind::Stale => Exit::Verification,
            _ => Exit::Failure,
        };
        Self::new(exit, error)
    }
}

impl From<ImportError> for Failure {
    fn from(error: ImportError) -> Self {
        let exit = match error.kind() {
            ImportErrorKind::NotFound => Exit::NotFound,
            ImportErrorKind::Corrupt => Exit::Verification,
            ImportErrorKind::Unavailable => Exit::Unavailable,
            _ => Exit::Failure,
        };
        Self::new(exit, error)
    }
}

impl From<SelectError> for Failure {
    fn from(error: SelectError) -> Self {
        let exit = match error.kind() {
            SelectErrorKind::NothingToRemove => Exit::NotFound,
            _ => Exit::Failure,
        };
        Self::new(exit, error)
    }
}

impl From<MetadataError> for Failure {
    fn from(error: MetadataError) -> Self {
        let exit = match error.kind() {
            MetadataErrorKind::Corrupt => Exit::Verification,
            _ => Exit::Failure,
        };
        Self::new(exit, error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_closed_pipe_is_silent_success() {
        let failure = Failure::from(io::Error::from(io::ErrorKind::BrokenPipe));
        assert_eq!(failure.exit(), Exit::Success);
        assert_eq!(failure.to_string(), "");
        let failure = Failure::from(io::Error::from(io::ErrorKind::StorageFull));
        assert_eq!(failure.exit(), Exit::Failure);
    }

    #[test]
    fn every_exit_code_is_in_the_help() {
        for exit in [
            Exit::Success,
            Exit::Failure,
            Exit::Usage,
            Exit::NotFound,
            Exit::Unauthorized,
            Exit::Verification,
            Exit::Unavailable,
            Exit::Interrupted,
        ] {
            let code = format!("{:>5}  ", exit as u8);
            assert!(HELP.lines().any(|line| line.starts_with(&code)), "{code}");
        }
    }
}
