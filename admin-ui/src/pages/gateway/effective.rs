//! What OpenClaw itself reports, beside what the policy says.

use std::time::Duration;

use domain::wire::gateway::{EffectivePolicy, PolicyEnvelope};
use leptos::prelude::*;

use crate::api::live::Live;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::forms::policy::effective::{Row, Verdict, drifted, rows};
use crate::ui::clock::Relative;
use crate::ui::icon::Icon;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};

/// How often OpenClaw's last report is asked for.
const EVERY: Duration = Duration::from_secs(5);

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let live = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move {
            Ok((
                gateway.policy(abort).await?,
                gateway.effective(abort).await?,
            ))
        })
    });
    let body = move || {
        match (live.value.get(), live.error.get()) {
        (Some((policy, effective)), _) => report(&policy, &effective),
        (None, Some(error)) if error.status().is_some_and(|s| s == 404 || s == 409 || s == 503) => {
            view! {
                <Notice tone=Tone::Info><p>{error.message()}</p></Notice>
            }
            .into_any()
        }
        (None, Some(error)) => {
            view! { <Failure what="OpenClaw's report" error=error retry=move |()| live.refresh() /> }.into_any()
        }
        (None, None) => view! { <Loading what="Loading OpenClaw's report" /> }.into_any(),
    }
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Effective"</h2>
        <p class="muted">"What OpenClaw itself says it runs with, not what was written for it."</p>
        {body}
        {super::audit::drift()}
    }
    .into_any()
}

fn report(policy: &PolicyEnvelope, effective: &EffectivePolicy) -> AnyView {
    let rows = rows(&policy.document, &effective.config);
    let other_version = effective.version != Some(policy.version);
    let (tone, text) = if !effective.valid {
        (
            Tone::Bad,
            "OpenClaw calls its configuration invalid and keeps the one before.".to_owned(),
        )
    } else if other_version {
        let runs = effective
            .version
            .map_or("a configuration of no known version".to_owned(), |v| {
                format!("v{v}")
            });
        (
            Tone::Warn,
            format!(
                "OpenClaw runs {runs}; the newest version is v{}.",
                policy.version
            ),
        )
    } else if !effective.applied {
        (
            Tone::Warn,
            "OpenClaw has not applied all of its configuration file yet.".to_owned(),
        )
    } else if drifted(&rows) {
        (
            Tone::Bad,
            "OpenClaw reports something else than the policy says.".to_owned(),
        )
    } else {
        (
            Tone::Good,
            format!("OpenClaw runs with what v{} says.", policy.version),
        )
    };
    let observed_at = effective.observed_at;
    let json = serde_json::to_string_pretty(&effective.config).unwrap_or_default();
    view! {
        <Notice tone=tone><p>{text} " Asked " <Relative at=observed_at /> "."</p></Notice>
        <table role="table" class="stacked" aria-label="Policy and OpenClaw side by side">
            <thead role="rowgroup">
                <tr role="row">
                    <th role="columnheader" scope="col">"Clause"</th>
                    <th role="columnheader" scope="col">{format!("Policy v{}", policy.version)}</th>
                    <th role="columnheader" scope="col">"OpenClaw"</th>
                    <th role="columnheader" scope="col">"Result"</th>
                </tr>
            </thead>
            <tbody role="rowgroup">{rows.iter().map(row).collect::<Vec<_>>()}</tbody>
        </table>
        <p class="muted">
            "Operators and the daily budget are enforced by the gateway Worker itself, outside the container, so OpenClaw does not report them."
        </p>
        <details class="raw">
            <summary>"Everything it reports, as JSON"</summary>
            <pre class="code" tabindex="0" role="region" aria-label="OpenClaw's configuration as JSON"><code>{json}</code></pre>
        </details>
    }
    .into_any()
}

fn row(row: &Row) -> AnyView {
    let (class, icon, word) = match row.verdict {
        Verdict::Same => ("verdict good", Icon::Check, "Same"),
        Verdict::Stricter => ("verdict good", Icon::Check, "Same and stricter"),
        Verdict::Differs => ("verdict bad", Icon::Warning, "Differs"),
    };
    let reported = row.reported.clone();
    let seen = reported.clone().unwrap_or_default();
    let declared = row.declared.clone();
    // What only makes it stricter needs no alarm.
    let extra = if row.verdict == Verdict::Stricter {
        "chip stricter"
    } else {
        "chip differs"
    };
    view! {
        <tr role="row">
            <th role="rowheader" scope="row" data-label="Clause">{row.clause} <code class="sub muted">{row.path}</code></th>
            <td role="cell" data-label="Policy">{chips(&row.declared, &seen, "only in the policy", "chip differs")}</td>
            <td role="cell" data-label="OpenClaw">
                {match reported {
                    Some(list) => chips(&list, &declared, "only at OpenClaw", extra),
                    None => view! { <span class="muted">"not reported"</span> }.into_any(),
                }}
            </td>
            <td role="cell" data-label="Result"><span class=class>{icon.view()}{word}</span></td>
        </tr>
    }
    .into_any()
}

/// A list as chips; what the other side lacks is marked.
fn chips(list: &[String], other: &[String], lacking: &'static str, class: &'static str) -> AnyView {
    if list.is_empty() {
        return view! { <span class="muted">"none"</span> }.into_any();
    }
    let chip = |entry: &String| {
        let alone = !other.contains(entry);
        view! {
            <li class=if alone { class } else { "chip" } title=alone.then_some(lacking)>
                <span>{entry.clone()}</span>
                {alone.then(|| view! { <span class="visually-hidden">{format!(", {lacking}")}</span> })}
            </li>
        }
    };
    view! { <ul class="chip-list">{list.iter().map(chip).collect::<Vec<_>>()}</ul> }.into_any()
}
