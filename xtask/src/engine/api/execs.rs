//! Additional programs: create, start, look at.

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Json, Response};
use hyper::upgrade::OnUpgrade;
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use serde_json::json;

use super::Refusal;
use super::containers::{find, parse};
use crate::engine::exec::{Exec, ExecRequest, Progress};
use crate::engine::registry::Registry;

/// Longest body of `POST /exec/{id}/start`, in bytes.
const MAX_BODY: usize = 64 * 1024;

type Shared = State<Arc<Registry>>;
type Answer = Result<Response, Refusal>;

pub(super) async fn create(
    State(registry): Shared,
    Path(name): Path<String>,
    body: Bytes,
) -> Answer {
    let container = find(&registry, &name)?;
    if container.program().await.is_none() {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("container {name} is not running"),
        ));
    }
    let request = parse::<ExecRequest>(&body)?;
    let exec = Exec::new(container, request)
        .map_err(|message| Refusal::new(StatusCode::BAD_REQUEST, message))?;
    let id = registry.add_exec(exec);
    Ok((StatusCode::CREATED, Json(json!({ "Id": id }))).into_response())
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct StartRequest {
    detach: bool,
}

pub(super) async fn start(
    State(registry): Shared,
    Path(id): Path<String>,
    mut request: Request,
) -> Answer {
    let exec = find_exec(&registry, &id)?;
    let upgrade = request
        .extensions_mut()
        .remove::<OnUpgrade>()
        .filter(|_| request.headers().contains_key(header::UPGRADE));
    let body = axum::body::to_bytes(request.into_body(), MAX_BODY)
        .await
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, error.to_string()))?;
    let start = if body.is_empty() {
        StartRequest::default()
    } else {
        parse::<StartRequest>(&body)?
    };
    if upgrade.is_none() && !start.detach {
        let message = "start an exec with \"Upgrade: tcp\", or detached";
        return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
    }
    if !exec.claim() {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("exec {id} has been started before"),
        ));
    }
    let upgrade = upgrade.filter(|_| !start.detach);
    let attached = upgrade.is_some();
    tokio::spawn(async move {
        let (helpers, isolation) = (&registry.helpers, registry.isolation);
        let Some(upgrade) = upgrade else {
            return exec
                .run(helpers, isolation, tokio::io::empty(), tokio::io::sink())
                .await;
        };
        if let Ok(connection) = upgrade.await {
            let (input, output) = tokio::io::split(TokioIo::new(connection));
            exec.run(helpers, isolation, input, output).await;
        }
    });
    if !attached {
        return Ok(StatusCode::OK.into_response());
    }
    let headers = [
        (header::CONNECTION, "Upgrade"),
        (header::UPGRADE, "tcp"),
        (
            header::CONTENT_TYPE,
            "application/vnd.docker.multiplexed-stream",
        ),
    ];
    Ok((StatusCode::SWITCHING_PROTOCOLS, headers).into_response())
}

fn find_exec(registry: &Registry, id: &str) -> Result<Arc<Exec>, Refusal> {
    registry.find_exec(id).ok_or_else(|| {
        Refusal::new(
            StatusCode::NOT_FOUND,
            format!("No such exec instance: {id}"),
        )
    })
}

pub(super) async fn inspect(State(registry): Shared, Path(id): Path<String>) -> Answer {
    let exec = find_exec(&registry, &id)?;
    let (running, pid, code) = match exec.progress() {
        Progress::Created => (false, 0, None),
        Progress::Running { pid } => (true, pid, None),
        Progress::Ended { code } => (false, 0, Some(code)),
    };
    let description = json!({
        "ID": id,
        "ContainerID": exec.container.id,
        "Running": running,
        "Pid": pid,
        "ExitCode": code,
    });
    Ok(Json(description).into_response())
}
