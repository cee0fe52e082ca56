//! Making signatures.

use std::fmt;

use pgp::composed::{
    ArmorOptions, Deserializable, DetachedSignature, KeyType, SignedKeyDetails, SignedPublicKey,
    SignedSecretKey, SubpacketConfig,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    self, KeyFlags, PubKeyInner, PublicKey, SignatureConfig, SignatureType, Subpacket,
    SubpacketData, UserId,
};
use pgp::types::{
    KeyDetails, KeyVersion, PacketHeaderVersion, Password, SignedUser, SigningKey, Tag, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use super::certificate::Candidate;
use super::error::SignatureError;

/// Random bytes from the host: fresh for each call, from the system's generator. With
/// the same seed the outcome is the same.
pub type Seed = [u8; 32];

/// A private key that signs repositories.
#[derive(Clone)]
pub struct SecretKey {
    key: SignedSecretKey,
}

impl SecretKey {
    /// Makes an Ed25519 key in the form that every current `gpg` and `rpm` reads.
    ///
    /// `user_id` is by custom `Name <address>`; `created` is in Unix seconds.
    pub fn generate(user_id: &str, created: u64, seed: Seed) -> Result<Self, SignatureError> {
        Self::new_ed25519(user_id, timestamp(created)?, ChaCha20Rng::from_seed(seed))
            .map_err(SignatureError::signing)
    }

    /// The builder that rPGP has reads the clock for the self-signature.
    fn new_ed25519(
        user_id: &str,
        created: Timestamp,
        mut rng: ChaCha20Rng,
    ) -> pgp::errors::Result<Self> {
        let kind = KeyType::Ed25519Legacy;
        let (public, secret) = kind.generate(&mut rng)?;
        let public = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), created, None, public)?;
        let primary_key = packet::SecretKey::new(PublicKey::from_inner(public)?, secret)?;

        let mut flags = KeyFlags::default();
        flags.set_certify(true);
        flags.set_sign(true);
        let user = UserId::from_str(PacketHeaderVersion::New, user_id)?;
        let mut own = SignatureConfig::from_key(rng, &primary_key, SignatureType::CertPositive)?;
        own.hashed_subpackets = vec![
            Subpacket::regular(SubpacketData::SignatureCreationTime(created))?,
            Subpacket::regular(SubpacketData::IssuerFingerprint(primary_key.fingerprint()))?,
            Subpacket::regular(SubpacketData::KeyFlags(flags))?,
            Subpacket::regular(SubpacketData::IsPrimary(true))?,
        ];
        own.unhashed_subpackets = vec![Subpacket::regular(SubpacketData::IssuerKeyId(
            primary_key.legacy_key_id(),
        ))?];
        let own = own.sign_certification(
            &primary_key,
            primary_key.public_key(),
            &Password::empty(),
            Tag::UserId,
            &user,
        )?;
        let users = vec![SignedUser::new(user, vec![own])];
        let details = SignedKeyDetails::new(Vec::new(), Vec::new(), users, Vec::new());
        Ok(Self {
            key: SignedSecretKey::new(primary_key, details, Vec::new(), Vec::new()),
        })
    }

    /// Reads a private key file, armored or not, of which the first key is used.
    pub fn parse(file: &[u8]) -> Result<Self, SignatureError> {
        let (key, _) =
            SignedSecretKey::from_reader_single(file).map_err(SignatureError::signing)?;
        Ok(Self { key })
    }

    /// The fingerprint of the certificate, upper-case hex.
    pub fn fingerprint(&self) -> String {
        self.key.fingerprint().to_string().to_ascii_uppercase()
    }

    /// The public half, armored: what `gpgkey=` names.
    pub fn certificate(&self) -> Result<String, SignatureError> {
        self.key
            .to_public_key()
            .to_armored_string(ArmorOptions::default())
            .map_err(SignatureError::signing)
    }

    /// The private key itself, armored.
    pub fn to_armored(&self) -> Result<String, SignatureError> {
        self.key
            .to_armored_string(ArmorOptions::default())
            .map_err(SignatureError::signing)
    }

    /// Whether [`sign`](Self::sign) at that time (Unix seconds) takes a password.
    ///
    /// Fails when there is no key in it to sign with.
    pub fn is_locked(&self, created: u64) -> Result<bool, SignatureError> {
        let signer = signer(&self.key.to_public_key(), created)?;
        let mut subkeys = self.key.secret_subkeys.iter();
        let params = match subkeys.find(|subkey| hex(&subkey.key) == signer) {
            Some(subkey) => subkey.key.secret_params(),
            None => self.key.primary_key.secret_params(),
        };
        Ok(params.is_encrypted())
    }

    /// An armored detached signature over `data`, made at `created` (Unix seconds) with
    /// SHA-256.
    ///
    /// Signs with the newest subkey that [`verify`](super::verify) would accept at that
    /// time, or else with the primary key. Fails when there is none, or when `password`
    /// does not open it.
    pub fn sign(
        &self,
        data: &[u8],
        created: u64,
        password: Option<&str>,
        seed: Seed,
    ) -> Result<String, SignatureError> {
        let certificate = self.key.to_public_key();
        let signer = signer(&certificate, created)?;
        let subkey = self
            .key
            .secret_subkeys
            .iter()
            .find(|subkey| hex(&subkey.key) == signer);
        match subkey {
            Some(subkey) => detached(&subkey.key, data, created, password, seed),
            None => detached(&self.key.primary_key, data, created, password, seed),
        }
    }
}

impl fmt::Debug for SecretKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SecretKey({})", self.fingerprint())
    }
}

/// The fingerprint of the key to sign with.
fn signer(certificate: &SignedPublicKey, created: u64) -> Result<String, SignatureError> {
    let mut refusal = None;
    let mut signer = None;
    // The primary key comes first, the newest subkey last.
    for candidate in Candidate::all(certificate) {
        match candidate.may_sign(created, created) {
            Ok(()) => signer = Some(candidate.fingerprint()),
            Err(reason) => refusal = refusal.or(Some(reason)),
        }
    }
    signer.ok_or_else(|| match refusal {
        Some(reason) => SignatureError::signing(reason),
        None => SignatureError::signing("the certificate holds no key"),
    })
}

fn detached(
    key: &impl SigningKey,
    data: &[u8],
    created: u64,
    password: Option<&str>,
    seed: Seed,
) -> Result<String, SignatureError> {
    let regular = |data| Subpacket::regular(data).map_err(SignatureError::signing);
    let subpackets = SubpacketConfig::UserDefined {
        hashed: vec![
            regular(SubpacketData::SignatureCreationTime(timestamp(created)?))?,
            regular(SubpacketData::IssuerFingerprint(key.fingerprint()))?,
        ],
        // Old readers know only this one.
        unhashed: vec![regular(SubpacketData::IssuerKeyId(key.legacy_key_id()))?],
    };
    let password = password.map_or_else(Password::empty, Password::from);
    DetachedSignature::sign_binary_data_with_subpackets(
        ChaCha20Rng::from_seed(seed),
        key,
        &password,
        HashAlgorithm::Sha256,
        data,
        subpackets,
    )
    .and_then(|signature| signature.to_armored_string(ArmorOptions::default()))
    .map_err(SignatureError::signing)
}

fn timestamp(seconds: u64) -> Result<Timestamp, SignatureError> {
    u32::try_from(seconds)
        .map(Timestamp::from_secs)
        .map_err(|_| SignatureError::signing("the time is beyond what OpenPGP can write"))
}

fn hex(key: &impl KeyDetails) -> String {
    key.fingerprint().to_string().to_ascii_uppercase()
}
