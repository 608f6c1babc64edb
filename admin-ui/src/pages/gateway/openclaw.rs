//! Which version of OpenClaw runs, another one, and the way back.

use domain::access::Role;
use domain::upgrade::{Outcome, Trial, Verdict};
use domain::wire::openclaw_version::OpenclawStatus;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::abort::Abort;
use crate::components::gateway_context::GatewayContext;
use crate::components::status::{self, Mood};
use crate::forms::openclaw::{FOLLOW, back_preview, chosen, options, preview};
use crate::forms::policy::draft::MAX_NOTE;
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::choices::select;
use crate::ui::clock::Relative;
use crate::ui::dialog::Dialog;
use crate::ui::field::TextArea;
use crate::ui::notice::{Notice, Tone};
use crate::ui::toast::Toasts;

/// The panel's inside; nothing for a gateway that does not say.
pub(crate) fn panel() -> AnyView {
    let context = GatewayContext::get();
    let now = Memo::new(move |_| {
        let status = &context.status.value;
        status.with(|status| status.as_ref().and_then(|status| status.openclaw.clone()))
    });
    let known = Memo::new(move |_| now.with(Option::is_some));
    (move || {
        if !known.get() {
            return view! { <p class="muted">"Its version is told by the gateway itself, once it answers."</p> }.into_any();
        }
        view! {
            {move || now.get().map(|now| standing(&now))}
            <div class="actions"><Change now=now /> <Back now=now /></div>
        }
        .into_any()
    })
    .into_any()
}

fn standing(now: &OpenclawStatus) -> AnyView {
    let running = now.running.clone();
    let running = running.unwrap_or_else(|| "Not known before the next start".to_owned());
    let mood = match (&now.trial, &now.problem) {
        (Some(trial), _) if trial.trouble.is_none() => Some((Mood::Warn, "On trial")),
        (Some(_), _) => Some((Mood::Bad, "Does not work")),
        (None, Some(_)) => Some((Mood::Warn, "Needs a look")),
        (None, None) => None,
    };
    let problem = now
        .problem
        .clone()
        .map(|why| view! { <Notice tone=Tone::Bad><p>{why}</p></Notice> });
    let choice = match &now.choice {
        Some(choice) => {
            let note = choice.note.as_ref().map(|note| format!(": “{note}”"));
            view! { <p class="muted">{choice.version.clone()} " was chosen by " {choice.by.clone()} " " <Relative at=choice.at /> {note} "."</p> }.into_any()
        }
        None => view! { <p class="muted">"It follows the image."</p> }.into_any(),
    };
    let offered = match now.offered.as_slice() {
        [] => "What the image offers is known once a container has started.".to_owned(),
        [own] => format!("The image offers {own} alone."),
        [own, others @ ..] => format!("The image brings {own}, and offers {}.", others.join(", ")),
    };
    view! {
        <p class="line"><strong>{running}</strong> {mood.map(status::badge)}</p>
        {problem}
        {now.trial.as_ref().filter(|trial| trial.trouble.is_none()).map(trial)}
        {choice}
        <p class="muted">{offered}</p>
        {now.last.as_ref().map(last)}
    }
    .into_any()
}

fn trial(trial: &Trial) -> AnyView {
    let generation = trial
        .generation
        .map_or_else(|| "nothing".to_owned(), |n| format!("generation {n}"));
    let way_back = if trial.way_back {
        format!(
            "If it does not work, {} comes back with {generation}.",
            trial.from
        )
    } else {
        format!(
            "The image does not offer {}: there is no way back.",
            trial.from
        )
    };
    let when = match trial.until {
        Some(until) => {
            view! { "It works; it is kept if it still does " <Relative at=until /> ". " }.into_any()
        }
        None => view! { "It has to get ready and to stay healthy. " }.into_any(),
    };
    let title = format!("{} is on trial after {}. ", trial.version, trial.from);
    let ends = (trial.ends > 0).then(|| format!(" It ended {} times so far.", trial.ends));
    view! {
        <Notice tone=Tone::Info>
            <p><strong>{title}</strong> {when} {way_back} {ends}</p>
        </Notice>
    }
    .into_any()
}

fn last(last: &Outcome) -> AnyView {
    let words = match last.result {
        Verdict::Kept => format!("{} was kept after {}", last.version, last.from),
        Verdict::Back => format!("{} went back to {}", last.version, last.from),
        Verdict::Interrupted => format!("The trial of {} was interrupted", last.version),
    };
    let left = last
        .left
        .map(|n| format!(" What {} wrote last is generation {n}.", last.version));
    view! { <p class="muted">{words} " " <Relative at=last.at /> "." {left}</p> }.into_any()
}

/// Chooses another version.
#[component]
fn Change(now: Memo<Option<OpenclawStatus>>) -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let (open, busy) = (RwSignal::new(false), RwSignal::new(false));
    let (note, pick) = (
        RwSignal::new(String::new()),
        RwSignal::new(FOLLOW.to_owned()),
    );
    let why_not = Signal::derive(move || {
        context.why_not(Role::Admin).or_else(|| {
            now.with(|now| {
                let now = now.as_ref()?;
                let trial = now.trial.as_ref();
                let busy = trial.map(|trial| format!("{} is on trial.", trial.version));
                let unknown = || "No container has told what its image offers.".to_owned();
                busy.or_else(|| now.offered.is_empty().then(unknown))
            })
        })
    });
    let begin = move |()| {
        let choice = now.with_untracked(|now| now.as_ref().and_then(|now| now.choice.clone()));
        pick.set(choice.map_or_else(|| FOLLOW.to_owned(), |choice| choice.version));
        note.set(String::new());
        open.set(true);
    };
    let send = move |()| {
        let Some(revision) = now.with_untracked(|now| now.as_ref().map(|now| now.revision)) else {
            return;
        };
        busy.set(true);
        let (gateway, words) = (context.gateway(), note.get_untracked().trim().to_owned());
        let version = chosen(&pick.get_untracked());
        spawn_local(async move {
            let why = (!words.is_empty()).then_some(words);
            let answer = gateway.choose_version(revision, version, why, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            open.set(false);
            match answer {
                Ok(()) => announcer.say("OpenClaw's version was chosen"),
                Err(error) => toasts.failed(error.message()),
            }
            context.status.refresh();
        });
    };
    let words = move || {
        let lines = now.with(|now| {
            now.as_ref()
                .map(|now| preview(now, chosen(&pick.get()).as_deref()))
        });
        let lines = lines.unwrap_or_default().into_iter();
        lines.map(|line| view! { <p>{line}</p> }).collect_view()
    };
    let list = move || {
        let options = now.with_untracked(|now| now.as_ref().map(options).unwrap_or_default());
        select(
            "Version",
            options,
            pick.into(),
            Callback::new(move |value| pick.set(value)),
        )
    };
    view! {
        <Button on_press=begin why_not=why_not>"Change version"</Button>
        <Dialog open=open title="Change OpenClaw's version?">
            {list}
            <div class="lines" aria-live="polite">{words}</div>
            <TextArea label="Why (optional)" hint="Shown to everybody who looks at this gateway, and kept in the audit." value=note max=MAX_NOTE />
            <div class="actions">
                <Button on_press=send weight=Weight::Danger busy=busy>"Change it"</Button>
                <Button on_press=move |()| open.set(false)>"Cancel"</Button>
            </div>
        </Dialog>
    }
}

/// Goes back to the version before, where there is a way.
#[component]
fn Back(now: Memo<Option<OpenclawStatus>>) -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let (open, busy) = (RwSignal::new(false), RwSignal::new(false));
    let note = RwSignal::new(String::new());
    let back = Memo::new(move |_| now.with(|now| now.as_ref().and_then(|now| now.back.clone())));
    let why_not = Signal::derive(move || context.why_not(Role::Admin));
    let send = move |()| {
        let Some(revision) = now.with_untracked(|now| now.as_ref().map(|now| now.revision)) else {
            return;
        };
        busy.set(true);
        let (gateway, words) = (context.gateway(), note.get_untracked().trim().to_owned());
        spawn_local(async move {
            let why = (!words.is_empty()).then_some(words);
            let answer = gateway.version_back(revision, why, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            open.set(false);
            match answer {
                Ok(()) => announcer.say("The version before is coming back"),
                Err(error) => toasts.failed(error.message()),
            }
            context.status.refresh();
        });
    };
    let words = move || back.get().map(|back| back_preview(&back));
    view! {
        <Show when=move || back.with(Option::is_some)>
            <Button on_press=move |()| open.set(true) why_not=why_not>
                {move || back.get().map(|back| format!("Go back to {}", back.version))}
            </Button>
        </Show>
        <Dialog open=open title="Go back to the version before?">
            <p>{words}</p>
            <TextArea label="Why (optional)" hint="Kept in the audit." value=note max=MAX_NOTE />
            <div class="actions">
                <Button on_press=send weight=Weight::Danger busy=busy>"Go back"</Button>
                <Button on_press=move |()| open.set(false)>"Cancel"</Button>
            </div>
        </Dialog>
    }
}
