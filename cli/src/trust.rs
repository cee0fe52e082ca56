//! Which snapshots are believed: the options of all who read.

use std::path::PathBuf;

use clap::Args;
use ocirepo_rpm::cosign::PublicKey;
use ocirepo_rpm::snapshot::Options;

use crate::client;
use crate::command::serve::keyring;
use crate::exit::Failure;
use crate::repository;

/// How far a repository is trusted.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Trust {
    /// Refuse a repository unless repomd.xml is signed with an OpenPGP key of this file
    #[arg(long, help_heading = "Trust", value_name = "FILE")]
    key: Vec<PathBuf>,
    /// Refuse a repository unless its root is signed with this cosign public key
    #[arg(long, help_heading = "Trust", value_name = "KEY")]
    verify: Vec<PathBuf>,
    /// Refuse a snapshot that is older than this, such as 12h, 7d or 2w
    #[arg(long, help_heading = "Trust", value_name = "DURATION", value_parser = duration)]
    max_age: Option<u64>,
    /// Accept a snapshot that is older than one seen before
    #[arg(long, help_heading = "Trust")]
    allow_rollback: bool,
}

impl Trust {
    /// Whether anything is asked for.
    pub(crate) fn asks(&self) -> bool {
        !self.key.is_empty()
            || !self.verify.is_empty()
            || self.max_age.is_some()
            || self.allow_rollback
    }

    /// Options to open a repository with, at the time of day.
    pub(crate) fn options(&self) -> Result<Options, Failure> {
        Ok(Options {
            keys: keyring(&self.key)?,
            cosign: self.public_keys()?,
            max_age: self.max_age,
            allow_rollback: self.allow_rollback,
            ..repository::options()
        })
    }

    fn public_keys(&self) -> Result<Option<Vec<PublicKey>>, Failure> {
        if self.verify.is_empty() {
            return Ok(None);
        }
        let key = |path: &PathBuf| {
            PublicKey::parse(&client::read(path)?)
                .map_err(|error| Failure::failed(format!("{}: {error}", path.display())))
        };
        self.verify
            .iter()
            .map(key)
            .collect::<Result<_, _>>()
            .map(Some)
    }
}

/// Seconds: a number and `s`, `m`, `h`, `d` or `w`; a number alone is of seconds.
pub(crate) fn duration(text: &str) -> Result<u64, String> {
    let wrong = || format!("`{text}` is no duration; write 12h, 7d or 2w");
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match text.get(digits.len()..) {
        Some("" | "s") => 1,
        Some("m") => 60,
        Some("h") => 3600,
        Some("d") => 86_400,
        Some("w") => 604_800,
        _ => return Err(wrong()),
    };
    if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(wrong());
    }
    let count: u64 = digits.parse().map_err(|_| wrong())?;
    count.checked_mul(unit).ok_or_else(wrong)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_number_and_one_unit() {
        for (text, expected) in [
            ("90", Some(90)),
            ("90s", Some(90)),
            ("15m", Some(900)),
            ("12h", Some(43_200)),
            ("7d", Some(604_800)),
            ("2w", Some(1_209_600)),
            ("d", None),
            ("-1d", None),
            ("1.5d", None),
            ("7 d", None),
            ("7days", None),
            ("99999999999999999999w", None),
            ("9999999999999999999w", None),
            ("", None),
        ] {
            assert_eq!(duration(text).ok(), expected, "{text}");
        }
    }
}
