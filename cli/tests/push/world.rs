//! A publisher with a registry, and packages built on the spot.

#![allow(
    clippy::unwrap_used,
    reason = "the helpers of tests are tests, though not marked so"
)]

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use rpm::{BuildConfig, FileOptions, PackageBuilder};
use serde_json::Value;

use crate::common::Server;

/// When the packages were built, unless a test says otherwise.
pub(crate) const BUILT: u32 = 1_700_000_000;

/// A registry of its own, a home, and a folder for packages.
pub(crate) struct World {
    // Ends before its home goes.
    _registry: Server,
    home: tempfile::TempDir,
    address: String,
}

/// A package to build.
#[derive(Clone)]
pub(crate) struct Recipe {
    pub(crate) name: &'static str,
    pub(crate) version: &'static str,
    pub(crate) content: &'static str,
    pub(crate) built: u32,
    /// How long its change log is.
    pub(crate) changes: u32,
}

impl Recipe {
    pub(crate) fn new(name: &'static str, version: &'static str) -> Self {
        Self {
            name,
            version,
            content: "content",
            built: BUILT,
            changes: 1,
        }
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let Self {
            name,
            version,
            content,
            built,
            changes,
        } = self;
        let file = FileOptions::new(format!("/usr/share/{name}")).permissions(0o644);
        let mut builder = PackageBuilder::new(name, version, "MIT", "noarch", "A package");
        builder
            .using_config(BuildConfig::v4().source_date(*built))
            .release("1")
            .build_host("localhost")
            .with_file_contents(*content, file)
            .unwrap();
        for day in 0..*changes {
            let date = built - day * 86_400;
            builder.add_changelog_entry("Me <me@example.org> - 1-1", "- made", date);
        }
        let package = builder.build().unwrap();
        let mut bytes = Vec::new();
        package.write(&mut bytes).unwrap();
        bytes
    }

    pub(crate) fn file_name(&self) -> String {
        format!("{}-{}-1.noarch.rpm", self.name, self.version)
    }
}

impl World {
    pub(crate) fn new() -> Self {
        let home = tempfile::tempdir().unwrap();
        let mut command = command(home.path());
        command.args(["registry", "--listen", "127.0.0.1:0"]);
        let registry = Server::start(command.stderr(Stdio::null()));
        let address = registry.said.trim().rsplit("http://").next().unwrap();
        Self {
            home,
            address: address.to_owned(),
            _registry: registry,
        }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        assert!(!name.starts_with('/'), "{name} is not below the home");
        self.home.path().join(name)
    }

    /// Writes a file, with the folders it is in.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) -> String {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path.to_str().unwrap().to_owned()
    }

    /// Builds a package into the folder of that name; nothing is the home itself.
    pub(crate) fn package(&self, folder: &str, recipe: &Recipe) -> String {
        let name = Path::new(folder).join(recipe.file_name());
        self.write(name.to_str().unwrap(), recipe.bytes())
    }

    pub(crate) fn location(&self, name: &str) -> String {
        format!("oci://{}/{name}", self.address)
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Output {
        self.run_with(arguments, &[])
    }

    pub(crate) fn run_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        command(self.home.path())
            .args(arguments)
            .envs(variables.iter().copied())
            .output()
            .unwrap()
    }

    /// Pushes to `me/repo:el9` (or whatever `NAME:TAG` the last argument is, without the
    /// registry) and gives what was told.
    pub(crate) fn push(&self, arguments: &[&str]) -> Value {
        self.push_with(arguments, &[])
    }

    pub(crate) fn push_with(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Value {
        let output = self.try_push(arguments, variables);
        assert!(output.status.success(), "{output:?}");
        serde_json::from_slice(&output.stdout).unwrap()
    }

    pub(crate) fn try_push(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Output {
        let (last, rest) = arguments.split_last().unwrap();
        let location = self.location(last);
        let mut all = vec!["push", "--json"];
        all.extend(rest);
        all.push(&location);
        self.run_with(&all, variables)
    }

    /// Why a push fails, and with which exit code.
    pub(crate) fn refused(&self, arguments: &[&str]) -> (i32, String) {
        let output = self.try_push(arguments, &[]);
        let message = String::from_utf8(output.stderr).unwrap();
        (output.status.code().unwrap(), message)
    }

    /// The NEVRAs that a repository has.
    pub(crate) fn packages(&self, name: &str) -> Vec<String> {
        let output = self.run(&["ls", "--json", &self.location(name)]);
        assert!(output.status.success(), "{output:?}");
        let lines = String::from_utf8(output.stdout).unwrap();
        lines
            .lines()
            .map(|line| {
                let package: Value = serde_json::from_str(line).unwrap();
                package["nevra"].as_str().unwrap().to_owned()
            })
            .collect()
    }

    /// The repository as a directory.
    pub(crate) fn sync(&self, name: &str) -> PathBuf {
        let directory = self.path(&format!("mirror-{}", name.replace(['/', ':'], "-")));
        let to = directory.to_str().unwrap();
        let output = self.run(&["sync", "--delete", &self.location(name), to]);
        assert!(output.status.success(), "{output:?}");
        directory
    }

    pub(crate) fn repomd(&self, name: &str) -> ocirepo_rpm::repomd::Repomd {
        let directory = self.sync(name);
        let raw = fs::read(directory.join("repodata/repomd.xml")).unwrap();
        ocirepo_rpm::repomd::Repomd::parse(&raw).unwrap()
    }

    pub(crate) fn tags(&self, name: &str) -> Vec<String> {
        let output = self.run(&["tags", &self.location(name)]);
        let tags = String::from_utf8(output.stdout).unwrap();
        tags.lines().map(str::to_owned).collect()
    }

    /// Points a tag at what another one points at, behind the back of all publishers.
    pub(crate) fn retag(&self, repository: &str, from: &str, to: &str) {
        let manifests = format!("/v2/{repository}/manifests");
        let manifest = self.exchange(format!("GET {manifests}/{from} HTTP/1.1\r\n"), &[]);
        let put = format!(
            "PUT {manifests}/{to} HTTP/1.1\r\nContent-Type: {}\r\n",
            serde_json::from_slice::<Value>(&manifest).unwrap()["mediaType"]
                .as_str()
                .unwrap()
        );
        self.exchange(put, &manifest);
    }

    fn exchange(&self, head: String, body: &[u8]) -> Vec<u8> {
        let mut stream = TcpStream::connect(&self.address).unwrap();
        let length = body.len();
        let host = &self.address;
        let rest = format!("Host: {host}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
        stream.write_all((head + &rest).as_bytes()).unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        assert!(answer.starts_with(b"HTTP/1.1 20"), "{answer:?}");
        let end = answer.windows(4).position(|four| four == b"\r\n\r\n");
        answer.split_off(end.unwrap() + 4)
    }
}

fn command(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_ocirepo"));
    command.env_clear().env("HOME", home);
    command.env("XDG_RUNTIME_DIR", home);
    command
}
