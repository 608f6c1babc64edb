//! The container's life: decided purely, written down, then done by the shell.

use chrono::{DateTime, Utc};
use domain::problem::Problem;

use super::{Core, GATEWAY, Task};
use crate::ports::{Db, StorageError};
use crate::sandbox::lifecycle::{Denied, Effect, Input, Phase, decide};
use crate::sandbox::store::records;
use crate::sandbox::store::records::Record;

impl<D: Db> Core<D> {
    /// Takes in what happened and notes what has to be done.
    ///
    /// # Errors
    /// When the state does not allow it or the database fails.
    pub fn happen(&mut self, input: Input, actor: &str, now: DateTime<Utc>) -> Result<(), Problem> {
        if input == Input::Wake && self.takes_over() {
            let why = "The gateway is about to start from another one's state; try again soon.";
            return Err(Problem::unavailable(why).with_retry_after(5));
        }
        let decision = match decide(&self.state, input, now) {
            Ok(decision) => decision,
            Err(denied @ Denied::Failed(_)) => {
                let why = match &self.state_status().problem {
                    Some(problem) => format!("The assistant is not running. {problem}"),
                    None => format!("The assistant is not running: {denied}."),
                };
                return Err(Problem::unavailable(why));
            }
        };
        // A container that never had its state says nothing about what would have run on it.
        let meant_to_run = self.state.expects_container() && !self.state.is_stopping();
        let had_state = meant_to_run && self.has_state();
        for event in &decision.events {
            self.note(actor, event.action, &event.detail, now)?;
        }
        if decision.state != self.state {
            records::save(&self.db, Record::Lifecycle, &decision.state)?;
        }
        self.state = decision.state;
        for effect in decision.effects {
            if matches!(effect, Effect::Launch { .. }) {
                self.forget_run(now)?;
            }
            self.tasks.push(Task::Container(effect));
        }
        if !self.state.expects_container() {
            self.revoke_credentials()?;
            self.look_after_browser(now)?;
        }
        let fell = matches!(self.state.phase, Phase::BackingOff { .. } | Phase::Failed);
        if had_state && fell {
            self.set_back(|versions| versions.ended("the container ended", now), now)?;
        }
        Ok(())
    }

    /// The Durable Object came to life and looked whether a container runs.
    ///
    /// # Errors
    /// When the database fails.
    pub fn awake(&mut self, running: bool, now: DateTime<Utc>) -> Result<(), Problem> {
        self.happen(Input::Awake { running }, GATEWAY, now)
    }

    /// Time passed: does what is due.
    ///
    /// # Errors
    /// When the database fails.
    pub fn tick(&mut self, now: DateTime<Utc>) -> Result<(), Problem> {
        self.sweep_models(now)?;
        self.sweep_browser(now)?;
        self.tick_snapshots(now)?;
        self.time_passed(now)?;
        if self.trial_due_at().is_some_and(|due| due <= now) {
            self.set_back(|versions| versions.tick(now), now)?;
        }
        self.tick_sleep(now)?;
        self.happen(Input::Tick, GATEWAY, now)
    }

    /// When something is due without anybody asking.
    #[must_use]
    pub fn next_alarm(&self) -> Option<DateTime<Utc>> {
        let beat = self.membership.as_ref().map(|_| self.pulse.due_at());
        let snapshot = self.snapshots_due_at();
        let models = self.models.due_at();
        let exception = self.next_change();
        let sleep = self.sleep_due_at();
        let due = [
            self.state.due_at(),
            beat,
            snapshot,
            models,
            self.browser_due_at(),
            exception,
            sleep,
            self.pulls_due_at(),
            self.trial_due_at(),
            self.clone_due_at(),
        ];
        due.into_iter().flatten().min()
    }

    /// What was known of the run before no longer holds.
    fn forget_run(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        self.tracking.new_run();
        records::save(&self.db, Record::Tracking, &self.tracking)?;
        self.choose_offer(now)
    }
}
