//! A value that is asked for again and again while somebody looks.

use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use leptos::ev;
use leptos::prelude::{
    Get, GetUntracked, GetValue, LocalStorage, RwSignal, Set, SetValue, StoredValue, document,
    on_cleanup, set_interval_with_handle, window_event_listener,
};
use leptos::task::spawn_local;

use super::abort::Abort;
use super::error::ApiError;

/// The newest value, when it came, and why there is no newer one.
pub(crate) struct Live<T: Send + Sync + 'static> {
    /// The newest value.
    pub(crate) value: RwSignal<Option<T>>,
    /// Why the last attempt failed; none when it did not.
    pub(crate) error: RwSignal<Option<ApiError>>,
    /// When the newest value came.
    pub(crate) at: RwSignal<Option<DateTime<Utc>>>,
    refresh: StoredValue<Rc<dyn Fn()>, LocalStorage>,
}

impl<T: Send + Sync + 'static> Clone for Live<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Send + Sync + 'static> Copy for Live<T> {}

type Pending<T> = Pin<Box<dyn Future<Output = Result<T, ApiError>>>>;

impl<T: Clone + PartialEq + Send + Sync + 'static> Live<T> {
    /// Asks now, then every `every`, and when the tab is looked at again; never
    /// while it is hidden or while an answer is awaited. Ends with the component.
    pub(crate) fn every(every: Duration, fetch: impl Fn(Abort) -> Pending<T> + 'static) -> Self {
        let abort = Abort::on_cleanup();
        let (value, error, at) = (
            RwSignal::new(None),
            RwSignal::new(None),
            RwSignal::new(None),
        );
        let asking = StoredValue::new(false);
        let again = StoredValue::new(false);
        let fetch = Rc::new(fetch);
        let refresh = move || {
            if asking.try_get_value().unwrap_or(true) {
                again.set_value(true);
                return;
            }
            asking.set_value(true);
            let fetch = Rc::clone(&fetch);
            spawn_local(async move {
                loop {
                    again.try_set_value(false);
                    let answer = fetch(abort).await;
                    if abort.ended() {
                        return;
                    }
                    match answer {
                        Ok(new) => {
                            // An unchanged value is not set, so that nothing is drawn again.
                            if value.get_untracked().as_ref() != Some(&new) {
                                value.set(Some(new));
                            }
                            at.set(Some(super::now()));
                            if error.get_untracked().is_some() {
                                error.set(None);
                            }
                        }
                        Err(why) => error.set(Some(why)),
                    }
                    if !again.get_value() {
                        break;
                    }
                }
                asking.set_value(false);
            });
        };
        let refresh: Rc<dyn Fn()> = Rc::new(refresh);
        let live = Self {
            value,
            error,
            at,
            refresh: StoredValue::new_local(refresh),
        };
        live.refresh();
        let look = move || {
            let idle = !abort.ended() && !asking.get_value();
            if idle && !document().hidden() {
                live.refresh();
            }
        };
        if let Ok(timer) = set_interval_with_handle(look, every) {
            on_cleanup(move || timer.clear());
        }
        let seen = window_event_listener(ev::visibilitychange, move |_| look());
        on_cleanup(move || seen.remove());
        live
    }

    /// Asks now; when an answer is awaited already, once more after it.
    pub(crate) fn refresh(self) {
        if let Some(refresh) = self.refresh.try_get_value() {
            refresh();
        }
    }

    /// Whether the newest value may be out of date.
    pub(crate) fn stale(self) -> bool {
        self.error.get().is_some() && self.value.get().is_some()
    }
}
