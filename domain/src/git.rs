//! Repositories that skills and workspaces come from, each at a commit that people chose.

pub mod change;

use crate::policy::{CommitId, GitService, Policy, Promotion};
use crate::wire::git::{GitOrder, GitState, MAX_SOURCES};

/// What the workspace's repository is called.
pub const WORKSPACE: &str = "workspace";
/// What the names of skill packs follow.
pub const PACKS: &str = "packs/";
/// Longest problem that is kept, in characters.
const MAX_WORDS: usize = 500;

/// A repository of a policy's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// `packs/` and the name of a skill pack, or `workspace`.
    pub name: String,
    /// Its address.
    pub repository: String,
    /// The commit in use.
    pub commit: CommitId,
    /// The branch that people look at for newer ones.
    pub branch: Option<String>,
    /// Folder in the repository; its root when absent.
    pub path: Option<String>,
    /// The API through which changes become pull requests; none do when absent.
    pub pull_requests: Option<GitService>,
    /// What a merged one means.
    pub promotion: Promotion,
}

/// The repositories of a policy, the workspace's last: one without a commit brings nothing.
#[must_use]
pub fn sources(policy: &Policy) -> Vec<Source> {
    let persistence = &policy.persistence;
    let packs = persistence.skill_packs.iter().map(|(name, pack)| Source {
        name: format!("{PACKS}{name}"),
        repository: pack.repository.clone(),
        commit: pack.commit.clone(),
        branch: pack.branch.clone(),
        path: pack
            .path
            .as_ref()
            .map(|path| path.trim_end_matches('/').to_owned()),
        pull_requests: pack.pull_requests,
        promotion: pack.promote.unwrap_or_default(),
    });
    let workspace = persistence.workspace.as_ref().and_then(|workspace| {
        Some(Source {
            name: WORKSPACE.to_owned(),
            repository: workspace.repository.clone(),
            commit: workspace.commit.clone()?,
            branch: Some(workspace.branch.clone()),
            path: None,
            pull_requests: workspace.pull_requests,
            promotion: workspace.promote.unwrap_or_default(),
        })
    });
    packs.chain(workspace).collect()
}

/// What tedix-init is to bring. It never learns where from.
#[must_use]
pub fn orders(policy: &Policy) -> Vec<GitOrder> {
    let order = |source: Source| GitOrder {
        name: source.name,
        commit: source.commit,
        branch: source.branch,
        path: source.path,
    };
    sources(policy).into_iter().map(order).collect()
}

/// Whether a report is one that may be kept.
#[must_use]
pub fn is_bounded(states: &[GitState]) -> bool {
    let short = |state: &GitState| {
        let problem = state.problem.as_deref().unwrap_or_default();
        state.name.len() <= MAX_WORDS && problem.chars().count() <= MAX_WORDS
    };
    states.len() <= MAX_SOURCES && states.iter().all(short)
}

/// A problem in the words that are kept: one line, not too long, without what steers a
/// terminal: a registry refuses a heartbeat that has such letters.
#[must_use]
pub fn words(text: &str) -> String {
    let apart = |letter: char| letter.is_whitespace() || letter.is_control();
    let parts = text.split(apart).filter(|part| !part.is_empty());
    let line = parts.collect::<Vec<_>>().join(" ");
    line.chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy::parse_value;
    use serde_json::{Value, json};

    fn policy(persistence: &Value) -> Result<Policy, Vec<String>> {
        let document = json!({"schema": 1, "persistence": persistence,
            "access": {"operators": [{"email": "ada@example.com", "role": "admin"}]}});
        parse_value(document).map_err(|faults| {
            let pointers = faults.into_iter().map(|fault| fault.pointer);
            pointers.collect()
        })
    }

    #[test]
    fn the_container_learns_what_to_bring_and_not_where_from() {
        let commit = "A".repeat(40);
        let policy = policy(&json!({
            "skill_packs": {"notes": {"repository": "https://git.example.com/a/b.git",
                "commit": commit, "branch": "main", "path": "skills/"}},
            "workspace": {"repository": "http://127.0.0.1:3000/w", "branch": "main",
                "commit": commit},
        }))
        .unwrap();
        let lower = commit.to_lowercase();
        let expected = json!([
            {"name": "packs/notes", "commit": lower, "branch": "main", "path": "skills"},
            {"name": "workspace", "commit": lower, "branch": "main"},
        ]);
        assert_eq!(json!(orders(&policy)), expected);
        let back: Vec<GitOrder> = serde_json::from_value(expected).unwrap();
        assert_eq!(back, orders(&policy));
    }

    #[test]
    fn a_workspace_without_a_commit_brings_nothing() {
        let workspace = json!({"repository": "https://git.example.com/w", "branch": "main"});
        assert_eq!(
            orders(&policy(&json!({"workspace": workspace})).unwrap()),
            []
        );
    }

    #[test]
    fn what_would_run_a_program_or_leave_the_host_is_refused() {
        let pack = |repository: &str, branch: &str, path: &str| {
            let pack = json!({"repository": repository, "commit": "a".repeat(40),
                "branch": branch, "path": path});
            policy(&json!({"skill_packs": {"p": pack}}))
                .err()
                .unwrap_or_default()
        };
        let good = "https://git.example.com/a.git";
        assert_eq!(pack(good, "main", "a/b"), [""; 0]);
        assert_eq!(
            pack("http://localhost:8080/a.git", "release/1.x", "a"),
            [""; 0]
        );
        for repository in [
            "ext::sh -c touch% /tmp/x",
            "file:///etc",
            "/etc",
            "git@github.com:a/b",
            "ssh://git@github.com/a",
            "git://github.com/a",
            "--upload-pack=sh",
            "http://git.example.com/a.git",
            "https://user:secret@git.example.com/a.git",
            "https://git.example.com/a?b",
            "http://localhost@evil.example/a",
            "http://169.254.169.254/a",
        ] {
            let faults = pack(repository, "main", "a");
            assert_eq!(
                faults,
                ["/persistence/skill_packs/p/repository"],
                "{repository}"
            );
        }
        for branch in [
            "--upload-pack=sh",
            "-x",
            "a..b",
            "a b",
            "refs/heads/x.lock",
            "",
            "a:b",
            "@{u}",
        ] {
            let faults = pack(good, branch, "a");
            assert_eq!(faults, ["/persistence/skill_packs/p/branch"], "{branch}");
        }
        for path in ["../x", "/etc", "a/../b", "a//b", "", "a\\b"] {
            let faults = pack(good, "main", path);
            assert_eq!(faults, ["/persistence/skill_packs/p/path"], "{path}");
        }
        for commit in ["main", "abc", &"g".repeat(40), "--help"] {
            let pack = json!({"repository": good, "commit": commit});
            assert!(
                policy(&json!({"skill_packs": {"p": pack}})).is_err(),
                "{commit}"
            );
        }
    }

    #[test]
    fn pull_requests_take_a_branch_a_commit_and_a_repository_with_an_owner() {
        let commit = "a".repeat(40);
        let faults = |persistence: Value| policy(&persistence).err().unwrap_or_default();
        let pack = |repository: &str, more: Value| {
            let mut pack = json!({"repository": repository, "commit": commit, "branch": "main",
                "pull_requests": "github", "promote": "merged"});
            let more = more.as_object().cloned().unwrap_or_default();
            pack.as_object_mut().unwrap().extend(more);
            faults(json!({"skill_packs": {"p": pack}}))
        };
        let at = |field: &str| vec![format!("/persistence/skill_packs/p/{field}")];
        let good = "https://github.com/acme/skills.git";
        assert_eq!(pack(good, json!({})), [""; 0]);
        assert_eq!(
            pack(
                "https://gitlab.com/a/b/c",
                json!({"pull_requests": "gitlab"})
            ),
            [""; 0]
        );
        assert_eq!(pack(good, json!({"branch": null})), at("branch"));
        assert_eq!(pack(good, json!({"pull_requests": null})), at("promote"));
        for repository in [
            "https://github.com/acme",
            "https://github.com/acme/",
            "https://github.com/a/b/c",
            "https://github.com/a/b%2fc",
            "https://github.com/a/.",
        ] {
            assert_eq!(
                pack(repository, json!({})),
                at("pull_requests"),
                "{repository}"
            );
        }
        let workspace = json!({"repository": good, "branch": "main", "pull_requests": "github"});
        assert_eq!(
            faults(json!({"workspace": workspace})),
            ["/persistence/workspace/commit"]
        );
    }

    #[test]
    fn words_of_a_program_are_one_short_line() {
        assert_eq!(words("fatal: a\n\tb"), "fatal: a b");
        assert_eq!(words("\u{1b}[31mred\u{7f}\0"), "[31mred");
        assert_eq!(words(&"x".repeat(9_000)).len(), 500);
    }
}
