//! Where a plain repository is: itself, a mirror list or a metalink.

use ocirepo_rpm::href::Href;
use ocirepo_rpm::layout::format::{REPOMD, SIGNATURE};
use ocirepo_rpm::metalink::{Metalink, Version, mirrorlist};
use ocirepo_rpm::repomd::Repomd;
use ocirepo_rpm::signature::{self, Good, Keyring, MAX_SIGNATURE_FILE};
use ocirepo_rpm::snapshot::MAX_REPOMD;
use url::Url;

use super::error::{ImportError, ImportErrorKind};
use super::mirrors::{Mirrors, ROUNDS, below, pause};
use super::web::{Failed, Web, Why, shown};

/// The largest mirror list or metalink, in bytes. Real ones have some ten thousand.
const MAX_LIST: u64 = 4 << 20;

/// Where a plain repository is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// The URL of the repository itself.
    Base(Url),
    /// The URL of a list of its mirrors. A metalink is taken as well.
    Mirrorlist(Url),
    /// The URL of a metalink, which vouches for `repomd.xml`.
    Metalink(Url),
}

/// The mirrors, and what vouches for their `repomd.xml`.
pub(super) struct Places {
    pub(super) mirrors: Mirrors,
    metalink: Option<Metalink>,
}

/// `repomd.xml` and what belongs to it, from one place.
pub(super) struct Head {
    pub(super) raw: Vec<u8>,
    pub(super) repomd: Repomd,
    pub(super) signature: Option<Vec<u8>>,
    pub(super) signer: Option<Good>,
    /// It is an earlier version of those that the metalink vouches for.
    pub(super) behind: bool,
}

impl Address {
    fn url(&self) -> &Url {
        match self {
            Self::Base(url) | Self::Mirrorlist(url) | Self::Metalink(url) => url,
        }
    }

    /// Finds out the mirrors.
    pub(super) async fn places(&self, web: Web) -> Result<Places, ImportError> {
        let url = self.url();
        check_scheme(url)?;
        let list = match self {
            Self::Base(url) => {
                return Ok(Places {
                    mirrors: Mirrors::new(web, vec![url.clone()]),
                    metalink: None,
                });
            }
            Self::Mirrorlist(url) | Self::Metalink(url) => {
                // The list is at a URL, not below one.
                list_at(&web, url).await?
            }
        };
        let wrong = |error: &dyn std::fmt::Display| {
            let message = format!("{}: {error}", shown(url));
            ImportError::new(ImportErrorKind::Refused, message)
        };
        let is_xml = list.trim_ascii_start().starts_with(b"<");
        let metalink = match self {
            Self::Mirrorlist(_) if !is_xml => None,
            _ => Some(Metalink::parse(&list).map_err(|error| wrong(&error))?),
        };
        let bases = match &metalink {
            Some(metalink) => metalink.bases.clone(),
            None => mirrorlist(&list).map_err(|error| wrong(&error))?,
        };
        // What is no URL after all is no mirror.
        let bases: Vec<Url> = bases.iter().filter_map(|base| base.parse().ok()).collect();
        if bases.is_empty() {
            return Err(wrong(
                &"it names no mirror that can be read over http or https",
            ));
        }
        Ok(Places {
            mirrors: Mirrors::new(web, bases),
            metalink,
        })
    }
}

impl Places {
    /// Reads `repomd.xml` and its signature.
    pub(super) async fn head(&self, keys: Option<&Keyring>, now: u64) -> Result<Head, ImportError> {
        let Some(metalink) = &self.metalink else {
            return self.head_of(keys, now, |_| true).await;
        };
        let current = |raw: &[u8]| metalink.current.is(raw);
        match self.head_of(keys, now, current).await {
            Err(error)
                if error.kind() == ImportErrorKind::Corrupt && !metalink.earlier.is_empty() =>
            {
                let earlier = |raw: &[u8]| metalink.earlier.iter().any(|v: &Version| v.is(raw));
                let behind = self.head_of(keys, now, earlier).await;
                // That mirrors are behind explains less than what is wrong with them.
                behind.map_err(|_| error).map(|head| Head {
                    behind: true,
                    ..head
                })
            }
            read => read,
        }
    }

    async fn head_of(
        &self,
        keys: Option<&Keyring>,
        now: u64,
        vouched: impl Fn(&[u8]) -> bool,
    ) -> Result<Head, ImportError> {
        let path = path(REPOMD)?;
        let mut turns = self.mirrors.turns(&path);
        while let Some((web, base)) = turns.next().await {
            match one(web, base, keys, now, &vouched).await {
                Ok(head) => return Ok(turns.worked(head)),
                Err(failed) => turns.failed(failed)?,
            }
        }
        Err(turns.said())
    }
}

/// `repomd.xml` and its signature as one place has them.
async fn one(
    web: &Web,
    base: &Url,
    keys: Option<&Keyring>,
    now: u64,
    vouched: impl Fn(&[u8]) -> bool,
) -> Result<Head, Failed> {
    let wrong = |message: String| Failed::new(Why::Wrong, message);
    let url = |name| {
        let path = path(name).map_err(|error| wrong(error.to_string()))?;
        Ok(below(base, &path))
    };
    let (url, asc) = (url(REPOMD)?, url(SIGNATURE)?);
    let raw = web.bytes(&url, MAX_REPOMD).await?;
    if !vouched(&raw) {
        return Err(wrong(
            "it is not the one that the metalink names".to_owned(),
        ));
    }
    let repomd = Repomd::parse(&raw).map_err(|error| wrong(error.to_string()))?;
    let signature = match web.bytes(&asc, MAX_SIGNATURE_FILE as u64).await {
        Ok(signature) => Some(signature),
        // Some object stores refuse what is not there.
        Err(failed) if matches!(failed.why, Why::Absent | Why::Refused) => None,
        Err(failed) => return Err(failed),
    };
    // The pair must be one: the repository may have been written in between.
    if signature.is_some() && web.bytes(&url, MAX_REPOMD).await? != raw {
        let message = "it changed while its signature was read";
        return Err(Failed::new(Why::Passing, message));
    }
    let signer = match (keys, &signature) {
        (None, _) => None,
        (Some(_), None) => {
            return Err(wrong(
                "it has no signature repomd.xml.asc, and keys were given".to_owned(),
            ));
        }
        (Some(keys), Some(signature)) => {
            let verdict = signature::verify(&raw, signature, keys, now)
                .and_then(signature::Verdict::into_good);
            Some(verdict.map_err(|error| wrong(error.to_string()))?)
        }
    };
    Ok(Head {
        raw,
        repomd,
        signature,
        signer,
        behind: false,
    })
}

/// A list of mirrors, asked for again where that may help.
async fn list_at(web: &Web, url: &Url) -> Result<Vec<u8>, ImportError> {
    let mut round = 0;
    loop {
        let failed = match web.bytes(url, MAX_LIST).await {
            Ok(list) => return Ok(list),
            Err(failed) => failed,
        };
        round += 1;
        if failed.why != Why::Passing || round >= ROUNDS {
            let message = format!("cannot get {}: {}", shown(url), failed.message);
            return Err(ImportError::new(failed.why.kind(), message));
        }
        tokio::time::sleep(pause(round)).await;
    }
}

/// Only what is read like a web server or a directory.
pub(super) fn check_scheme(url: &Url) -> Result<(), ImportError> {
    match url.scheme() {
        "http" | "https" | "file" => Ok(()),
        scheme => {
            let message = format!(
                "{}: {scheme} is not read, only http, https and file are",
                shown(url)
            );
            Err(ImportError::new(ImportErrorKind::Refused, message))
        }
    }
}

/// A path of the format as a value.
pub(super) fn path(path: &str) -> Result<Href, ImportError> {
    Href::from_path(path).map_err(|error| ImportError::new(ImportErrorKind::Refused, error))
}
