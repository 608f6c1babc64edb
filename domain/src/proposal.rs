//! Self-modification: changes that an agent or a person proposes, and who decides them.
//! A proposal is written down, decided once, and never by its author.

pub mod content;

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::git::change::skill_of_pack;
use crate::policy::{ChangeRule, Direction, Policy, diff, parse_value, save_faults};
use crate::problem::{FieldError, Problem};

/// Author of what comes from the container: any agent in it.
pub const AGENT: &str = "agent";
/// Longest reason, in characters.
pub const MAX_REASON: usize = 1_000;
/// Most proposals that wait for a decision at once.
pub const MAX_PENDING: u64 = 50;
/// Sections of the policy that no proposal may touch: who governs, and how.
const NEVER: [&str; 4] = ["schema", "access", "self_modification", "tests"];

/// What kind of thing is to change.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A clause of the policy, from which OpenClaw's configuration is made.
    ConfigKey,
    /// A skill.
    Skill,
    /// A file of the workspace.
    WorkspaceFile,
    /// A scheduled job.
    Cron,
    /// A plugin.
    Plugin,
}

/// What is proposed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Draft {
    /// What kind of thing.
    pub kind: Kind,
    /// Which: for `config_key` a JSON pointer into the policy document, such as
    /// `/tools/allow`; the name of a `skill` or of a `cron` job; the path of a
    /// `workspace_file`, relative to the workspace.
    pub target: String,
    /// What it is to be; `null` takes it away.
    pub content: Value,
    /// Why, in words, 1 to 1,000 characters.
    pub reason: String,
}

/// Where a proposal is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Waits for a decision.
    Pending,
    /// Approved by a person, and saved.
    Approved,
    /// Rejected by a person.
    Rejected,
    /// Applied by itself, as the policy says.
    Applied,
    /// Refused at once, see `detail`.
    Refused,
    /// Nobody decided in time.
    Expired,
}

/// A proposal and what became of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposal {
    /// `p` and a number that counts up.
    pub id: String,
    /// What is proposed.
    #[serde(flatten)]
    pub draft: Draft,
    /// Who proposed it: an e-mail address, or `agent`.
    pub author: String,
    /// When.
    pub created_at: DateTime<Utc>,
    /// When it lapses undecided.
    pub expires_at: DateTime<Utc>,
    /// Where it is in its life.
    pub state: State,
    /// Why it was refused, or what the one who decided said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// Who decided.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_by: Option<String>,
    /// When.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<DateTime<Utc>>,
    /// Hash of the policy before it was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before_hash: Option<String>,
    /// Hash of the policy with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after_hash: Option<String>,
    /// Version that it became.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub policy_version: Option<u64>,
    /// Newest generation of the state from before it; absent when there was none, or
    /// while nothing has been made yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_before: Option<u64>,
    /// First generation that holds it; absent until one is taken.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generation_after: Option<u64>,
    /// How OpenClaw lives with that version; filled in when it is read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub health: Option<Health>,
    /// The page of the pull request that carries it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<String>,
}

/// How OpenClaw lives with what was applied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Health {
    /// It has not shown yet.
    Unknown,
    /// It stayed healthy for the health window.
    Healthy,
    /// It could not run with it; the one before came back.
    Failed,
}

/// What happens to a new proposal.
#[derive(Debug, Clone, PartialEq)]
pub enum Verdict {
    /// It is refused, and why.
    Refuse(String),
    /// It waits for a person.
    Review,
    /// It is applied at once, as this document.
    Apply(Box<Policy>),
    /// It is carried out in the container at once.
    CarryOut,
}

/// Checks the form of a draft.
///
/// # Errors
/// The fields at fault.
pub fn check(draft: &Draft) -> Result<(), Vec<FieldError>> {
    let mut faults = Vec::new();
    let reason = draft.reason.trim().chars().count();
    if reason == 0 || reason > MAX_REASON {
        faults.push(FieldError::new(
            "/reason",
            "says why, in 1 to 1000 characters",
        ));
    }
    let target = draft.target.as_str();
    let plain = (1..=500).contains(&target.len()) && !target.chars().any(char::is_control);
    if !plain || (draft.kind == Kind::ConfigKey && !target.starts_with('/')) {
        let detail = "names what is to change; for config_key a JSON pointer such as /tools/allow";
        faults.push(FieldError::new("/target", detail));
    }
    if faults.is_empty() {
        Ok(())
    } else {
        Err(faults)
    }
}

/// What happens to a new proposal under a policy.
#[must_use]
pub fn judge(policy: &Policy, draft: &Draft, now: DateTime<Utc>) -> Verdict {
    let rules = &policy.self_modification;
    // A proposal changes nothing by itself, so where the policy is silent it may wait
    // for a person.
    let (rule, name) = match draft.kind {
        Kind::ConfigKey => (
            rules.config_keys.unwrap_or(ChangeRule::Review),
            "config_keys",
        ),
        Kind::Skill => (
            rules
                .skill_rule(&draft.target)
                .unwrap_or(ChangeRule::Review),
            "skills",
        ),
        Kind::Cron => (rules.cron.unwrap_or(ChangeRule::Review), "cron"),
        Kind::Plugin => (rules.plugins.unwrap_or(ChangeRule::Review), "plugins"),
        Kind::WorkspaceFile => (rules.workspace_rule(&draft.target).0, "workspace"),
    };
    if rule == ChangeRule::Deny {
        return Verdict::Refuse(format!(
            "The policy denies it: self_modification.{name} is deny."
        ));
    }
    if draft.kind != Kind::ConfigKey {
        return match content::fault(policy, draft) {
            Some(fault) => Verdict::Refuse(fault),
            None if rule == ChangeRule::Auto && skill_of_pack(draft).is_none() => Verdict::CarryOut,
            None => Verdict::Review,
        };
    }
    match changed(policy, draft, now) {
        Err(faults) => Verdict::Refuse(faults.detail),
        Ok(next) if rule == ChangeRule::Auto && !loosens(policy, &next) => {
            Verdict::Apply(Box::new(next))
        }
        // What would allow more waits for a person, whatever the rule.
        Ok(_) => Verdict::Review,
    }
}

/// The policy with a proposal in it, checked like any other edit.
///
/// # Errors
/// 403 for what no proposal may touch, 422 when the result is not valid.
pub fn changed(policy: &Policy, draft: &Draft, now: DateTime<Utc>) -> Result<Policy, Problem> {
    let parts: Vec<String> = draft.target.split('/').skip(1).map(unescape).collect();
    let key = parts.join(".");
    let exception = key == "tools.exceptions" || key.starts_with("tools.exceptions.");
    let protected = policy.self_modification.protects(&key)
        || policy
            .self_modification
            .protected_keys
            .iter()
            .any(|protected| {
                protected
                    .strip_prefix(&key)
                    .is_some_and(|rest| rest.starts_with('.'))
            });
    let section = parts.first().map_or("", String::as_str);
    if section.is_empty() || NEVER.contains(&section) || exception || key == "tools" || protected {
        return Err(Problem::forbidden(format!(
            "No proposal may touch {}.",
            draft.target
        )));
    }
    // INVARIANT: a Policy has string keys only, so it always has a JSON form.
    let mut document = serde_json::to_value(policy).unwrap_or_default();
    put(&mut document, &parts, &draft.content).ok_or_else(|| {
        Problem::fields(vec![FieldError::new(
            "/target",
            "leads to nothing in the policy",
        )])
    })?;
    let below = |faults: Vec<FieldError>| {
        let at = |fault: FieldError| {
            FieldError::new("/content", format!("{}: {}", fault.pointer, fault.detail))
        };
        Problem::fields(faults.into_iter().map(at).collect())
    };
    let next = parse_value(document).map_err(below)?;
    let faults = save_faults(&next, now, false);
    if !faults.is_empty() {
        return Err(below(faults));
    }
    if next == *policy {
        return Err(Problem::conflict("The policy says so already."));
    }
    Ok(next)
}

/// Whether a change allows more than before anywhere.
#[must_use]
pub fn loosens(before: &Policy, after: &Policy) -> bool {
    diff(before, after)
        .iter()
        .any(|change| change.direction != Direction::Tightens)
}

/// Whether somebody may decide a proposal now.
///
/// # Errors
/// 403 for its author and for who is not among the approvers, 409 when it is decided
/// or has lapsed.
pub fn may_decide(
    policy: &Policy,
    proposal: &Proposal,
    who: &str,
    now: DateTime<Utc>,
) -> Result<(), Problem> {
    if proposal.author == who {
        return Err(Problem::forbidden(
            "Nobody decides their own proposal; ask somebody else.",
        ));
    }
    let approvers = &policy.self_modification.approvers;
    if !approvers.is_empty() && !approvers.iter().any(|approver| approver.as_str() == who) {
        return Err(Problem::forbidden(
            "The policy names others who decide proposals (self_modification.approvers).",
        ));
    }
    match state_at(proposal, now) {
        State::Pending => Ok(()),
        State::Expired => Err(Problem::conflict(
            "It has lapsed; it can be proposed again.",
        )),
        _ => Err(Problem::conflict("It has been decided already.")),
    }
}

/// The state of a proposal at a moment: one that nobody decided lapses.
#[must_use]
pub fn state_at(proposal: &Proposal, now: DateTime<Utc>) -> State {
    match proposal.state {
        State::Pending if proposal.expires_at <= now => State::Expired,
        state => state,
    }
}

/// When a proposal that is made now lapses.
#[must_use]
pub fn expiry(policy: &Policy, now: DateTime<Utc>) -> DateTime<Utc> {
    let seconds = i64::try_from(policy.self_modification.lapse_seconds()).unwrap_or(604_800);
    now + TimeDelta::seconds(seconds)
}

/// Sets or takes away what the parts lead to; objects on the way are made.
fn put(value: &mut Value, parts: &[String], content: &Value) -> Option<()> {
    let (first, rest) = parts.split_first()?;
    let object = value.as_object_mut()?;
    match (rest.is_empty(), content) {
        (true, Value::Null) => {
            object.remove(first)?;
            Some(())
        }
        (true, _) => {
            object.insert(first.clone(), content.clone());
            Some(())
        }
        (false, _) => {
            let next = object
                .entry(first.clone())
                .or_insert_with(|| Value::Object(Default::default()));
            put(next, rest, content)
        }
    }
}

/// RFC 6901 §4.
fn unescape(part: &str) -> String {
    part.replace("~1", "/").replace("~0", "~")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn now() -> DateTime<Utc> {
        "2026-11-22T10:00:00Z".parse().unwrap()
    }

    fn policy(rules: &Value) -> Policy {
        let mut policy = Policy::bootstrap(&["ada@example.com".parse().unwrap()]);
        policy.self_modification = serde_json::from_value(rules.clone()).unwrap();
        policy
    }

    fn draft(target: &str, content: Value) -> Draft {
        Draft {
            kind: Kind::ConfigKey,
            target: target.to_owned(),
            content,
            reason: "why".to_owned(),
        }
    }

    #[test]
    fn only_what_tightens_applies_itself() {
        let auto = policy(&json!({"config_keys": "auto"}));
        let tighter = draft("/tools/deny", json!(["exec"]));
        assert!(matches!(judge(&auto, &tighter, now()), Verdict::Apply(_)));
        let looser = draft("/budgets/tokens_per_day", json!(5_000_000));
        assert_eq!(judge(&auto, &looser, now()), Verdict::Review);
        assert_eq!(judge(&policy(&json!({})), &tighter, now()), Verdict::Review);
        let deny = policy(&json!({"config_keys": "deny"}));
        assert!(matches!(judge(&deny, &tighter, now()), Verdict::Refuse(_)));
    }

    #[test]
    fn who_governs_and_how_is_never_proposed() {
        let rules =
            policy(&json!({"config_keys": "auto", "protected_keys": ["budgets.tokens_per_day"]}));
        for target in [
            "/access/operators",
            "/access",
            "/self_modification/config_keys",
            "/tests",
            "/schema",
            "/tools/exceptions",
            "/tools",
            "/",
            "",
            "/budgets/tokens_per_day",
            "/budgets",
        ] {
            let verdict = judge(&rules, &draft(target, json!([])), now());
            assert!(
                matches!(verdict, Verdict::Refuse(_)),
                "{target}: {verdict:?}"
            );
        }
    }

    #[test]
    fn what_cannot_be_saved_or_applied_is_refused() {
        let rules = policy(&json!({"skills": "auto"}));
        for bad in [
            draft("/tools/profile", json!("everything")),
            draft("/nothing", json!(1)),
            draft("/tools/deny/0", json!("exec")),
            draft("/tools/allow", json!([])),
        ] {
            assert!(
                matches!(judge(&rules, &bad, now()), Verdict::Refuse(_)),
                "{bad:?}"
            );
        }
        let of_kind = |kind, target: &str| Draft {
            kind,
            ..draft(target, json!("text"))
        };
        let skill = of_kind(Kind::Skill, "x");
        assert_eq!(judge(&rules, &skill, now()), Verdict::CarryOut);
        assert_eq!(judge(&policy(&json!({})), &skill, now()), Verdict::Review);
        let plugin = of_kind(Kind::Plugin, "x");
        assert!(
            matches!(judge(&rules, &plugin, now()), Verdict::Refuse(_)),
            "not pretended"
        );
    }

    #[test]
    fn a_proposal_is_decided_once_in_time_and_not_by_its_author() {
        let proposal = Proposal {
            id: "p1".to_owned(),
            draft: draft("/tools/deny", json!(["exec"])),
            author: AGENT.to_owned(),
            created_at: now(),
            expires_at: expiry(&policy(&json!({})), now()),
            state: State::Pending,
            detail: None,
            decided_by: None,
            decided_at: None,
            before_hash: None,
            after_hash: None,
            policy_version: None,
            generation_before: None,
            generation_after: None,
            health: None,
            pull_request: None,
        };
        let open = policy(&json!({}));
        let status = |policy: &Policy, proposal: &Proposal, who: &str, at| {
            may_decide(policy, proposal, who, at).map_or_else(|problem| problem.status, |()| 200)
        };
        assert_eq!(status(&open, &proposal, "ada@example.com", now()), 200);
        assert_eq!(status(&open, &proposal, AGENT, now()), 403);
        assert_eq!(
            status(&open, &proposal, "ada@example.com", proposal.expires_at),
            409
        );
        let decided = Proposal {
            state: State::Rejected,
            ..proposal.clone()
        };
        assert_eq!(status(&open, &decided, "ada@example.com", now()), 409);
        let named = policy(&json!({"approvers": ["bob@example.com"]}));
        assert_eq!(status(&named, &proposal, "ada@example.com", now()), 403);
        let json = serde_json::to_value(&proposal).unwrap();
        assert_eq!(serde_json::from_value::<Proposal>(json).unwrap(), proposal);
    }
}
