//! One repository in several registries and behind a plain web server, and bridges to it.

use std::collections::BTreeMap;
use std::fmt::Write as _;
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

/// The files behind nginx, as they are and as the tree of a registry.
pub(crate) struct Static {
    pub(crate) nginx: Nginx,
    /// The packages and their metadata.
    pub(crate) plain: PathBuf,
    /// The same as an OCI image layout, as the program calls it.
    layout: String,
    _scratch: Scratch,
}

/// The same files everywhere.
pub(crate) struct Served {
    pub(crate) from_nginx: Static,
    pub(crate) docker: DockerRegistry,
    pub(crate) ferro: Option<Ferro>,
}

impl Static {
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
        let directory = scratch.join("layout");
        let layout = format!("oci:{}:{TAG}", directory.display());
        run(&["copy", &first, &layout])?;
        drop(registry);
        let indexes = static_tree(&directory, &scratch.join("root"), NAME)?;
        Ok(Self {
            nginx: Nginx::start(lab, &scratch.join("root"), &indexes)?,
            plain,
            layout,
            _scratch: scratch,
        })
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

    /// The packages as blobs of a registry with them, each into a file, as curl reads a list.
    pub(crate) fn curl_list(&self, lab: &Lab, host: &str) -> io::Result<String> {
        let packages = self.packages()?;
        let files: Vec<&Path> = packages.values().map(AsRef::as_ref).collect();
        let mut list = String::new();
        for (number, sum) in sums(lab, &files)?.iter().enumerate() {
            let url = format!("http://{host}/v2/{NAME}/blobs/sha256:{sum}");
            let _ = writeln!(list, "url = \"{url}\"\noutput = \"{number}\"");
        }
        Ok(list)
    }
}

impl Served {
    /// Makes packages of about this size and publishes them.
    pub(crate) fn start(lab: &Lab, packages: usize, size: usize) -> io::Result<Self> {
        let from_nginx = Static::start(lab, packages, size)?;
        let home = lab.scratch("home")?;
        let copy = |host: &str| {
            let to = format!("oci://{host}/{NAME}:{TAG}");
            lab.prepare(&mut lab.ocirepo(home.path(), ["copy", &from_nginx.layout, &to]))
        };
        let docker = DockerRegistry::start_in(lab.scratch("docker")?, &Access::Open)?;
        copy(&docker.host())?;
        let ferro = match lab.peer("ferro-oci-server") {
            Some(program) => Some(Ferro::start(lab, &program)?),
            None => None,
        };
        if let Some(ferro) = &ferro {
            copy(&ferro.host())?;
        }
        Ok(Self {
            from_nginx,
            docker,
            ferro,
        })
    }

    /// The registries by what tables call them.
    pub(crate) fn registries(&self) -> Vec<(&'static str, String)> {
        let mut all = vec![("nginx /v2/", self.from_nginx.nginx.host())];
        if let Some(ferro) = &self.ferro {
            all.push(("ferro", ferro.host()));
        }
        all.push(("docker-registry", self.docker.host()));
        all
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
