//! Containers: create, start, look at, wait for, signal, stop, remove.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Bytes;
use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Json, Response};
use serde::Deserialize;
use serde_json::{Value, json};

use super::Refusal;
use crate::engine::container::{Container, CreateRequest, StartRefusal, Status};
use crate::engine::ingress;
use crate::engine::registry::{self, CreateRefusal, Registry};
use crate::engine::signal;

/// What Docker waits before SIGKILL when a stop names no time.
const STOP_GRACE: Duration = Duration::from_secs(10);

type Shared = State<Arc<Registry>>;
type Answer = Result<Response, Refusal>;

pub(super) fn find(registry: &Registry, name: &str) -> Result<Arc<Container>, Refusal> {
    registry
        .find(name)
        .ok_or_else(|| Refusal::no_container(name))
}

/// Reads a body whatever its content type says: workerd does not always say.
pub(super) fn parse<T: for<'a> Deserialize<'a>>(body: &Bytes) -> Result<T, Refusal> {
    serde_json::from_slice(body)
        .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("the body: {error}")))
}

#[derive(Deserialize)]
pub(super) struct CreateQuery {
    #[serde(default)]
    name: String,
}

pub(super) async fn create(
    State(registry): Shared,
    Query(query): Query<CreateQuery>,
    body: Bytes,
) -> Answer {
    let request = parse::<CreateRequest>(&body)?;
    let container = registry.create(query.name, request).map_err(|refusal| {
        let status = match refusal {
            CreateRefusal::NoImage(_) => StatusCode::NOT_FOUND,
            CreateRefusal::Conflict(_) => StatusCode::CONFLICT,
            CreateRefusal::BadName => StatusCode::BAD_REQUEST,
        };
        Refusal::new(status, refusal.to_string())
    })?;
    let created = json!({ "Id": container.id, "Warnings": [] });
    Ok((StatusCode::CREATED, Json(created)).into_response())
}

pub(super) async fn start(State(registry): Shared, Path(name): Path<String>) -> Answer {
    let container = find(&registry, &name)?;
    match registry.start(&container).await {
        Ok(()) => Ok(StatusCode::NO_CONTENT.into_response()),
        Err(StartRefusal::AlreadyRunning) => Ok(StatusCode::NOT_MODIFIED.into_response()),
        Err(StartRefusal::Failed(error)) => {
            // Shown here too: workerd keeps the reason to itself.
            eprintln!("engine: {name} does not start: {error}");
            Err(Refusal::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                error.to_string(),
            ))
        }
    }
}

pub(super) async fn inspect(State(registry): Shared, Path(name): Path<String>) -> Answer {
    let container = find(&registry, &name)?;
    Ok(Json(describe(&container).await).into_response())
}

async fn describe(container: &Container) -> Value {
    let status = *container.status().borrow();
    let pid = match status {
        Status::Running { pid } => pid,
        Status::Created | Status::Exited { .. } | Status::Removed { .. } => 0,
    };
    // workerd reads the port from the second member: HostIp comes first.
    let ports = match container.ingress_port().await {
        Some(port) => {
            json!({ (ingress::PORT): [{ "HostIp": "127.0.0.1", "HostPort": port.to_string() }] })
        }
        None => json!({}),
    };
    json!({
        "Id": container.id,
        "Name": format!("/{}", container.name),
        "State": {
            "Status": status.name(),
            "Running": status.is_running(),
            "Pid": pid,
            "ExitCode": status.exit_code(),
        },
        "Config": {
            "Image": container.request.image,
            "Labels": container.request.labels.clone().unwrap_or_default(),
        },
        "HostConfig": { "NetworkMode": container.request.host_config.network_mode },
        "NetworkSettings": { "Ports": ports },
    })
}

#[derive(Deserialize)]
pub(super) struct ListQuery {
    #[serde(default)]
    filters: String,
    #[serde(default)]
    all: String,
}

#[derive(Default, Deserialize)]
#[serde(default)]
struct Filters {
    label: Vec<String>,
    name: Vec<String>,
}

impl Filters {
    fn admit(&self, container: &Container) -> bool {
        let none = BTreeMap::new();
        let labels = container.request.labels.as_ref().unwrap_or(&none);
        let has = |wanted: &String| match wanted.split_once('=') {
            Some((name, value)) => labels.get(name).is_some_and(|known| known == value),
            None => labels.contains_key(wanted),
        };
        self.label.iter().all(has)
            && (self.name.is_empty()
                || self
                    .name
                    .iter()
                    .any(|part| container.name.contains(part.as_str())))
    }
}

pub(super) async fn list(State(registry): Shared, Query(query): Query<ListQuery>) -> Answer {
    let filters = if query.filters.is_empty() {
        Filters::default()
    } else {
        serde_json::from_str::<Filters>(&query.filters)
            .map_err(|error| Refusal::new(StatusCode::BAD_REQUEST, format!("filters: {error}")))?
    };
    let all = matches!(query.all.as_str(), "1" | "true" | "True");
    let rows: Vec<Value> = registry
        .all()
        .iter()
        .filter(|container| filters.admit(container))
        .filter(|container| all || container.status().borrow().is_running())
        .map(|container| {
            json!({
                "Id": container.id,
                "Names": [format!("/{}", container.name)],
                "Image": container.request.image,
                "State": container.status().borrow().name(),
                "Labels": container.request.labels.clone().unwrap_or_default(),
                "HostConfig": { "NetworkMode": container.request.host_config.network_mode },
            })
        })
        .collect();
    Ok(Json(rows).into_response())
}

#[derive(Deserialize)]
pub(super) struct WaitQuery {
    #[serde(default)]
    condition: String,
}

pub(super) async fn wait(
    State(registry): Shared,
    Path(name): Path<String>,
    Query(query): Query<WaitQuery>,
) -> Answer {
    let container = find(&registry, &name)?;
    let mut status = container.status();
    let condition: fn(&Status) -> bool = match query.condition.as_str() {
        "removed" => |status| matches!(status, Status::Removed { .. }),
        "" | "not-running" => |status| !status.is_running(),
        "next-exit" => {
            status.mark_unchanged();
            |status| matches!(status, Status::Exited { .. } | Status::Removed { .. })
        }
        other => {
            let message = format!("cannot wait for \"{other}\"");
            return Err(Refusal::new(StatusCode::BAD_REQUEST, message));
        }
    };
    // Does not hold on to the container, nor to the engine.
    drop(container);
    drop(registry);
    let code = status
        .wait_for(condition)
        .await
        .map_or(0, |status| status.exit_code());
    Ok(Json(json!({ "StatusCode": code })).into_response())
}

#[derive(Deserialize)]
pub(super) struct KillQuery {
    #[serde(default)]
    signal: String,
}

pub(super) async fn kill(
    State(registry): Shared,
    Path(name): Path<String>,
    Query(query): Query<KillQuery>,
) -> Answer {
    let container = find(&registry, &name)?;
    let wanted = match query.signal.as_str() {
        "" => "KILL",
        text => text,
    };
    let signal = signal::parse(wanted)
        .ok_or_else(|| Refusal::new(StatusCode::BAD_REQUEST, format!("no signal: {wanted}")))?;
    let Some(program) = container.program().await else {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("container {name} is not running"),
        ));
    };
    program
        .signal(signal)
        .map_err(|error| Refusal::new(StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

#[derive(Deserialize)]
pub(super) struct StopQuery {
    /// Seconds.
    t: Option<u64>,
}

pub(super) async fn stop(
    State(registry): Shared,
    Path(name): Path<String>,
    Query(query): Query<StopQuery>,
) -> Answer {
    let container = find(&registry, &name)?;
    let grace = query.t.map_or(STOP_GRACE, Duration::from_secs);
    match registry::stop(&container, grace).await {
        Ok(true) => Ok(StatusCode::NO_CONTENT.into_response()),
        Ok(false) => Ok(StatusCode::NOT_MODIFIED.into_response()),
        Err(error) => Err(Refusal::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            error.to_string(),
        )),
    }
}

#[derive(Deserialize)]
pub(super) struct RemoveQuery {
    #[serde(default)]
    force: String,
}

pub(super) async fn remove(
    State(registry): Shared,
    Path(name): Path<String>,
    Query(query): Query<RemoveQuery>,
) -> Answer {
    let container = find(&registry, &name)?;
    let force = matches!(query.force.as_str(), "1" | "true" | "True");
    if container.status().borrow().is_running() && !force {
        return Err(Refusal::new(
            StatusCode::CONFLICT,
            format!("container {name} is running; stop it first or use force"),
        ));
    }
    registry.remove(&container).await;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /images/{name}/json`, where the name may hold slashes.
pub(super) async fn image(State(registry): Shared, Path(rest): Path<String>) -> Answer {
    let name = rest.strip_suffix("/json").unwrap_or(&rest);
    let config = &registry.config;
    if name != config.image.name && name != config.egress_image {
        return Err(Refusal::new(
            StatusCode::NOT_FOUND,
            format!("No such image: {name}"),
        ));
    }
    Ok(Json(json!({ "Id": format!("embedded:{name}"), "RepoTags": [name] })).into_response())
}
