//! The end: OpenClaw comes to rest, its state is kept, and all that it started is ended.

use std::time::{Duration, Instant};

use domain::state::SnapshotReason;
use serde_json::{Value, json};

use super::{Event, Phase, Supervisor};
use crate::log;

/// How long OpenClaw may take to finish what it is at. With the snapshot and its own end
/// it has to fit into what the gateway Worker gives a container to stop.
const SUSPEND: Duration = Duration::from_secs(4);
const SUSPEND_POLL: Duration = Duration::from_millis(200);
/// How long each of the two snapshots may take; the next thing happens meanwhile.
const SNAPSHOT: Duration = Duration::from_secs(12);
/// How long giving the lease back may take.
pub(super) const LEASE: Duration = Duration::from_secs(3);

impl Supervisor {
    /// Keeps the state, ends OpenClaw and what it left behind.
    ///
    /// The snapshot comes first: OpenClaw may need all the time there is to end, and the
    /// container may be killed before it has.
    pub(super) fn stop(self) {
        let restored = !matches!(self.phase, Phase::Restoring);
        let suspended = matches!(self.phase, Phase::Running { .. }) && self.suspend();
        let kept = restored && self.keeper.ask_and_wait(SnapshotReason::Stop, SNAPSHOT);
        self.end_openclaw();
        // What it was still doing is on the disk now.
        let again = restored && !(suspended && kept) && !self.keeper.is_hopeless();
        let kept = if again {
            self.keeper.ask_and_wait(SnapshotReason::Stop, SNAPSHOT)
        } else {
            kept
        };
        if restored && !kept {
            log::line("warning: stopping without a snapshot of the last moments");
        }
        self.keeper.end(LEASE);
    }

    /// Lets OpenClaw finish what it is at and begin nothing new; whether it is at rest.
    fn suspend(&self) -> bool {
        let parameters = json!({
            "requestId": format!("tedix-stop-{}", self.runs), "drain": true, "terminalPolicy": "terminate",
        });
        let Some(mut answer) = self.openclaw.call("gateway.suspend.prepare", &parameters) else {
            return false;
        };
        let id = answer.get("suspensionId").cloned().unwrap_or_default();
        let deadline = Instant::now() + SUSPEND;
        loop {
            match answer.get("status").and_then(Value::as_str) {
                Some("ready") => {
                    log::line("OpenClaw is at rest");
                    return true;
                }
                Some("draining") if Instant::now() < deadline => {}
                _ => return false,
            }
            std::thread::sleep(SUSPEND_POLL);
            let status = self
                .openclaw
                .call("gateway.suspend.status", &json!({ "suspensionId": id }));
            let Some(status) = status else { return false };
            answer = status;
        }
    }

    /// Ends OpenClaw and what it left behind.
    fn end_openclaw(&self) {
        let (Phase::Starting { run, .. }
        | Phase::Confirming { run, .. }
        | Phase::Running { run, .. }) = &self.phase
        else {
            return;
        };
        log::line("stopping OpenClaw");
        run.terminate();
        let ended = |wait: Duration| {
            let deadline = Instant::now() + wait;
            loop {
                match self
                    .events
                    .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                {
                    Ok(Event::Exited { number, .. }) if number == run.number => return true,
                    Ok(_) => {}
                    Err(_) => return false,
                }
            }
        };
        if !ended(self.settings.stop_timeout) {
            log::line("OpenClaw did not stop in time; ending it");
            run.kill();
            ended(Duration::from_secs(1));
        }
        self.processes.kill_orphans();
    }
}
