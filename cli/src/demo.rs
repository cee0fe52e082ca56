//! `ocirepo demo`: the whole way of a repository, on loopback.

mod metadata;
mod sample;
mod signed;

use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;

use ocirepo::reference::{Location, Reference};
use ocirepo_native::Client;
use ocirepo_rpm::layout::Layout;
use ocirepo_rpm::signature::{Keyring, SecretKey};
use ocirepo_rpm::snapshot::{Options as Trusted, Snapshot};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::exit::{Exit, Failure};
use crate::inspect::{self, Assets};
use crate::publishing::Publishing;
use crate::registry_server::{Options as RegistryOptions, RegistryServer};
use crate::repository::{self, Located};
use crate::serve::allow::AllowList;
use crate::signing::Signers;
use crate::{publish, serve};

/// The name of the key file in the repository.
const KEY: &str = "RPM-GPG-KEY-demo";

/// What was started and checked.
pub(crate) struct Demo {
    pub(crate) registry: RegistryServer,
    pub(crate) bridge: serve::Running,
    /// The inspector, where the program has its page.
    pub(crate) inspector: Option<inspect::Running>,
    /// What was seen to work, in words.
    pub(crate) checks: Vec<String>,
    /// Where the repository is, as clients of registries write it.
    pub(crate) location: Location,
    /// Its base URL for dnf.
    pub(crate) base_url: String,
    /// The file with the key, on disk.
    pub(crate) key: std::path::PathBuf,
}

/// Builds, publishes, reads back, verifies and serves, in a directory of its own.
/// `client` gives a client whose cache is in the directory it is given.
pub(crate) async fn start(
    directory: &Path,
    client: impl Fn(&Path) -> Result<Client, Failure>,
    told: impl Fn(&str),
) -> Result<Demo, Failure> {
    let mut checks = Vec::new();
    let mut check = |text: String| {
        told(&text);
        checks.push(text);
    };
    let key = new_key()?;
    let source = directory.join("repo");
    let count = build(&source, &key)?;
    check(format!(
        "built and signed {count} packages and their repodata"
    ));

    let registry = RegistryServer::start(RegistryOptions::default()).await?;
    let address = registry.address();
    let client = client(&directory.join("cache"))?;
    let mut location = None;
    for (layout, name) in [
        (Layout::Files, "demo/repo:files"),
        (Layout::Tree, "demo/tree:latest"),
        (Layout::Index, "demo/repo:el9"),
    ] {
        let text = format!("oci://{address}/{name}");
        let place = Location::parse(&text).map_err(Failure::failed)?;
        publish::directory(
            &client,
            &source,
            place.reference(),
            Some(layout),
            &Signers::default(),
            &Publishing::default(),
            None,
        )
        .await?;
        check(format!("published {text} in the {layout} layout"));
        let snapshot = read_back(&client, place.reference(), &source, &key).await?;
        check(format!(
            "read it back in the {} layout: signature, metadata and packages are right",
            snapshot.layout()
        ));
        location = Some(place);
    }
    let location = location.ok_or_else(|| Failure::failed("nothing was published"))?;
    refuses_others(&client, location.reference()).await?;
    check("refused it when another key was expected".to_owned());

    let named = serve::Named {
        repositories: &[],
        prefixes: &[format!("{address}/demo")],
    };
    let options = serve::Options {
        names: Vec::new(),
        state: None,
        trust: Trusted {
            keys: Some(
                Keyring::parse(key.certificate().map_err(Failure::failed)?.as_bytes())
                    .map_err(Failure::failed)?,
            ),
            ..Trusted::default()
        },
        access_log: None,
        doors: serve::doors(&named, None, client.clone(), client.clone())?,
    };
    let listener = serve::socket::listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let bridge = serve::start(options, listener)?;
    let local = bridge.local();
    for name in ["demo/repo:files", "demo/tree:latest", "demo/repo:el9"] {
        let base = format!("/{address}/{name}");
        for path in ["repodata/repomd.xml", "repodata/repomd.xml.asc", KEY] {
            let expected = std::fs::read(source.join(path))?;
            if get(local, &format!("{base}/{path}")).await? != expected {
                return Err(Failure::verification(format!(
                    "{base}/{path} came out wrong"
                )));
            }
        }
        for package in
            repository::packages(&client, &open(&client, location.reference(), &key).await?).await?
        {
            let path = package.location.path();
            let asked = format!("{base}/{}", path.replace('+', "%2b").replace('^', "%5e"));
            if get(local, &asked).await? != std::fs::read(source.join(path))? {
                return Err(Failure::verification(format!("{asked} came out wrong")));
            }
        }
        check(format!("served http://{local}{base}/ byte for byte"));
    }
    let inspector = match Assets::embedded() {
        Some(assets) => {
            let inspector = inspector(assets, address, &location, &client).await?;
            check(format!("the inspector shows it at {}", inspector.url()));
            Some(inspector)
        }
        None => None,
    };
    Ok(Demo {
        inspector,
        base_url: format!("http://{local}/{address}/demo/repo:el9/"),
        key: source.join(KEY),
        registry,
        bridge,
        checks,
        location,
    })
}

/// The inspector with the repository open, which was seen to answer.
async fn inspector(
    assets: Assets,
    registry: SocketAddr,
    location: &Location,
    client: &Client,
) -> Result<inspect::Running, Failure> {
    let mut allow = AllowList::default();
    allow.prefix(&format!("{registry}/demo"))?;
    let options = inspect::Options {
        assets,
        open: Some(location.to_string()),
        allow,
        client: client.clone(),
        credentials: false,
        names: Vec::new(),
    };
    let listener = serve::socket::listen((Ipv4Addr::LOCALHOST, 0).into()).await?;
    let inspector = inspect::start(options, listener)?;
    let (local, home) = (inspector.local(), inspector.home());
    get(local, &home).await?;
    let tags = format!("{home}gateway/{registry}/v2/demo/repo/tags/list");
    let tags = get(local, &tags).await?;
    if !String::from_utf8_lossy(&tags).contains("el9") {
        return Err(Failure::failed(
            "the gateway of the inspector has no tags of the repository",
        ));
    }
    Ok(inspector)
}

fn new_key() -> Result<SecretKey, Failure> {
    SecretKey::generate(
        "ocirepo demo <demo@example.org>",
        sample::BUILT.into(),
        random()?,
    )
    .map_err(Failure::failed)
}

fn random() -> Result<[u8; 32], Failure> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed)
        .map_err(|error| Failure::failed(format!("the system gives no random bytes: {error}")))?;
    Ok(seed)
}

/// Writes the repository into a directory and returns the number of packages.
fn build(directory: &Path, key: &SecretKey) -> Result<usize, Failure> {
    let packages = sample::packages(key, random()?)?;
    let mut files = metadata::repodata(&packages)?;
    if let Some((path, repomd)) = files.last() {
        let signature = key
            .sign(repomd, sample::BUILT.into(), None, random()?)
            .map_err(Failure::failed)?;
        files.push((format!("{path}.asc"), signature.into_bytes()));
    }
    let certificate = key.certificate().map_err(Failure::failed)?;
    files.push((KEY.to_owned(), certificate.into_bytes()));
    let count = packages.len();
    files.extend(
        packages
            .into_iter()
            .map(|package| (package.path, package.content)),
    );
    for (path, content) in files {
        let path = directory.join(path);
        std::fs::create_dir_all(path.parent().unwrap_or(directory))?;
        std::fs::write(path, content)?;
    }
    Ok(count)
}

async fn open(
    client: &Client,
    reference: &Reference,
    key: &SecretKey,
) -> Result<Snapshot, Failure> {
    let certificate = key.certificate().map_err(Failure::failed)?;
    let keys = Keyring::parse(certificate.as_bytes()).map_err(Failure::failed)?;
    let mut options = repository::options();
    options.keys = Some(keys);
    repository::open(client, reference, options).await
}

/// Every package, compared with what was built.
async fn read_back(
    client: &Client,
    reference: &Reference,
    source: &Path,
    key: &SecretKey,
) -> Result<Snapshot, Failure> {
    let snapshot = std::sync::Arc::new(open(client, reference, key).await?);
    let snapshot = repository::learn(client, &snapshot).await?;
    for package in repository::packages(client, &snapshot).await? {
        let path = package.location.path();
        let content = match repository::locate(client, &snapshot, &package.location).await? {
            Some(Located::Blob(blob)) => {
                let entry = repository::pull(client, &blob).await?;
                entry.read(u64::MAX)?
            }
            Some(Located::Held(content)) => content,
            // No package is made from a catalogue.
            Some(Located::Made(_)) | None => {
                return Err(Failure::not_found(format!("{reference} has no {path}")));
            }
        };
        if content != std::fs::read(source.join(path))? {
            return Err(Failure::verification(format!("{path} came back changed")));
        }
    }
    Ok(Snapshot::clone(&snapshot))
}

async fn refuses_others(client: &Client, reference: &Reference) -> Result<(), Failure> {
    match open(client, reference, &new_key()?).await {
        Err(failure) if failure.exit() == Exit::Verification => Ok(()),
        Err(failure) => Err(failure),
        Ok(_) => Err(Failure::verification(format!(
            "{reference} was accepted although a stranger signed it"
        ))),
    }
}

/// One GET, as the simplest of clients does it.
async fn get(address: SocketAddr, path: &str) -> Result<Vec<u8>, Failure> {
    let mut stream = TcpStream::connect(address).await?;
    let request = format!("GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await?;
    let end = answer.windows(4).position(|window| window == b"\r\n\r\n");
    if !answer.starts_with(b"HTTP/1.1 200 ") {
        let line = answer
            .split(|byte| *byte == b'\r')
            .next()
            .unwrap_or_default();
        let line = String::from_utf8_lossy(line);
        return Err(Failure::failed(format!(
            "{address} answered {line} for {path}"
        )));
    }
    let body = end.and_then(|end| answer.get(end + 4..));
    Ok(body.unwrap_or_default().to_vec())
}
