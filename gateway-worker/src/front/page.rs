//! What a person sees while OpenClaw starts, or when they may not come in.
//!
//! Self-contained: no other file is needed, nothing of OpenClaw's is loaded.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use domain::problem::Problem;
use domain::wire::gateway::{SandboxPhase, SandboxStatus, StartStep};
use sha2::{Digest, Sha256};

const STYLE: &str = include_str!("page.css");
const SCRIPT: &str = include_str!("page.js");

/// Steps in order, with what they are called.
const STEPS: [(StartStep, &str); 4] = [
    (StartStep::Container, "Starting the container"),
    (StartStep::Configuring, "Checking the configuration"),
    (StartStep::Openclaw, "Starting OpenClaw"),
    (
        StartStep::Confirming,
        "Confirming that the policy is in force",
    ),
];

/// A page and the `Content-Security-Policy` that it needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// HTML.
    pub html: String,
    /// `Content-Security-Policy`.
    pub csp: String,
}

/// The page shown while OpenClaw starts; it moves on by itself.
#[must_use]
pub fn starting(gateway: &str, status: &SandboxStatus) -> Page {
    let reached = STEPS
        .iter()
        .position(|(step, _)| Some(*step) == status.step);
    let mut steps = String::new();
    for (index, (step, name)) in STEPS.iter().enumerate() {
        let state = match reached {
            Some(reached) if index < reached => "done",
            Some(reached) if index == reached => "now",
            _ => "later",
        };
        let current = if state == "now" {
            " aria-current=\"step\""
        } else {
            ""
        };
        let id = serde_json::to_value(step).unwrap_or_default();
        let id = id.as_str().unwrap_or_default();
        steps.push_str(&format!(
            "<li data-step=\"{id}\" class=\"{state}\"{current}>{name}</li>"
        ));
    }
    let say = phase_text(status.phase);
    let body = format!(
        "<h1>{gateway} is starting</h1>\
         <p id=\"say\" role=\"status\" aria-live=\"polite\">{say}</p>\
         <ol id=\"steps\" aria-label=\"Steps\">{steps}</ol>\
         <p class=\"hint\">This page moves on by itself. A start takes about half a minute.</p>\
         <noscript><p>This page cannot move on by itself without JavaScript: reload it in a while.</p></noscript>\
         <script>{SCRIPT}</script>",
        gateway = escape(gateway),
        say = escape(say),
    );
    page(&format!("Starting {gateway}"), &body)
}

/// What a program is told while OpenClaw is not there.
#[must_use]
pub fn waiting_text(status: &SandboxStatus) -> String {
    let step = STEPS.iter().find(|(step, _)| Some(*step) == status.step);
    let step = step.map_or_else(String::new, |(_, name)| format!(" {name}."));
    format!(
        "OpenClaw does not take requests yet. {}{step}",
        phase_text(status.phase)
    )
}

/// A page that says what is wrong.
#[must_use]
pub fn problem(gateway: &str, problem: &Problem) -> Page {
    let sign_in = problem
        .sign_in_url
        .as_deref()
        .map_or_else(String::new, |url| {
            format!("<p><a href=\"{}\">Sign in</a></p>", escape(url))
        });
    let body = format!(
        "<h1>{}</h1><p>{}</p>{sign_in}",
        escape(&problem.title),
        escape(&problem.detail)
    );
    page(gateway, &body)
}

fn page(title: &str, body: &str) -> Page {
    let title = escape(title);
    let html = format!(
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <meta name=\"color-scheme\" content=\"light dark\"><title>{title}</title>\
         <style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    );
    let csp = format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; connect-src 'self'; \
         base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        source(STYLE),
        source(SCRIPT)
    );
    Page { html, csp }
}

/// What a phase means to a person.
fn phase_text(phase: SandboxPhase) -> &'static str {
    match phase {
        SandboxPhase::Stopped => "It is stopped.",
        SandboxPhase::Asleep => "It was asleep and is being woken.",
        SandboxPhase::Starting => "It is starting.",
        SandboxPhase::Ready => "It is ready.",
        SandboxPhase::Stopping => "It is stopping; reload the page to start it again.",
        SandboxPhase::BackingOff => "It ended unexpectedly and will be started again in a moment.",
        SandboxPhase::Failed => "It failed too often. An operator has to start it.",
    }
}

/// A hash source (CSP Level 3 §2.3.1).
fn source(text: &str) -> String {
    format!(
        "sha256-{}",
        BASE64_STANDARD.encode(Sha256::digest(text.as_bytes()))
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&quot;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(phase: SandboxPhase, step: Option<StartStep>) -> SandboxStatus {
        let since = "2026-11-22T10:00:00Z".parse().expect("a time");
        SandboxStatus {
            phase,
            step,
            since,
            restarts: 0,
            last_exit: None,
            retry_at: None,
        }
    }

    #[test]
    fn the_page_says_which_step_is_under_way() {
        let page = starting(
            "company",
            &status(SandboxPhase::Starting, Some(StartStep::Openclaw)),
        );
        assert!(page.html.contains(
            r#"<li data-step="openclaw" class="now" aria-current="step">Starting OpenClaw</li>"#
        ));
        assert!(
            page.html
                .contains(r#"<li data-step="container" class="done">"#)
        );
        assert!(
            page.html
                .contains(r#"<li data-step="confirming" class="later">"#)
        );
    }

    #[test]
    fn nothing_but_its_own_script_and_style_runs() {
        let page = starting("company", &status(SandboxPhase::BackingOff, None));
        assert!(page.csp.starts_with("default-src 'none'") && !page.csp.contains("unsafe"));
        assert_eq!(page.csp.matches("sha256-").count(), 2);
        assert!(!SCRIPT.contains("</") && !STYLE.contains("</"));
    }

    #[test]
    fn text_from_elsewhere_is_text() {
        let forbidden = Problem::forbidden("<script>alert(1)</script> & \"x\"");
        let page = problem("company", &forbidden);
        assert!(!page.html.contains("<script>"));
        assert!(
            page.html
                .contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; &quot;x&quot;")
        );
    }
}
