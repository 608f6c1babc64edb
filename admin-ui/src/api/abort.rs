//! Requests end with the component that began them.

use leptos::prelude::{GetValue, LocalStorage, StoredValue, on_cleanup};
use leptos::web_sys::{AbortController, AbortSignal};

/// Ends its requests when its component goes; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Abort(StoredValue<Option<AbortController>, LocalStorage>);

impl Abort {
    /// One that ends with the current component.
    pub(crate) fn on_cleanup() -> Self {
        let controller = StoredValue::new_local(AbortController::new().ok());
        on_cleanup(move || {
            // INVARIANT: cleanups run before the owner's values are dropped.
            if let Some(controller) = controller.try_get_value().flatten() {
                controller.abort();
            }
        });
        Self(controller)
    }

    /// For requests; none when the component is gone.
    pub(crate) fn signal(self) -> Option<AbortSignal> {
        self.0
            .try_get_value()
            .flatten()
            .map(|controller| controller.signal())
    }

    /// Whether its component is gone.
    pub(crate) fn ended(self) -> bool {
        self.signal().is_none_or(|signal| signal.aborted())
    }
}
