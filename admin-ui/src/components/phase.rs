//! Where the container is in its life: a time line of its start.

use domain::wire::gateway::{SandboxPhase, SandboxStatus, StartStep};
use leptos::prelude::*;

use super::status;
use crate::ui::clock::{Elapsed, Relative};
use crate::ui::icon::Icon;
use crate::ui::notice::{Notice, Tone};
use crate::ui::text::plural;

/// How a step of the start stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Behind it.
    Done,
    /// Under way.
    Now,
    /// Ahead of it.
    Ahead,
}

const STEPS: [StartStep; 4] = [
    StartStep::Container,
    StartStep::Configuring,
    StartStep::Openclaw,
    StartStep::Confirming,
];

/// The steps of a start, and how far it has come.
pub(crate) fn timeline(sandbox: &SandboxStatus) -> [(StartStep, Progress); 4] {
    let at = |step: StartStep| STEPS.iter().position(|s| *s == step).unwrap_or(0);
    STEPS.map(|step| {
        let progress = match (sandbox.phase, sandbox.step) {
            (SandboxPhase::Ready, _) => Progress::Done,
            (SandboxPhase::Starting, current) => {
                match at(step).cmp(&at(current.unwrap_or(StartStep::Container))) {
                    std::cmp::Ordering::Less => Progress::Done,
                    std::cmp::Ordering::Equal => Progress::Now,
                    std::cmp::Ordering::Greater => Progress::Ahead,
                }
            }
            _ => Progress::Ahead,
        };
        (step, progress)
    })
}

/// The phase in one line, with the step while it starts.
pub(crate) fn line(sandbox: &SandboxStatus) -> AnyView {
    let step = sandbox
        .step
        .filter(|_| sandbox.phase == SandboxPhase::Starting)
        .map(status::step);
    view! {
        {status::badge(status::phase(sandbox.phase))}
        {step.map(|step| view! { <span class="muted">{step}</span> })}
    }
    .into_any()
}

/// The panel of a gateway's overview.
pub(crate) fn panel(sandbox: &SandboxStatus) -> AnyView {
    let item = |(step, progress)| {
        let (class, word, icon) = match progress {
            Progress::Done => ("step done", "done", Some(Icon::Check)),
            Progress::Now => ("step now", "under way", None),
            Progress::Ahead => ("step ahead", "not yet", None),
        };
        let current = (progress == Progress::Now).then_some("step");
        view! {
            <li class=class aria-current=current>
                <span class="step-mark" aria-hidden="true">{icon.map(Icon::view)}</span>
                <span>{status::step(step)}</span>
                <span class="visually-hidden">{format!(", {word}")}</span>
            </li>
        }
    };
    let since = sandbox.since;
    let restarts = match u64::from(sandbox.restarts) {
        0 => "None".to_owned(),
        n => format!("{n} time{}", plural(n)),
    };
    let exit = sandbox.last_exit.clone().map(|exit| {
        let code = exit.code.map(|code| format!(" (code {code})"));
        view! {
            <div><dt>"Last exit"</dt><dd><Relative at=exit.at />": "{exit.reason}{code}</dd></div>
        }
    });
    let retry = sandbox.retry_at.map(|at| {
        let tone = match sandbox.phase {
            SandboxPhase::Asleep => Tone::Info,
            _ => Tone::Warn,
        };
        view! { <Notice tone=tone><p>"The next start is due " <Relative at=at />"."</p></Notice> }
    });
    let failed = (sandbox.phase == SandboxPhase::Failed).then(|| {
        view! {
            <Notice tone=Tone::Bad>
                <p>"It failed too often in a row and is not started again by itself. See the last exit, then start it."</p>
            </Notice>
        }
    });
    view! {
        <p class="line">{line(sandbox)} <span class="muted">"for " <Elapsed since=since /></span></p>
        {retry}
        {failed}
        <ol class="steps" aria-label="Steps of a start">{timeline(sandbox).map(item)}</ol>
        <dl class="facts">
            <div>
                <dt>"Started again"</dt>
                <dd>{restarts}" by itself, since it was last stopped"</dd>
            </div>
            {exit}
        </dl>
    }
    .into_any()
}

#[cfg(test)]
mod tests {
    use super::{Progress, timeline};
    use domain::wire::gateway::{SandboxPhase, SandboxStatus, StartStep};

    fn at(phase: SandboxPhase, step: Option<StartStep>) -> [Progress; 4] {
        let since = chrono::DateTime::UNIX_EPOCH;
        let sandbox = SandboxStatus {
            phase,
            step,
            since,
            restarts: 0,
            last_exit: None,
            retry_at: None,
        };
        timeline(&sandbox).map(|(_, progress)| progress)
    }

    #[test]
    fn a_start_moves_along_its_steps() {
        use Progress::{Ahead, Done, Now};
        assert_eq!(at(SandboxPhase::Starting, None), [Now, Ahead, Ahead, Ahead]);
        assert_eq!(
            at(SandboxPhase::Starting, Some(StartStep::Openclaw)),
            [Done, Done, Now, Ahead]
        );
        assert_eq!(at(SandboxPhase::Ready, None), [Done; 4]);
        assert_eq!(
            at(SandboxPhase::Stopped, Some(StartStep::Openclaw)),
            [Ahead; 4]
        );
    }
}
