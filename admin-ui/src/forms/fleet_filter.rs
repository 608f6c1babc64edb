//! What the fleet is narrowed to: kept in the address, so that it can be shared.

use domain::wire::registry::{FleetStatus, GatewaySummary};

/// Statuses in the order they are offered: what needs a look first.
pub(crate) const STATUSES: [FleetStatus; 8] = [
    FleetStatus::Degraded,
    FleetStatus::Offline,
    FleetStatus::Starting,
    FleetStatus::Online,
    FleetStatus::Stopped,
    FleetStatus::Asleep,
    FleetStatus::Never,
    FleetStatus::Unknown,
];

/// A filter over the fleet; empty parts let everything through.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct FleetFilter {
    /// Part of a name or address, without regard to case.
    pub(crate) text: String,
    /// Statuses to show; all when empty.
    pub(crate) statuses: Vec<FleetStatus>,
}

/// A status as the address spells it.
pub(crate) const fn status_slug(status: FleetStatus) -> &'static str {
    match status {
        FleetStatus::Never => "never",
        FleetStatus::Online => "online",
        FleetStatus::Starting => "starting",
        FleetStatus::Stopped => "stopped",
        FleetStatus::Asleep => "asleep",
        FleetStatus::Degraded => "degraded",
        FleetStatus::Offline => "offline",
        FleetStatus::Unknown => "unknown",
    }
}

impl FleetFilter {
    /// Reads the decoded values of `q` and `status`. What is unknown is left out:
    /// an old link still shows something.
    pub(crate) fn from_query(q: Option<&str>, status: Option<&str>) -> Self {
        let named: Vec<&str> = status
            .unwrap_or_default()
            .split(',')
            .map(str::trim)
            .collect();
        let statuses = STATUSES
            .into_iter()
            .filter(|status| named.contains(&status_slug(*status)))
            .collect();
        Self {
            text: q.unwrap_or_default().chars().take(100).collect(),
            statuses,
        }
    }

    /// The query of the address, without the question mark; empty for no filter.
    pub(crate) fn to_query(&self) -> String {
        let mut parts = Vec::new();
        let text = self.text.trim();
        if !text.is_empty() {
            parts.push(format!("q={}", crate::ui::text::percent_encode(text)));
        }
        if !self.statuses.is_empty() {
            let slugs: Vec<_> = self
                .statuses
                .iter()
                .map(|status| status_slug(*status))
                .collect();
            parts.push(format!("status={}", slugs.join(",")));
        }
        parts.join("&")
    }

    /// The same filter with a status added, or taken out when it was in.
    pub(crate) fn toggled(&self, status: FleetStatus) -> Self {
        let on = |s: &FleetStatus| {
            if *s == status {
                !self.statuses.contains(s)
            } else {
                self.statuses.contains(s)
            }
        };
        Self {
            text: self.text.clone(),
            statuses: STATUSES.into_iter().filter(on).collect(),
        }
    }

    /// Whether it lets everything through.
    pub(crate) fn is_empty(&self) -> bool {
        self.text.trim().is_empty() && self.statuses.is_empty()
    }

    /// Whether a gateway is to be shown.
    pub(crate) fn matches(&self, gateway: &GatewaySummary) -> bool {
        let text = self.text.trim().to_lowercase();
        let named = text.is_empty()
            || gateway.name.as_str().contains(&text)
            || gateway.url.to_lowercase().contains(&text);
        named && (self.statuses.is_empty() || self.statuses.contains(&gateway.status))
    }
}

#[cfg(test)]
mod tests {
    use super::{FleetFilter, STATUSES, status_slug};
    use domain::wire::registry::{FleetStatus, GatewaySummary};

    fn gateway(name: &str, status: FleetStatus) -> GatewaySummary {
        GatewaySummary {
            id: domain::id::GatewayId::from_parts(1_795_336_453_265, [1; 10]),
            name: name.parse().expect("a name"),
            url: format!("https://{name}.example.com"),
            status,
            reason: None,
            enrolled_at: chrono::DateTime::UNIX_EPOCH,
            last_seen_at: None,
            heartbeat: None,
            audit_alarm: None,
        }
    }

    #[test]
    fn a_filter_survives_the_address() {
        let filter = FleetFilter {
            text: "comp & co".to_owned(),
            statuses: vec![FleetStatus::Degraded, FleetStatus::Online],
        };
        assert_eq!(
            filter.to_query(),
            "q=comp%20%26%20co&status=degraded,online"
        );
        let read = FleetFilter::from_query(Some("comp & co"), Some("online,degraded"));
        assert_eq!(read, filter);
    }

    #[test]
    fn unknown_and_missing_parts_filter_nothing() {
        assert!(FleetFilter::from_query(None, None).is_empty());
        assert!(FleetFilter::from_query(Some("  "), Some("sleeping,,")).is_empty());
        assert_eq!(
            FleetFilter::from_query(Some(&"x".repeat(500)), None)
                .text
                .len(),
            100
        );
    }

    #[test]
    fn toggling_twice_changes_nothing() {
        for status in STATUSES {
            let filter = FleetFilter::from_query(Some("a"), Some("offline"));
            let once = filter.toggled(status);
            assert_ne!(once, filter);
            assert_eq!(once.toggled(status), filter);
        }
    }

    #[test]
    fn it_matches_names_addresses_and_statuses() {
        let company = gateway("company", FleetStatus::Online);
        let matches =
            |q: &str, s: &str| FleetFilter::from_query(Some(q), Some(s)).matches(&company);
        assert!(matches("", "") && matches("OMPA", "") && matches("example.com", "online"));
        assert!(!matches("personal", "") && !matches("company", "offline"));
        let slugs: std::collections::BTreeSet<_> = STATUSES.map(status_slug).into();
        assert_eq!(slugs.len(), STATUSES.len());
    }
}
