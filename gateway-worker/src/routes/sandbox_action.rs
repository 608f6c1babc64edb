//! `POST sandbox/{start,stop,restart,destroy}`.

use chrono::{DateTime, Utc};
use domain::access::Role;

use crate::command::{Outcome, Reply, SandboxAction};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::lifecycle::Input;

/// Does it, for operators; ending the container at once takes an admin.
/// Answers 202 with the state that it leads to: the container takes its time.
pub(super) fn run<D: Db>(
    core: &mut Core<D>,
    who: &Principal,
    action: SandboxAction,
    now: DateTime<Utc>,
) -> Outcome {
    let (role, input, name) = match action {
        SandboxAction::Start => (Role::Operator, Input::Start, "sandbox.start_asked"),
        SandboxAction::Stop => (Role::Operator, Input::Stop, "sandbox.stop_asked"),
        SandboxAction::Restart => (Role::Operator, Input::Restart, "sandbox.restart_asked"),
        SandboxAction::Destroy => (Role::Admin, Input::Destroy, "sandbox.destroy_asked"),
    };
    who.require(role)?;
    core.note(&who.subject, name, "", now)?;
    if matches!(action, SandboxAction::Start | SandboxAction::Restart) {
        // Somebody has looked: a configuration that failed too often is tried again.
        core.forgive()?;
    }
    core.happen(input, &who.subject, now)?;
    Reply::with_status(202, &core.state().status())
}
