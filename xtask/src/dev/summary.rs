//! What the developer reads when everything is up.

use std::time::Duration;

use domain::wire::gateway::GatewayStatus;

use super::layout::{Layout, OPERATOR};
use super::models::ModelChoice;
use super::state::State;

/// Where to go, how to sign in, what answers, and what took how long.
#[must_use]
pub(super) fn text(
    layout: &Layout,
    state: &State,
    model: &ModelChoice,
    gateways: &[GatewayStatus],
    took: &[(&'static str, Duration)],
) -> String {
    let total: Duration = took.iter().map(|(_, duration)| *duration).sum();
    let parts: Vec<String> = took
        .iter()
        .map(|(part, duration)| format!("{part} {}", seconds(*duration)))
        .collect();
    let mut lines = vec![
        String::new(),
        format!(
            "tedix-claw runs, after {} s ({})",
            seconds(total),
            parts.join(", ")
        ),
        String::new(),
        row("admin app", &layout.registry_url()),
    ];
    for (place, status) in layout.gateways().zip(gateways) {
        let enrolled = if status.gateway_id.is_some() {
            ""
        } else {
            "  (not enrolled)"
        };
        lines.push(row(
            place.name.as_str(),
            &format!("{}{enrolled}", place.url()),
        ));
    }
    let sign_in = format!("{OPERATOR} (Cloudflare Access is a local stand-in: no password)");
    lines.push(row("sign in as", &sign_in));
    lines.push(row("model", &model.description));
    lines.push(row("logs", &state.logs().display().to_string()));
    lines.push(String::new());
    lines.push("Ctrl-C stops everything.".to_owned());
    lines.join("\n")
}

fn row(name: &str, value: &str) -> String {
    format!("  {name:<12}{value}")
}

fn seconds(duration: Duration) -> String {
    format!("{:.1}", duration.as_secs_f64())
}
