//! What both APIs have in common.

use domain::git::words;
use domain::policy::{CommitId, GitService};
use serde_json::Value;

use super::{Failure, Job};
use crate::ports::{Answer, Ask, GitApi};

/// One repository's API.
pub(super) struct Client<'a, A> {
    api: &'a A,
    base: String,
    /// What is to be done.
    pub(super) job: &'a Job,
    /// The branch that takes the pull request.
    pub(super) target: &'a str,
    /// The first part of the repository's path.
    pub(super) owner: &'a str,
}

impl<'a, A: GitApi> Client<'a, A> {
    pub(super) fn new(
        api: &'a A,
        job: &'a Job,
        service: GitService,
        target: &'a str,
    ) -> Result<Self, Failure> {
        let refused = || Failure::Refused("the repository's address has another form".to_owned());
        let repository = job.source.repository.trim_end_matches('/');
        let repository = repository.strip_suffix(".git").unwrap_or(repository);
        let (scheme, rest) = repository.split_once("://").ok_or_else(refused)?;
        let (host, path) = rest.split_once('/').ok_or_else(refused)?;
        let (owner, _) = path.split_once('/').ok_or_else(refused)?;
        let base = match service {
            GitService::Github if host.eq_ignore_ascii_case("github.com") => {
                format!("https://api.github.com/repos/{path}")
            }
            GitService::Github => format!("{scheme}://{host}/api/v3/repos/{path}"),
            GitService::Gitlab => {
                let project = encode(path, false);
                format!("{scheme}://{host}/api/v4/projects/{project}")
            }
        };
        Ok(Self {
            api,
            base,
            job,
            target,
            owner,
        })
    }

    /// Reads something; none where nothing is.
    pub(super) async fn get(&self, path: &str) -> Result<Option<Value>, Failure> {
        let answer = self.ask("GET", path, None).await?;
        match answer.status {
            404 => Ok(None),
            _ => ok(answer, path).map(Some),
        }
    }

    /// Writes something.
    pub(super) async fn send(
        &self,
        method: &'static str,
        path: &str,
        body: Value,
    ) -> Result<Value, Failure> {
        let answer = self.ask(method, path, Some(body)).await?;
        ok(answer, path)
    }

    async fn ask(
        &self,
        method: &'static str,
        path: &str,
        body: Option<Value>,
    ) -> Result<Answer, Failure> {
        let url = format!("{}/{path}", self.base);
        let answer = self.api.call(Ask { method, url, body }).await;
        answer.map_err(|error| Failure::Later(format!("the Git host does not answer: {error}")))
    }
}

/// The body of an answer that says yes.
fn ok(answer: Answer, path: &str) -> Result<Value, Failure> {
    let said = ["message", "error"]
        .iter()
        .find_map(|key| answer.body.get(key))
        .map(|said| {
            words(
                &said
                    .as_str()
                    .map_or_else(|| said.to_string(), str::to_owned),
            )
        });
    let said = said.unwrap_or_default();
    let what = path.split(['?', '/']).next().unwrap_or_default();
    match answer.status {
        200..=299 => Ok(answer.body),
        // Somebody was quicker with a reference; everything else is wrong with the change.
        400 | 422 if !path.starts_with("git/refs") && !path.starts_with("pulls") => Err(
            Failure::Refused(format!("the Git host refuses it ({what}): {said}")),
        ),
        401 | 403 | 404 => Err(Failure::Later(format!(
            "the Git host answers {} ({what}): may the token in GIT_API_TOKENS write there? {said}",
            answer.status
        ))),
        status => Err(Failure::Later(format!(
            "the Git host answers {status} ({what}): {said}"
        ))),
    }
}

/// A text of an answer.
pub(super) fn text<'v>(value: &'v Value, pointer: &str) -> Result<&'v str, Failure> {
    let found = value.pointer(pointer).and_then(Value::as_str);
    found.ok_or_else(|| odd(pointer))
}

/// A number of an answer.
pub(super) fn number(value: &Value, pointer: &str) -> Result<u64, Failure> {
    let found = value.pointer(pointer).and_then(Value::as_u64);
    found.ok_or_else(|| odd(pointer))
}

/// A commit, a tree or another object of an answer.
pub(super) fn object(value: &Value, pointer: &str) -> Result<CommitId, Failure> {
    text(value, pointer)?.parse().map_err(|_| odd(pointer))
}

pub(super) fn odd(what: &str) -> Failure {
    Failure::Later(format!("the Git host's answer has another form ({what})"))
}

/// Percent-encodes what is part of a path or a query; `/` stays where it parts folders.
pub(super) fn encode(text: &str, folders: bool) -> String {
    use std::fmt::Write;
    text.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() || b"-_.~".contains(&byte) || (folders && byte == b'/') {
            encoded.push(char::from(byte));
        } else {
            let _ = write!(encoded, "%{byte:02X}");
        }
        encoded
    })
}
