//! The demonstration: the program's own, then served to the real dnf.

use crate::inspector;
use crate::report::{Outcome, Report};
use crate::run::{cargo, run};
use crate::test::setup_all;

/// Publishes a sample repository to an embedded registry, reads it back, verifies and serves it,
/// and shows it in the inspector.
pub(crate) fn demo(report: &mut Report, arguments: &[String]) {
    if setup_all(report) {
        inspector::made(report);
    }
    report.step("demo", || {
        let mut command = cargo(["run", "--quiet", "--package", "ocirepo-cli", "--", "demo"]);
        run(inspector::embed(&mut command).args(arguments)).map(|()| Outcome::Done)
    });
}
