//! Scheduled jobs, which agents with a shell can make without any tool: what the policy
//! does not let be there is taken away again.

use domain::drift::Part;
use domain::drift::jobs::{Offence, Remedy, next_run};
use domain::proposal::Kind;
use domain::wire::init::Report;
use serde_json::{Value, json};

use super::Supervisor;
use crate::log;

/// Jobs in one answer of OpenClaw's; its most.
const PAGE: u64 = 200;
/// Most answers that are read.
const PAGES: u64 = 25;

impl Supervisor {
    /// Says when the next job runs, when that is not what was last said.
    pub(super) fn report_next_run(&mut self, jobs: Option<&[Value]>) {
        let Some(at) = jobs.map(next_run) else {
            return;
        };
        let report = Report::NextRun { at };
        if self.watched.next_run.as_ref() != Some(&report) {
            self.watched.next_run = Some(report.clone());
            self.report(report);
        }
    }

    /// Undoes what the policy does not let be there.
    pub(super) fn hold_jobs(&self, jobs: &[Value]) -> Vec<Report> {
        let rules = self
            .installed
            .as_ref()
            .and_then(|bundle| bundle.watch.jobs.as_ref());
        let Some(rules) = rules else {
            return Vec::new();
        };
        let offences = rules.offences(jobs);
        offences.iter().map(|offence| self.undo(offence)).collect()
    }

    /// All jobs, those that are switched off included; none when OpenClaw does not say.
    pub(super) fn jobs(&self) -> Option<Vec<Value>> {
        let mut jobs = Vec::new();
        for page in 0..PAGES {
            let parameters = json!({
                "includeDisabled": true, "limit": PAGE, "offset": page * PAGE,
                "includeDeliveryPreviews": false,
            });
            let mut answer = self.openclaw.call("cron.list", &parameters)?;
            let Value::Array(found) = answer.get_mut("jobs")?.take() else {
                return None;
            };
            jobs.extend(found);
            if answer.get("hasMore") != Some(&Value::Bool(true)) {
                break;
            }
        }
        Some(jobs)
    }

    fn undo(&self, offence: &Offence) -> Report {
        let done = match offence.remedy {
            Remedy::Remove => self
                .openclaw
                .call("cron.remove", &json!({ "id": offence.id })),
            Remedy::SwitchOff => self.openclaw.call(
                "cron.update",
                &json!({ "id": offence.id, "patch": { "enabled": false } }),
            ),
        };
        let name = offence.definition.get("name").and_then(Value::as_str);
        let name = name.unwrap_or("a job").to_owned();
        let why = &offence.why;
        log::line(&format!("scheduled job {name:?}: {why}"));
        if done.is_none() {
            return Report::Drift {
                part: Part::Cron,
                detail: format!("{name}: {why}, and OpenClaw does not let it be undone"),
                reverted: false,
            };
        }
        match offence.remedy {
            Remedy::Remove => Report::Undone {
                change: Kind::Cron,
                target: name,
                content: offence.definition.clone(),
                why: why.clone(),
            },
            Remedy::SwitchOff => Report::Drift {
                part: Part::Cron,
                detail: format!("{name} was switched off: {why}"),
                reverted: true,
            },
        }
    }
}
