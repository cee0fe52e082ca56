//! Private keys as cosign encrypts them: JSON that says how a key was derived from the
//! password (scrypt) and how the private key was sealed with it (NaCl's secretbox).

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use crypto_secretbox::aead::{Aead as _, KeyInit as _};
use crypto_secretbox::{Key, Nonce, XSalsa20Poly1305};
use serde::Deserialize;
use zeroize::Zeroizing;

use super::error::{KeyError, Problem};

/// The most memory that deriving a key may take, in bytes. cosign takes 64 MiB.
const MAX_MEMORY: u64 = 256 << 20;

/// The most passes that deriving a key may take; cosign takes one.
const MAX_PASSES: u32 = 16;

#[derive(Deserialize)]
struct Sealed {
    kdf: Derivation,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Derivation {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Opens what a PEM block of an encrypted key holds: PKCS#8 comes out.
pub(super) fn open(sealed: &[u8], password: &str) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let malformed = |why: &'static str| KeyError::from(Problem::Sealed(why));
    let sealed: Sealed =
        serde_json::from_slice(sealed).map_err(|_| malformed("it is not the JSON of cosign"))?;
    let Derivation { name, params, salt } = &sealed.kdf;
    if name != "scrypt" {
        return Err(malformed("its key is not derived by scrypt"));
    }
    if sealed.cipher.name != "nacl/secretbox" {
        return Err(malformed("its cipher is not nacl/secretbox"));
    }
    let decode = |text: &str| {
        BASE64
            .decode(text)
            .map_err(|_| malformed("a field of it is not base64"))
    };
    let (salt, nonce) = (decode(salt)?, decode(&sealed.cipher.nonce)?);
    let ciphertext = decode(&sealed.ciphertext)?;
    let nonce = Nonce::from_exact_iter(nonce)
        .ok_or_else(|| malformed("its nonce has another length than 24 bytes"))?;

    let costs = malformed("deriving its key would cost too much");
    let memory = params.n.checked_mul(128 * u64::from(params.r));
    if memory.is_none_or(|memory| memory > MAX_MEMORY)
        || params.p > MAX_PASSES
        || !params.n.is_power_of_two()
    {
        return Err(costs);
    }
    let log_n = u8::try_from(params.n.ilog2()).map_err(|_| costs.clone())?;
    let params = scrypt::Params::new(log_n, params.r, params.p, 32).map_err(|_| costs)?;
    let mut key = Zeroizing::new([0; 32]);
    scrypt::scrypt(password.as_bytes(), &salt, &params, &mut *key)
        .map_err(|_| malformed("its key cannot be derived"))?;
    XSalsa20Poly1305::new(Key::from_slice(&*key))
        .decrypt(&nonce, ciphertext.as_slice())
        .map(Zeroizing::new)
        .map_err(|_| Problem::WrongPassword.into())
}
