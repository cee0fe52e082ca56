//! The layout `native`: no rpm-md in the registry, and dnf does not notice.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::curl::curl;
use ocirepo_e2e::dnf::Dnf;
use ocirepo_e2e::process::Run;
use ocirepo_e2e::program::Program;
use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::scratch::Scratch;
use ocirepo_e2e::world::{Protection, World, key};

const REFERENCE: &str = "lab/native:el9";

/// Two packages with everything that questions are asked about.
const SPEC: &str = "\
Name: lab-base
Version: 1.0~rc1
Release: 1.el9
Epoch: 3
Summary: The base & <more> of the lab
License: MIT
BuildArch: noarch
Provides: lab(base) = 3:1.0, lab(other)
Recommends: lab-app
%description
Several
  lines, with \"quotes\".
%package -n lab-app
Summary: An app of the lab
Requires: lab(base) >= 3:1.0, (lab-base or lab-none), /usr/bin/lab-base
Conflicts: lab-old < 2
Obsoletes: lab-older <= 1-1
Enhances: lab-base
%description -n lab-app
One file.
%install
mkdir -p %{buildroot}/usr/bin %{buildroot}/etc/lab %{buildroot}/usr/share/lab
echo base > %{buildroot}/usr/bin/lab-base
echo conf > %{buildroot}/etc/lab/base.conf
echo app > %{buildroot}/usr/share/lab/lab-app
%files
/usr/bin/lab-base
%dir /etc/lab
%config /etc/lab/base.conf
%ghost /usr/share/lab/ghost
%files -n lab-app
/usr/share/lab/lab-app
%changelog
* Tue Jan 02 2024 Me <me@example.org> - 3:1.0~rc1-1
- Second & <last>
* Mon Jan 01 2024 Me <me@example.org> - 3:0.9-1
- First
";

/// What dnf is asked.
const QUESTIONS: [&[&str]; 12] = [
    &["repoquery"],
    &["repoquery", "--list"],
    &["repoquery", "--provides"],
    &["repoquery", "--requires"],
    &["repoquery", "--recommends"],
    &["repoquery", "--enhances"],
    &["repoquery", "--conflicts"],
    &["repoquery", "--obsoletes"],
    &["repoquery", "--whatrequires", "lab-base"],
    &["repoquery", "--changelogs"],
    &["repoquery", "--file", "/etc/lab/base.conf"],
    &[
        "repoquery",
        "--queryformat",
        "%{name} %{epoch} %{version} %{release} %{arch} %{summary} %{description} %{license} \
         %{size} %{installsize} %{buildtime} %{sourcerpm}",
    ],
];

fn run(command: &mut Command) {
    Run::of(command)
        .expect("a program")
        .well()
        .expect("that it ends well");
}

/// The packages, indexed and signed by the tools of the distribution.
fn repository() -> Scratch {
    let (work, directory) = (
        Scratch::new("rpmbuild").unwrap(),
        Scratch::new("repository").unwrap(),
    );
    let spec = work.join("lab.spec");
    fs::write(&spec, SPEC).unwrap();
    let define = |name: &str, value: &Path| format!("{name} {}", value.display());
    run(Command::new("rpmbuild")
        .args(["--define", &define("_topdir", work.path())])
        .args(["--define", &define("_rpmdir", &directory.join("Packages"))])
        .args(["--quiet", "-bb"])
        .arg(spec));
    let packages = files(&directory.join("Packages"));
    key().sign_packages(&packages).unwrap();
    fs::copy(key().public(), directory.join("RPM-GPG-KEY-lab")).unwrap();
    run(Command::new("createrepo_c")
        .arg("--quiet")
        .arg(directory.path()));
    key()
        .sign_detached(&directory.join("repodata/repomd.xml"))
        .unwrap();
    directory
}

fn files(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).unwrap();
    let (directories, mut found): (Vec<_>, Vec<_>) = entries
        .map(|entry| entry.unwrap().path())
        .partition(|path| path.is_dir());
    found.extend(directories.iter().flat_map(|path| files(path)));
    found.sort();
    found
}

fn push(world: &World, directory: &Path) {
    let (directory, secret) = (directory.to_string_lossy(), key().secret().unwrap());
    let secret = secret.to_string_lossy();
    let location = world.location(REFERENCE);
    let arguments = ["push", &directory, &location, "--layout", "native"];
    let arguments = [&arguments[..], &["--sign-key", &secret]].concat();
    world.program.run(&arguments).unwrap().well().unwrap();
}

fn answers(dnf: &Dnf, questions: &[&[&str]]) -> Vec<String> {
    let answer = |question: &&[&str]| {
        let run = dnf.run(&[&["--quiet"], *question].concat()).unwrap();
        run.well().unwrap().stdout
    };
    questions.iter().map(answer).collect()
}

fn installs(dnf: &Dnf) {
    let run = dnf.run(&["install", "lab-app"]).unwrap();
    assert!(run.ok, "{run}");
    assert_eq!(dnf.installed("lab-app").unwrap(), "app\n");
}

/// Installs through a bridge that has nothing in its cache.
fn installs_from(registry: &DockerRegistry) {
    let program = Program::new().unwrap();
    let location = format!("{}/{REFERENCE}", registry.host());
    let bridge = program.serve(&[&format!("oci://{location}")]).unwrap();
    installs(&Dnf::new(&bridge.url(&location), &key().public()).unwrap());
}

#[test]
fn dnf_gets_the_answers_of_createrepo_from_a_catalogue_that_is_signed() {
    let directory = repository();
    let original = format!("file://{}/", directory.path().display());
    let original = Dnf::new(&original, &key().public()).unwrap();
    let expected = answers(&original, &QUESTIONS);
    assert!(expected.iter().all(|answer| !answer.trim().is_empty()));

    let mut world = World::new(Protection::Open).unwrap();
    push(&world, directory.path());
    let bridge = world.serve(REFERENCE).unwrap();
    let dnf = world.dnf(&bridge, REFERENCE).unwrap();
    for (answer, expected) in answers(&dnf, &QUESTIONS).iter().zip(&expected) {
        assert_eq!(answer, expected, "{}", bridge.log());
    }
    installs(&dnf);

    // A range of a file that is in no registry.
    let repomd = bridge.url(&format!("{}/{REFERENCE}", world.registry.host()));
    let get = |arguments: &[&str]| curl(arguments).unwrap();
    let text = get(&[&format!("{repomd}repodata/repomd.xml")]);
    let primary = text
        .split('"')
        .find(|part| part.ends_with("-primary.xml"))
        .unwrap();
    let primary = format!("{repomd}{primary}");
    let whole = get(&[&primary]);
    assert_eq!(get(&["--range", "10-29", &primary]), whole[10..30]);

    // What a catalogue becomes as plain files is a repository as well.
    let (from, to) = (world.location(REFERENCE), world.program.path("mirror"));
    let (public, to_text) = (key().public(), to.to_string_lossy());
    let arguments = ["sync", &from, &to_text, "--key", &public.to_string_lossy()];
    world.program.run(&arguments).unwrap().well().unwrap();
    let synced = format!("file://{}/", to.display());
    let synced = Dnf::new(&synced, &public).unwrap();
    assert_eq!(answers(&synced, &QUESTIONS[..2]), expected[..2]);
    installs(&synced);
    let again = world.program.run(&arguments).unwrap();
    assert!(again.says(" 0 fetched"), "{again}");

    // Nothing that is needed is untagged.
    world.registry.garbage_collect().unwrap();
    installs_from(&world.registry);
}

#[test]
fn ls_info_files_and_get_read_a_catalogue() {
    let directory = repository();
    let world = World::new(Protection::Open).unwrap();
    push(&world, directory.path());
    let location = world.location(REFERENCE);
    let says = |arguments: &[&str], text: &str| {
        let run = world.program.run(arguments).unwrap().well().unwrap();
        assert!(run.says(text), "{run}");
    };
    says(&["ls", &location], "lab-base-3:1.0~rc1-1.el9.noarch");
    says(&["info", &location, "lab-app"], "lab(base) >= 3:1.0");
    says(&["files", &location, "lab-base"], "/usr/share/lab/ghost");
    let to = world.program.path("downloads");
    let to_text = to.to_string_lossy();
    says(
        &[
            "get",
            &location,
            "lab-app",
            "RPM-GPG-KEY-lab",
            "--directory",
            &to_text,
        ],
        "lab-app",
    );
    let names: Vec<PathBuf> = files(&directory.join("Packages"));
    let app = names
        .iter()
        .find(|path| path.ends_with("lab-app-1.0~rc1-1.el9.noarch.rpm"));
    let app = app.unwrap();
    let copy = fs::read(to.join(app.file_name().unwrap())).unwrap();
    assert!(copy == fs::read(app).unwrap());
}

/// Pushes, and says what was published.
fn published(world: &World, arguments: &[&str]) -> serde_json::Value {
    let secret = key().secret().unwrap();
    let (secret, location) = (secret.to_string_lossy(), world.location(REFERENCE));
    let end = ["--json", "--sign-key", &secret, &location];
    let run = world
        .program
        .run(&[&["push"], arguments, &end].concat())
        .unwrap();
    serde_json::from_str(&run.well().unwrap().stdout).unwrap()
}

#[test]
fn push_of_packages_changes_a_catalogue_and_other_layouts_become_one() {
    let directory = repository();
    let packages = files(&directory.join("Packages"));
    let [app, base] = &packages[..] else {
        panic!("{packages:?}");
    };
    let (app, base) = (app.to_string_lossy(), base.to_string_lossy());
    let world = World::new(Protection::Open).unwrap();
    let first = published(&world, &[&base, "--layout", "native"]);
    assert_eq!(first["layout"], "native");

    let before = world.registry.requests().unwrap().len();
    let second = published(&world, &[&app]);
    assert_eq!(
        (&second["layout"], &second["packages"]),
        (&"native".into(), &2.into())
    );
    let requests = world.registry.requests().unwrap();
    let requests = &requests[before..];
    let put = |what: &str| {
        let of = requests
            .iter()
            .filter(|request| request.target.contains(what));
        of.filter(|request| request.method == "PUT").count()
    };
    // One package, the catalogue at two tags, and the mark of the one before.
    assert_eq!(put("/manifests/"), 4);
    assert_eq!(put("/manifests/p-"), 1);
    installs_from(&world.registry);
    let again = published(&world, &[&app]);
    assert_eq!(again["unchanged"], true);

    // Nobody gives the packages again: they are in the registry.
    let index = published(&world, &["--layout", "index", "--compress", "gz"]);
    assert_eq!(index["layout"], "index");
    installs_from(&world.registry);
    let native = published(&world, &["--layout", "native", "--compress", "gz"]);
    assert_eq!(native["layout"], "native");
    installs_from(&world.registry);
}

/// The tags of a repository, with the digests they point at.
fn tags(registry: &DockerRegistry, name: &str) -> BTreeMap<String, String> {
    let url = format!("{}/v2/{name}", registry.url());
    let listed = curl([format!("{url}/tags/list")]).unwrap();
    let listed: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let tags = listed["tags"].as_array().unwrap().iter();
    tags.map(|tag| {
        let tag = tag.as_str().unwrap().to_owned();
        let accept = "Accept: application/vnd.oci.image.manifest.v1+json";
        let arguments = [
            "--header",
            accept,
            "--head",
            &format!("{url}/manifests/{tag}"),
        ];
        let head = curl(arguments).unwrap();
        let digest = head.lines().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let wanted = name.eq_ignore_ascii_case("docker-content-digest");
            wanted.then(|| value.trim().to_owned())
        });
        (tag, digest.unwrap())
    })
    .collect()
}

#[test]
fn skopeo_moves_a_catalogue_and_its_packages_unchanged() {
    let directory = repository();
    let world = World::new(Protection::Open).unwrap();
    push(&world, directory.path());
    let before = tags(&world.registry, "lab/native");
    // The moving tag, the snapshot, two packages.
    assert_eq!(before.len(), 4, "{before:?}");

    let mut other = DockerRegistry::start(&Access::Open).unwrap();
    run(Command::new("skopeo")
        .args(["sync", "--src", "docker", "--dest", "docker"])
        .args(["--src-tls-verify=false", "--dest-tls-verify=false"])
        .arg(format!("{}/lab/native", world.registry.host()))
        .arg(format!("{}/lab", other.host())));
    assert_eq!(tags(&other, "lab/native"), before);

    other.garbage_collect().unwrap();
    installs_from(&other);
}
