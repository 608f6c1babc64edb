//! The three hashes of a policy: what is wanted, what was fetched, what is in force.

use domain::wire::gateway::PolicyStatus;
use leptos::prelude::*;

use crate::ui::icon::Icon;
use crate::ui::text::short_hash;

/// One station of a policy on its way into force.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Station {
    /// What the station is called.
    pub(crate) name: &'static str,
    /// Who says so.
    pub(crate) by: &'static str,
    /// The hash there; none when none was reported.
    pub(crate) hash: Option<String>,
    /// Whether it is the wanted one.
    pub(crate) reached: bool,
}

/// The stations in order.
pub(crate) fn stations(policy: &PolicyStatus) -> [Station; 3] {
    let station = |name, by, hash: &Option<String>| Station {
        name,
        by,
        reached: hash.as_ref() == Some(&policy.desired_hash),
        hash: hash.clone(),
    };
    [
        station(
            "Desired",
            "saved by an operator",
            &Some(policy.desired_hash.clone()),
        ),
        station(
            "Acknowledged",
            "fetched by the container",
            &policy.acknowledged_hash,
        ),
        station("Effective", "confirmed by OpenClaw", &policy.effective_hash),
    ]
}

/// The stations as a row.
pub(crate) fn view(policy: &PolicyStatus) -> AnyView {
    let item = |station: Station| {
        let (word, icon) = match (station.reached, station.hash.is_some()) {
            (true, _) => ("same as desired", Icon::Check),
            (false, true) => ("differs from desired", Icon::Warning),
            (false, false) => ("not reported yet", Icon::Info),
        };
        let full = station.hash.clone().unwrap_or_default();
        view! {
            <li class="station" class:reached=station.reached class:differs=!station.reached && station.hash.is_some()>
                <span class="station-name">{icon.view()}{station.name}</span>
                <code title=full>{station.hash.as_deref().map_or("none".to_owned(), short_hash)}</code>
                <span class="muted">{station.by}</span>
                <span class="visually-hidden">{word}</span>
            </li>
        }
    };
    view! { <ol class="stations">{stations(policy).map(item)}</ol> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::stations;
    use domain::wire::gateway::{ApplyState, PolicyStatus};

    #[test]
    fn a_station_is_reached_only_by_the_wanted_hash() {
        let policy = PolicyStatus {
            version: 3,
            desired_hash: "b".to_owned(),
            acknowledged_hash: Some("b".to_owned()),
            effective_hash: Some("a".to_owned()),
            effective_version: Some(2),
            state: ApplyState::Applying,
            detail: None,
            confirmed_at: None,
        };
        assert_eq!(stations(&policy).map(|s| s.reached), [true, true, false]);
        let fresh = PolicyStatus {
            acknowledged_hash: None,
            effective_hash: None,
            ..policy
        };
        assert_eq!(stations(&fresh).map(|s| s.reached), [true, false, false]);
    }
}
