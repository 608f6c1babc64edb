//! Approved changes of what only the container holds: made once, and reported.

use domain::drift::jobs::{definition, thing};
use domain::proposal::{Kind, content};
use domain::wire::init::{Order, Report};
use serde_json::{Value, json};

use super::Supervisor;
use crate::workspace;

/// A job that was made, as it is told from others.
type Made = Option<(String, String)>;

impl Supervisor {
    /// Makes what was approved and not made yet.
    pub(super) fn carry_out_orders(&mut self) {
        let orders = self
            .installed
            .as_ref()
            .map(|bundle| bundle.watch.orders.clone())
            .unwrap_or_default();
        let devices = self.device_orders();
        self.carried_out.retain(|id| {
            orders.iter().any(|order| order.id == *id)
                || devices.iter().any(|order| order.id == *id)
        });
        let mut kept = false;
        for order in orders {
            if self.carried_out.contains(&order.id) {
                continue;
            }
            if !kept {
                self.keep_before_apply(false);
                kept = true;
            }
            let done = match order.kind {
                Kind::Cron => self.change_job(&order),
                Kind::Skill | Kind::WorkspaceFile => self.write(&order).map(|()| None),
                Kind::ConfigKey | Kind::Plugin => Err("cannot be done here".to_owned()),
            };
            let (error, job) = match done {
                Ok(job) => (None, job),
                Err(error) => (Some(error), None),
            };
            if let (Some((name, hash)), Some(bundle)) = (&job, &mut self.installed)
                && let Some(jobs) = &mut bundle.watch.jobs
                && let Some(accepted) = &mut jobs.accepted
            {
                // Until the gateway Worker says so too.
                accepted.insert(name.clone(), hash.clone());
            }
            self.carried_out.push(order.id.clone());
            self.report(Report::OrderDone {
                id: order.id,
                error,
                job,
            });
        }
    }

    fn change_job(&self, order: &Order) -> Result<Made, String> {
        let jobs = self.jobs().ok_or("OpenClaw does not list its jobs")?;
        let named = |job: &&Value| job.get("name").and_then(Value::as_str) == Some(&order.target);
        if order.content.is_null() {
            for job in jobs.iter().filter(named) {
                let id = json!({ "id": job.get("id") });
                self.openclaw
                    .call("cron.remove", &id)
                    .ok_or("OpenClaw does not remove it")?;
            }
            return Ok(None);
        }
        let wanted = content::job(&order.target, &order.content);
        // A report of it may have got lost with the container that made it.
        let holds = |job: &Value| {
            let definition = definition(job);
            let wanted = wanted.as_object();
            wanted.is_some_and(|wanted| {
                wanted
                    .iter()
                    .all(|(key, value)| definition.get(key) == Some(value))
            })
        };
        if let Some(job) = jobs.iter().filter(named).find(|job| holds(job)) {
            return Ok(thing(job));
        }
        let made = self
            .openclaw
            .call("cron.add", &wanted)
            .ok_or("OpenClaw does not take the job")?;
        // Read back: OpenClaw adds what was not said.
        let id = made.get("id").or_else(|| made.pointer("/job/id")).cloned();
        let jobs = self.jobs().unwrap_or_default();
        let found = jobs.iter().find(|job| job.get("id") == id.as_ref());
        Ok(thing(found.unwrap_or(&made)))
    }

    fn write(&mut self, order: &Order) -> Result<(), String> {
        // OpenClaw makes the workspace with the first turn of an agent; it may not be there.
        let path = match order.kind {
            Kind::Skill => format!("workspace/skills/{}/SKILL.md", order.target),
            _ => format!("workspace/{}", order.target),
        };
        let plain = match order.kind {
            Kind::Skill => content::is_skill(&order.target),
            _ => content::is_workspace_path(&order.target),
        };
        if !plain {
            return Err("the path is not one that may be written".to_owned());
        }
        let root = self.settings.state_dir();
        let done = match &order.content {
            Value::String(text) => {
                workspace::write(&root, &path, text.as_bytes(), self.settings.uid)
            }
            _ => workspace::remove(&root, &path),
        };
        done.map_err(|error| format!("{path}: {error}"))?;
        let content = order.content.as_str().map(str::as_bytes);
        self.files.approve(&path, content);
        Ok(())
    }
}
