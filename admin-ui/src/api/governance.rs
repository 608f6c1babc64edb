//! A gateway's operations on budgets, model calls, proposals and the policy's history.

use chrono::TimeDelta;
use domain::audit::Verification;
use domain::budget::Extension;
use domain::policy::explain::Question;
use domain::proposal::Proposal;
use domain::wire::devices::{DecideDevice, DeviceAction, DeviceVerb, Devices};
use domain::wire::gateway::{
    Coverage, DecideProposal, ExplainPolicy, Explanation, Page, PolicyEnvelope, RestorePolicy,
    StoredPolicy,
};
use domain::wire::openclaw_version::{BackToVersion, ChooseVersion};
use domain::wire::snapshots::{RestoreSnapshot, Snapshot};
use domain::wire::usage::{
    BudgetsReport, CallRow, GrantExtension, RefusalRow, Stop, StopModels, UsageGroup,
};
use gloo_net::http::Method;
use serde_json::Value;

use super::abort::Abort;
use super::error::ApiError;
use super::gateway::{Call, Gateway, paged};
use super::http;
use crate::ui::text::percent_encode;

impl Gateway {
    /// `GET budgets`.
    pub(crate) async fn budgets(&self, abort: Abort) -> Result<BudgetsReport, ApiError> {
        self.get("budgets", abort).await
    }

    /// `POST budgets/extensions`.
    pub(crate) async fn extend(
        &self,
        grant: &GrantExtension,
        abort: Abort,
    ) -> Result<Extension, ApiError> {
        let body = Some(http::body(grant)?);
        self.call(Call::new(Method::POST, "budgets/extensions", body), abort)
            .await
    }

    /// `GET usage?…`, with the path as [`crate::forms::usage::view::UsageView::report`] has it.
    pub(crate) async fn usage(
        &self,
        path: &str,
        abort: Abort,
    ) -> Result<Page<UsageGroup>, ApiError> {
        self.get(path, abort).await
    }

    /// `GET usage/calls`, the newest page.
    pub(crate) async fn calls(&self, abort: Abort) -> Result<Page<CallRow>, ApiError> {
        self.get("usage/calls", abort).await
    }

    /// `GET usage/refusals` of yesterday, today and tomorrow: one of these is today in any
    /// time zone.
    pub(crate) async fn refusals(&self, abort: Abort) -> Result<Page<RefusalRow>, ApiError> {
        let day = |days: i64| (super::now() + TimeDelta::days(days)).date_naive();
        let path = format!("usage/refusals?from={}&to={}", day(-1), day(1));
        self.get(&path, abort).await
    }

    /// Any report as the text of a file.
    pub(crate) async fn file(
        &self,
        path: &str,
        accept: &'static str,
        abort: Abort,
    ) -> Result<String, ApiError> {
        let call = Call {
            accept,
            ..Call::new(Method::GET, path, None)
        };
        self.text(&call, abort).await
    }

    /// `POST models/stop`.
    pub(crate) async fn stop_models(
        &self,
        note: Option<String>,
        abort: Abort,
    ) -> Result<Stop, ApiError> {
        let body = Some(http::body(&StopModels { note })?);
        self.call(Call::new(Method::POST, "models/stop", body), abort)
            .await
    }

    /// `DELETE models/stop`.
    pub(crate) async fn resume_models(&self, abort: Abort) -> Result<(), ApiError> {
        let call = Call::new(Method::DELETE, "models/stop", None);
        self.text(&call, abort).await.map(drop)
    }

    /// `POST policy/explain`, of the newest version or of a document.
    pub(crate) async fn explain(
        &self,
        questions: Vec<Question>,
        document: Option<Value>,
        abort: Abort,
    ) -> Result<Explanation, ApiError> {
        let body = Some(http::body(&ExplainPolicy {
            questions,
            document,
        })?);
        self.call(Call::new(Method::POST, "policy/explain", body), abort)
            .await
    }

    /// `GET policy/coverage`.
    pub(crate) async fn coverage(&self, abort: Abort) -> Result<Coverage, ApiError> {
        self.get("policy/coverage", abort).await
    }

    /// `GET policy/versions/N`.
    pub(crate) async fn version(&self, n: u64, abort: Abort) -> Result<StoredPolicy, ApiError> {
        self.get(&format!("policy/versions/{n}"), abort).await
    }

    /// `POST policy/versions/N/restore` over the newest version.
    pub(crate) async fn restore(
        &self,
        n: u64,
        newest: u64,
        note: Option<String>,
        abort: Abort,
    ) -> Result<PolicyEnvelope, ApiError> {
        let path = format!("policy/versions/{n}/restore");
        let body = Some(http::body(&RestorePolicy { note })?);
        let call = Call {
            if_match: Some(newest),
            ..Call::new(Method::POST, &path, body)
        };
        self.call(call, abort).await
    }

    /// `GET proposals`, newest first.
    pub(crate) async fn proposals(
        &self,
        before: Option<&str>,
        abort: Abort,
    ) -> Result<Page<Proposal>, ApiError> {
        self.get(&paged("proposals", before), abort).await
    }

    /// `GET proposals/ID`.
    pub(crate) async fn proposal(&self, id: &str, abort: Abort) -> Result<Proposal, ApiError> {
        self.get(&format!("proposals/{}", percent_encode(id)), abort)
            .await
    }

    /// `POST proposals/ID/approve` or `reject`.
    pub(crate) async fn decide(
        &self,
        id: &str,
        approve: bool,
        note: Option<String>,
        abort: Abort,
    ) -> Result<Proposal, ApiError> {
        let verb = if approve { "approve" } else { "reject" };
        let path = format!("proposals/{}/{verb}", percent_encode(id));
        let body = Some(http::body(&DecideProposal { note })?);
        self.call(Call::new(Method::POST, &path, body), abort).await
    }

    /// `GET snapshots`, newest first.
    pub(crate) async fn snapshots(
        &self,
        before: Option<&str>,
        abort: Abort,
    ) -> Result<Page<Snapshot>, ApiError> {
        self.get(&paged("snapshots", before), abort).await
    }

    /// `POST snapshots`. The list shows it once it is there.
    pub(crate) async fn take_snapshot(&self, abort: Abort) -> Result<(), ApiError> {
        let call = Call::new(Method::POST, "snapshots", Some("{}".to_owned()));
        self.text(&call, abort).await.map(drop)
    }

    /// `POST snapshots/N/restore`. What it leads to shows in the status.
    pub(crate) async fn restore_snapshot(
        &self,
        generation: u64,
        note: Option<String>,
        abort: Abort,
    ) -> Result<(), ApiError> {
        let path = format!("snapshots/{generation}/restore");
        let body = Some(http::body(&RestoreSnapshot { note })?);
        let call = Call::new(Method::POST, &path, body);
        self.text(&call, abort).await.map(drop)
    }

    /// `POST openclaw/version`, decided from a revision. What it leads to shows in the status.
    pub(crate) async fn choose_version(
        &self,
        revision: u64,
        version: Option<String>,
        note: Option<String>,
        abort: Abort,
    ) -> Result<(), ApiError> {
        let body = Some(http::body(&ChooseVersion { version, note })?);
        let call = Call {
            if_match: Some(revision),
            ..Call::new(Method::POST, "openclaw/version", body)
        };
        self.text(&call, abort).await.map(drop)
    }

    /// `POST openclaw/back`, decided from a revision.
    pub(crate) async fn version_back(
        &self,
        revision: u64,
        note: Option<String>,
        abort: Abort,
    ) -> Result<(), ApiError> {
        let body = Some(http::body(&BackToVersion { note })?);
        let call = Call {
            if_match: Some(revision),
            ..Call::new(Method::POST, "openclaw/back", body)
        };
        self.text(&call, abort).await.map(drop)
    }

    /// `GET devices`.
    pub(crate) async fn devices(&self, abort: Abort) -> Result<Devices, ApiError> {
        self.get("devices", abort).await
    }

    /// `POST devices/ID/VERB`. `GET devices` shows what becomes of it.
    pub(crate) async fn decide_device(
        &self,
        verb: DeviceVerb,
        id: &str,
        abort: Abort,
    ) -> Result<DeviceAction, ApiError> {
        let verb = match verb {
            DeviceVerb::Approve => "approve",
            DeviceVerb::Reject => "reject",
            DeviceVerb::Revoke => "revoke",
        };
        let path = format!("devices/{}/{verb}", percent_encode(id));
        let body = Some(http::body(&DecideDevice::default())?);
        self.call(Call::new(Method::POST, &path, body), abort).await
    }

    /// `GET audit/verify`, against an entry that is known from elsewhere if one is given.
    pub(crate) async fn verify_audit(
        &self,
        known: Option<&str>,
        abort: Abort,
    ) -> Result<Verification, ApiError> {
        let path = match known {
            Some(known) => format!("audit/verify?known={}", percent_encode(known)),
            None => "audit/verify".to_owned(),
        };
        self.get(&path, abort).await
    }
}
