//! The central index of gateways: a Worker on D1.
//!
//! `lib.rs` turns the Worker's bindings into an `App` and hands requests to the
//! router. Operations are in `routes`, one per file; what they need from the
//! outside is in `ports`, and `adapters` implement it. `pulse` is the Durable
//! Object that hears heartbeats.

mod adapters;
mod app;
mod body;
mod enrolment;
mod operator;
mod ports;
mod pulse;
mod reply;
mod routes;
#[cfg(test)]
mod testing;

use std::sync::Arc;

use axum::response::{IntoResponse, Response};
use tower_service::Service;
use worker::{Context, Env, HttpRequest, console_error, event};

use crate::adapters::{d1, platform, pulse as pulse_adapter};
use crate::app::{App, Settings};
use crate::reply::{Cause, Failure};

pub use pulse::Pulse;

#[event(fetch)]
async fn fetch(request: HttpRequest, env: Env, _context: Context) -> worker::Result<Response> {
    let place = format!("{} {}", request.method(), request.uri().path());
    let response = match app(&env) {
        // The router never fails: it answers with a problem instead.
        Ok(app) => match routes::router(Arc::new(app)).call(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        Err(cause) => {
            Failure::Fault(format!("the registry is not set up: {cause}")).into_response()
        }
    };
    if let Some(Cause(cause)) = response.extensions().get::<Cause>() {
        console_error!("{place}: {cause}");
    }
    Ok(response)
}

fn app(env: &Env) -> Result<App, String> {
    let settings = Settings::read(|name| env.var(name).ok().map(|value| value.to_string()))?;
    let failed = |error: worker::Error| error.to_string();
    let store = || d1::store(env).map_err(failed);
    Ok(App {
        gateways: Arc::new(store()?),
        join_tokens: Arc::new(store()?),
        audit: Arc::new(store()?),
        usage: Arc::new(store()?),
        pulse: Arc::new(pulse_adapter::stub(env).map_err(failed)?),
        verifier: Arc::new(platform::AccessVerifier(settings.access.clone())),
        clock: Arc::new(platform::PlatformClock),
        random: Arc::new(platform::PlatformRandom),
        assets: Arc::new(platform::assets(env).map_err(failed)?),
        settings,
    })
}
