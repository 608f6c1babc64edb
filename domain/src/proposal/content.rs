//! What may be proposed for things that only the container holds: jobs, skills, files.

use serde_json::Value;

use super::{Draft, Kind};
use crate::drift::jobs;
use crate::git::change::skill_of_pack;
use crate::policy::Policy;

/// Longest skill or file, in bytes: OpenClaw's own limit for a skill.
pub const MAX_TEXT: usize = 40_000;
/// Longest name of a skill, as OpenClaw takes it.
const MAX_SKILL: usize = 64;
/// Most folders that a file may lie in.
const MAX_DEPTH: usize = 8;

/// Why a draft for something else than a clause of the policy could not be carried out;
/// none when it could.
#[must_use]
pub fn fault(policy: &Policy, draft: &Draft) -> Option<String> {
    match draft.kind {
        Kind::ConfigKey => None,
        Kind::Cron => job_fault(policy, draft),
        Kind::Skill => {
            if let Some((pack, name)) = skill_of_pack(draft) {
                return pack_fault(policy, pack, name).or_else(|| text_fault(&draft.content));
            }
            if !is_skill(&draft.target) {
                return Some(
                    "A skill's name has lower-case letters, digits and hyphens, at most 64."
                        .to_owned(),
                );
            }
            text_fault(&draft.content)
        }
        Kind::WorkspaceFile => {
            if !is_workspace_path(&draft.target) {
                return Some(
                    "A file's path is relative to the workspace, without .., hidden names and \
                     skills/; a skill is proposed as a skill."
                        .to_owned(),
                );
            }
            text_fault(&draft.content)
        }
        Kind::Plugin => Some(
            "Plugins come with the container's image; ask an operator to build one with it."
                .to_owned(),
        ),
    }
}

/// The job that a draft asks for, as `cron.add` takes it.
#[must_use]
pub fn job(target: &str, content: &Value) -> Value {
    let mut job = jobs::definition(content);
    if let Some(job) = job.as_object_mut() {
        job.insert("name".to_owned(), target.into());
        // OpenClaw wants these said; its own tool says so by default.
        job.entry("sessionTarget").or_insert("isolated".into());
        job.entry("wakeMode").or_insert("now".into());
    }
    job
}

fn job_fault(policy: &Policy, draft: &Draft) -> Option<String> {
    if draft.content.is_null() {
        return None;
    }
    let Some(content) = draft.content.as_object() else {
        return Some("A job is an object with schedule and payload.".to_owned());
    };
    let known = jobs::definition(&draft.content);
    if let Some(odd) = content.keys().find(|key| known.get(key.as_str()).is_none()) {
        return Some(format!("A job has no {odd:?}."));
    }
    let kind = draft
        .content
        .pointer("/payload/kind")
        .and_then(Value::as_str);
    if !matches!(kind, Some("agentTurn" | "systemEvent")) {
        return Some(
            "A job's payload is a message to an agent (kind agentTurn or systemEvent).".to_owned(),
        );
    }
    let schedule = content
        .get("schedule")
        .filter(|schedule| schedule.is_object());
    let Some(schedule) = schedule else {
        return Some("A job needs a schedule.".to_owned());
    };
    let interval = jobs::least_interval(schedule);
    let least = policy
        .budgets
        .cron
        .min_interval
        .as_ref()
        .map_or(1, |least| least.seconds());
    (interval < least).then(|| {
        format!("It may run every {interval} s; the least time between two runs is {least} s.")
    })
}

/// A skill of a pack changes where the pack comes from, by a pull request.
fn pack_fault(policy: &Policy, pack: &str, name: &str) -> Option<String> {
    let mut packs = policy.persistence.skill_packs.iter();
    let takes = packs.any(|(id, pack_)| id.as_str() == pack && pack_.pull_requests.is_some());
    if !takes {
        return Some(format!(
            "The policy names no skill pack {pack:?} that takes pull requests."
        ));
    }
    (!is_skill(name)).then(|| {
        "A skill's name has lower-case letters, digits and hyphens, at most 64.".to_owned()
    })
}

fn text_fault(content: &Value) -> Option<String> {
    match content {
        Value::Null => None,
        Value::String(text) if text.len() <= MAX_TEXT && !text.contains('\0') => None,
        Value::String(_) => Some(format!("The content is longer than {MAX_TEXT} bytes.")),
        _ => Some("The content is a text, or null to take it away.".to_owned()),
    }
}

/// Whether a name is one that a skill can have.
#[must_use]
pub fn is_skill(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    (1..=MAX_SKILL).contains(&name.len()) && name.bytes().all(plain) && !name.starts_with('-')
}

/// Whether a path leads to a file in the workspace that may be proposed.
#[must_use]
pub fn is_workspace_path(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    let plain = |part: &&str| {
        !part.is_empty()
            && !part.starts_with('.')
            && part.len() <= 100
            && !part.contains(|letter: char| letter.is_control() || letter == '\\')
    };
    let skills = parts
        .first()
        .is_some_and(|first| first.eq_ignore_ascii_case("skills"));
    parts.len() <= MAX_DEPTH && parts.iter().all(plain) && !skills
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn draft(kind: Kind, target: &str, content: Value) -> Draft {
        Draft {
            kind,
            target: target.to_owned(),
            content,
            reason: "why".to_owned(),
        }
    }

    fn policy() -> Policy {
        let mut policy = Policy::bootstrap(&["ada@example.com".parse().unwrap()]);
        policy.budgets.cron.min_interval = Some("PT15M".parse().unwrap());
        policy
    }

    #[test]
    fn only_what_can_be_carried_out_is_taken() {
        let hourly = json!({"kind": "every", "everyMs": 3_600_000});
        let turn = json!({"kind": "agentTurn", "message": "m"});
        let job =
            |schedule: &Value, payload: &Value| json!({"schedule": schedule, "payload": payload});
        let taken = [
            draft(Kind::Cron, "daily", job(&hourly, &turn)),
            draft(Kind::Cron, "daily", Value::Null),
            draft(Kind::Skill, "release-notes", json!("# Notes")),
            draft(Kind::Skill, "release-notes", Value::Null),
            draft(Kind::WorkspaceFile, "memory/2026/a.md", json!("x")),
            draft(Kind::WorkspaceFile, "AGENTS.md", Value::Null),
        ];
        for draft in taken {
            assert_eq!(fault(&policy(), &draft), None, "{draft:?}");
        }
        let often = json!({"kind": "every", "everyMs": 60_000});
        let command = json!({"kind": "command", "command": "id"});
        let mut odd = job(&hourly, &turn);
        odd["owner"] = json!({"agentId": "other"});
        let refused = [
            draft(Kind::Cron, "daily", job(&often, &turn)),
            draft(Kind::Cron, "daily", job(&hourly, &command)),
            draft(Kind::Cron, "daily", job(&json!("hourly"), &turn)),
            draft(Kind::Cron, "daily", json!("hourly")),
            draft(Kind::Cron, "daily", odd),
            draft(Kind::Skill, "../x", json!("x")),
            draft(Kind::Skill, "X", json!("x")),
            draft(Kind::Skill, "", json!("x")),
            draft(Kind::Skill, "x", json!({"SKILL.md": "x"})),
            draft(Kind::Skill, "x", json!("x".repeat(MAX_TEXT + 1))),
            draft(Kind::WorkspaceFile, "x", json!("a\0b")),
            draft(Kind::Plugin, "x", json!("x")),
        ];
        for draft in refused {
            assert!(fault(&policy(), &draft).is_some(), "{draft:?}");
        }
        for path in [
            "",
            "/etc/passwd",
            "../openclaw.json",
            "a/../../b",
            "a//b",
            "./a",
            ".git/hooks/pre-commit",
            "a/.env",
            "skills/x/SKILL.md",
            "Skills/x",
            "a\\b",
            "a/b/c/d/e/f/g/h/i",
        ] {
            let draft = draft(Kind::WorkspaceFile, path, json!("x"));
            assert!(fault(&policy(), &draft).is_some(), "{path}");
        }
    }

    #[test]
    fn a_job_is_called_what_was_proposed_and_carries_nothing_else() {
        let content = json!({"name": "other", "enabled": false, "schedule": {"kind": "at"}});
        assert_eq!(
            job("daily", &content),
            json!({"name": "daily", "schedule": {"kind": "at"}, "sessionTarget": "isolated",
                "wakeMode": "now"})
        );
    }
}
