//! The Worker in front of one gateway: proxy, governance API and the Sandbox Durable Object.
//!
//! Two doors lead in. The public one takes operators, users and scripts; the
//! container's own one is bound as a service with props that say so, and answers
//! `governance.internal`, `models.internal`, `browser.internal`,
//! `state.internal` and `git.internal`. No header can turn one into the other.

pub mod adapters;
pub mod clone;
pub mod command;
pub mod forge;
pub mod front;
pub mod internal;
pub mod ports;
pub mod routes;
pub mod sandbox;
pub mod settings;

use domain::problem::Problem;
use serde::Deserialize;
use worker::{Context, Env, Request, Result, event};

use front::entry::{Destination, destination};
use front::{api, proxy};

/// Props of the binding that a request came through; a public request has none.
#[derive(Debug, Default, Deserialize)]
struct Props {
    #[serde(default)]
    door: Option<String>,
}

/// Serves every request, whichever door it comes through.
#[event(fetch)]
async fn fetch(mut request: Request, env: Env, context: Context) -> Result<web_sys::Response> {
    let settings = match adapters::env::settings(&env) {
        Ok(settings) => settings,
        Err(problem) => return Ok(edge::reply::problem(&problem)?.into()),
    };
    let Ok(url) = request.url() else {
        let problem = Problem::malformed("The address of the request cannot be read.");
        return Ok(edge::reply::problem(&problem)?.into());
    };
    let sandbox = adapters::sandbox_stub::SandboxStub::new(&env)?;
    let props: Props = context.props().unwrap_or_default();
    if props.door.as_deref() == Some("container") {
        let bindings = adapters::env::Bindings(&env);
        let response =
            internal::serve(&mut request, &url, &context, &settings, sandbox, bindings).await?;
        return Ok(response.into());
    }
    let host = request.headers().get("host")?.unwrap_or_default();
    let named = [url.host_str().unwrap_or_default(), host.as_str()];
    match destination(named, url.path()) {
        Ok(Destination::Health) => Ok(api::health(&request, &sandbox, &settings).await?.into()),
        Ok(Destination::Api) => Ok(api::serve(&mut request, &url, &sandbox, &settings)
            .await?
            .into()),
        Ok(Destination::Granted) => {
            let bucket = adapters::r2::StateBucket::new(&env);
            Ok(clone::serve(&request, &url, bucket.as_ref(), &sandbox)
                .await?
                .into())
        }
        Ok(Destination::Openclaw) => proxy::serve(request.inner(), &url, &sandbox, &settings).await,
        Err(problem) => Ok(edge::reply::problem(&problem)?.into()),
    }
}
