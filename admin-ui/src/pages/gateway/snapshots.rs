//! Generations of a gateway's state: what there is, one more, and going back to one.

use domain::access::Role;
use domain::state::SnapshotReason;
use domain::wire::snapshots::{Snapshot, StateStatus};
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::clone::{CloneDialog, progress};
use crate::api::abort::Abort;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::paged::Paged;
use crate::components::status::{self, Mood};
use crate::forms::policy::draft::MAX_NOTE;
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::clock::Relative;
use crate::ui::dialog::Dialog;
use crate::ui::field::TextArea;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};
use crate::ui::table::{Column, table, text};
use crate::ui::text::{bytes, count};
use crate::ui::toast::Toasts;

const COLUMNS: &[Column] = &[
    ("Generation", false),
    ("Taken", false),
    ("Why", false),
    ("Size", true),
    ("Policy", false),
    ("Checked", false),
    ("Go back or clone", false),
];

/// The section.
pub(crate) fn section() -> AnyView {
    let context = GatewayContext::get();
    let list = Paged::<Snapshot>::new(
        |snapshot| snapshot.generation,
        |gateway, before, abort| {
            Box::pin(async move { gateway.snapshots(before.as_deref(), abort).await })
        },
    );
    let chosen = RwSignal::new(None::<u64>);
    let lent = RwSignal::new(None::<Snapshot>);
    let name = Memo::new(move |_| context.name());
    let state = Memo::new(move |_| {
        context
            .status
            .value
            .with(|status| status.as_ref().map(|status| status.state.clone()))
    });
    let loaded = Memo::new(move |_| list.live.value.with(Option::is_some));
    let body = move || {
        if !loaded.get() {
            return match list.live.error.get() {
                Some(error) => view! { <Failure what="The snapshots" error=error retry=move |()| list.live.refresh() /> }.into_any(),
                None => view! { <Loading what="Loading the snapshots" /> }.into_any(),
            };
        }
        let items = list.items();
        if items.is_empty() {
            return view! {
                <div class="empty"><p>"There is no snapshot yet. The first one is taken while OpenClaw runs."</p></div>
            }
            .into_any();
        }
        let rows = items
            .iter()
            .map(|snapshot| row(context, snapshot, chosen, lent));
        table("Snapshots", COLUMNS, rows.collect())
    };
    view! {
        <h2 tabindex="-1" data-section-heading="">"Snapshots"</h2>
        <p class="muted">
            "Conversations, memory, skills, jobs and workspaces outlive the container: the next one begins with the newest generation that is whole."
        </p>
        {move || state.get().map(|state| standing(&state))}
        {move || progress(context.gateway(), name.get(), false)}
        <Take />
        {body}
        {move || loaded.get().then(|| list.more_button())}
        <RestoreDialog chosen=chosen />
        <CloneDialog chosen=lent />
    }
    .into_any()
}

/// Where the state stands, and what is wrong with it.
fn standing(state: &StateStatus) -> AnyView {
    let problem = state.problem.clone().map(|why| {
        view! { <Notice tone=Tone::Bad><p>{why}</p></Notice> }
    });
    let chosen = state.chosen.map(|generation| {
        let words = match generation {
            0 => "The next start begins with nothing, as an admin chose.".to_owned(),
            n => format!("The next start restores generation {n}, as an admin chose."),
        };
        view! { <Notice tone=Tone::Warn><p>{words}</p></Notice> }
    });
    let began = match state.restored {
        Some(generation) => format!("generation {generation}"),
        None => "nothing".to_owned(),
    };
    let saved = state
        .saved_at
        .map(|at| view! { "All there is was saved " <Relative at=at /> ". " });
    let ordered = state
        .snapshot_ordered
        .then_some(" One more is being taken.");
    view! {
        {problem} {chosen}
        <p>{saved} {format!("The container that runs began with {began}.")} {ordered}</p>
    }
    .into_any()
}

fn row(
    context: GatewayContext,
    snapshot: &Snapshot,
    chosen: RwSignal<Option<u64>>,
    lent: RwSignal<Option<Snapshot>>,
) -> Vec<AnyView> {
    let n = snapshot.generation;
    let files = count(snapshot.totals.files);
    let policy = snapshot
        .policy_version
        .map_or("–".to_owned(), |v| format!("v{v}"));
    let openclaw = snapshot.openclaw_version.clone();
    let checked = match (&snapshot.damage, snapshot.verified_at) {
        (Some(damage), _) => view! {
            {status::badge((Mood::Bad, "Damaged"))} <span class="sub text-bad">{damage.clone()}</span>
        }
        .into_any(),
        (None, Some(at)) => view! {
            {status::badge((Mood::Good, "Read back"))} <span class="sub muted"><Relative at=at /></span>
        }
        .into_any(),
        (None, None) => status::badge((Mood::Unknown, "Not read back yet")),
    };
    let may_not = Signal::derive(move || context.why_not(Role::Admin));
    let whole = snapshot.clone();
    vec![
        text(n.to_string()),
        view! { <Relative at=snapshot.created_at /> }.into_any(),
        text(reason(snapshot.reason)),
        view! { {bytes(snapshot.totals.bytes)} <span class="sub muted">{format!("{files} files")}</span> }.into_any(),
        view! { {policy} <span class="sub muted">{openclaw}</span> }.into_any(),
        checked,
        view! {
            <div class="actions">
                <Button on_press=move |()| chosen.set(Some(n)) why_not=may_not label=format!("Restore generation {n}")>"Restore"</Button>
                <Button on_press=move |()| lent.set(Some(whole.clone())) why_not=may_not
                    label=format!("Clone generation {n} into another gateway")>"Clone…"</Button>
            </div>
        }
        .into_any(),
    ]
}

/// Why a generation was taken.
const fn reason(reason: SnapshotReason) -> &'static str {
    match reason {
        SnapshotReason::Schedule => "It was time",
        SnapshotReason::Demand => "Somebody asked for it",
        SnapshotReason::Pairing => "A device was paired or let go",
        SnapshotReason::BeforeApply => "Before a change of the configuration",
        SnapshotReason::BeforeUpgrade => "Before another OpenClaw",
        SnapshotReason::Stop => "Before the container ended",
        SnapshotReason::Clone => "Copied from another gateway",
    }
}

/// A button that takes one now.
#[component]
fn Take() -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let busy = RwSignal::new(false);
    let why_not = Signal::derive(move || context.why_not(Role::Operator));
    let take = move |()| {
        busy.set(true);
        let gateway = context.gateway();
        spawn_local(async move {
            let answer = gateway.take_snapshot(abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match answer {
                Ok(()) => announcer.say("A snapshot is being taken"),
                Err(error) => toasts.failed(error.message()),
            }
            context.status.refresh();
        });
    };
    view! { <div class="actions"><Button on_press=take busy=busy why_not=why_not>"Take one now"</Button></div> }
}

/// Asks before the state is replaced.
#[component]
fn RestoreDialog(
    /// The generation that is to come back; none closes it.
    chosen: RwSignal<Option<u64>>,
) -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let (open, busy) = (RwSignal::new(false), RwSignal::new(false));
    let note = RwSignal::new(String::new());
    // Each follows the other, and only when it has to: else they would go round for ever.
    Effect::new(move |_| {
        let wanted = chosen.get().is_some();
        if open.get_untracked() != wanted {
            open.set(wanted);
        }
    });
    Effect::new(move |_| {
        if !open.get() && chosen.get_untracked().is_some() {
            chosen.set(None);
            note.set(String::new());
        }
    });
    let restore = move |()| {
        let Some(generation) = chosen.get_untracked() else {
            return;
        };
        busy.set(true);
        let (gateway, words) = (context.gateway(), note.get_untracked().trim().to_owned());
        spawn_local(async move {
            let why = (!words.is_empty()).then_some(words);
            let answer = gateway.restore_snapshot(generation, why, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            open.set(false);
            match answer {
                Ok(()) => announcer.say(format!("Generation {generation} is being restored")),
                Err(error) => toasts.failed(error.message()),
            }
            context.status.refresh();
        });
    };
    let which = move || chosen.get().map(|n| format!("Generation {n}. "));
    view! {
        <Dialog open=open title="Restore this generation?">
            <p>
                <strong>{which}</strong>
                "The container ends and starts anew from it: work that is under way ends, and chats are cut off. "
                "What runs now is saved first, as a generation of its own, so this can be taken back. The policy stays as it is."
            </p>
            <TextArea label="Why (optional)" hint="Kept in the audit." value=note max=MAX_NOTE />
            <div class="actions">
                <Button on_press=restore weight=Weight::Danger busy=busy>"Restore it"</Button>
                <Button on_press=move |()| open.set(false)>"Cancel"</Button>
            </div>
        </Dialog>
    }
}
