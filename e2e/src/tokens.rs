//! A server of bearer tokens, as the distribution project's token specification has it.

use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use rcgen::{CertificateParams, DnType, KeyPair};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};
use serde_json::{Value, json};

use crate::registry::{Access, ISSUER, PASSWORD, SERVICE, USER};

/// How long a token is said to be good.
const LIFETIME: Duration = Duration::from_secs(60);

/// How long docker-registry takes a token after its end, for clocks differ.
const LEEWAY: u64 = 60;

/// A running token server. It gives anybody nothing, and the lab's user what is asked for.
#[derive(Debug)]
pub struct TokenServer {
    address: SocketAddr,
    certificate: PathBuf,
    asked: Arc<Mutex<Vec<String>>>,
    lifetime: Arc<AtomicU64>,
}

impl TokenServer {
    /// Starts it; the certificate for the registry is written into a directory.
    ///
    /// It runs until the process ends: it holds nothing but a port.
    ///
    /// # Errors
    /// When the key cannot be made, the certificate not written, or no port is free.
    pub fn start(directory: &Path) -> io::Result<TokenServer> {
        let key = KeyPair::generate().map_err(io::Error::other)?;
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, ISSUER);
        let certified = params.self_signed(&key).map_err(io::Error::other)?;
        let certificate = directory.join("token.crt");
        fs::write(&certificate, certified.pem())?;
        let random = SystemRandom::new();
        let signer = Signer {
            key: EcdsaKeyPair::from_pkcs8(
                &ECDSA_P256_SHA256_FIXED_SIGNING,
                &key.serialize_der(),
                &random,
            )
            .map_err(|error| io::Error::other(error.to_string()))?,
            random,
            certificate: STANDARD.encode(certified.der()),
            lifetime: Arc::new(AtomicU64::new(LEEWAY + LIFETIME.as_secs())),
        };
        let lifetime = Arc::clone(&signer.lifetime);
        let listener = TcpListener::bind(("127.0.0.1", 0))?;
        let address = listener.local_addr()?;
        let asked = Arc::new(Mutex::new(Vec::new()));
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                // A client that hangs up is its own affair.
                let _ = answer(stream, &signer, &log);
            }
        });
        Ok(TokenServer {
            address,
            certificate,
            asked,
            lifetime,
        })
    }

    /// From now on, docker-registry takes tokens for so many seconds only, whatever clients are
    /// told.
    pub fn expire_after(&self, seconds: u64) {
        self.lifetime.store(seconds, Ordering::Relaxed);
    }

    /// The configuration of a registry that takes this server's tokens.
    pub fn access(&self) -> Access {
        Access::Bearer {
            realm: self.realm(),
            certificate: self.certificate.clone(),
        }
    }

    /// Where tokens are to be had.
    pub fn realm(&self) -> String {
        format!("http://{}/token", self.address)
    }

    /// The request lines seen so far, oldest first.
    pub fn requests(&self) -> Vec<String> {
        self.asked
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

struct Signer {
    key: EcdsaKeyPair,
    random: SystemRandom,
    certificate: String,
    lifetime: Arc<AtomicU64>,
}

impl Signer {
    /// A JSON web token (RFC 7519) over `claims`, signed with ES256.
    fn token(&self, claims: &Value) -> io::Result<String> {
        let header = json!({"typ": "JWT", "alg": "ES256", "x5c": [self.certificate]});
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(claims));
        let signature = self
            .key
            .sign(&self.random, signed.as_bytes())
            .map_err(|error| io::Error::other(error.to_string()))?;
        Ok(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(signature)))
    }
}

fn answer(stream: TcpStream, signer: &Signer, log: &Mutex<Vec<String>>) -> io::Result<()> {
    stream.set_read_timeout(Some(Duration::from_secs(10)))?;
    let mut reader = BufReader::new(stream.try_clone()?.take(64 * 1024));
    let mut first = String::new();
    reader.read_line(&mut first)?;
    let mut authorization = None;
    loop {
        let mut line = String::new();
        if reader.read_line(&mut line)? == 0 || line.trim().is_empty() {
            break;
        }
        if let Some((name, value)) = line.split_once(':')
            && name.eq_ignore_ascii_case("authorization")
        {
            authorization = Some(value.trim().to_owned());
        }
    }
    log.lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push(first.trim().to_owned());
    let (status, body) = respond(&first, authorization.as_deref(), signer)?;
    let body = body.to_string();
    write!(
        &stream,
        "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n\
         Connection: close\r\n\r\n{body}",
        body.len()
    )
}

fn respond(
    request: &str,
    authorization: Option<&str>,
    signer: &Signer,
) -> io::Result<(&'static str, Value)> {
    let Some(target) = request.strip_prefix("GET ") else {
        return Ok(("405 Method Not Allowed", error("UNSUPPORTED")));
    };
    let known = format!("Basic {}", STANDARD.encode(format!("{USER}:{PASSWORD}")));
    let user = match authorization {
        None => "",
        Some(given) if given == known => USER,
        Some(_) => return Ok(("401 Unauthorized", error("UNAUTHORIZED"))),
    };
    let access: Vec<Value> = scopes(target)
        .iter()
        .filter(|_| !user.is_empty())
        .filter_map(|scope| {
            let (kind, rest) = scope.split_once(':')?;
            let (name, actions) = rest.rsplit_once(':')?;
            let actions: Vec<&str> = actions.split(',').collect();
            Some(json!({"type": kind, "name": name, "actions": actions}))
        })
        .collect();
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_err(io::Error::other)?
        .as_secs();
    let token = signer.token(&json!({
        "iss": ISSUER,
        "sub": user,
        "aud": SERVICE,
        "iat": now,
        "nbf": now.saturating_sub(LEEWAY + 5),
        "exp": now + signer.lifetime.load(Ordering::Relaxed) - LEEWAY,
        "access": access,
    }))?;
    let lifetime = LIFETIME.as_secs();
    Ok(("200 OK", json!({"token": token, "expires_in": lifetime})))
}

fn error(code: &str) -> Value {
    json!({"errors": [{"code": code}]})
}

/// The scopes in a request target's query; one parameter may hold several, apart by spaces.
fn scopes(target: &str) -> Vec<String> {
    let target = target.split(' ').next().unwrap_or_default();
    let query = target.split_once('?').map_or("", |(_, query)| query);
    query
        .split('&')
        .filter_map(|pair| pair.strip_prefix("scope="))
        .flat_map(|value| {
            let value = decode(value);
            value.split(' ').map(str::to_owned).collect::<Vec<_>>()
        })
        .collect()
}

/// Undoes form encoding; what is not well formed stays as it is.
fn decode(value: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        rest = after;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = rest
                    .get(..2)
                    .and_then(|digits| std::str::from_utf8(digits).ok())
                    .and_then(|digits| u8::from_str_radix(digits, 16).ok());
                match digits {
                    Some(byte) => {
                        bytes.push(byte);
                        rest = &rest[2..];
                    }
                    None => bytes.push(b'%'),
                }
            }
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scopes_are_read_in_either_way_to_write_several() {
        let target = "/token?service=x&scope=repository%3Aa%2Fb:pull,push+repository:c:pull&scope=registry:catalog:* HTTP/1.1";
        assert_eq!(
            scopes(target),
            [
                "repository:a/b:pull,push",
                "repository:c:pull",
                "registry:catalog:*"
            ]
        );
    }
}
