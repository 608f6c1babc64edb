//! Skills and files of workspaces, held to what was approved: agents with a shell change
//! them without any tool.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::time::{Duration, Instant};

use domain::drift::files::{Approved, ApprovedFile, FileRules, MAX_FILES, proposed_as};
use domain::drift::{Kind as Change, Part, Things};
use domain::policy::ChangeRule;
use domain::state::Digest;
use domain::wire::init::Report;
use serde_json::Value;

use super::Supervisor;
use crate::approved::{Found, Look, Looker, text};
use crate::log;
use crate::settings::Settings;

/// Most changes of one look that are told one by one.
const MAX_TOLD: usize = 20;

/// What is remembered of files, for as long as tedix-init runs.
#[derive(Debug)]
pub(super) struct Files {
    looker: Looker,
    /// What may be there; none until the gateway Worker or a first look has said.
    approved: Option<Approved>,
    /// What the gateway Worker knows of it.
    told: Option<Approved>,
    /// What cannot be put right and was said once.
    complained: BTreeSet<String>,
    /// Files that may change by themselves, and when they were looked at.
    open: Option<(Instant, Things)>,
}

impl Files {
    /// Nothing is known yet.
    pub(super) fn new(settings: &Settings, user: u32) -> Self {
        let kept = settings.own_dir().join("approved");
        Self {
            looker: Looker::new(settings.state_dir(), kept, user),
            approved: None,
            told: None,
            complained: BTreeSet::new(),
            open: None,
        }
    }

    /// Files that clauses let change by themselves. Agents write them all the time, so they
    /// are looked at now and then only: a change is noted, not each step of it.
    pub(super) fn open_files(&mut self, every: Duration) -> Option<Things> {
        let rules = &self.approved.as_ref()?.rules;
        match &self.open {
            Some((at, found)) if at.elapsed() < every => Some(found.clone()),
            _ => {
                let found = self.looker.open_files(rules);
                self.open = Some((Instant::now(), found.clone()));
                Some(found)
            }
        }
    }

    /// An order wrote a file, or took it away: that is how it is to be from now on.
    pub(super) fn approve(&mut self, path: &str, content: Option<&[u8]>) {
        let Some(approved) = &mut self.approved else {
            return;
        };
        if approved.rules.closed(path).is_none() {
            return;
        }
        let Some(content) = content else {
            approved.files.remove(path);
            return;
        };
        let file = ApprovedFile {
            sha256: Digest::of(content).to_string(),
            executable: false,
            text: text(content),
        };
        keep(&self.looker, &file, content);
        approved.files.insert(path.to_owned(), file);
    }
}

impl Supervisor {
    /// Puts back what was changed without anybody's approval, and says what counts as
    /// approved when that is not what the gateway Worker knows.
    pub(super) fn hold_files(&mut self) {
        let watch = self
            .installed
            .as_ref()
            .and_then(|bundle| bundle.watch.files.clone());
        let Some(watch) = watch.map(|watch| *watch) else {
            return;
        };
        if self.files.approved.is_none() {
            self.files.told = watch.approved.clone();
            self.files.approved = Some(watch.approved.unwrap_or_default());
        }
        // What a person pinned in the policy is approved like what they approved.
        for (path, content) in self.sources.take_begun() {
            let path = format!("workspace/{path}");
            self.files.approve(&path, Some(&content));
        }
        let mut approved = self.files.approved.take().unwrap_or_default();
        if approved.rules != watch.rules
            && let Err(report) = self.take_up_rules(&mut approved, &watch.rules)
        {
            self.complain(&watch.rules, report);
            self.files.approved = Some(approved);
            return;
        }
        let look = self.files.looker.look(&approved.rules);
        let reports = self.put_right(&mut approved, look);
        for report in reports {
            self.report(report);
        }
        self.files.approved = Some(approved);
        self.tell_approved();
    }

    /// Says what counts as approved when that is not what the gateway Worker knows.
    pub(super) fn tell_approved(&mut self) {
        let Some(bounded) = self.files.approved.as_ref().map(Approved::bounded) else {
            return;
        };
        if self.files.told.as_ref() != Some(&bounded) {
            self.files.told = Some(bounded.clone());
            self.report(Report::Approved { approved: bounded });
        }
    }

    /// Other rules: what they close counts as approved as it is.
    fn take_up_rules(&mut self, approved: &mut Approved, rules: &FileRules) -> Result<(), Report> {
        self.files.looker.forget();
        let look = self.files.looker.look(rules);
        if look.more || look.files.len() > MAX_FILES {
            let detail = format!(
                "more than {MAX_FILES} files lie where the policy lets nothing change by \
                 itself; none of them is held"
            );
            return Err(drift(Part::Workspace, detail, false));
        }
        let looker = &self.files.looker;
        let file = |(path, found): (String, Found)| (path, approved_file(looker, &found));
        approved.follow(rules, look.files.into_iter().map(file).collect());
        looker.keep_only(&approved.files);
        self.files.complained.clear();
        for odd in look.odd {
            log::line(&odd);
        }
        Ok(())
    }

    fn complain(&mut self, rules: &FileRules, report: Report) {
        let Report::Drift { detail, .. } = &report else {
            return;
        };
        if self.files.complained.insert(format!("{detail} {rules:?}")) {
            log::line(detail);
            self.report(report);
        }
    }

    /// Undoes what differs; what to say about it.
    fn put_right(&mut self, approved: &mut Approved, look: Look) -> Vec<Report> {
        let mut reports: Vec<Report> = Vec::new();
        for odd in look.odd {
            reports.push(drift(part_of(&odd), odd, true));
        }
        let seen: BTreeMap<String, String> = look
            .files
            .iter()
            .map(|(path, found)| (path.clone(), found.sha256.clone()))
            .collect();
        let mut untold = 0_usize;
        // What was added goes first: it may lie where something else belongs.
        let mut differences = approved.differences(&seen);
        differences.sort_by_key(|(_, change, _)| *change != Change::Added);
        for (path, change, rule) in differences {
            // What there is too much of to look at may be there all the same.
            if change == Change::Removed && look.more && self.files.looker.is_there(&path) {
                continue;
            }
            let found = look.files.get(&path);
            if change == Change::Added
                && let Some(found) = found
                && self.is_openclaw_s(&path, found)
            {
                let file = approved_file(&self.files.looker, found);
                approved.files.insert(path, file);
                continue;
            }
            let done = match approved.files.get(&path) {
                None => self.files.looker.remove(&path),
                Some(file) => self.files.looker.put_back(&path, file),
            };
            let report = match done {
                Ok(()) => told(&path, change, rule, found),
                Err(error) => {
                    let detail = format!("{path} {} and stays so: {error}", words(change));
                    if !self.files.complained.insert(detail.clone()) {
                        continue;
                    }
                    drift(part_of(&path), detail, false)
                }
            };
            log::line(&format!("{path} {}; {rule:?}", words(change)));
            if reports.len() < MAX_TOLD {
                reports.push(report);
            } else {
                untold += 1;
            }
        }
        if untold > 0 {
            let detail = format!("and {untold} more files");
            reports.push(drift(Part::Workspace, detail, true));
        }
        reports
    }

    /// Whether OpenClaw made a file by itself: a new workspace begins with its templates.
    fn is_openclaw_s(&self, path: &str, found: &Found) -> bool {
        let Some((_, name)) = path.split_once('/').filter(|(_, name)| !name.contains('/')) else {
            return false;
        };
        let package = self.settings.openclaw.parent();
        let Some(package) = package.filter(|_| path.starts_with("workspace")) else {
            return false;
        };
        let template = fs::read_to_string(package.join(TEMPLATES).join(name));
        let (Ok(template), Some(content)) = (template, &found.content) else {
            return false;
        };
        let content = String::from_utf8_lossy(content);
        content.trim() == body(&template).trim()
    }
}

/// Where OpenClaw's package keeps what a new workspace begins with.
const TEMPLATES: &str = "docs/reference/templates";

/// A template without its front matter, which OpenClaw leaves out.
fn body(template: &str) -> &str {
    let Some(rest) = template.strip_prefix("---\n") else {
        return template;
    };
    rest.split_once("\n---\n")
        .map_or(template, |(_, body)| body)
}

fn approved_file(looker: &Looker, found: &Found) -> ApprovedFile {
    let file = ApprovedFile {
        sha256: found.sha256.clone(),
        executable: found.executable,
        text: found.content.as_deref().and_then(text),
    };
    if let Some(content) = &found.content {
        keep(looker, &file, content);
    }
    file
}

fn keep(looker: &Looker, file: &ApprovedFile, content: &[u8]) {
    if let Err(error) = looker.keep(&file.sha256, content) {
        log::line(&format!("an approved file cannot be kept: {error}"));
    }
}

/// What to say about a change that was undone: a proposal where a person decides and one
/// can carry it.
fn told(path: &str, change: Change, rule: ChangeRule, found: Option<&Found>) -> Report {
    let content = match (change, found) {
        (Change::Removed, _) => Some(Value::Null),
        (_, Some(found)) => found.content.as_deref().and_then(text).map(Value::String),
        (_, None) => None,
    };
    let proposed = proposed_as(path).filter(|_| rule == ChangeRule::Review);
    if let (Some((kind, target)), Some(content)) = (proposed, content) {
        return Report::Undone {
            change: kind,
            target,
            content,
            why: format!("{path} {} without anybody's approval", words(change)),
        };
    }
    let undone = match change {
        Change::Added => "was removed",
        Change::Removed | Change::Changed => "is as it was approved again",
    };
    let detail = format!("{path} {} and {undone}", words(change));
    drift(part_of(path), detail, true)
}

fn words(change: Change) -> &'static str {
    match change {
        Change::Added => "appeared",
        Change::Removed => "was removed",
        Change::Changed => "was changed",
    }
}

fn drift(part: Part, detail: String, reverted: bool) -> Report {
    Report::Drift {
        part,
        detail,
        reverted,
    }
}

fn part_of(path: &str) -> Part {
    let skills = ["skills/", "/skills/", "/workshop-skills/"];
    if skills.iter().any(|folder| path.contains(folder)) {
        Part::Skills
    } else {
        Part::Workspace
    }
}

#[cfg(test)]
mod tests {
    use super::body;

    #[test]
    fn a_template_begins_after_its_front_matter() {
        assert_eq!(body("---\ntitle: x\n---\n\n# A\n"), "\n# A\n");
        assert_eq!(body("# A\n---\n"), "# A\n---\n");
        assert_eq!(body("---\nopen"), "---\nopen");
    }
}
