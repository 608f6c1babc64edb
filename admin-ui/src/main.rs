//! The admin app: one Leptos app over the registry and its gateways.

fn main() {}
