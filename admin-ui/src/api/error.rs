//! Why a request did not give what was asked for.

use domain::problem::{FieldError, Problem};

/// Why a request did not give what was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ApiError {
    /// The server said what is wrong.
    Problem(Box<Problem>),
    /// No answer came: what was asked, in words.
    Unreachable(String),
    /// An answer came that this app cannot read.
    Unreadable(String),
    /// Cloudflare Access wants the person to sign in again; it says no more.
    SignInRequired,
    /// The page that asked is gone.
    Aborted,
}

impl ApiError {
    /// The error that a response carries, by its status and body.
    pub(crate) fn from_response(status: u16, body: &str, asked: &str) -> Self {
        match serde_json::from_str::<Problem>(body) {
            Ok(problem) => Self::Problem(Box::new(problem)),
            Err(_) => Self::Unreadable(format!("{asked} answered {status} without saying why.")),
        }
    }

    /// The problem, when the server sent one.
    pub(crate) fn problem(&self) -> Option<&Problem> {
        match self {
            Self::Problem(problem) => Some(problem),
            _ => None,
        }
    }

    /// The HTTP status, when the server sent a problem.
    pub(crate) fn status(&self) -> Option<u16> {
        self.problem().map(|problem| problem.status)
    }

    /// Whether the person has to sign in (again).
    pub(crate) fn is_signed_out(&self) -> bool {
        matches!(self, Self::SignInRequired) || self.status() == Some(401)
    }

    /// Whether somebody saved another version meanwhile.
    pub(crate) fn is_stale(&self) -> bool {
        self.status() == Some(412)
    }

    /// Whether the page that asked is gone, so that nobody needs to be told.
    pub(crate) fn is_aborted(&self) -> bool {
        matches!(self, Self::Aborted)
    }

    /// Fields at fault.
    pub(crate) fn field_errors(&self) -> &[FieldError] {
        self.problem().map_or(&[], |problem| &problem.errors)
    }

    /// What happened, for a person.
    pub(crate) fn message(&self) -> String {
        match self {
            Self::Problem(problem) if problem.detail.is_empty() => problem.title.clone(),
            Self::Problem(problem) => problem.detail.clone(),
            Self::Unreachable(text) | Self::Unreadable(text) => text.clone(),
            Self::SignInRequired => "Your sign-in has ended. Sign in again.".to_owned(),
            Self::Aborted => "The request was given up.".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::ApiError;
    use domain::problem::Problem;

    fn read(problem: &Problem) -> ApiError {
        let body = serde_json::to_string(problem).expect("JSON");
        ApiError::from_response(problem.status, &body, "The registry")
    }

    #[test]
    fn a_problem_keeps_what_it_says() {
        let error = read(&Problem::stale_version("v5 is in force").with_current_version(5));
        assert!(error.is_stale() && !error.is_signed_out());
        assert_eq!(error.message(), "v5 is in force");
        assert_eq!(error.problem().and_then(|p| p.current_version), Some(5));
        assert!(read(&Problem::unauthenticated("sign in")).is_signed_out());
    }

    #[test]
    fn anything_else_is_said_without_quoting_it() {
        let error = ApiError::from_response(502, "<script>alert(1)</script>", "The gateway");
        assert_eq!(
            error.message(),
            "The gateway answered 502 without saying why."
        );
        assert_eq!(error.status(), None);
    }
}
