//! Every saved version of a policy, newest first, and going back to one.

use domain::access::Role;
use domain::policy::parse_value;
use domain::wire::gateway::{PolicyDiff, PolicyVersion, StoredPolicy};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::api::gateway::Gateway;
use crate::components::address::Address;
use crate::components::changes;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::paged::Paged;
use crate::components::status;
use crate::forms::policy::draft::MAX_NOTE;
use crate::paths::{self, Section};
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::clock::Relative;
use crate::ui::field::TextArea;
use crate::ui::icon::Icon;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};
use crate::ui::table::{Column, or_dash, table, text};
use crate::ui::text::short_hash;

const COLUMNS: &[Column] = &[
    ("Version", false),
    ("Saved", false),
    ("By", false),
    ("Note", false),
    ("Hash", false),
];

/// The section: all of them, or the one that the address names.
pub(crate) fn section() -> AnyView {
    let address = Address::here();
    let chosen = Memo::new(move |_| address.get("v").parse::<u64>().ok());
    view! {
        <h2 tabindex="-1" data-section-heading="">"Versions"</h2>
        {move || match chosen.get() {
            None => list(),
            Some(version) => view! { <Version n=version /> }.into_any(),
        }}
    }
    .into_any()
}

fn list() -> AnyView {
    let context = GatewayContext::get();
    let list = Paged::<PolicyVersion>::new(
        |version| version.version,
        |gateway, before, abort| {
            Box::pin(async move { gateway.versions(before.as_deref(), abort).await })
        },
    );
    let loaded = Memo::new(move |_| list.live.value.with(Option::is_some));
    let body = move || {
        match (loaded.get(), list.live.error.get()) {
        (true, _) => table("Versions", COLUMNS, list.items().into_iter().map(|v| row(context, v)).collect()),
        (false, Some(error)) => {
            view! { <Failure what="The versions" error=error retry=move |()| list.live.refresh() /> }
                .into_any()
        }
        (false, None) => view! { <Loading what="Loading the versions" /> }.into_any(),
    }
    };
    view! {
        <p class="muted">
            "Every version that was ever saved. OpenClaw runs the one marked as in force. Open one to see what going back to it would change."
        </p>
        {body}
        {move || loaded.get().then(|| list.more_button())}
    }
    .into_any()
}

fn row(context: GatewayContext, version: PolicyVersion) -> Vec<AnyView> {
    let n = version.version;
    let policy = Memo::new(move |_| context.facts().map(|facts| facts.policy));
    let mark = move || {
        policy.get().map(|policy| {
            let in_force = policy.effective_version == Some(n);
            let newest = policy.version == n;
            view! {
                {in_force.then(|| view! { <span class="tag plain">"In force"</span> })}
                {(newest && !in_force).then(|| status::badge(status::apply(policy.state)))}
            }
        })
    };
    let path = paths::gateway(&context.id(), Section::Versions);
    let href = paths::with_query(&path, &[("v", &n.to_string())]);
    let failed = version
        .failure
        .map(|why| view! { <span class="sub text-bad">{why}</span> });
    let note = or_dash(version.note);
    let hash = version.hash;
    let short = short_hash(&hash);
    vec![
        view! { <a class="row-link" href=href>{format!("v{n}")}</a> {mark} }.into_any(),
        view! { <Relative at=version.created_at /> }.into_any(),
        text(version.author),
        view! { {note} {failed} }.into_any(),
        view! { <code title=hash>{short}</code> }.into_any(),
    ]
}

/// A version beside the newest one: what going back would change.
#[derive(Clone)]
struct Compared {
    stored: StoredPolicy,
    /// None when it could not be saved today.
    diff: Option<PolicyDiff>,
    faults: Vec<String>,
}

async fn load(gateway: Gateway, n: u64, abort: Abort) -> Result<Compared, ApiError> {
    let stored = gateway.version(n, abort).await?;
    let document = stored.document.clone();
    if let Err(faults) = parse_value(document.clone()) {
        let faults = faults
            .into_iter()
            .map(|f| format!("{} {}", f.pointer, f.detail));
        return Ok(Compared {
            stored,
            diff: None,
            faults: faults.collect(),
        });
    }
    let diff = gateway.diff(document, abort).await?;
    Ok(Compared {
        stored,
        diff: Some(diff),
        faults: Vec::new(),
    })
}

/// One version.
#[component]
fn Version(n: u64) -> impl IntoView {
    let context = GatewayContext::get();
    let (announcer, abort) = (Announcer::get(), Abort::on_cleanup());
    let seen = RwSignal::new(None::<Result<Compared, ApiError>>);
    let (busy, note) = (RwSignal::new(false), RwSignal::new(String::new()));
    let said = RwSignal::new(None::<(Tone, Vec<String>)>);
    let look = move || {
        let gateway = context.gateway();
        spawn_local(async move {
            let answer = load(gateway, n, abort).await;
            if !abort.ended() {
                seen.set(Some(answer));
            }
        });
    };
    // What going back changes is another thing once somebody saved.
    let newest = Memo::new(move |_| context.facts().map(|facts| facts.policy.version));
    Effect::new(move |_| {
        newest.track();
        look();
    });
    let restore = Callback::new(move |base: u64| {
        busy.set(true);
        said.set(None);
        let gateway = context.gateway();
        let text = note.get_untracked().trim().to_owned();
        spawn_local(async move {
            let why = (!text.is_empty()).then_some(text);
            let answer = gateway.restore(n, base, why, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            let (tone, words) = match answer {
                Ok(envelope) => {
                    let words = format!("Saved as v{}: it says what v{n} said.", envelope.version);
                    announcer.say(words.clone());
                    (Tone::Good, vec![words])
                }
                Err(error) if error.is_stale() => {
                    let words =
                        "Somebody saved another version meanwhile; look at the changes again.";
                    (Tone::Warn, vec![words.to_owned()])
                }
                Err(error) => {
                    let fields = error.field_errors().iter();
                    let mut words = vec![error.message()];
                    words.extend(fields.map(|f| format!("{} {}", f.pointer, f.detail)));
                    (Tone::Bad, words)
                }
            };
            said.set(Some((tone, words)));
            context.status.refresh();
            look();
        });
    });
    let all = paths::gateway(&context.id(), Section::Versions);
    let body = move || match seen.get() {
        None => view! { <Loading what="Loading the version" /> }.into_any(),
        Some(Err(error)) => {
            view! { <Failure what="The version" error=error retry=move |()| look() /> }.into_any()
        }
        Some(Ok(compared)) => shown(context, &compared, note, busy, restore),
    };
    view! {
        <p><a class="text-link" href=all>{Icon::Left.view()} "All versions"</a></p>
        {move || said.get().map(|(tone, words)| view! {
            <Notice tone=tone>{words.into_iter().map(|w| view! { <p>{w}</p> }).collect::<Vec<_>>()}</Notice>
        })}
        {body}
    }
}

fn shown(
    context: GatewayContext,
    compared: &Compared,
    note: RwSignal<String>,
    busy: RwSignal<bool>,
    restore: Callback<u64>,
) -> AnyView {
    let version = &compared.stored.version;
    let n = version.version;
    let json = serde_json::to_string_pretty(&compared.stored.document).unwrap_or_default();
    let may_not = Signal::derive(move || context.why_not(Role::Admin));
    let faults = compared.faults.iter().cloned();
    let faults: Vec<_> = faults.map(|fault| view! { <p>{fault}</p> }).collect();
    let back = match &compared.diff {
        None => view! {
            <Notice tone=Tone::Warn>
                <p>"This version could not be saved today, so it cannot be restored:"</p>
                {faults}
            </Notice>
        }
        .into_any(),
        Some(diff) if diff.changes.is_empty() => {
            view! { <p>"It says what the newest version says; there is nothing to restore."</p> }
                .into_any()
        }
        Some(diff) => {
            let base = diff.base_version;
            view! {
                <h4>{format!("Going back to it would change v{base}")}</h4>
                {changes::view(&diff.changes)}
                <TextArea label="Note (optional)" hint="Why, for those who read the history." value=note max=MAX_NOTE />
                <div class="actions">
                    <Button on_press=move |()| restore.run(base) weight=Weight::Primary busy=busy why_not=may_not>
                        {format!("Restore v{n} as v{}", base + 1)}
                    </Button>
                </div>
            }
            .into_any()
        }
    };
    let failure = version.failure.clone().map(|why| {
        view! { <Notice tone=Tone::Bad><p>"OpenClaw could not run with it: " {why}</p></Notice> }
    });
    view! {
        <article class="panel review">
            <h3>{format!("v{n}")}</h3>
            <p class="muted">
                {version.author.clone()} " saved it " <Relative at=version.created_at />
                {version.note.clone().map(|note| format!(": “{note}”"))} "."
            </p>
            {failure}
            {back}
        </article>
        <details class="raw">
            <summary>"The whole document, as it was saved"</summary>
            <pre class="code" tabindex="0" role="region" aria-label="Document as JSON"><code>{json}</code></pre>
        </details>
    }
    .into_any()
}
