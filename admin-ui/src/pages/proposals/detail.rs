//! One proposal: what it would change, and the decision.

use std::time::Duration;

use domain::access::Role;
use domain::git::change::skill_of_pack;
use domain::policy::Direction;
use domain::proposal::{Proposal, State};
use domain::wire::gateway::PolicyDiff;
use leptos::prelude::*;
use leptos::task::spawn_local;

use super::badge;
use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::api::gateway::Gateway;
use crate::api::live::Live;
use crate::components::changes;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::forms::policy::draft::MAX_NOTE;
use crate::forms::proposal::{candidate, generations_words, health_words, kind_words};
use crate::paths::{self, Section};
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::clock::Relative;
use crate::ui::field::TextArea;
use crate::ui::icon::Icon;
use crate::ui::link::external_named;
use crate::ui::loading::Loading;
use crate::ui::notice::{Notice, Tone};

/// How often it is asked for: somebody else may decide.
const EVERY: Duration = Duration::from_secs(5);

/// A proposal, and what it would change while it waits.
type Seen = (Proposal, Option<PolicyDiff>);

/// The proposal of an id.
pub(super) fn view(id: String) -> AnyView {
    let context = GatewayContext::get();
    let live: Live<Seen> = Live::every(EVERY, move |abort| {
        Box::pin(load(context.gateway(), id.clone(), abort))
    });
    let body = move || match (live.value.get(), live.error.get()) {
        (Some((proposal, diff)), _) => shown(live, &proposal, diff.as_ref()),
        (None, Some(error)) => {
            view! { <Failure what="The proposal" error=error retry=move |()| live.refresh() /> }
                .into_any()
        }
        (None, None) => view! { <Loading what="Loading the proposal" /> }.into_any(),
    };
    let all = paths::gateway(&context.id(), Section::Proposals);
    view! {
        <p><a class="text-link" href=all>{Icon::Left.view()} "All proposals"</a></p>
        {body}
    }
    .into_any()
}

async fn load(gateway: Gateway, id: String, abort: Abort) -> Result<Seen, ApiError> {
    let proposal = gateway.proposal(&id, abort).await?;
    if proposal.state != State::Pending {
        return Ok((proposal, None));
    }
    let policy = gateway.policy(abort).await?.document;
    let diff = match candidate(&policy, &proposal.draft) {
        Some(document) => Some(gateway.diff(document, abort).await?),
        None => None,
    };
    Ok((proposal, diff))
}

fn shown(live: Live<Seen>, proposal: &Proposal, diff: Option<&PolicyDiff>) -> AnyView {
    let content = serde_json::to_string_pretty(&proposal.draft.content).unwrap_or_default();
    let pending = proposal.state == State::Pending;
    let lapses = pending.then(|| {
        view! { <div><dt>"Lapses"</dt><dd><Relative at=proposal.expires_at /></dd></div> }
    });
    let decided = proposal
        .decided_by
        .clone()
        .zip(proposal.decided_at)
        .map(|(by, at)| {
            view! { <div><dt>"Decided"</dt><dd>{by} ", " <Relative at=at /></dd></div> }
        });
    let version = proposal.policy_version.map(|version| {
        view! { <div><dt>"Became"</dt><dd>{format!("v{version} of the policy")}</dd></div> }
    });
    let state = generations_words(proposal).map(|words| {
        let snapshots = paths::gateway(&GatewayContext::get().id(), Section::Snapshots);
        view! {
            <div>
                <dt>"Snapshots"</dt>
                <dd><a class="text-link" href=snapshots>{words}</a></dd>
            </div>
        }
    });
    let detail = proposal.detail.clone().map(|detail| {
        view! { <div><dt>"Said"</dt><dd>{detail}</dd></div> }
    });
    let sent = proposal.pull_request.clone().map(|url| {
        let of = format!(" of {}", proposal.id);
        let link = external_named(&url, "Pull request".to_owned(), of, "text-link");
        view! { <div><dt>"At the Git host"</dt><dd>{link}</dd></div> }
    });
    let health = proposal
        .health
        .map(|health| view! { <p>{health_words(health)}</p> });
    let effect = diff.map(|diff| {
        view! {
            <h4>{format!("What it would change in v{}", diff.base_version)}</h4>
            {changes::view(&diff.changes)}
        }
    });
    let loosens = diff.is_some_and(|diff| {
        let mut changes = diff.changes.iter();
        changes.any(|change| change.direction == Direction::Loosens)
    });
    let decision = pending.then(|| {
        let (id, author) = (proposal.id.clone(), proposal.author.clone());
        let elsewhere = skill_of_pack(&proposal.draft).is_some();
        view! { <Decision live=live id=id author=author loosens=loosens elsewhere=elsewhere /> }
    });
    view! {
        <article class="panel">
            <h3><code>{proposal.id.clone()}</code> " " {kind_words(proposal.draft.kind)} " " <code>{proposal.draft.target.clone()}</code></h3>
            <p>{badge(proposal.state)}</p>
            <blockquote>{proposal.draft.reason.clone()}</blockquote>
            <dl class="facts columns">
                <div><dt>"Proposed by"</dt><dd>{proposal.author.clone()}</dd></div>
                <div><dt>"Made"</dt><dd><Relative at=proposal.created_at /></dd></div>
                {lapses} {decided} {version} {state} {detail} {sent}
            </dl>
            {health}
            <h4>"What it is to be"</h4>
            <pre class="code" tabindex="0" role="region" aria-label="Proposed content"><code>{content}</code></pre>
            {effect}
        </article>
        {decision}
    }
    .into_any()
}

#[component]
fn Decision(
    live: Live<Seen>,
    id: String,
    author: String,
    loosens: bool,
    /// Whether it is approved at its Git host, and only there.
    elsewhere: bool,
) -> impl IntoView {
    let context = GatewayContext::get();
    let (announcer, abort) = (Announcer::get(), Abort::on_cleanup());
    let (busy, note) = (RwSignal::new(false), RwSignal::new(String::new()));
    let failed = RwSignal::new(None::<ApiError>);
    let mine = Signal::derive(move || {
        let viewer = context
            .status
            .value
            .with(|s| s.as_ref().map(|s| s.viewer.subject.clone()));
        (viewer.as_ref() == Some(&author))
            .then(|| "Nobody decides their own proposal; ask somebody else.".to_owned())
    });
    let may_not_approve = move |why: Option<String>| {
        let words = "A skill of a pack is approved by merging its pull request.";
        elsewhere.then(|| words.to_owned()).or(why)
    };
    let may_not =
        |needed: Role| Signal::derive(move || mine.get().or_else(|| context.why_not(needed)));
    let approver = if loosens { Role::Admin } else { Role::Operator };
    let decide = Callback::new(move |approve: bool| {
        busy.set(true);
        failed.set(None);
        let (gateway, id) = (context.gateway(), id.clone());
        let text = note.get_untracked().trim().to_owned();
        spawn_local(async move {
            let why = (!text.is_empty()).then_some(text);
            let answer = gateway.decide(&id, approve, why, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match answer {
                Ok(_) => announcer.say(if approve { "Approved" } else { "Rejected" }),
                Err(error) => failed.set(Some(error)),
            }
            live.refresh();
            context.status.refresh();
        });
    });
    let failure = move || {
        failed.get().map(|error| {
            // Somebody else was quicker, or its time was over.
            let twice = error.status() == Some(409);
            let tone = if twice { Tone::Warn } else { Tone::Bad };
            view! {
                <Notice tone=tone>
                    {twice.then(|| view! { <p><strong>"A proposal is decided once."</strong></p> })}
                    <p>{error.message()}</p>
                    {error.field_errors().iter().map(|e| view! { <p>{e.detail.clone()}</p> }).collect::<Vec<_>>()}
                </Notice>
            }
        })
    };
    view! {
        <section class="panel" aria-labelledby="decision">
            <h3 id="decision">"Decide"</h3>
            <p class="muted">
                {if loosens {
                    "It would allow more than before, so approving it takes an admin. "
                } else {
                    ""
                }}
                "An approved proposal becomes a new version of the policy. A decision cannot be taken back."
            </p>
            <TextArea label="Why (optional)" hint="The one who proposed it can read it." value=note max=MAX_NOTE />
            <div class="actions">
                <Button on_press=move |()| decide.run(true) weight=Weight::Primary busy=busy why_not=Signal::derive({
                    let why = may_not(approver);
                    move || may_not_approve(why.get())
                })>"Approve"</Button>
                <Button on_press=move |()| decide.run(false) weight=Weight::Danger busy=busy why_not=may_not(Role::Operator)>"Reject"</Button>
            </div>
            {failure}
        </section>
    }
}
