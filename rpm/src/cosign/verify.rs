//! Finding the signatures of a manifest, and checking them.
//!
//! ```text
//!     the manifest at sha256-<hex>.sig
//!         |  for each layer: its payload
//!         v
//!     the referrers that are bundles
//!         |  for each: its manifest, then its layer
//!         v
//!      Verdict
//! ```
//!
//! The first good signature ends it, unless all are wanted.

use std::collections::{BTreeMap, VecDeque};
use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use ocirepo::Manifest;
use ocirepo::descriptor::Descriptor;
use ocirepo::digest::Digest;
use ocirepo::reference::Repository;

use super::bundle::{self, MAX_BUNDLE};
use super::format::{
    BUNDLE, BUNDLE_PREDICATE, SIGN_PREDICATE, SIGNATURE, SIMPLE_SIGNING, signature_tag,
};
use super::key::PublicKey;
use super::payload::{self, MAX_PAYLOAD};
use super::verdict::{Checked, Found, Good, Refusal, Verdict};
use crate::snapshot::{Answer, Ask};

/// How many layers of a `.sig` manifest are looked at.
pub(super) const MAX_LAYERS: usize = 64;

/// How many bundles are looked at.
const MAX_BUNDLES: usize = 64;

/// Checks whether a manifest is signed: asks one question after the other until there is a
/// [`Verdict`].
#[derive(Clone, Debug)]
pub struct Verification {
    repository: Repository,
    root: Manifest,
    keys: Vec<PublicKey>,
    all: bool,
    verdict: Verdict,
    steps: VecDeque<Step>,
    /// Signatures of several keys are over the same payload.
    payloads: BTreeMap<Digest, Vec<u8>>,
    pending: Option<(Ask, Pending)>,
}

/// What is to be looked at.
#[derive(Clone, Debug)]
enum Step {
    Layer(Layer),
    Referrers,
    Bundle(Digest),
}

/// A signature of the `.sig` manifest.
#[derive(Clone, Debug)]
struct Layer {
    at: usize,
    payload: Descriptor,
    signature: Vec<u8>,
}

/// What the pending question is for.
#[derive(Clone, Debug)]
enum Pending {
    Tag,
    Payload(Layer),
    Referrers,
    BundleManifest(Digest),
    Bundle(Digest),
}

/// Begins to check a root, of which only what asks and answers is known.
pub(crate) type Begin = fn(Repository, Manifest, Vec<PublicKey>) -> Box<dyn Questions>;

/// A verification in a program that may not have it: see [`PublicKey`].
pub(crate) trait Questions: fmt::Debug + Send + Sync {
    /// [`Verification::ask`].
    fn ask(&self) -> Option<&Ask>;
    /// [`Verification::answer`].
    fn answer(&mut self, answer: Answer);
    /// [`Verification::verdict`].
    fn verdict(&self) -> &Verdict;
    /// The same once more.
    fn cloned(&self) -> Box<dyn Questions>;
}

impl Questions for Verification {
    fn ask(&self) -> Option<&Ask> {
        self.ask()
    }

    fn answer(&mut self, answer: Answer) {
        self.answer(answer);
    }

    fn verdict(&self) -> &Verdict {
        self.verdict()
    }

    fn cloned(&self) -> Box<dyn Questions> {
        Box::new(self.clone())
    }
}

impl Clone for Box<dyn Questions> {
    fn clone(&self) -> Self {
        self.as_ref().cloned()
    }
}

impl Verification {
    /// [`new`](Self::new) as keys bring it.
    pub(super) fn begin(
        repository: Repository,
        root: Manifest,
        keys: Vec<PublicKey>,
    ) -> Box<dyn Questions> {
        Box::new(Self::new(repository, root, keys, false))
    }

    /// Begins with the root and the keys of which one must have signed it. With `all`, every
    /// signature is looked at, not only those up to the first good one.
    pub fn new(repository: Repository, root: Manifest, keys: Vec<PublicKey>, all: bool) -> Self {
        // Neither way of finding a signature knows digests of another kind.
        let tag = signature_tag(&root.digest());
        let pending = tag.map(|tag| {
            let ask = Ask::Manifest {
                repository: repository.clone(),
                selector: tag.into(),
            };
            (ask, Pending::Tag)
        });
        Self {
            repository,
            root,
            keys,
            all,
            verdict: Verdict::default(),
            steps: VecDeque::new(),
            payloads: BTreeMap::new(),
            pending,
        }
    }

    /// The question to answer now; `None` when nothing is left to ask.
    pub fn ask(&self) -> Option<&Ask> {
        self.pending.as_ref().map(|(ask, _)| ask)
    }

    /// Takes the answer. One to another question counts as nothing found.
    pub fn answer(&mut self, answer: Answer) {
        let Some((_, pending)) = self.pending.take() else {
            return;
        };
        match (pending, answer) {
            (Pending::Tag, answer) => {
                if let Answer::Manifest(Some(manifest)) = answer {
                    self.signatures(&manifest);
                }
                self.steps.push_back(Step::Referrers);
            }
            (Pending::Payload(layer), Answer::Blob(Some(payload))) => {
                self.payloads.insert(layer.payload.digest, payload);
                self.steps.push_front(Step::Layer(layer));
            }
            (Pending::Payload(layer), _) => {
                self.note(Found::Layer(layer.at), Err(Refusal::Missing));
            }
            (Pending::Referrers, Answer::Referrers(referrers)) => self.bundles(&referrers),
            (Pending::Referrers, _) => {}
            (Pending::BundleManifest(digest), Answer::Manifest(Some(manifest))) => {
                match bundle_of(&manifest) {
                    Ok(layer) => self.blob(layer, MAX_BUNDLE, Pending::Bundle(digest)),
                    Err(refusal) => self.note(Found::Bundle(digest), Err(refusal)),
                }
            }
            (Pending::Bundle(digest), Answer::Blob(Some(bundle))) => {
                let key = bundle::check(&bundle, &self.root, &self.keys);
                let good = |key: &PublicKey| Good {
                    key: key.fingerprint(),
                    identity: None,
                };
                let outcome = key.map(good);
                self.note(Found::Bundle(digest), outcome);
            }
            (Pending::BundleManifest(digest) | Pending::Bundle(digest), _) => {
                self.note(Found::Bundle(digest), Err(Refusal::Missing));
            }
        }
        self.proceed();
    }

    /// What was found so far.
    pub fn verdict(&self) -> &Verdict {
        &self.verdict
    }

    /// What was found, for good.
    pub fn into_verdict(self) -> Verdict {
        self.verdict
    }

    /// Looks at what is at hand, and asks for what is not.
    fn proceed(&mut self) {
        while self.pending.is_none() && (self.all || self.verdict.good().is_none()) {
            match self.steps.pop_front() {
                None => return,
                Some(Step::Layer(layer)) => match self.payloads.get(&layer.payload.digest) {
                    Some(payload) => {
                        let outcome = self.check(&layer, payload);
                        self.note(Found::Layer(layer.at), outcome);
                    }
                    None => {
                        let payload = layer.payload.clone();
                        self.blob(payload, MAX_PAYLOAD, Pending::Payload(layer));
                    }
                },
                Some(Step::Referrers) => {
                    let ask = Ask::Referrers {
                        repository: self.repository.clone(),
                        subject: self.root.digest(),
                        artifact_type: BUNDLE.to_owned(),
                    };
                    self.pending = Some((ask, Pending::Referrers));
                }
                Some(Step::Bundle(digest)) => {
                    let ask = Ask::Manifest {
                        repository: self.repository.clone(),
                        selector: digest.into(),
                    };
                    self.pending = Some((ask, Pending::BundleManifest(digest)));
                }
            }
        }
    }

    /// Notes what is to be looked at in the manifest at the `.sig` tag.
    fn signatures(&mut self, manifest: &Manifest) {
        let layers = manifest.layers().iter().enumerate().take(MAX_LAYERS);
        for (at, payload) in layers {
            let signature = match payload.annotation(SIGNATURE) {
                // Attestations and parts lists lie there as well.
                _ if payload.media_type != SIMPLE_SIGNING => Err(Refusal::OtherKind),
                None => Err(Refusal::NoSignature),
                Some(_) if payload.size > MAX_PAYLOAD => Err(Refusal::TooLarge {
                    size: payload.size,
                    limit: MAX_PAYLOAD,
                }),
                Some(text) => BASE64
                    .decode(text)
                    .map_err(|_| Refusal::Malformed("base64")),
            };
            match signature {
                Ok(signature) => self.steps.push_back(Step::Layer(Layer {
                    at,
                    payload: payload.clone(),
                    signature,
                })),
                Err(refusal) => self.note(Found::Layer(at), Err(refusal)),
            }
        }
    }

    fn check(&self, layer: &Layer, payload: &[u8]) -> Result<Good, Refusal> {
        let mut keys = self.keys.iter();
        let key = keys
            .find(|key| key.verify(payload, &layer.signature))
            .ok_or(Refusal::NotByKey)?;
        Ok(Good {
            identity: Some(payload::read(payload, &self.root.digest())?),
            key: key.fingerprint(),
        })
    }

    /// Notes which referrers are to be looked at.
    fn bundles(&mut self, referrers: &[Descriptor]) {
        let attestation = |referrer: &&Descriptor| {
            let predicate = referrer.annotation(BUNDLE_PREDICATE);
            predicate.is_some_and(|predicate| predicate != SIGN_PREDICATE)
        };
        let bundles = referrers
            .iter()
            .filter(|referrer| referrer.artifact_type.as_deref() == Some(BUNDLE))
            .filter(|referrer| !attestation(referrer))
            .take(MAX_BUNDLES);
        self.steps
            .extend(bundles.map(|referrer| Step::Bundle(referrer.digest)));
    }

    fn blob(&mut self, descriptor: Descriptor, limit: u64, pending: Pending) {
        let ask = Ask::Blob {
            repository: self.repository.clone(),
            descriptor,
            limit,
        };
        self.pending = Some((ask, pending));
    }

    fn note(&mut self, found: Found, outcome: Result<Good, Refusal>) {
        self.verdict.signatures.push(Checked { found, outcome });
    }
}

/// The layer that is the bundle.
fn bundle_of(manifest: &Manifest) -> Result<Descriptor, Refusal> {
    let mut layers = manifest.layers().iter();
    let layer = layers
        .find(|layer| layer.media_type == BUNDLE)
        .ok_or(Refusal::NoSignature)?;
    if layer.size > MAX_BUNDLE {
        return Err(Refusal::TooLarge {
            size: layer.size,
            limit: MAX_BUNDLE,
        });
    }
    Ok(layer.clone())
}
