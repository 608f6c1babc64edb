//! Making a join token, and what to do with it.

use domain::wire::registry::JoinToken;
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::Api;
use crate::api::abort::Abort;
use crate::api::error::ApiError;
use crate::forms::join_token::{JoinTokenDraft, LIFETIMES};
use crate::ui::button::{Button, Weight};
use crate::ui::clock::{Clock, Relative};
use crate::ui::copy::CopyButton;
use crate::ui::dialog::Dialog;
use crate::ui::field::TextField;
use crate::ui::notice::{Notice, Tone};

/// The dialog; each opening begins anew, so that a token is shown once.
#[component]
pub(crate) fn EnrolDialog(
    /// Whether it is open.
    open: RwSignal<bool>,
) -> impl IntoView {
    view! {
        <Dialog open=open title="Enrol a gateway"><Enrol open=open /></Dialog>
    }
}

#[component]
fn Enrol(open: RwSignal<bool>) -> impl IntoView {
    let (api, abort) = (Api::get(), Abort::on_cleanup());
    let name = RwSignal::new(String::new());
    let ttl = RwSignal::new(JoinTokenDraft::default().ttl_seconds);
    let busy = RwSignal::new(false);
    let token = RwSignal::new(None::<JoinToken>);
    let errors = RwSignal::new(Vec::<String>::new());
    let failure = RwSignal::new(None::<ApiError>);
    let create = move |()| {
        let draft = JoinTokenDraft {
            name: name.get_untracked(),
            ttl_seconds: ttl.get_untracked(),
        };
        let request = match draft.into_request() {
            Ok(request) => request,
            Err(wrong) => return errors.set(wrong.into_iter().map(|e| e.detail).collect()),
        };
        errors.set(Vec::new());
        failure.set(None);
        busy.set(true);
        spawn_local(async move {
            let answer = api.create_join_token(&request, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match answer {
                Ok(made) => token.set(Some(made)),
                Err(error) if error.field_errors().is_empty() => failure.set(Some(error)),
                Err(error) => {
                    errors.set(
                        error
                            .field_errors()
                            .iter()
                            .map(|e| e.detail.clone())
                            .collect(),
                    );
                }
            }
        });
    };
    let form = move || {
        let option = |(seconds, text): (u32, &'static str)| {
            view! { <option value=seconds.to_string() selected=move || ttl.get() == seconds>{text}</option> }
        };
        view! {
            <p>"A gateway joins with a one-use token. It is shown once, and stops working when its time is over."</p>
            <TextField label="Name (optional)" hint="The gateway must then enrol under this name." value=name errors=errors placeholder="company" />
            <div class="field">
                <label for="join-ttl">"Valid for"</label>
                <select id="join-ttl"
                    on:change:target=move |event| {
                        if let Ok(seconds) = event.target().value().parse() {
                            ttl.set(seconds);
                        }
                    }>
                    {LIFETIMES.map(option)}
                </select>
            </div>
            {move || failure.get().map(|error| view! { <Notice tone=Tone::Bad><p>{error.message()}</p></Notice> })}
            <div class="actions">
                <Button on_press=create weight=Weight::Primary busy=busy>"Create join token"</Button>
                <Button on_press=move |()| open.set(false)>"Cancel"</Button>
            </div>
        }
        .into_any()
    };
    move || match token.get() {
        Some(made) => created(made, open),
        None => form(),
    }
}

fn created(made: JoinToken, open: RwSignal<bool>) -> AnyView {
    let clock = Clock::get();
    let expires_at = made.expires_at;
    let over = move || clock.now() >= expires_at;
    let origin = window().location().origin().unwrap_or_default();
    let body = format!(
        r#"{{"registry_url": "{origin}", "join_token": "{}"}}"#,
        made.token
    );
    view! {
        <p class="token"><code>{made.token.clone()}</code> <CopyButton text=made.token what="join token" /></p>
        {move || if over() {
            view! { <Notice tone=Tone::Warn><p>"This token is over. Close this and create another."</p></Notice> }.into_any()
        } else {
            view! { <p class="muted">"Stops working " <Relative at=expires_at /> ", or once it is used. It is not shown again."</p> }.into_any()
        }}
        <p>"Give it to the gateway, as one of its admins:"</p>
        <pre class="code" tabindex="0" role="region" aria-label="Request"><code>{format!("POST /_gateway/v1/enrolment\n{body}")}</code></pre>
        <p class="muted">"It shows in the fleet with its first heartbeat."</p>
        <div class="actions">
            <Button on_press=move |()| open.set(false) weight=Weight::Primary>"Done"</Button>
        </div>
    }
    .into_any()
}
