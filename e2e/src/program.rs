//! The `ocirepo` program, in a home of its own.

use std::fs;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::Command;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use crate::process::{Run, Server, free_address};
use crate::registry::{PASSWORD, USER};
use crate::scratch::Scratch;

/// The program as one user has it: with their credentials, caches and configuration.
#[derive(Debug)]
pub struct Program {
    home: Scratch,
    environment: Vec<(String, String)>,
}

impl Program {
    /// A user who has nothing yet.
    ///
    /// # Errors
    /// When the home cannot be made.
    pub fn new() -> io::Result<Program> {
        let home = Scratch::new("home")?;
        for name in ["run", "config", "cache", "state"] {
            fs::create_dir_all(home.join(name))?;
        }
        Ok(Program {
            home,
            environment: Vec::new(),
        })
    }

    /// Adds a variable to the environment.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &str) -> Program {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// A path in the home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.home.join(name)
    }

    /// Writes down the lab's user and password for registries, `host:port`, instead of whatever
    /// was there.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write_credentials(&self, hosts: &[&str]) -> io::Result<()> {
        let auth = STANDARD.encode(format!("{USER}:{PASSWORD}"));
        let entries = hosts
            .iter()
            .map(|host| ((*host).to_owned(), json!({ "auth": auth })));
        let auths: Map<String, Value> = entries.collect();
        let directory = self.home.join("config/containers");
        fs::create_dir_all(&directory)?;
        fs::write(
            directory.join("auth.json"),
            json!({ "auths": auths }).to_string(),
        )
    }

    /// A command to be run.
    ///
    /// # Panics
    /// When `OCIREPO_BIN` does not name the program: `cargo xtask e2e` sets it.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let program = std::env::var_os("OCIREPO_BIN")
            .expect("OCIREPO_BIN names the program; run these tests with `cargo xtask e2e`");
        let mut command = Command::new(program);
        command.args(arguments).env_clear();
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        command
            .env("HOME", self.home.path())
            .env("XDG_RUNTIME_DIR", self.home.join("run"))
            .env("XDG_CONFIG_HOME", self.home.join("config"))
            .env("XDG_CACHE_HOME", self.home.join("cache"))
            .env("XDG_STATE_HOME", self.home.join("state"))
            .envs(self.environment.iter().cloned());
        command
    }

    /// Runs a command to its end.
    ///
    /// # Errors
    /// When it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> io::Result<Run> {
        Run::of(&mut self.command(arguments))
    }

    /// Starts `serve` for some repositories and waits until it answers.
    ///
    /// # Errors
    /// When it does not; with the end of what it printed.
    pub fn serve(&self, arguments: &[&str]) -> io::Result<Bridge> {
        let address = free_address()?;
        self.serve_at(address, arguments)
    }

    /// Starts `serve` at an address, as after a restart.
    ///
    /// # Errors
    /// When it does not; with the end of what it printed.
    pub fn serve_at(&self, address: SocketAddr, arguments: &[&str]) -> io::Result<Bridge> {
        let mut command = self.command(&["serve", "--listen", &address.to_string()]);
        command.args(arguments);
        let log = self.home.join("serve.log");
        Ok(Bridge {
            server: Server::start(&mut command, address, &log)?,
            address,
            log,
        })
    }
}

/// A running bridge.
#[derive(Debug)]
pub struct Bridge {
    /// The process.
    pub server: Server,
    /// Where it listens.
    pub address: SocketAddr,
    log: PathBuf,
}

impl Bridge {
    /// The base URL of a repository, given as `host:port/name:tag`.
    pub fn url(&self, repository: &str) -> String {
        format!("http://{}/{repository}/", self.address)
    }

    /// What it printed, for a failed assertion.
    pub fn log(&self) -> String {
        crate::process::last_lines(&self.log, 60)
    }
}
