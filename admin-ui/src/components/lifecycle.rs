//! Starting, stopping and restarting a gateway's container.

use domain::access::Role;
use domain::wire::gateway::SandboxPhase;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::gateway_context::GatewayContext;
use crate::api::abort::Abort;
use crate::api::gateway::SandboxAction;
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::dialog::Dialog;
use crate::ui::toast::Toasts;

/// What a confirmation says.
struct Confirmation {
    title: &'static str,
    consequence: &'static str,
    yes: &'static str,
}

const fn confirmation(action: SandboxAction) -> Confirmation {
    match action {
        SandboxAction::Start => Confirmation {
            title: "Start?",
            consequence: "",
            yes: "Start",
        },
        SandboxAction::Stop => Confirmation {
            title: "Stop this gateway?",
            consequence: "Work that is under way ends, chats are cut off, and nothing runs until somebody starts it again.",
            yes: "Stop",
        },
        SandboxAction::Restart => Confirmation {
            title: "Restart this gateway?",
            consequence: "Work that is under way ends and chats are cut off. OpenClaw takes about half a minute to come back.",
            yes: "Restart",
        },
        SandboxAction::Destroy => Confirmation {
            title: "Destroy the container?",
            consequence: "Its state is saved as a snapshot, then the container ends and its file system with it; the next start begins with that snapshot. The policy, usage and audit stay.",
            yes: "Destroy",
        },
    }
}

/// Why an action makes no sense in a phase; none when it does.
pub(crate) fn out_of_place(action: SandboxAction, phase: SandboxPhase) -> Option<&'static str> {
    match (action, phase) {
        (SandboxAction::Start, SandboxPhase::Starting) => Some("It is starting already."),
        (SandboxAction::Start, SandboxPhase::Ready) => Some("It is running already."),
        (SandboxAction::Start, SandboxPhase::Stopping) => {
            Some("It is stopping; wait until it has.")
        }
        (SandboxAction::Stop, SandboxPhase::Stopped) => Some("It is stopped already."),
        (SandboxAction::Stop, SandboxPhase::Stopping) => Some("It is stopping already."),
        (SandboxAction::Restart, SandboxPhase::Asleep) => Some("It is asleep; start it instead."),
        (SandboxAction::Restart, SandboxPhase::Stopped) => Some("It is stopped; start it instead."),
        (SandboxAction::Restart, SandboxPhase::Stopping) => {
            Some("It is stopping; wait until it has.")
        }
        _ => None,
    }
}

/// The buttons of a gateway's header.
#[component]
pub(crate) fn LifecycleButtons() -> impl IntoView {
    view! {
        <ActionButton action=SandboxAction::Start text="Start" needs=Role::Operator />
        <ActionButton action=SandboxAction::Restart text="Restart" needs=Role::Operator />
        <ActionButton action=SandboxAction::Stop text="Stop" needs=Role::Operator />
    }
}

/// One button, with its confirmation where the action ends something.
#[component]
pub(crate) fn ActionButton(
    /// What it does.
    action: SandboxAction,
    /// What it says.
    text: &'static str,
    /// Role it takes.
    needs: Role,
) -> impl IntoView {
    let context = GatewayContext::get();
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let (busy, open) = (RwSignal::new(false), RwSignal::new(false));
    let why_not = Signal::derive(move || {
        context.why_not(needs).or_else(|| {
            let phase = context
                .status
                .value
                .with(|s| s.as_ref().map(|s| s.sandbox.phase));
            phase
                .and_then(|phase| out_of_place(action, phase))
                .map(str::to_owned)
        })
    });
    let words = confirmation(action);
    let run = Callback::new(move |()| {
        open.set(false);
        busy.set(true);
        let gateway = context.gateway();
        spawn_local(async move {
            let done = gateway.sandbox(action, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match done {
                Ok(()) => announcer.say(format!("{} asked for", confirmation(action).yes)),
                Err(error) => toasts.failed(error.message()),
            }
            context.status.refresh();
        });
    });
    let press = move |()| {
        if action == SandboxAction::Start {
            run.run(())
        } else {
            open.set(true)
        }
    };
    let weight = if action == SandboxAction::Destroy {
        Weight::Danger
    } else {
        Weight::Plain
    };
    view! {
        <Button on_press=press busy=busy why_not=why_not weight=weight>{text}</Button>
        <Dialog open=open title=words.title>
            <p>{words.consequence}</p>
            <div class="actions">
                <Button on_press=run weight=Weight::Danger>{words.yes}</Button>
                <Button on_press=move |()| open.set(false)>"Cancel"</Button>
            </div>
        </Dialog>
    }
}

#[cfg(test)]
mod tests {
    use super::out_of_place;
    use crate::api::gateway::SandboxAction;
    use domain::wire::gateway::SandboxPhase;

    #[test]
    fn a_failed_container_can_be_started_and_a_running_one_cannot() {
        assert_eq!(
            out_of_place(SandboxAction::Start, SandboxPhase::Failed),
            None
        );
        assert_eq!(
            out_of_place(SandboxAction::Start, SandboxPhase::BackingOff),
            None
        );
        assert!(out_of_place(SandboxAction::Start, SandboxPhase::Ready).is_some());
    }

    #[test]
    fn what_is_stopped_cannot_be_stopped_and_destroy_is_always_possible() {
        assert!(out_of_place(SandboxAction::Stop, SandboxPhase::Stopped).is_some());
        assert_eq!(
            out_of_place(SandboxAction::Destroy, SandboxPhase::Stopped),
            None
        );
    }
}
