//! What a page shows beside its path: kept in the query, so that a link shares it.

use leptos::prelude::*;
use leptos_router::NavigateOptions;
use leptos_router::hooks::{use_location, use_navigate, use_query_map};
use leptos_router::params::ParamsMap;

use crate::paths;

/// The query of the address; copied freely.
#[derive(Clone, Copy)]
pub(crate) struct Address {
    query: Memo<ParamsMap>,
    go: Callback<String>,
    path: Memo<String>,
}

impl Address {
    /// That of the page.
    pub(crate) fn here() -> Self {
        let navigate = use_navigate();
        let go = Callback::new(move |to: String| {
            // Narrowing a list is no step to go back over.
            let options = NavigateOptions {
                replace: true,
                scroll: false,
                ..NavigateOptions::default()
            };
            navigate(&to, options);
        });
        Self {
            query: use_query_map(),
            go,
            path: use_location().pathname,
        }
    }

    /// A parameter; empty when it is absent.
    pub(crate) fn get(self, key: &str) -> String {
        self.query
            .with(|query| query.get_str(key).unwrap_or_default().to_owned())
    }

    /// Reads the parameters.
    pub(crate) fn with<T>(self, read: impl FnOnce(&ParamsMap) -> T) -> T {
        self.query.with(read)
    }

    /// Sets a parameter and leaves the others; an empty value takes it away.
    pub(crate) fn set(self, key: &str, value: &str) {
        self.set_all(&[(key, value)]);
    }

    /// Sets parameters and leaves the others; an empty value takes one away.
    pub(crate) fn set_all(self, changes: &[(&str, &str)]) {
        let mut pairs: Vec<(String, String)> = self.query.with_untracked(|query| {
            let kept = query.clone().into_iter();
            kept.filter(|(key, _)| !changes.iter().any(|(changed, _)| changed == key))
                .map(|(key, value)| (key.into_owned(), value))
                .collect()
        });
        for (key, value) in changes {
            pairs.push(((*key).to_owned(), (*value).to_owned()));
        }
        self.go
            .run(paths::with_query(&self.path.get_untracked(), &pairs));
    }
}
