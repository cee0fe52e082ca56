//! A registry with repositories whose every byte is known, and a bridge before it.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

use ocirepo::Digest;

use crate::program::{Bridge, Program};
use crate::random::Random;
use crate::registry::{Access, DockerRegistry};
use crate::sample::{Key, Package, Sample, Style, files_below};
use crate::scratch::Scratch;
use crate::synthetic;

/// The size of the bridge's cache, in bytes: about a third of what is asked for.
pub(super) const CACHE: u64 = 12 << 20;

/// Packages of each repository that stays as it is, and about how large they are.
const PACKAGES: usize = 80;
const SIZE: usize = 160 << 10;

/// So many of them are of this size, in bytes: more than fits between a server and a client that
/// does not read.
const LARGE: usize = 4;
const LARGE_SIZE: usize = 6 << 20;

/// Small enough that it always comes at once.
const MOVING: &str = "lab/moving:el9";

/// A file as it must come.
#[derive(Debug)]
pub(super) struct File {
    /// Below the repository.
    pub(super) name: String,
    /// At the bridge.
    pub(super) path: String,
    pub(super) content: Vec<u8>,
    pub(super) digest: Digest,
}

/// Everything there is.
#[derive(Debug)]
pub(super) struct World {
    program: Program,
    /// The files of the repositories that stay as they are.
    pub(super) files: Vec<File>,
    /// Where those are.
    pub(super) bases: Vec<String>,
    /// The two states of the repository that does not: where each is published from, and what is
    /// read of it.
    pub(super) states: [(Sample, Vec<File>); 2],
    host: String,
    _key: Key,
}

/// A world, and the registry that holds it.
#[derive(Debug)]
pub(super) struct Site {
    world: World,
    registry: DockerRegistry,
}

impl Site {
    pub(super) fn new() -> io::Result<Site> {
        let registry = DockerRegistry::start(&Access::Open)?;
        let host = registry.host();
        let program = Program::new()?;
        let key = Key::new()?;
        let made = synthetic::with_payloads(&program.path("made"), PACKAGES, SIZE)?;
        enlarge(&made)?;
        let (mut files, mut bases) = (Vec::new(), Vec::new());
        for layout in ["index", "native"] {
            let reference = format!("lab/{layout}:el9");
            push(&program, &made, &host, &reference, layout)?;
            files.extend(read(&program, &host, &reference)?);
            bases.push(format!("/{host}/{reference}/"));
        }
        let packages = |version| -> Vec<Package> {
            let names = ["alpha", "beta++", "gamma"];
            let package = |name| Package::new(name, version, "1");
            names.into_iter().map(package).collect()
        };
        let state = |version| -> io::Result<(Sample, Vec<File>)> {
            let sample = Sample::build(&key, &packages(version), Style::default())?;
            push(&program, sample.path(), &host, MOVING, "files")?;
            let files = read(&program, &host, MOVING)?;
            Ok((sample, files))
        };
        Ok(Site {
            world: World {
                files,
                bases,
                states: [state("1.0")?, state("2.0")?],
                host,
                program,
                _key: key,
            },
            registry,
        })
    }

    /// Starts a bridge with a small cache.
    pub(super) fn serve(&self) -> io::Result<Bridge> {
        let World { program, host, .. } = &self.world;
        let configuration = program.path("config/ocirepo");
        fs::create_dir_all(&configuration)?;
        let size = format!("cache-size = {CACHE}\n");
        fs::write(configuration.join("config.toml"), size)?;
        program.serve(&["--allow", &format!("{host}/lab"), "--timeout", "5"])
    }

    pub(super) fn world(&self) -> &World {
        &self.world
    }

    /// For those who read, and for the one who takes the registry away.
    pub(super) fn parts(&mut self) -> (&World, &mut DockerRegistry) {
        (&self.world, &mut self.registry)
    }
}

impl World {
    /// Moves the tag to one of its states.
    pub(super) fn push(&self, state: usize) -> io::Result<()> {
        let (sample, _) = &self.states[state];
        push(&self.program, sample.path(), &self.host, MOVING, "files")
    }

    /// The smallest package, which the probe keeps in the cache.
    pub(super) fn smallest(&self) -> &File {
        let packages = self.files.iter().filter(|file| file.name.ends_with(".rpm"));
        let smallest = packages.min_by_key(|file| file.content.len());
        smallest.unwrap_or(&self.files[0])
    }

    /// The bytes in the cache, unfinished ones not counted.
    pub(super) fn cached(&self) -> u64 {
        // What is evicted meanwhile is not there.
        fn sum(directory: &Path) -> u64 {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            let sizes = entries.filter_map(|entry| {
                let metadata = entry.metadata().ok()?;
                let directory = metadata.is_dir();
                Some(if directory {
                    sum(&entry.path())
                } else {
                    metadata.len()
                })
            });
            sizes.sum()
        }
        sum(&self.program.path("cache/ocirepo/content"))
    }

    /// The most bytes that may stay in the cache: it counts again after each sixteenth, and one
    /// file may have come on top.
    pub(super) fn bound(&self) -> u64 {
        let largest = self.files.iter().map(|file| file.content.len()).max();
        CACHE + CACHE / 16 + largest.unwrap_or(0) as u64
    }

    /// Everything the bridge printed.
    pub(super) fn log(&self) -> io::Result<String> {
        let log = fs::read(self.program.path("serve.log"))?;
        Ok(String::from_utf8_lossy(&log).into_owned())
    }
}

/// Lets the first packages grow; nobody unpacks them.
fn enlarge(packages: &Path) -> io::Result<()> {
    let mut random = Random::new(11);
    for name in files_below(packages)?.iter().take(LARGE) {
        let mut noise = Vec::with_capacity(LARGE_SIZE);
        while noise.len() < LARGE_SIZE {
            noise.extend(random.next().to_le_bytes());
        }
        let mut file = OpenOptions::new().append(true).open(packages.join(name))?;
        file.write_all(&noise)?;
    }
    Ok(())
}

fn push(
    program: &Program,
    from: &Path,
    host: &str,
    reference: &str,
    layout: &str,
) -> io::Result<()> {
    let (from, to) = (from.to_string_lossy(), format!("oci://{host}/{reference}"));
    let arguments = ["push", &from, &to, "--layout", layout];
    program.run(&arguments)?.well().map(drop)
}

/// What a repository is, as `sync` writes it.
fn read(program: &Program, host: &str, reference: &str) -> io::Result<Vec<File>> {
    let copy = Scratch::new("golden")?;
    let from = format!("oci://{host}/{reference}");
    let sync = ["sync", &from, &copy.path().to_string_lossy()];
    program.run(&sync)?.well()?;
    let names = files_below(copy.path())?.into_iter();
    let file = |name: String| {
        let content = fs::read(copy.join(&name))?;
        Ok(File {
            path: format!("/{host}/{reference}/{name}"),
            digest: Digest::of(&content),
            name,
            content,
        })
    };
    names.map(file).collect()
}
