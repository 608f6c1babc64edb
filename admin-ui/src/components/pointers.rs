//! Where a gateway's durable state lies.

use domain::wire::gateway::{GitPointer, Pointers};
use domain::wire::git::{Proposed, ProposedState};
use leptos::prelude::*;

use crate::ui::clock::Relative;
use crate::ui::link::{external, external_named};
use crate::ui::text::{bytes, short_hash};

/// The newest snapshot and the repositories, or that there are none yet.
pub(crate) fn view(pointers: &Pointers) -> AnyView {
    if pointers.r2.is_none() && pointers.git.is_empty() {
        return view! { <p class="muted">"No snapshot and no repository yet."</p> }.into_any();
    }
    let r2 = pointers.r2.clone().map(|r2| {
        view! {
            <div>
                <dt>"Newest snapshot"</dt>
                <dd>
                    <code>{r2.key}</code>
                    " " {bytes(r2.bytes)} ", " <Relative at=r2.at />
                    <span class="muted">" SHA-256 " <code title=r2.sha256>{short_hash(&r2.sha256)}</code></span>
                </dd>
            </div>
        }
    });
    let git = pointers.git.iter().map(repository);
    view! { <dl class="facts">{r2}{git.collect::<Vec<_>>()}</dl> }.into_any()
}

/// A repository: the commit in use, others that people may want, and the pull request.
fn repository(git: &GitPointer) -> AnyView {
    let differs = |other: &Option<String>| other.clone().filter(|other| *other != git.commit);
    let commit = |words: &'static str, commit: String| {
        view! { ", " {words} " " <code title=commit>{short_hash(&commit)}</code> }
    };
    let pinned = differs(&git.pinned).map(|id| commit("to become", id));
    let available = differs(&git.available).map(|id| commit("available", id));
    let proposed = git.proposed.as_ref().map(|one| proposed(git, one));
    let name = git.name.clone().unwrap_or_else(|| "Repository".to_owned());
    view! {
        <div>
            <dt>{name}</dt>
            <dd>
                {external(&git.repository, git.repository.clone(), "text-link")}
                " at " <code title=git.commit.clone()>{short_hash(&git.commit)}</code>
                {pinned} {available}
                {proposed}
            </dd>
        </div>
    }
    .into_any()
}

fn proposed(git: &GitPointer, one: &Proposed) -> AnyView {
    let words = match one.state {
        ProposedState::Waiting => "waits for the Git host",
        ProposedState::Open => "is open",
        ProposedState::Merged => "was merged",
        ProposedState::Closed => "was closed",
    };
    let of = format!(" of {}", git.name.as_deref().unwrap_or("the repository"));
    let request = match &one.url {
        Some(url) => external_named(url, "Pull request".to_owned(), of, "text-link"),
        None => view! { <span>"A pull request"</span> }.into_any(),
    };
    let problem = one.problem.clone().map(|problem| {
        view! { <p class="text-bad">{problem}</p> }
    });
    view! { <p class="muted">{request} " " {words}</p> {problem} }.into_any()
}
