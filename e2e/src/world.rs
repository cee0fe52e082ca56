//! What many tests need: a signed sample, and somebody with `ocirepo` logged in to a registry.

use std::fs;
use std::io::{self, Write as _};
use std::process::Stdio;
use std::sync::OnceLock;

use crate::curl::Login;
use crate::dnf::Dnf;
use crate::program::{Bridge, Program};
use crate::publish;
use crate::registry::{Access, DockerRegistry, PASSWORD, USER};
use crate::sample::{Key, Package, Sample, Style};
use crate::scratch::Scratch;
use crate::tokens::TokenServer;

/// The name of a package that every layer between here and dnf likes to spell differently.
pub const AWKWARD: &str = "LibFoo++";

/// The key everything is signed with.
///
/// # Panics
/// When it cannot be made.
pub fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::new().expect("a key for the lab"))
}

/// What is in [`sample`].
pub fn packages() -> Vec<Package> {
    vec![
        Package::new("hello-lab", "1.0", "1"),
        Package::new(AWKWARD, "1.2~rc1^git20240101", "3.el9"),
        Package::new("epoch-lab", "0.9", "2").epoch(7),
    ]
}

/// The repository most tests publish. Read only.
///
/// # Panics
/// When it cannot be built.
pub fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        Sample::build(key(), &packages(), Style::default()).expect("a sample repository")
    })
}

/// What `dnf repoquery` prints of [`sample`], in its order.
pub const LISTED: [&str; 3] = [
    "LibFoo++-0:1.2~rc1^git20240101-3.el9.noarch",
    "epoch-lab-7:0.9-2.noarch",
    "hello-lab-0:1.0-1.noarch",
];

/// How the registry is protected.
#[derive(Clone, Copy, Debug)]
pub enum Protection {
    /// Not at all.
    Open,
    /// By Basic authentication.
    Basic,
    /// By tokens.
    Bearer,
}

/// A layout, with the tool that publishes in it.
#[derive(Clone, Copy, Debug)]
pub enum Published {
    /// `files`, by the Python oras client.
    FilesByOras,
    /// `tree`, by plain curl.
    TreeByCurl,
    /// `index`, by `ocirepo push`.
    IndexByOcirepo,
}

/// A registry, and somebody logged in to it who has `ocirepo`.
#[derive(Debug)]
pub struct World {
    /// The registry.
    pub registry: DockerRegistry,
    /// The program, with credentials where the registry wants them.
    pub program: Program,
    /// The token server, behind [`Protection::Bearer`].
    pub tokens: Option<TokenServer>,
    login: Login,
    _directory: Scratch,
}

impl World {
    /// Starts everything, and logs in.
    ///
    /// # Errors
    /// When something does not start, or the registry does not let in.
    pub fn new(protection: Protection) -> io::Result<World> {
        let directory = Scratch::new("world")?;
        let (access, login, tokens) = match protection {
            Protection::Open => (Access::Open, Login::None, None),
            Protection::Basic => (Access::Basic, Login::Basic, None),
            Protection::Bearer => {
                let tokens = TokenServer::start(directory.path())?;
                let login = Login::Bearer(tokens.realm());
                (tokens.access(), login, Some(tokens))
            }
        };
        let registry = DockerRegistry::start(&access)?;
        let program = Program::new()?;
        if !matches!(protection, Protection::Open) {
            log_in(&program, &registry.host())?;
        }
        Ok(World {
            registry,
            program,
            tokens,
            login,
            _directory: directory,
        })
    }

    /// A repository of this registry as the program takes it.
    pub fn location(&self, reference: &str) -> String {
        format!("oci://{}/{reference}", self.registry.host())
    }

    /// Publishes a sample as `reference`, `name:tag`.
    ///
    /// # Errors
    /// When the tool fails; with what it printed.
    pub fn publish(&self, how: Published, sample: &Sample, reference: &str) -> io::Result<()> {
        let (host, url) = (self.registry.host(), self.registry.url());
        match how {
            Published::FilesByOras => {
                let home = Scratch::new("oras")?;
                publish::files_by_oras(sample, &host, reference, &self.login, home.path())
            }
            Published::TreeByCurl => {
                let name = reference.split(':').next().unwrap_or(reference);
                publish::tree_by_curl(sample, &url, name, &self.login)
            }
            Published::IndexByOcirepo => self.push(sample, reference, "index"),
        }
    }

    /// Publishes a sample with `ocirepo push`.
    ///
    /// # Errors
    /// When it fails; with what it printed.
    pub fn push(&self, sample: &Sample, reference: &str, layout: &str) -> io::Result<()> {
        let directory = sample.path().to_string_lossy();
        let location = self.location(reference);
        let arguments = ["push", &directory, &location, "--layout", layout];
        self.program.run(&arguments)?.well().map(|_| ())
    }

    /// Starts the bridge for one repository.
    ///
    /// # Errors
    /// When it does not start; with the end of what it printed.
    pub fn serve(&self, reference: &str) -> io::Result<Bridge> {
        self.program.serve(&[&self.location(reference)])
    }

    /// dnf with the repository as the bridge shows it; it presents the bridge's secret where
    /// the repository is for those who logged in.
    ///
    /// # Errors
    /// When its root cannot be made, or there is no secret.
    pub fn dnf(&self, bridge: &Bridge, reference: &str) -> io::Result<Dnf> {
        let url = bridge.url(&format!("{}/{reference}", self.registry.host()));
        let dnf = Dnf::new(&url, &key().public())?;
        if matches!(self.login, Login::None) {
            return Ok(dnf);
        }
        let secret = fs::read_to_string(self.program.path("state/ocirepo/serve/secret"))?;
        let password = format!("password={}", secret.trim());
        Ok(dnf.option("username=dnf").option(&password))
    }
}

fn log_in(program: &Program, host: &str) -> io::Result<()> {
    let mut child = program
        .command(&["login", host, "--username", USER, "--password-stdin"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()?;
    if let Some(mut input) = child.stdin.take() {
        writeln!(input, "{PASSWORD}")?;
    }
    let status = child.wait()?;
    if status.success() {
        Ok(())
    } else {
        Err(io::Error::other(format!("login ended with {status}")))
    }
}
