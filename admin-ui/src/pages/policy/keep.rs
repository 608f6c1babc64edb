//! An edit that is not applied is kept in the tab's storage, so that a reload loses nothing.

use domain::wire::gateway::PolicyEnvelope;
use leptos::prelude::*;

use super::editor::{Base, Editor, Stage};
use crate::api::storage;
use crate::components::leave_guard::LeaveGuard;
use crate::forms::policy::saved::{self, SavedDraft};

impl Editor {
    /// Puts a kept edit back.
    pub(super) fn restore(self, kept: SavedDraft, newest: PolicyEnvelope) {
        self.fill(&kept.draft);
        if let Some(text) = kept.text {
            self.type_text(text);
        }
        self.note.set(kept.note);
        self.base.set(Some(Base {
            version: kept.base_version,
            draft: kept.base,
        }));
        self.remark.set(Some(
            "This is your edit from before, as you left it.".to_owned(),
        ));
        if newest.version != kept.base_version {
            self.stage.set(Stage::Conflict(newest));
        }
    }

    /// The newest edit of this gateway that was kept in this tab.
    pub(super) fn kept(self) -> Option<SavedDraft> {
        let id = self.context.id();
        let keys = storage::keys()
            .into_iter()
            .filter(|key| saved::is_key_of(&id, key));
        let read = |key: String| saved::read(&storage::read(&key)?);
        keys.filter_map(read).max_by_key(|saved| saved.base_version)
    }

    /// Keeps the edit in the tab's storage while there is one.
    pub(super) fn keep(self) {
        let guard = LeaveGuard::get();
        let id = self.context.id();
        Effect::new(move |_| {
            let (draft, note) = (self.draft(), self.note.get());
            let text = (!self.unreadable.with(Vec::is_empty)).then(|| self.text.get());
            let Some(base) = self.base.get() else { return };
            let dirty = draft != base.draft || text.is_some();
            let others = storage::keys()
                .into_iter()
                .filter(|key| saved::is_key_of(&id, key));
            let own = saved::key(&id, base.version);
            others
                .filter(|key| !dirty || *key != own)
                .for_each(|key| storage::remove(&key));
            if dirty {
                let saved = SavedDraft {
                    base_version: base.version,
                    base: base.draft,
                    draft,
                    note,
                    text,
                };
                storage::write(&own, &saved::write(&saved));
            }
            guard.editing.set(dirty.then(|| id.to_string()));
        });
    }
}
