//! `POST sandbox/{start,stop,restart,destroy}`.

use chrono::{DateTime, Utc};
use domain::access::Role;
use domain::problem::Problem;
use domain::wire::snapshots::DestroySandbox;

use super::ApiRequest;
use crate::command::{Operation, Outcome, Reply, SandboxAction};
use crate::ports::Db;
use crate::sandbox::core::{Core, Principal};
use crate::sandbox::lifecycle::Input;

/// Reads whether it is to end at once.
pub(super) fn read_destroy(request: &ApiRequest) -> Result<Operation, Problem> {
    let DestroySandbox { at_once } = if request.body.is_empty() {
        DestroySandbox::default()
    } else {
        request.json()?
    };
    let action = if at_once {
        SandboxAction::DestroyAtOnce
    } else {
        SandboxAction::Destroy
    };
    Ok(Operation::Sandbox { action })
}

/// Does it, for operators; giving the container up takes an admin.
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
        // Its state is saved first, unless somebody asked for it twice.
        SandboxAction::Destroy if core.state().is_stopping() => {
            (Role::Admin, Input::Destroy, "sandbox.destroy_asked")
        }
        SandboxAction::Destroy => (Role::Admin, Input::Stop, "sandbox.destroy_asked"),
        SandboxAction::DestroyAtOnce => (Role::Admin, Input::Destroy, "sandbox.destroy_asked"),
    };
    who.require(role)?;
    core.note(&who.subject, name, "", now)?;
    if matches!(action, SandboxAction::Start | SandboxAction::Restart) {
        // Somebody has looked: a configuration that failed too often is tried again.
        core.forgive(now)?;
    }
    core.happen(input, &who.subject, now)?;
    Reply::with_status(202, &core.state().status())
}
