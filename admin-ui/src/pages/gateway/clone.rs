//! A generation of this gateway into another one of the fleet, and how far that is.

use std::time::Duration;

use domain::access::Role;
use domain::id::GatewayId;
use domain::wire::clones::{CloneSnapshot, CloneState, CloneStatus, GrantSnapshot};
use domain::wire::gateway::{GatewayStatus, SandboxPhase};
use domain::wire::registry::GatewaySummary;
use domain::wire::snapshots::Snapshot;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::Api;
use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::api::gateway::Gateway;
use crate::api::live::Live;
use crate::components::gateway_context::GatewayContext;
use crate::forms::policy::draft::MAX_NOTE;
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::choices::select;
use crate::ui::dialog::Dialog;
use crate::ui::field::TextArea;
use crate::ui::meter::Meter;
use crate::ui::notice::{Notice, Tone};
use crate::ui::text::{bytes, count};
use crate::ui::toast::Toasts;

/// How long the other gateway may take, in minutes.
const MINUTES: u32 = 240;
/// How often it is asked how far it is.
const EVERY: Duration = Duration::from_secs(2);

/// Asks where to, says what it means, and shows how far it is.
#[component]
pub(super) fn CloneDialog(
    /// The generation to clone; none closes it.
    chosen: RwSignal<Option<Snapshot>>,
) -> impl IntoView {
    let open = RwSignal::new(false);
    // Each follows the other, and only when it has to: else they would go round for ever.
    Effect::new(move |_| {
        let wanted = chosen.with(Option::is_some);
        if open.get_untracked() != wanted {
            open.set(wanted);
        }
    });
    Effect::new(move |_| {
        if !open.get() && chosen.with_untracked(Option::is_some) {
            chosen.set(None);
        }
    });
    view! {
        <Dialog open=open title="Clone into another gateway">
            {move || chosen.get().map(|snapshot| view! { <Form snapshot=snapshot open=open /> })}
        </Dialog>
    }
}

#[component]
fn Form(snapshot: Snapshot, open: RwSignal<bool>) -> impl IntoView {
    let context = GatewayContext::get();
    let api = Api::get();
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let fleet = RwSignal::new(None::<Result<Vec<GatewaySummary>, String>>);
    let target = RwSignal::new(None::<GatewayId>);
    let there = RwSignal::new(None::<Result<GatewayStatus, String>>);
    let (busy, begun) = (RwSignal::new(false), RwSignal::new(false));
    let problem = RwSignal::new(None::<String>);
    let note = RwSignal::new(String::new());
    let own = context.id();
    spawn_local(async move {
        let answer = api.gateways(abort).await;
        if !abort.ended() {
            let others = |all: Vec<GatewaySummary>| all.into_iter().filter(|one| one.id != own);
            let answer = answer.map(|all| others(all).collect());
            fleet.set(Some(answer.map_err(|error: ApiError| error.message())));
        }
    });
    let choose = Callback::new(move |id: String| {
        let id = id.parse::<GatewayId>().ok();
        target.set(id.clone());
        there.set(None);
        problem.set(None);
        let Some(id) = id else { return };
        spawn_local(async move {
            let answer = Gateway::new(api, id.clone()).status(abort).await;
            if !abort.ended() && target.get_untracked().as_ref() == Some(&id) {
                there.set(Some(answer.map_err(|error| error.message())));
            }
        });
    });
    let name = move || {
        let id = target.get()?;
        fleet.with(|fleet| {
            let all = fleet.as_ref()?.as_ref().ok()?;
            let found = all.iter().find(|one| one.id == id)?;
            Some(found.name.to_string())
        })
    };
    let why_not = Signal::derive(move || match there.get() {
        _ if target.with(Option::is_none) => Some("Choose a gateway first.".to_owned()),
        None => Some("That gateway has not answered yet.".to_owned()),
        Some(Err(_)) => Some("That gateway does not answer.".to_owned()),
        Some(Ok(status)) if status.viewer.role < Role::Admin => {
            Some("You are no admin of that gateway.".to_owned())
        }
        Some(Ok(_)) => None,
    });
    let generation = snapshot.generation;
    let clone = move |()| {
        let Some(id) = target.get_untracked() else {
            return;
        };
        let from = context
            .summary
            .value
            .with_untracked(|s| s.as_ref().map(|s| s.url.clone()));
        let Some(from) = from else {
            problem.set(Some(
                "The registry has not said yet where this gateway is.".to_owned(),
            ));
            return;
        };
        let replace = there.with_untracked(|there| matches!(there, Some(Ok(s)) if has_state(s)));
        let words = note.get_untracked().trim().to_owned();
        let words = (!words.is_empty()).then_some(words);
        busy.set(true);
        problem.set(None);
        spawn_local(async move {
            let (source, target) = (context.gateway(), Gateway::new(api, id));
            let answer = begin(&source, &target, from, (generation, replace), words, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match answer {
                Ok(()) => {
                    announcer.say("The clone has begun");
                    begun.set(true);
                }
                Err(error) => {
                    toasts.failed("The clone has not begun");
                    problem.set(Some(error.message()));
                }
            }
        });
    };
    let options = move || match fleet.get() {
        None => view! { <p class="muted">"Asking the registry…"</p> }.into_any(),
        Some(Err(why)) => view! { <Notice tone=Tone::Bad><p>{why}</p></Notice> }.into_any(),
        Some(Ok(all)) if all.is_empty() => view! {
            <p>"There is no other gateway in the fleet. Deploy one and enrol it first."</p>
        }
        .into_any(),
        Some(Ok(all)) => {
            let none = (String::new(), "Choose…".to_owned());
            let all = all
                .into_iter()
                .map(|one| (one.id.to_string(), one.name.to_string()));
            let current =
                Signal::derive(move || target.get().map(|id| id.to_string()).unwrap_or_default());
            select(
                "Into which gateway",
                [none].into_iter().chain(all).collect(),
                current,
                choose,
            )
        }
    };
    let size = bytes(snapshot.totals.bytes);
    let files = count(snapshot.totals.files);
    let preview = move || match there.get() {
        None => None,
        Some(Err(why)) => Some(view! { <Notice tone=Tone::Bad><p>{why}</p></Notice> }.into_any()),
        Some(Ok(status)) => Some(says(&status)),
    };
    let asking = move || {
        view! {
            {options}
            <p>
                <strong>{format!("Generation {generation}: {size} in {files} files. ")}</strong>
                "Conversations, memory, skills, paired devices and scheduled jobs come along, and jobs run in both gateways until one is stopped. Policy, budgets and audit do not."
            </p>
            {preview}
            <TextArea label="Why (optional)" hint="Kept in the audit of both." value=note max=MAX_NOTE />
            {move || problem.get().map(|why| view! {
                <Notice tone=Tone::Bad><p>{why} " Nothing has changed there; put that right and try again."</p></Notice>
            })}
        }
    };
    let asking = StoredValue::new_local(asking);
    // Not before it has begun: choosing a gateway must not draw the form anew.
    let running = Memo::new(move |_| if begun.get() { target.get() } else { None });
    view! {
        {move || match running.get() {
            Some(id) => progress(Gateway::new(api, id), name().unwrap_or_default(), true),
            None => asking.with_value(|asking| asking().into_any()),
        }}
        <div class="actions">
            <Show when=move || !begun.get()>
                <Button on_press=clone weight=Weight::Danger busy=busy why_not=why_not>"Clone it"</Button>
            </Show>
            <Button on_press=move |()| open.set(false)>"Close"</Button>
        </div>
    }
}

/// Lends the generation and has it pulled; a code that nobody uses is ended.
async fn begin(
    source: &Gateway,
    target: &Gateway,
    from: String,
    (generation, replace): (u64, bool),
    note: Option<String>,
    abort: Abort,
) -> Result<(), ApiError> {
    let grant = GrantSnapshot {
        minutes: MINUTES,
        note: note.clone(),
    };
    let lent = source.lend(generation, &grant, abort).await?;
    let clone = CloneSnapshot {
        from,
        generation,
        code: lent.code,
        note,
        replace,
    };
    let answer = target.pull(&clone, abort).await;
    if answer.is_err() {
        // It ends by itself all the same.
        let _ = source.end_grant(generation, lent.grant.id, abort).await;
    }
    answer
}

fn has_state(status: &GatewayStatus) -> bool {
    status.pointers.r2.is_some() || status.sandbox.phase != SandboxPhase::Stopped
}

/// What the other gateway has now.
fn says(status: &GatewayStatus) -> AnyView {
    let name = status.name.to_string();
    if !has_state(status) {
        return view! { <p>{format!("{name} has no state yet; it starts from the clone.")}</p> }
            .into_any();
    }
    let has = status.pointers.r2.as_ref().and_then(|pointer| {
        let size = pointer.state_bytes.map(bytes)?;
        Some(format!("generation {}, {size}", pointer.generation?))
    });
    let has = has.unwrap_or_else(|| "state that was never saved".to_owned());
    let words = format!(
        "{name} has state of its own ({has}). The clone takes its place: work there ends and chats \
         are cut off. What it has is saved first and can be restored on its page."
    );
    view! { <Notice tone=Tone::Warn><p>{words}</p></Notice> }.into_any()
}

/// How far the clone of a gateway is; nothing when there is none worth a word. `all` also
/// shows one that came to a good end.
pub(super) fn progress(gateway: Gateway, name: String, all: bool) -> AnyView {
    let (toasts, abort) = (Toasts::get(), Abort::on_cleanup());
    let asked = gateway.clone();
    let live = Live::every(EVERY, move |abort| {
        let gateway = asked.clone();
        Box::pin(async move { gateway.clone_status(abort).await })
    });
    let gateway = StoredValue::new(gateway);
    let cancel = move |()| {
        let gateway = gateway.get_value();
        spawn_local(async move {
            if let Err(error) = gateway.cancel_clone(abort).await
                && !abort.ended()
            {
                toasts.failed(error.message());
            }
            live.refresh();
        });
    };
    let under_way = Memo::new(move |_| {
        let status = live.value.get().flatten();
        status.is_some_and(|status| status.state.is_under_way())
    });
    view! {
        <div aria-live="polite">
            {move || live.value.get().flatten().and_then(|status| standing(&name, &status, all))}
        </div>
        <Show when=move || under_way.get()>
            <div class="actions"><Button on_press=cancel>"Call it off"</Button></div>
        </Show>
    }
    .into_any()
}

fn standing(name: &str, status: &CloneStatus, all: bool) -> Option<AnyView> {
    let what = format!("Generation {} of {}", status.generation, status.from);
    let problem = status.problem.clone();
    let view = match status.state {
        CloneState::Copying => {
            let part = status.progress.map(|done| {
                let (have, whole) = (done.bytes, done.bytes_total);
                let words = format!(
                    "{} of {}, {} of {} packs",
                    bytes(have), bytes(whole), count(done.packs), count(done.packs_total)
                );
                let text = words.clone();
                view! {
                    <p>{words}</p>
                    <Meter used=have whole=whole label="Copied" text=Signal::derive(move || text.clone()) calm=true />
                }
            });
            view! { <p>{format!("{what} is being copied into {name}. What runs there goes on.")}</p> {part} {problem} }
                .into_any()
        }
        CloneState::TakingOver => view! {
            <p>{format!("{what} is complete; {name} saves what it has and starts from it.")}</p> {problem}
        }
        .into_any(),
        CloneState::Done if all => {
            let number = status.becomes.unwrap_or_default();
            let words = format!("{name} starts from it, as its generation {number}.");
            view! { <Notice tone=Tone::Good><p>{words}</p></Notice> }.into_any()
        }
        CloneState::Failed => {
            let words = format!("{what} was not cloned into {name}: ");
            view! { <Notice tone=Tone::Bad><p>{words} {problem}</p></Notice> }.into_any()
        }
        CloneState::Cancelled if all => view! { <p>"It was called off. Nothing has changed."</p> }.into_any(),
        CloneState::Done | CloneState::Cancelled => return None,
    };
    Some(view)
}
