//! The ledger: accounts, and what calls under way hold of them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Amount, Limits, Unit};
use crate::prices::Price;

/// Least output tokens that a call is given, however little is free.
pub const MIN_OUTPUT_TOKENS: u64 = 16;
/// A call holds at most this share of what is free for output that it may not
/// make, so that as many calls as this find room together.
const SHARE: u64 = 64;
/// While so large a share of a limit is free, in parts of the limit, no call is
/// refused because of it.
const NEVER_REFUSED_ABOVE: u64 = 20;

/// Whose account: the gateway's own, or an agent's.
pub type Account = Option<String>;

/// What a call under way holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hold {
    /// Day that it counts towards: the one it started in.
    pub day: NaiveDate,
    /// Agent that it counts towards besides the gateway.
    pub agent: Option<String>,
    /// How much.
    pub amount: Amount,
    /// When it counts in full unless it settled or was renewed.
    pub expires_at: DateTime<Utc>,
}

/// A call that wants to start.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Today.
    pub day: NaiveDate,
    /// Its agent, if it names one.
    pub agent: Option<&'a str>,
    /// Input tokens, estimated.
    pub input_tokens: u64,
    /// The most output that it may make: the least of what it asks for, the
    /// model's and the policy's limit. 0 for one that makes none.
    pub most_output: u64,
    /// What such calls made so far; none before the first.
    pub learnt_output: Option<u64>,
    /// Its model's price; none when it counts as nothing.
    pub price: Option<Price>,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// The output limit to send to the provider.
    pub output_tokens: u64,
    /// What is held for it.
    pub amount: Amount,
}

/// Why a call may not start: less than a call needs is free of a limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// Whose limit.
    pub account: Account,
    /// Of what.
    pub unit: Unit,
    /// The limit of the day.
    pub limit: u64,
    /// Used.
    pub used: u64,
    /// Held by calls under way.
    pub reserved: u64,
}

/// A warning: use has reached the soft limit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Crossing {
    /// Whose limit.
    pub account: Account,
    /// Of what.
    pub unit: Unit,
    /// The limit of the day.
    pub limit: u64,
    /// Used.
    pub used: u64,
}

/// What was used and what is held, by day and account.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    used: BTreeMap<(NaiveDate, Account), Amount>,
    reserved: BTreeMap<(NaiveDate, Account), Amount>,
    holds: BTreeMap<String, Hold>,
}

impl Ledger {
    /// A ledger with what was kept of it.
    #[must_use]
    pub fn restore(
        used: impl IntoIterator<Item = ((NaiveDate, Account), Amount)>,
        holds: impl IntoIterator<Item = (String, Hold)>,
    ) -> Self {
        let mut ledger = Self {
            used: used.into_iter().collect(),
            ..Self::default()
        };
        for (id, hold) in holds {
            ledger.hold(id, hold);
        }
        ledger
    }

    /// Used on a day.
    #[must_use]
    pub fn used(&self, day: NaiveDate, agent: Option<&str>) -> Amount {
        self.used
            .get(&(day, agent.map(str::to_owned)))
            .copied()
            .unwrap_or_default()
    }

    /// Held by calls under way that started on a day.
    #[must_use]
    pub fn reserved(&self, day: NaiveDate, agent: Option<&str>) -> Amount {
        self.reserved
            .get(&(day, agent.map(str::to_owned)))
            .copied()
            .unwrap_or_default()
    }

    /// Calls under way, of an agent or (`None`) of all.
    #[must_use]
    pub fn under_way(&self, agent: Option<&str>) -> usize {
        let counts = |hold: &&Hold| agent.is_none() || hold.agent.as_deref() == agent;
        self.holds.values().filter(counts).count()
    }

    /// What a call holds.
    #[must_use]
    pub fn hold_of(&self, id: &str) -> Option<&Hold> {
        self.holds.get(id)
    }

    /// Reserves for a call against the gateway's limits and its agent's, in one step.
    ///
    /// Held are its estimated input and as much output as it will be limited to:
    /// all that it may make, but no more than the largest of these: what makes the
    /// whole call a 64th of what is free, a quarter of its input, and what such
    /// calls have made so far. Near the limit the output is cut to what is left.
    ///
    /// The bound: used and reserved together never pass a limit, but for one call
    /// whose input alone is more than what is left while 5 % or more is free (it
    /// is let through with [`MIN_OUTPUT_TOKENS`]). So a day ends at most one
    /// call's input plus [`MIN_OUTPUT_TOKENS`] over the limit, plus what calls
    /// under way used beyond their estimate: input is estimated from its size,
    /// output is bounded because the provider is told the limit.
    ///
    /// # Errors
    /// When less than 5 % of a limit is free and the call does not fit into it.
    pub fn reserve(
        &mut self,
        id: &str,
        ask: &Ask<'_>,
        gateway: Limits,
        agent: Limits,
    ) -> Result<Grant, Refusal> {
        let price = ask.price.unwrap_or_default();
        let mut output = ask.most_output;
        let mut tightest: Option<Refusal> = None;
        let accounts = [(None, gateway), (ask.agent, agent)];
        let count = if ask.agent.is_some() { 2 } else { 1 };
        for (account, limits) in accounts.into_iter().take(count) {
            for unit in Unit::ALL {
                let Some(limit) = limits.of(unit) else {
                    continue;
                };
                let used = self.used(ask.day, account).of(unit);
                let reserved = self.reserved(ask.day, account).of(unit);
                let free = limit.saturating_sub(used.saturating_add(reserved));
                let input = price.most(unit, ask.input_tokens, 0);
                let share = (free / SHARE).saturating_sub(input).max(input / 4);
                let learnt = ask.learnt_output.unwrap_or(MIN_OUTPUT_TOKENS);
                let likely = price.output_for(unit, share).max(learnt);
                let wanted = ask.most_output.min(likely.max(MIN_OUTPUT_TOKENS));
                let room = free
                    .checked_sub(input)
                    .map(|left| price.output_for(unit, left));
                let least = MIN_OUTPUT_TOKENS.min(ask.most_output);
                let fits = match room {
                    Some(room) if room >= least => wanted.min(room),
                    _ if free > 0 && free >= limit / NEVER_REFUSED_ABOVE => least,
                    _ => {
                        tightest.get_or_insert(Refusal {
                            account: account.map(str::to_owned),
                            unit,
                            limit,
                            used,
                            reserved,
                        });
                        0
                    }
                };
                output = output.min(fits);
            }
        }
        if let Some(refusal) = tightest {
            return Err(refusal);
        }
        let amount = Amount {
            tokens: ask.input_tokens.saturating_add(output),
            micro_usd: price.most(Unit::MicroUsd, ask.input_tokens, output),
        };
        let hold = Hold {
            day: ask.day,
            agent: ask.agent.map(str::to_owned),
            amount,
            expires_at: ask.expires_at,
        };
        self.hold(id.to_owned(), hold);
        Ok(Grant {
            output_tokens: output,
            amount,
        })
    }

    /// A call ended and used so much; what it held, or none when it is not under
    /// way (any more): then nothing is counted.
    pub fn settle(&mut self, id: &str, used: Amount) -> Option<Hold> {
        let hold = self.release(id)?;
        self.charge(&hold, used);
        Some(hold)
    }

    /// A call ended and cost nothing.
    pub fn release(&mut self, id: &str) -> Option<Hold> {
        let hold = self.holds.remove(id)?;
        for key in keys(&hold) {
            if let Some(reserved) = self.reserved.get_mut(&key) {
                *reserved = reserved.minus(hold.amount);
                if *reserved == Amount::default() {
                    self.reserved.remove(&key);
                }
            }
        }
        Some(hold)
    }

    /// A call is still under way; false when it is not known (any more).
    pub fn renew(&mut self, id: &str, expires_at: DateTime<Utc>) -> bool {
        self.holds
            .get_mut(id)
            .map(|hold| hold.expires_at = expires_at)
            .is_some()
    }

    /// Counts calls in full that have expired: nobody knows what they used.
    pub fn expire(&mut self, now: DateTime<Utc>) -> Vec<(String, Hold)> {
        let expired = self.holds.iter().filter(|(_, hold)| hold.expires_at <= now);
        let expired: Vec<String> = expired.map(|(id, _)| id.clone()).collect();
        let mut counted = Vec::with_capacity(expired.len());
        for id in expired {
            let amount = self
                .holds
                .get(&id)
                .map(|hold| hold.amount)
                .unwrap_or_default();
            if let Some(hold) = self.settle(&id, amount) {
                counted.push((id, hold));
            }
        }
        counted
    }

    /// Forgets what was used before a day. Calls under way are kept.
    pub fn forget_before(&mut self, day: NaiveDate) {
        self.used.retain(|(used, _), _| *used >= day);
    }

    /// Whether `more`, already counted, brought an account from below its soft
    /// limits to them. `percent` of each limit is soft.
    #[must_use]
    pub fn crossed(
        &self,
        day: NaiveDate,
        agent: Option<&str>,
        limits: Limits,
        percent: u8,
        more: Amount,
    ) -> Vec<Crossing> {
        let now = self.used(day, agent);
        let before = now.minus(more);
        let crossing = |unit: Unit| {
            let limit = limits.of(unit)?;
            let soft = u128::from(limit) * u128::from(percent);
            let reached = |used: u64| u128::from(used) * 100 >= soft;
            (reached(now.of(unit)) && !reached(before.of(unit))).then(|| Crossing {
                account: agent.map(str::to_owned),
                unit,
                limit,
                used: now.of(unit),
            })
        };
        Unit::ALL.into_iter().filter_map(crossing).collect()
    }

    fn hold(&mut self, id: String, hold: Hold) {
        // The same id twice would leave a reservation behind that nobody frees.
        self.release(&id);
        for key in keys(&hold) {
            let reserved = self.reserved.entry(key).or_default();
            *reserved = reserved.plus(hold.amount);
        }
        self.holds.insert(id, hold);
    }

    fn charge(&mut self, hold: &Hold, amount: Amount) {
        for key in keys(hold) {
            let used = self.used.entry(key).or_default();
            *used = used.plus(amount);
        }
    }
}

/// The accounts that a call counts towards.
fn keys(hold: &Hold) -> Vec<(NaiveDate, Account)> {
    let agent = hold.agent.clone().map(|agent| (hold.day, Some(agent)));
    std::iter::once((hold.day, None)).chain(agent).collect()
}
