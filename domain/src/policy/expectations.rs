//! Expectations: saved questions with the answers they must have.

use chrono::{DateTime, Utc};

use super::document::{Expectation, Policy};
use super::explain::{Answer, Explainer, Question};
use crate::problem::FieldError;

/// The outcome of one expectation.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct TestOutcome {
    /// Its place in `/tests`.
    pub index: usize,
    /// Whether the answer is the expected one.
    pub passed: bool,
    /// The answer.
    pub answer: Answer,
}

/// Runs every expectation of a document, as it holds at a moment.
#[must_use]
pub fn run_tests(policy: &Policy, now: DateTime<Utc>) -> Vec<TestOutcome> {
    if policy.tests.is_empty() {
        return Vec::new();
    }
    let explainer = Explainer::new(policy, Some(now));
    let outcome = |(index, test): (usize, &Expectation)| {
        let answer = explainer.answer(&Question::from(test));
        TestOutcome {
            index,
            passed: answer.decision == test.expect,
            answer,
        }
    };
    policy.tests.iter().enumerate().map(outcome).collect()
}

/// What keeps a document from being saved now, beside its shape: expectations that
/// it breaks, and overrides whose exception has ended. An admin may force a save
/// over broken expectations by giving a reason (`forced`); over the rest nobody may.
#[must_use]
pub fn save_faults(policy: &Policy, now: DateTime<Utc>, forced: bool) -> Vec<FieldError> {
    let mut faults = Vec::new();
    for (index, exception) in policy.tools.exceptions.iter().enumerate() {
        let loosens = super::exceptions::loosenings(policy);
        if exception.expires_at <= now
            && loosens.iter().any(|found| found.clause == exception.clause)
        {
            let detail = format!(
                "has ended, so {} no longer counts; remove both, or set another end",
                exception.clause
            );
            faults.push(FieldError::new(
                format!("/tools/exceptions/{index}/expires_at"),
                detail,
            ));
        }
    }
    if forced {
        return faults;
    }
    for outcome in run_tests(policy, now)
        .into_iter()
        .filter(|outcome| !outcome.passed)
    {
        let Some(test) = policy.tests.get(outcome.index) else {
            continue;
        };
        let name = test
            .name
            .as_deref()
            .map_or_else(String::new, |name| format!("\u{201c}{name}\u{201d}: "));
        let detail = format!(
            "{name}expects {} and gets {} by {}: it {}",
            test.expect.as_str(),
            outcome.answer.decision.as_str(),
            outcome.answer.clause,
            outcome.answer.because
        );
        faults.push(FieldError::new(format!("/tests/{}", outcome.index), detail));
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::{run_tests, save_faults};
    use crate::policy::document::Expected;
    use crate::policy::{PRESETS, parse_value, samples};

    fn pointers(policy: &crate::policy::Policy, now: &str, forced: bool) -> Vec<String> {
        save_faults(policy, now.parse().unwrap(), forced)
            .into_iter()
            .map(|fault| fault.pointer)
            .collect()
    }

    #[test]
    fn presets_and_the_sample_keep_their_own_word() {
        let now = "2026-12-01T00:00:00Z".parse().unwrap();
        for policy in PRESETS
            .iter()
            .map(|preset| parse_value(preset.document()).unwrap())
            .chain([samples::full()])
        {
            for outcome in run_tests(&policy, now) {
                assert!(outcome.passed, "{outcome:#?}");
            }
            assert!(!policy.tests.is_empty());
        }
    }

    #[test]
    fn a_broken_expectation_is_a_fault_unless_it_is_forced() {
        let mut policy = samples::full();
        policy.tests[0].expect = Expected::Allow;
        assert_eq!(
            pointers(&policy, "2026-12-01T00:00:00Z", false),
            ["/tests/0"]
        );
        assert_eq!(
            pointers(&policy, "2026-12-01T00:00:00Z", true),
            Vec::<String>::new()
        );
    }

    #[test]
    fn an_ended_exception_is_a_fault_that_nobody_forces() {
        let policy = samples::full();
        let expected = [
            "/tools/exceptions/0/expires_at",
            "/tools/exceptions/1/expires_at",
        ];
        assert_eq!(pointers(&policy, "2027-01-31T00:00:00Z", true), expected);
    }
}
