//! Every test there is, against real servers and clients.

use std::path::{Path, PathBuf};
use std::process::Command;

use ocirepo_e2e::registry::{Access, DockerRegistry};
use ocirepo_e2e::{scratch, synthetic};

use crate::report::{Failure, Outcome, Report};
use crate::run::{cargo, lab_dir, node_program, root, run, run_tests, target_dir};
use crate::totals::Totals;
use crate::{capi, check, hosts, inspector, npm, package, setup};

/// Optimised, but without the link-time optimisation of a release, which takes minutes.
pub(crate) const PROFILE: &str = "e2e";

/// How many packages are in the large repository of the lab.
const MANY: usize = 5_000;

/// How long the bridge is under load in every run of the tests, in seconds.
const BRIEF: &str = "20";

/// Real repositories to read, if they are kept beside the checkout.
const REAL_DATA: &str = "../shared/data/rpm-md";

/// Setup, checks, unit tests, conformance, real data, the inspector, hosts, end to end, packages.
pub(crate) fn everything(report: &mut Report) {
    let ready = setup_all(report);
    check::all(report);
    let real = real_repositories(report);
    plain(report, real.as_deref());
    if ready {
        capi::tests(report);
        report.tests("conformance of docker-registry", conformance);
        let page = inspector::all(report);
        hosts::all(report, None);
        end_to_end(report, None, page, real.as_deref());
        in_the_lab(report, "faults", &["--brief".to_owned()]);
        in_the_lab(report, "soak", &["--seconds", BRIEF].map(str::to_owned));
        npm::tests(report, &program());
        package::of(report, &program());
    }
}

/// The tests of the JavaScript package.
pub(crate) fn npm_alone(report: &mut Report) {
    if setup_all(report) && npm::all(report) {
        report.step("build the program", || build_programs(PROFILE).map(done));
        npm::tests(report, &program());
    }
}

/// The end-to-end tests, those whose name contains the filter.
pub(crate) fn e2e_alone(report: &mut Report, filter: Option<&str>) {
    if setup_all(report) {
        let page = inspector::made(report);
        let real = real_repositories(report);
        end_to_end(report, filter, page, real.as_deref());
    }
}

/// Runs in which something goes wrong, as many as are asked for.
pub(crate) fn faults_alone(report: &mut Report, arguments: &[String]) {
    if setup_all(report) {
        in_the_lab(report, "faults", arguments);
    }
}

/// The bridge under load for as long as is asked for.
pub(crate) fn soak_alone(report: &mut Report, arguments: &[String]) {
    if setup_all(report) {
        in_the_lab(report, "soak", arguments);
    }
}

/// A program of the lab that prints what it found as tests do.
fn in_the_lab(report: &mut Report, name: &str, arguments: &[String]) {
    report.tests(name, |totals| {
        build_programs(PROFILE)?;
        let mut command = cargo(["run", "--quiet", "--package", "ocirepo-e2e"]);
        command.args(["--features", "lab", "--bin", name, "--"]);
        command.args(arguments);
        run_tests(lab_environment(&mut command), totals).map(done)
    });
}

/// The table of the distribution specification against docker-registry.
pub(crate) fn conformance_alone(report: &mut Report) {
    if setup_all(report) {
        report.tests("conformance of docker-registry", conformance);
    }
}

pub(crate) fn setup_all(report: &mut Report) -> bool {
    let before = report.failures();
    setup::all(report);
    report.failures() == before
}

fn done((): ()) -> Outcome {
    Outcome::Done
}

fn conformance(totals: &mut Totals) -> Result<Outcome, Failure> {
    let registry = DockerRegistry::start(&Access::Open)
        .map_err(|error| format!("could not start docker-registry: {error}"))?;
    let mut command = cargo(["test", "--package", "ocirepo", "--test", "conformance"]);
    command
        .args(["--", "docker_registry_differs_as_is_known"])
        .env("OCIREPO_CONFORMANCE_URL", registry.url());
    run_tests(&mut command, totals).map(done)
}

/// Where real repositories are kept; where they are not, the tests that read them say so, and so
/// does the summary.
fn real_repositories(report: &mut Report) -> Option<PathBuf> {
    let data = root().join(REAL_DATA);
    if data.is_dir() {
        return Some(data);
    }
    report.step("real repositories", || {
        Ok(Outcome::NotRun(format!(
            "{REAL_DATA} is not beside this checkout"
        )))
    });
    None
}

/// Every test that needs no service.
fn plain(report: &mut Report, real: Option<&Path>) {
    report.tests("tests that need no service", |totals| {
        let mut command = cargo(["test", "--workspace", "--no-fail-fast"]);
        if let Some(real) = real {
            command.env("OCIREPO_TEST_REPOS", real);
        }
        run_tests(&mut command, totals).map(done)
    });
}

/// Without the page, what is tested of it fails, and says so.
fn end_to_end(report: &mut Report, filter: Option<&str>, page: bool, real: Option<&Path>) {
    report.tests("end to end", |totals| {
        inspector::install("e2e/inspector")?;
        build_programs(PROFILE)?;
        let in_c = capi::with_hosts()?;
        // A repository that is as large as those people have, for as often as it is read.
        let many = synthetic::make(&lab_dir(), MANY)
            .map_err(|error| format!("could not make {MANY} packages: {error}"))?;
        scratch::sweep(&lab_dir()).map_err(|error| format!("could not sweep the lab: {error}"))?;
        let mut command = cargo(["test", "--package", "ocirepo-e2e", "--features", "lab"]);
        command.args(["--lib", "--test", "*", "--no-fail-fast"]);
        if let Some(filter) = filter {
            command.args(["--", filter]);
        }
        command
            .env("OCIREPO_LAB_SYNTHETIC", many.packages)
            .env("OCIREPO_LAB_C", in_c);
        if page {
            command.env(inspector::VARIABLE, inspector::directory());
        }
        if let Some(real) = real {
            command.env("OCIREPO_TEST_REPOS", real);
        }
        run_tests(lab_environment(&mut command), totals).map(done)
    });
}

/// The program that the lab runs.
pub(crate) fn program() -> PathBuf {
    target_dir().join(PROFILE).join("ocirepo")
}

/// Builds the program, and the helpers of the bench with it: together, so that both are built with
/// the same features of what they share, once. The page is in the program, where it was made.
pub(crate) fn build_programs(profile: &str) -> Result<(), Failure> {
    let build = ["build", "--quiet", "--profile", profile];
    let mut command = cargo(build);
    command.args(["--package", "ocirepo-cli", "--package", "ocirepo-benches"]);
    run(inspector::embed(&mut command))
}

fn lab_environment(command: &mut Command) -> &mut Command {
    command
        .env("OCIREPO_BIN", program())
        .env("OCIREPO_LAB_PYTHON", setup::python_dir().join("bin/python"))
        .env("OCIREPO_LAB_ZYPPER", setup::zypper())
        .env("OCIREPO_LAB_DIR", lab_dir())
        .env("OCIREPO_LAB_NODE", node_program("node", []).get_program())
}
