//! Extensions: an operator grants more, until a time.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

use super::Limits;

/// Longest time that an extension is granted for, in days.
pub const MAX_EXTENSION_DAYS: i64 = 7;
/// Most tokens that one extension grants: the most that a policy may allow a day.
const MAX_TOKENS: u64 = 1_000_000_000_000;
/// Most millionths of a dollar that one extension grants, for the same reason.
const MAX_MICRO_USD: u64 = 1_000_000_000_000_000;

/// More for a while: it adds to the limits of every day that it lasts into.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    /// Random id.
    pub id: String,
    /// Whose limit is raised; the gateway's own when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent: Option<String>,
    /// Tokens more a day.
    #[serde(default)]
    pub tokens: u64,
    /// Millionths of a US dollar more a day.
    #[serde(default)]
    pub micro_usd: u64,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// Who granted it.
    pub granted_by: String,
    /// When.
    pub granted_at: DateTime<Utc>,
    /// Why, in their words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Why an extension cannot be granted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ExtensionError {
    /// It grants nothing.
    #[error("grant more `tokens`, more `cost_micro_usd`, or both")]
    Nothing,
    /// It grants too much.
    #[error("at most {MAX_TOKENS} tokens and {MAX_MICRO_USD} millionths of a dollar")]
    TooMuch,
    /// It has ended already, or lasts too long.
    #[error("must be after now and at most {MAX_EXTENSION_DAYS} days away")]
    Until,
}

impl Extension {
    /// Whether it may be granted.
    ///
    /// # Errors
    /// When it grants nothing or too much, or its end makes no sense.
    pub fn check(&self, now: DateTime<Utc>) -> Result<(), ExtensionError> {
        if self.tokens == 0 && self.micro_usd == 0 {
            return Err(ExtensionError::Nothing);
        }
        if self.tokens > MAX_TOKENS || self.micro_usd > MAX_MICRO_USD {
            return Err(ExtensionError::TooMuch);
        }
        let longest = TimeDelta::try_days(MAX_EXTENSION_DAYS).unwrap_or(TimeDelta::MAX);
        if self.until <= now || self.until - now > longest {
            return Err(ExtensionError::Until);
        }
        Ok(())
    }
}

/// An account's limits with what is granted to it now. Without a limit there is
/// nothing to extend.
#[must_use]
pub fn effective_limits(
    limits: Limits,
    agent: Option<&str>,
    extensions: &[Extension],
    now: DateTime<Utc>,
) -> Limits {
    let granted = extensions
        .iter()
        .filter(|e| e.agent.as_deref() == agent && e.until > now);
    granted.fold(limits, |limits, extension| Limits {
        tokens: limits
            .tokens
            .map(|limit| limit.saturating_add(extension.tokens)),
        micro_usd: limits
            .micro_usd
            .map(|limit| limit.saturating_add(extension.micro_usd)),
    })
}
