//! What operators do about model calls: extend a budget, stop everything.

use chrono::{DateTime, Utc};
use domain::budget::{Extension, ExtensionError};
use domain::problem::{FieldError, Problem};
use domain::wire::usage::{GrantExtension, Stop, StopModels};

use crate::ports::{Db, StorageError};
use crate::sandbox::core::{Core, Principal, with_note};
use crate::sandbox::store::records::{self, Record};

/// Longest reason, in characters.
const MAX_NOTE: usize = 500;
/// Most extensions at a time.
const MAX_EXTENSIONS: usize = 100;

impl<D: Db> Core<D> {
    /// Grants more until a time. `id` is made from the audit's position.
    ///
    /// # Errors
    /// 422 for what cannot be granted, 409 when there are too many.
    pub fn extend(
        &mut self,
        grant: GrantExtension,
        who: &Principal,
        now: DateTime<Utc>,
    ) -> Result<Extension, Problem> {
        check_note(grant.note.as_deref())?;
        self.drop_ended_extensions(now)?;
        if self.models.extensions.len() >= MAX_EXTENSIONS {
            return Err(Problem::conflict(
                "There are 100 extensions already; wait for one to end.",
            ));
        }
        let agent = grant.agent.map(|agent| agent.to_ascii_lowercase());
        if let Some(agent) = &agent
            && self.newest.document.budgets.agent(agent).is_none()
        {
            let detail = "the policy limits no agent of this name";
            return Err(Problem::fields(vec![FieldError::new("/agent", detail)]));
        }
        let extension = Extension {
            id: format!(
                "{:x}-{}",
                now.timestamp_millis(),
                self.models.extensions.len()
            ),
            agent,
            tokens: grant.tokens,
            micro_usd: grant.cost_micro_usd,
            until: grant.until,
            granted_by: who.subject.clone(),
            granted_at: now,
            note: grant.note,
        };
        extension.check(now).map_err(|error| {
            let pointer = match error {
                ExtensionError::Until => "/until",
                ExtensionError::Nothing | ExtensionError::TooMuch => "/tokens",
            };
            Problem::fields(vec![FieldError::new(pointer, error.to_string())])
        })?;
        let what = format!(
            "{} tokens and {} millionths of a dollar more a day for {} until {}",
            extension.tokens,
            extension.micro_usd,
            extension.agent.as_deref().unwrap_or("the gateway"),
            extension.until.to_rfc3339(),
        );
        let detail = with_note(what, extension.note.as_deref());
        self.note(&who.subject, "budget.extended", &detail, now)?;
        let mut extensions = self.models.extensions.clone();
        extensions.push(extension.clone());
        records::save(&self.db, Record::Extensions, &extensions)?;
        self.models.extensions = extensions;
        Ok(extension)
    }

    /// Stops all model calls and browser sessions: none starts, calls under way end within
    /// seconds, sessions at once.
    ///
    /// # Errors
    /// 422 for a note that is too long; when the database fails.
    pub fn stop_models(
        &mut self,
        stop: StopModels,
        who: &Principal,
        now: DateTime<Utc>,
    ) -> Result<Stop, Problem> {
        check_note(stop.note.as_deref())?;
        if let Some(stopped) = &self.models.stop {
            return Ok(stopped.clone());
        }
        let under_way = self.models.ledger.under_way(None);
        let what = format!("{under_way} calls were under way");
        let detail = with_note(what, stop.note.as_deref());
        self.note(&who.subject, "models.stopped", &detail, now)?;
        let stopped = Stop {
            at: now,
            by: who.subject.clone(),
            note: stop.note,
        };
        records::save(&self.db, Record::ModelsStop, &stopped)?;
        self.models.stop = Some(stopped.clone());
        self.look_after_browser(now)?;
        self.hurry(now);
        Ok(stopped)
    }

    /// Lets model calls start again.
    ///
    /// # Errors
    /// When the database fails.
    pub fn resume_models(
        &mut self,
        who: &Principal,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        if self.models.stop.is_none() {
            return Ok(());
        }
        self.note(&who.subject, "models.resumed", "", now)?;
        records::clear(&self.db, Record::ModelsStop)?;
        self.models.stop = None;
        self.hurry(now);
        Ok(())
    }

    pub(super) fn drop_ended_extensions(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        if self
            .models
            .extensions
            .iter()
            .all(|extension| extension.until > now)
        {
            return Ok(());
        }
        self.models
            .extensions
            .retain(|extension| extension.until > now);
        records::save(&self.db, Record::Extensions, &self.models.extensions)
    }
}

fn check_note(note: Option<&str>) -> Result<(), Problem> {
    let Some(note) = note else { return Ok(()) };
    // The note of a stop goes into every heartbeat, and the registry takes no others.
    let control = |c: char| c.is_control() && c != '\n' && c != '\t';
    if note.chars().count() > MAX_NOTE || note.chars().any(control) {
        let detail = format!("must be text of at most {MAX_NOTE} characters");
        return Err(Problem::fields(vec![FieldError::new("/note", detail)]));
    }
    Ok(())
}
