//! Traffic for OpenClaw, inside the Durable Object: who may come in, and what
//! they see while OpenClaw is not there.

use domain::access::Role;
use domain::problem::Problem;
use domain::wire::gateway::SandboxStatus;
use web_sys::{Headers, Request};
use worker::{Response, ResponseBody, Result, Url, console_error};

use super::core::{GATEWAY, Principal};
use super::durable::Shell;
use super::lifecycle::Input;
use crate::adapters::clock::now;
use crate::adapters::raw;
use crate::command::{CALLER_HEADER, Caller};
use crate::front::page::{self, Page};
use crate::front::{headers, identity};
use crate::settings::Settings;

/// Seconds after which a client may try again while OpenClaw starts.
const RETRY_SECONDS: u32 = 3;

/// What the rules say about a request.
enum Verdict {
    /// Pass it on as this person's.
    Pass(Principal),
    /// OpenClaw is not there.
    Wait(SandboxStatus),
}

/// Serves one request.
pub(super) async fn serve(shell: &Shell, request: &Request, url: &Url) -> Result<Response> {
    let settings = match shell.with(|core| Ok(core.settings().clone())) {
        Ok(settings) => settings,
        Err(problem) => return edge::reply::problem(&problem),
    };
    match judge(shell, request) {
        Ok(Verdict::Pass(who)) => pass(shell, request, url, &who, &settings).await,
        Ok(Verdict::Wait(status)) => waiting(request, &settings, &status),
        Err(problem) => refuse(request, &settings, url, problem),
    }
}

fn judge(shell: &Shell, request: &Request) -> std::result::Result<Verdict, Problem> {
    let caller = request
        .headers()
        .get(CALLER_HEADER)
        .ok()
        .flatten()
        .unwrap_or_default();
    let caller: Caller = serde_json::from_str(&caller)
        .map_err(|_| Problem::internal("The gateway's parts disagree about a message."))?;
    shell.with(|core| {
        let who = core.principal(&caller, now())?;
        who.require(Role::User)?;
        core.needed(now());
        if core.state().is_ready() {
            return Ok(Verdict::Pass(who));
        }
        core.happen(Input::Wake, GATEWAY, now())?;
        Ok(Verdict::Wait(core.state().status()))
    })
}

async fn pass(
    shell: &Shell,
    request: &Request,
    url: &Url,
    who: &Principal,
    settings: &Settings,
) -> Result<Response> {
    let Some(container) = shell.container() else {
        return edge::reply::problem(&Problem::unavailable("This deployment has no container."));
    };
    let query = url
        .query()
        .map_or_else(String::new, |query| format!("?{query}"));
    let target = format!("http://{}{}{query}", settings.public_host(), url.path());
    let onward = raw::with_url(request, &target)?;
    set_headers(&onward.headers(), who, settings)?;
    match container.fetch(&onward).await {
        Ok(response) => {
            let location = response.headers().get("location")?;
            let location =
                location.and_then(|to| headers::public_location(&to, &settings.public_url));
            let response = Response::from(response);
            let Some(location) = location else {
                return Ok(response);
            };
            let headers = response.headers().clone();
            headers.set("location", &location)?;
            Ok(response.with_headers(headers))
        }
        Err(error) => {
            console_error!("openclaw: {error}");
            let problem = Problem::unavailable("OpenClaw does not answer just now; try again.");
            refuse(
                request,
                settings,
                url,
                problem.with_retry_after(RETRY_SECONDS),
            )
        }
    }
}

fn set_headers(onward: &Headers, who: &Principal, settings: &Settings) -> Result<()> {
    let get = |name: &str| onward.get(name).ok().flatten();
    let client = get("cf-connecting-ip");
    let has_origin = get("origin").is_some();
    let cookies = get("cookie");
    for name in worker::Headers(onward.clone()).keys() {
        if headers::is_removed(&name) {
            onward.delete(&name)?;
        }
    }
    if let Some(cookies) = cookies {
        match headers::without_identity(&cookies) {
            Some(kept) => onward.set("cookie", &kept)?,
            None => onward.delete("cookie")?,
        }
    }
    for (name, value) in headers::added(who, client.as_deref(), has_origin, &settings.public_url) {
        onward.set(name, &value)?;
    }
    Ok(())
}

fn waiting(request: &Request, settings: &Settings, status: &SandboxStatus) -> Result<Response> {
    if identity::is_navigation(request) {
        return html(
            503,
            &page::starting(settings.name.as_str(), status),
            Some(RETRY_SECONDS),
        );
    }
    let problem = Problem::unavailable(page::waiting_text(status));
    edge::reply::problem(&problem.with_retry_after(RETRY_SECONDS))
}

fn refuse(
    request: &Request,
    settings: &Settings,
    url: &Url,
    mut problem: Problem,
) -> Result<Response> {
    if problem.status == 401 {
        problem = problem.with_sign_in(identity::sign_in_url(settings, url.path()));
    }
    if identity::is_navigation(request) {
        let page = page::problem(settings.name.as_str(), &problem);
        return html(problem.status, &page, problem.retry_after_seconds);
    }
    edge::reply::problem(&problem)
}

fn html(status: u16, page: &Page, retry_after: Option<u32>) -> Result<Response> {
    let headers = worker::Headers::new();
    headers.set("content-type", "text/html; charset=utf-8")?;
    headers.set("content-security-policy", &page.csp)?;
    headers.set("cache-control", "no-store")?;
    headers.set("x-content-type-options", "nosniff")?;
    headers.set("referrer-policy", "no-referrer")?;
    if let Some(seconds) = retry_after {
        headers.set("retry-after", &seconds.to_string())?;
    }
    let body = ResponseBody::Body(page.html.clone().into_bytes());
    Ok(Response::from_body(body)?
        .with_status(status)
        .with_headers(headers))
}
