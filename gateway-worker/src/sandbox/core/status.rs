//! What the gateway says about itself.

use chrono::{DateTime, Utc};
use domain::problem::Problem;
use domain::wire::gateway::{
    ApplyState, BudgetStatus, EffectivePolicy, GatewayStatus, PolicyStatus, Viewer,
};

use domain::wire::snapshots::StateStatus;

use super::{Core, Principal};
use crate::ports::{Db, StorageError};
use crate::settings::TEDIX_VERSION;

impl<D: Db> Core<D> {
    /// Everything, for whoever asks.
    ///
    /// # Errors
    /// When the database fails.
    pub fn status(
        &self,
        principal: &Principal,
        now: DateTime<Utc>,
    ) -> Result<GatewayStatus, StorageError> {
        Ok(GatewayStatus {
            name: self.settings.name.clone(),
            gateway_id: self
                .membership
                .as_ref()
                .map(|membership| membership.gateway_id.clone()),
            tedix_version: TEDIX_VERSION.to_owned(),
            openclaw_version: self.tracking.openclaw_version.clone(),
            sandbox: self.state.status(),
            policy: self.policy_status(),
            budget: self.budget_status(now)?,
            models: self.settings.model_infos(),
            pointers: self.pointers()?,
            state: StateStatus {
                sources: self.git_status()?,
                ..self.state_status()
            },
            openclaw: Some(self.openclaw_status()),
            viewer: Viewer {
                subject: principal.subject.clone(),
                role: principal.role,
            },
        })
    }

    /// How far the newest policy has come.
    #[must_use]
    pub fn policy_status(&self) -> PolicyStatus {
        let mut status = self
            .tracking
            .status(&self.desired, self.state.expects_container());
        // It came before this OpenClaw did and stays in force, but not unsaid.
        if let (None, Some(skew)) = (&status.detail, self.skew()) {
            status.detail = Some(skew.to_string());
        }
        status
    }

    pub(super) fn apply_state(&self) -> ApplyState {
        self.policy_status().state
    }

    pub(super) fn openclaw_version(&self) -> Option<String> {
        self.tracking.openclaw_version.clone()
    }

    /// Tokens used today against the limit.
    ///
    /// # Errors
    /// When the database fails.
    pub fn budget_status(&self, now: DateTime<Utc>) -> Result<BudgetStatus, StorageError> {
        Ok(BudgetStatus {
            tokens_per_day: self.limits(None, now).tokens,
            tokens_used: self.tokens_used(now),
            resets_at: self.resets_at(now),
            time_zone: Some(self.newest.document.budgets.time_zone.as_str().to_owned()),
            stopped: self.models_stopped().cloned(),
        })
    }

    /// What OpenClaw itself last reported in this run of the container.
    ///
    /// # Errors
    /// 404 before it first did.
    pub fn effective(&self) -> Result<EffectivePolicy, Problem> {
        self.tracking.effective(&self.desired).ok_or_else(|| {
            Problem::not_found("OpenClaw has not reported since the container last started.")
        })
    }
}
