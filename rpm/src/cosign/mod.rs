//! Signatures of a root as cosign makes them with a pair of keys.
//!
//! A root is signed in two ways, of which readers take either: by a layer of the manifest
//! at the tag `sha256-<hex>.sig`, and by a sigstore bundle in a manifest whose subject the
//! root is. [`sign()`] says what to push for both, [`Verification`] finds and checks them.
//! No certificates, transparency logs or time stamps: a signature counts because of its key.
//!
//! ```
//! use ocirepo::manifest::ImageManifest;
//! use ocirepo_rpm::cosign::{self, PrivateKey, Verification};
//! use ocirepo_rpm::snapshot::{Answer, Ask};
//!
//! let key = "-----BEGIN PRIVATE KEY-----
//! MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgKp74PNYqsKNnxaeu
//! a0T8435mNlrvMe8edRN7K1/UCfGhRANCAATdTk1H1ilGvf5XFD7PrREcNr5hxDsf
//! K5u80w3HrSmDBpk1hXTe6hB60MlXmnIfivJOaxW67GLGFbO2fgW2tzx4
//! -----END PRIVATE KEY-----";
//! let key = PrivateKey::parse(key.as_bytes(), None)?;
//! let repository = "localhost:5000/me/repo".parse::<ocirepo::Reference>()?.into_repository();
//! let root = ImageManifest::artifact("application/vnd.example").to_manifest();
//! let stage = cosign::sign(&key, &repository, &root, None)?;
//!
//! // The registry, played by hand.
//! let mut check = Verification::new(repository, root, vec![key.public_key()?], false);
//! while let Some(ask) = check.ask() {
//!     let answer = match ask {
//!         Ask::Manifest { selector, .. } => Answer::Manifest(
//!             stage.manifests.iter()
//!                 .find(|push| push.selector == *selector)
//!                 .map(|push| push.manifest.clone()),
//!         ),
//!         Ask::Blob { descriptor, .. } => Answer::Blob(
//!             stage.blobs.iter()
//!                 .find(|blob| blob.descriptor.digest == descriptor.digest)
//!                 .and_then(|blob| match &blob.source {
//!                     ocirepo_rpm::publish::Source::Bytes(bytes) => Some(bytes.clone()),
//!                     _ => None,
//!                 }),
//!         ),
//!         Ask::Referrers { .. } => Answer::Referrers(Vec::new()),
//!     };
//!     check.answer(answer);
//! }
//! assert!(check.verdict().good().is_some());
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod bundle;
mod encrypted;
mod error;
pub mod format;
mod key;
mod payload;
mod pem;
mod sign;
mod verdict;
mod verify;

pub use error::{KeyError, SignError};
pub use format::signature_tag;
pub use key::{PrivateKey, PublicKey};
pub use sign::sign;
pub use verdict::{Checked, Found, Good, Refusal, Verdict};
pub(crate) use verify::Questions;
pub use verify::Verification;
