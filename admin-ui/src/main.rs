//! The admin app: one Leptos app over the registry and its gateways.
//!
//! It edits and watches governance. OpenClaw's own screens (chat, agents,
//! skills, memory) are never rebuilt here: the app links to them.

#![expect(
    unreachable_pub,
    reason = "`#[component]` writes `pub` before the props it makes"
)]

mod api;
mod app;
mod components;
mod forms;
mod pages;
mod paths;
mod ui;

fn main() {
    std::panic::set_hook(Box::new(|info| leptos::logging::error!("{info}")));
    leptos::mount::mount_to_body(app::App);
}
