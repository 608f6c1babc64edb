//! The state of the policy form, and what happens to it.

use domain::access::Role;
use domain::policy::ToolProfile;
use domain::problem::FieldError;
use domain::wire::gateway::{PolicyDiff, PolicyEnvelope};
use leptos::prelude::*;
use leptos::task::spawn_local;
use serde_json::Value;

use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::components::gateway_context::GatewayContext;
use crate::forms::policy::document;
use crate::forms::policy::draft::{OperatorRow, PolicyDraft};
use crate::forms::policy::expectations::Outcome;
use crate::forms::policy::merge::rebase;
use crate::ui::announce::Announcer;
use crate::ui::toast::Toasts;

/// A row of the operators table while it is edited. Its signals belong to no
/// component: rows are made by handlers whose own part of the page may go first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct OperatorEdit {
    /// Tells rows apart while their addresses change.
    pub(super) key: u64,
    /// E-mail address as typed.
    pub(super) email: ArcRwSignal<String>,
    /// Role as chosen.
    pub(super) role: ArcRwSignal<Role>,
}

/// The version that the form opened on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Base {
    /// Its number.
    pub(super) version: u64,
    /// The form as it opened.
    pub(super) draft: PolicyDraft,
}

/// What the page shows.
#[derive(Debug, Clone, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "there is one, in a signal, and a conflict is rare"
)]
pub(super) enum Stage {
    /// The policy is being loaded.
    Loading,
    /// It could not be loaded.
    Failed(ApiError),
    /// The form.
    Editing,
    /// What would change, before it is applied, and which of its own expectations the
    /// document breaks.
    Reviewing(PolicyDiff, Vec<Outcome>),
    /// Somebody saved another version meanwhile.
    Conflict(PolicyEnvelope),
}

/// The editor; copied freely.
#[derive(Clone, Copy)]
pub(super) struct Editor {
    pub(super) context: GatewayContext,
    pub(super) stage: RwSignal<Stage>,
    pub(super) base: RwSignal<Option<Base>>,
    pub(super) operators: RwSignal<Vec<OperatorEdit>>,
    pub(super) users: RwSignal<Vec<String>>,
    pub(super) profile: RwSignal<ToolProfile>,
    pub(super) allow: RwSignal<Vec<String>>,
    pub(super) deny: RwSignal<Vec<String>>,
    pub(super) tokens: RwSignal<String>,
    /// What the form does not show.
    pub(super) rest: RwSignal<Value>,
    /// The whole document as text.
    pub(super) text: RwSignal<String>,
    /// Why the text cannot be read as a policy; the fields then say what it last said.
    pub(super) unreadable: RwSignal<Vec<FieldError>>,
    pub(super) note: RwSignal<String>,
    /// Why it is saved though it breaks its own expectations.
    pub(super) force: RwSignal<String>,
    /// Whether a request of the form is under way.
    pub(super) busy: RwSignal<bool>,
    /// Whether faults in fields that were not finished are shown.
    pub(super) attempted: RwSignal<bool>,
    /// What the gateway found wrong with the document as it was sent.
    pub(super) refused: RwSignal<Option<(PolicyDraft, Vec<FieldError>)>>,
    /// What to know about the form that is shown.
    pub(super) remark: RwSignal<Option<String>>,
    /// The version that was saved here, until OpenClaw has it.
    pub(super) awaited: RwSignal<Option<u64>>,
    next_key: StoredValue<u64>,
    pub(super) abort: Abort,
    pub(super) toasts: Toasts,
    pub(super) announcer: Announcer,
}

impl Editor {
    /// An editor that loads the policy, and any edit that was kept.
    pub(super) fn open(context: GatewayContext) -> Self {
        let editor = Self {
            context,
            stage: RwSignal::new(Stage::Loading),
            base: RwSignal::new(None),
            operators: RwSignal::new(Vec::new()),
            users: RwSignal::new(Vec::new()),
            profile: RwSignal::new(ToolProfile::default()),
            allow: RwSignal::new(Vec::new()),
            deny: RwSignal::new(Vec::new()),
            tokens: RwSignal::new(String::new()),
            rest: RwSignal::new(Value::Null),
            text: RwSignal::new(String::new()),
            unreadable: RwSignal::new(Vec::new()),
            note: RwSignal::new(String::new()),
            force: RwSignal::new(String::new()),
            busy: RwSignal::new(false),
            attempted: RwSignal::new(false),
            refused: RwSignal::new(None),
            remark: RwSignal::new(None),
            awaited: RwSignal::new(None),
            next_key: StoredValue::new(0),
            abort: Abort::on_cleanup(),
            toasts: Toasts::get(),
            announcer: Announcer::get(),
        };
        editor.load();
        editor.keep();
        editor
    }

    /// The form as it is now.
    pub(super) fn draft(self) -> PolicyDraft {
        let row = |row: &OperatorEdit| OperatorRow {
            email: row.email.get(),
            role: row.role.get(),
        };
        PolicyDraft {
            operators: self.operators.with(|rows| rows.iter().map(row).collect()),
            users: self.users.get(),
            profile: self.profile.get(),
            allow: self.allow.get(),
            deny: self.deny.get(),
            tokens_per_day: self.tokens.get(),
            rest: self.rest.get(),
        }
    }

    /// Whether the form says something else than the version it opened on.
    pub(super) fn dirty(self) -> bool {
        let changed =
            |base: &Option<Base>| base.as_ref().is_some_and(|base| base.draft != self.draft());
        !self.unreadable.with(Vec::is_empty) || self.base.with(changed)
    }

    /// Faults to show now: those of entries that are finished, all once it was tried.
    pub(super) fn faults(self) -> Vec<FieldError> {
        let unreadable = self.unreadable.get();
        if !unreadable.is_empty() {
            return unreadable;
        }
        let draft = self.draft();
        if let Some((sent, errors)) = self.refused.get()
            && sent == draft
        {
            return errors;
        }
        let mut faults = draft.validate();
        if !self.attempted.get() {
            faults.retain(|f| {
                f.pointer.starts_with("/tools") || f.pointer.starts_with("/access/users")
            });
        }
        faults
    }

    /// Takes the whole document as it is typed.
    pub(super) fn type_text(self, text: String) {
        match domain::policy::parse(&text) {
            Ok(policy) => {
                self.unreadable.set(Vec::new());
                self.fill_fields(&PolicyDraft::from_policy(&policy));
            }
            Err(faults) => self.unreadable.set(faults),
        }
        self.text.set(text);
    }

    /// Fills the form, and the text with what it says.
    pub(super) fn fill(self, draft: &PolicyDraft) {
        self.fill_fields(draft);
        self.unreadable.set(Vec::new());
        self.text.set(document::pretty(draft));
    }

    fn fill_fields(self, draft: &PolicyDraft) {
        let row = |row: &OperatorRow| self.row(&row.email, row.role);
        self.operators
            .set(draft.operators.iter().map(row).collect());
        self.users.set(draft.users.clone());
        self.profile.set(draft.profile);
        self.allow.set(draft.allow.clone());
        self.deny.set(draft.deny.clone());
        self.tokens.set(draft.tokens_per_day.clone());
        self.rest.set(draft.rest.clone());
        self.attempted.set(false);
        self.refused.set(None);
    }

    fn row(self, email: &str, role: Role) -> OperatorEdit {
        let key = self.next_key.get_value();
        self.next_key.set_value(key + 1);
        OperatorEdit {
            key,
            email: ArcRwSignal::new(email.to_owned()),
            role: ArcRwSignal::new(role),
        }
    }

    /// Adds an empty operator.
    pub(super) fn add_operator(self) {
        let row = self.row("", Role::Viewer);
        self.operators.update(|rows| rows.push(row));
    }

    /// Begins anew on a version.
    pub(super) fn begin(self, envelope: &PolicyEnvelope) {
        let draft = PolicyDraft::from_policy(&envelope.document);
        self.fill(&draft);
        self.note.set(String::new());
        self.force.set(String::new());
        self.base.set(Some(Base {
            version: envelope.version,
            draft,
        }));
        self.stage.set(Stage::Editing);
    }

    /// Loads the newest version, and any edit that was kept.
    pub(super) fn load(self) {
        self.stage.set(Stage::Loading);
        self.spawn(async move {
            match self.context.gateway().policy(self.abort).await {
                Ok(envelope) => {
                    let kept = self.kept();
                    self.begin(&envelope);
                    if let Some(kept) = kept {
                        self.restore(kept, envelope);
                    }
                }
                Err(error) if error.is_aborted() => {}
                Err(error) => self.stage.set(Stage::Failed(error)),
            }
        });
    }

    /// Follows versions that others save: an untouched form moves along.
    pub(super) fn follow(self, newest: u64) {
        let behind = self
            .base
            .with_untracked(|b| b.as_ref().is_some_and(|b| b.version < newest));
        let still =
            matches!(self.stage.get_untracked(), Stage::Editing) && !self.busy.get_untracked();
        if !behind || !still || untrack(move || self.dirty()) {
            return;
        }
        self.spawn(async move {
            if let Ok(envelope) = self.context.gateway().policy(self.abort).await
                && !self.abort.ended()
                && !untrack(move || self.dirty())
            {
                let text = format!(
                    "{} saved v{}; the form shows it.",
                    envelope.author, envelope.version
                );
                self.begin(&envelope);
                self.announcer.say(text.clone());
                self.remark.set(Some(text));
            }
        });
    }

    /// Puts the edit onto the version that somebody saved meanwhile.
    pub(super) fn rebase_onto(self, theirs: &PolicyEnvelope) {
        let Some(base) = self.base.get_untracked() else {
            return;
        };
        let mine = untrack(move || self.draft());
        let their_draft = PolicyDraft::from_policy(&theirs.document);
        let merged = rebase(&base.draft, &their_draft, &mine);
        let note = self.note.get_untracked();
        self.begin(theirs);
        self.fill(&merged);
        self.note.set(note);
        self.remark.set(Some(format!(
            "Your edit is now based on v{}. Review it before you apply it.",
            theirs.version
        )));
        crate::components::page::focus("[data-section-heading]");
    }

    /// Drops the edit for a version.
    pub(super) fn discard_for(self, envelope: &PolicyEnvelope) {
        self.begin(envelope);
        self.remark.set(None);
        self.announcer.say(format!(
            "Edit discarded; the form shows v{}",
            envelope.version
        ));
        crate::components::page::focus("[data-section-heading]");
    }

    /// Drops the edit for the version it began on.
    pub(super) fn reset(self) {
        if let Some(base) = self.base.get_untracked() {
            self.fill(&base.draft);
            self.note.set(String::new());
            self.remark.set(None);
            self.announcer.say("Edit discarded");
        }
    }

    pub(super) fn spawn(self, work: impl Future<Output = ()> + 'static) {
        self.busy.set(true);
        spawn_local(async move {
            work.await;
            self.busy.try_set(false);
        });
    }
}
