//! What OpenClaw keeps outside its configuration file: exec approvals are held to what
//! the policy says, the rest is reported when it changes.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use domain::drift::{Held, Part, Things, jobs, same_approvals, things, too_mighty};
use domain::wire::devices::DeviceReport;
use domain::wire::init::{ConfigBundle, Report};
use serde_json::{Value, json};

use super::Supervisor;
use crate::{log, workspace};

/// Every how many looks the files are looked at that agents may change: ten minutes.
const OPEN_LOOKS: u32 = 60;
/// Most skills that are reported.
const MAX_SKILLS: usize = 500;
/// Folders that OpenClaw loads plugins from by itself, the configuration aside.
const PLUGINS: [&str; 2] = ["extensions", "workspace/.openclaw/extensions"];

/// What is remembered of OpenClaw's state, for one run of it.
#[derive(Debug, Default)]
pub(super) struct Watched {
    /// Whether its exec approvals were as they should be before.
    approvals_held: bool,
    /// What was last reported.
    reported: Option<Held>,
    /// What was last reported of scheduled jobs.
    pub(super) next_run: Option<Report>,
    /// What was last reported of devices.
    pub(super) devices: Option<DeviceReport>,
}

impl Supervisor {
    /// Sets OpenClaw's exec approvals, after a start; later, puts them right.
    pub(super) fn hold_exec_approvals(&mut self) {
        let wanted = self
            .installed
            .as_ref()
            .and_then(|bundle| bundle.watch.exec_approvals.clone());
        let Some(wanted) = wanted else { return };
        let Some(found) = self.openclaw.call("exec.approvals.get", &json!({})) else {
            log::line("cannot read OpenClaw's exec approvals");
            return;
        };
        let file = found.get("file").unwrap_or(&Value::Null);
        if same_approvals(&wanted, file) {
            self.watched.approvals_held = true;
            return;
        }
        let mut next = wanted.clone();
        if let (Some(next), Some(socket)) = (next.as_object_mut(), file.get("socket")) {
            next.insert("socket".to_owned(), socket.clone());
        }
        let hash = found.get("hash").cloned().unwrap_or_default();
        let parameters = json!({ "file": next, "baseHash": hash });
        let set = self
            .openclaw
            .call("exec.approvals.set", &parameters)
            .is_some();
        let now = self.openclaw.call("exec.approvals.get", &json!({}));
        let held = set
            && now.is_some_and(|now| {
                same_approvals(&wanted, now.get("file").unwrap_or(&Value::Null))
            });
        // Right after a start they are whatever OpenClaw begins with, and after a
        // change of policy what the policy before said.
        let changed = std::mem::replace(&mut self.watched.approvals_held, held);
        if changed || !held {
            let detail = if held {
                "they were changed"
            } else {
                "they cannot be set"
            };
            log::line(&format!("OpenClaw's exec approvals: {detail}"));
            self.report(Report::Drift {
                part: Part::ExecApprovals,
                detail: detail.to_owned(),
                reverted: held,
            });
        }
    }

    /// The next difference in exec approvals is the policy's doing, not drift.
    pub(super) fn expect_other_approvals(&mut self) {
        self.watched.approvals_held = false;
    }

    /// Undoes what the policy does not let OpenClaw keep, and reports the rest when it is
    /// not what was last reported.
    pub(super) fn hold_state(&mut self) {
        let mut jobs = self.jobs();
        self.report_next_run(jobs.as_deref());
        let mut undone = self.hold_jobs(jobs.as_deref().unwrap_or_default());
        if !undone.is_empty() {
            jobs = self.jobs();
        }
        let mut devices = self.list_devices();
        let gone = self.hold_devices(devices.as_ref());
        if !gone.is_empty() {
            devices = self.list_devices();
        }
        undone.extend(gone);
        undone.extend(self.hold_plugins());
        for report in undone {
            self.report(report);
        }
        self.report_devices(devices.as_ref());
        let held = self.held(jobs.as_deref(), devices.as_ref());
        if self.watched.reported.as_ref() != Some(&held) {
            self.keep_after_pairing(self.watched.reported.as_ref(), &held);
            self.watched.reported = Some(held.clone());
            self.report(Report::Held { held });
        }
    }

    /// Takes away devices that hold more than a browser is given by itself.
    fn hold_devices(&self, answer: Option<&Value>) -> Vec<Report> {
        let Some(answer) = answer else {
            return Vec::new();
        };
        let undo = |(id, why): (String, String)| {
            let gone = self
                .openclaw
                .call("device.pair.remove", &json!({ "deviceId": id }))
                .is_some();
            log::line(&format!("paired device {id}: {why}"));
            Report::Drift {
                part: Part::Devices,
                detail: format!("{id}: {why}"),
                reverted: gone,
            }
        };
        too_mighty(answer).into_iter().map(undo).collect()
    }

    /// Takes away plugins that somebody put where OpenClaw finds them at its next start:
    /// `plugins.allow` compares names, and a name can be borrowed.
    fn hold_plugins(&self) -> Vec<Report> {
        let closed = |bundle: &ConfigBundle| bundle.watch.no_plugins;
        if !self.installed.as_ref().is_some_and(closed) {
            return Vec::new();
        }
        let (state, into) = (
            self.settings.state_dir(),
            self.store.directory().join("undone"),
        );
        let undo = |folder: &&str| {
            let (detail, reverted) = match workspace::take(&state, folder, &into) {
                Ok(None) => return None,
                Ok(Some(place)) => (format!("{folder} was moved to {}", place.display()), true),
                Err(error) => (format!("{folder} cannot be taken away: {error}"), false),
            };
            log::line(&format!("plugins: {detail}"));
            Some(Report::Drift {
                part: Part::Plugins,
                detail,
                reverted,
            })
        };
        PLUGINS.iter().filter_map(undo).collect()
    }

    fn held(&mut self, jobs: Option<&[Value]>, devices: Option<&Value>) -> Held {
        let open = self
            .files
            .open_files(self.settings.observe_every * OPEN_LOOKS);
        let devices = devices
            .and_then(|answer| things(answer, "paired", "deviceId", &["role", "roles", "scopes"]));
        let parts = [
            (Part::Cron, jobs.and_then(jobs::things)),
            (Part::Devices, devices),
            (Part::Skills, Some(skills(&self.settings.state_dir()))),
            (Part::Workspace, open),
        ];
        Held(
            parts
                .into_iter()
                .filter_map(|(part, found)| Some((part, found?)))
                .collect(),
        )
    }
}

/// Skills that lie in OpenClaw's folders, by path. Nothing of them is opened: agents
/// may put anything there.
fn skills(state: &Path) -> Things {
    let mut found = Things::new();
    let mut folders = vec![state.join("skills"), state.join("workspace/skills")];
    for agent in entries(&state.join("agents")) {
        folders.push(
            state
                .join("agents")
                .join(agent)
                .join("agent/workshop-skills"),
        );
    }
    for folder in folders {
        for skill in entries(&folder) {
            let path = folder.join(skill);
            let file = fs::symlink_metadata(path.join("SKILL.md"));
            let (Ok(file), true) = (file, found.len() < MAX_SKILLS) else {
                continue;
            };
            let changed = file
                .modified()
                .ok()
                .and_then(|at| at.duration_since(UNIX_EPOCH).ok());
            let mark = format!("{} {}", file.len(), changed.unwrap_or_default().as_millis());
            let name = path
                .strip_prefix(state)
                .unwrap_or(&path)
                .display()
                .to_string();
            found.insert(name.chars().take(200).collect(), mark);
        }
    }
    found
}

/// Names in a folder that is one, in no order; none where it is a link.
fn entries(folder: &Path) -> Vec<std::ffi::OsString> {
    if !fs::symlink_metadata(folder).is_ok_and(|found| found.is_dir()) {
        return Vec::new();
    }
    let read = fs::read_dir(folder).into_iter().flatten().flatten();
    read.take(MAX_SKILLS)
        .map(|entry| entry.file_name())
        .collect()
}
