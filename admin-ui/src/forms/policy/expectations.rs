//! What must stay true of a policy, and whether it does.

use domain::policy::explain::{Answer, Question};
use domain::policy::{Expectation, Expected};

/// One expectation with its answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Outcome {
    /// What it says, in words.
    pub(crate) name: Option<String>,
    /// The question.
    pub(crate) question: Question,
    /// The answer that it must have.
    pub(crate) expected: Expected,
    /// The answer that it has.
    pub(crate) answer: Answer,
}

impl Outcome {
    /// Whether it holds.
    pub(crate) fn holds(&self) -> bool {
        self.answer.decision == self.expected
    }
}

/// The questions of a policy's expectations, in their order.
pub(crate) fn questions(tests: &[Expectation]) -> Vec<Question> {
    tests.iter().map(Question::from).collect()
}

/// Expectations with the answers that a gateway gave, in the same order.
pub(crate) fn outcomes(tests: &[Expectation], answers: Vec<Answer>) -> Vec<Outcome> {
    let outcome = |(test, answer): (&Expectation, Answer)| Outcome {
        name: test.name.clone(),
        question: Question::from(test),
        expected: test.expect,
        answer,
    };
    tests.iter().zip(answers).map(outcome).collect()
}

#[cfg(test)]
mod tests {
    use super::{outcomes, questions};
    use domain::policy::explain::Explainer;
    use domain::policy::{Expected, PRESETS, parse_value};

    #[test]
    fn presets_hold_and_a_broken_expectation_does_not() {
        for preset in PRESETS {
            let mut policy = parse_value(preset.document()).expect("valid");
            policy.tests[0].expect = match policy.tests[0].expect {
                Expected::Allow => Expected::Deny,
                _ => Expected::Allow,
            };
            let answers = Explainer::new(&policy, None).answers(&questions(&policy.tests));
            let found = outcomes(&policy.tests, answers);
            assert_eq!(found.len(), policy.tests.len());
            assert!(!found[0].holds());
            assert!(found[1..].iter().all(super::Outcome::holds));
        }
    }
}
