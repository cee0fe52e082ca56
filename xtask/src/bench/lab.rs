//! What cases measure with: programs, peers, a place in memory, and how much of everything.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::scratch::{self, Scratch};

use super::pairs::{Rounds, Sample};
use super::peers;
use super::{RELEASE, measure, named};
use crate::report::Failure;
use crate::run::target_dir;
use crate::setup;
use crate::test::{PROFILE, build_programs};

/// How much is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scale {
    /// What the documentation has figures of.
    Full,
    /// As many rounds of less.
    Quick,
    /// One round of next to nothing, to see that everything works.
    Smoke,
}

pub(crate) struct Lab {
    /// `ocirepo` itself.
    pub(crate) program: PathBuf,
    pub(crate) scale: Scale,
    /// The directory of the helpers.
    helpers: PathBuf,
    /// Programs from elsewhere; none in a smoke run, for which they would take too long to build.
    peers: Option<PathBuf>,
    memory: PathBuf,
}

impl Lab {
    /// Builds and installs everything.
    pub(crate) fn open(scale: Scale) -> Result<Self, Failure> {
        // A smoke run takes what is built for the tests, too.
        let (profile, peers) = match scale {
            Scale::Smoke => (PROFILE, None),
            _ => (RELEASE, Some(peers::build()?)),
        };
        build_programs(profile)?;
        let helpers = target_dir().join(profile);
        let program = named().unwrap_or_else(|| helpers.join("ocirepo"));
        let memory = Path::new("/dev/shm");
        let memory = if memory.is_dir() {
            memory.to_owned()
        } else {
            println!("    there is no /dev/shm here: files are on disk");
            super::bench_dir()
        };
        scratch::sweep(&memory).map_err(|error| error.to_string())?;
        Ok(Self {
            program,
            scale,
            helpers,
            peers,
            memory,
        })
    }

    /// A directory in memory.
    pub(crate) fn scratch(&self, purpose: &str) -> io::Result<Scratch> {
        Scratch::below(&self.memory, purpose)
    }

    /// The one of three numbers that fits.
    pub(crate) fn amount(&self, full: usize, quick: usize, smoke: usize) -> usize {
        match self.scale {
            Scale::Full => full,
            Scale::Quick => quick,
            Scale::Smoke => smoke,
        }
    }

    pub(crate) fn rounds(&self) -> Rounds {
        match self.scale {
            Scale::Smoke => Rounds {
                warm_up: 0,
                counted: 1,
            },
            _ => Rounds {
                warm_up: 1,
                counted: 11,
            },
        }
    }

    /// A helper of `benches/`.
    pub(crate) fn helper(&self, name: &str) -> PathBuf {
        self.helpers.join(name)
    }

    /// A program from elsewhere, where it was built.
    pub(crate) fn peer(&self, name: &str) -> Option<PathBuf> {
        self.peers.as_ref().map(|peers| peers.join(name))
    }

    /// The Python that has the newest createrepo_c, where it was installed.
    pub(crate) fn peers_python(&self) -> Option<PathBuf> {
        self.peers.as_deref().map(peers::python)
    }

    /// The Python that has `oras`.
    pub(crate) fn python(&self) -> PathBuf {
        setup::python_dir().join("bin/python")
    }

    /// Runs a program to its end and says what it cost. It must end well.
    pub(crate) fn cost(&self, command: &Command) -> io::Result<Sample> {
        self.printed(command).map(|(sample, _)| sample)
    }

    /// The same, and what it printed.
    pub(crate) fn printed(&self, command: &Command) -> io::Result<(Sample, String)> {
        let place = self.scratch("cost")?;
        measure::exactly(&self.helper("measure"), command, place.path())
    }

    /// `ocirepo` as somebody who has nothing in this home.
    pub(crate) fn ocirepo<'a>(
        &self,
        home: &Path,
        arguments: impl IntoIterator<Item = &'a str>,
    ) -> Command {
        let mut command = Command::new(&self.program);
        command.args(arguments).env("HOME", home);
        for (variable, directory) in [
            ("XDG_CONFIG_HOME", "config"),
            ("XDG_CACHE_HOME", "cache"),
            ("XDG_STATE_HOME", "state"),
            ("XDG_RUNTIME_DIR", "run"),
        ] {
            command.env(variable, home.join(directory));
        }
        command
    }

    /// Runs a step that is not measured.
    pub(crate) fn prepare(&self, command: &mut Command) -> io::Result<String> {
        let run = ocirepo_e2e::process::Run::of(command)?;
        if !run.ok {
            return Err(io::Error::other(format!("{command:?} failed: {run}")));
        }
        Ok(run.stdout)
    }
}
