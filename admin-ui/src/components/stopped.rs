//! The kill switch: no model is called until somebody lifts it.

use domain::access::Role;
use domain::wire::usage::Stop;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::gateway_context::GatewayContext;
use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::forms::policy::draft::MAX_NOTE;
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::clock::Relative;
use crate::ui::dialog::Dialog;
use crate::ui::field::TextArea;
use crate::ui::notice::{Notice, Tone};
use crate::ui::toast::Toasts;

/// Who stopped the models of the gateway, if they are stopped.
fn stopped(context: GatewayContext) -> Memo<Option<Stop>> {
    Memo::new(move |_| context.facts().and_then(|facts| facts.budget.stopped))
}

/// What is done about an answer: the state is asked for again, a failure is said.
fn settle(
    context: GatewayContext,
    answer: Result<(), ApiError>,
    said: &'static str,
    announcer: Announcer,
    toasts: Toasts,
) {
    match answer {
        Ok(()) => announcer.say(said),
        Err(error) => toasts.failed(error.message()),
    }
    context.status.refresh();
}

/// The button at a gateway's head; nothing while all is stopped already.
#[component]
pub(crate) fn StopModelsButton() -> impl IntoView {
    let context = GatewayContext::get();
    let is_stopped = stopped(context);
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let (busy, open) = (RwSignal::new(false), RwSignal::new(false));
    let note = RwSignal::new(String::new());
    let why_not = Signal::derive(move || context.why_not(Role::Operator));
    let stop = move |()| {
        busy.set(true);
        let (gateway, text) = (context.gateway(), note.get_untracked());
        spawn_local(async move {
            let text = text.trim();
            let why = (!text.is_empty()).then(|| text.to_owned());
            let answer = gateway.stop_models(why, abort).await.map(drop);
            if abort.ended() {
                return;
            }
            busy.set(false);
            open.set(false);
            settle(
                context,
                answer,
                "All model calls are stopped",
                announcer,
                toasts,
            );
        });
    };
    view! {
        <Show when=move || is_stopped.with(Option::is_none)>
            <Button on_press=move |()| open.set(true) weight=Weight::Danger why_not=why_not>"Stop models"</Button>
        </Show>
        <Dialog open=open title="Stop all model calls?">
            <p>
                "No model call of this gateway starts any more, and those under way end within ten seconds; browser sessions close. "
                "OpenClaw keeps running and answers that its models are stopped. This holds, restarts included, until somebody lifts it."
            </p>
            <TextArea label="Why (optional)" hint="Shown to everybody who looks at this gateway, and kept in the audit." value=note max=MAX_NOTE />
            <div class="actions">
                <Button on_press=stop weight=Weight::Danger busy=busy>"Stop all model calls"</Button>
                <Button on_press=move |()| open.set(false)>"Cancel"</Button>
            </div>
        </Dialog>
    }
}

/// What everybody sees while the models are stopped, and the way to lift it.
pub(crate) fn notice(context: GatewayContext) -> AnyView {
    let is_stopped = stopped(context);
    (move || is_stopped.get().map(|stop| view! { <Stopped stop=stop /> })).into_any()
}

#[component]
fn Stopped(stop: Stop) -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let busy = RwSignal::new(false);
    let why_not = Signal::derive(move || context.why_not(Role::Operator));
    let resume = move |()| {
        busy.set(true);
        let gateway = context.gateway();
        spawn_local(async move {
            let answer = gateway.resume_models(abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            settle(
                context,
                answer,
                "Models may be called again",
                announcer,
                toasts,
            );
        });
    };
    view! {
        <Notice tone=Tone::Bad>
            <p>
                <strong>"All model calls are stopped. "</strong>
                {stop.by} " stopped them " <Relative at=stop.at />
                {stop.note.map(|note| format!(": “{note}”"))} ". Browser sessions are closed, too."
            </p>
            <Button on_press=resume busy=busy why_not=why_not>"Let models be called again"</Button>
        </Notice>
    }
}

/// A mark for the fleet.
pub(crate) fn tag(stop: &Stop) -> AnyView {
    let title = stop.note.as_ref().map_or_else(
        || format!("Stopped by {}", stop.by),
        |note| format!("Stopped by {}: {note}", stop.by),
    );
    view! { <span class="tag bad" title=title>"Models stopped"</span> }.into_any()
}
