//! The ledger: accounts, and what calls under way hold of them.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};

use super::{Amount, Limits, Unit};
use crate::prices::Price;

/// Least output tokens that a call is given, however little is free.
pub const MIN_OUTPUT_TOKENS: u64 = 16;
/// A call is given this share of what is left without asking what such calls need,
/// so that as many calls as this find room together.
const SHARE: u64 = 64;
/// Output that a call is given in proportion to its input, before anything is learnt:
/// one that may wait, and one that has waited long enough, in parts of the input.
const OF_INPUT: (u64, u64) = (4, 16);
/// Most output tokens that the first calls of a kind are given while they may wait, and
/// the share of what is not used yet that these may be: nothing is learnt of them, and
/// an answer that is cut is of little use.
const FIRST_OUTPUT: (u64, u64) = (1_024, 16);
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
    /// Whether it can be asked for again in a moment, when calls under way hold what
    /// it would need.
    pub may_wait: bool,
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
    /// It is worth asking again as soon as one of these has ended. Said only to a
    /// call that may wait.
    pub wait: bool,
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

impl Ask<'_> {
    /// Output that it is given where so much of a limit is left: the largest of what
    /// makes the whole call a 64th of that, a share of its input, and what such calls
    /// have made so far; for the first of a kind something in reason, while it may wait.
    fn likely_output(&self, unit: Unit, left: u64) -> u64 {
        let price = self.price.unwrap_or_default();
        let input = price.most(unit, self.input_tokens, 0);
        let (of_input, first) = if self.may_wait {
            let (most, share) = FIRST_OUTPUT;
            (OF_INPUT.0, price.output_for(unit, left / share).min(most))
        } else {
            (OF_INPUT.1, MIN_OUTPUT_TOKENS)
        };
        let share = (left / SHARE).saturating_sub(input).max(input / of_input);
        price
            .output_for(unit, share)
            .max(self.learnt_output.unwrap_or(first))
            .max(MIN_OUTPUT_TOKENS)
            .min(self.most_output)
    }
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
    /// Held are its estimated input and as much output as it will be limited to: all
    /// that it may make, but no more than [`Ask::likely_output`]. A call that may
    /// wait is told to, when it would fit but for what calls under way hold; most of
    /// that is free again when they end. One that may not, or not any more, has its
    /// output cut to what is free.
    ///
    /// The bound: used and reserved together never pass a limit, but for one call
    /// whose input alone is more than what is left while 5 % or more is free (it
    /// is let through with [`MIN_OUTPUT_TOKENS`]). So a day ends at most one
    /// call's input plus [`MIN_OUTPUT_TOKENS`] over the limit, plus what calls
    /// under way used beyond their estimate: input is estimated from its size,
    /// output is bounded because the provider is told the limit.
    ///
    /// # Errors
    /// When less than 5 % of a limit is free, neither used nor reserved, and the call
    /// does not fit into it; or when it should wait.
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
                let refusal = |wait| Refusal {
                    account: account.map(str::to_owned),
                    unit,
                    limit,
                    used,
                    reserved,
                    wait,
                };
                let unspent = limit.saturating_sub(used);
                let free = unspent.saturating_sub(reserved);
                let input = price.most(unit, ask.input_tokens, 0);
                let room_in = |left: u64| {
                    let left = left.checked_sub(input)?;
                    Some(price.output_for(unit, left))
                };
                let wanted = ask.likely_output(unit, if ask.may_wait { unspent } else { free });
                let least = MIN_OUTPUT_TOKENS.min(ask.most_output);
                let fits_later = reserved > 0 && room_in(unspent).is_some_and(|room| room >= least);
                let fits = match room_in(free) {
                    Some(room) if room >= wanted => Ok(wanted),
                    _ if ask.may_wait && fits_later => Err(refusal(true)),
                    Some(room) if room >= least => Ok(room),
                    _ if free > 0 && free >= limit / NEVER_REFUSED_ABOVE => Ok(least),
                    _ => Err(refusal(false)),
                };
                match fits {
                    Ok(fits) => output = output.min(fits),
                    // A limit that no waiting lifts says more than one that it does.
                    Err(refusal)
                        if tightest
                            .as_ref()
                            .is_none_or(|other| other.wait && !refusal.wait) =>
                    {
                        tightest = Some(refusal);
                    }
                    Err(_) => {}
                }
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

    /// When the first of the calls under way expires.
    #[must_use]
    pub fn next_expiry(&self) -> Option<DateTime<Utc>> {
        self.holds.values().map(|hold| hold.expires_at).min()
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
