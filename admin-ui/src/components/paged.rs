//! A list whose newest page is live and whose older pages come on demand.

use std::time::Duration;

use domain::wire::gateway::Page;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::gateway_context::GatewayContext;
use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::api::gateway::Gateway;
use crate::api::live::Live;
use crate::ui::button::Button;
use crate::ui::toast::Toasts;

/// How often the newest page is asked for.
const EVERY: Duration = Duration::from_secs(5);

type Answer<T> = std::pin::Pin<Box<dyn std::future::Future<Output = Result<Page<T>, ApiError>>>>;
type Fetch<T> = fn(Gateway, Option<String>, Abort) -> Answer<T>;

/// The list; copied freely.
pub(crate) struct Paged<T: Send + Sync + 'static> {
    /// Its newest page.
    pub(crate) live: Live<Page<T>>,
    older: RwSignal<Vec<T>>,
    /// Cursor of the next older page: outer none while none was asked for.
    next: RwSignal<Option<Option<String>>>,
    key: fn(&T) -> u64,
    fetch: Fetch<T>,
    abort: Abort,
}

impl<T: Send + Sync + 'static> Clone for Paged<T> {
    fn clone(&self) -> Self {
        *self
    }
}
impl<T: Send + Sync + 'static> Copy for Paged<T> {}

impl<T: Clone + PartialEq + Send + Sync + 'static> Paged<T> {
    /// The list that `fetch` reads page by page, newest first; `key` orders it.
    pub(crate) fn new(key: fn(&T) -> u64, fetch: Fetch<T>) -> Self {
        let context = GatewayContext::get();
        let live = Live::every(EVERY, move |abort| fetch(context.gateway(), None, abort));
        let (older, next) = (RwSignal::new(Vec::new()), RwSignal::new(None));
        Self {
            live,
            older,
            next,
            key,
            fetch,
            abort: Abort::on_cleanup(),
        }
    }

    /// Everything read so far, newest first.
    pub(crate) fn items(self) -> Vec<T> {
        let newest = self
            .live
            .value
            .get()
            .map(|page| page.items)
            .unwrap_or_default();
        merged(newest, self.older.get(), self.key)
    }

    /// A button for the next older page; nothing when there is none.
    pub(crate) fn more_button(self) -> AnyView {
        let context = GatewayContext::get();
        let toasts = Toasts::get();
        let busy = RwSignal::new(false);
        let cursor = move || match self.next.get() {
            Some(next) => next,
            None => self
                .live
                .value
                .with(|page| page.as_ref().and_then(|page| page.next.clone())),
        };
        let press = Callback::new(move |()| {
            busy.set(true);
            let (gateway, cursor) = (context.gateway(), untrack(cursor));
            spawn_local(async move {
                let answer = (self.fetch)(gateway, cursor, self.abort).await;
                if self.abort.ended() {
                    return;
                }
                busy.set(false);
                match answer {
                    Ok(page) => {
                        // The live page moves on; what it held now is kept as well.
                        let held = untrack(move || self.items());
                        self.older.set(merged(held, page.items, self.key));
                        self.next.set(Some(page.next));
                    }
                    Err(error) => toasts.failed(error.message()),
                }
            });
        });
        view! {
            <Show when=move || cursor().is_some()>
                <p><Button on_press=press busy=busy>"Show older"</Button></p>
            </Show>
        }
        .into_any()
    }
}

/// Both lists as one, newest first, each key once.
fn merged<T>(newest: Vec<T>, older: Vec<T>, key: fn(&T) -> u64) -> Vec<T> {
    let mut all = newest;
    all.extend(older);
    // Stable: of two with the same key the newer reading is first and stays.
    all.sort_by_key(|item| std::cmp::Reverse(key(item)));
    all.dedup_by_key(|item| key(item));
    all
}

#[cfg(test)]
mod tests {
    use super::merged;

    #[test]
    fn pages_that_overlap_show_each_item_once_newest_first() {
        let key = |item: &(u64, &str)| item.0;
        let all = merged(
            vec![(5, "new"), (4, "new")],
            vec![(4, "old"), (3, "old")],
            key,
        );
        assert_eq!(all, [(5, "new"), (4, "new"), (3, "old")]);
    }
}
