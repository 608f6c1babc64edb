//! Proposals that change files of a repository, and what a pull request makes of them.

use super::{PACKS, Source, WORKSPACE, sources};
use crate::policy::{CommitId, Policy};
use crate::proposal::{Draft, Kind};

/// What the names of our branches begin with.
const OURS: &str = "tedix-claw/";
/// How much of the gateway's line is in the name of a branch, in characters.
const LINE: usize = 16;
/// Longest text of a person's or an agent's in a commit message, in characters.
const MAX_WORDS: usize = 500;

/// A file of a repository that a proposal changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileChange {
    /// The repository.
    pub source: Source,
    /// The file, from the root of the repository.
    pub path: String,
    /// What it is to hold; none takes it away.
    pub text: Option<String>,
}

/// The skill pack and the skill of it that a proposal is about; none for everything else.
#[must_use]
pub fn skill_of_pack(draft: &Draft) -> Option<(&str, &str)> {
    (draft.kind == Kind::Skill)
        .then(|| draft.target.split_once('/'))
        .flatten()
}

/// What a proposal changes in a repository that takes pull requests.
#[must_use]
pub fn change_of(policy: &Policy, draft: &Draft) -> Option<FileChange> {
    let skill = |name: &str| format!("{name}/SKILL.md");
    let (name, path) = match (draft.kind, skill_of_pack(draft)) {
        (_, Some((pack, name))) => (format!("{PACKS}{pack}"), skill(name)),
        (Kind::Skill, None) => (
            WORKSPACE.to_owned(),
            format!("skills/{}", skill(&draft.target)),
        ),
        (Kind::WorkspaceFile, None) => (WORKSPACE.to_owned(), draft.target.clone()),
        (Kind::ConfigKey | Kind::Cron | Kind::Plugin, None) => return None,
    };
    let source = sources(policy)
        .into_iter()
        .find(|source| source.name == name)?;
    source.pull_requests?;
    source.branch.as_ref()?;
    let path = match &source.path {
        Some(folder) => format!("{folder}/{path}"),
        None => path,
    };
    let text = draft.content.as_str().map(str::to_owned);
    (text.is_some() || draft.content.is_null()).then_some(FileChange { source, path, text })
}

/// The policy with another commit of a repository in use; none when it names no such one.
#[must_use]
pub fn pinned_at(policy: &Policy, name: &str, commit: &CommitId) -> Option<Policy> {
    let mut next = policy.clone();
    if name == WORKSPACE {
        next.persistence.workspace.as_mut()?.commit = Some(commit.clone());
        return Some(next);
    }
    let pack = name.strip_prefix(PACKS)?;
    let mut packs = next.persistence.skill_packs.iter_mut();
    let (_, pack) = packs.find(|(id, _)| id.as_str() == pack)?;
    pack.commit = commit.clone();
    Some(next)
}

/// What our branch for a repository is called: nobody else's and no other gateway's.
/// `line` is the gateway's folder in the bucket, `attempt` counts the branches.
#[must_use]
pub fn branch(line: &str, source: &str, attempt: u64) -> String {
    let line: String = line.chars().take(LINE).collect();
    let source = source.replace('/', "-");
    format!("{OURS}{line}/{source}/{attempt}")
}

/// Whether a branch has a name of ours: nothing else is ever written to.
#[must_use]
pub fn is_ours(branch: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_');
    let Some(rest) = branch.strip_prefix(OURS) else {
        return false;
    };
    let parts: Vec<&str> = rest.split('/').collect();
    parts.len() == 3
        && parts.iter().all(|part| {
            !part.is_empty()
                && !part.starts_with('-')
                && part.bytes().all(plain)
                && part.len() <= 80
        })
}

/// Where the page of a pull request is.
#[must_use]
pub fn page(source: &Source, number: u64) -> Option<String> {
    use crate::policy::GitService::{Github, Gitlab};
    let repository = source.repository.trim_end_matches('/');
    let repository = repository.strip_suffix(".git").unwrap_or(repository);
    Some(match source.pull_requests? {
        Github => format!("{repository}/pull/{number}"),
        Gitlab => format!("{repository}/-/merge_requests/{number}"),
    })
}

/// Words of an agent's for a Git host: one line of letters, digits and plain punctuation.
/// Git hosts act on what commit messages say (they close issues, notify people, skip
/// checks), so nothing of that survives.
#[must_use]
pub fn inert(words: &str) -> String {
    let plain = |letter: char| letter.is_alphanumeric() || ".,;!?()'\"_/+=%".contains(letter);
    let words: String = words
        .chars()
        .map(|letter| if plain(letter) { letter } else { ' ' })
        .collect();
    let words = words.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(MAX_WORDS).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::policy::parse_value;

    fn policy(pull_requests: &str) -> Policy {
        let commit = "a".repeat(40);
        let document = json!({"schema": 1,
        "access": {"operators": [{"email": "ada@example.com", "role": "admin"}]},
        "persistence": {
            "skill_packs": {
                "house": {"repository": "https://github.com/acme/skills.git", "commit": commit,
                    "branch": "main", "path": "skills/", "pull_requests": pull_requests},
                "quiet": {"repository": "https://github.com/acme/quiet", "commit": commit},
            },
            "workspace": {"repository": "https://gitlab.example.com/acme/team/work",
                "branch": "main", "commit": commit, "pull_requests": "gitlab"},
        }});
        parse_value(document).unwrap()
    }

    fn draft(kind: Kind, target: &str, content: Value) -> Draft {
        Draft {
            kind,
            target: target.to_owned(),
            content,
            reason: "why".to_owned(),
        }
    }

    #[test]
    fn a_proposal_changes_one_file_of_a_repository_that_takes_pull_requests() {
        let policy = policy("github");
        let of = |kind, target: &str, content: Value| {
            let change = change_of(&policy, &draft(kind, target, content))?;
            Some((change.source.name, change.path, change.text))
        };
        let some = |source: &str, path: &str, text: Option<&str>| {
            Some((source.to_owned(), path.to_owned(), text.map(str::to_owned)))
        };
        assert_eq!(
            of(Kind::Skill, "house/cook", json!("x")),
            some("packs/house", "skills/cook/SKILL.md", Some("x"))
        );
        assert_eq!(
            of(Kind::Skill, "cook", Value::Null),
            some("workspace", "skills/cook/SKILL.md", None)
        );
        assert_eq!(
            of(Kind::WorkspaceFile, "AGENTS.md", json!("x")),
            some("workspace", "AGENTS.md", Some("x"))
        );
        assert_eq!(of(Kind::Skill, "quiet/cook", json!("x")), None);
        assert_eq!(of(Kind::Skill, "other/cook", json!("x")), None);
        assert_eq!(of(Kind::Cron, "AGENTS.md", json!("x")), None);
        assert_eq!(of(Kind::WorkspaceFile, "AGENTS.md", json!({})), None);
    }

    #[test]
    fn branches_are_ours_by_their_names() {
        let line = "0123456789abcdef0123456789abcdef";
        let ours = branch(line, "packs/house", 3);
        assert_eq!(ours, "tedix-claw/0123456789abcdef/packs-house/3");
        assert!(is_ours(&ours) && is_ours(&branch(line, "workspace", 1)));
        for other in [
            "main",
            "tedix-claw/main",
            "tedix-claw/a/b/c/d",
            "tedix-claw/a/../1",
            "tedix-claw/a//1",
            "tedix-claw/a/-b/1",
            "tedix-claw/a/b/1?x",
            "refs/heads/tedix-claw/a/b/1",
        ] {
            assert!(!is_ours(other), "{other}");
        }
    }

    #[test]
    fn another_commit_is_a_change_of_one_clause() {
        let policy = policy("github");
        let commit: CommitId = "b".repeat(40).parse().unwrap();
        for name in ["packs/house", "workspace"] {
            let next = pinned_at(&policy, name, &commit).unwrap();
            let changes = crate::policy::diff(&policy, &next);
            assert_eq!(changes.len(), 1, "{changes:?}");
            assert!(changes[0].pointer.ends_with("/commit"));
            assert_eq!(changes[0].direction, crate::policy::Direction::Loosens);
        }
        assert_eq!(pinned_at(&policy, "packs/other", &commit), None);
    }

    #[test]
    fn words_for_a_git_host_make_it_do_nothing() {
        let words = "Fixes #12, closes GH-3 & https://github.com/a/b/issues/1\n\n@team [skip ci]";
        assert_eq!(
            inert(words),
            "Fixes 12, closes GH 3 https //github.com/a/b/issues/1 team skip ci"
        );
    }

    #[test]
    fn pages_are_below_the_repository() {
        let policy = policy("github");
        let pages: Vec<_> = sources(&policy)
            .iter()
            .map(|source| page(source, 7))
            .collect();
        let expected = [
            Some("https://github.com/acme/skills/pull/7"),
            None,
            Some("https://gitlab.example.com/acme/team/work/-/merge_requests/7"),
        ];
        assert_eq!(pages, expected.map(|page| page.map(str::to_owned)));
    }
}
