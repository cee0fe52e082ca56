//! One repository in several registries and behind a plain web server, and bridges to it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::process::{Server, free_address};
use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::synthetic;

use super::bench_dir;
use super::lab::Lab;
use super::servers::{Ferro, Nginx, static_tree};

/// The repository in every registry.
pub(crate) const NAME: &str = "bench/repo";
/// Its tag.
pub(crate) const TAG: &str = "f41";

/// The same files everywhere.
pub(crate) struct Served {
    /// nginx with the files as they are, and with the tree of a registry.
    pub(crate) nginx: Nginx,
    pub(crate) docker: DockerRegistry,
    pub(crate) ferro: Option<Ferro>,
    /// The packages and their metadata.
    pub(crate) plain: PathBuf,
    _scratch: Scratch,
}

impl Served {
    /// Makes packages of about this size and publishes them.
    pub(crate) fn start(lab: &Lab, packages: usize, size: usize) -> io::Result<Self> {
        let scratch = lab.scratch("served")?;
        let made = synthetic::with_payloads(&bench_dir(), packages, size)?;
        let home = scratch.join("home");
        let address = free_address()?;
        let mut registry = Command::new(&lab.program);
        registry.args(["registry", "--listen", &address.to_string()]);
        let registry = Server::start(&mut registry, address, &scratch.join("registry.log"))?;
        let first = format!("oci://{address}/{NAME}:{TAG}");
        let run =
            |arguments: &[&str]| lab.prepare(&mut lab.ocirepo(&home, arguments.iter().copied()));
        run(&["push", &made.to_string_lossy(), &first])?;
        let plain = scratch.join("root/plain");
        fs::create_dir_all(&plain)?;
        run(&["sync", &first, &plain.to_string_lossy()])?;
        let layout = scratch.join("layout");
        run(&["copy", &first, &format!("oci:{}:{TAG}", layout.display())])?;
        let indexes = static_tree(&layout, &scratch.join("root"), NAME)?;
        let nginx = Nginx::start(lab, &scratch.join("root"), &indexes)?;
        let docker = DockerRegistry::start_in(lab.scratch("docker")?, &Access::Open)?;
        run(&[
            "copy",
            &first,
            &format!("oci://{}/{NAME}:{TAG}", docker.host()),
        ])?;
        let ferro = match lab.peer("ferro-oci-server") {
            Some(program) => Some(Ferro::start(lab, &program)?),
            None => None,
        };
        if let Some(ferro) = &ferro {
            run(&[
                "copy",
                &first,
                &format!("oci://{}/{NAME}:{TAG}", ferro.host()),
            ])?;
        }
        drop(registry);
        Ok(Self {
            nginx,
            docker,
            ferro,
            plain,
            _scratch: scratch,
        })
    }

    /// The registries by what tables call them.
    pub(crate) fn registries(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("nginx /v2/", self.nginx.host())];
        if let Some(ferro) = &self.ferro {
            all.push(("ferro", ferro.host()));
        }
        all.push(("docker-registry", self.docker.host()));
        all
    }

    /// The packages by their path in the repository, with where they are.
    pub(crate) fn packages(&self) -> io::Result<BTreeMap<String, PathBuf>> {
        let mut found = BTreeMap::new();
        let mut left = vec![self.plain.clone()];
        while let Some(directory) = left.pop() {
            for entry in fs::read_dir(directory)? {
                let path = entry?.path();
                if path.is_dir() {
                    left.push(path);
                } else if path.extension().is_some_and(|extension| extension == "rpm") {
                    let below = path.strip_prefix(&self.plain).map_err(io::Error::other)?;
                    found.insert(below.to_string_lossy().into_owned(), path.clone());
                }
            }
        }
        Ok(found)
    }
}

/// A bridge that has nothing yet.
pub(crate) struct Bridge {
    pub(crate) server: Server,
    base: String,
    log: PathBuf,
    _home: Scratch,
}

impl Bridge {
    pub(crate) fn start(lab: &Lab, registry: &str) -> io::Result<Self> {
        let home = lab.scratch("bridge")?;
        let address = free_address()?;
        let listen = address.to_string();
        let arguments = ["serve", "--listen", &listen, "--allow", registry];
        let log = home.join("log");
        let server = Server::start(&mut lab.ocirepo(home.path(), arguments), address, &log)?;
        Ok(Self {
            server,
            base: format!("http://{address}/{registry}/{NAME}:{TAG}"),
            log,
            _home: home,
        })
    }

    /// The base URL of the repository, without a slash at the end.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// The end of what it printed.
    pub(crate) fn printed(&self) -> String {
        ocirepo_e2e::process::last_lines(&self.log, 20)
    }
}

/// The SHA-256 of files, in hex.
pub(crate) fn sums(lab: &Lab, files: &[&Path]) -> io::Result<Vec<String>> {
    let mut command = Command::new("sha256sum");
    command.args(files);
    let printed = lab.prepare(&mut command)?;
    let sum = |line: &str| {
        line.split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    Ok(printed.lines().map(sum).collect())
}
