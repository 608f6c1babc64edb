//! Line icons on a grid of 16, drawn in the colour of the text around them.

use leptos::prelude::*;

/// What an icon shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Icon {
    /// An arrow out of a box: opens elsewhere.
    External,
    /// A tick.
    Check,
    /// A cross.
    Cross,
    /// Two sheets.
    Copy,
    /// An exclamation mark in a triangle.
    Warning,
    /// A plus.
    Plus,
    /// A tip to the left.
    Left,
    /// An arrow up.
    Up,
    /// An arrow down.
    Down,
    /// A magnifying glass.
    Search,
    /// An i in a circle.
    Info,
}

impl Icon {
    const fn outline(self) -> &'static str {
        match self {
            Self::External => "M6.5 3.5h-3v9h9v-3M9 3.5h3.5V7M12.3 3.7 7 9",
            Self::Check => "m3.5 8.5 3 3 6-7",
            Self::Cross => "m4.5 4.5 7 7m0-7-7 7",
            Self::Copy => "M6 5.5h6.5v8H6zM3.500 10.500v-8H10",
            Self::Warning => "M8 2.500 14.200 13.500H1.800zM8 6.500v3m0 2v.1",
            Self::Plus => "M8 3.500v9M3.500 8h9",
            Self::Left => "m9.500 4-4 4 4 4",
            Self::Up => "M8 12.500v-9M4.500 7 8 3.500 11.500 7",
            Self::Down => "M8 3.500v9M4.500 9 8 12.500 11.500 9",
            Self::Search => {
                "M7 11.500a4.500 4.500 0 1 0 0-9 4.500 4.500 0 0 0 0 9Zm3.300-1.200 3.200 3.200"
            }
            Self::Info => {
                "M8 14.200A6.200 6.200 0 1 0 8 1.800a6.200 6.200 0 0 0 0 12.400ZM8 7.300v4M8 4.600v.1"
            }
        }
    }

    /// The icon, hidden from screen readers: the text beside it says the same.
    pub(crate) fn view(self) -> AnyView {
        view! {
            <svg class="icon" viewBox="0 0 16 16" width="16" height="16" aria-hidden="true" focusable="false">
                <path d=self.outline() fill="none" stroke="currentColor" stroke-width="1.5"
                    stroke-linecap="round" stroke-linejoin="round"></path>
            </svg>
        }
        .into_any()
    }
}
