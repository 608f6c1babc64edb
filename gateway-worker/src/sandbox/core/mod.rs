//! What the Durable Object does, without the platform: every rule is here or in
//! `domain`, and runs natively over any SQLite. [`super::durable`] is the shell.

mod browser;
mod clones;
mod devices;
mod drift;
mod enrolment;
mod git;
mod grants;
mod init;
mod lifecycle;
mod links;
mod models;
mod moments;
mod orders;
mod people;
mod proposals;
mod pulls;
mod pulse;
mod rollback;
mod secrets;
mod sleep;
mod snapshots;
mod status;
#[cfg(test)]
pub(crate) mod tests;
mod tracking;
mod versions;

pub use browser::BrowserVerdict;
pub use enrolment::{Joining, Membership};
pub use people::Principal;
pub use pulse::{Beat, Pulse};
pub use secrets::RunCredentials;

use chrono::{DateTime, Utc};
use domain::audit::Origin;
use domain::policy::{self, CompileContext, Policy};
use domain::problem::Problem;
use domain::upgrade::Versions;
use domain::wire::gateway::PolicyEnvelope;
use domain::wire::init::{ConfigBundle, Watch};
use domain::wire::openclaw::OPENCLAW_VERSION;
use serde_json::Value;

use super::lifecycle::{Effect, State};
use super::schema;
use super::store::records::Record;
use super::store::{audit, policies, records};
use crate::ports::{Db, StorageError};
use crate::settings::Settings;
use secrets::RunSecrets;
use tracking::Tracking;

/// Actor of what the gateway does by itself.
pub const GATEWAY: &str = "gateway";
/// Actor of what tedix-init says.
pub const INIT: &str = "tedix-init";

/// Something for the shell to do after a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Task {
    /// Something with the container, or an announcement.
    Container(Effect),
    /// Tell tedix-init to fetch its configuration: SIGHUP.
    Reload,
    /// Close sessions at the browser service.
    CloseBrowsers,
}

/// One gateway's state and rules.
#[derive(Debug)]
pub struct Core<D> {
    db: D,
    settings: Settings,
    state: State,
    newest: PolicyEnvelope,
    desired: ConfigBundle,
    fallback: Option<rollback::Fallback>,
    /// As of when exceptions were last looked at.
    compiled_at: DateTime<Utc>,
    tracking: Tracking,
    secrets: Option<RunSecrets>,
    membership: Option<Membership>,
    pulse: Pulse,
    tasks: Vec<Task>,
    refusal_noted_at: Option<DateTime<Utc>>,
    origin: Option<Origin>,
    browser: browser::Browser,
    models: models::Models,
    snapshots: snapshots::State,
    pulls: pulls::Pulls,
    activity: sleep::Activity,
    versions: Versions,
    clone: Option<clones::Job>,
}

impl<D: Db> Core<D> {
    /// Opens the database, brings it up to date and reads the state back.
    /// `boot_id` names this life of the Durable Object.
    ///
    /// # Errors
    /// When the database fails or holds what cannot be read.
    pub fn open(
        db: D,
        settings: Settings,
        boot_id: String,
        now: DateTime<Utc>,
    ) -> Result<Self, StorageError> {
        schema::migrate(&db)?;
        audit::start(&db, now)?;
        let newest = match policies::newest(&db)? {
            Some(newest) => newest,
            None => first_policy(&db, &settings, now)?,
        };
        let tracking: Tracking = records::load(&db, Record::Tracking)?.unwrap_or_default();
        let compiled_at = tracking.compiled_at.max(Some(newest.created_at));
        let compiled_at = compiled_at.unwrap_or(now);
        let versions: Versions = records::load(&db, Record::Openclaw)?.unwrap_or_default();
        let desired = desired(&newest, &settings, versions.version(), now);
        let state = records::load(&db, Record::Lifecycle)?.unwrap_or_else(|| State::new(now));
        let mut core = Self {
            state,
            newest,
            desired,
            fallback: None,
            compiled_at,
            tracking,
            secrets: records::load(&db, Record::RunSecrets)?,
            membership: records::load(&db, Record::Membership)?,
            pulse: Pulse::new(boot_id, now),
            tasks: Vec::new(),
            refusal_noted_at: None,
            origin: None,
            activity: sleep::Activity::load(&db, now)?,
            browser: browser::Browser::load(&db)?,
            models: models::Models::load(&db, now)?,
            snapshots: records::load(&db, Record::Snapshots)?.unwrap_or_default(),
            pulls: records::load(&db, Record::Pulls)?.unwrap_or_default(),
            versions,
            clone: records::load(&db, Record::Clone)?.flatten(),
            db,
            settings,
        };
        core.choose_offer(now)?;
        core.time_passed(now)?;
        Ok(core)
    }

    /// What the shell has to do now, in order.
    pub fn take_tasks(&mut self) -> Vec<Task> {
        std::mem::take(&mut self.tasks)
    }

    /// The container's life.
    #[must_use]
    pub fn state(&self) -> &State {
        &self.state
    }

    /// What the deployment says about this gateway.
    #[must_use]
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The database.
    pub(crate) fn db(&self) -> &D {
        &self.db
    }

    /// Does something that came from somewhere: audit entries made by it say so.
    pub fn asked_from<T>(
        &mut self,
        origin: Option<Origin>,
        body: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.origin = origin;
        let done = body(self);
        self.origin = None;
        done
    }

    /// Writes down who did what.
    ///
    /// # Errors
    /// When the database refuses it.
    pub fn note(
        &self,
        actor: &str,
        action: &str,
        detail: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        self.note_change(actor, action, detail, (None, None), now)
    }

    /// Writes down who changed what, with its hashes before and afterwards.
    ///
    /// # Errors
    /// When the database refuses it.
    pub(crate) fn note_change(
        &self,
        actor: &str,
        action: &str,
        detail: &str,
        hashes: (Option<&str>, Option<&str>),
        now: DateTime<Utc>,
    ) -> Result<(), StorageError> {
        // What the gateway does by itself comes from nowhere, whoever made it think of it.
        let origin = self
            .origin
            .as_ref()
            .filter(|_| actor != GATEWAY && actor != INIT);
        audit::record(
            &self.db,
            now,
            &audit::Note {
                actor,
                origin,
                action,
                detail,
                hashes,
            },
        )
    }

    /// The newest policy.
    #[must_use]
    pub fn newest(&self) -> &PolicyEnvelope {
        &self.newest
    }

    /// Saves the next version and has it applied. The caller has checked it and
    /// the version that it was edited from.
    ///
    /// # Errors
    /// 409 when OpenClaw runs in a version that it cannot be compiled for, and when
    /// the database refuses it. Then nothing has changed.
    pub fn save_policy(
        &mut self,
        document: Policy,
        author: &str,
        note: Option<&str>,
        now: DateTime<Utc>,
    ) -> Result<&PolicyEnvelope, Problem> {
        self.check_version(&document, now)?;
        // INVARIANT: no await between these statements, so they are one step; the
        // audit comes first, so that a saved version is never without its entry.
        let version = self.newest.version.saturating_add(1);
        let detail = with_note(format!("version {version}"), note);
        let after = policy::hash(&document);
        let hashes = (Some(self.newest.hash.as_str()), Some(after.as_str()));
        self.note_change(author, "policy.saved", &detail, hashes, now)?;
        let base = self.newest.version;
        self.newest = policies::append(&self.db, base, document, author, note, now)?;
        self.compile(now);
        self.compiled_at = now;
        self.look_after_browser(now)?;
        // Whoever saves it wants it tried, whatever became of the same one before.
        self.forgive(now)?;
        // Before its first fetch in this run tedix-init gets the newest anyway.
        if self.state.expects_container() && self.tracking.acknowledged.is_some() {
            self.tasks.push(Task::Reload);
        }
        self.announce();
        Ok(&self.newest)
    }

    /// Compiles the newest policy, for the OpenClaw that runs.
    fn compile(&mut self, now: DateTime<Utc>) {
        let openclaw = self.versions.version();
        self.desired = desired(&self.newest, &self.settings, openclaw, now);
    }

    /// Has the registry told at once.
    fn announce(&mut self) {
        self.tasks.push(Task::Container(Effect::Announce));
    }
}

fn first_policy<D: Db>(
    db: &D,
    settings: &Settings,
    now: DateTime<Utc>,
) -> Result<PolicyEnvelope, StorageError> {
    let admins: Vec<&str> = settings
        .bootstrap_admins
        .iter()
        .map(|email| email.as_str())
        .collect();
    let detail = format!("version 1, admins: {}", admins.join(", "));
    let document = Policy::bootstrap(&settings.bootstrap_admins);
    let after = policy::hash(&document);
    let note = audit::Note {
        actor: GATEWAY,
        origin: None,
        action: "policy.saved",
        detail: &detail,
        hashes: (None, Some(&after)),
    };
    audit::record(db, now, &note)?;
    policies::append(
        db,
        0,
        document,
        GATEWAY,
        Some("The gateway's first policy"),
        now,
    )
}

/// What a policy comes to at a moment, for the OpenClaw that a container was told to run.
fn desired(
    policy: &PolicyEnvelope,
    settings: &Settings,
    openclaw: Option<&str>,
    now: DateTime<Utc>,
) -> ConfigBundle {
    let config = configuration(&policy.document, settings, openclaw, now);
    ConfigBundle {
        policy_version: policy.version,
        config_hash: policy::canonical_hash(&config),
        config,
        watch: Watch::default(),
    }
}

/// What happened, with what somebody noted about it.
pub(crate) fn with_note(what: String, note: Option<&str>) -> String {
    match note {
        Some(note) => format!("{what}: {note}"),
        None => what,
    }
}

fn configuration(
    document: &Policy,
    settings: &Settings,
    openclaw: Option<&str>,
    now: DateTime<Utc>,
) -> Value {
    let context = CompileContext {
        models: &settings.models,
        public_url: &settings.public_url,
    };
    let compile = |version| policy::compile_at(document, context, now, version);
    // One that is not known gets what the newest that is known would, and `status` says so.
    // INVARIANT: ours is known; a test of the compiler's holds it to that.
    compile(openclaw.unwrap_or(OPENCLAW_VERSION))
        .or_else(|_| compile(OPENCLAW_VERSION))
        .unwrap_or_else(|_| policy::compile(document, context))
}
