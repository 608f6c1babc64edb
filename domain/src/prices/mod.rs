//! What models cost: millionths of a US dollar for a million tokens, by kind.
//!
//! `table.json` is the table that a release carries; a deployment may override
//! it model by model. Everything is rounded up to a whole millionth of a dollar
//! and nothing is ever negative. A model that is in neither has no price, which
//! is not the same as a price of nothing: the policy says what happens to it.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::budget::Unit;
use crate::metering::Usage;

/// The table that this release carries.
const TABLE: &str = include_str!("table.json");
/// Most of any price: ten thousand dollars for a million tokens. What is above
/// it is a mistake of units.
const MAX_PRICE: u64 = 10_000_000_000;
/// Tokens that a price is for.
const PER: u128 = 1_000_000;

/// Prices of one model, in millionths of a US dollar for a million tokens.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Price {
    /// Input that was neither read from a cache nor written to one.
    pub input: u64,
    /// Input read from a cache; as other input when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<u64>,
    /// Input written to a cache; as other input when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache_write: Option<u64>,
    /// Output, reasoning included: every provider here bills it as output.
    pub output: u64,
}

/// A versioned table of prices by `provider/model`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PriceTable {
    /// Counts up with every change.
    pub version: u32,
    /// Month that the prices are meant for, `YYYY-MM`. They have not been checked
    /// against the providers' price lists: an operator who limits cost sets their own.
    pub as_of: String,
    /// Prices.
    pub models: BTreeMap<String, Price>,
}

/// Why a table of prices is no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// It is no table, or a price is missing, negative or no whole number.
    #[error("{0}")]
    Shape(String),
    /// A price beyond all reason.
    #[error(
        "{0} costs more than $10,000 for a million tokens; prices are in millionths of a dollar"
    )]
    TooHigh(String),
    /// Input and output that cost nothing.
    #[error("{0} costs nothing; leave it out and let the policy say what to do without a price")]
    Nothing(String),
}

impl PriceTable {
    /// The table that this release carries.
    ///
    /// # Errors
    /// Never: a test reads it.
    pub fn built_in() -> Result<Self, PriceError> {
        serde_json::from_str(TABLE).map_err(|error| PriceError::Shape(error.to_string()))
    }

    /// The same with prices of a deployment's own: JSON of `provider/model` and price.
    ///
    /// # Errors
    /// When a price is missing, negative, nothing or beyond reason.
    pub fn with_overrides(mut self, json: &str) -> Result<Self, PriceError> {
        let own: BTreeMap<String, Price> =
            serde_json::from_str(json).map_err(|error| PriceError::Shape(error.to_string()))?;
        for (model, price) in own {
            price.check(&model)?;
            self.models.insert(model, price);
        }
        Ok(self)
    }

    /// The price of a model. One whose id ends in a date costs what the id without it does.
    #[must_use]
    pub fn price(&self, provider: &str, model: &str) -> Option<Price> {
        let exact = self.models.get(&format!("{provider}/{model}"));
        let found = exact.or_else(|| self.models.get(&format!("{provider}/{}", undated(model)?)));
        found.copied()
    }
}

impl Price {
    fn check(&self, model: &str) -> Result<(), PriceError> {
        let all = [
            Some(self.input),
            self.cached_input,
            self.cache_write,
            Some(self.output),
        ];
        if all.into_iter().flatten().any(|price| price > MAX_PRICE) {
            return Err(PriceError::TooHigh(model.to_owned()));
        }
        if self.input == 0 && self.output == 0 {
            return Err(PriceError::Nothing(model.to_owned()));
        }
        Ok(())
    }

    /// What a call cost, in millionths of a dollar, rounded up.
    #[must_use]
    pub fn cost(&self, usage: Usage) -> u64 {
        let cached = usage.cached_input_tokens.min(usage.input_tokens);
        let written = usage.cache_write_tokens.min(usage.input_tokens - cached);
        let fresh = usage.input_tokens - cached - written;
        let parts = [
            (fresh, self.input),
            (cached, self.cached_input.unwrap_or(self.input)),
            (written, self.cache_write.unwrap_or(self.input)),
            (usage.output_tokens, self.output),
        ];
        total(&parts)
    }

    /// The most that a call can come to, in a unit.
    #[must_use]
    pub(crate) fn most(&self, unit: Unit, input: u64, output: u64) -> u64 {
        match unit {
            Unit::Tokens => input.saturating_add(output),
            Unit::MicroUsd => {
                let dearest = self.input.max(self.cache_write.unwrap_or(0));
                total(&[(input, dearest), (output, self.output)])
            }
        }
    }

    /// Output tokens that so much of a unit is enough for.
    #[must_use]
    pub(crate) fn output_for(&self, unit: Unit, free: u64) -> u64 {
        match unit {
            Unit::Tokens => free,
            Unit::MicroUsd if self.output == 0 => u64::MAX,
            Unit::MicroUsd => {
                let tokens = u128::from(free) * PER / u128::from(self.output);
                u64::try_from(tokens).unwrap_or(u64::MAX)
            }
        }
    }
}

fn total(parts: &[(u64, u64)]) -> u64 {
    let sum = parts.iter().fold(0u128, |sum, (tokens, price)| {
        sum.saturating_add(u128::from(*tokens).saturating_mul(u128::from(*price)))
    });
    u64::try_from(sum.div_ceil(PER)).unwrap_or(u64::MAX)
}

/// `name-2025-08-07` or `name-20250807` without the date.
fn undated(model: &str) -> Option<&str> {
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let (rest, last) = model.rsplit_once('-')?;
    if last.len() == 8 && digits(last) {
        return Some(rest);
    }
    let (rest, month) = rest.rsplit_once('-')?;
    let (rest, year) = rest.rsplit_once('-')?;
    let dated = digits(last) && digits(month) && digits(year);
    (dated && (year.len(), month.len(), last.len()) == (4, 2, 2)).then_some(rest)
}

#[cfg(test)]
mod tests;
