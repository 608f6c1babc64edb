//! A draft as it is kept in the tab's storage, so that a reload loses nothing.

use domain::id::GatewayId;
use serde::{Deserialize, Serialize};

use super::draft::PolicyDraft;

/// What is stored for one gateway and base version.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct SavedDraft {
    /// Version that the edit began from.
    pub(crate) base_version: u64,
    /// The form as it opened on that version.
    pub(crate) base: PolicyDraft,
    /// The form as typed.
    pub(crate) draft: PolicyDraft,
    /// The note.
    pub(crate) note: String,
    /// The document as typed, while it cannot be read as a policy.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) text: Option<String>,
}

/// What every key of a gateway's drafts begins with.
pub(crate) fn key_prefix(gateway: &GatewayId) -> String {
    format!("tedix-claw/draft/{gateway}/v")
}

/// The key of a gateway's draft on a version.
pub(crate) fn key(gateway: &GatewayId, base_version: u64) -> String {
    format!("{}{base_version}", key_prefix(gateway))
}

/// Whether a key holds a draft of the gateway.
pub(crate) fn is_key_of(gateway: &GatewayId, key: &str) -> bool {
    key.strip_prefix(&key_prefix(gateway))
        .is_some_and(|version| !version.is_empty() && version.bytes().all(|b| b.is_ascii_digit()))
}

/// Reads what was stored; none when it is not (any longer) a draft.
pub(crate) fn read(text: &str) -> Option<SavedDraft> {
    serde_json::from_str(text).ok()
}

/// What to store.
pub(crate) fn write(saved: &SavedDraft) -> String {
    // INVARIANT: a SavedDraft has string keys only, so it always has a JSON form.
    serde_json::to_string(saved).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::{SavedDraft, is_key_of, key, read, write};
    use crate::forms::policy::draft::PolicyDraft;
    use domain::id::GatewayId;
    use domain::policy::Policy;

    #[test]
    fn saved_draft_json_format_unchanged() {
        let policy = Policy::bootstrap(&["ada@example.com".parse().expect("address")]);
        let draft = PolicyDraft::from_policy(&policy);
        let saved = SavedDraft {
            base_version: 3,
            base: draft.clone(),
            draft,
            note: "why".to_owned(),
            text: None,
        };
        insta::assert_json_snapshot!(saved, @r#"
        {
          "base_version": 3,
          "base": {
            "operators": [
              {
                "email": "ada@example.com",
                "role": "admin"
              }
            ],
            "users": [],
            "profile": "coding",
            "allow": [],
            "deny": [],
            "tokens_per_day": "1000000"
          },
          "draft": {
            "operators": [
              {
                "email": "ada@example.com",
                "role": "admin"
              }
            ],
            "users": [],
            "profile": "coding",
            "allow": [],
            "deny": [],
            "tokens_per_day": "1000000"
          },
          "note": "why"
        }
        "#);
        assert_eq!(read(&write(&saved)), Some(saved));
        assert_eq!(read("{}"), None);
    }

    #[test]
    fn keys_tell_gateways_and_versions_apart() {
        let one = GatewayId::from_parts(1_795_336_453_265, [1; 10]);
        let other = GatewayId::from_parts(1_795_336_453_265, [2; 10]);
        assert!(is_key_of(&one, &key(&one, 3)));
        assert!(!is_key_of(&one, &key(&other, 3)));
        assert!(!is_key_of(&one, "tedix-claw/draft/"));
        assert_ne!(key(&one, 3), key(&one, 31));
    }
}
