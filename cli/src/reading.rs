//! What the commands that read a repository have in common.

use std::sync::Arc;

use clap::Args;
use ocirepo::reference::Reference;
use ocirepo_native::Client;
use ocirepo_native::cache::Memory;
use ocirepo_rpm::package::Package;
use ocirepo_rpm::query::{Query, latest};
use ocirepo_rpm::snapshot::{Options, Snapshot};

use crate::arguments::Global;
use crate::client;
use crate::exit::Failure;
use crate::repository;
use crate::trust::Trust;

/// Which repository, and how far it is trusted.
#[derive(Debug, Args)]
pub(crate) struct Place {
    /// The repository: oci://HOST/NAME[:TAG|@DIGEST]
    #[arg(value_name = "REPO")]
    repository: String,
    #[command(flatten)]
    trust: Trust,
}

/// A repository that was opened.
pub(crate) struct Opened {
    pub(crate) client: Client,
    pub(crate) reference: Reference,
    pub(crate) snapshot: Arc<Snapshot>,
    pub(crate) packages: Vec<Package>,
}

impl Place {
    /// The repository, as it was written.
    pub(crate) fn written(&self) -> &str {
        &self.repository
    }

    /// Whether something is asked of it that only what is read can meet.
    pub(crate) fn has_conditions(&self) -> bool {
        self.trust.asks()
    }

    /// Opens the repository and reads its list of packages.
    pub(crate) async fn open(&self, global: &Global) -> Result<Opened, Failure> {
        self.open_with(global, false).await
    }

    /// The same, with the signature of `repomd.xml` although nobody verifies it here.
    pub(crate) async fn open_with_signature(&self, global: &Global) -> Result<Opened, Failure> {
        self.open_with(global, true).await
    }

    async fn open_with(&self, global: &Global, signature: bool) -> Result<Opened, Failure> {
        let reference = client::reference(&self.repository)?;
        let client = client::builder(global)?.cache().build()?;
        // Whoever names a digest wants that snapshot, however old it is.
        let memory =
            Memory::of_user(&client::environment(global)).filter(|_| reference.digest().is_none());
        let options = Options {
            signature,
            ..self.trust.options()?
        };
        let mut snapshot =
            ocirepo_native::repository::open(&client, &reference, options, memory.as_ref()).await?;
        let packages = repository::packages(&client, &snapshot).await?;
        snapshot.learn_packages(packages.iter().map(Into::into));
        Ok(Opened {
            client,
            reference,
            snapshot: Arc::new(snapshot),
            packages,
        })
    }
}

impl Opened {
    /// The packages that are meant: all without patterns, else those that match one.
    /// A pattern that matches nothing is an error.
    pub(crate) fn select(
        &mut self,
        patterns: &[String],
        only_latest: bool,
    ) -> Result<Vec<Package>, Failure> {
        let packages = std::mem::take(&mut self.packages);
        let mut chosen = if patterns.is_empty() {
            packages
        } else {
            let queries: Vec<Query> = patterns.iter().map(|text| Query::new(text)).collect();
            for (query, text) in queries.iter().zip(patterns) {
                if !packages.iter().any(|package| query.matches(package)) {
                    return Err(Failure::not_found(format!(
                        "{} has no package `{text}`; `ocirepo ls` shows what it has",
                        self.reference
                    )));
                }
            }
            let meant = |package: &Package| queries.iter().any(|query| query.matches(package));
            packages.into_iter().filter(meant).collect()
        };
        if only_latest {
            chosen = latest(chosen);
        }
        chosen.sort_by(|a, b| a.nevra.cmp(&b.nevra));
        Ok(chosen)
    }
}
