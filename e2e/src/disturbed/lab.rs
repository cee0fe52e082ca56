//! What all runs share: registries with repositories, and how they look undisturbed.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;

use ocirepo::Digest;

use super::secrets::Secrets;
use super::{DISTURBANCES, Disturbance, Outcome, push, read, serve};
use crate::curl::{Login, token};
use crate::process::{Server, free_address};
use crate::program::Program;
use crate::random::Random;
use crate::registry::{DockerRegistry, PASSWORD, USER};
use crate::sample::{Key, Package, Sample, Style};
use crate::scratch::Scratch;
use crate::tokens::TokenServer;

/// The layouts, under whose names the repositories are.
pub(super) const LAYOUTS: [&str; 4] = ["files", "index", "native", "tree"];

/// Files by their paths, with what they are.
pub(super) type Files = BTreeMap<String, Digest>;

/// Two registries with the same repositories: one that takes passwords, and one that takes tokens.
pub struct Lab {
    /// A repository, and one that is an update of it.
    pub(super) old: Sample,
    pub(super) new: Sample,
    /// What `sync` makes of each, by layout.
    pub(super) golden: BTreeMap<&'static str, Files>,
    pub(super) program: Program,
    pub(super) secrets: Secrets,
    docker: DockerRegistry,
    tokens: TokenServer,
    ours: SocketAddr,
    _server: Server,
    _certificate: Scratch,
    _key: Key,
}

/// Reads every file of a directory and below.
pub(super) fn files(directory: &Path) -> io::Result<Files> {
    fn collect(root: &Path, directory: &Path, found: &mut Files) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            if path.is_dir() {
                collect(root, &path, found)?;
            } else if let Ok(inside) = path.strip_prefix(root) {
                let digest = Digest::of(&fs::read(&path)?);
                found.insert(inside.to_string_lossy().into_owned(), digest);
            }
        }
        Ok(())
    }
    let mut found = Files::new();
    collect(directory, directory, &mut found)?;
    Ok(found)
}

/// Text that does not become shorter.
fn noise(random: &mut Random, bytes: usize) -> String {
    let mut text = String::with_capacity(bytes + 65);
    while text.len() < bytes {
        for _ in 0..4 {
            text.push_str(&format!("{:016x}", random.next()));
        }
        text.push('\n');
    }
    text
}

const NAMES: [&str; 10] = [
    "alpha", "beta++", "delta", "epsilon", "gamma", "lambda", "omega", "sigma", "tau", "zeta",
];

impl Lab {
    /// Builds packages, starts both registries, and publishes.
    ///
    /// # Errors
    /// When something does not start or fails.
    pub fn new() -> io::Result<Lab> {
        let key = Key::new()?;
        let mut random = Random::new(7);
        let mut packages: Vec<Package> = NAMES
            .iter()
            .zip([
                1_000, 3_000, 9_000, 30_000, 90_000, 200_000, 500_000, 900_000, 2_000, 40_000,
            ])
            .map(|(name, size)| Package::new(name, "1.0", "1").content(noise(&mut random, size)))
            .collect();
        let old = Sample::build(&key, &packages, Style::default())?;
        for name in ["delta", "sigma"] {
            let content = noise(&mut random, 60_000);
            packages.push(Package::new(name, "2.0", "1").content(content));
        }
        let new = Sample::build(&key, &packages, Style::default())?;

        let program = Program::new()?;
        let certificate = Scratch::new("certificate")?;
        let tokens = TokenServer::start(certificate.path())?;
        let docker = DockerRegistry::start(&tokens.access())?;
        let ours = free_address()?;
        let listen = ours.to_string();
        let login = ["--auth", "basic", "--user", USER, "--password", PASSWORD];
        let mut command = program.command(&["registry", "--listen", &listen]);
        command.args(login);
        let server = Server::start(&mut command, ours, &program.path("registry.log"))?;
        program.write_credentials(&[&docker.host(), &listen])?;
        let mut lab = Lab {
            old,
            new,
            golden: BTreeMap::new(),
            secrets: Secrets::new(&token(&tokens.realm(), "lab/index")?),
            program,
            docker,
            tokens,
            ours,
            _server: server,
            _certificate: certificate,
            _key: key,
        };
        for docker in [false, true] {
            let host = lab.registry(docker);
            for layout in LAYOUTS {
                let location = format!("oci://{host}/lab/{layout}:latest");
                let from = lab.old.path().to_string_lossy();
                let push = ["push", &*from, &location, "--layout", layout];
                lab.program.run(&push)?.well()?;
                let out = Scratch::new("golden")?;
                let sync = ["sync", &location, &out.path().to_string_lossy()];
                lab.program.run(&sync)?.well()?;
                lab.golden.insert(layout, files(out.path())?);
            }
        }
        Ok(lab)
    }

    /// The address of one of the registries.
    pub(super) fn registry(&self, docker: bool) -> SocketAddr {
        match docker {
            true => self.docker.host().parse().unwrap_or(self.ours),
            false => self.ours,
        }
    }

    /// How curl shows one of the registries who it is.
    pub(super) fn login(&self, docker: bool) -> Login {
        match docker {
            true => Login::Bearer(self.tokens.realm()),
            false => Login::Basic,
        }
    }

    /// One run, which follows from its seed.
    pub fn run(&self, seed: u64) -> Outcome {
        let mut random = Random::new(seed);
        // Neighbouring seeds are to have nothing in common.
        let mut random = Random::new(random.next());
        let how = *random.pick(&DISTURBANCES);
        let kind = *random.pick(&["blob", "get", "push", "serve", "sync"]);
        let docker = random.chance(0.5);
        let layout = *random.pick(&LAYOUTS);
        let mut outcome = Outcome {
            seed,
            what: format!("{kind}, {how:?}"),
            hit: false,
            findings: Vec::new(),
        };
        let hit = match kind {
            "push" => push::run(
                self,
                docker,
                layout,
                how,
                &mut random,
                &mut outcome.findings,
            ),
            "serve" => serve::run(
                self,
                docker,
                layout,
                how,
                &mut random,
                &mut outcome.findings,
            ),
            _ => read::run(
                self,
                docker,
                layout,
                kind,
                how,
                &mut random,
                &mut outcome.findings,
            ),
        };
        match hit {
            Ok(hit) => outcome.hit = hit,
            Err(error) => outcome.findings.push(format!("{layout}: {error}")),
        }
        for finding in &mut outcome.findings {
            let registry = if docker {
                "docker-registry"
            } else {
                "ocirepo registry"
            };
            *finding = format!("{layout} at {registry}: {}", shortened(finding));
        }
        outcome
    }
}

/// The beginning and the end of a text that has a whole log in it.
fn shortened(text: &str) -> String {
    const SIDE: usize = 3000;
    if text.len() <= 2 * SIDE {
        return text.to_owned();
    }
    let bytes = text.as_bytes();
    let (start, end) = (&bytes[..SIDE], &bytes[bytes.len() - SIDE..]);
    let (start, end) = (String::from_utf8_lossy(start), String::from_utf8_lossy(end));
    format!("{start}\n[…]\n{end}")
}

/// Somebody who has nothing but credentials for a registry, whose temporary files are in a place
/// of their own.
pub(super) fn somebody(host: &str) -> io::Result<Program> {
    let program = Program::new()?;
    program.write_credentials(&[host])?;
    let temporary = program.path("tmp");
    fs::create_dir(&temporary)?;
    let temporary = temporary.to_string_lossy().into_owned();
    Ok(program.variable("TMPDIR", &temporary))
}

/// A command of that somebody, who wants to know everything.
pub(super) fn curious(program: &Program, arguments: &[&str]) -> Command {
    program.command(&[arguments, &["-vvv"]].concat())
}

/// The same of somebody who is not patient while something is wrong.
pub(super) fn impatient(program: &Program, arguments: &[&str]) -> Command {
    curious(program, &[arguments, &["--timeout", "2"]].concat())
}

/// Whether a disturbance leaves what is on disk for the next run.
pub(super) fn keeps_files(how: Disturbance) -> bool {
    how != Disturbance::Two
}
