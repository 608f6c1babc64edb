//! A list of short texts, typed one after the other, with suggestions: the
//! combobox pattern of the ARIA Authoring Practices over a list of chips.

use leptos::ev::KeyboardEvent;
use leptos::html::{Input, Ul};
use leptos::prelude::*;
use leptos::web_sys::{ScrollIntoViewOptions, ScrollLogicalPosition};

use super::announce::Announcer;
use super::field::Errors;
use super::icon::Icon;
use super::id::unique;

/// Most suggestions shown at once.
const SHOWN: usize = 8;

/// Something worth typing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Suggestion {
    /// What is added.
    pub(crate) value: &'static str,
    /// What it is.
    pub(crate) about: &'static str,
}

/// What is wrong with the list, or with one entry of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Fault {
    /// Position of the entry; none for the list as a whole.
    pub(crate) entry: Option<usize>,
    /// What is wrong.
    pub(crate) detail: String,
}

/// Suggestions that contain what was typed and are not in the list yet.
pub(crate) fn matching(all: &[Suggestion], taken: &[String], typed: &str) -> Vec<Suggestion> {
    let typed = typed.trim().to_lowercase();
    let fits = |s: &&Suggestion| {
        let free = !taken.iter().any(|t| t == s.value);
        free && (s.value.contains(&typed) || s.about.to_lowercase().contains(&typed))
    };
    let mut found: Vec<_> = all.iter().filter(fits).cloned().collect();
    // A name that begins with what was typed is what was meant.
    found.sort_by_key(|s| !s.value.starts_with(&typed));
    found.truncate(SHOWN);
    found
}

/// What was typed or pasted, as entries: split at commas and white space, in
/// lower case, without what is in the list already.
pub(crate) fn entries(typed: &str, taken: &[String]) -> Vec<String> {
    let mut new: Vec<String> = Vec::new();
    for part in typed.split(|c: char| c == ',' || c == ';' || c.is_whitespace()) {
        let part = part.to_lowercase();
        if !part.is_empty() && !taken.contains(&part) && !new.contains(&part) {
            new.push(part);
        }
    }
    new
}

/// The field.
#[component]
pub(crate) fn ChipField(
    /// What the list is.
    #[prop(into)]
    label: String,
    /// What to know before typing.
    #[prop(into)]
    hint: String,
    /// The list.
    value: RwSignal<Vec<String>>,
    /// Worth typing.
    #[prop(optional)]
    suggestions: Vec<Suggestion>,
    /// What is wrong.
    #[prop(into)]
    faults: Signal<Vec<Fault>>,
    /// Whether it cannot be changed.
    #[prop(into)]
    read_only: Signal<bool>,
    /// What is shown while nothing is typed.
    placeholder: &'static str,
) -> impl IntoView {
    let id = unique("chips");
    let (list_id, hint_id, errors_id) = (
        format!("{id}-list"),
        format!("{id}-hint"),
        format!("{id}-errors"),
    );
    let described = format!("{hint_id} {errors_id}");
    let announcer = Announcer::get();
    let input = NodeRef::<Input>::new();
    let typed = RwSignal::new(String::new());
    let open = RwSignal::new(false);
    let active = RwSignal::new(None::<usize>);
    let all = StoredValue::new(suggestions);
    let shown = Memo::new(move |_| {
        let fits = |all: &Vec<Suggestion>| value.with(|taken| matching(all, taken, &typed.get()));
        if open.get() {
            all.with_value(fits)
        } else {
            Vec::new()
        }
    });

    // The list opens below the field: bring it into sight where the page ends above it.
    let list_node = NodeRef::<Ul>::new();
    let any = Memo::new(move |_| !shown.with(Vec::is_empty));
    Effect::new(move |_| {
        if let (true, Some(list)) = (any.get(), list_node.get()) {
            let options = ScrollIntoViewOptions::new();
            options.set_block(ScrollLogicalPosition::Nearest);
            list.scroll_into_view_with_scroll_into_view_options(&options);
        }
    });

    let close = move || {
        open.set(false);
        active.set(None);
    };
    let add = move |text: &str| {
        let new = value.with_untracked(|taken| entries(text, taken));
        typed.set(String::new());
        close();
        if !new.is_empty() {
            announcer.say(format!("Added {}", new.join(", ")));
            value.update(|list| list.extend(new));
        }
    };
    let remove = move |entry: &str| {
        value.update(|list| list.retain(|e| e != entry));
        announcer.say(format!("Removed {entry}"));
        if let Some(input) = input.get_untracked() {
            drop(input.focus());
        }
    };
    let step = move |down: bool| {
        open.set(true);
        let count = shown.with_untracked(Vec::len);
        active.update(|at| {
            *at = match (*at, count) {
                (_, 0) => None,
                (None, n) => Some(if down { 0 } else { n - 1 }),
                (Some(i), n) => Some(if down { (i + 1) % n } else { (i + n - 1) % n }),
            };
        });
    };
    let keydown = move |event: KeyboardEvent| match event.key().as_str() {
        "ArrowDown" | "ArrowUp" => {
            event.prevent_default();
            step(event.key() == "ArrowDown");
        }
        "Enter" | "," => {
            event.prevent_default();
            let chosen = active
                .get_untracked()
                .and_then(|i| shown.with_untracked(|list| list.get(i).map(|s| s.value)));
            match chosen {
                Some(value) => add(value),
                None => add(&typed.get_untracked()),
            }
        }
        "Escape" if open.get_untracked() => {
            event.prevent_default();
            event.stop_propagation();
            close();
        }
        "Backspace" if typed.with_untracked(String::is_empty) => {
            if let Some(last) = value.with_untracked(|list| list.last().cloned()) {
                remove(&last);
            }
        }
        _ => {}
    };

    let faulty = move |entry: &str| {
        let at = value.with(|list| list.iter().position(|e| e == entry));
        faults.with(|faults| faults.iter().any(|f| f.entry.is_some() && f.entry == at))
    };
    let errors = Signal::derive(move || {
        let name = |f: &Fault| match f.entry.and_then(|i| value.with(|l| l.get(i).cloned())) {
            Some(entry) => format!("{entry}: {}", f.detail),
            None => f.detail.clone(),
        };
        faults.with(|faults| faults.iter().map(name).collect())
    });
    let chip = move |entry: String| {
        let (for_class, for_press) = (entry.clone(), entry.clone());
        view! {
            <li class="chip" class:bad=move || faulty(&for_class)>
                <span>{entry}</span>
                <Show when=move || !read_only.get()>
                    {
                        let gone = for_press.clone();
                        view! {
                            <button type="button" class="chip-remove" aria-label=format!("Remove {gone}")
                                on:click=move |_| remove(&gone)>{Icon::Cross.view()}</button>
                        }
                    }
                </Show>
            </li>
        }
    };
    let option_id = {
        let list_id = list_id.clone();
        move |i: usize| format!("{list_id}-{i}")
    };
    let active_id = {
        let option_id = option_id.clone();
        move || {
            active
                .get()
                .filter(|i| *i < shown.with(Vec::len))
                .map(&option_id)
        }
    };
    let options = move || {
        let option_id = option_id.clone();
        let option = move |(i, s): (usize, Suggestion)| {
            view! {
                <li role="option" class="option" id=option_id(i)
                    aria-selected=move || (active.get() == Some(i)).to_string()
                    // Keeps the focus in the field, so that it does not take the text as typed.
                    on:mousedown=move |event| event.prevent_default()
                    on:click=move |_| add(s.value)>
                    <code>{s.value}</code>
                    <span class="muted">{s.about}</span>
                </li>
            }
        };
        shown
            .get()
            .into_iter()
            .enumerate()
            .map(option)
            .collect::<Vec<_>>()
    };
    let group = label.clone();
    view! {
        <div class="field chips-field">
            <label for=id.clone()>{label}</label>
            <p class="hint" id=hint_id>{hint}</p>
            <div class="chips" class:read-only=move || read_only.get()>
                <ul aria-label=group class="chip-list">
                    <For each=move || value.get() key=Clone::clone children=chip />
                </ul>
                <Show when=move || read_only.get() && value.with(Vec::is_empty)>
                    <span class="muted">"None"</span>
                </Show>
                <div class="combo" hidden=move || read_only.get()>
                    <input node_ref=input id=id type="text" role="combobox" autocomplete="off"
                        spellcheck="false" autocapitalize="none" placeholder=placeholder
                        aria-autocomplete="list" aria-expanded=move || (!shown.with(Vec::is_empty)).to_string()
                        aria-controls=list_id.clone() aria-activedescendant=active_id
                        aria-describedby=described
                        aria-invalid=move || faults.with(|f| !f.is_empty()).then_some("true")
                        prop:value=move || typed.get()
                        on:input:target=move |event| {
                            typed.set(event.target().value());
                            active.set(None);
                            open.set(true);
                        }
                        on:keydown=keydown
                        on:blur=move |_| add(&typed.get_untracked()) />
                    <ul node_ref=list_node role="listbox" id=list_id class="options" aria-label="Suggestions"
                        hidden=move || shown.with(Vec::is_empty)>{options}</ul>
                </div>
            </div>
            <Errors id=errors_id errors=errors />
        </div>
    }
}

#[cfg(test)]
mod tests {
    use super::{Suggestion, entries, matching};

    const ALL: [Suggestion; 3] = [
        Suggestion {
            value: "process",
            about: "Watch commands",
        },
        Suggestion {
            value: "exec",
            about: "Run a shell command",
        },
        Suggestion {
            value: "group:runtime",
            about: "Run commands",
        },
    ];

    fn found(taken: &[String], typed: &str) -> Vec<&'static str> {
        matching(&ALL, taken, typed)
            .into_iter()
            .map(|s| s.value)
            .collect()
    }

    #[test]
    fn suggestions_match_names_first_and_leave_out_what_is_taken() {
        assert_eq!(found(&[], " EX"), ["exec"]);
        assert_eq!(found(&[], "run"), ["exec", "group:runtime"]);
        assert_eq!(found(&["exec".to_owned()], "run"), ["group:runtime"]);
        assert_eq!(found(&[], "group"), ["group:runtime"]);
        assert!(found(&[], "zzz").is_empty());
    }

    #[test]
    fn a_pasted_list_becomes_entries() {
        assert_eq!(
            entries("Exec, web_*\n group:fs;exec", &[]),
            ["exec", "web_*", "group:fs"]
        );
        assert_eq!(entries("exec", &["exec".to_owned()]), Vec::<String>::new());
        assert_eq!(entries(" , ", &[]), Vec::<String>::new());
    }
}
