//! What tedix-init found changed in OpenClaw's state.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use domain::drift::files::{Approved, FileRules, FileWatch};
use domain::drift::{self, Difference, Held, Kind, Part};
use domain::policy::Policy;
use domain::problem::{FieldError, Problem};
use domain::state::SnapshotReason;

use super::{Core, INIT};
use crate::ports::{Db, StorageError};
use crate::sandbox::store::records::{self, Record};

/// Most things in one part that are taken from a report.
const MAX_THINGS: usize = 1_000;
/// Longest name of a thing, in bytes.
const MAX_NAME: usize = 500;
/// Most differences of one report that get an entry each.
const MAX_ENTRIES: usize = 20;

impl<D: Db> Core<D> {
    /// Something that tedix-init keeps as it should be was changed.
    pub(super) fn drifted(
        &mut self,
        part: Part,
        detail: &str,
        reverted: bool,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        let action = if reverted {
            "drift.reverted"
        } else {
            "drift.found"
        };
        self.note(INIT, action, &format!("{}: {detail}", name(part)), now)?;
        self.announce();
        Ok(())
    }

    /// Compares what OpenClaw keeps with what it kept when that was last reported:
    /// each change gets one entry, however often it is seen.
    pub(super) fn holds(&mut self, held: &Held, now: DateTime<Utc>) -> Result<(), Problem> {
        let too_much = held.0.values().any(|things| {
            things.len() > MAX_THINGS
                || things
                    .iter()
                    .any(|(id, hash)| id.len() + hash.len() > MAX_NAME)
        });
        if too_much {
            return Err(Problem::fields(vec![FieldError::new(
                "/held",
                "is more than is kept",
            )]));
        }
        let before: Option<Held> = records::load(&self.db, Record::Held)?;
        let found = before
            .as_ref()
            .map(|before| drift::compare(before, held))
            .unwrap_or_default();
        for difference in found.iter().take(MAX_ENTRIES) {
            if difference.part == Part::Devices && self.device_was_decided(&difference.item, now)? {
                continue;
            }
            self.note(INIT, "drift.found", &words(difference), now)?;
        }
        // People would have to do these again, so they do not wait for the schedule.
        let granted =
            |found: &Difference| matches!(found.part, Part::Devices | Part::ExecApprovals);
        if found.iter().any(granted) && self.has_state() {
            self.order_snapshot(SnapshotReason::Pairing, now)?;
        }
        if let Some(more) = found
            .len()
            .checked_sub(MAX_ENTRIES)
            .filter(|more| *more > 0)
        {
            self.note(
                INIT,
                "drift.found",
                &format!("and {more} more changes"),
                now,
            )?;
        }
        self.accept_jobs(held)?;
        // What could not be read this time stays as it was last seen.
        let mut kept = before.clone().unwrap_or_default();
        kept.0.extend(held.0.clone());
        if before.as_ref() != Some(&kept) {
            records::save(&self.db, Record::Held, &kept)?;
        }
        Ok(())
    }

    /// Skills and files to hold to what was approved. Once something was, tedix-init is
    /// told of every policy, so that it forgets what one leaves open.
    pub(super) fn file_watch(&self, policy: &Policy) -> Result<Option<FileWatch>, StorageError> {
        let approved: Option<Approved> = records::load(&self.db, Record::ApprovedFiles)?;
        let rules = FileRules::of(policy);
        let watched = rules.close_anything() || approved.is_some();
        Ok(watched.then_some(FileWatch { rules, approved }))
    }

    /// What counts as approved, for the next container.
    pub(super) fn files_approved(
        &mut self,
        approved: &Approved,
        now: DateTime<Utc>,
    ) -> Result<(), Problem> {
        if !approved.is_bounded() {
            return Err(Problem::fields(vec![FieldError::new(
                "/approved",
                "is more than is kept",
            )]));
        }
        let before: Option<Approved> = records::load(&self.db, Record::ApprovedFiles)?;
        let before = before.unwrap_or_default();
        if before == *approved && !approved.files.is_empty() {
            return Ok(());
        }
        let differs = |path: &&String| {
            before.files.get(*path).map(|file| &file.sha256)
                != approved.files.get(*path).map(|file| &file.sha256)
        };
        let all: BTreeSet<&String> = before.files.keys().chain(approved.files.keys()).collect();
        let changed: Vec<&String> = all.into_iter().filter(differs).collect();
        if let Some(first) = changed.first() {
            let more = match changed.len() {
                1 => String::new(),
                many => format!(" and {} more", many - 1),
            };
            let detail = format!(
                "{first}{more}: {} skills and files count as approved",
                approved.files.len()
            );
            self.note(INIT, "files.approved", &detail, now)?;
        }
        records::save(&self.db, Record::ApprovedFiles, approved)?;
        Ok(self.choose_offer(now)?)
    }
}

fn words(difference: &Difference) -> String {
    let how = match difference.kind {
        Kind::Added => "appeared",
        Kind::Removed => "is gone",
        Kind::Changed => "was changed",
    };
    format!("{}: {} {how}", name(difference.part), difference.item)
}

fn name(part: Part) -> &'static str {
    match part {
        Part::Config => "configuration file",
        Part::ExecApprovals => "exec approvals",
        Part::Cron => "scheduled job",
        Part::Devices => "paired device",
        Part::Skills => "skill",
        Part::Plugins => "plugin",
        Part::Workspace => "workspace file",
    }
}
