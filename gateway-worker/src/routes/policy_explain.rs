//! `POST policy/explain`: may an agent use a tool, and which clause says so.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::policy;
use domain::policy::explain::Explainer;
use domain::problem::{FieldError, Problem};
use domain::wire::gateway::{ExplainPolicy, Explanation};

use super::ApiRequest;
use super::policy_put::below_document;
use crate::command::{Operation, Outcome, Reply};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};

/// Most questions at once.
const MAX_QUESTIONS: usize = 500;

/// Reads the questions.
pub(super) fn read(request: &ApiRequest) -> Result<Operation, Problem> {
    let explain: ExplainPolicy = request.json()?;
    if !(1..=MAX_QUESTIONS).contains(&explain.questions.len()) {
        let detail = format!("must have 1 to {MAX_QUESTIONS} questions");
        return Err(Problem::fields(vec![FieldError::new("/questions", detail)]));
    }
    Ok(Operation::ExplainPolicy { explain })
}

/// The answers, for viewers and above.
pub(super) fn run<D: Db>(
    core: &Core<D>,
    who: &Principal,
    explain: ExplainPolicy,
    now: DateTime<Utc>,
) -> Outcome {
    who.require(Role::Viewer)?;
    let ExplainPolicy {
        questions,
        document,
    } = explain;
    let candidate = document
        .map(policy::parse_value)
        .transpose()
        .map_err(below_document)?;
    let newest = core.newest();
    let version = candidate.is_none().then_some(newest.version);
    let asked = candidate.as_ref().unwrap_or(&newest.document);
    let answers = Explainer::new(asked, Some(now)).answers(&questions);
    Reply::ok(&Explanation { version, answers })
}
