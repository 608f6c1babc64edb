//! The tab's own storage: it ends with the tab and holds no secret.

use leptos::prelude::window;
use leptos::web_sys::Storage;

fn storage() -> Option<Storage> {
    // A browser may refuse storage; the app then works without it.
    window().session_storage().ok().flatten()
}

/// What is stored under a key.
pub(crate) fn read(key: &str) -> Option<String> {
    storage()?.get_item(key).ok().flatten()
}

/// Stores a text under a key, if the browser lets it.
pub(crate) fn write(key: &str, text: &str) {
    if let Some(storage) = storage() {
        drop(storage.set_item(key, text));
    }
}

/// Removes a key.
pub(crate) fn remove(key: &str) {
    if let Some(storage) = storage() {
        drop(storage.remove_item(key));
    }
}

/// Every key there is.
pub(crate) fn keys() -> Vec<String> {
    let Some(storage) = storage() else {
        return Vec::new();
    };
    let length = storage.length().unwrap_or(0);
    (0..length)
        .filter_map(|i| storage.key(i).ok().flatten())
        .collect()
}
