//! What is known about a gateway, from itself or from its last heartbeat.

use domain::wire::gateway::{
    BudgetStatus, GatewayStatus, ModelInfo, Pointers, PolicyStatus, SandboxStatus,
};
use domain::wire::registry::Heartbeat;

/// What is known about a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Facts {
    /// Version of its Worker.
    pub(crate) tedix_version: String,
    /// Version of its OpenClaw.
    pub(crate) openclaw_version: Option<String>,
    /// Its container.
    pub(crate) sandbox: SandboxStatus,
    /// Its policy.
    pub(crate) policy: PolicyStatus,
    /// Its daily budget.
    pub(crate) budget: BudgetStatus,
    /// Models it may call.
    pub(crate) models: Vec<ModelInfo>,
    /// Where its state lies.
    pub(crate) pointers: Pointers,
}

impl From<GatewayStatus> for Facts {
    fn from(status: GatewayStatus) -> Self {
        Self {
            tedix_version: status.tedix_version,
            openclaw_version: status.openclaw_version,
            sandbox: status.sandbox,
            policy: status.policy,
            budget: status.budget,
            models: status.models,
            pointers: status.pointers,
        }
    }
}

impl From<Heartbeat> for Facts {
    fn from(heartbeat: Heartbeat) -> Self {
        Self {
            tedix_version: heartbeat.tedix_version,
            openclaw_version: heartbeat.openclaw_version,
            sandbox: heartbeat.sandbox,
            policy: heartbeat.policy,
            budget: heartbeat.budget,
            models: heartbeat.models,
            pointers: heartbeat.pointers,
        }
    }
}
