//! A table that is made of data: most tables of the app differ in nothing else.

use leptos::prelude::*;

/// A column: its heading, and whether it holds numbers.
pub(crate) type Column = (&'static str, bool);

/// A table whose first cell of each row names the row. On narrow screens rows become cards.
pub(crate) fn table(label: &str, columns: &'static [Column], rows: Vec<Vec<AnyView>>) -> AnyView {
    let head = columns.iter().map(|(name, number)| {
        view! { <th role="columnheader" scope="col" class:number=*number>{*name}</th> }
    });
    let cell = |((i, content), (name, number)): ((usize, AnyView), &'static Column)| {
        if i == 0 {
            view! { <th role="rowheader" scope="row" data-label=*name>{content}</th> }.into_any()
        } else {
            view! { <td role="cell" class:number=*number data-label=*name>{content}</td> }
                .into_any()
        }
    };
    let row = |row: Vec<AnyView>| {
        let cells: Vec<_> = row.into_iter().enumerate().zip(columns).map(cell).collect();
        view! { <tr role="row">{cells}</tr> }
    };
    view! {
        <table role="table" class="stacked" aria-label=label.to_owned()>
            <thead role="rowgroup"><tr role="row">{head.collect::<Vec<_>>()}</tr></thead>
            <tbody role="rowgroup">{rows.into_iter().map(row).collect::<Vec<_>>()}</tbody>
        </table>
    }
    .into_any()
}

/// A cell of text.
pub(crate) fn text(text: impl Into<String>) -> AnyView {
    let text: String = text.into();
    text.into_any()
}

/// A cell of text that may be missing.
pub(crate) fn or_dash(value: Option<String>) -> AnyView {
    match value {
        Some(value) => text(value),
        None => view! { <span class="muted">"–"</span> }.into_any(),
    }
}

/// A cell of code.
pub(crate) fn code(text: impl Into<String>) -> AnyView {
    let text: String = text.into();
    view! { <code>{text}</code> }.into_any()
}
