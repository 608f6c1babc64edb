//! Who did what at a gateway, newest first; whether the record is whole; all of it as a file.

use domain::audit::{Door, Origin, Verification};
use domain::wire::gateway::AuditEntry;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::abort::Abort;
use crate::api::download;
use crate::api::error::ApiError;
use crate::components::address::Address;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::paged::Paged;
use crate::forms::audit_filter::{AREAS, AuditFilter};
use crate::ui::button::Button;
use crate::ui::choices::{search, select};
use crate::ui::clock::Relative;
use crate::ui::field::TextField;
use crate::ui::icon::Icon;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};
use crate::ui::table::{Column, table, text};
use crate::ui::text::{absolute, count, short_hash};
use crate::ui::toast::Toasts;

const COLUMNS: &[Column] = &[
    ("When", false),
    ("Who", false),
    ("What", false),
    ("Detail", false),
];
/// Media type of the export.
const JSONL: &str = "application/jsonl";

/// The section.
pub(crate) fn section() -> AnyView {
    let list = Paged::<AuditEntry>::new(
        |entry| entry.seq,
        |gateway, before, abort| {
            Box::pin(async move { gateway.audit(before.as_deref(), abort).await })
        },
    );
    let address = Address::here();
    let filter = Memo::new(move |_| AuditFilter::read(address.get("area"), &address.get("q")));
    let loaded = Memo::new(move |_| list.live.value.with(Option::is_some));
    let body = move || match (loaded.get(), list.live.error.get()) {
        (true, _) => rows(&list.items(), &filter.get()),
        (false, Some(error)) => {
            view! { <Failure what="The audit" error=error retry=move |()| list.live.refresh() /> }
                .into_any()
        }
        (false, None) => view! { <Loading what="Loading the audit" /> }.into_any(),
    };
    let areas = std::iter::once((String::new(), "Everything".to_owned()))
        .chain(AREAS.map(|(slug, words)| (slug.to_owned(), words.to_owned())));
    let part = move |key: &'static str| Signal::derive(move || address.get(key));
    let set = move |key: &'static str| Callback::new(move |value: String| address.set(key, &value));
    view! {
        <h2 tabindex="-1" data-section-heading="">"Audit"</h2>
        <Chain />
        <div class="controls">
            {search("Search who, what and detail", part("q"), set("q"))}
            {select("About", areas.collect(), part("area"), set("area"))}
        </div>
        {body}
        {move || loaded.get().then(|| list.more_button())}
    }
    .into_any()
}

fn rows(all: &[AuditEntry], filter: &AuditFilter) -> AnyView {
    let shown: Vec<_> = all
        .iter()
        .filter(|entry| filter.lets(entry))
        .map(row)
        .collect();
    if shown.is_empty() {
        let says = if filter.is_empty() {
            "Nothing has happened yet.".to_owned()
        } else {
            format!(
                "None of the newest {} entries matches. Show older ones, or export all of them.",
                all.len()
            )
        };
        return view! { <div class="empty"><p>{says}</p></div> }.into_any();
    }
    let narrowed = (!filter.is_empty()).then(|| {
        let says = format!("{} of the newest {} entries.", shown.len(), all.len());
        view! { <p class="muted">{says}</p> }
    });
    view! {
        {narrowed}
        {table("Audit", COLUMNS, shown)}
    }
    .into_any()
}

fn row(entry: &AuditEntry) -> Vec<AnyView> {
    let from = entry.origin.as_ref().and_then(from);
    let hashes = entry.before_hash.clone().zip(entry.after_hash.clone());
    let hashes = hashes
        .filter(|(before, after)| before != after)
        .map(|(before, after)| {
            let title = format!("{before} → {after}");
            view! {
                <span class="sub muted" title=title>
                    <code>{short_hash(&before)}</code> " → " <code>{short_hash(&after)}</code>
                </span>
            }
        });
    let (action, detail, actor) = (
        entry.action.clone(),
        entry.detail.clone(),
        entry.actor.clone(),
    );
    vec![
        view! { <Relative at=entry.at /> <span class="sub muted">{format!("entry {}", entry.seq)}</span> }.into_any(),
        view! { {actor} <span class="sub muted">{from}</span> }.into_any(),
        view! { <code>{action}</code> }.into_any(),
        view! { <span class="prose">{detail}</span> {hashes} }.into_any(),
    ]
}

/// From where, in a few words.
fn from(origin: &Origin) -> Option<String> {
    let door = match origin.door {
        Door::Public => None,
        Door::Container => Some("from the container".to_owned()),
        Door::Gateway => return None,
    };
    let parts = [door, origin.agent.clone(), origin.address.clone()];
    let words: Vec<String> = parts.into_iter().flatten().collect();
    (!words.is_empty()).then(|| words.join(", "))
}

/// Whether the chain is whole, and the way to keep a copy of it.
#[component]
fn Chain() -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, abort) = (Toasts::get(), Abort::on_cleanup());
    let (checking, exporting) = (RwSignal::new(false), RwSignal::new(false));
    let known = RwSignal::new(String::new());
    let verdict = RwSignal::new(None::<Result<Verification, ApiError>>);
    let verify = move |()| {
        checking.set(true);
        let (gateway, head) = (context.gateway(), known.get_untracked().trim().to_owned());
        spawn_local(async move {
            let head = Some(head.as_str()).filter(|head| !head.is_empty());
            let answer = gateway.verify_audit(head, abort).await;
            if !abort.ended() {
                checking.set(false);
                verdict.set(Some(answer));
            }
        });
    };
    let export = move |()| {
        exporting.set(true);
        let gateway = context.gateway();
        let name = format!("{}-audit.jsonl", untrack(move || context.name()));
        spawn_local(async move {
            let answer = gateway.file("audit?format=jsonl", "*/*", abort).await;
            if abort.ended() {
                return;
            }
            exporting.set(false);
            match answer {
                Ok(text) if download::save(&name, JSONL, &text) => {}
                Ok(_) => toasts.failed("The browser did not let this page save a file."),
                Err(error) => toasts.failed(error.message()),
            }
        });
    };
    view! {
        <section class="panel" aria-labelledby="audit-chain">
            <div class="panel-head">
                <h3 id="audit-chain">"Is it whole?"</h3>
                <div class="actions">
                    <Button on_press=verify busy=checking>{Icon::Check.view()} "Verify the chain"</Button>
                    <Button on_press=export busy=exporting label="Export the audit as JSON lines">{Icon::Down.view()} "JSON lines"</Button>
                </div>
            </div>
            <p class="muted">"Each entry carries the hash of the one before it: what is altered, left out or cut off shows."</p>
            {move || verdict.get().map(|verdict| said(verdict, known))}
            <details class="raw">
                <summary>"Compare with an entry that you know"</summary>
                <TextField label="Known entry" hint="SEQ:HASH, from an earlier export: it finds a chain that was written anew." value=known placeholder="41:9f2c…" />
            </details>
        </section>
    }
}

fn said(verdict: Result<Verification, ApiError>, known: RwSignal<String>) -> AnyView {
    let verified = match verdict {
        Ok(verified) => verified,
        Err(error) => {
            return view! { <Notice tone=Tone::Bad><p>{error.message()}</p></Notice> }.into_any();
        }
    };
    let entries = count(verified.entries);
    let head = verified.head.map(|head| {
        let text = format!("{}:{}", head.seq, head.hash);
        let keep = text.clone();
        view! {
            <p>"Newest entry: " <code>{text}</code> " "
                <button type="button" class="link" on:click=move |_| known.set(keep.clone())>"Use it for later checks"</button>
            </p>
        }
    });
    match verified.fault {
        None => view! {
            <Notice tone=Tone::Good>
                <p><strong>{format!("The chain is whole: {entries} entries.")}</strong> " Checked " {absolute(crate::api::now())} "."</p>
                {head}
            </Notice>
        }
        .into_any(),
        Some(fault) => view! {
            <Notice tone=Tone::Bad>
                <p><strong>{format!("The chain is broken at entry {}.", fault.seq)}</strong></p>
                <p>{fault.detail}</p>
                {head}
            </Notice>
        }
        .into_any(),
    }
}

/// The newest entries of drift, for the page that compares OpenClaw with the policy.
pub(crate) fn drift() -> AnyView {
    let list = Paged::<AuditEntry>::new(
        |entry| entry.seq,
        |gateway, before, abort| {
            Box::pin(async move { gateway.audit(before.as_deref(), abort).await })
        },
    );
    let context = GatewayContext::get();
    let href = crate::paths::with_query(
        &crate::paths::gateway(&context.id(), crate::paths::Section::Audit),
        &[("area", "drift")],
    );
    let filter = AuditFilter::read("drift".to_owned(), "");
    let body = move || {
        list.live.value.get().map(|page| {
            let found: Vec<_> = page
                .items
                .iter()
                .filter(|entry| filter.lets(entry))
                .take(10)
                .map(row)
                .collect();
            if found.is_empty() {
                text("None among the newest entries of the audit.")
            } else {
                table("Drift", COLUMNS, found)
            }
        })
    };
    view! {
        <h3>"Drift"</h3>
        <p class="muted">
            "What changed in the container beside the policy: put right where the policy owns it, otherwise noted. "
            <a class="text-link" href=href>"All of it in the audit"</a>
        </p>
        {body}
    }
    .into_any()
}
