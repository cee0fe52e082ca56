//! The real dnf, in a root of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::process::Run;
use crate::scratch::Scratch;

/// dnf with one repository, `lab`, and nothing of the system's own configuration.
#[derive(Debug)]
pub struct Dnf {
    root: Scratch,
    arguments: Vec<String>,
}

impl Dnf {
    /// A new, empty root; packages and metadata must be signed with `key`.
    ///
    /// # Errors
    /// When the root cannot be made.
    pub fn new(baseurl: &str, key: &Path) -> io::Result<Dnf> {
        let root = Scratch::new("dnf")?;
        let key = key.display();
        let arguments = vec![
            "-y".to_owned(),
            format!("--installroot={}", root.path().display()),
            "--releasever=1".to_owned(),
            "--setopt=reposdir=/dev/null".to_owned(),
            format!("--repofrompath=lab,{baseurl}"),
            "--repo=lab".to_owned(),
            "--setopt=lab.gpgcheck=1".to_owned(),
            "--setopt=lab.repo_gpgcheck=1".to_owned(),
            format!("--setopt=lab.gpgkey=file://{key}"),
            // Without it a repository with a bad signature is only left out.
            "--setopt=lab.skip_if_unavailable=0".to_owned(),
            // A failure is asserted on; asking ten times for the same answer only takes time.
            "--setopt=lab.retries=1".to_owned(),
        ];
        Ok(Dnf { root, arguments })
    }

    /// Adds an option of the repository, such as `username=…`.
    #[must_use]
    pub fn option(mut self, option: &str) -> Dnf {
        self.arguments.push(format!("--setopt=lab.{option}"));
        self
    }

    /// Asks for metadata in every run: what is of this very second does not expire by itself.
    #[must_use]
    pub fn refreshing(mut self) -> Dnf {
        self.arguments.push("--refresh".to_owned());
        self
    }

    /// Runs one command.
    ///
    /// # Errors
    /// When dnf cannot be started. Whether it did what it should is for the caller to read in
    /// what it printed.
    pub fn run(&self, command: &[&str]) -> io::Result<Run> {
        Run::of(
            as_root("dnf")
                .args(&self.arguments)
                .args(command)
                .env("LC_ALL", "C.UTF-8"),
        )
    }

    /// The names, versions and architectures the repository offers, one a line, sorted by dnf.
    ///
    /// # Errors
    /// When dnf does not end well; with what it printed.
    pub fn list(&self) -> io::Result<Vec<String>> {
        let run = self.run(&["--quiet", "repoquery"])?.well()?;
        Ok(run.stdout.lines().map(str::to_owned).collect())
    }

    /// Downloads packages into a directory of its own and returns the files.
    ///
    /// # Errors
    /// When dnf does not end well; with what it printed.
    pub fn download(&self, packages: &[&str]) -> io::Result<Vec<PathBuf>> {
        let directory = self.root.join("downloaded");
        let destination = directory.to_string_lossy();
        let mut command = vec!["download", "--destdir", &destination];
        command.extend(packages);
        self.run(&command)?.well()?;
        let mut files = Vec::new();
        for entry in fs::read_dir(&directory)? {
            files.push(entry?.path());
        }
        files.sort();
        Ok(files)
    }

    /// What an installed sample package put into the root.
    ///
    /// # Errors
    /// When it is not there.
    pub fn installed(&self, package: &str) -> io::Result<String> {
        let path = self.root.join(Path::new("usr/share/lab").join(package));
        fs::read_to_string(&path)
            .map_err(|error| io::Error::other(format!("{}: {error}", path.display())))
    }
}

/// A command as root: in a user namespace where the caller is somebody else.
pub(crate) fn as_root(program: &str) -> Command {
    use std::os::unix::fs::MetadataExt as _;
    let root = fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    if root {
        return Command::new(program);
    }
    let mut command = Command::new("unshare");
    command.args(["--map-root-user", program]);
    command
}
