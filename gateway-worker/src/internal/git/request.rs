//! What a request asks for, and what is asked of the Git host in its place.

use std::collections::BTreeMap;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::git::{PACKS, WORKSPACE};
use domain::problem::Problem;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Step {
    /// What the repository has to offer.
    Advertise,
    /// Objects.
    Fetch,
    /// The pack of a commit that was kept.
    Read { commit: String },
    /// The pack of a commit, to keep.
    Keep { commit: String },
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Wanted {
    /// The repository's name in the policy.
    pub(super) source: String,
    /// What is asked of it.
    pub(super) step: Step,
}

/// Reads a request; nothing but what fetching takes is there.
pub(super) fn wanted(method: &str, path: &str, query: Option<&str>) -> Result<Wanted, Problem> {
    let none = || Problem::not_found("Nothing is there.");
    let rest = path.strip_prefix('/').ok_or_else(none)?;
    let (source, rest) = match rest.strip_prefix(PACKS) {
        Some(rest) => {
            let (name, rest) = rest.split_once('/').ok_or_else(none)?;
            (format!("{PACKS}{name}"), rest)
        }
        None => {
            let rest = rest.strip_prefix(WORKSPACE).ok_or_else(none)?;
            let rest = rest.strip_prefix('/').ok_or_else(none)?;
            (WORKSPACE.to_owned(), rest)
        }
    };
    let step = match (method, rest, query) {
        ("GET", "info/refs", Some("service=git-upload-pack")) => Step::Advertise,
        ("POST", "git-upload-pack", None) => Step::Fetch,
        (_, "info/refs", _) | (_, "git-receive-pack", _) => {
            return Err(Problem::forbidden(
                "A container may only fetch from a repository.",
            ));
        }
        (method, rest, None) => {
            let commit = rest.strip_prefix("cache/").ok_or_else(none)?.to_owned();
            match method {
                "GET" => Step::Read { commit },
                "PUT" => Step::Keep { commit },
                _ => return Err(Problem::method_not_allowed("This path takes GET and PUT.")),
            }
        }
        _ => return Err(none()),
    };
    Ok(Wanted { source, step })
}

/// Where the Git host answers it.
pub(super) fn upstream(repository: &str, step: &Step) -> Option<String> {
    let repository = repository.trim_end_matches('/');
    match step {
        Step::Advertise => Some(format!("{repository}/info/refs?service=git-upload-pack")),
        Step::Fetch => Some(format!("{repository}/git-upload-pack")),
        Step::Read { .. } | Step::Keep { .. } => None,
    }
}

/// Users and tokens by host, from the secret `GIT_CREDENTIALS`.
#[derive(Clone, Default)]
pub struct GitCredentials(BTreeMap<String, String>);

impl std::fmt::Debug for GitCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.0.keys()).finish()
    }
}

impl GitCredentials {
    /// Reads `{"github.com": "x-access-token:<token>"}`.
    ///
    /// # Errors
    /// When it is no such object; what it holds is not repeated.
    pub fn read(secret: &str) -> Result<Self, &'static str> {
        if secret.trim().is_empty() {
            return Ok(Self::default());
        }
        let map: BTreeMap<String, String> = serde_json::from_str(secret)
            .map_err(|_| "GIT_CREDENTIALS must be a JSON object of host to user:token")?;
        let lower = map
            .into_iter()
            .map(|(host, credential)| (host.to_ascii_lowercase(), credential));
        Ok(Self(lower.collect()))
    }

    /// `Authorization` for a repository; none when its host needs none.
    #[must_use]
    pub fn authorization(&self, repository: &str) -> Option<String> {
        let (_, rest) = repository.split_once("://")?;
        let host = rest.split('/').next()?.to_ascii_lowercase();
        let credential = self.0.get(&host)?;
        Some(format!("Basic {}", BASE64_STANDARD.encode(credential)))
    }
}
