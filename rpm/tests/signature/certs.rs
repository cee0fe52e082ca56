//! Certificates and signatures with any fault one likes.

use pgp::composed::{
    ArmorOptions, DetachedSignature, KeyType, SignedKeyDetails, SignedPublicKey, SignedPublicSubKey,
};
use pgp::crypto::hash::HashAlgorithm;
use pgp::packet::{
    KeyFlags, PubKeyInner, PublicKey, PublicSubkey, SecretKey, SecretSubkey, Signature,
    SignatureConfig, SignatureType, Subpacket, SubpacketData, UserId,
};
use pgp::types::{
    Duration, KeyVersion, PacketHeaderVersion, Password, SignedUser, SigningKey, Tag, Timestamp,
};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

/// What all keys here begin with, in Unix seconds.
pub(crate) const CREATED: u32 = 1_600_000_000;

/// When all data here is signed unless told.
pub(crate) const SIGNED: u32 = 1_600_100_000;

pub(crate) const DATA: &[u8] = b"<repomd><revision>1</revision></repomd>\n";

/// How a certificate is to be made. The default is a good Ed25519 key.
#[derive(Clone)]
pub(crate) struct Spec {
    pub kind: KeyType,
    pub seed: u8,
    /// Seconds after creation; 0 is for ever.
    pub lifetime: u32,
    pub flags: Flags,
    pub self_hash: HashAlgorithm,
    pub revoked: bool,
    pub user_revoked: bool,
    pub subkey: Option<SubSpec>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Flags {
    None,
    Certify,
    Sign,
}

#[derive(Clone)]
pub(crate) struct SubSpec {
    pub kind: KeyType,
    pub lifetime: u32,
    pub signing_flag: bool,
    pub back_signature: bool,
    pub hash: HashAlgorithm,
    pub revoked: bool,
    pub bound_by_another: bool,
}

impl Default for Spec {
    fn default() -> Self {
        Self {
            kind: KeyType::Ed25519Legacy,
            seed: 1,
            lifetime: 0,
            flags: Flags::Sign,
            self_hash: HashAlgorithm::Sha256,
            revoked: false,
            user_revoked: false,
            subkey: None,
        }
    }
}

impl Default for SubSpec {
    fn default() -> Self {
        Self {
            kind: KeyType::Ed25519Legacy,
            lifetime: 0,
            signing_flag: true,
            back_signature: true,
            hash: HashAlgorithm::Sha256,
            revoked: false,
            bound_by_another: false,
        }
    }
}

/// A certificate with its secrets.
pub(crate) struct Cert {
    pub public: SignedPublicKey,
    primary: SecretKey,
    subkey: Option<SecretSubkey>,
}

impl Spec {
    pub(crate) fn make(&self) -> Cert {
        let mut rng = ChaCha20Rng::from_seed([self.seed; 32]);
        let primary = primary(&self.kind, &mut rng);
        let mut data = vec![SubpacketData::KeyExpirationTime(Duration::from_secs(
            self.lifetime,
        ))];
        if self.flags != Flags::None {
            let mut flags = KeyFlags::default();
            flags.set_certify(true);
            flags.set_sign(self.flags == Flags::Sign);
            data.push(SubpacketData::KeyFlags(flags));
        }
        let user = UserId::from_str(PacketHeaderVersion::New, "Test <test@example.org>").unwrap();
        let certify = |typ, data, created| {
            config(&primary, typ, self.self_hash, created, data)
                .sign_certification(
                    &primary,
                    primary.public_key(),
                    &Password::empty(),
                    Tag::UserId,
                    &user,
                )
                .unwrap()
        };
        let mut signatures = vec![certify(SignatureType::CertPositive, data, CREATED)];
        if self.user_revoked {
            signatures.push(certify(
                SignatureType::CertRevocation,
                Vec::new(),
                CREATED + 1,
            ));
        }
        let mut revocations = Vec::new();
        if self.revoked {
            let config = config(
                &primary,
                SignatureType::KeyRevocation,
                HashAlgorithm::Sha256,
                SIGNED + 1,
                Vec::new(),
            );
            let public = primary.public_key();
            revocations.push(
                config
                    .sign_key(&primary, &Password::empty(), public)
                    .unwrap(),
            );
        }
        let (subkey, public_subkeys) = match &self.subkey {
            None => (None, Vec::new()),
            Some(spec) => {
                let (secret, public) = spec.make(&primary, &mut rng);
                (Some(secret), vec![public])
            }
        };
        Cert {
            public: SignedPublicKey::new(
                primary.public_key().clone(),
                SignedKeyDetails::new(
                    revocations,
                    Vec::new(),
                    vec![SignedUser::new(user.clone(), signatures)],
                    Vec::new(),
                ),
                public_subkeys,
            ),
            primary,
            subkey,
        }
    }
}

impl SubSpec {
    fn make(
        &self,
        primary: &SecretKey,
        rng: &mut ChaCha20Rng,
    ) -> (SecretSubkey, SignedPublicSubKey) {
        let kind = &self.kind;
        let (public, secret) = kind.generate(&mut *rng).unwrap();
        let created = Timestamp::from_secs(CREATED);
        let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), created, None, public).unwrap();
        let public = PublicSubkey::from_inner(inner).unwrap();
        let subkey = SecretSubkey::new(public.clone(), secret).unwrap();

        let mut flags = KeyFlags::default();
        flags.set_sign(self.signing_flag);
        flags.set_authentication(!self.signing_flag);
        let mut data = vec![
            SubpacketData::KeyFlags(flags),
            SubpacketData::KeyExpirationTime(Duration::from_secs(self.lifetime)),
        ];
        if self.back_signature {
            let typ = SignatureType::KeyBinding;
            let back = config(&subkey, typ, self.hash, CREATED, Vec::new())
                .sign_primary_key_binding(
                    &subkey,
                    subkey.public_key(),
                    &Password::empty(),
                    primary.public_key(),
                )
                .unwrap();
            data.push(SubpacketData::EmbeddedSignature(Box::new(back)));
        }
        let other = self::primary(&KeyType::Ed25519Legacy, rng);
        let signer = if self.bound_by_another {
            &other
        } else {
            primary
        };
        let bind = |typ, created, data| {
            config(signer, typ, self.hash, created, data)
                .sign_subkey_binding(
                    signer,
                    signer.public_key(),
                    &Password::empty(),
                    subkey.public_key(),
                )
                .unwrap()
        };
        let mut signatures = vec![bind(SignatureType::SubkeyBinding, CREATED, data)];
        if self.revoked {
            signatures.push(bind(
                SignatureType::SubkeyRevocation,
                SIGNED + 1,
                Vec::new(),
            ));
        }
        (subkey, SignedPublicSubKey::new(public, signatures))
    }
}

/// How data is to be signed. The default is how it should be.
pub(crate) struct Signing {
    pub typ: SignatureType,
    pub hash: HashAlgorithm,
    pub created: u32,
    /// Seconds after creation; 0 is for ever.
    pub lifetime: u32,
    pub with_subkey: bool,
    pub extra: Vec<Subpacket>,
    pub data: &'static [u8],
}

impl Default for Signing {
    fn default() -> Self {
        Self {
            typ: SignatureType::Binary,
            hash: HashAlgorithm::Sha256,
            created: SIGNED,
            lifetime: 0,
            with_subkey: false,
            extra: Vec::new(),
            data: DATA,
        }
    }
}

impl Cert {
    pub(crate) fn armored(&self) -> String {
        self.public
            .to_armored_string(ArmorOptions::default())
            .unwrap()
    }

    pub(crate) fn sign(&self, signing: Signing) -> Signature {
        let lifetime = Duration::from_secs(signing.lifetime);
        let data = vec![SubpacketData::SignatureExpirationTime(lifetime)];
        match &self.subkey {
            Some(subkey) if signing.with_subkey => sign(subkey, signing, data),
            _ => sign(&self.primary, signing, data),
        }
    }
}

fn sign(key: &impl SigningKey, signing: Signing, data: Vec<SubpacketData>) -> Signature {
    let mut config = config(key, signing.typ, signing.hash, signing.created, data);
    config.hashed_subpackets.extend(signing.extra);
    config.sign(key, &Password::empty(), signing.data).unwrap()
}

pub(crate) fn armored(signature: Signature) -> String {
    DetachedSignature::new(signature)
        .to_armored_string(ArmorOptions::default())
        .unwrap()
}

fn primary(kind: &KeyType, rng: &mut ChaCha20Rng) -> SecretKey {
    let (public, secret) = kind.generate(rng).unwrap();
    let created = Timestamp::from_secs(CREATED);
    let inner = PubKeyInner::new(KeyVersion::V4, kind.to_alg(), created, None, public).unwrap();
    SecretKey::new(PublicKey::from_inner(inner).unwrap(), secret).unwrap()
}

fn config(
    key: &impl SigningKey,
    typ: SignatureType,
    hash: HashAlgorithm,
    created: u32,
    data: Vec<SubpacketData>,
) -> SignatureConfig {
    let mut config = SignatureConfig::v4(typ, key.algorithm(), hash);
    let created = SubpacketData::SignatureCreationTime(Timestamp::from_secs(created));
    let hashed = [created, SubpacketData::IssuerFingerprint(key.fingerprint())];
    config.hashed_subpackets = hashed
        .into_iter()
        .chain(data)
        .map(|data| Subpacket::regular(data).unwrap())
        .collect();
    let id = SubpacketData::IssuerKeyId(key.legacy_key_id());
    config.unhashed_subpackets = vec![Subpacket::regular(id).unwrap()];
    config
}
