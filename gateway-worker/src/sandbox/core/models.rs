//! Which model calls may start, and what they used.

use chrono::{DateTime, Utc};
use domain::budget::{self, Refusal};
use domain::metering::{BUDGET_MESSAGE_PREFIX, Dialect, Reading, Usage};
use domain::wire::init::MODELS_HOST;

use super::{Core, GATEWAY};
use crate::command::Admission;
use crate::ports::{Db, StorageError};
use crate::sandbox::store::{audit, usage};

/// Seconds after which it makes sense to try again when only calls under way
/// stand against a new one.
const RESERVED_RETRY_SECONDS: u32 = 30;

impl<D: Db> Core<D> {
    /// Whether a call may start. Checking and reserving are one step, so calls
    /// that arrive together cannot pass the limit together. `id` is random.
    ///
    /// # Errors
    /// When the database fails.
    pub fn admit(
        &mut self,
        call: &ModelCall<'_>,
        id: String,
        now: DateTime<Utc>,
    ) -> Result<Admission, StorageError> {
        if !self.is_model_key(call.key) {
            self.note_refusal(MODELS_HOST, now)?;
            return Ok(Admission::WrongKey);
        }
        let offered = |model: &&domain::policy::ModelSpec| {
            model.provider == call.dialect && model.id == call.model
        };
        let Some(model) = self.settings.models.iter().find(offered) else {
            return Ok(Admission::UnknownModel);
        };
        let most = Usage {
            input_tokens: call.input_tokens,
            output_tokens: budget::reservation(
                0,
                call.max_output_tokens,
                Some(model.max_output_tokens),
            ),
        };
        self.charge_expired(now)?;
        let spent = usage::spent(&self.db, now)?;
        if let Err(refusal) = budget::admit(self.newest.document.budgets.tokens_per_day, spent) {
            return Ok(refused(refusal, now));
        }
        let call = usage::Reservation {
            id: &id,
            provider: call.dialect.provider(),
            model: call.model,
            most,
        };
        usage::reserve(&self.db, call, now)?;
        Ok(Admission::Admitted { call: id })
    }

    /// A call ended; `None` when the provider refused it and it cost nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settle(&mut self, call: &str, reading: Option<Reading>) -> Result<(), StorageError> {
        usage::settle(&self.db, call, reading.map(|reading| reading.usage)).map(drop)
    }

    pub(super) fn charge_expired(&mut self, now: DateTime<Utc>) -> Result<(), StorageError> {
        let charged = usage::charge_expired(&self.db, now)?;
        if charged > 0 {
            let detail =
                format!("{charged} model calls never said what they used and count in full");
            audit::append(&self.db, now, GATEWAY, "usage.estimated", &detail)?;
        }
        Ok(())
    }
}

/// A model call that wants to start.
#[derive(Debug, Clone, Copy)]
pub struct ModelCall<'a> {
    /// Key that came with it.
    pub key: &'a str,
    /// Protocol and provider.
    pub dialect: Dialect,
    /// Model.
    pub model: &'a str,
    /// Input tokens, estimated.
    pub input_tokens: u64,
    /// Most output tokens asked for.
    pub max_output_tokens: Option<u64>,
}

fn refused(refusal: Refusal, now: DateTime<Utc>) -> Admission {
    let (message, retry_after_seconds) = match refusal {
        Refusal::Exhausted { .. } => {
            let resets = budget::resets_at(now).format("%Y-%m-%d %H:%M");
            let message = format!(
                "{BUDGET_MESSAGE_PREFIX}: {refusal}. It starts again at {resets} UTC; an admin of this gateway can raise it."
            );
            (message, budget::seconds_until_reset(now))
        }
        Refusal::Reserved { .. } => {
            let message = format!("{BUDGET_MESSAGE_PREFIX} for now: {refusal}.");
            (message, RESERVED_RETRY_SECONDS)
        }
    };
    Admission::Refused {
        message,
        retry_after_seconds,
    }
}
