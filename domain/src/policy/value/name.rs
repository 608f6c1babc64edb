//! Names of agents and channels as OpenClaw's configuration spells them.

use serde::{Deserialize, Serialize};

use super::text_value;

/// An agent of OpenClaw (`agents.entries.<id>`), in lower case: `main`, `research-2`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgentId(String);

/// A channel of OpenClaw (`channels.<id>`), in lower case: `telegram`, `webchat`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ChannelId(String);

/// 1 to 64 of a-z, 0-9, `_` and `-`, not beginning with a sign (OpenClaw's `normalizeAgentId`).
fn name(text: &str) -> Option<String> {
    let name = text.to_ascii_lowercase();
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
    let bytes = name.as_bytes();
    let shaped = bytes.first().is_some_and(|b| plain(*b))
        && bytes.len() <= 64
        && bytes.iter().all(|b| plain(*b) || matches!(b, b'_' | b'-'));
    shaped.then_some(name)
}

impl AgentId {
    fn check(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "an agent's id of 1 to 64 letters, digits, _ and -, such as main";
        name(text).map(Self).ok_or(WRONG)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ChannelId {
    fn check(text: &str) -> Result<Self, &'static str> {
        const WRONG: &str = "a channel's id of 1 to 64 letters, digits, _ and -, such as telegram";
        name(text).map(Self).ok_or(WRONG)
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

text_value!(AgentId);
text_value!(ChannelId);

#[cfg(test)]
mod tests {
    use super::AgentId;

    #[test]
    fn names_are_in_lower_case_and_plain() {
        assert_eq!("Main".parse::<AgentId>().unwrap().as_str(), "main");
        for bad in ["", "-main", "a/b", "a.b", "ма", "a b", &"x".repeat(65)] {
            assert!(bad.parse::<AgentId>().is_err(), "{bad:?}");
        }
    }
}
