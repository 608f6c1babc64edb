//! Budgets: what has been used, what calls under way hold, and whether one more
//! call may start.
//!
//! A call *reserves* before it starts, in one step against every account that it
//! counts towards (the gateway's and its agent's, tokens and cost, of the day it
//! starts in), and *settles* with what it did use. Whatever it leaves unused is
//! free at once. One that never settles *expires* and counts in full; one that
//! the provider refused is *released* and counts as nothing.
//!
//! How much a call reserves, and why the limits hold without starving: see
//! [`Ledger::reserve`].

mod extension;
mod learnt;
mod ledger;

pub use extension::{Extension, ExtensionError, MAX_EXTENSION_DAYS, effective_limits};
pub use learnt::Learnt;
pub use ledger::{Account, Ask, Crossing, Grant, Hold, Ledger, MIN_OUTPUT_TOKENS, Refusal};

use serde::{Deserialize, Serialize};

/// Tokens and what they cost.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Amount {
    /// Input and output tokens together.
    pub tokens: u64,
    /// Millionths of a US dollar.
    pub micro_usd: u64,
}

/// Limits of one account; absent for none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Limits {
    /// Tokens a day.
    pub tokens: Option<u64>,
    /// Millionths of a US dollar a day.
    pub micro_usd: Option<u64>,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Tokens.
    Tokens,
    /// Millionths of a US dollar.
    MicroUsd,
}

impl Amount {
    /// Both parts added; too much stays at the most.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_add(other.tokens),
            micro_usd: self.micro_usd.saturating_add(other.micro_usd),
        }
    }

    /// Both parts subtracted; too little stays at nothing.
    #[must_use]
    pub fn minus(self, other: Self) -> Self {
        Self {
            tokens: self.tokens.saturating_sub(other.tokens),
            micro_usd: self.micro_usd.saturating_sub(other.micro_usd),
        }
    }

    /// One part.
    #[must_use]
    pub fn of(self, unit: Unit) -> u64 {
        match unit {
            Unit::Tokens => self.tokens,
            Unit::MicroUsd => self.micro_usd,
        }
    }
}

impl Limits {
    /// One limit.
    #[must_use]
    pub fn of(self, unit: Unit) -> Option<u64> {
        match unit {
            Unit::Tokens => self.tokens,
            Unit::MicroUsd => self.micro_usd,
        }
    }
}

impl Unit {
    /// Every unit.
    pub const ALL: [Self; 2] = [Self::Tokens, Self::MicroUsd];

    /// A number of it in a person's words.
    #[must_use]
    pub fn words(self, count: u64) -> String {
        match self {
            Self::Tokens => format!("{count} tokens"),
            Self::MicroUsd => format!("${}.{:06}", count / 1_000_000, count % 1_000_000),
        }
    }
}

#[cfg(test)]
mod tests;
