//! Sums what the test runners print.

use std::fmt;

/// The sum of every `test result:` line seen.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Totals {
    /// Tests that ran and passed.
    pub(crate) passed: u64,
    /// Tests that ran and failed.
    pub(crate) failed: u64,
    /// Tests their runner did not run.
    pub(crate) skipped: u64,
}

impl Totals {
    /// How many tests ran.
    pub(crate) fn ran(&self) -> u64 {
        self.passed + self.failed
    }

    /// Adds one line of a runner's output, if it is a result line.
    pub(crate) fn line(&mut self, line: &str) {
        let Some((_, counts)) = line
            .trim()
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for count in counts.split(';') {
            let Some((number, word)) = count.trim().split_once(' ') else {
                continue;
            };
            let Ok(number) = number.parse::<u64>() else {
                continue;
            };
            match word {
                "passed" => self.passed += number,
                "failed" => self.failed += number,
                "ignored" => self.skipped += number,
                _ => {}
            }
        }
    }
}

impl fmt::Display for Totals {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} passed, {} failed", self.passed, self.failed)?;
        if self.skipped > 0 {
            write!(f, ", {} skipped", self.skipped)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines_are_summed_with_their_failures() {
        let mut totals = Totals::default();
        totals.line(
            "test result: ok. 12 passed; 0 failed; 1 ignored; 0 measured; 3 filtered out; finished in 0.02s"
        );
        totals.line(
            "test result: FAILED. 2 passed; 4 failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.20s"
        );
        assert_eq!(totals.to_string(), "14 passed, 4 failed, 1 skipped");
    }

    #[test]
    fn other_lines_count_nothing() {
        let mut totals = Totals::default();
        totals.line("running 12 tests");
        totals.line("test digest::tests::result ... ok");
        totals.line("12 passed; 0 failed");
        assert_eq!(totals.to_string(), "0 passed, 0 failed");
    }
}
