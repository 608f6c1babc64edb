//! Devices that are paired with a gateway's OpenClaw, and those that ask to be.

use std::time::Duration;

use domain::access::Role;
use domain::wire::devices::{
    ActionState, DeviceAction, DeviceFacts, DeviceVerb, Devices, PairedDevice, PairingRequest,
};
use leptos::prelude::*;
use leptos::task::spawn_local;

use crate::api::abort::Abort;
use crate::api::live::Live;
use crate::components::failure::Failure;
use crate::components::gateway_context::GatewayContext;
use crate::components::status::{self, Mood};
use crate::ui::announce::Announcer;
use crate::ui::button::{Button, Weight};
use crate::ui::clock::Relative;
use crate::ui::loading::Loading;
use crate::ui::table::{Column, code, table};
use crate::ui::toast::Toasts;

/// How often they are asked for.
const EVERY: Duration = Duration::from_secs(5);

const COLUMNS: &[Column] = &[
    ("Device", false),
    ("May, or asks to", false),
    ("Since", false),
    ("State", false),
    ("Decide", false),
];

/// The list, requests first.
#[component]
pub(crate) fn List() -> impl IntoView {
    let context = GatewayContext::get();
    let live = Live::every(EVERY, move |abort| {
        let gateway = context.gateway();
        Box::pin(async move { gateway.devices(abort).await })
    });
    move || match (live.value.get(), live.error.get()) {
        (Some(devices), _) => listed(context, live, &devices),
        (None, Some(error)) => {
            view! { <Failure what="The devices" error=error retry=move |()| live.refresh() /> }
                .into_any()
        }
        (None, None) => view! { <Loading what="Loading the devices" /> }.into_any(),
    }
}

fn listed(context: GatewayContext, live: Live<Devices>, devices: &Devices) -> AnyView {
    if devices.pending.is_empty() && devices.paired.is_empty() {
        let words = match devices.changed_at {
            Some(_) => "No device is paired, and none asks to be.",
            None => "OpenClaw has not said yet which devices are paired.",
        };
        return view! { <p class="muted">{words}</p> }.into_any();
    }
    let pending = devices
        .pending
        .iter()
        .map(|request| asking(context, live, request, &devices.actions));
    let paired = devices
        .paired
        .iter()
        .map(|device| known(context, live, device, &devices.actions));
    table("Devices", COLUMNS, pending.chain(paired).collect())
}

fn asking(
    context: GatewayContext,
    live: Live<Devices>,
    request: &PairingRequest,
    actions: &[DeviceAction],
) -> Vec<AnyView> {
    let id = &request.request_id;
    let excess = request.excess.join(", ");
    let too_much =
        (!excess.is_empty()).then(|| format!("It asks for {excess}, which no device may hold."));
    vec![
        name(&request.device),
        granted(&request.device),
        view! { <Relative at=request.requested_at /> }.into_any(),
        state(actions, id).unwrap_or_else(|| status::badge((Mood::Busy, "Asks"))),
        view! {
            <Decide context=context live=live verb=DeviceVerb::Approve id=id.clone() unless=too_much />
            <Decide context=context live=live verb=DeviceVerb::Reject id=id.clone() unless=None />
        }
        .into_any(),
    ]
}

fn known(
    context: GatewayContext,
    live: Live<Devices>,
    paired: &PairedDevice,
    actions: &[DeviceAction],
) -> Vec<AnyView> {
    let id = &paired.device.device_id;
    let connected = if paired.connected {
        (Mood::Good, "Connected")
    } else {
        (Mood::Unknown, "Not connected")
    };
    vec![
        name(&paired.device),
        granted(&paired.device),
        match paired.approved_at {
            Some(at) => view! { <Relative at=at /> }.into_any(),
            None => view! { <span class="muted">"–"</span> }.into_any(),
        },
        state(actions, id).unwrap_or_else(|| status::badge(connected)),
        view! { <Decide context=context live=live verb=DeviceVerb::Revoke id=id.clone() unless=None /> }
            .into_any(),
    ]
}

fn name(device: &DeviceFacts) -> AnyView {
    let known = [&device.name, &device.client, &device.platform];
    let words: Vec<String> = known.into_iter().flatten().cloned().collect();
    let short: String = device.device_id.chars().take(12).collect();
    view! { {words.join(", ")} <span class="sub">{code(short)}</span> }.into_any()
}

fn granted(device: &DeviceFacts) -> AnyView {
    let all = device.roles.iter().chain(&device.scopes);
    let words: Vec<&str> = all.map(String::as_str).collect();
    words.join(", ").into_any()
}

/// What was asked for and is not done.
fn state(actions: &[DeviceAction], id: &str) -> Option<AnyView> {
    let newest = actions.iter().find(|action| action.target == id)?;
    match newest.state {
        ActionState::Waiting => Some(status::badge((Mood::Busy, "Waits for the container"))),
        ActionState::Failed => {
            let why = newest.detail.clone();
            Some(
                view! { {status::badge((Mood::Bad, "Failed"))} <span class="sub text-bad">{why}</span> }
                    .into_any(),
            )
        }
        ActionState::Done => None,
    }
}

/// A button that decides.
#[component]
fn Decide(
    context: GatewayContext,
    live: Live<Devices>,
    verb: DeviceVerb,
    /// The request or the device.
    id: String,
    /// Why it cannot be done at all.
    unless: Option<String>,
) -> impl IntoView {
    let (toasts, announcer, abort) = (Toasts::get(), Announcer::get(), Abort::on_cleanup());
    let busy = RwSignal::new(false);
    let (word, needs, weight) = match verb {
        DeviceVerb::Approve => ("Approve", Role::Admin, Weight::Plain),
        DeviceVerb::Reject => ("Reject", Role::Operator, Weight::Plain),
        DeviceVerb::Revoke => ("Revoke", Role::Operator, Weight::Danger),
    };
    let why_not = Signal::derive(move || context.why_not(needs).or_else(|| unless.clone()));
    let label = format!("{word} {id}");
    let decide = move |()| {
        busy.set(true);
        let (gateway, id) = (context.gateway(), id.clone());
        spawn_local(async move {
            let answer = gateway.decide_device(verb, &id, abort).await;
            if abort.ended() {
                return;
            }
            busy.set(false);
            match answer {
                Ok(_) => announcer.say(format!("{word} was asked for")),
                Err(error) => toasts.failed(error.message()),
            }
            live.refresh();
        });
    };
    view! { <Button on_press=decide busy=busy why_not=why_not weight=weight label=label>{word}</Button> }
}
