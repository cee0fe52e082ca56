//! Repositories that look like Fedora's: names, sources with their subpackages, file lists,
//! dependencies and change logs are drawn as they are distributed there; payloads are empty.
//!
//! The same size is the same files, byte for byte.

mod rpmfile;

use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use self::rpmfile::{Header, tag};
use crate::random::Random;

/// Grows whenever other files come out.
const VERSION: u32 = 1;

/// How many packages an update brings, at least: whole sources are updated.
pub const UPDATED: usize = 200;

const WORDS: &[&str] = &[
    "alpha", "arc", "async", "audio", "base", "bench", "bind", "block", "boot", "bridge", "build",
    "cache", "chart", "clang", "cloud", "code", "color", "config", "core", "crypt", "data", "date",
    "desk", "diff", "disk", "doc", "dump", "edit", "event", "exec", "fast", "field", "file",
    "filter", "flow", "font", "frame", "game", "gnome", "graph", "grid", "group", "hash", "http",
    "icon", "image", "input", "json", "kde", "kernel", "key", "lang", "layer", "link", "list",
    "log", "mail", "map", "math", "media", "mesh", "model", "module", "net", "node", "note",
    "object", "open", "page", "parse", "path", "play", "plot", "plugin", "port", "print", "proxy",
    "query", "random", "regex", "render", "route", "scan", "script", "search", "serial", "server",
    "shell", "sign", "simple", "socket", "sound", "stack", "stat", "stream", "string", "sync",
    "system", "table", "task", "term", "test", "text", "thread", "time", "tools", "trace", "tree",
    "type", "unit", "user", "util", "vector", "video", "view", "web", "wide", "window", "word",
    "wrap", "xml", "yaml", "zip",
];

/// What names begin with, and how many of a hundred sources do.
const FAMILIES: &[(&str, usize)] = &[
    ("rust-", 13),
    ("python-", 19),
    ("perl-", 14),
    ("golang-", 9),
    ("ghc-", 3),
    ("nodejs-", 3),
    ("lib", 8),
    ("", 31),
];

const SUFFIXES: &[&str] = &[
    "-devel", "-libs", "-doc", "-common", "-tools", "-static", "-tests", "-data", "-plugins",
    "-utils", "-help", "-selinux", "-gui", "-cli",
];

/// The share of packages that one huge source has, as texlive does.
const HUGE: f64 = 0.07;

/// A package that is not written yet.
#[derive(Clone, Debug)]
struct Plan {
    name: String,
    source: String,
    version: String,
    release: &'static str,
    arch: &'static str,
    seed: u64,
}

/// A repository of so many packages, and the update of it.
#[derive(Debug)]
pub struct Synthetic {
    /// The RPM files.
    pub packages: PathBuf,
    /// The RPM files of the update.
    pub update: PathBuf,
    /// How many there are of them.
    pub updated: usize,
}

/// Makes the files in a directory, unless they are there.
///
/// # Errors
/// When the disk fails.
pub fn make(below: &Path, packages: usize) -> io::Result<Synthetic> {
    let home = below.join(format!("synthetic-{packages}"));
    let stamp = home.join("complete");
    let plans = plan(packages);
    let updates = updates(&plans);
    let made = Synthetic {
        packages: home.join("packages"),
        update: home.join("update"),
        updated: updates.len(),
    };
    let wanted = VERSION.to_string();
    if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
        return Ok(made);
    }
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    let names: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
    write_all(&plans, &names, &made.packages)?;
    write_all(&updates, &names, &made.update)?;
    fs::write(stamp, wanted)?;
    Ok(made)
}

/// The packages of [`make`] in one directory, with payloads of `size` bytes and up to half
/// of that more or less; nobody unpacks them.
///
/// # Errors
/// When the disk fails.
pub fn with_payloads(below: &Path, packages: usize, size: usize) -> io::Result<PathBuf> {
    let made = make(below, packages)?;
    let home = below.join(format!("payloads-{packages}-{size}"));
    let stamp = home.join("complete");
    let files = home.join("packages");
    if stamp.exists() {
        return Ok(files);
    }
    if home.exists() {
        fs::remove_dir_all(&home)?;
    }
    fs::create_dir_all(&files)?;
    let mut random = Random::new(7);
    let mut payload = vec![0; 2 * size.max(8)];
    for piece in payload.chunks_exact_mut(8) {
        piece.copy_from_slice(&random.next().to_le_bytes());
    }
    for folder in sorted(&made.packages)? {
        for package in sorted(&folder)? {
            let name = package.file_name().unwrap_or_default();
            let mut file = fs::File::create(files.join(name))?;
            file.write_all(&fs::read(&package)?)?;
            let length = size / 2 + random.below(size.max(1));
            let from = random.below(size.max(1) / 2 + 1);
            file.write_all(&payload[from..from + length])?;
        }
    }
    fs::write(stamp, "")?;
    Ok(files)
}

/// The entries of a directory in the same order everywhere.
fn sorted(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = Vec::new();
    for entry in fs::read_dir(directory)? {
        paths.push(entry?.path());
    }
    paths.sort();
    Ok(paths)
}

/// What there is to write: sources until there are enough packages.
fn plan(packages: usize) -> Vec<Plan> {
    let mut random = Random::new(packages as u64);
    let mut plans = Vec::with_capacity(packages);
    let (mut sources, mut taken) = (BTreeSet::new(), BTreeSet::new());
    let huge = (packages as f64 * HUGE) as usize;
    for at in 0..huge {
        let name = format!("texlive-{}{}", random.pick(WORDS), at);
        plans.push(one(&mut random, name, "texlive", "svn2024", "noarch"));
    }
    while plans.len() < packages {
        let (source, family) = source_name(&mut random);
        if !sources.insert(source.clone()) {
            continue;
        }
        let version = format!(
            "{}.{}.{}",
            random.below(12),
            random.below(40),
            random.below(20)
        );
        // One in two has one package, some have dozens.
        let mut count = 1 + (0.7 / (1.0 - random.fraction()).max(0.005)) as usize;
        count = count.min(packages - plans.len()).min(SUFFIXES.len() * 3);
        let noarch = matches!(family, "rust-" | "golang-" | "nodejs-") || random.chance(0.3);
        let arch = if noarch { "noarch" } else { "x86_64" };
        for at in 0..count {
            let binary = source.replacen("python-", "python3-", 1);
            let name = match (at, family) {
                (0, "rust-" | "golang-") => format!("{binary}-devel"),
                (0, _) => binary,
                (_, "rust-") => format!("{binary}+{}{at}-devel", random.pick(WORDS)),
                _ => {
                    let suffix = SUFFIXES[at % SUFFIXES.len()];
                    match at / SUFFIXES.len() {
                        0 => format!("{binary}{suffix}"),
                        round => format!("{binary}-{}{round}{suffix}", random.pick(WORDS)),
                    }
                }
            };
            if taken.insert(name.clone()) {
                plans.push(one(&mut random, name, &source, &version, arch));
            }
        }
    }
    plans
}

fn source_name(random: &mut Random) -> (String, &'static str) {
    let mut left = random.below(100);
    let mut family = "";
    for (name, share) in FAMILIES {
        if left < *share {
            family = name;
            break;
        }
        left -= share;
    }
    let mut name = family.to_owned();
    for at in 0..=1 + random.below(2) {
        if at > 0 {
            name.push('-');
        }
        let word: &&str = random.pick(WORDS);
        name.push_str(word);
    }
    if random.chance(0.2) {
        name.push_str(&random.below(20).to_string());
    }
    (name, family)
}

fn one(random: &mut Random, name: String, source: &str, version: &str, arch: &'static str) -> Plan {
    Plan {
        name,
        source: source.to_owned(),
        version: version.to_owned(),
        release: "1.fc41",
        arch,
        seed: random.next(),
    }
}

/// New releases of some sources, spread over the repository.
fn updates(plans: &[Plan]) -> Vec<Plan> {
    let mut random = Random::new(!(plans.len() as u64));
    let mut updated = BTreeSet::new();
    let mut count = 0;
    while count < UPDATED.min(plans.len() / 10) {
        let source = random.pick(plans).source.as_str();
        // The huge one alone would be more than an update brings.
        if source != "texlive" && updated.insert(source) {
            count += plans.iter().filter(|plan| plan.source == source).count();
        }
    }
    let renewed = |plan: &Plan| Plan {
        release: "2.fc41",
        seed: plan.seed.wrapping_add(1),
        ..plan.clone()
    };
    plans
        .iter()
        .filter(|plan| updated.contains(plan.source.as_str()))
        .map(renewed)
        .collect()
}

fn write_all(plans: &[Plan], names: &[&str], to: &Path) -> io::Result<()> {
    for letter in plans.iter().filter_map(|plan| plan.name.chars().next()) {
        let folder = to.join(letter.to_string());
        if !folder.exists() {
            fs::create_dir_all(folder)?;
        }
    }
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    let share = plans.len().div_ceil(threads).max(1);
    std::thread::scope(|scope| {
        let workers: Vec<_> = plans
            .chunks(share)
            .map(|plans| {
                scope.spawn(move || plans.iter().try_for_each(|plan| write(plan, names, to)))
            })
            .collect();
        workers.into_iter().try_for_each(|worker| {
            worker
                .join()
                .unwrap_or_else(|_| Err(io::Error::other("a writer panicked")))
        })
    })
}

fn write(plan: &Plan, names: &[&str], to: &Path) -> io::Result<()> {
    let nevr = format!("{}-{}-{}", plan.name, plan.version, plan.release);
    let letter = plan.name.chars().next().unwrap_or('_');
    let file = to
        .join(letter.to_string())
        .join(format!("{nevr}.{}.rpm", plan.arch));
    fs::write(file, header(plan, names).to_package(&nevr))
}

fn header(plan: &Plan, names: &[&str]) -> Header {
    let random = &mut Random::new(plan.seed);
    let built = 1_700_000_000 + (plan.seed % 30_000_000) as u32;
    let evr = format!("{}-{}", plan.version, plan.release);
    let files = Files::draw(random, plan);
    let mut header = Header::new();
    header.strings(tag::I18N_TABLE, ["C"]);
    header.string(tag::NAME, &plan.name);
    header.string(tag::VERSION, &plan.version);
    header.string(tag::RELEASE, plan.release);
    header.text(tag::SUMMARY, &sentence(random, 6));
    let sentences = 2 + random.below(6);
    let description: Vec<String> = (0..sentences).map(|_| sentence(random, 14)).collect();
    header.text(tag::DESCRIPTION, &description.join(".\n"));
    header.numbers(tag::BUILD_TIME, &[built]);
    header.string(
        tag::BUILD_HOST,
        &format!("build{}.example.org", plan.seed % 40),
    );
    header.numbers(tag::SIZE, &[files.sizes.iter().sum()]);
    header.string(tag::VENDOR, "Example Project");
    header.string(tag::LICENSE, "MIT AND (Apache-2.0 OR GPL-2.0-or-later)");
    header.string(tag::PACKAGER, "Example Project");
    header.text(tag::GROUP, "Unspecified");
    header.string(tag::URL, &format!("https://example.org/{}", plan.source));
    header.string(tag::OS, "linux");
    header.string(tag::ARCH, plan.arch);
    header.numbers(tag::FILE_SIZES, &files.sizes);
    header.shorts(tag::FILE_MODES, &files.modes);
    header.numbers(tag::FILE_MTIMES, &vec![built; files.sizes.len()]);
    header.numbers(tag::FILE_FLAGS, &vec![0; files.sizes.len()]);
    header.strings(tag::FILE_USERS, files.sizes.iter().map(|_| "root"));
    header.strings(tag::FILE_GROUPS, files.sizes.iter().map(|_| "root"));
    let source = format!("{}-{evr}.src.rpm", plan.source);
    header.string(tag::SOURCE_RPM, &source);
    let provides = provides(random, plan, &evr);
    let requires = requires(random, names);
    dependencies_first(&mut header, &provides, &requires);
    changes(random, &mut header, &evr, built);
    let flags: Vec<u32> = provides.iter().map(|(_, flags, _)| *flags).collect();
    header.numbers(tag::PROVIDE_FLAGS, &flags);
    let versions = provides.iter().map(|(_, _, version)| version.as_str());
    header.strings(tag::PROVIDE_VERSIONS, versions);
    header.numbers(tag::DIR_INDEXES, &files.dir_indexes);
    header.strings(tag::BASE_NAMES, files.names.iter().map(String::as_str));
    header.strings(tag::DIR_NAMES, files.dirs.iter().map(String::as_str));
    header.string(tag::PAYLOAD_FORMAT, "cpio");
    header.string(tag::PAYLOAD_COMPRESSOR, "identity");
    header
}

type Dependency = (String, u32, String);

/// Those tags of dependencies that come before the change log.
fn dependencies_first(header: &mut Header, provides: &[Dependency], requires: &[Dependency]) {
    let names = provides.iter().map(|(name, _, _)| name.as_str());
    header.strings(tag::PROVIDE_NAMES, names);
    let flags: Vec<u32> = requires.iter().map(|(_, flags, _)| *flags).collect();
    header.numbers(tag::REQUIRE_FLAGS, &flags);
    let names = requires.iter().map(|(name, _, _)| name.as_str());
    header.strings(tag::REQUIRE_NAMES, names);
    let versions = requires.iter().map(|(_, _, version)| version.as_str());
    header.strings(tag::REQUIRE_VERSIONS, versions);
}

/// Equal, and greater or equal, as rpm flags them.
const EQUAL: u32 = 8;
const AT_LEAST: u32 = 12;

fn provides(random: &mut Random, plan: &Plan, evr: &str) -> Vec<Dependency> {
    let mut provides = vec![(plan.name.clone(), EQUAL, evr.to_owned())];
    if plan.arch == "x86_64" {
        provides.push((format!("{}(x86-64)", plan.name), EQUAL, evr.to_owned()));
        for at in 0..random.below(4) {
            let name = format!("lib{}{at}.so.1()(64bit)", plan.name);
            provides.push((name, 0, String::new()));
        }
    }
    for _ in 0..random.below(4) {
        let name = format!("{}({})", plan.source, random.pick(WORDS));
        provides.push((name, EQUAL, plan.version.clone()));
    }
    provides
}

fn requires(random: &mut Random, names: &[&str]) -> Vec<Dependency> {
    let mut requires = vec![
        (
            "rpmlib(CompressedFileNames)".to_owned(),
            (1 << 24) | 10,
            "3.0.4-1".to_owned(),
        ),
        ("/bin/sh".to_owned(), 0, String::new()),
        ("libc.so.6(GLIBC_2.34)(64bit)".to_owned(), 0, String::new()),
    ];
    let mut taken = BTreeSet::new();
    for _ in 0..1 + random.below(14) {
        let name = *random.pick(names);
        if taken.insert(name) {
            let (flags, version) = match random.chance(0.3) {
                true => (AT_LEAST, "0.1".to_owned()),
                false => (0, String::new()),
            };
            requires.push((name.to_owned(), flags, version));
        }
    }
    requires
}

fn changes(random: &mut Random, header: &mut Header, evr: &str, built: u32) {
    let count = 3 + random.below(10);
    let times: Vec<u32> = (0..count).map(|at| built - at as u32 * 5_000_000).collect();
    let names: Vec<String> = (0..count)
        .map(|_| {
            let word = random.pick(WORDS);
            format!("Packager {word} <{word}@example.org> - {evr}")
        })
        .collect();
    let texts: Vec<String> = (0..count)
        .map(|_| format!("- {}\n- {}", sentence(random, 8), sentence(random, 5)))
        .collect();
    header.numbers(tag::CHANGELOG_TIMES, &times);
    header.strings(tag::CHANGELOG_NAMES, names.iter().map(String::as_str));
    header.strings(tag::CHANGELOG_TEXTS, texts.iter().map(String::as_str));
}

fn sentence(random: &mut Random, words: usize) -> String {
    let words: Vec<&str> = (0..words).map(|_| *random.pick(WORDS)).collect();
    words.join(" ")
}

/// What a package installs.
struct Files {
    dirs: Vec<String>,
    dir_indexes: Vec<u32>,
    names: Vec<String>,
    sizes: Vec<u32>,
    modes: Vec<u16>,
}

impl Files {
    /// One in four packages has a few files, the others tens, some thousands.
    fn draw(random: &mut Random, plan: &Plan) -> Self {
        let name = &plan.name;
        let mut dirs = vec![
            "/usr/bin/".to_owned(),
            format!("/usr/lib64/{name}/"),
            format!("/usr/share/doc/{name}/"),
            format!("/usr/share/licenses/{name}/"),
        ];
        let count = match random.chance(0.25) {
            true => 1 + random.below(4),
            false => (15.0 / (1.0 - random.fraction()).max(0.001).powf(0.75)) as usize,
        };
        for _ in 0..count / 20 {
            let dir = format!(
                "/usr/share/{name}/{}/{}/",
                random.pick(WORDS),
                random.pick(WORDS)
            );
            dirs.push(dir);
        }
        let mut files = Self {
            dirs,
            dir_indexes: Vec::new(),
            names: Vec::new(),
            sizes: Vec::new(),
            modes: Vec::new(),
        };
        for at in 0..count {
            // Programs are few.
            let dir = match random.chance(0.03) {
                true => 0,
                false => 1 + random.below(files.dirs.len() - 1),
            };
            files.dir_indexes.push(dir as u32);
            let (first, second) = (random.pick(WORDS), random.pick(WORDS));
            files.names.push(format!("{first}_{second}{at}"));
            files.sizes.push(random.below(60_000) as u32);
            files
                .modes
                .push(if dir == 0 { 0o100_755 } else { 0o100_644 });
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_size_is_the_same_packages_each_once() {
        let names = |plans: &[Plan]| -> Vec<String> {
            plans.iter().map(|plan| plan.name.clone()).collect()
        };
        let plans = plan(3000);
        assert_eq!(plans.len(), 3000);
        assert_eq!(names(&plans), names(&plan(3000)));
        let once: BTreeSet<String> = names(&plans).into_iter().collect();
        assert_eq!(once.len(), 3000);
        let all: Vec<&str> = plans.iter().map(|plan| plan.name.as_str()).collect();
        let file = |plan: &Plan| header(plan, &all).to_package(&plan.name);
        assert_eq!(file(&plans[7]), file(&plans[7]));
        assert_ne!(file(&plans[7]), file(&updates(&plans)[0]));
    }

    #[test]
    fn an_update_renews_whole_sources() {
        let plans = plan(3000);
        let updates = updates(&plans);
        assert!((UPDATED..UPDATED + 50).contains(&updates.len()));
        let sources: BTreeSet<&str> = updates.iter().map(|plan| plan.source.as_str()).collect();
        let of_these = |plan: &&Plan| sources.contains(plan.source.as_str());
        assert_eq!(plans.iter().filter(of_these).count(), updates.len());
    }
}
