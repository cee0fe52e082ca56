//! Blobs of random bytes in several registries.

use std::cell::RefCell;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::process::{Server, free_address};
use ocirepo_e2e::random::Random;
use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::scratch::Scratch;

use super::bridged::sums;
use super::lab::Lab;
use super::measure::Log;
use super::pairs::Sample;
use super::servers::{Ferro, Nginx, static_tree};

/// The repository. ferro takes a name that ends in `/blobs` for a request for a blob.
pub(crate) const NAME: &str = "bench/many";
/// The manifest of all blobs.
pub(crate) const TAG: &str = "all";

/// The same blobs everywhere.
pub(crate) struct Published {
    pub(crate) nginx: Host,
    pub(crate) docker: Host,
    pub(crate) ferro: Option<Host>,
    /// The digests of the blobs.
    pub(crate) digests: Vec<String>,
    _scratch: Scratch,
}

/// A server that is asked.
pub(crate) struct Host {
    pub(crate) name: &'static str,
    /// `host:port`.
    pub(crate) host: String,
    log: Option<RefCell<Log>>,
    _server: Box<dyn std::any::Any>,
}

impl Host {
    pub(crate) fn nginx(nginx: Nginx) -> Self {
        Self {
            name: "nginx",
            host: nginx.host(),
            log: Some(RefCell::new(Log::new(nginx.log()))),
            _server: Box::new(nginx),
        }
    }

    pub(crate) fn docker(lab: &Lab) -> io::Result<Self> {
        let docker = DockerRegistry::start_in(lab.scratch("docker")?, &Access::Open)?;
        Ok(Self {
            name: "docker-registry",
            host: docker.host(),
            log: Some(RefCell::new(Log::new(docker.directory().join("log")))),
            _server: Box::new(docker),
        })
    }

    /// Nothing, where it was not built.
    pub(crate) fn ferro(lab: &Lab) -> io::Result<Option<Self>> {
        let Some(program) = lab.peer("ferro-oci-server") else {
            return Ok(None);
        };
        let ferro = Ferro::start(lab, &program)?;
        Ok(Some(Self {
            name: "ferro",
            host: ferro.host(),
            log: None,
            _server: Box::new(ferro),
        }))
    }

    /// Does something `times` and says what it cost at a time, with the requests it made.
    pub(crate) fn asked(
        &self,
        times: usize,
        mut run: impl FnMut() -> io::Result<Sample>,
    ) -> io::Result<Sample> {
        if let Some(log) = &self.log {
            log.borrow_mut().traffic()?;
        }
        let mut sum = Sample::default();
        for _ in 0..times {
            let sample = run()?;
            sum.wall += sample.wall / times as f64;
            sum.cpu += sample.cpu / times as f64;
            sum.peak = sum.peak.max(sample.peak);
        }
        if let Some(log) = &self.log {
            sum.requests = log.borrow_mut().traffic()?.requests / times as u64;
        }
        Ok(sum)
    }
}

/// Files of random bytes, the same ones every time.
pub(crate) fn noise(directory: &Path, count: usize, size: usize) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut random = Random::new(size as u64);
    for number in 0..count {
        let mut content = vec![0; size.next_multiple_of(8)];
        for piece in content.chunks_exact_mut(8) {
            piece.copy_from_slice(&random.next().to_le_bytes());
        }
        content.truncate(size);
        fs::write(directory.join(format!("{number:05}")), content)?;
    }
    Ok(())
}

/// The entries of a directory by name.
pub(crate) fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

impl Published {
    /// So many blobs of this size, and a manifest of them.
    pub(crate) fn start(lab: &Lab, count: usize, size: usize) -> io::Result<Self> {
        let scratch = lab.scratch("published")?;
        let files = scratch.join("files");
        noise(&files, count, size)?;
        let paths = entries(&files)?;
        let digests = sums(lab, &paths.iter().map(AsRef::as_ref).collect::<Vec<_>>())?;
        let digests = digests.into_iter().map(|sum| format!("sha256:{sum}"));
        let docker = Host::docker(lab)?;
        let push = |host: &str| {
            let mut command = Command::new(lab.helper("client"));
            command.args(["push-many", &format!("{host}/{NAME}:{TAG}")]);
            lab.prepare(command.arg(&files))
        };
        push(&docker.host)?;
        // The manifest comes from a registry that keeps an image layout.
        let layout = scratch.join("layout");
        let home = scratch.join("home");
        let address = free_address()?;
        let listen = address.to_string();
        let arguments = ["registry", "--listen", &listen, "--data"];
        let mut registry = lab.ocirepo(&home, arguments);
        let log = scratch.join("registry.log");
        let registry = Server::start(registry.arg(scratch.join("data")), address, &log)?;
        push(&address.to_string())?;
        let from = format!("oci://{address}/{NAME}:{TAG}");
        let to = format!("oci:{}:{TAG}", layout.display());
        lab.prepare(&mut lab.ocirepo(&home, ["copy", &from, &to]))?;
        drop(registry);
        fs::remove_dir_all(scratch.join("data"))?;
        let root = scratch.join("root");
        let indexes = static_tree(&layout, &root, NAME)?;
        let ferro = Host::ferro(lab)?;
        if let Some(ferro) = &ferro {
            push(&ferro.host)?;
        }
        Ok(Self {
            nginx: Host::nginx(Nginx::start(lab, &root, &indexes)?),
            docker,
            ferro,
            digests: digests.collect(),
            _scratch: scratch,
        })
    }
}

/// The Python client of the OCI's registry tools, which verifies nothing.
pub(crate) fn oras(lab: &Lab, script: &str, arguments: &[&str], home: &Path) -> Command {
    let mut command = Command::new(lab.python());
    command
        .args(["-c", script])
        .args(arguments)
        .env("HOME", home)
        .env("DOCKER_CONFIG", home);
    command
}
