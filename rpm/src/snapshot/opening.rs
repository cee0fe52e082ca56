//! From a reference to a snapshot.
//!
//! ```text
//!            reference
//!                |  manifest at the tag or digest; its signatures, where keys were given
//!      .---------+-----------------------.
//!      | index   | manifest              | none, and the tag is `latest`
//!      v         +-- its config -.       v
//!  first child   +-- archive --. |   NAME/repodata/repomd.xml:latest
//!      |         |             v |       |
//!      |         |        unpack v       |
//!      v         v             | write   v
//!     repomd.xml (a blob)      | |   repomd.xml (its first layer)
//!      |         |             | |       |
//!      +---------+-------------'         v
//!      v                             NAME/repodata/repomd.xml.asc:latest, its layer,
//!     repomd.xml.asc                 and the first manifest again: all over if it changed
//!      |                                 |
//!      '-------------> Snapshot <--------'
//! ```
//!
//! Signatures are read where keys were given or they were asked for.

mod finish;
mod found;

use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::reference::{Reference, Repository, Selector, Tag};

use self::found::CONFIG;
use super::ask::{Answer, Ask, Options};
use super::error::{Problem, SnapshotError};
use super::resolve::{List, tree_list};
use super::{Content, Snapshot};
use crate::cosign::{self, Questions, Verdict};
use crate::layout::Layout;
use crate::layout::format::{REPOMD, SIGNATURE};
use crate::layout::titles::Titles;
use crate::repomd::Repomd;
use crate::signature::MAX_SIGNATURE_FILE;

/// The largest `repomd.xml` that is read, in bytes. Real ones have some thousand.
pub const MAX_REPOMD: u64 = 4 << 20;

/// How often a `tree` may change while it is read.
const MAX_RESTARTS: u32 = 2;

/// Opens a repository: asks one question after the other until there is a [`Snapshot`].
#[derive(Clone, Debug)]
pub struct Opening {
    repository: Repository,
    selector: Selector,
    options: Options,
    state: State,
    ask: Ask,
    restarts: u32,
    root_signature: Option<cosign::Good>,
}

/// What the pending question is for.
#[derive(Clone, Debug)]
enum State {
    Root,
    /// The signatures of the root.
    Verifying(Box<(Manifest, Box<dyn Questions>)>),
    /// The manifest of `repomd.xml` in a tree.
    TreeRoot {
        /// Whether the reference itself was tried already.
        last: bool,
    },
    Metadata {
        root: Manifest,
        first: Digest,
    },
    Archive {
        root: Manifest,
        titles: Titles,
        layer: Digest,
    },
    Catalogue {
        root: Manifest,
        config: Digest,
    },
    Repomd {
        content: Content,
        /// The manifest of `repomd.xml`, in a tree.
        tree: Option<Digest>,
        layer: Digest,
    },
    TreeSignature(Parts),
    Signature(Parts, Digest),
    /// The manifest of `repomd.xml` in a tree, to see that it is still the same.
    TreeAgain(Parts, Option<Vec<u8>>),
    Ended,
}

/// What makes a snapshot but the signature.
#[derive(Clone, Debug)]
struct Parts {
    content: Content,
    tree: Option<Digest>,
    raw_repomd: Vec<u8>,
    repomd: Repomd,
}

impl Opening {
    /// Begins with the manifest that a reference means, `latest` if it has neither tag nor
    /// digest.
    pub fn new(reference: &Reference, options: Options) -> Self {
        let repository = reference.repository().clone();
        let selector = reference.selector();
        let mut opening = Self {
            ask: Ask::Manifest {
                repository: repository.clone(),
                selector: selector.clone(),
            },
            repository,
            selector,
            options,
            state: State::Root,
            restarts: 0,
            root_signature: None,
        };
        // A tree has no root to be signed.
        if opening.options.cosign.is_none()
            && opening.options.layout == Some(Layout::Tree)
            && opening.may_be_tree()
            && let Ok(list) = tree_list(&opening.repository, REPOMD)
        {
            opening.state = State::TreeRoot { last: false };
            opening.ask = list.into();
        }
        opening
    }

    /// The question to answer now. It does not change until it is answered.
    pub fn ask(&self) -> &Ask {
        &self.ask
    }

    /// Takes the answer; returns the snapshot when nothing is left to ask.
    ///
    /// After an error, and after the snapshot, every further answer is an error.
    pub fn answer(&mut self, answer: Answer) -> Result<Option<Snapshot>, SnapshotError> {
        match (std::mem::replace(&mut self.state, State::Ended), answer) {
            (State::Root, Answer::Manifest(found)) => self.root(found),
            (State::Verifying(held), answer) => {
                let (root, mut verification) = *held;
                verification.answer(answer);
                self.verifying(root, verification)
            }
            (State::TreeRoot { last }, Answer::Manifest(found)) => self.tree_root(last, found),
            (State::Metadata { root, first }, Answer::Manifest(found)) => {
                self.metadata(root, first, found)
            }
            (State::TreeSignature(parts), Answer::Manifest(found)) => match found {
                Some(manifest) => self.signature_of(parts, manifest.layers().first()),
                None => self.signature_of(parts, None),
            },
            (State::TreeAgain(parts, signature), Answer::Manifest(found)) => {
                self.tree_again(parts, signature, found)
            }
            (
                State::Archive {
                    root,
                    titles,
                    layer,
                },
                Answer::Blob(found),
            ) => {
                let packed = self.present(found, layer, "the archive of repodata")?;
                self.archive(root, titles, &packed)
            }
            (State::Catalogue { root, config }, Answer::Blob(found)) => {
                let config = self.present(found, config, CONFIG)?;
                self.catalogue(root, &config)
            }
            (
                State::Repomd {
                    content,
                    tree,
                    layer,
                },
                Answer::Blob(found),
            ) => {
                let raw = self.present(found, layer, REPOMD)?;
                self.repomd(content, tree, raw)
            }
            (State::Signature(parts, layer), Answer::Blob(found)) => {
                let signature = self.present(found, layer, SIGNATURE)?;
                self.signed(parts, Some(signature))
            }
            _ => Err(self.error(Problem::Misuse)),
        }
    }

    /// A tree has no tags of its own, so that only `latest` can mean one.
    fn may_be_tree(&self) -> bool {
        self.selector == Selector::Tag(Tag::latest())
    }

    fn root(&mut self, found: Option<Manifest>) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(root) = found else {
            if !self.may_be_tree() {
                return Err(self.error(Problem::NotFound { tree_too: false }));
            }
            if self.options.cosign.is_some() {
                return Err(self.error(Problem::NoRoot));
            }
            if self.options.layout == Some(Layout::Tree) {
                // That was asked first.
                return Err(self.error(Problem::NotFound { tree_too: true }));
            }
            let list = tree_list(&self.repository, REPOMD)?;
            return self.go_manifest(State::TreeRoot { last: true }, list);
        };
        match self.options.cosign.clone() {
            None => self.trusted_root(root),
            Some(keys) => {
                // What finds signatures is in programs that have keys.
                let Some(begin) = keys.first().map(|key| key.begin) else {
                    return Err(self.unsigned(&root, Verdict::default()));
                };
                let verification = begin(self.repository.clone(), root.clone(), keys);
                self.verifying(root, verification)
            }
        }
    }

    /// Goes on with the root when it is known to be signed.
    fn verifying(
        &mut self,
        root: Manifest,
        verification: Box<dyn Questions>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        if let Some(ask) = verification.ask() {
            self.ask = ask.clone();
            self.state = State::Verifying(Box::new((root, verification)));
            return Ok(None);
        }
        let verdict = verification.verdict();
        let Some(good) = verdict.good() else {
            return Err(self.unsigned(&root, verdict.clone()));
        };
        self.root_signature = Some(good.clone());
        self.trusted_root(root)
    }

    fn unsigned(&self, root: &Manifest, verdict: Verdict) -> SnapshotError {
        let digest = root.digest();
        self.error(Problem::RootUnsigned { digest, verdict })
    }

    fn tree_root(
        &mut self,
        last: bool,
        found: Option<Manifest>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(manifest) = found else {
            if last {
                return Err(self.error(Problem::NotFound { tree_too: true }));
            }
            let list = List {
                repository: self.repository.clone(),
                selector: self.selector.clone(),
            };
            return self.go_manifest(State::Root, list);
        };
        let Some(layer) = manifest.layers().first() else {
            return Err(self.error(Problem::NoFile("its repodata/repomd.xml has no layer")));
        };
        let list = tree_list(&self.repository, REPOMD)?;
        let (layer, tree) = (layer.clone(), Some(manifest.digest()));
        self.go_repomd(Content::Tree, tree, &list.repository, layer)
    }

    fn repomd(
        &mut self,
        content: Content,
        tree: Option<Digest>,
        raw_repomd: Vec<u8>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let repomd =
            Repomd::parse(&raw_repomd).map_err(|error| self.error(Problem::Metadata(error)))?;
        let mut parts = Parts {
            content,
            tree,
            raw_repomd,
            repomd,
        };
        self.check_unpacked(&parts)?;
        if self.options.keys.is_none() && !self.options.signature {
            return self.signed(parts, None);
        }
        if let Content::Files { unpacked, .. } = &mut parts.content
            && let Some(signature) = unpacked.remove(SIGNATURE)
        {
            return self.signed(parts, Some(signature));
        }
        let layer = match &parts.content {
            Content::Tree => {
                let list = tree_list(&self.repository, SIGNATURE)?;
                return self.go_manifest(State::TreeSignature(parts), list);
            }
            Content::Files { titles, .. }
            | Content::Index { titles, .. }
            | Content::Native { titles, .. } => self.find(titles, SIGNATURE)?.cloned(),
        };
        self.signature_of(parts, layer.as_ref())
    }

    fn signature_of(
        &mut self,
        parts: Parts,
        layer: Option<&Descriptor>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let Some(layer) = layer else {
            return self.signed(parts, None);
        };
        let repository = match parts.content {
            Content::Tree => tree_list(&self.repository, SIGNATURE)?.repository,
            _ => self.repository.clone(),
        };
        let state = State::Signature(parts, layer.digest);
        let limit = MAX_SIGNATURE_FILE as u64;
        self.go_blob(state, repository, layer.clone(), limit, SIGNATURE)
    }

    fn signed(
        &mut self,
        parts: Parts,
        signature: Option<Vec<u8>>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let asked = self.options.keys.is_some() || self.options.signature;
        if parts.tree.is_some() && asked {
            let list = tree_list(&self.repository, REPOMD)?;
            return self.go_manifest(State::TreeAgain(parts, signature), list);
        }
        self.finish(parts, signature).map(Some)
    }

    fn tree_again(
        &mut self,
        parts: Parts,
        signature: Option<Vec<u8>>,
        found: Option<Manifest>,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        if found.as_ref().map(Manifest::digest) == parts.tree {
            return self.finish(parts, signature).map(Some);
        }
        if self.restarts == MAX_RESTARTS {
            return Err(self.error(Problem::Moving));
        }
        self.restarts += 1;
        self.tree_root(true, found)
    }

    fn find<'t>(
        &self,
        titles: &'t Titles,
        path: &str,
    ) -> Result<Option<&'t Descriptor>, SnapshotError> {
        titles
            .find(path)
            .map_err(|_| self.error(Problem::Ambiguous(path.to_owned())))
    }

    fn go_manifest(&mut self, state: State, list: List) -> Result<Option<Snapshot>, SnapshotError> {
        self.state = state;
        self.ask = list.into();
        Ok(None)
    }

    fn go_repomd(
        &mut self,
        content: Content,
        tree: Option<Digest>,
        repository: &Repository,
        layer: Descriptor,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        let state = State::Repomd {
            content,
            tree,
            layer: layer.digest,
        };
        self.go_blob(state, repository.clone(), layer, MAX_REPOMD, REPOMD)
    }

    fn go_blob(
        &mut self,
        state: State,
        repository: Repository,
        descriptor: Descriptor,
        limit: u64,
        what: &'static str,
    ) -> Result<Option<Snapshot>, SnapshotError> {
        if descriptor.size > limit {
            let size = descriptor.size;
            return Err(self.error(Problem::TooLarge { what, size, limit }));
        }
        self.state = state;
        self.ask = Ask::Blob {
            repository,
            descriptor,
            limit,
        };
        Ok(None)
    }

    fn present(
        &self,
        found: Option<Vec<u8>>,
        digest: Digest,
        what: &'static str,
    ) -> Result<Vec<u8>, SnapshotError> {
        found.ok_or_else(|| self.error(Problem::MissingBlob { digest, what }))
    }

    fn not_a_repository(&self, root: &Manifest) -> SnapshotError {
        let found = match (root.as_index(), root.artifact_type()) {
            (Some(_), _) => "an index".to_owned(),
            (None, Some(artifact_type)) => artifact_type.to_owned(),
            (None, None) => "a manifest".to_owned(),
        };
        self.error(Problem::NotARepository { found })
    }

    fn error(&self, problem: Problem) -> SnapshotError {
        SnapshotError::at(&self.repository, &self.selector, problem)
    }
}
