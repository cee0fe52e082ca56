//! The client that JavaScript holds.

use std::cell::RefCell;
use std::rc::Rc;

use js_sys::{Function, Object, Promise, Uint8Array};
use ocirepo::annotations::Annotations;
use ocirepo::auth::credentials::Credentials;
use ocirepo::descriptor::Descriptor;
use ocirepo::operation::Resume;
use ocirepo::reference::{Location, Reference, Registry, Repository};
use ocirepo::session::Event;
use ocirepo::sink::Content;
use ocirepo::{Digest, Manifest, Session};
use serde::{Deserialize, Serialize};
use wasm_bindgen::JsValue;
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::{JsFuture, spawn_local};

use crate::driver::{Driver, Job, OnBytes};
use crate::failure::Failure;
use crate::js::{self, Call};
use crate::json::to_js;
use crate::options::Options;
use crate::target::{Stream, Target};
use crate::wait::{Aborted, Bell, First, first};

/// A session that performs its requests with `fetch`.
#[wasm_bindgen(skip_typescript)]
pub struct Client {
    pub(crate) driver: Driver,
    /// Decompresses bytes of a file with a name, in the second module.
    pub(crate) decompress: Function,
}

#[wasm_bindgen]
impl Client {
    /// Options as JSON, a function that decompresses what is not read here, and functions that
    /// are told of events and asked for credentials.
    #[wasm_bindgen(constructor)]
    pub fn new(
        options: &str,
        decompress: Function,
        on_event: Option<Function>,
        on_credentials: Option<Function>,
    ) -> Result<Client, JsValue> {
        let options: Options = serde_json::from_str(options).map_err(Failure::input)?;
        let gateway = options.gateway()?;
        let config = options.config(gateway.is_some())?;
        // Whatever it is: it spreads retries, and keeps nothing secret.
        let seed = (js_sys::Math::random() * 9e15) as u64;
        let on_event = on_event.map(|tell| -> crate::driver::OnEvent {
            Box::new(move |event| {
                if let Some(event) = told(event) {
                    // What a listener throws is its own affair.
                    let _ = tell.call1(&JsValue::NULL, &event);
                }
            })
        });
        let ask = on_credentials.map(|ask| -> crate::driver::Ask {
            Rc::new(move |registry| Box::pin(credentials_of(ask.clone(), registry)))
        });
        let session = Session::new(config, seed);
        Ok(Client {
            driver: Driver::new(session, gateway, options.stall(), on_event, ask),
            decompress,
        })
    }

    /// Credentials for a registry, as JSON, or `None` to go on without.
    pub fn give(&self, registry: &str, credentials: Option<String>) -> Result<(), JsValue> {
        let registry = self::registry(registry)?;
        let credentials = match credentials {
            Some(text) => Some(self::credentials(&text)?),
            None => None,
        };
        self.driver.give(registry, credentials);
        Ok(())
    }

    /// Asks a registry whether it speaks the protocol.
    pub async fn ping(&self, registry: String, call: Call) -> Result<(), JsValue> {
        let registry = self::registry(&registry)?;
        let ping = self.driver.run(Job::default(), |s| s.ping(&registry));
        Ok(abortable(&call, ping).await?)
    }

    /// The descriptor of what a reference names.
    pub async fn resolve(&self, reference: String, call: Call) -> Result<JsValue, JsValue> {
        let reference = self::reference(&reference)?;
        let resolve = self.driver.run(Job::default(), |session| {
            session.resolve(reference.repository(), reference.selector())
        });
        Ok(to_js(&abortable(&call, resolve).await?))
    }

    /// A manifest: its bytes, and what they say.
    pub async fn manifest(&self, reference: String, call: Call) -> Result<JsValue, JsValue> {
        let reference = self::reference(&reference)?;
        let pull = self.driver.run(Job::default(), |session| {
            session.pull_manifest(reference.repository(), reference.selector())
        });
        Ok(manifest(&abortable(&call, pull).await?))
    }

    /// Begins to pull a blob.
    pub fn blob(
        &self,
        reference: &str,
        size: Option<f64>,
        call: Call,
    ) -> Result<Download, JsValue> {
        let (repository, digest) = self::blob(reference)?;
        let size = size.map(whole).transpose()?;
        let content = Content { digest, size };
        Ok(Download::start(&self.driver, repository, content, call))
    }

    /// A range of a blob, which no digest covers.
    pub async fn range(
        &self,
        reference: String,
        start: f64,
        end: f64,
        call: Call,
    ) -> Result<Uint8Array, JsValue> {
        let (repository, digest) = self::blob(&reference)?;
        let range = whole(start)?..whole(end)?;
        if range.is_empty() {
            return Err(Failure::input("the range is empty").into());
        }
        let pull = self.driver.run(Job::default(), |session| {
            session.pull_blob_range(&repository, digest, range)
        });
        let found = abortable(&call, pull).await?;
        Ok(Uint8Array::from(&found.bytes[..]))
    }

    /// The tags of a repository.
    pub async fn tags(&self, repository: String, call: Call) -> Result<JsValue, JsValue> {
        let reference = self::reference(&repository)?;
        let list = self
            .driver
            .run(Job::default(), |s| s.tags(reference.repository()));
        let tags = abortable(&call, list).await?;
        let tags: Vec<&str> = tags.iter().map(|tag| tag.as_str()).collect();
        Ok(to_js(&tags))
    }

    /// What refers to a manifest.
    pub async fn referrers(
        &self,
        reference: String,
        artifact_type: Option<String>,
        call: Call,
    ) -> Result<JsValue, JsValue> {
        let reference = self::reference(&reference)?;
        let repository = reference.repository();
        let list = async {
            let subject = match reference.digest() {
                Some(digest) => digest,
                None => {
                    self.driver
                        .run(Job::default(), |session| {
                            session.resolve(repository, reference.selector())
                        })
                        .await?
                        .digest
                }
            };
            let referrers = self.driver.run(Job::default(), |session| {
                session.referrers(repository, subject, artifact_type.as_deref())
            });
            referrers.await
        };
        Ok(to_js(&abortable(&call, list).await?))
    }

    /// The repositories of a registry.
    pub async fn catalog(&self, registry: String, call: Call) -> Result<JsValue, JsValue> {
        let registry = self::registry(&registry)?;
        let list = self
            .driver
            .run(Job::default(), |s| s.repositories(&registry));
        let found = abortable(&call, list).await?;
        let names: Vec<&str> = found.iter().map(Repository::name).collect();
        Ok(to_js(&names))
    }

    /// Waits until nothing is under way, such as what takes back an upload that was cancelled.
    pub async fn settled(&self) {
        self.driver.settled().await;
    }

    /// Ends everything that is under way.
    pub fn close(&self) {
        self.driver.close();
    }
}

/// A blob on its way to a reader.
#[wasm_bindgen(skip_typescript)]
pub struct Download {
    stream: Rc<Stream>,
    end: Rc<End>,
}

#[derive(Default)]
struct End {
    result: RefCell<Option<Result<Content, Failure>>>,
    cancelled: std::cell::Cell<bool>,
    bell: Bell,
}

impl Download {
    pub(crate) fn start(
        driver: &Driver,
        repository: Repository,
        content: Content,
        call: Call,
    ) -> Self {
        let stream = Rc::new(Stream::default());
        let end = Rc::new(End::default());
        let job = Job {
            target: Some(Target::Stream(Rc::clone(&stream))),
            on_bytes: progress(&call, "download", content.size, "blob"),
            ..Job::default()
        };
        let (driver, held, done) = (driver.clone(), Rc::clone(&stream), Rc::clone(&end));
        spawn_local(async move {
            let pull = driver.run(job, |session| {
                session.pull_blob(&repository, content, Resume::Fresh)
            });
            let cancelled = done.bell.until(|| done.cancelled.get().then_some(()));
            let result = match first(abortable(&call, pull), cancelled).await {
                First::One(result) => result,
                First::Other(()) => Err(Failure::closed()),
            };
            let result = result.map(|blob| Content {
                digest: blob.digest,
                size: Some(blob.size),
            });
            *done.result.borrow_mut() = Some(result);
            held.close();
            done.bell.ring();
        });
        Self { stream, end }
    }
}

#[wasm_bindgen]
impl Download {
    /// The next chunk; `undefined` when there will be no more.
    pub async fn next(&self) -> Option<Uint8Array> {
        let stream = Rc::clone(&self.stream);
        stream.next().await
    }

    /// Waits for the end; the digest and size if all is as it should be.
    pub async fn end(&self) -> Result<JsValue, JsValue> {
        let end = Rc::clone(&self.end);
        let result = end.bell.until(|| end.result.borrow().clone()).await;
        let content = result?;
        let object = Object::new();
        js::set(&object, "digest", &content.digest.to_string().into());
        let size = content.size.unwrap_or_default() as f64;
        js::set(&object, "size", &size.into());
        Ok(object.into())
    }

    /// Stops it.
    pub fn cancel(&self) {
        self.end.cancelled.set(true);
        self.end.bell.ring();
    }
}

/// A function that tells the caller how many bytes or packages are done.
pub(crate) fn progress(
    call: &Call,
    phase: &'static str,
    total: Option<u64>,
    what: &str,
) -> Option<OnBytes> {
    let tell = call.progress()?;
    let what = what.to_owned();
    Some(Rc::new(move |done| {
        let report = Object::new();
        js::set(&report, "phase", &phase.into());
        js::set(&report, "done", &(done as f64).into());
        if let Some(total) = total {
            js::set(&report, "total", &(total as f64).into());
        }
        js::set(&report, "what", &what.as_str().into());
        let _ = tell.call1(&JsValue::NULL, &report);
    }))
}

/// Ends with the caller's signal, whatever is under way.
pub(crate) async fn abortable<T>(
    call: &Call,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    let Some(signal) = call.abort_signal() else {
        return work.await;
    };
    let aborted = Aborted::new(signal);
    match first(aborted.wait(), work).await {
        First::One(()) => Err(Failure::closed()),
        First::Other(result) => result,
    }
}

/// A manifest as `ocirepo.d.ts` describes it, but for what the package derives from its bytes.
pub(crate) fn manifest(manifest: &Manifest) -> JsValue {
    #[derive(Serialize)]
    #[serde(rename_all = "camelCase")]
    struct Parsed<'a> {
        digest: String,
        media_type: &'a str,
        size: usize,
        kind: &'static str,
        #[serde(skip_serializing_if = "Option::is_none")]
        artifact_type: Option<&'a str>,
        #[serde(skip_serializing_if = "Option::is_none")]
        config: Option<&'a Descriptor>,
        layers: &'a [Descriptor],
        manifests: &'a [Descriptor],
        #[serde(skip_serializing_if = "Option::is_none")]
        subject: Option<&'a Descriptor>,
        annotations: &'a Annotations,
    }
    let kind = match (manifest.as_image(), manifest.as_index()) {
        (Some(_), _) => "image",
        (None, Some(_)) => "index",
        (None, None) => "other",
    };
    let parsed = to_js(&Parsed {
        digest: manifest.digest().to_string(),
        media_type: manifest.media_type(),
        size: manifest.raw().len(),
        kind,
        artifact_type: manifest.artifact_type(),
        config: manifest.config(),
        layers: manifest.layers(),
        manifests: manifest.children(),
        subject: manifest.subject(),
        annotations: manifest.annotations(),
    });
    js::set(
        &Object::from(parsed.clone()),
        "bytes",
        &Uint8Array::from(manifest.raw()),
    );
    parsed
}

fn told(event: &Event) -> Option<JsValue> {
    #[derive(Serialize)]
    #[serde(
        tag = "type",
        rename_all = "camelCase",
        rename_all_fields = "camelCase"
    )]
    enum Told<'a> {
        Warning { registry: &'a str, text: &'a str },
        Retry { reason: &'a str, wait_ms: u64 },
        Redirect { to: &'a str },
    }
    let told = match event {
        Event::Warning { registry, text } => Told::Warning {
            registry: registry.authority(),
            text,
        },
        Event::Retry {
            reason, wait_ms, ..
        } => Told::Retry {
            reason,
            wait_ms: *wait_ms,
        },
        Event::Redirect { to, .. } => Told::Redirect { to },
        _ => return None,
    };
    Some(to_js(&told))
}

async fn credentials_of(ask: Function, registry: Registry) -> Option<Credentials> {
    let answer = ask
        .call1(&JsValue::NULL, &registry.authority().into())
        .ok()?;
    let answer = JsFuture::from(Promise::resolve(&answer)).await.ok()?;
    if answer.is_undefined() || answer.is_null() {
        return None;
    }
    let text = String::from(js_sys::JSON::stringify(&answer).ok()?);
    credentials(&text).ok()
}

fn credentials(text: &str) -> Result<Credentials, Failure> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Given {
        username: Option<String>,
        password: Option<String>,
        token: Option<String>,
        identity_token: Option<String>,
    }
    // Its message would show what was given.
    let given: Given =
        serde_json::from_str(text).map_err(|_| Failure::input("these are no credentials"))?;
    match given {
        Given {
            token: Some(token), ..
        } => Ok(Credentials::Bearer(token.into())),
        Given {
            identity_token: Some(token),
            username,
            ..
        } => Ok(Credentials::IdentityToken {
            token: token.into(),
            username,
        }),
        Given {
            username: Some(username),
            password: Some(password),
            ..
        } => Ok(Credentials::basic(username, password)),
        _ => Err(Failure::input(
            "credentials are a username with a password, or a token",
        )),
    }
}

/// A reference in any of the forms that people write.
pub(crate) fn reference(text: &str) -> Result<Reference, Failure> {
    let text = text.trim();
    match text.contains("://") {
        true => Location::parse(text)
            .map(Location::into_reference)
            .map_err(Failure::input),
        false => text.parse().map_err(Failure::input),
    }
}

pub(crate) fn blob(text: &str) -> Result<(Repository, Digest), Failure> {
    let reference = reference(text)?;
    let digest = reference
        .digest()
        .ok_or_else(|| Failure::input(format!("`{text}` names no digest")))?;
    Ok((reference.repository().clone(), digest))
}

fn registry(text: &str) -> Result<Registry, Failure> {
    let text = text.trim().trim_end_matches('/');
    let scheme = |scheme, rest| Registry::new(scheme, rest).map_err(Failure::input);
    use ocirepo::reference::Scheme::{Http, Https};
    match text.split_once("://") {
        None => Registry::with_default_scheme(text).map_err(Failure::input),
        Some(("oci", rest)) => Registry::with_default_scheme(rest).map_err(Failure::input),
        Some(("oci+http" | "http", rest)) => scheme(Http, rest),
        Some(("oci+https" | "https", rest)) => scheme(Https, rest),
        Some(_) => Err(Failure::input(format!("`{text}` is no registry"))),
    }
}

pub(crate) fn whole(number: f64) -> Result<u64, Failure> {
    match (0.0..=9e15).contains(&number) && number.fract() == 0.0 {
        true => Ok(number as u64),
        false => Err(Failure::input(format!("{number} is no number of bytes"))),
    }
}

/// Takes a reference apart.
#[wasm_bindgen(js_name = parseReference, skip_typescript)]
pub fn parse_reference(text: &str) -> Result<JsValue, JsValue> {
    #[derive(Serialize)]
    struct Parsed {
        location: String,
        registry: String,
        origin: String,
        name: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        tag: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        digest: Option<String>,
    }
    let reference = reference(text)?;
    let registry = reference.registry();
    Ok(to_js(&Parsed {
        location: Location::from(reference.clone()).to_string(),
        registry: registry.authority().to_owned(),
        origin: registry.base().origin().ascii_serialization(),
        name: reference.repository().name().to_owned(),
        tag: reference.tag().map(|tag| tag.as_str().to_owned()),
        digest: reference.digest().map(|digest| digest.to_string()),
    }))
}
