//! How far a saved policy has come: saved, fetched, confirmed by OpenClaw.

use domain::wire::gateway::{ApplyState, PolicyStatus, SandboxPhase};
use leptos::prelude::*;

use super::editor::Editor;
use crate::ui::announce::Announcer;
use crate::ui::clock::Relative;
use crate::ui::icon::Icon;
use crate::ui::notice::{Notice, Tone};

/// What to show about a version that was saved here, or that is on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Journey {
    version: u64,
    state: ApplyState,
    detail: Option<String>,
    stopped: bool,
    confirmed_at: Option<chrono::DateTime<chrono::Utc>>,
}

/// Nothing is shown for a version that was in force before this page opened.
fn journey(policy: &PolicyStatus, phase: SandboxPhase, awaited: Option<u64>) -> Option<Journey> {
    // The status is older than the save: it says nothing about the new version yet.
    let behind = awaited.is_some_and(|awaited| policy.version < awaited);
    let state = if behind {
        ApplyState::Pending
    } else {
        policy.state
    };
    let shown =
        state != ApplyState::Applied || awaited.is_some_and(|awaited| awaited <= policy.version);
    shown.then(|| Journey {
        version: awaited.filter(|_| behind).unwrap_or(policy.version),
        state,
        detail: policy.detail.clone().filter(|_| !behind),
        stopped: matches!(
            phase,
            SandboxPhase::Stopped | SandboxPhase::Failed | SandboxPhase::Asleep
        ),
        confirmed_at: policy.confirmed_at.filter(|_| !behind),
    })
}

/// The progress of the newest version.
pub(super) fn view(editor: Editor) -> AnyView {
    let announcer = Announcer::get();
    let journey = Memo::new(move |_| {
        let awaited = editor.awaited.get();
        editor.context.status.value.with(|s| {
            s.as_ref()
                .and_then(|s| journey(&s.policy, s.sandbox.phase, awaited))
        })
    });
    Effect::new(move |before: Option<Option<ApplyState>>| {
        let now = journey.get();
        let state = now.as_ref().map(|j| j.state);
        if let (Some(before), Some(now)) = (before, now)
            && before != Some(now.state)
        {
            announcer.say(headline(&now));
        }
        state
    });
    (move || journey.get().map(|journey| notice(&journey))).into_any()
}

fn headline(journey: &Journey) -> String {
    let v = journey.version;
    match (journey.state, journey.stopped) {
        (ApplyState::Applied, _) => format!("v{v} applied"),
        (ApplyState::Failed, _) => {
            format!("v{v} was refused by OpenClaw; the version before stays in force")
        }
        (_, true) => format!("v{v} is saved and takes effect when the gateway starts"),
        (ApplyState::Pending, _) => format!("v{v} pending"),
        (ApplyState::Applying, _) => format!("v{v} applying"),
    }
}

fn notice(journey: &Journey) -> AnyView {
    let tone = match journey.state {
        ApplyState::Applied => Tone::Good,
        ApplyState::Failed => Tone::Bad,
        ApplyState::Pending | ApplyState::Applying => Tone::Info,
    };
    // Steps that are behind it.
    let reached = match journey.state {
        ApplyState::Pending => 1,
        ApplyState::Applying | ApplyState::Failed => 2,
        ApplyState::Applied => 3,
    };
    let names = [
        "Saved at the gateway",
        "Fetched by the container",
        "Confirmed by OpenClaw",
    ];
    let item = |(i, name): (usize, &'static str)| {
        let done = i < reached;
        // A version that was refused, or that waits for a start, is not under way.
        let now = i == reached && journey.state != ApplyState::Failed && !journey.stopped;
        let class = if done {
            "step done"
        } else if now {
            "step now"
        } else {
            "step ahead"
        };
        view! {
            <li class=class aria-current=now.then_some("step")>
                <span class="step-mark" aria-hidden="true">{done.then(|| Icon::Check.view())}</span>
                <span>{name}</span>
            </li>
        }
    };
    let steps = names.into_iter().enumerate().map(item).collect::<Vec<_>>();
    let detail = journey
        .detail
        .clone()
        .map(|detail| view! { <p>{detail}</p> });
    let confirmed = journey
        .confirmed_at
        .filter(|_| journey.state == ApplyState::Applied);
    let state = match journey.state {
        ApplyState::Pending => "pending",
        ApplyState::Applying => "applying",
        ApplyState::Applied => "applied",
        ApplyState::Failed => "failed",
    };
    let headline = headline(journey);
    view! {
        <Notice tone=tone>
            <p>
                <strong data-apply-state=state>{headline}</strong>
                {confirmed.map(|at| view! { ": OpenClaw confirmed it " <Relative at=at /> })} "."
            </p>
            {detail}
            <ol class="steps across" aria-label="Progress">{steps}</ol>
        </Notice>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{headline, journey};
    use domain::wire::gateway::{ApplyState, PolicyStatus, SandboxPhase};

    fn status(version: u64, state: ApplyState) -> PolicyStatus {
        PolicyStatus {
            version,
            desired_hash: String::new(),
            acknowledged_hash: None,
            effective_hash: None,
            effective_version: None,
            state,
            detail: None,
            confirmed_at: None,
        }
    }

    #[test]
    fn a_version_in_force_before_says_nothing_and_one_saved_here_does() {
        let applied = status(3, ApplyState::Applied);
        assert_eq!(journey(&applied, SandboxPhase::Ready, None), None);
        assert!(journey(&applied, SandboxPhase::Ready, Some(3)).is_some());
    }

    #[test]
    fn a_status_older_than_the_save_does_not_pass_for_applied() {
        let old = status(3, ApplyState::Applied);
        let now = journey(&old, SandboxPhase::Ready, Some(4)).expect("shown");
        assert_eq!((now.version, now.state), (4, ApplyState::Pending));
    }

    #[test]
    fn a_stopped_gateway_says_when_it_takes_effect() {
        let now = journey(
            &status(4, ApplyState::Pending),
            SandboxPhase::Stopped,
            Some(4),
        );
        assert!(headline(&now.expect("shown")).contains("when the gateway starts"));
    }
}
