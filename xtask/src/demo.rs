//! The demonstration: the program's own, then served to the real dnf.

use crate::report::{Outcome, Report};
use crate::run::{cargo, run};
use crate::setup;

/// Publishes a sample repository to an embedded registry, reads it back, verifies and serves it.
pub(crate) fn demo(report: &mut Report, arguments: &[String]) {
    setup::all(report);
    report.step("demo", || {
        let mut command = cargo(["run", "--quiet", "--package", "ocirepo-cli", "--", "demo"]);
        run(command.args(arguments)).map(|()| Outcome::Done)
    });
}
