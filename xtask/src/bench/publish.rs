//! Publishing, updating and reading repositories of several sizes.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use ocirepo_e2e::process::{Server, free_address};
use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::synthetic;

use super::bench_dir;
use super::measure::{self, Cost, Log};
use super::table::Row;
use crate::report::Failure;

/// What is measured, and against what.
pub(crate) struct Options {
    pub(crate) layout: String,
    pub(crate) registry: Registry,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            layout: "index".to_owned(),
            registry: Registry::Memory,
        }
    }
}

/// A registry to measure against.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Registry {
    /// `ocirepo registry`, in memory: its own time hardly counts.
    Memory,
    /// docker-registry, on disk.
    Docker,
}

impl Registry {
    pub(crate) fn named(name: &str) -> Result<Self, Failure> {
        match name {
            "ocirepo" => Ok(Self::Memory),
            "docker" => Ok(Self::Docker),
            _ => Err(format!("unknown registry {name}; it is ocirepo or docker")),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Memory => "ocirepo",
            Self::Docker => "docker-registry",
        }
    }
}

/// Measures every size, one after the other.
pub(crate) fn all(program: &Path, sizes: &[usize], options: &Options) -> Result<Vec<Row>, Failure> {
    let mut rows = Vec::new();
    for packages in sizes {
        let measured = one(program, *packages, options)
            .map_err(|error| format!("with {packages} packages: {error}"))?;
        rows.extend(measured);
    }
    Ok(rows)
}

fn one(program: &Path, packages: usize, options: &Options) -> io::Result<Vec<Row>> {
    let start = Instant::now();
    let made = synthetic::make(&bench_dir(), packages)?;
    let took = start.elapsed().as_secs_f64();
    println!("    {packages} packages are there after {took:.1} s");
    let mut bench = Bench::start(program, packages, options)?;
    let repository = bench.repository("bench/repo");
    let layout = ["--layout", options.layout.as_str()];

    let given = made.packages.to_string_lossy();
    let first = bench.step(
        "push",
        &[&["push", &given, &repository], &layout[..]].concat(),
    )?;
    let before = bench.children(&repository)?;
    let given = made.update.to_string_lossy();
    let update = ["push", &given, &repository, "--keep-latest", "1"];
    let second = bench.step("update", &[&update, &layout[..]].concat())?;
    let after = bench.children(&repository)?;
    let changed = after.difference(&before).count();
    bench.note(format!(
        "{} packages; {changed} of {} manifests changed",
        made.updated,
        after.len()
    ));
    bench.step("ls", &["ls", &repository])?;
    let mirror = bench.scratch.join("mirror");
    bench.step("sync", &["sync", &repository, &mirror.to_string_lossy()])?;
    let copy = bench.repository("bench/copy");
    bench.step("copy", &["copy", &repository, &copy])?;
    let old = format!("{}@{}", untagged(&repository), digest(&first)?);
    let new = format!("{}@{}", untagged(&repository), digest(&second)?);
    bench.step("diff", &["diff", &old, &new])?;
    Ok(bench.rows)
}

/// A registry, and what was measured against it.
struct Bench<'a> {
    program: &'a Path,
    registry: Registry,
    host: String,
    log: Log,
    // The server ends before its directory goes.
    _server: Box<dyn std::any::Any>,
    scratch: Scratch,
    layout: String,
    packages: usize,
    rows: Vec<Row>,
}

impl<'a> Bench<'a> {
    fn start(program: &'a Path, packages: usize, options: &Options) -> io::Result<Self> {
        let scratch = Scratch::new("bench")?;
        let registry = options.registry;
        let (host, log, server): (String, PathBuf, Box<dyn std::any::Any>) = match registry {
            Registry::Memory => {
                let address = free_address()?;
                let log = scratch.join("registry.log");
                let mut command = Command::new(program);
                command.args(["registry", "-v", "--listen", &address.to_string()]);
                let server = Server::start(&mut command, address, &log)?;
                (address.to_string(), log, Box::new(server))
            }
            Registry::Docker => {
                let server = DockerRegistry::start(&Access::Open)?;
                let log = server.directory().join("log");
                (server.host(), log, Box::new(server))
            }
        };
        Ok(Self {
            program,
            registry,
            host,
            log: Log::new(log),
            _server: server,
            scratch,
            layout: options.layout.clone(),
            packages,
            rows: Vec::new(),
        })
    }

    fn repository(&self, name: &str) -> String {
        format!("oci://{}/{name}:f41", self.host)
    }

    /// Runs the program as somebody who has nothing cached, and returns what it printed.
    fn step(&mut self, step: &'static str, arguments: &[&str]) -> io::Result<String> {
        // What was asked before is not its.
        self.log.traffic()?;
        let (printed, cost) = self.run(arguments)?;
        let traffic = self.log.traffic()?;
        let cost = Cost { traffic, ..cost };
        println!(
            "    {step}: {:.1} s, {} requests, {} MiB",
            cost.seconds,
            traffic.requests,
            cost.peak >> 20
        );
        self.rows.push(Row {
            registry: self.registry.name(),
            layout: self.layout.clone(),
            packages: self.packages,
            step,
            cost,
            note: String::new(),
        });
        Ok(printed)
    }

    fn run(&self, arguments: &[&str]) -> io::Result<(String, Cost)> {
        let home = Scratch::new("home")?;
        let temporary = home.join("tmp");
        fs::create_dir_all(&temporary)?;
        let mut command = Command::new(self.program);
        command
            .args(arguments)
            .arg("--json")
            .env("HOME", home.path())
            .env("XDG_CONFIG_HOME", home.join("config"))
            .env("XDG_CACHE_HOME", home.join("cache"))
            .env("XDG_STATE_HOME", home.join("state"))
            .env("TMPDIR", temporary);
        measure::run(&mut command, &home.join("output"))
    }

    /// Adds something to the step before.
    fn note(&mut self, note: String) {
        if let Some(row) = self.rows.last_mut() {
            row.note = note;
        }
    }

    /// The digests of the manifests that a root names.
    fn children(&self, repository: &str) -> io::Result<BTreeSet<String>> {
        let (root, _) = self.run(&["manifest", repository])?;
        let mut digests = BTreeSet::new();
        for (_, rest) in root
            .match_indices("\"digest\"")
            .map(|(at, _)| root.split_at(at))
        {
            let digest = rest.split('"').nth(3).unwrap_or_default();
            digests.insert(digest.to_owned());
        }
        Ok(digests)
    }
}

fn untagged(repository: &str) -> &str {
    repository.strip_suffix(":f41").unwrap_or(repository)
}

/// The digest that `push --json` names.
fn digest(printed: &str) -> io::Result<String> {
    let (_, rest) = printed
        .split_once("\"digest\":\"")
        .ok_or_else(|| io::Error::other(format!("no digest in {printed}")))?;
    Ok(rest.split('"').next().unwrap_or_default().to_owned())
}
