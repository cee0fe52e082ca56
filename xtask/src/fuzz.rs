//! Hunting for inputs that break a property: every fuzz target for some time, and what came of it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::report::{Failure, Outcome, Report};
use crate::run::{output, program, root, run, succeeds, target_dir};

/// libFuzzer ends with this when it was told to, which is how every run should end.
const TIME_IS_UP: i32 = 72;

/// Runs fuzz targets: `--seconds N [TARGET]...`, all of them unless some are named.
pub(crate) fn fuzz(report: &mut Report, arguments: &[String]) {
    let mut seconds = None;
    let mut chosen = Vec::new();
    let mut words = arguments.iter();
    while let Some(word) = words.next() {
        match word.as_str() {
            "--seconds" => seconds = words.next().and_then(|n| n.parse().ok()),
            target => chosen.push(target.to_owned()),
        }
    }
    let mut known = Vec::new();
    let ready = report.step("fuzz: targets", || {
        if seconds.is_none() {
            return Err("say how long each may take: `--seconds N`, of CPU time".to_owned());
        }
        known = targets()?;
        let unknown = chosen.iter().find(|target| !known.contains(target));
        if let Some(unknown) = unknown {
            return Err(format!(
                "there is no target {unknown}; there are {}",
                known.join(", ")
            ));
        }
        Ok(Outcome::Done)
    });
    let Some(seconds) = seconds.filter(|_| ready) else {
        return;
    };
    if !report.step("fuzz: build", build) {
        return;
    }
    let targets = if chosen.is_empty() { known } else { chosen };
    let mut ended = Vec::new();
    for target in targets {
        report.step(&format!("fuzz: {target}"), || {
            let end = hunt(&target, seconds)?;
            let finding = end.finding.clone();
            println!("    {end}");
            ended.push(end);
            finding.map_or(Ok(Outcome::Done), |finding| {
                Err(format!("a finding; repeat it with `{finding}`"))
            })
        });
    }
    println!("\n| target | CPU seconds | executions | edges covered | findings |");
    println!("| --- | --- | --- | --- | --- |");
    for end in &ended {
        println!(
            "| {} | {} | {} | {} | {} |",
            end.target,
            end.cpu_seconds,
            end.executions,
            end.edges,
            u8::from(end.finding.is_some())
        );
    }
}

/// The names of the targets, which are those of their files.
fn targets() -> Result<Vec<String>, Failure> {
    let folder = root().join("fuzz/fuzz_targets");
    let entries = std::fs::read_dir(&folder)
        .map_err(|error| format!("could not read {}: {error}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.path().file_stem()?.to_str().map(str::to_owned))
        .collect();
    names.sort();
    Ok(names)
}

/// Builds all targets, after installing what that needs where it is missing.
fn build() -> Result<Outcome, Failure> {
    let nightly = || program("rustup", ["run", "nightly", "rustc", "--version"]);
    if !succeeds(&mut nightly()) {
        let install = ["toolchain", "install", "nightly", "--profile", "minimal"];
        run(&mut program("rustup", install)).map_err(|error| {
            format!("{error}; fuzzing needs a nightly compiler, for its sanitizers")
        })?;
    }
    if !succeeds(&mut program("cargo", ["fuzz", "--version"])) {
        run(&mut program("cargo", ["install", "--locked", "cargo-fuzz"])).map_err(|error| {
            format!("{error}; fuzzing needs cargo-fuzz: `cargo install cargo-fuzz`")
        })?;
    }
    println!("    with {}", output(&mut nightly())?.trim());
    let directory = build_dir();
    let directory = directory.to_string_lossy();
    let build = [
        "run",
        "nightly",
        "cargo",
        "fuzz",
        "build",
        "--target-dir",
        &directory,
    ];
    run(&mut program("rustup", build)).map(|()| Outcome::Done)
}

fn build_dir() -> PathBuf {
    target_dir().join("fuzz")
}

/// How one run ended.
struct End {
    target: String,
    cpu_seconds: u64,
    executions: u64,
    edges: u64,
    /// The command that repeats what was found.
    finding: Option<String>,
}

impl std::fmt::Display for End {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{} executions, {} edges covered",
            self.executions, self.edges
        )
    }
}

/// Runs one target until its CPU time is up. Inputs that cover something new are kept in the
/// target directory; the committed corpus is only read.
fn hunt(target: &str, seconds: u64) -> Result<End, Failure> {
    let found = target_dir().join("fuzz-found").join(target);
    let corpus = found.join("corpus");
    std::fs::create_dir_all(&corpus)
        .map_err(|error| format!("could not make {}: {error}", corpus.display()))?;
    let log = found.join("log.txt");
    let file = File::create(&log)
        .map_err(|error| format!("could not write {}: {error}", log.display()))?;
    let copy = file
        .try_clone()
        .map_err(|error| format!("could not write {}: {error}", log.display()))?;
    let binary = binary(target)?;
    let mut child = Command::new(&binary)
        .args(["-rss_limit_mb=2048", "-timeout=20", "-max_len=4096"])
        .arg("-print_final_stats=1")
        .arg(format!("-artifact_prefix={}/", found.display()))
        .arg(&corpus)
        .arg(root().join("fuzz/corpus").join(target))
        .stdin(Stdio::null())
        .stdout(copy)
        .stderr(file)
        .spawn()
        .map_err(|error| format!("could not start {}: {error}", binary.display()))?;
    // libFuzzer counts time by the clock, which says little on a machine that is busy.
    let id = child.id().to_string();
    let mut cpu_seconds = 0;
    let status = loop {
        let ended = child.try_wait();
        let ended = ended.map_err(|error| format!("could not wait for {target}: {error}"))?;
        if let Some(status) = ended {
            break status;
        }
        cpu_seconds = cpu_time(&id).unwrap_or(cpu_seconds);
        if cpu_seconds >= seconds {
            // It says what it did before it ends.
            succeeds(&mut program("kill", ["-TERM", &id]));
        }
        std::thread::sleep(Duration::from_millis(200));
    };
    let text = std::fs::read(&log)
        .map_err(|error| format!("could not read {}: {error}", log.display()))?;
    // It quotes inputs, of any bytes.
    let text = String::from_utf8_lossy(&text);
    let artifact = text.lines().find_map(|line| {
        let (_, path) = line.split_once("Test unit written to ")?;
        Some(format!("{} {path}", binary.display()))
    });
    if artifact.is_none() && status.code() != Some(TIME_IS_UP) {
        return Err(format!("it ended with {status}; see {}", log.display()));
    }
    Ok(End {
        target: target.to_owned(),
        cpu_seconds,
        executions: number(&text, "stat::number_of_executed_units:").unwrap_or_default(),
        edges: number(&text, " cov: ").unwrap_or_default(),
        finding: artifact,
    })
}

/// The CPU time of a process so far, in seconds: user and system, in hundredths, as Linux tells.
fn cpu_time(id: &str) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    // The name before may hold anything.
    let (_, rest) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = rest.split_whitespace().collect();
    let time = |at: usize| fields.get(at)?.parse::<u64>().ok();
    Some((time(11)? + time(12)?) / 100)
}

fn binary(target: &str) -> Result<PathBuf, Failure> {
    let host = output(&mut program("rustc", ["--print", "host-tuple"]))?;
    let path = build_dir().join(host.trim()).join("release").join(target);
    if Path::new(&path).is_file() {
        Ok(path)
    } else {
        Err(format!("there is no {} after the build", path.display()))
    }
}

/// The last number behind a label.
fn number(text: &str, label: &str) -> Option<u64> {
    let (_, rest) = text.rsplit_once(label)?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::number;

    #[test]
    fn the_last_figure_counts() {
        let log = "#2\tINITED cov: 10 ft: 12\n#99\tNEW    cov: 31 ft: 40 corp: 2/3b\n\
                   stat::number_of_executed_units: 1234\n";
        assert_eq!(number(log, " cov: "), Some(31));
        assert_eq!(number(log, "stat::number_of_executed_units:"), Some(1234));
        assert_eq!(number(log, "exec/s"), None);
    }
}
