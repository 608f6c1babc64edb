//! Which model calls may start.

use chrono::{DateTime, Utc};
use domain::budget::{Ask, Limits, Refusal};
use domain::metering::{
    BUDGET_MESSAGE_PREFIX, ErrorKind, LIMIT_MESSAGE_PREFIX, Operation, clean_session,
};
use domain::policy::{ModelSpec, UnpricedModels};
use domain::wire::init::MODELS_HOST;
use domain::wire::usage::RefusalReason;

use super::{LEASE, MAX_AGENTS};
use crate::command::{Admission, CallRequest};
use crate::ports::{Db, StorageError};
use crate::sandbox::core::Core;
use crate::sandbox::store::ledger::{self, LiveCall};

/// Seconds after which it makes sense to try again when only calls under way
/// stand against a new one.
const RESERVED_RETRY_SECONDS: u32 = 30;
/// The same where calls come too fast.
const BUSY_RETRY_SECONDS: u32 = 2;
/// What a limit that no waiting lifts is answered with.
const LIMIT_RETRY_SECONDS: u32 = 3_600;

impl<D: Db> Core<D> {
    /// Whether a call may start. Checking and reserving are one step, so calls
    /// that arrive together cannot pass a limit together. `id` is random.
    ///
    /// # Errors
    /// When the database fails.
    pub fn admit(
        &mut self,
        key: &str,
        call: &CallRequest,
        id: String,
        now: DateTime<Utc>,
    ) -> Result<Admission, StorageError> {
        if !self.is_model_key(key) {
            self.note_refusal(MODELS_HOST, now)?;
            // Whoever has no key may name any agent.
            self.count_refusal(RefusalReason::WrongKey, None, now)?;
            return Ok(Admission::WrongKey);
        }
        self.needed(now);
        let offered = |model: &&ModelSpec| {
            model.provider == call.operation.dialect() && model.id == call.model
        };
        let Some(model) = self.settings.models.iter().find(offered).cloned() else {
            self.count_refusal(RefusalReason::UnknownModel, call.agent.as_deref(), now)?;
            return Ok(Admission::UnknownModel);
        };
        self.expire_calls(now)?;
        let agent = self.accountable(call.agent.as_deref(), now)?;
        let agent = agent.as_deref();
        if let Some((reason, refusal)) = self.capped(call, agent, now) {
            self.count_refusal(reason, agent, now)?;
            return Ok(refusal);
        }
        let (gateway, own) = (self.limits(None, now), self.limits(agent, now));
        let own = if agent.is_some() {
            own
        } else {
            Limits::default()
        };
        let price = self
            .settings
            .prices
            .price(model.provider.provider(), &model.id);
        let costs = gateway.micro_usd.is_some() || own.micro_usd.is_some();
        let unpriced = self.newest.document.budgets.unpriced_models;
        if price.is_none() && costs && unpriced == UnpricedModels::Refuse {
            self.count_refusal(RefusalReason::NoPrice, agent, now)?;
            return Ok(limit(&format!(
                "{} has no price, so no cost quota can hold for it. An admin of this gateway can \
                 set a price, or let the policy count such models",
                model.reference()
            )));
        }
        let output_limit = self
            .newest
            .document
            .budgets
            .output_limit(agent, call.max_output_tokens);
        let most_output = match call.operation {
            Operation::Embeddings => 0,
            _ => output_limit
                .unwrap_or(u64::MAX)
                .min(model.max_output_tokens),
        };
        let learnt = self
            .models
            .learnt
            .get(&self.learnt_key(agent, &model))
            .copied();
        let learnt = learnt.unwrap_or_default();
        let ask = Ask {
            day: self.day(now),
            agent,
            input_tokens: learnt.input_tokens(call.input_tokens),
            most_output,
            learnt_output: learnt.output_tokens(),
            price,
            may_wait: call.may_wait,
            expires_at: now + LEASE,
        };
        let grant = match self.models.ledger.reserve(&id, &ask, gateway, own) {
            Ok(grant) => grant,
            Err(refusal) if refusal.wait => return Ok(Admission::Wait),
            Err(refusal) => {
                self.count_refusal(RefusalReason::Budget, agent, now)?;
                return Ok(self.exhausted(&refusal, now));
            }
        };
        let Some(hold) = self.models.ledger.hold_of(&id).cloned() else {
            return Err(StorageError("a reservation was lost".to_owned()));
        };
        let live = LiveCall {
            id: id.clone(),
            started_at: now,
            session: call.session.as_deref().and_then(clean_session),
            provider: model.provider.provider().to_owned(),
            model: model.id,
            input_tokens: call.input_tokens,
            output_limit: grant.output_tokens,
            hold,
        };
        if let Err(error) = ledger::start(&self.db, &live) {
            // What is not written down must not be held either.
            self.models.ledger.release(&id);
            return Err(error);
        }
        self.models
            .starts
            .push_back((now.timestamp_millis(), live.hold.agent));
        let changed = call.max_output_tokens != Some(grant.output_tokens);
        let bounded = call.max_output_tokens.is_some()
            || output_limit.is_some()
            || [gateway, own]
                .iter()
                .any(|limits| *limits != Limits::default());
        let enforced = changed && bounded && call.operation != Operation::Embeddings;
        Ok(Admission::Admitted {
            call: id,
            output_tokens: enforced.then_some(grant.output_tokens),
        })
    }

    /// The agent whose account a call counts towards, if it has one of its own.
    fn accountable(
        &self,
        agent: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<Option<String>, StorageError> {
        let Some(agent) = agent else { return Ok(None) };
        let day = self.day(now);
        let known = self.newest.document.budgets.agent(agent).is_some()
            || self.models.ledger.used(day, Some(agent)) != Default::default()
            || self.models.ledger.reserved(day, Some(agent)) != Default::default()
            || ledger::agents(&self.db, day)?.len() < MAX_AGENTS;
        Ok(known.then(|| agent.to_ascii_lowercase()))
    }

    /// Limits that are not budgets: which one stands against a call.
    fn capped(
        &mut self,
        call: &CallRequest,
        agent: Option<&str>,
        now: DateTime<Utc>,
    ) -> Option<(RefusalReason, Admission)> {
        self.models.forget_starts(now);
        if let Some(stop) = &self.models.stop {
            let why = format!(
                "{} has stopped all model calls of this gateway, until an operator resets that",
                stop.by
            );
            return Some((RefusalReason::Stopped, limit(&why)));
        }
        let budgets = &self.newest.document.budgets;
        let own = agent.and_then(|agent| budgets.agent(agent));
        let provider = call.operation.dialect().provider();
        if !budgets.allows_model(agent, provider, &call.model) {
            // Under a 404 OpenClaw would put words of its own.
            let why = format!(
                "the policy does not allow {provider}/{}. Choose another model or ask an admin of \
                 this gateway; the limit resets when the policy allows it",
                call.model
            );
            return Some((RefusalReason::ModelNotAllowed, limit(&why)));
        }
        let least =
            |gateway: Option<u32>, own: Option<u32>| [gateway, own].into_iter().flatten().min();
        let most = least(
            budgets.calls_per_task,
            own.and_then(|own| own.calls_per_task),
        );
        if let Some(most) = most.filter(|most| call.earlier_calls >= *most) {
            let why = format!(
                "this task has made {most} model calls, which is the most for one task; the count \
                 resets with your next message"
            );
            return Some((RefusalReason::CallsPerTask, limit(&why)));
        }
        let pairs = [
            (None, budgets.concurrent_calls, budgets.calls_per_minute),
            (
                agent,
                own.and_then(|own| own.concurrent_calls),
                own.and_then(|own| own.calls_per_minute),
            ),
        ];
        for (of, concurrent, a_minute) in pairs {
            let under_way = self.models.ledger.under_way(of);
            if concurrent.is_some_and(|most| under_way >= most as usize) {
                let message =
                    format!("{under_way} model calls are under way, which is the most at once");
                let refusal = busy(&message, BUSY_RETRY_SECONDS);
                return Some((RefusalReason::ConcurrentCalls, refusal));
            }
            let counts = |start: &&(i64, Option<String>)| of.is_none() || start.1.as_deref() == of;
            let starts: Vec<i64> = self
                .models
                .starts
                .iter()
                .filter(counts)
                .map(|(at, _)| *at)
                .collect();
            if let Some(most) = a_minute.filter(|most| starts.len() >= *most as usize) {
                let free_at = starts.get(starts.len().saturating_sub(most as usize));
                let ms = free_at.map_or(0, |at| at + 60_000 - now.timestamp_millis());
                let seconds = u32::try_from(ms.max(0) / 1_000 + 1).unwrap_or(BUSY_RETRY_SECONDS);
                let why = format!("{most} model calls have started in 60 seconds");
                return Some((RefusalReason::CallsPerMinute, busy(&why, seconds)));
            }
        }
        None
    }

    fn exhausted(&self, refusal: &Refusal, now: DateTime<Utc>) -> Admission {
        let Refusal {
            account,
            unit,
            limit,
            used,
            reserved,
            wait: _,
        } = refusal;
        let whose = account.as_ref().map_or_else(
            || "of this gateway".to_owned(),
            |agent| format!("of agent {agent}"),
        );
        let resets_at = self.resets_at(now);
        let until_reset = u32::try_from((resets_at - now).num_seconds().max(1)).unwrap_or(u32::MAX);
        let (held, retry_after_seconds) = if *reserved > 0 {
            let held = format!(" and {} are held by calls under way", unit.words(*reserved));
            (held, RESERVED_RETRY_SECONDS.min(until_reset))
        } else {
            (String::new(), until_reset)
        };
        let zone = self.newest.document.budgets.time_zone.as_str();
        let offset = self
            .newest
            .document
            .budgets
            .time_zone
            .offset_seconds(resets_at);
        let local = resets_at + chrono::TimeDelta::seconds(offset);
        let message = format!(
            "{BUDGET_MESSAGE_PREFIX}: {} of {} {whose} are used{held}. The daily limit resets at {} \
             ({zone}); an operator can extend it until then.",
            unit.words(*used),
            unit.words(*limit),
            local.format("%Y-%m-%d %H:%M"),
        );
        Admission::Refused {
            kind: ErrorKind::Budget,
            message,
            retry_after_seconds,
        }
    }
}

fn limit(why: &str) -> Admission {
    Admission::Refused {
        kind: ErrorKind::Limit,
        message: format!("{LIMIT_MESSAGE_PREFIX}: {why}."),
        retry_after_seconds: LIMIT_RETRY_SECONDS,
    }
}

fn busy(why: &str, retry_after_seconds: u32) -> Admission {
    Admission::Refused {
        kind: ErrorKind::Busy,
        message: format!("Too many requests: {why}. Try again in {retry_after_seconds} seconds."),
        retry_after_seconds,
    }
}
