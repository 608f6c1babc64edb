//! Skills and files of the workspace that agents may not change by themselves: which
//! they are, and what they were when somebody last approved them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Kind as Change;
use crate::policy::{ChangeRule, Policy, SelfModification, WorkspaceRule};
use crate::proposal::Kind;
use crate::proposal::content::{is_skill, is_workspace_path};

/// Most files that count as approved.
pub const MAX_FILES: usize = 2_000;
/// Longest path that is kept, in bytes.
pub const MAX_PATH: usize = 400;
/// Most bytes that the approved files of one container take as JSON.
pub const MAX_JSON: usize = 400 * 1024;

/// How changes of skills and of files in workspaces come about.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileRules {
    /// Skills, wherever OpenClaw loads them from; by themselves when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub skills: Option<ChangeRule>,
    /// Files of a workspace; the longest path that matches decides.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub workspace: Vec<WorkspaceRule>,
}

/// A file as it was approved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedFile {
    /// SHA-256 of its content, in lower-case hex.
    pub sha256: String,
    /// Whether it may be run.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub executable: bool,
    /// The content, where it is a text and small enough to be kept outside the container.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
}

/// The files that may be there, by path below OpenClaw's state directory, and the rules
/// under which that was so.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Approved {
    /// The rules: what they leave open is not among the files.
    pub rules: FileRules,
    /// The files.
    pub files: BTreeMap<String, ApprovedFile>,
}

/// What tedix-init needs to hold files to what was approved.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileWatch {
    /// The rules of today.
    pub rules: FileRules,
    /// What was approved; none when nothing was looked at yet: then what is there counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approved: Option<Approved>,
}

impl FileRules {
    /// The rules of a policy.
    #[must_use]
    pub fn of(policy: &Policy) -> Self {
        let SelfModification {
            skills, workspace, ..
        } = &policy.self_modification;
        Self {
            skills: *skills,
            workspace: workspace.clone(),
        }
    }

    /// Whether anything may not change by itself.
    #[must_use]
    pub fn close_anything(&self) -> bool {
        let closed = |rule: &ChangeRule| *rule != ChangeRule::Auto;
        self.skills.as_ref().is_some_and(closed)
            || self.workspace.iter().any(|rule| closed(&rule.change))
    }

    /// How a change of a file comes about that may not change by itself; none for one that may.
    #[must_use]
    pub fn closed(&self, path: &str) -> Option<ChangeRule> {
        let mut rule = ChangeRule::Auto;
        if let Some(inside) = in_workspace(path) {
            rule = WorkspaceRule::deciding(&self.workspace, inside)
                .map_or(ChangeRule::Auto, |(_, found)| found.change);
        }
        if let Some(skills) = self.skills
            && in_skills(path).is_some()
        {
            rule = rule.min(skills);
        }
        (rule != ChangeRule::Auto).then_some(rule)
    }

    /// Whether a clause names a file of a workspace and lets it change by itself.
    #[must_use]
    pub fn opens(&self, path: &str) -> bool {
        let named =
            in_workspace(path).and_then(|inside| WorkspaceRule::deciding(&self.workspace, inside));
        named.is_some() && self.closed(path).is_none()
    }

    /// Files and folders that clauses let change by themselves, in the workspaces that there are.
    #[must_use]
    pub fn open_places(&self, workspaces: &[String]) -> Vec<String> {
        let open = self.workspace.iter();
        let open = open.filter(|rule| rule.change == ChangeRule::Auto);
        let paths = open.flat_map(|rule| {
            let path = rule.path.trim_end_matches('/');
            workspaces
                .iter()
                .map(move |workspace| format!("{workspace}/{path}"))
        });
        paths.collect()
    }

    /// Files and folders to look through, in the workspaces and for the agents that there are.
    #[must_use]
    pub fn places(&self, workspaces: &[String], agents: &[String]) -> Vec<String> {
        let mut places = Vec::new();
        for workspace in workspaces {
            let ruled = self.workspace.iter();
            let ruled = ruled.filter(|rule| rule.change != ChangeRule::Auto);
            places.extend(
                ruled.map(|rule| format!("{workspace}/{}", rule.path.trim_end_matches('/'))),
            );
        }
        if self.skills.is_some_and(|rule| rule != ChangeRule::Auto) {
            for workspace in workspaces {
                places.extend(WORKSPACE_SKILLS.map(|folder| format!("{workspace}/{folder}")));
            }
            places.push("skills".to_owned());
            places.extend(
                agents
                    .iter()
                    .map(|agent| format!("agents/{agent}/{WORKSHOP_SKILLS}")),
            );
        }
        places.sort();
        places.dedup();
        // A place inside another one is looked through with it.
        let all = places.clone();
        places.retain(|place| {
            let inside = |other: &String| {
                place
                    .strip_prefix(other.as_str())
                    .is_some_and(|rest| rest.starts_with('/'))
            };
            !all.iter().any(inside)
        });
        places
    }
}

impl Approved {
    /// Takes up other rules: what they close and the ones before left open is approved as
    /// it is found, and what they leave open is forgotten.
    pub fn follow(&mut self, rules: &FileRules, found: BTreeMap<String, ApprovedFile>) {
        if self.rules == *rules {
            return;
        }
        self.files.retain(|path, _| rules.closed(path).is_some());
        for (path, file) in found {
            if rules.closed(&path).is_some() && self.rules.closed(&path).is_none() {
                self.files.insert(path, file);
            }
        }
        self.rules = rules.clone();
    }

    /// What differs from what was approved, in order, and how such a change would come
    /// about. `found` has the SHA-256 of each file.
    #[must_use]
    pub fn differences(
        &self,
        found: &BTreeMap<String, String>,
    ) -> Vec<(String, Change, ChangeRule)> {
        let mut differences = Vec::new();
        let mut note = |path: &String, change| {
            if let Some(rule) = self.rules.closed(path) {
                differences.push((path.clone(), change, rule));
            }
        };
        for (path, sha256) in found {
            match self.files.get(path) {
                None => note(path, Change::Added),
                Some(file) if file.sha256 != *sha256 => note(path, Change::Changed),
                Some(_) => {}
            }
        }
        let gone = self.files.keys().filter(|path| !found.contains_key(*path));
        gone.for_each(|path| note(path, Change::Removed));
        differences
    }

    /// The same with so many texts that its JSON stays within [`MAX_JSON`]: the longest go first.
    #[must_use]
    pub fn bounded(&self) -> Self {
        let mut bounded = self.clone();
        let size = |approved: &Self| serde_json::to_string(approved).map_or(0, |json| json.len());
        let mut lengths: Vec<(usize, String)> = self
            .files
            .iter()
            .filter_map(|(path, file)| Some((file.text.as_ref()?.len(), path.clone())))
            .collect();
        lengths.sort();
        let mut total = size(&bounded);
        while total > MAX_JSON {
            let Some((length, path)) = lengths.pop() else {
                break;
            };
            if let Some(file) = bounded.files.get_mut(&path) {
                file.text = None;
            }
            // Escapes make it more, never less.
            total = total.saturating_sub(length);
            if total <= MAX_JSON {
                total = size(&bounded);
            }
        }
        bounded
    }

    /// Whether it is within the bounds.
    #[must_use]
    pub fn is_bounded(&self) -> bool {
        self.files.len() <= MAX_FILES
            && self.files.iter().all(|(path, file)| {
                path.len() <= MAX_PATH
                    && file.sha256.len() == 64
                    && file.sha256.bytes().all(|b| b.is_ascii_hexdigit())
            })
    }
}

/// As what a change of a file can be proposed: a skill by its text, or a file of the
/// workspace. None for what no proposal can carry.
#[must_use]
pub fn proposed_as(path: &str) -> Option<(Kind, String)> {
    if let Some(inside) = in_skills(path) {
        let name = inside.strip_suffix("/SKILL.md")?;
        return is_skill(name).then(|| (Kind::Skill, name.to_owned()));
    }
    let inside = path.strip_prefix("workspace/")?;
    is_workspace_path(inside).then(|| (Kind::WorkspaceFile, inside.to_owned()))
}

/// Folders of a workspace that OpenClaw loads skills from.
const WORKSPACE_SKILLS: [&str; 2] = ["skills", ".agents/skills"];
/// The same of an agent.
const WORKSHOP_SKILLS: &str = "agent/workshop-skills";

/// Whether a folder of the state directory is a workspace: `workspace`, or that of another
/// agent.
#[must_use]
pub fn is_workspace(name: &str) -> bool {
    name == "workspace" || name.starts_with("workspace-")
}

/// The part of a path inside its workspace.
fn in_workspace(path: &str) -> Option<&str> {
    let (folder, inside) = path.split_once('/')?;
    is_workspace(folder).then_some(inside)
}

/// The part of a path inside a folder of skills; empty for the folder itself.
fn in_skills(path: &str) -> Option<&str> {
    let below = |path, folder| {
        let rest: &str = str::strip_prefix(path, folder)?;
        if rest.is_empty() {
            Some(rest)
        } else {
            rest.strip_prefix('/')
        }
    };
    if let Some(inside) = in_workspace(path) {
        return WORKSPACE_SKILLS
            .iter()
            .find_map(|folder| below(inside, *folder));
    }
    if let Some(inside) = path.strip_prefix("agents/") {
        let (_, inside) = inside.split_once('/')?;
        return below(inside, WORKSHOP_SKILLS);
    }
    below(path, "skills")
}

#[cfg(test)]
mod tests;
