//! Approved changes of what only the container holds, until they are made there; and
//! changes that were made there without anybody's approval.

use chrono::{DateTime, Utc};
use domain::drift::{Held, Part, Things};
use domain::policy::ChangeRule;
use domain::problem::Problem;
use domain::proposal::{self, AGENT, Draft, Health, Kind, Proposal, Verdict};
use domain::wire::init::Order;
use serde_json::Value;

use super::{Core, INIT, Task};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::proposals;
use crate::sandbox::store::records::{self, Record};

/// Most changes that wait to be made.
const MAX_ORDERS: usize = 100;
/// Longest reason that is taken from a report, in characters.
const MAX_WORDS: usize = 500;

impl<D: Db> Core<D> {
    /// What is still to be made in the container.
    pub(super) fn orders(&self) -> Result<Vec<Order>, StorageError> {
        Ok(records::load(&self.db, Record::Orders)?.unwrap_or_default())
    }

    /// Has a proposal carried out in the container; it may wait until one runs.
    ///
    /// # Errors
    /// 429 when too many wait.
    pub(super) fn order(&mut self, proposal: &Proposal, now: DateTime<Utc>) -> Result<(), Problem> {
        let mut orders = self.orders()?;
        if orders.len() >= MAX_ORDERS {
            let detail = "Too many approved changes wait for the container; start it first.";
            return Err(Problem::too_many(detail));
        }
        orders.push(as_order(proposal));
        records::save(&self.db, Record::Orders, &orders)?;
        self.choose_offer(now)?;
        if self.state.expects_container() && self.tracking.acknowledged.is_some() {
            self.tasks.push(Task::Reload);
        }
        Ok(())
    }

    /// tedix-init carried an order out, or cannot.
    pub(super) fn order_done(
        &mut self,
        id: &str,
        error: Option<&str>,
        job: Option<(String, String)>,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let mut orders = self.orders()?;
        let Some(at) = orders.iter().position(|order| order.id == id) else {
            return Ok(());
        };
        let order = orders.remove(at);
        records::save(&self.db, Record::Orders, &orders)?;
        if let (Some((name, hash)), Kind::Cron, None) = (job, order.kind, error) {
            let mut accepted = self.accepted_jobs()?;
            accepted.insert(name, hash);
            records::save(&self.db, Record::AcceptedJobs, &accepted)?;
        }
        if let Some(mut found) = proposals::get(&self.db, id)? {
            found.health = Some(if error.is_none() {
                Health::Healthy
            } else {
                Health::Failed
            });
            if let Some(error) = error {
                found.detail = Some(error.chars().take(MAX_WORDS).collect());
            }
            found.generation_before = self.newest_generation()?;
            proposals::save(&self.db, &found)?;
            if error.is_none() {
                self.await_generation_of_change(id, now)?;
            }
        }
        let (action, words) = match error {
            None => ("proposal.carried_out", format!("{id}: {}", order.target)),
            Some(error) => (
                "proposal.failed",
                format!("{id}: {}: {error}", order.target),
            ),
        };
        self.note(INIT, action, &words, now)?;
        self.choose_offer(now)?;
        self.announce();
        Ok(())
    }

    /// Jobs that may be there although agents may not make any.
    pub(super) fn accepted_jobs(&self) -> Result<Things, StorageError> {
        if let Some(accepted) = records::load(&self.db, Record::AcceptedJobs)? {
            return Ok(accepted);
        }
        let held: Option<Held> = records::load(&self.db, Record::Held)?;
        Ok(held
            .and_then(|mut held| held.0.remove(&Part::Cron))
            .unwrap_or_default())
    }

    /// While agents may make jobs, whatever is there counts as accepted: it stays when the
    /// policy becomes stricter.
    pub(super) fn accept_jobs(&self, held: &Held) -> Result<(), StorageError> {
        let rule = self.newest.document.self_modification.cron;
        let closed = matches!(rule, Some(ChangeRule::Deny | ChangeRule::Review));
        match held.0.get(&Part::Cron) {
            Some(jobs) if !closed => records::save(&self.db, Record::AcceptedJobs, jobs),
            _ => Ok(()),
        }
    }

    /// Something that nobody approved was undone: where the policy says that a person
    /// decides, it becomes a proposal, once.
    pub(super) fn undone(&mut self, draft: Draft, now: DateTime<Utc>) -> Result<(), Problem> {
        let what: String = draft.target.chars().take(MAX_WORDS).collect();
        let why: String = draft.reason.chars().take(MAX_WORDS).collect();
        self.note(
            INIT,
            "drift.reverted",
            &format!("{}: {what}: {why}", kind_name(draft.kind)),
            now,
        )?;
        self.announce();
        let verdict = proposal::judge(&self.newest.document, &draft, now);
        let asked_before = |other: &Proposal| {
            (other.draft.kind, other.draft.target.as_str()) == (draft.kind, what.as_str())
                && other.draft.content == draft.content
        };
        let rules = &self.newest.document.self_modification;
        let rule = match draft.kind {
            Kind::Cron => rules.cron,
            Kind::Skill => rules.skill_rule(&draft.target),
            Kind::WorkspaceFile => Some(rules.workspace_rule(&draft.target).0),
            Kind::ConfigKey | Kind::Plugin => None,
        };
        let reviewed = rule == Some(ChangeRule::Review);
        if !reviewed
            || verdict != Verdict::Review
            || proposal::check(&draft).is_err()
            || proposals::page(&self.db, None)?
                .items
                .iter()
                .any(asked_before)
        {
            return Ok(());
        }
        match self.propose(AGENT, draft, now) {
            // Too many: what was undone stays undone, and the audit has it.
            Err(problem) if problem.status == 429 => Ok(()),
            other => other.map(drop),
        }
    }
}

/// What tedix-init is told of an approved proposal.
pub(super) fn as_order(proposal: &Proposal) -> Order {
    Order {
        id: proposal.id.clone(),
        kind: proposal.draft.kind,
        target: proposal.draft.target.clone(),
        content: proposal.draft.content.clone(),
    }
}

fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::ConfigKey => "configuration",
        Kind::Skill => "skill",
        Kind::WorkspaceFile => "workspace file",
        Kind::Cron => "scheduled job",
        Kind::Plugin => "plugin",
    }
}

/// What a report says was undone, as a draft; the reason says where it comes from.
pub(super) fn found(kind: Kind, target: String, content: Value, why: &str) -> Draft {
    Draft {
        kind,
        target,
        content,
        reason: format!("Found in the container and undone, because {why}."),
    }
}

#[cfg(test)]
mod tests;
