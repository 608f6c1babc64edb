//! What model calls used.

use chrono::{DateTime, TimeDelta, Utc};
use domain::budget::Amount;
use domain::metering::{Source, Usage};
use domain::policy::ModelSpec;
use domain::wire::usage::{CallOutcome, account_words};

use super::{LEASE, MAX_LEARNT};
use crate::command::{Ending, Renewal};
use crate::ports::{Db, StorageError};
use crate::sandbox::core::{Core, GATEWAY};
use crate::sandbox::store::calls::Ended;
use crate::sandbox::store::ledger::{LearntKey, LiveCall};
use crate::sandbox::store::{audit, calls, ledger, refusals, usage};

impl<D: Db> Core<D> {
    /// A call ended; `None` when the provider refused it and it cost nothing. One
    /// that is not under way (any more) changes nothing.
    ///
    /// # Errors
    /// When the database fails.
    pub fn settle(
        &mut self,
        call: &str,
        ending: Option<Ending>,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let Some(ending) = ending else {
            return self.refused_by_provider(call, None, now);
        };
        let Some(live) = ledger::end(&self.db, call)? else {
            return Ok(());
        };
        let (usage, source) =
            self.believable(&live, ending.reading.usage, ending.reading.source, now)?;
        let price = self.settings.prices.price(&live.provider, &live.model);
        let stopped = self.models.stop.is_some() && ending.outcome == CallOutcome::Cut;
        let ended = Ended {
            usage,
            source,
            micro_usd: price.map(|price| price.cost(usage)),
            first_byte_ms: ending.first_byte_ms,
            total_ms: ending.total_ms,
            outcome: if stopped {
                CallOutcome::Stopped
            } else {
                ending.outcome
            },
        };
        let amount = Amount {
            tokens: usage.total(),
            micro_usd: ended.micro_usd.unwrap_or(0),
        };
        self.models.ledger.settle(call, amount);
        self.record(&live, &ended, amount, now)?;
        if source == Source::Reported {
            self.learn(&live, usage)?;
        }
        self.faults_over(&live.provider)
    }

    /// A call is still under way; whether it may go on.
    ///
    /// # Errors
    /// When the database fails.
    pub fn renew(&mut self, call: &str, now: DateTime<Utc>) -> Result<Renewal, StorageError> {
        if self.models.stop.is_some() {
            return Ok(Renewal { go_on: false });
        }
        let Some(hold) = self.models.ledger.hold_of(call) else {
            // It expired while the Worker was away: it counts in full already.
            return Ok(Renewal { go_on: true });
        };
        // Every write is billed: once in half a lease is enough.
        if hold.expires_at - now < LEASE / 2 {
            self.models.ledger.renew(call, now + LEASE);
            ledger::renew(&self.db, call, now + LEASE)?;
        }
        Ok(Renewal { go_on: true })
    }

    /// Counts calls in full that nobody has spoken of for too long.
    ///
    /// # Errors
    /// When the database fails.
    pub(in crate::sandbox::core) fn expire_calls(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        let expired = self.models.ledger.expire(now);
        let lost = expired.len();
        for (id, hold) in expired {
            let Some(live) = ledger::end(&self.db, &id)? else {
                continue;
            };
            let input_tokens = hold.amount.tokens.saturating_sub(live.output_limit);
            let output_tokens = hold.amount.tokens - input_tokens;
            let priced = self
                .settings
                .prices
                .price(&live.provider, &live.model)
                .is_some();
            let ended = Ended {
                usage: Usage {
                    input_tokens,
                    output_tokens,
                    ..Usage::default()
                },
                source: Source::Estimated,
                micro_usd: priced.then_some(hold.amount.micro_usd),
                first_byte_ms: None,
                total_ms: u64::try_from((now - live.started_at).num_milliseconds()).unwrap_or(0),
                outcome: CallOutcome::Lost,
            };
            self.record(&live, &ended, hold.amount, now)?;
        }
        if lost > 0 {
            let detail = format!("{lost} model calls never said what they used and count in full");
            audit::append(&self.db, now, GATEWAY, "usage.estimated", &detail)?;
        }
        Ok(())
    }

    /// Removes what is older than it is kept for, and counts lost calls.
    pub(in crate::sandbox::core) fn sweep_models(
        &mut self,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        self.expire_calls(now)?;
        self.refusals_due(now)?;
        calls::forget_old(&self.db, now)?;
        refusals::forget_old(&self.db, now)?;
        ledger::forget_old(&self.db, now)?;
        let since = (now - TimeDelta::days(3)).date_naive();
        self.models.ledger.forget_before(since);
        self.drop_ended_extensions(now)
    }

    /// Where something learnt of an agent and model is kept.
    pub(super) fn learnt_key(&self, agent: Option<&str>, model: &ModelSpec) -> LearntKey {
        let agent = agent.unwrap_or_default().to_owned();
        (
            agent,
            model.provider.provider().to_owned(),
            model.id.clone(),
        )
    }

    /// No call uses more input than its model's context, or more output than it was
    /// granted: a report beyond that is cut to it, and noted.
    fn believable(
        &self,
        live: &LiveCall,
        usage: Usage,
        source: Source,
        now: DateTime<Utc>,
    ) -> Result<(Usage, Source), StorageError> {
        let of = |model: &&ModelSpec| {
            model.provider.provider() == live.provider && model.id == live.model
        };
        let Some(model) = self.settings.models.iter().find(of) else {
            return Ok((usage, source));
        };
        let most_input = model.context_tokens.max(live.input_tokens);
        let most_output = model.max_output_tokens.max(live.output_limit);
        let input_tokens = usage.input_tokens.min(most_input);
        let output_tokens = usage.output_tokens.min(most_output);
        let cut = Usage {
            input_tokens,
            output_tokens,
            cached_input_tokens: usage.cached_input_tokens.min(input_tokens),
            cache_write_tokens: usage.cache_write_tokens.min(input_tokens),
            reasoning_tokens: usage.reasoning_tokens.min(output_tokens),
        };
        if cut == usage {
            return Ok((usage, source));
        }
        let detail = format!(
            "{}/{} reported {} input and {} output tokens, more than it can; {} and {} count",
            live.provider,
            live.model,
            usage.input_tokens,
            usage.output_tokens,
            cut.input_tokens,
            cut.output_tokens
        );
        audit::append(&self.db, now, GATEWAY, "usage.implausible", &detail)?;
        Ok((cut, Source::Estimated))
    }

    /// Writes down what was counted, and warns where a soft limit is reached.
    fn record(
        &mut self,
        live: &LiveCall,
        ended: &Ended,
        amount: Amount,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        ledger::charge(&self.db, &live.hold, amount)?;
        usage::charge(
            &self.db,
            live.hold.day,
            &live.provider,
            &live.model,
            ended.usage,
        )?;
        calls::append(&self.db, live, ended, now)?;
        let Some(percent) = self.newest.document.budgets.soft_limit_percent else {
            return Ok(());
        };
        let agent = live.hold.agent.as_deref();
        for account in std::iter::once(None).chain(agent.map(Some)) {
            let limits = self.limits(account, now);
            let crossed =
                self.models
                    .ledger
                    .crossed(live.hold.day, account, limits, percent, amount);
            for crossing in crossed {
                let detail = format!(
                    "{} of {} are used: {percent} % of the {}",
                    crossing.unit.words(crossing.used),
                    crossing.unit.words(crossing.limit),
                    account_words(account, crossing.unit),
                );
                audit::append(&self.db, now, GATEWAY, "budget.soft_limit", &detail)?;
            }
        }
        Ok(())
    }

    fn learn(&mut self, live: &LiveCall, usage: Usage) -> Result<(), StorageError> {
        let agent = live.hold.agent.clone().unwrap_or_default();
        let key = (agent, live.provider.clone(), live.model.clone());
        if !self.models.learnt.contains_key(&key) && self.models.learnt.len() >= MAX_LEARNT {
            return Ok(());
        }
        let before = self.models.learnt.get(&key).copied().unwrap_or_default();
        let limit = Some(live.output_limit);
        let after = before.with(
            live.input_tokens,
            usage.input_tokens,
            usage.output_tokens,
            limit,
        );
        // Some of it may be lost with this instance: only changes that matter are written.
        let moved = before.output_tokens().is_none_or(|before| {
            after.output_tokens().unwrap_or(before).abs_diff(before) > before / 8
        });
        if moved || after.input_tokens(1_000) != before.input_tokens(1_000) {
            ledger::learn(&self.db, &key, &after)?;
        }
        self.models.learnt.insert(key, after);
        Ok(())
    }
}
