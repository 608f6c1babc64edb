//! Statuses as text, shape and colour: never by colour alone.

use domain::wire::gateway::{ApplyState, SandboxPhase, StartStep};
use domain::wire::registry::FleetStatus;
use leptos::prelude::*;

/// What a status means for somebody who looks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Mood {
    /// As it should be: a filled circle.
    Good,
    /// On its way: a ring with a gap.
    Busy,
    /// At rest on purpose: a square.
    Idle,
    /// Needs a look: a triangle.
    Warn,
    /// Not there: a cross.
    Bad,
    /// Not known yet: an empty circle.
    Unknown,
}

impl Mood {
    const fn class(self) -> &'static str {
        match self {
            Self::Good => "status good",
            Self::Busy => "status busy",
            Self::Idle => "status idle",
            Self::Warn => "status warn",
            Self::Bad => "status bad",
            Self::Unknown => "status unknown",
        }
    }

    fn shape(self) -> AnyView {
        let drawn = match self {
            Self::Good => "M6 1.500a4.500 4.500 0 1 1 0 9 4.500 4.500 0 0 1 0-9Z",
            Self::Busy => "M6 2A4 4 0 1 1 2 6",
            Self::Idle => "M2 2h8v8H2z",
            Self::Warn => "M6 1.200 11.200 10.500H.8z",
            Self::Bad => "m2.500 2.500 7 7m0-7-7 7",
            Self::Unknown => "M6 2a4 4 0 1 1 0 8 4 4 0 0 1 0-8Z",
        };
        view! {
            <svg class="shape" viewBox="0 0 12 12" width="12" height="12" aria-hidden="true" focusable="false">
                <path d=drawn></path>
            </svg>
        }
        .into_any()
    }
}

/// How a gateway is doing.
pub(crate) const fn fleet(status: FleetStatus) -> (Mood, &'static str) {
    match status {
        FleetStatus::Never => (Mood::Unknown, "Never seen"),
        FleetStatus::Online => (Mood::Good, "Online"),
        FleetStatus::Starting => (Mood::Busy, "Starting"),
        FleetStatus::Stopped => (Mood::Idle, "Stopped"),
        FleetStatus::Asleep => (Mood::Idle, "Asleep"),
        FleetStatus::Degraded => (Mood::Warn, "Degraded"),
        FleetStatus::Offline => (Mood::Bad, "Offline"),
        FleetStatus::Unknown => (Mood::Unknown, "Not heard yet"),
    }
}

/// Where the container is in its life.
pub(crate) const fn phase(phase: SandboxPhase) -> (Mood, &'static str) {
    match phase {
        SandboxPhase::Stopped => (Mood::Idle, "Stopped"),
        SandboxPhase::Asleep => (Mood::Idle, "Asleep"),
        SandboxPhase::Starting => (Mood::Busy, "Starting"),
        SandboxPhase::Ready => (Mood::Good, "Ready"),
        SandboxPhase::Stopping => (Mood::Busy, "Stopping"),
        SandboxPhase::BackingOff => (Mood::Warn, "Waiting to start again"),
        SandboxPhase::Failed => (Mood::Bad, "Failed"),
    }
}

/// How far a policy version has come.
pub(crate) const fn apply(state: ApplyState) -> (Mood, &'static str) {
    match state {
        ApplyState::Pending => (Mood::Unknown, "Pending"),
        ApplyState::Applying => (Mood::Busy, "Applying"),
        ApplyState::Applied => (Mood::Good, "Applied"),
        ApplyState::Failed => (Mood::Bad, "Failed"),
    }
}

/// What a starting container is doing.
pub(crate) const fn step(step: StartStep) -> &'static str {
    match step {
        StartStep::Container => "Starting the container",
        StartStep::Configuring => "Checking the configuration",
        StartStep::Openclaw => "OpenClaw is starting",
        StartStep::Confirming => "Confirming what OpenClaw applied",
    }
}

/// A status with its shape.
pub(crate) fn badge((mood, text): (Mood, &'static str)) -> AnyView {
    view! { <span class=mood.class()>{mood.shape()}<span>{text}</span></span> }.into_any()
}

#[cfg(test)]
mod tests {
    use super::{Mood, fleet, phase};
    use crate::forms::fleet_filter::STATUSES;
    use domain::wire::gateway::SandboxPhase;

    #[test]
    fn every_fleet_status_has_its_own_word_and_only_those_at_rest_or_unknown_share_a_shape() {
        let moods: std::collections::HashSet<_> = STATUSES.map(|s| fleet(s).0).into();
        let words: std::collections::HashSet<_> = STATUSES.map(|s| fleet(s).1).into();
        assert_eq!((moods.len(), words.len()), (6, 8));
    }

    #[test]
    fn only_ready_is_good() {
        let all = [
            SandboxPhase::Stopped,
            SandboxPhase::Asleep,
            SandboxPhase::Starting,
            SandboxPhase::Stopping,
            SandboxPhase::BackingOff,
            SandboxPhase::Failed,
        ];
        assert!(all.into_iter().all(|p| phase(p).0 != Mood::Good));
        assert_eq!(phase(SandboxPhase::Ready).0, Mood::Good);
    }
}
