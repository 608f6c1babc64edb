//! A gateway's status, computed when it is read.

use chrono::{DateTime, TimeDelta, Utc};

use super::{Watch, offline_after};
use crate::wire::gateway::{ApplyState, SandboxPhase};
use crate::wire::registry::{AuditAlarm, FleetStatus, Heartbeat};

/// What is known of a gateway when somebody asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sighting {
    /// The newest heartbeat.
    pub heartbeat: Heartbeat,
    /// When it arrived, by the registry's clock.
    pub seen_at: DateTime<Utc>,
    /// By how much the gateway may have been heard later than `seen_at` says,
    /// because the record is older than memory was.
    pub slack: TimeDelta,
    /// Whether two instances report as this gateway.
    pub contested: bool,
    /// The first time that its audit moved back.
    pub audit_alarm: Option<AuditAlarm>,
}

/// How a gateway is doing at `now`, and why it is not online.
#[must_use]
pub fn status(
    sighting: Option<&Sighting>,
    watch: &Watch,
    now: DateTime<Utc>,
) -> (FleetStatus, Option<String>) {
    let Some(sighting) = sighting else {
        return (
            FleetStatus::Never,
            Some("enrolled, but not heard of yet".to_owned()),
        );
    };
    let silent = now - sighting.seen_at;
    let limit = offline_after(watch.interval_seconds) + sighting.slack;
    if silent > limit {
        if watch.is_settled(limit, now) {
            return (
                FleetStatus::Offline,
                Some(format!("no heartbeat for {}", words(silent))),
            );
        }
        let reason = "not heard of since the registry itself was away";
        return (FleetStatus::Unknown, Some(reason.to_owned()));
    }
    if sighting.contested {
        let reason = "two instances report as this gateway: stop one of them or enrol it anew";
        return (FleetStatus::Degraded, Some(reason.to_owned()));
    }
    if let Some(alarm) = &sighting.audit_alarm {
        let reason = format!(
            "its audit does not continue entry {}: compare it with an export, then enrol the \
             gateway anew",
            alarm.known.seq
        );
        return (FleetStatus::Degraded, Some(reason));
    }
    by_heartbeat(&sighting.heartbeat)
}

fn by_heartbeat(heartbeat: &Heartbeat) -> (FleetStatus, Option<String>) {
    let (sandbox, policy) = (&heartbeat.sandbox, &heartbeat.policy);
    let ended = sandbox
        .last_exit
        .as_ref()
        .map_or(String::new(), |exit| format!(": {}", exit.reason));
    match sandbox.phase {
        SandboxPhase::Failed => {
            return (
                FleetStatus::Degraded,
                Some(format!("the container failed{ended}")),
            );
        }
        SandboxPhase::BackingOff => {
            let reason = format!("the container ended and waits to be started again{ended}");
            return (FleetStatus::Degraded, Some(reason));
        }
        _ if policy.state == ApplyState::Failed => {
            let why = policy
                .detail
                .as_ref()
                .map_or(String::new(), |detail| format!(": {detail}"));
            let reason = format!("policy version {} was refused{why}", policy.version);
            return (FleetStatus::Degraded, Some(reason));
        }
        SandboxPhase::Starting => {
            return (
                FleetStatus::Starting,
                Some("the container is starting".to_owned()),
            );
        }
        SandboxPhase::Stopping => {
            return (
                FleetStatus::Stopped,
                Some("the container is stopping".to_owned()),
            );
        }
        SandboxPhase::Stopped => {
            return (
                FleetStatus::Stopped,
                Some("the container is stopped".to_owned()),
            );
        }
        SandboxPhase::Asleep => {
            let until = match sandbox.retry_at {
                Some(at) => format!("until {}", at.format("%Y-%m-%d %H:%M UTC")),
                None => "until somebody needs it".to_owned(),
            };
            return (FleetStatus::Asleep, Some(format!("asleep {until}")));
        }
        SandboxPhase::Ready => {}
    }
    let drifted = policy.state == ApplyState::Applied
        && policy
            .effective_hash
            .as_ref()
            .is_some_and(|hash| *hash != policy.desired_hash);
    if drifted {
        let reason = format!(
            "OpenClaw runs another configuration than policy version {}",
            policy.version
        );
        return (FleetStatus::Degraded, Some(reason));
    }
    (FleetStatus::Online, None)
}

/// A duration in a person's words, in its two largest units at most.
fn words(duration: TimeDelta) -> String {
    let seconds = duration.num_seconds();
    match (seconds / 86_400, seconds / 3_600 % 24, seconds / 60 % 60) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests;
