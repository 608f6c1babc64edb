//! What a list of audit entries is narrowed to: kept in the address.

use domain::wire::gateway::AuditEntry;

/// Areas of the audit, by what their actions begin with.
pub(crate) const AREAS: [(&str, &str); 8] = [
    ("policy", "Policy"),
    ("budget", "Budgets"),
    ("models", "Models stopped"),
    ("drift", "Drift"),
    ("proposal", "Proposals"),
    ("sandbox", "Container"),
    ("credential", "Refused keys"),
    ("enrolment", "Enrolment"),
];

/// A filter; empty parts let everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct AuditFilter {
    /// Area, as an action begins.
    pub(crate) area: String,
    /// Part of who, what or the detail, in lower case.
    pub(crate) text: String,
}

impl AuditFilter {
    /// Reads the parameters of the address.
    pub(crate) fn read(area: String, text: &str) -> Self {
        Self {
            area,
            text: text.trim().to_lowercase(),
        }
    }

    /// Whether it lets everything through.
    pub(crate) fn is_empty(&self) -> bool {
        self.area.is_empty() && self.text.is_empty()
    }

    /// Whether an entry passes.
    pub(crate) fn lets(&self, entry: &AuditEntry) -> bool {
        let area = entry.action.split('.').next().unwrap_or_default();
        let words = [&entry.actor, &entry.action, &entry.detail];
        (self.area.is_empty() || area == self.area)
            && words.iter().any(|w| w.to_lowercase().contains(&self.text))
    }
}

#[cfg(test)]
mod tests {
    use super::AuditFilter;
    use domain::wire::gateway::AuditEntry;

    fn entry(actor: &str, action: &str, detail: &str) -> AuditEntry {
        AuditEntry {
            seq: 1,
            at: chrono::DateTime::UNIX_EPOCH,
            actor: actor.to_owned(),
            action: action.to_owned(),
            detail: detail.to_owned(),
            origin: None,
            before_hash: None,
            after_hash: None,
            previous: None,
            hash: None,
        }
    }

    #[test]
    fn areas_and_words_narrow_and_an_area_is_a_whole_word() {
        let saved = entry("Ada@example.com", "policy.saved", "v3");
        let all = AuditFilter::default();
        assert!(all.is_empty() && all.lets(&saved));
        let lets = |area: &str, text: &str| AuditFilter::read(area.to_owned(), text).lets(&saved);
        assert!(lets("policy", "") && lets("", " ADA ") && lets("policy", "saved"));
        assert!(!lets("pol", "") && !lets("drift", "") && !lets("policy", "nobody"));
    }
}
