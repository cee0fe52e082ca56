//! Signing the root of a snapshot as cosign does with a pair of keys.

use std::path::{Path, PathBuf};

use clap::Args;
use ocirepo::Manifest;
use ocirepo::auth::Secret;
use ocirepo::operation::Upload;
use ocirepo::reference::{Repository, Selector};
use ocirepo_native::Client;
use ocirepo_rpm::cosign::{self, PrivateKey};
use ocirepo_rpm::publish::{Plan, Source, Stage};

use super::passphrase;
use crate::client;
use crate::exit::Failure;

/// The environment variable that cosign, too, takes the password of a key from.
const PASSWORD: &str = "COSIGN_PASSWORD";

/// The key to sign a root with.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct CosignKey {
    /// Sign the root of the snapshot with this private key, as `cosign generate-key-pair`
    /// makes it
    #[arg(long, help_heading = "Signing", value_name = "FILE")]
    cosign_key: Option<PathBuf>,
    /// File whose first line is the password of that key [default: $COSIGN_PASSWORD]
    #[arg(
        long,
        help_heading = "Signing",
        value_name = "FILE",
        requires = "cosign_key"
    )]
    cosign_passphrase_file: Option<PathBuf>,
}

impl CosignKey {
    /// Who signs the root, if anybody.
    pub(crate) fn signer(&self) -> Result<Option<RootSigner>, Failure> {
        let file = self.cosign_passphrase_file.as_deref();
        let path = self.cosign_key.as_deref();
        path.map(|path| RootSigner::of_file(path, file)).transpose()
    }
}

/// Signs roots.
#[derive(Clone, Debug)]
pub(crate) struct RootSigner {
    key: PrivateKey,
}

impl RootSigner {
    fn of_file(path: &Path, passphrase_file: Option<&Path>) -> Result<Self, Failure> {
        let failed =
            |error: cosign::KeyError| Failure::failed(format!("{}: {error}", path.display()));
        let text = client::read(path)?;
        let key = match PrivateKey::parse(&text, None) {
            Err(error) if error.needs_password() => {
                let what = format!("the cosign key in {}", path.display());
                let option = "--cosign-passphrase-file";
                let secret: Secret = passphrase(&what, passphrase_file, PASSWORD, option)?;
                PrivateKey::parse(&text, Some(secret.expose()))
            }
            parsed => parsed,
        };
        Ok(Self {
            key: key.map_err(failed)?,
        })
    }

    /// The fingerprint of the public half.
    pub(crate) fn fingerprint(&self) -> Result<String, Failure> {
        let key = self.key.public_key().map_err(Failure::failed)?;
        Ok(key.fingerprint())
    }

    /// Makes the signature a step of a plan: before the one that moves the tag, so that
    /// those who demand signatures never find a root without. Where the root is there
    /// already, it is signed at once.
    pub(crate) async fn plan(
        &self,
        client: &Client,
        repository: &Repository,
        plan: &mut Plan,
    ) -> Result<(), Failure> {
        let manifests = plan.stages.iter().flat_map(|stage| &stage.manifests);
        let mut roots = manifests.filter(|push| Some(push.manifest.digest()) == plan.root);
        let Some(root) = roots.next().map(|push| push.manifest.clone()) else {
            return Err(no_root(repository));
        };
        if plan.unchanged {
            return self.sign(client, repository, &root).await;
        }
        let stage = self.stage(client, repository, &root).await?;
        let last = plan.stages.len().saturating_sub(1);
        plan.stages.insert(last, stage);
        Ok(())
    }

    /// Signs a manifest that is there.
    pub(crate) async fn sign(
        &self,
        client: &Client,
        repository: &Repository,
        root: &Manifest,
    ) -> Result<(), Failure> {
        let stage = self.stage(client, repository, root).await?;
        for blob in stage.blobs {
            if let Source::Bytes(content) = blob.source {
                let upload = Upload::default();
                client.push_bytes(repository, content, upload).await?;
            }
        }
        for push in stage.manifests {
            // Pushing a bundle anew would write the list of referrers anew in some registries.
            if let Selector::Digest(digest) = push.selector
                && client.manifest_exists(repository, digest).await?.is_some()
            {
                continue;
            }
            client
                .push_manifest(repository, push.selector, push.manifest)
                .await?;
        }
        Ok(())
    }

    /// What to push; signatures of others are kept.
    async fn stage(
        &self,
        client: &Client,
        repository: &Repository,
        root: &Manifest,
    ) -> Result<Stage, Failure> {
        let mut there = None;
        if let Some(tag) = cosign::signature_tag(&root.digest())
            && let Some(found) = client.tag_at_home(repository, &tag).await?
        {
            there = Some(client.pull_manifest(repository, found.digest).await?);
        }
        cosign::sign(&self.key, repository, root, there.as_ref()).map_err(Failure::failed)
    }
}

/// Why a tree cannot be signed.
pub(crate) fn no_root(repository: &Repository) -> Failure {
    Failure::usage(format!(
        "{repository}: a repository in the layout tree has no root that could be signed; sign its \
         repomd.xml with --sign-key instead, or publish in another layout"
    ))
}
