//! Names of tools as OpenClaw 2026.9 spells them, and patterns over them.

use serde::{Deserialize, Serialize};

use super::value::text_value;

/// Longest pattern, in characters.
pub const MAX_PATTERN: usize = 64;

/// A tool, a group or a glob: `exec`, `group:runtime`, `web_*`.
///
/// OpenClaw compares names in lower case; so a pattern is kept in lower case and
/// look-alikes from other alphabets are refused.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ToolPattern(String);

/// Groups that OpenClaw defines (`tools.deny` accepts them as `group:NAME`).
pub const GROUPS: &[(&str, &str)] = &[
    ("group:runtime", "Run commands and processes"),
    ("group:fs", "Read and write files"),
    ("group:web", "Search and fetch the web"),
    ("group:sessions", "Start and read other sessions"),
    ("group:memory", "Search the memory"),
    ("group:ui", "Browser and canvas"),
    ("group:automation", "Cron jobs and the gateway itself"),
    ("group:messaging", "Send messages on channels"),
    ("group:nodes", "Paired devices"),
    ("group:agents", "List agents"),
    ("group:media", "Images, audio, video"),
    ("group:openclaw", "Every tool that ships with OpenClaw"),
    ("group:plugins", "Every tool that a plugin adds"),
];

/// Tools worth suggesting, with what they do.
pub const SUGGESTED: &[(&str, &str)] = &[
    ("exec", "Run a shell command"),
    ("process", "Watch and steer running commands"),
    ("read", "Read a file"),
    ("write", "Write a file"),
    ("edit", "Change a file"),
    ("apply_patch", "Apply a patch to files"),
    ("web_search", "Search the web"),
    ("web_fetch", "Fetch a page"),
    ("browser", "Drive a browser"),
    ("message", "Send a message on a channel"),
    ("sessions_spawn", "Start a sub-agent"),
    ("sessions_send", "Write to another session"),
    ("memory_search", "Search the memory"),
    ("cron", "Schedule jobs"),
    ("gateway", "Read or update the gateway"),
    ("openclaw", "Change OpenClaw's own configuration"),
    ("plugins", "Install or enable plugins"),
    ("skill_workshop", "Write skills for itself"),
    ("secrets", "Use stored secrets"),
];

impl ToolPattern {
    /// The pattern as text, in lower case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl ToolPattern {
    fn check(text: &str) -> Result<Self, &'static str> {
        let allowed = |b: u8| b.is_ascii_alphanumeric() || b"_-:.*/".contains(&b);
        if text.is_empty() || text.len() > MAX_PATTERN || !text.bytes().all(allowed) {
            return Err(
                "a tool, group or glob of 1 to 64 characters, such as exec, group:fs or web_*",
            );
        }
        let pattern = text.to_ascii_lowercase();
        if let Some(group) = pattern.strip_prefix("group:") {
            let known = GROUPS.iter().any(|(name, _)| *name == pattern);
            if !known || group.contains('*') {
                return Err("a group that OpenClaw has, such as group:runtime or group:fs");
            }
        }
        Ok(Self(pattern))
    }
}

text_value!(ToolPattern);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn case_is_folded_and_look_alikes_are_refused() {
        assert_eq!(
            "EXEC".parse::<ToolPattern>().map(String::from),
            Ok("exec".to_owned())
        );
        // The second letter is U+0445, Cyrillic.
        assert!("e\u{445}ec".parse::<ToolPattern>().is_err());
        for bad in [
            "",
            " exec",
            "exec\n",
            "group:",
            "group:nonsense",
            "group:*",
            "a b",
        ] {
            assert!(bad.parse::<ToolPattern>().is_err(), "{bad:?}");
        }
    }
}
