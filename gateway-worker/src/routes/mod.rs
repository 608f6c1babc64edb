//! The governance API, one operation per file: how it is read from a request
//! (in the Worker) and what it does (in the Durable Object).

mod audit;
mod audit_verify;
mod budgets_extend;
mod budgets_get;
mod clone;
mod devices;
mod enrolment_get;
mod enrolment_post;
mod grants;
mod models_stop;
mod openclaw;
mod policy_coverage;
mod policy_diff;
mod policy_effective;
mod policy_explain;
mod policy_get;
mod policy_put;
mod policy_restore;
mod policy_validate;
mod policy_version;
mod policy_versions;
mod proposals;
mod request;
mod sandbox_action;
mod snapshots;
mod status;
#[cfg(test)]
mod tests;
mod usage;
mod usage_calls;
mod usage_refusals;

pub use request::ApiRequest;

use policy_put::Edit;

use chrono::{DateTime, Utc};
use domain::problem::Problem;
use domain::wire::devices::DeviceVerb;
use domain::wire::gateway::API_PREFIX;

use crate::command::{Caller, Operation, Outcome, SandboxAction};
use crate::ports::Db;
use crate::sandbox::core::Core;

/// How an operation is read from a request.
pub type Reader = fn(&ApiRequest) -> Result<Operation, Problem>;

/// An operation's place in the API.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// Path below the API's prefix; `{…}` stands for one part of it.
    pub path: &'static str,
    /// HTTP method.
    pub method: &'static str,
    /// Most bytes of a body; 0 takes none.
    pub max_body: usize,
    /// How it is read.
    pub read: Reader,
}

/// Largest body of an operation that takes a small one, in bytes.
const SMALL: usize = 4 * 1024;

/// Every operation.
pub const ROUTES: &[Route] = &[
    get("/status", |_| Ok(Operation::Status)),
    get("/policy", |_| Ok(Operation::GetPolicy)),
    Route {
        path: "/policy",
        method: "PUT",
        max_body: policy_put::MAX_BODY,
        read: policy_put::read,
    },
    post(
        "/policy/validate",
        policy_put::MAX_BODY,
        policy_validate::read,
    ),
    post("/policy/diff", policy_put::MAX_BODY, policy_diff::read),
    get("/policy/effective", |_| Ok(Operation::EffectivePolicy)),
    get("/policy/versions", policy_versions::read),
    get("/policy/versions/{version}", policy_version::read),
    post(
        "/policy/versions/{version}/restore",
        SMALL,
        policy_restore::read,
    ),
    post(
        "/policy/explain",
        policy_put::MAX_BODY,
        policy_explain::read,
    ),
    get("/policy/coverage", |_| Ok(Operation::PolicyCoverage)),
    get("/proposals", proposals::read_page),
    post("/proposals", proposals::MAX_BODY, proposals::read_draft),
    get("/proposals/{id}", proposals::read_one),
    post("/proposals/{id}/approve", SMALL, |request| {
        proposals::read_decision(request, true)
    }),
    post("/proposals/{id}/reject", SMALL, |request| {
        proposals::read_decision(request, false)
    }),
    get("/usage", usage::read),
    get("/usage/calls", usage_calls::read),
    get("/usage/refusals", usage_refusals::read),
    get("/budgets", |_| Ok(Operation::Budgets)),
    post("/budgets/extensions", SMALL, budgets_extend::read),
    post("/models/stop", SMALL, models_stop::read),
    Route {
        path: "/models/stop",
        method: "DELETE",
        max_body: 0,
        read: |_| Ok(Operation::ResumeModels),
    },
    get("/audit", audit::read),
    get("/audit/verify", audit_verify::read),
    post("/sandbox/start", SMALL, |_| {
        Ok(sandbox(SandboxAction::Start))
    }),
    post("/sandbox/stop", SMALL, |_| Ok(sandbox(SandboxAction::Stop))),
    post("/sandbox/restart", SMALL, |_| {
        Ok(sandbox(SandboxAction::Restart))
    }),
    post("/sandbox/destroy", SMALL, sandbox_action::read_destroy),
    get("/snapshots", snapshots::read_page),
    post("/snapshots", SMALL, |_| Ok(Operation::TakeSnapshot)),
    get("/snapshots/clone", |_| Ok(Operation::CloneStatus)),
    post("/snapshots/clone", SMALL, clone::read),
    Route {
        path: "/snapshots/clone",
        method: "DELETE",
        max_body: 0,
        read: |_| Ok(Operation::CancelClone),
    },
    get("/snapshots/{generation}", snapshots::read_one),
    post(
        "/snapshots/{generation}/restore",
        SMALL,
        snapshots::read_restore,
    ),
    get("/snapshots/{generation}/grants", grants::read_list),
    post("/snapshots/{generation}/grants", SMALL, grants::read),
    Route {
        path: "/snapshots/{generation}/grants/{grant}",
        method: "DELETE",
        max_body: 0,
        read: grants::read_end,
    },
    get("/openclaw", |_| Ok(Operation::Openclaw)),
    post("/openclaw/version", SMALL, openclaw::read_version),
    post("/openclaw/back", SMALL, openclaw::read_back),
    get("/devices", |_| Ok(Operation::Devices)),
    post("/devices/{device}/approve", SMALL, |request| {
        devices::read(request, DeviceVerb::Approve)
    }),
    post("/devices/{device}/reject", SMALL, |request| {
        devices::read(request, DeviceVerb::Reject)
    }),
    post("/devices/{device}/revoke", SMALL, |request| {
        devices::read(request, DeviceVerb::Revoke)
    }),
    get("/enrolment", |_| Ok(Operation::GetEnrolment)),
    post("/enrolment", SMALL, enrolment_post::read),
];

const fn get(path: &'static str, read: Reader) -> Route {
    Route {
        path,
        method: "GET",
        max_body: 0,
        read,
    }
}

const fn post(path: &'static str, max_body: usize, read: Reader) -> Route {
    Route {
        path,
        method: "POST",
        max_body,
        read,
    }
}

const fn sandbox(action: SandboxAction) -> Operation {
    Operation::Sandbox { action }
}

/// The route for a method and a full path; HEAD counts as GET.
///
/// # Errors
/// 404 for an unknown path, 405 for a known one with another method.
pub fn find(method: &str, path: &str) -> Result<&'static Route, Problem> {
    let method = if method == "HEAD" { "GET" } else { method };
    let below = below(path);
    let mut here: Vec<&Route> = ROUTES
        .iter()
        .filter(|route| matches(route.path, below))
        .collect();
    // `snapshots/clone` is no generation.
    if here.iter().any(|route| route.path == below) {
        here.retain(|route| route.path == below);
    }
    if here.is_empty() {
        return Err(Problem::not_found("The governance API has no such path."));
    }
    here.iter()
        .find(|route| route.method == method)
        .copied()
        .ok_or_else(|| {
            let allowed: Vec<&str> = here.iter().map(|route| route.method).collect();
            Problem::method_not_allowed(format!("This path takes {}.", allowed.join(" and ")))
        })
}

/// What of a path lies below the API's prefix.
#[must_use]
pub fn below(path: &str) -> &str {
    path.strip_prefix(API_PREFIX).unwrap_or_default()
}

/// Whether a path fits a pattern, in which `{…}` stands for one part that is not empty.
fn matches(pattern: &str, path: &str) -> bool {
    let (mut pattern, mut path) = (pattern.split('/'), path.split('/'));
    loop {
        match (pattern.next(), path.next()) {
            (None, None) => return true,
            (Some(expected), Some(part)) if expected == part => {}
            (Some(expected), Some(part)) if expected.starts_with('{') && !part.is_empty() => {}
            _ => return false,
        }
    }
}

/// Does an operation that needs nobody but the Durable Object; joining a
/// registry, which needs the network, is the shell's, and so is drawing a code.
///
/// # Errors
/// Whatever stands against it.
pub fn run<D: Db>(
    core: &mut Core<D>,
    caller: &Caller,
    operation: Operation,
    now: DateTime<Utc>,
) -> Outcome {
    let who = core.principal(caller, now)?;
    match operation {
        Operation::Status => status::run(core, &who, now),
        Operation::GetPolicy => policy_get::run(core, &who),
        Operation::PutPolicy {
            if_match,
            document,
            note,
            force,
        } => {
            let edit = Edit {
                if_match,
                document,
                note: note.as_deref(),
                force: force.as_deref(),
            };
            policy_put::run(core, &who, edit, now)
        }
        Operation::ValidatePolicy { document } => policy_validate::run(core, &who, document, now),
        Operation::ExplainPolicy { explain } => policy_explain::run(core, &who, explain, now),
        Operation::PolicyCoverage => policy_coverage::run(core, &who),
        Operation::Proposals { before } => proposals::page(core, &who, before, now),
        Operation::Proposal { id } => proposals::one(core, &who, &id, now),
        Operation::Propose { draft } => proposals::propose(core, &who, draft, now),
        Operation::DecideProposal { id, approve, note } => {
            proposals::decide(core, &who, &id, approve, note, now)
        }
        Operation::DiffPolicy { document } => policy_diff::run(core, &who, document),
        Operation::EffectivePolicy => policy_effective::run(core, &who),
        Operation::PolicyVersions { before } => policy_versions::run(core, &who, before),
        Operation::PolicyVersion { version } => policy_version::run(core, &who, version),
        Operation::RestorePolicy {
            version,
            if_match,
            note,
        } => policy_restore::run(core, &who, version, if_match, note.as_deref(), now),
        Operation::Usage { before } => usage::run(core, &who, before.as_deref()),
        Operation::UsageReport { by, from, to, csv } => {
            usage::report(core, &who, &by, (from.as_deref(), to.as_deref()), csv, now)
        }
        Operation::Calls { before, csv } => usage_calls::run(core, &who, before, csv),
        Operation::Refusals { from, to, csv } => {
            usage_refusals::run(core, &who, (from.as_deref(), to.as_deref()), csv, now)
        }
        Operation::Budgets => budgets_get::run(core, &who, now),
        Operation::Extend { grant } => budgets_extend::run(core, &who, grant, now),
        Operation::StopModels { stop } => models_stop::stop(core, &who, stop, now),
        Operation::ResumeModels => models_stop::resume(core, &who, now),
        Operation::Audit { before } => audit::run(core, &who, before),
        Operation::ExportAudit { after } => audit::export(core, &who, after),
        Operation::VerifyAudit { known } => audit_verify::run(core, &who, known),
        Operation::Sandbox { action } => sandbox_action::run(core, &who, action, now),
        Operation::Snapshots { before } => snapshots::page(core, &who, before),
        Operation::Snapshot { generation } => snapshots::one(core, &who, generation),
        Operation::TakeSnapshot => snapshots::take(core, &who, now),
        Operation::RestoreSnapshot { generation, note } => {
            snapshots::restore(core, &who, generation, note.as_deref(), now)
        }
        Operation::Grants { generation } => grants::list(core, &who, generation, now),
        Operation::EndGrant { generation, id } => grants::end(core, &who, generation, id, now),
        Operation::Openclaw => openclaw::get(core, &who),
        Operation::ChooseVersion {
            version,
            if_match,
            note,
        } => {
            let chosen = (version.as_deref(), note.as_deref());
            openclaw::choose(core, &who, chosen, if_match, now)
        }
        Operation::VersionBack { if_match, note } => {
            openclaw::back(core, &who, if_match, note.as_deref(), now)
        }
        Operation::CloneStatus => clone::show(core, &who),
        Operation::CloneSnapshot { clone } => clone::ask(core, &who, clone, now),
        Operation::CancelClone => clone::cancel(core, &who, now),
        Operation::Devices => devices::list(core, &who, now),
        Operation::DecideDevice { verb, id, note } => {
            devices::decide(core, &who, verb, &id, note, now)
        }
        Operation::GetEnrolment => enrolment_get::run(core, &who),
        Operation::Join { .. } => Err(Problem::internal("Joining a registry needs the network.")),
        Operation::GrantSnapshot { .. } => Err(Problem::internal("A code needs random bytes.")),
    }
}

pub use enrolment_post::authorize as authorize_join;
pub use grants::grant as grant_snapshot;
