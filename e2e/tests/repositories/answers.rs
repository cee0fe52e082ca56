//! dnf gives the same answers, whoever made the metadata and wherever the repository is.
//!
//! One set of packages is indexed by createrepo_c and served by nginx; it is also given to
//! `ocirepo push` as RPM files, in each layout, and served by the bridge. dnf is asked
//! everything it reads from primary, filelists, other, comps, updateinfo and modules.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::nginx::Nginx;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{Protection, World, key};

/// What dnf is asked. What it prints must not depend on where the repository is.
const QUESTIONS: &[&[&str]] = &[
    &["repoquery", "--all", "--queryformat", DEPENDENCIES],
    &["repoquery", "--all", "--info"],
    &["repoquery", "--all", "--list"],
    &["repoquery", "--whatrequires", "lab-libs"],
    &["repoquery", "--whatrequires", "/usr/share/lab/libs/data"],
    &["repoquery", "--whatprovides", "virtual(lab)"],
    &["repoquery", "--file", "/usr/share/lab/ghost"],
    &["repoquery", "--changelogs", "lab-app", "lab-libs"],
    &["group", "info", "lab"],
    &["module", "info", "labmod"],
];

/// What primary says of a package beside `--info`.
const DEPENDENCIES: &str = "%{name}-%{epoch}:%{version}-%{release}.%{arch} %{location} \
    %{provides} %{requires} %{recommends} %{suggests} %{supplements} %{enhances} %{conflicts} \
    %{obsoletes}";

type Answers = BTreeMap<String, String>;

/// Asks everything, then installs, and lists what came with it.
fn ask(url: &str) -> Answers {
    let dnf = Dnf::new(url, &key().public()).expect("a root for dnf");
    // Signatures are for other tests: ours and createrepo_c's metadata are not the same bytes.
    let dnf = dnf.option("gpgcheck=0").option("repo_gpgcheck=0");
    let mut answers = Answers::new();
    for question in QUESTIONS {
        let mut arguments = vec!["--quiet", "--setopt=module_platform_id=platform:lab1"];
        arguments.extend(*question);
        let run = dnf.run(&arguments).expect("dnf");
        assert!(run.ok, "{question:?}: {run}");
        answers.insert(question.join(" "), run.stdout);
    }
    let run = dnf.run(&["install", "lab-app"]).expect("dnf");
    assert!(run.ok, "{run}");
    let advisories = ["--quiet", "updateinfo", "info", "--installed"];
    let run = dnf.run(&advisories).expect("dnf");
    assert!(run.ok, "{run}");
    answers.insert("updateinfo".to_owned(), run.stdout);
    let installed = ["lab-app", "lab-extra", "lab-doc", "libs/data"]
        .iter()
        .map(|name| dnf.installed(name).expect("an installed file"))
        .collect();
    answers.insert("install".to_owned(), installed);
    answers
}

/// The packages, and what else a repository says.
struct Given {
    _directory: Scratch,
    packages: PathBuf,
    plain: PathBuf,
}

fn beside(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/repositories/answers")
        .join(name)
}

fn run(command: &mut Command) {
    Run::of(command).expect("started").well().expect("done");
}

fn given() -> &'static Given {
    static GIVEN: OnceLock<Given> = OnceLock::new();
    GIVEN.get_or_init(|| {
        let directory = Scratch::new("answers").expect("a directory");
        let packages = directory.join("rpms");
        let topdir = directory.join("build");
        let define = |name: &str, path: &Path| format!("{name} {}", path.display());
        run(Command::new("rpmbuild")
            .args(["--define", &define("_topdir", &topdir)])
            .args(["--define", &define("_rpmdir", &packages)])
            .args([
                "--define",
                "_build_name_fmt %%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm",
            ])
            .args(["--quiet", "-bb"])
            .arg(beside("lab.spec")));
        let plain = directory.join("plain");
        let below = plain.join("Packages");
        fs::create_dir_all(&below).expect("a directory");
        for entry in fs::read_dir(&packages).expect("packages").flatten() {
            fs::copy(entry.path(), below.join(entry.file_name())).expect("a copy");
        }
        run(Command::new("createrepo_c")
            .args(["--quiet", "--groupfile"])
            .arg(beside("comps.xml"))
            .arg(&plain));
        for (kind, file) in [
            ("updateinfo", "updateinfo.xml"),
            ("modules", "modules.yaml"),
        ] {
            run(Command::new("modifyrepo_c")
                .arg(format!("--mdtype={kind}"))
                .arg(beside(file))
                .arg(plain.join("repodata")));
        }
        Given {
            _directory: directory,
            packages,
            plain,
        }
    })
}

/// What dnf says about the repository that createrepo_c made.
fn expected() -> &'static Answers {
    static EXPECTED: OnceLock<Answers> = OnceLock::new();
    EXPECTED.get_or_init(|| {
        let nginx = Nginx::files(&given().plain).expect("nginx");
        let answers = ask(&format!("http://{}/", nginx.host()));
        // That the questions have answers at all.
        for (question, part) in [
            ("repoquery --all --list", "/usr/share/lab/ghost"),
            ("repoquery --whatrequires lab-libs", "lab-app-2:1.5~rc1-3"),
            (
                "repoquery --changelogs lab-app lab-libs",
                "Fix <everything>",
            ),
            ("updateinfo", "LAB-2024:0001"),
            ("group info lab", "Laboratory"),
            ("module info labmod", "lab-mod"),
        ] {
            let answer = answers.get(question).map_or("", String::as_str);
            assert!(answer.contains(part), "{question}: {answer}");
        }
        answers
    })
}

fn are_as_expected(url: &str) {
    let answers = ask(url);
    for (question, answer) in expected() {
        assert_eq!(answers.get(question), Some(answer), "{question}");
    }
}

/// Publishes the RPM files in a layout and asks through the bridge.
fn pushed_as(layout: &str) {
    let world = World::new(Protection::Open).expect("a registry");
    let reference = match layout {
        "tree" => "lab/answers:latest",
        _ => "lab/answers:el9",
    };
    let location = world.location(reference);
    let files = |kind: &str, name: &str| {
        let file = beside(name);
        [format!("--{kind}"), file.to_string_lossy().into_owned()]
    };
    let mut arguments = vec!["push".to_owned()];
    for entry in fs::read_dir(&given().packages).expect("packages").flatten() {
        arguments.push(entry.path().to_string_lossy().into_owned());
    }
    arguments.extend([location, "--layout".to_owned(), layout.to_owned()]);
    arguments.extend(files("comps", "comps.xml"));
    arguments.extend(files("updateinfo", "updateinfo.xml"));
    arguments.extend(files("modules", "modules.yaml"));
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let pushed = world.program.run(&arguments).expect("push");
    pushed.well().expect("published");
    let bridge = world.serve(reference).expect("a bridge");
    are_as_expected(&bridge.url(&format!("{}/{reference}", world.registry.host())));
}

#[test]
fn dnf_answers_the_same_of_rpm_files_pushed_as_files() {
    pushed_as("files");
}

#[test]
fn dnf_answers_the_same_of_rpm_files_pushed_as_an_index() {
    pushed_as("index");
}

#[test]
fn dnf_answers_the_same_of_rpm_files_pushed_as_a_tree() {
    pushed_as("tree");
}

#[test]
fn dnf_answers_the_same_of_rpm_files_pushed_natively() {
    pushed_as("native");
}

#[test]
fn dnf_answers_the_same_of_an_imported_repository() {
    let world = World::new(Protection::Open).expect("a registry");
    let nginx = Nginx::files(&given().plain).expect("nginx");
    let url = format!("http://{}/", nginx.host());
    let reference = "lab/imported:el9";
    let location = world.location(reference);
    let arguments = ["import", &url, &location, "--layout", "index"];
    let run = world.program.run(&arguments).expect("import");
    run.well().expect("published");
    let bridge = world.serve(reference).expect("a bridge");
    are_as_expected(&bridge.url(&format!("{}/{reference}", world.registry.host())));
}
