//! How many tests ran, from what the test programs print.

use std::fmt;
use std::fs;
use std::ops::AddAssign;
use std::path::Path;

use anyhow::Context;

/// The sums of the `test result:` lines of test programs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Counts {
    passed: u64,
    ignored: u64,
}

impl Counts {
    /// The counts in the output of one or many test programs.
    pub(super) fn in_file(log: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(log).with_context(|| format!("cannot read {}", log.display()))?;
        Ok(Self::in_text(&text))
    }

    /// How many tests ran.
    pub(super) fn run(self) -> u64 {
        self.passed
    }

    fn in_text(text: &str) -> Self {
        let mut counts = Self::default();
        for line in text.lines().filter(|line| line.starts_with("test result:")) {
            counts.passed += number_before(line, "passed");
            counts.ignored += number_before(line, "ignored");
        }
        counts
    }
}

impl AddAssign for Counts {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.ignored += other.ignored;
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} passed", self.passed)?;
        if self.ignored > 0 {
            write!(formatter, ", {} ignored", self.ignored)?;
        }
        Ok(())
    }
}

fn number_before(line: &str, word: &str) -> u64 {
    line.split([' ', ';', '.'])
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .windows(2)
        .find_map(|pair| match pair {
            [number, name] if *name == word => number.parse().ok(),
            _ => None,
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::Counts;

    #[test]
    fn sums_the_results_of_all_programs() {
        let text = "running 3 tests\ntest a ... ok\n\
            test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s\n\
            test result: ok. 12 passed; 0 failed; 0 ignored; 0 measured; 2 filtered out; finished in 1.20s\n";
        let counts = Counts::in_text(text);
        assert_eq!(
            counts,
            Counts {
                passed: 15,
                ignored: 1
            }
        );
        assert_eq!(counts.to_string(), "15 passed, 1 ignored");
        assert_eq!(Counts::in_text("").run(), 0);
    }
}
