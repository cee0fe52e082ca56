//! Large blobs: killed in the middle, and how much memory they take.

use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::thread::sleep;
use std::time::Duration;

use ocirepo::Digest;
use ocirepo::digest::{Algorithm, Hasher};
use ocirepo_e2e::curl::curl;
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::watched::{Watched, largest_file, write_noise};

use ocirepo_e2e::world::{Protection, World};

const GIB: u64 = 1 << 30;

const MIB: u64 = 1 << 20;

/// The most memory a pull or push may take.
const MEMORY: u64 = 40 * MIB;

/// What may have reached the network but not yet the disk when a program is killed.
const IN_FLIGHT: u64 = 16 * MIB;

/// One at a time: each of these keeps both cores and a few GiB of disk busy.
fn alone() -> MutexGuard<'static, ()> {
    static ALONE: Mutex<()> = Mutex::new(());
    ALONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A registry with one blob of 1 GiB.
struct Large {
    world: World,
    digest: Digest,
    _alone: MutexGuard<'static, ()>,
    directory: Scratch,
}

impl Large {
    fn new() -> Large {
        let alone = alone();
        let directory = Scratch::new("large").expect("a directory");
        let content = directory.join("content");
        write_noise(&content, GIB).expect("a large file");
        let digest = digest_of(&content).expect("its digest");
        let world = World::new(Protection::Open).expect("a registry");
        let uploads = format!("{}/v2/lab/large/blobs/uploads/", world.registry.url());
        let write_out = ["--output", "/dev/null", "--write-out", "%header{location}"];
        let post = ["--request", "POST", &uploads];
        let location = curl(post.iter().chain(&write_out)).expect("an upload");
        let put = format!("{location}&digest={digest}");
        curl(["--upload-file", &content.to_string_lossy(), &put]).expect("a large blob");
        fs::remove_file(content).expect("a removed file");
        Large {
            world,
            digest,
            _alone: alone,
            directory,
        }
    }

    fn target(&self) -> PathBuf {
        self.directory.join("pulled")
    }

    fn pull(&self) -> Watched {
        let blob = format!("{}@{}", self.world.location("lab/large"), self.digest);
        let target = self.target();
        let arguments = ["blob", &blob, "-o", &target.to_string_lossy()];
        Watched::start(&mut self.world.program.command(&arguments)).expect("the program")
    }

    fn on_disk(&self) -> u64 {
        largest_file(self.directory.path()).max(largest_file(&self.world.program.path("")))
    }

    fn assert_whole(&self) {
        assert_eq!(digest_of(&self.target()).ok(), Some(self.digest));
    }

    /// The bytes of the blob the registry sent, one number for each request.
    fn sent(&self) -> Vec<u64> {
        let blobs = format!("/blobs/{}", self.digest);
        let requests = self.world.registry.requests().expect("a log");
        requests
            .iter()
            .filter(|request| request.method == "GET" && request.target.ends_with(&blobs))
            .map(|request| request.bytes)
            .collect()
    }
}

fn digest_of(path: &Path) -> io::Result<Digest> {
    let mut hasher = Hasher::new(Algorithm::Sha256);
    let mut file = File::open(path)?;
    let mut buffer = vec![0; 1 << 20];
    loop {
        let count = file.read(&mut buffer)?;
        if count == 0 {
            return Ok(hasher.finish());
        }
        hasher.update(&buffer[..count]);
    }
}

#[test]
fn a_pull_killed_in_the_middle_fetches_only_the_rest() {
    let large = Large::new();
    let mut pull = large.pull();
    pull.until(|| large.on_disk() > GIB / 3)
        .expect("a third of it");
    pull.kill().expect("a dead program");
    let kept = large.on_disk();
    assert!((GIB / 3..GIB).contains(&kept), "{kept} bytes are on disk");

    let (run, _) = large.pull().finish().expect("the second start");
    assert!(run.ok, "{run}");
    large.assert_whole();
    let last = large.sent().last().copied().expect("a second request");
    assert!(
        last <= GIB - kept + IN_FLIGHT,
        "kept {kept}, fetched {last}"
    );
}

#[test]
fn a_registry_killed_in_the_middle_does_not_lose_the_pull() {
    let mut large = Large::new();
    let mut pull = large.pull();
    pull.until(|| large.on_disk() > GIB / 3)
        .expect("a third of it");
    large.world.registry.kill();
    sleep(Duration::from_secs(1));
    large.world.registry.restart().expect("the registry again");
    let (run, _) = pull.finish().expect("the same program");
    assert!(run.ok, "{run}");
    large.assert_whole();
    let last = large.sent().last().copied().expect("a second request");
    assert!(last < GIB - GIB / 3 + IN_FLIGHT, "fetched {last}");
}

#[test]
fn a_pull_of_a_gibibyte_takes_little_memory() {
    let large = Large::new();
    let (run, peak) = large.pull().finish().expect("the program");
    assert!(run.ok, "{run}");
    large.assert_whole();
    assert!(
        (1..MEMORY).contains(&peak),
        "peak memory {} KiB",
        peak / 1024
    );
}
