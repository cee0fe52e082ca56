//! What many tests need, made once.

use std::io::{self, Write as _};
use std::process::Stdio;
use std::sync::OnceLock;

use ocirepo_e2e::curl::Login;
use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::program::{Bridge, Program};
use ocirepo_e2e::publish;
use ocirepo_e2e::registry::{Access, DockerRegistry, PASSWORD, USER};
use ocirepo_e2e::sample::{Key, Package, Sample, Style};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::tokens::TokenServer;

/// The name of a package that every layer between here and dnf likes to spell differently.
pub(crate) const AWKWARD: &str = "LibFoo++";

/// The key everything is signed with.
pub(crate) fn key() -> &'static Key {
    static KEY: OnceLock<Key> = OnceLock::new();
    KEY.get_or_init(|| Key::new().expect("a key for the lab"))
}

/// What is in [`sample`].
pub(crate) fn packages() -> Vec<Package> {
    vec![
        Package::new("hello-lab", "1.0", "1"),
        Package::new(AWKWARD, "1.2~rc1^git20240101", "3.el9"),
        Package::new("epoch-lab", "0.9", "2").epoch(7),
    ]
}

/// The repository most tests publish. Read only.
pub(crate) fn sample() -> &'static Sample {
    static SAMPLE: OnceLock<Sample> = OnceLock::new();
    SAMPLE.get_or_init(|| {
        Sample::build(key(), &packages(), Style::default()).expect("a sample repository")
    })
}

/// What `dnf repoquery` prints of [`sample`], in its order.
pub(crate) const LISTED: [&str; 3] = [
    "LibFoo++-0:1.2~rc1^git20240101-3.el9.noarch",
    "epoch-lab-7:0.9-2.noarch",
    "hello-lab-0:1.0-1.noarch",
];

/// How the registry is protected.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Protection {
    Open,
    Basic,
    Bearer,
}

/// A layout, with the tool that publishes in it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Published {
    FilesByOras,
    TreeByCurl,
    IndexByOcirepo,
}

/// A registry, and somebody logged in to it who has `ocirepo`.
pub(crate) struct World {
    pub(crate) registry: DockerRegistry,
    pub(crate) program: Program,
    pub(crate) tokens: Option<TokenServer>,
    login: Login,
    _directory: Scratch,
}

impl World {
    pub(crate) fn new(protection: Protection) -> io::Result<World> {
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
    pub(crate) fn location(&self, reference: &str) -> String {
        format!("oci://{}/{reference}", self.registry.host())
    }

    /// Publishes a sample as `reference`, `name:tag`.
    pub(crate) fn publish(
        &self,
        how: Published,
        sample: &Sample,
        reference: &str,
    ) -> io::Result<()> {
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
    pub(crate) fn push(&self, sample: &Sample, reference: &str, layout: &str) -> io::Result<()> {
        let directory = sample.path().to_string_lossy();
        let location = self.location(reference);
        let arguments = ["push", &directory, &location, "--layout", layout];
        self.program.run(&arguments)?.well().map(|_| ())
    }

    /// Starts the bridge for one repository.
    pub(crate) fn serve(&self, reference: &str) -> io::Result<Bridge> {
        self.program.serve(&[&self.location(reference)])
    }

    /// dnf with the repository as the bridge shows it.
    pub(crate) fn dnf(&self, bridge: &Bridge, reference: &str) -> io::Result<Dnf> {
        let url = bridge.url(&format!("{}/{reference}", self.registry.host()));
        Dnf::new(&url, &key().public())
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
