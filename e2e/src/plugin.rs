//! The real dnf with the plugin that reads `oci://`, on a machine of its own.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use crate::dnf::as_root;
use crate::process::Run;
use crate::scratch::Scratch;

/// What of the distribution's plugins is about another machine than this one.
const OTHER_PLUGINS: &str = "--disableplugin=local,versionlock";

/// A root to install into, `.repo` files, and somebody who runs dnf.
#[derive(Debug)]
pub struct Machine {
    root: Scratch,
    etc: Scratch,
    environment: Vec<(String, String)>,
}

impl Machine {
    /// A machine that has the plugin and the program, and no repository.
    ///
    /// # Errors
    /// When its files cannot be written.
    pub fn new() -> io::Result<Machine> {
        let machine = Machine {
            root: Scratch::new("machine")?,
            etc: Scratch::new("etc")?,
            environment: Vec::new(),
        };
        for directory in ["repos", "vars", "plugins", "home"] {
            fs::create_dir(machine.etc.join(directory))?;
        }
        machine.configure_plugin(&format!("program={}", program()?.display()))?;
        Ok(machine)
    }

    /// Adds a variable to the environment of dnf.
    #[must_use]
    pub fn variable(mut self, name: &str, value: &Path) -> Machine {
        let value = value.to_string_lossy().into_owned();
        self.environment.push((name.to_owned(), value));
        self
    }

    /// Writes the plugin's configuration file.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn configure_plugin(&self, lines: &str) -> io::Result<()> {
        let text = format!("[main]\nenabled=1\n{lines}\n");
        fs::write(self.etc.join("plugins/ocirepo.conf"), text)
    }

    /// Puts a `.repo` file in place.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn repo_file(&self, name: &str, text: &str) -> io::Result<()> {
        fs::write(self.repo_path(name), text)
    }

    /// Where a `.repo` file is.
    pub fn repo_path(&self, name: &str) -> PathBuf {
        self.etc.join("repos").join(name)
    }

    /// Sets a variable of dnf, as files in `/etc/dnf/vars` do.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn dnf_variable(&self, name: &str, value: &str) -> io::Result<()> {
        fs::write(self.etc.join("vars").join(name), value)
    }

    /// A path in the root.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The home of whoever runs dnf.
    pub fn home(&self) -> PathBuf {
        self.etc.join("home")
    }

    /// Imports a key into the root's RPM database.
    ///
    /// # Errors
    /// When rpm does not.
    pub fn import_key(&self, key: &Path) -> io::Result<()> {
        let mut command = as_root("rpmkeys");
        command.arg("--root").arg(self.root.path());
        command.arg("--import").arg(key);
        // Debian's rpm has its database in the home of whoever runs it.
        command.env("HOME", self.home());
        Run::of(&mut command)?.well().map(|_| ())
    }

    /// The command for a run of dnf.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let plugin = concat!(env!("CARGO_MANIFEST_DIR"), "/../contrib/dnf");
        let etc = |name: &str| self.etc.join(name).display().to_string();
        let mut command = as_root("dnf");
        command
            .arg("-y")
            .arg(format!("--installroot={}", self.root.path().display()))
            .args(["--releasever=1", OTHER_PLUGINS])
            .arg(format!("--setopt=reposdir={}", etc("repos")))
            .arg(format!("--setopt=varsdir={}", etc("vars")))
            .arg(format!("--setopt=pluginconfpath={}", etc("plugins")))
            .arg(format!(
                "--setopt=pluginpath=/usr/lib/python3/dist-packages/dnf-plugins,{plugin}"
            ))
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.home())
            .env_remove("XDG_RUNTIME_DIR")
            .env_remove("REGISTRY_AUTH_FILE")
            .envs(self.environment.iter().cloned());
        command
    }

    /// Runs dnf to its end.
    ///
    /// # Errors
    /// When it cannot be started. Whether it did what it should is for the caller to read in
    /// what it printed.
    pub fn dnf(&self, arguments: &[&str]) -> io::Result<Run> {
        Run::of(&mut self.command(arguments))
    }

    /// Runs zypper to its end, on the same `.repo` files and the same root.
    ///
    /// # Errors
    /// When it is not there or cannot be started.
    pub fn zypper(&self, arguments: &[&str]) -> io::Result<Run> {
        let zypper = std::env::var("OCIREPO_LAB_ZYPPER").map_err(|_| {
            io::Error::other("OCIREPO_LAB_ZYPPER is not set; `cargo xtask e2e` does")
        })?;
        let mut command = as_root(&zypper);
        command
            .args(["--non-interactive", "--gpg-auto-import-keys"])
            .arg("--root")
            .arg(self.root.path())
            .arg("--reposd-dir")
            .arg(self.etc.join("repos"))
            .args(arguments)
            .env("LC_ALL", "C.UTF-8")
            .env("HOME", self.home());
        Run::of(&mut command)
    }

    /// What an installed sample package put into the root; `None` when it is not installed.
    pub fn installed(&self, package: &str) -> Option<String> {
        let path = self.path("usr/share/lab").join(package);
        fs::read_to_string(path).ok()
    }
}

/// The program where every user can run it, as packages install it: the one under test may be
/// in somebody's home.
///
/// # Errors
/// When `OCIREPO_BIN` does not name it, or it cannot be copied.
pub fn program() -> io::Result<PathBuf> {
    static COPY: OnceLock<Scratch> = OnceLock::new();
    static LOCK: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _one_at_a_time = LOCK.lock();
    if let Some(directory) = COPY.get() {
        return Ok(directory.join("ocirepo"));
    }
    let program = std::env::var_os("OCIREPO_BIN").ok_or_else(|| {
        io::Error::other("OCIREPO_BIN names the program; run these tests with `cargo xtask e2e`")
    })?;
    let directory = Scratch::short("program")?;
    restrict(directory.path())?;
    let copy = directory.join("ocirepo");
    fs::copy(program, &copy)?;
    restrict(&copy)?;
    let _ = COPY.set(directory);
    Ok(copy)
}

fn restrict(path: &Path) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    fs::set_permissions(path, fs::Permissions::from_mode(0o755))
}
