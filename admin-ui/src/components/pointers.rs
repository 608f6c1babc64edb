//! Where a gateway's durable state lies.

use domain::wire::gateway::Pointers;
use leptos::prelude::*;

use crate::ui::clock::Relative;
use crate::ui::link::external;
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
    let git = pointers.git.clone().into_iter().map(|git| {
        view! {
            <div>
                <dt>"Repository"</dt>
                <dd>
                    {external(&git.repository, git.repository.clone(), "text-link")}
                    " at " <code title=git.commit>{short_hash(&git.commit)}</code>
                </dd>
            </div>
        }
    });
    view! { <dl class="facts">{r2}{git.collect::<Vec<_>>()}</dl> }.into_any()
}
