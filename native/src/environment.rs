//! The variables and standard directories of a process, as a value.
//!
//! Everything that depends on the environment takes an [`Environment`], so that tests
//! and programs with a sandbox of their own never change the variables of the process.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

/// Environment variables, and the directory that system files are below.
#[derive(Clone, Default)]
pub struct Environment {
    vars: BTreeMap<OsString, OsString>,
    root: PathBuf,
}

impl Environment {
    /// The variables of this process; system files are below `/`.
    pub fn of_process() -> Self {
        Self {
            vars: std::env::vars_os().collect(),
            root: PathBuf::from("/"),
        }
    }

    /// An environment with no variable at all, whose system files (`/etc/containers`
    /// and the like) are looked for below `root`.
    pub fn empty(root: impl Into<PathBuf>) -> Self {
        Self {
            vars: BTreeMap::new(),
            root: root.into(),
        }
    }

    /// Sets a variable of this value.
    pub fn set(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.vars.insert(name.into(), value.into());
        self
    }

    /// A variable as text; unset, empty and undecodable ones are `None`.
    pub fn var(&self, name: &str) -> Option<&str> {
        self.vars
            .get(std::ffi::OsStr::new(name))
            .and_then(|value| value.to_str())
            .filter(|value| !value.is_empty())
    }

    /// A variable as a path; unset and empty ones are `None`.
    pub fn path(&self, name: &str) -> Option<PathBuf> {
        self.vars
            .get(std::ffi::OsStr::new(name))
            .filter(|value| !value.is_empty())
            .map(PathBuf::from)
    }

    /// A file of the system, given by its absolute path.
    pub fn system(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// The home directory.
    pub fn home(&self) -> Option<PathBuf> {
        self.path("HOME").or_else(|| self.path("USERPROFILE"))
    }

    /// `$XDG_CONFIG_HOME`, or `~/.config`.
    pub fn config_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_CONFIG_HOME")
            .or_else(|| Some(self.home()?.join(".config")))
    }

    /// `$XDG_CACHE_HOME`, or `~/.cache`.
    pub fn cache_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_CACHE_HOME")
            .or_else(|| Some(self.home()?.join(".cache")))
    }

    /// `$XDG_STATE_HOME`, or `~/.local/state`.
    pub fn state_home(&self) -> Option<PathBuf> {
        self.absolute("XDG_STATE_HOME")
            .or_else(|| Some(self.home()?.join(".local/state")))
    }

    /// `$XDG_RUNTIME_DIR`.
    pub fn runtime_dir(&self) -> Option<PathBuf> {
        self.absolute("XDG_RUNTIME_DIR")
    }

    /// The program of that name on `$PATH`.
    pub fn program(&self, name: &str) -> Option<PathBuf> {
        let path = self.vars.get(std::ffi::OsStr::new("PATH"))?;
        std::env::split_paths(path)
            .filter(|dir| dir.is_absolute())
            .map(|dir| dir.join(format!("{name}{}", std::env::consts::EXE_SUFFIX)))
            .find(|file| file.is_file())
    }

    /// The base directory specification says to ignore relative paths.
    fn absolute(&self, name: &str) -> Option<PathBuf> {
        self.path(name).filter(|path| Path::is_absolute(path))
    }
}

impl fmt::Debug for Environment {
    /// Variables hold secrets, so only their number is shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Environment")
            .field("vars", &self.vars.len())
            .field("root", &self.root)
            .finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_and_relative_values_count_as_unset() {
        let environment = Environment::empty("/sandbox")
            .set("HOME", "/home/me")
            .set("XDG_CONFIG_HOME", "relative")
            .set("OCIREPO_TOKEN", "");
        assert_eq!(environment.var("OCIREPO_TOKEN"), None);
        assert_eq!(
            environment.config_home(),
            Some(PathBuf::from("/home/me/.config"))
        );
        assert_eq!(
            environment.system("/etc/containers"),
            PathBuf::from("/sandbox/etc/containers")
        );
    }

    #[test]
    fn a_dump_shows_no_value() {
        let environment = Environment::empty("/").set("OCIREPO_PASSWORD", "secret");
        assert!(!format!("{environment:?}").contains("secret"));
    }
}
