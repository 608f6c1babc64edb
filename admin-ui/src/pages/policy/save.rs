//! From an edit to a saved version: what would change, what would break, who was quicker.

use domain::policy::parse_value;
use domain::wire::gateway::PutPolicy;
use leptos::prelude::*;
use serde_json::Value;

use super::editor::{Editor, Stage};
use crate::api::error::ApiError;
use crate::forms::policy::draft::PolicyDraft;
use crate::forms::policy::expectations::{self, Outcome};

impl Editor {
    /// Asks the gateway what would change.
    pub(super) fn review(self) {
        self.attempted.set(true);
        let draft = untrack(move || self.draft());
        let mut faults = self.unreadable.get_untracked();
        if faults.is_empty() {
            let request = draft.clone().into_request(&self.note.get_untracked());
            faults = request.err().unwrap_or_default();
        }
        if !faults.is_empty() {
            self.announcer
                .say(format!("{} to correct first", faults.len()));
            crate::components::page::focus("#policy-faults");
            return;
        }
        let document = draft.to_document();
        self.spawn(async move {
            let answer = self
                .context
                .gateway()
                .diff(document.clone(), self.abort)
                .await;
            match answer {
                Ok(diff)
                    if self.base.with_untracked(|b| {
                        b.as_ref().is_some_and(|b| b.version == diff.base_version)
                    }) =>
                {
                    let broken = self.broken(document).await;
                    self.stage.set(Stage::Reviewing(diff, broken));
                    crate::components::page::focus("[data-review-heading]");
                }
                Ok(_) => self.meet().await,
                Err(error) => self.fail(draft, &error),
            }
        });
    }

    /// Expectations that a document breaks, as the gateway answers them.
    async fn broken(self, document: Value) -> Vec<Outcome> {
        let tests = parse_value(document.clone()).map_or_else(|_| Vec::new(), |p| p.tests);
        if tests.is_empty() {
            return Vec::new();
        }
        let asked = expectations::questions(&tests);
        let gateway = self.context.gateway();
        // Without an answer the save itself finds what is broken.
        let answer = gateway.explain(asked, Some(document), self.abort).await;
        let answers = answer.map_or_else(|_| Vec::new(), |answer| answer.answers);
        let mut outcomes = expectations::outcomes(&tests, answers);
        outcomes.retain(|outcome| !outcome.holds());
        outcomes
    }

    /// Saves the form as a new version.
    pub(super) fn apply(self) {
        let draft = untrack(move || self.draft());
        let Some(base) = self.base.get_untracked() else {
            return;
        };
        let request = match draft.clone().into_request(&self.note.get_untracked()) {
            Ok(request) => PutPolicy {
                force: Some(self.force.get_untracked().trim().to_owned())
                    .filter(|force| !force.is_empty()),
                ..request
            },
            Err(_) => return self.stage.set(Stage::Editing),
        };
        self.spawn(async move {
            match self
                .context
                .gateway()
                .put_policy(base.version, &request, self.abort)
                .await
            {
                Ok(envelope) => {
                    self.begin(&envelope);
                    self.remark.set(None);
                    self.awaited.set(Some(envelope.version));
                    self.announcer.say(format!("Saved v{}", envelope.version));
                    self.context.status.refresh();
                    crate::components::page::focus("[data-section-heading]");
                }
                Err(error) if error.is_stale() => self.meet().await,
                Err(error) => self.fail(draft, &error),
            }
        });
    }

    /// Shows the version that somebody saved meanwhile beside the edit.
    pub(super) fn compare(self) {
        self.spawn(async move { self.meet().await });
    }

    async fn meet(self) {
        match self.context.gateway().policy(self.abort).await {
            Ok(envelope) => {
                self.stage.set(Stage::Conflict(envelope));
                crate::components::page::focus("[data-review-heading]");
            }
            Err(error) if error.is_aborted() => {}
            Err(error) => self.toasts.failed(error.message()),
        }
    }

    fn fail(self, sent: PolicyDraft, error: &ApiError) {
        if error.is_aborted() {
            return;
        }
        if error.field_errors().is_empty() {
            self.toasts.failed(error.message());
            return;
        }
        self.refused
            .set(Some((sent, error.field_errors().to_vec())));
        self.stage.set(Stage::Editing);
        crate::components::page::focus("#policy-faults");
    }
}
