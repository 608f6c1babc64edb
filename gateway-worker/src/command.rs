//! What the Worker asks of the Sandbox Durable Object: one enum, serialised
//! once. The front door's traffic goes another way, see [`crate::front::proxy`].

mod browser;
mod git;
mod state;

pub use browser::{BrowserAsk, BrowserRenewal, BrowserTicket};
pub use git::GitTicket;
pub use state::{StateAsk, StatePrepared, StateTicket, SweepPlan};

use domain::access::Identity;
use domain::audit::{Head, Origin};
use domain::metering::{AccountFault, ErrorKind, Operation as ModelOperation, Reading};
use domain::problem::Problem;
use domain::proposal::Draft;
use domain::secret::Secret;
use domain::wire::clones::{CloneSnapshot, GrantSnapshot};
use domain::wire::devices::DeviceVerb;
use domain::wire::gateway::{ExplainPolicy, JoinRegistry};
use domain::wire::init::Report;
use domain::wire::usage::{CallOutcome, GrantExtension, StopModels};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::sandbox::store::calls::GroupBy;

/// URL that commands are posted to; only the Worker can reach it.
pub const COMMAND_URL: &str = "http://sandbox/command";
/// Origin that the front door's traffic is sent to; only the Worker can reach it.
pub const OPENCLAW_ORIGIN: &str = "http://openclaw";
/// Header that carries the [`Caller`] of the front door's traffic, as JSON.
pub const CALLER_HEADER: &str = "x-tedix-caller";

/// Something asked of the Durable Object.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Command {
    /// The public probe.
    Health,
    /// An operation of the governance API.
    Api {
        /// Who asks.
        caller: Caller,
        /// From where.
        #[serde(default)]
        origin: Option<Origin>,
        /// What for.
        operation: Operation,
    },
    /// tedix-init fetches its configuration.
    InitConfig {
        /// Its credential.
        credential: String,
    },
    /// tedix-init reports.
    InitReport {
        /// Its credential.
        credential: String,
        /// What it says.
        report: Report,
    },
    /// An agent proposes a change.
    Propose {
        /// The key that programs in the container hold.
        key: String,
        /// What.
        draft: Draft,
    },
    /// An agent asks what became of a proposal.
    ProposalState {
        /// The key that programs in the container hold.
        key: String,
        /// Which.
        id: String,
    },
    /// A model call wants to start.
    Admit {
        /// Key that came with it.
        key: String,
        /// What it asks for.
        call: CallRequest,
    },
    /// A model call is still under way.
    Renew {
        /// Id from [`Admission`].
        call: String,
    },
    /// Something about snapshots.
    State {
        /// tedix-init's credential.
        credential: String,
        /// What.
        ask: StateAsk,
    },
    /// tedix-init fetches from a Git repository. Answer: [`GitTicket`].
    Git {
        /// Its credential.
        credential: String,
        /// The repository's name in the policy.
        name: String,
    },
    /// Something about browser sessions. Answer: [`BrowserTicket`].
    Browser {
        /// Key that came with it.
        key: String,
        /// What.
        ask: BrowserAsk,
    },
    /// Somebody is connected to a browser session. Answer: [`BrowserRenewal`].
    RenewBrowser {
        /// Its id.
        session: String,
        /// Whether anything was asked of it lately.
        used: bool,
    },
    /// Another gateway fetches a generation with a code. Answer: [`StateTicket`].
    Granted {
        /// The code that came with it.
        #[serde(with = "domain::secret::at_rest")]
        code: Secret,
        /// Which.
        generation: u64,
        /// From where.
        #[serde(default)]
        origin: Option<Origin>,
    },
    /// A model call ended.
    Settle {
        /// Id from [`Admission`].
        call: String,
        /// What it used; none when the provider refused it and it cost nothing.
        ending: Option<Ending>,
        /// What it was refused for, where that is the gateway's account.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fault: Option<AccountFault>,
    },
}

/// What a model call asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallRequest {
    /// Operation, and with it protocol and provider.
    pub operation: ModelOperation,
    /// Model.
    pub model: String,
    /// Input tokens, estimated.
    pub input_tokens: u64,
    /// Most output tokens asked for.
    pub max_output_tokens: Option<u64>,
    /// Agent that OpenClaw names.
    pub agent: Option<String>,
    /// Session that OpenClaw names.
    pub session: Option<String>,
    /// Calls that the same run made before.
    pub earlier_calls: u32,
    /// Whether it may be told to wait.
    #[serde(default)]
    pub may_wait: bool,
}

/// How a model call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ending {
    /// What it used.
    pub reading: Reading,
    /// Milliseconds to the first byte of the answer; none when none came.
    pub first_byte_ms: Option<u64>,
    /// Milliseconds to its end.
    pub total_ms: u64,
    /// How it ended.
    pub outcome: CallOutcome,
}

/// Answer to [`Command::Renew`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Renewal {
    /// False when the call must end now.
    pub go_on: bool,
}

/// Who asks, as far as the Worker could verify it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Caller {
    /// A person whom Access vouches for.
    Person {
        /// E-mail address in lower case.
        email: String,
        /// Groups that the identity provider says they are in.
        #[serde(default, skip_serializing_if = "Vec::is_empty")]
        groups: Vec<String>,
    },
    /// A service token that Access vouches for.
    Service {
        /// Its client id.
        name: String,
    },
    /// Somebody with a token of the registry's; its keys are in the Durable Object.
    Registry {
        /// The token, not verified yet.
        token: String,
    },
}

/// An operation of the governance API.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "operation", rename_all = "snake_case")]
pub enum Operation {
    /// `GET status`.
    Status,
    /// `GET policy`.
    GetPolicy,
    /// `PUT policy`.
    PutPolicy {
        /// Version that it was edited from.
        if_match: u64,
        /// The document.
        document: Value,
        /// Why.
        note: Option<String>,
        /// Why it is saved over its own tests.
        #[serde(default)]
        force: Option<String>,
    },
    /// `POST policy/explain`.
    ExplainPolicy {
        /// What is asked.
        explain: ExplainPolicy,
    },
    /// `GET policy/coverage`.
    PolicyCoverage,
    /// `GET proposals`.
    Proposals {
        /// Only those before this one.
        before: Option<u64>,
    },
    /// `GET proposals/ID`.
    Proposal {
        /// Which.
        id: String,
    },
    /// `POST proposals`.
    Propose {
        /// What.
        draft: Draft,
    },
    /// `POST proposals/ID/{approve,reject}`.
    DecideProposal {
        /// Which.
        id: String,
        /// Whether it is approved.
        approve: bool,
        /// Why.
        note: Option<String>,
    },
    /// `POST policy/validate`.
    ValidatePolicy {
        /// The document.
        document: Value,
    },
    /// `POST policy/diff`.
    DiffPolicy {
        /// The document.
        document: Value,
    },
    /// `GET policy/effective`.
    EffectivePolicy,
    /// `GET policy/versions`.
    PolicyVersions {
        /// Only those before this one.
        before: Option<u64>,
    },
    /// `GET policy/versions/N`.
    PolicyVersion {
        /// Which.
        version: u64,
    },
    /// `POST policy/versions/N/restore`.
    RestorePolicy {
        /// Which.
        version: u64,
        /// Version that is to be replaced.
        if_match: u64,
        /// Why.
        note: Option<String>,
    },
    /// `GET usage`.
    Usage {
        /// Only days before this one, `YYYY-MM-DD`.
        before: Option<String>,
    },
    /// `GET usage` with `group_by`.
    UsageReport {
        /// Fields to group by.
        by: Vec<GroupBy>,
        /// First day, `YYYY-MM-DD`; 31 days before `to` when absent.
        from: Option<String>,
        /// Last day; today when absent.
        to: Option<String>,
        /// Whether the answer is CSV.
        csv: bool,
    },
    /// `GET usage/calls`.
    Calls {
        /// Only those before this one.
        before: Option<u64>,
        /// Whether the answer is CSV.
        csv: bool,
    },
    /// `GET usage/refusals`.
    Refusals {
        /// First day, `YYYY-MM-DD`; 31 days before `to` when absent.
        from: Option<String>,
        /// Last day; today when absent.
        to: Option<String>,
        /// Whether the answer is CSV.
        csv: bool,
    },
    /// `GET budgets`.
    Budgets,
    /// `POST budgets/extensions`.
    Extend {
        /// What to grant.
        grant: GrantExtension,
    },
    /// `POST models/stop`.
    StopModels {
        /// Why.
        stop: StopModels,
    },
    /// `DELETE models/stop`.
    ResumeModels,
    /// `GET audit`.
    Audit {
        /// Only those before this one.
        before: Option<u64>,
    },
    /// A page of `GET audit?format=jsonl`, oldest first.
    ExportAudit {
        /// Only those after this one.
        after: u64,
    },
    /// `GET audit/verify`.
    VerifyAudit {
        /// A head that somebody kept from earlier.
        known: Option<Head>,
    },
    /// `POST sandbox/{start,stop,restart,destroy}`.
    Sandbox {
        /// What to do.
        action: SandboxAction,
    },
    /// `GET snapshots`.
    Snapshots {
        /// Only those before this one.
        before: Option<u64>,
    },
    /// `GET snapshots/N`.
    Snapshot {
        /// Which.
        generation: u64,
    },
    /// `POST snapshots`.
    TakeSnapshot,
    /// `POST snapshots/N/restore`.
    RestoreSnapshot {
        /// Which; 0 starts with nothing.
        generation: u64,
        /// Why.
        note: Option<String>,
    },
    /// `GET snapshots/N/grants`.
    Grants {
        /// Of which.
        generation: u64,
    },
    /// `POST snapshots/N/grants`.
    GrantSnapshot {
        /// Which.
        generation: u64,
        /// For how long.
        grant: GrantSnapshot,
    },
    /// `DELETE snapshots/N/grants/ID`.
    EndGrant {
        /// Of which.
        generation: u64,
        /// Which of its grants.
        id: u64,
    },
    /// `GET openclaw`.
    Openclaw,
    /// `POST openclaw/version`.
    ChooseVersion {
        /// Which; none follows the image.
        version: Option<String>,
        /// Revision that it was decided from.
        if_match: u64,
        /// Why.
        note: Option<String>,
    },
    /// `POST openclaw/back`.
    VersionBack {
        /// Revision that it was decided from.
        if_match: u64,
        /// Why.
        note: Option<String>,
    },
    /// `GET snapshots/clone`.
    CloneStatus,
    /// `POST snapshots/clone`.
    CloneSnapshot {
        /// From where.
        clone: CloneSnapshot,
    },
    /// `DELETE snapshots/clone`.
    CancelClone,
    /// `GET devices`.
    Devices,
    /// `POST devices/ID/{approve,reject,revoke}`.
    DecideDevice {
        /// What.
        verb: DeviceVerb,
        /// The request or the device.
        id: String,
        /// Why.
        note: Option<String>,
    },
    /// `GET enrolment`.
    GetEnrolment,
    /// `POST enrolment`.
    Join {
        /// Where and with what.
        join: JoinRegistry,
    },
}

/// What an operator may do with the container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SandboxAction {
    /// Start it.
    Start,
    /// Let it end.
    Stop,
    /// Let it end, then start it.
    Restart,
    /// End it; its state is saved first.
    Destroy,
    /// End it at once; what changed since the last snapshot is lost.
    DestroyAtOnce,
}

/// What comes of a command.
pub type Outcome = Result<Reply, Problem>;

/// A good answer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Policy version for the `ETag`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Body; JSON unless `csv`.
    pub body: Value,
    /// Whether the body is a text to send as CSV.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub csv: bool,
}

/// Answer to [`Command::Admit`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "admission", rename_all = "snake_case")]
pub enum Admission {
    /// It may start.
    Admitted {
        /// Id to renew and settle it with.
        call: String,
        /// Output limit to send to the provider; none for the request's own.
        output_tokens: Option<u64>,
    },
    /// The key is not the running container's.
    WrongKey,
    /// The policy offers no such model.
    UnknownModel,
    /// Calls under way hold what it would need: ask again in a moment.
    Wait,
    /// A budget or another limit does not allow it.
    Refused {
        /// Which kind of limit.
        kind: ErrorKind,
        /// What to tell OpenClaw.
        message: String,
        /// Seconds until it makes sense to try again.
        retry_after_seconds: u32,
    },
}

impl Reply {
    /// 200 with a body.
    ///
    /// # Errors
    /// When the value has no JSON form, which none of ours lacks.
    pub fn ok<T: Serialize>(value: &T) -> Outcome {
        Self::with_status(200, value)
    }

    /// A status with a body.
    ///
    /// # Errors
    /// When the value has no JSON form, which none of ours lacks.
    pub fn with_status<T: Serialize>(status: u16, value: &T) -> Outcome {
        let body = serde_json::to_value(value)
            .map_err(|_| Problem::internal("The answer could not be written; try again."))?;
        Ok(Self {
            status,
            version: None,
            body,
            csv: false,
        })
    }

    /// 200 with CSV.
    #[must_use]
    pub fn csv(text: String) -> Self {
        Self {
            status: 200,
            version: None,
            body: Value::String(text),
            csv: true,
        }
    }

    /// The same reply with an `ETag`.
    #[must_use]
    pub fn tagged(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }
}

impl Caller {
    /// Somebody whom Access vouches for, with the groups that they are in.
    #[must_use]
    pub fn verified(identity: Identity, groups: Vec<String>) -> Self {
        match identity {
            Identity::Person(email) => Self::Person { email, groups },
            Identity::Service(name) => Self::Service { name },
        }
    }
}
