//! What agents may change about themselves.
//!
//! A change that is `deny` is refused. One that is `review` becomes a proposal
//! that a person decides, one that is `auto` a proposal that decides itself: both
//! are in the ledger, watched for the health window and undone when they harm.

use serde::{Deserialize, Serialize};

use super::is_default;
use crate::policy::value::{EmailAddress, IsoDuration};

/// What agents may change about themselves.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct SelfModification {
    /// Keys of OpenClaw's configuration that this policy does not set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub config_keys: Option<ChangeRule>,
    /// Skills that agents write for themselves.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skills: Option<ChangeRule>,
    /// Scheduled jobs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cron: Option<ChangeRule>,
    /// Plugins.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plugins: Option<ChangeRule>,
    /// Files of the workspace; the longest path that matches decides, `auto` where none does.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workspace: Vec<WorkspaceRule>,
    /// Keys of OpenClaw's configuration that no proposal may touch, with what is
    /// below them, such as `gateway` or `tools.exec`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub protected_keys: Vec<String>,
    /// Who may decide proposals, of the operators and admins; all of them when
    /// empty. Nobody decides their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub approvers: Vec<EmailAddress>,
    /// How long OpenClaw must stay healthy after a change, from `PT10S` to `PT1H`;
    /// two minutes when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health_window: Option<IsoDuration>,
    /// Whether a change that makes OpenClaw unhealthy in that time is undone; it
    /// is when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollback: Option<bool>,
    /// When an undecided proposal lapses, from `PT1H` to `P90D`; a week when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proposals_lapse_after: Option<IsoDuration>,
}

/// How a kind of change comes about, from least to most.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(rename_all = "snake_case")]
pub enum ChangeRule {
    /// Not at all.
    #[default]
    Deny,
    /// When a person approves it.
    Review,
    /// By itself.
    Auto,
}

/// How changes of files below a path come about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(test, derive(schemars::JsonSchema))]
#[serde(deny_unknown_fields)]
pub struct WorkspaceRule {
    /// File or folder in the workspace, such as `AGENTS.md` or `memory/`.
    pub path: String,
    /// How changes there come about.
    pub change: ChangeRule,
}

impl SelfModification {
    /// Health window, in seconds, when the document names none.
    pub const HEALTH_WINDOW_SECONDS: u64 = 120;
    /// When a proposal lapses, in seconds, when the document does not say.
    pub const LAPSE_SECONDS: u64 = 7 * 86_400;

    /// How long OpenClaw must stay healthy after a change, in seconds.
    #[must_use]
    pub fn health_window_seconds(&self) -> u64 {
        self.health_window
            .as_ref()
            .map_or(Self::HEALTH_WINDOW_SECONDS, IsoDuration::seconds)
    }

    /// When an undecided proposal lapses, in seconds.
    #[must_use]
    pub fn lapse_seconds(&self) -> u64 {
        self.proposals_lapse_after
            .as_ref()
            .map_or(Self::LAPSE_SECONDS, IsoDuration::seconds)
    }

    /// Whether a change that makes OpenClaw unhealthy is undone.
    #[must_use]
    pub fn rolls_back(&self) -> bool {
        self.rollback.unwrap_or(true)
    }

    /// How changes of a file of the workspace come about, and the index of the
    /// rule that says so.
    #[must_use]
    pub fn workspace_rule(&self, path: &str) -> (ChangeRule, Option<usize>) {
        WorkspaceRule::deciding(&self.workspace, path)
            .map_or((ChangeRule::Auto, None), |(index, rule)| {
                (rule.change, Some(index))
            })
    }

    /// How changes of a skill come about that lies in the workspace, where the document
    /// says so: by `skills` or by a path, whichever is stricter.
    #[must_use]
    pub fn skill_rule(&self, name: &str) -> Option<ChangeRule> {
        let path = format!("skills/{name}/SKILL.md");
        let by_path = WorkspaceRule::deciding(&self.workspace, &path).map(|(_, rule)| rule.change);
        match (self.skills, by_path) {
            (Some(skills), Some(by_path)) => Some(skills.min(by_path)),
            (skills, by_path) => skills.or(by_path.filter(|rule| *rule != ChangeRule::Auto)),
        }
    }

    /// Whether no proposal may touch a configuration key such as `tools.exec.mode`.
    #[must_use]
    pub fn protects(&self, key: &str) -> bool {
        let covers = |protected: &String| {
            key.strip_prefix(protected.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
        };
        // What this policy compiles to is not the agents' to change, either way.
        self.protected_keys.iter().any(covers)
    }
}

impl WorkspaceRule {
    /// The rule with the longest path that leads to a file, and its index.
    #[must_use]
    pub fn deciding<'a>(rules: &'a [Self], path: &str) -> Option<(usize, &'a Self)> {
        let below = |rule: &str| {
            let folder = rule.trim_end_matches('/');
            path.strip_prefix(folder)
                .is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let rules = rules.iter().enumerate();
        rules
            .filter(|(_, rule)| below(&rule.path))
            .max_by_key(|(_, rule)| rule.path.trim_end_matches('/').len())
    }
}

impl ChangeRule {
    /// The name in a policy.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Deny => "deny",
            Self::Review => "review",
            Self::Auto => "auto",
        }
    }

    /// Whether it is the default, and so not written.
    #[must_use]
    pub fn is_deny(&self) -> bool {
        is_default(self)
    }
}

#[cfg(test)]
mod tests {
    use super::{ChangeRule, SelfModification};

    fn rules() -> SelfModification {
        serde_json::from_value(serde_json::json!({
            "workspace": [
                {"path": "memory/", "change": "auto"},
                {"path": "AGENTS.md", "change": "deny"},
                {"path": "memory/secret", "change": "review"},
            ],
            "protected_keys": ["gateway", "tools.exec"],
        }))
        .unwrap()
    }

    #[test]
    fn the_longest_path_that_matches_decides() {
        let rules = rules();
        for (path, change, index) in [
            ("AGENTS.md", ChangeRule::Deny, Some(1)),
            ("AGENTS.md.bak", ChangeRule::Auto, None),
            ("memory/a.md", ChangeRule::Auto, Some(0)),
            ("memory/secret/a", ChangeRule::Review, Some(2)),
            ("memory/secrets", ChangeRule::Auto, Some(0)),
        ] {
            assert_eq!(rules.workspace_rule(path), (change, index), "{path}");
        }
    }

    #[test]
    fn a_protected_key_covers_what_is_below_it() {
        let rules = rules();
        assert!(rules.protects("gateway") && rules.protects("gateway.auth.mode"));
        assert!(rules.protects("tools.exec.mode"));
        assert!(!rules.protects("tools.executable") && !rules.protects("tools"));
    }
}
