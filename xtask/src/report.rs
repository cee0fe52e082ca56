//! What was done, how long it took, and how it ended.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::totals::Totals;

/// How a step that did not fail ended.
pub(crate) enum Outcome {
    /// It did what it is for.
    Done,
    /// It could not run here, and why. Never counted as passed.
    NotRun(String),
}

/// Why a step failed, for a person.
pub(crate) type Failure = String;

/// The steps of one command, in order.
#[derive(Default)]
pub(crate) struct Report {
    steps: Vec<Step>,
    totals: Totals,
    ran_tests: bool,
}

struct Step {
    name: String,
    took: Duration,
    result: Result<Outcome, Failure>,
}

impl Report {
    /// Runs one step under a heading, and says whether it went well. A failed step does not
    /// stop the ones after it, so that one run tells everything that is wrong.
    pub(crate) fn step(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<Outcome, Failure>,
    ) -> bool {
        self.counted_step(name, |_| work())
    }

    /// A step that runs tests, and adds what their runners printed to the totals.
    pub(crate) fn tests(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Totals) -> Result<Outcome, Failure>,
    ) -> bool {
        self.ran_tests = true;
        self.counted_step(name, work)
    }

    /// How many steps failed until now.
    pub(crate) fn failures(&self) -> usize {
        self.steps
            .iter()
            .filter(|step| step.result.is_err())
            .count()
    }

    fn counted_step(
        &mut self,
        name: &str,
        work: impl FnOnce(&mut Totals) -> Result<Outcome, Failure>,
    ) -> bool {
        println!("\n==> {name}");
        let start = Instant::now();
        let result = work(&mut self.totals);
        let took = start.elapsed();
        let seconds = took.as_secs_f64();
        match &result {
            Ok(Outcome::Done) => println!("    {name}: done in {seconds:.1} s"),
            Ok(Outcome::NotRun(why)) => println!("    {name}: NOT RUN: {why}"),
            Err(why) => println!("    {name}: FAILED after {seconds:.1} s: {why}"),
        }
        let well = result.is_ok();
        self.steps.push(Step {
            name: name.to_owned(),
            took,
            result,
        });
        well
    }

    /// Prints the summary, the totals last, and turns the whole into an exit code.
    pub(crate) fn close(self) -> ExitCode {
        if self.steps.len() > 1 {
            println!("\n==> Summary");
            for step in &self.steps {
                let seconds = step.took.as_secs_f64();
                let (mark, why) = match &step.result {
                    Ok(Outcome::Done) => ("ok", ""),
                    Ok(Outcome::NotRun(why)) => ("NOT RUN", why.as_str()),
                    Err(why) => ("FAILED", why.as_str()),
                };
                println!("  {seconds:7.1} s  {mark:7}  {}  {why}", step.name);
            }
        }
        if self.ran_tests {
            println!("\n{}", self.totals);
        }
        if self.failures() == 0 && self.totals.failed == 0 {
            ExitCode::SUCCESS
        } else {
            ExitCode::FAILURE
        }
    }
}
