//! The Pulse, by its Durable Object.

use std::collections::BTreeMap;

use async_trait::async_trait;
use domain::id::GatewayId;
use domain::wire::registry::Heartbeat;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use worker::{Env, Method, ObjectNamespace, Request, RequestInit};

use crate::ports::{PortError, PulseStore, Readout, Taken};
use crate::pulse::command::{COMMAND_URL, Command, ReadReply};

/// Name of the binding.
const BINDING: &str = "PULSE";
/// The one object: the whole fleet's heartbeats are at most
/// [`domain::fleet::HEARTBEATS_PER_SECOND`].
const OBJECT: &str = "fleet";

/// Stub of the Durable Object.
#[derive(Debug)]
pub(crate) struct PulseStub(ObjectNamespace);

/// The Pulse of this deployment.
pub(crate) fn stub(env: &Env) -> Result<PulseStub, worker::Error> {
    env.durable_object(BINDING).map(PulseStub)
}

impl PulseStub {
    async fn send<T: DeserializeOwned>(&self, command: &Command) -> Result<T, PortError> {
        let body = serde_json::to_string(command).map_err(|error| failed(&error))?;
        let mut init = RequestInit::new();
        init.with_method(Method::Post)
            .with_body(Some(JsValue::from_str(&body)));
        let request = Request::new_with_init(COMMAND_URL, &init).map_err(|error| failed(&error))?;
        let object = self.0.get_by_name(OBJECT).map_err(|error| failed(&error))?;
        let mut reply = object
            .fetch_with_request(request)
            .await
            .map_err(|error| failed(&error))?;
        if reply.status_code() != 200 {
            let words = reply.text().await.unwrap_or_default();
            return Err(failed(&format!("status {}: {words}", reply.status_code())));
        }
        reply.json().await.map_err(|error| failed(&error))
    }
}

#[async_trait(?Send)]
impl PulseStore for PulseStub {
    async fn absorb(&self, id: &GatewayId, heartbeat: Heartbeat) -> Result<Taken, PortError> {
        let heartbeat = Box::new(heartbeat);
        self.send(&Command::Absorb {
            gateway_id: id.clone(),
            heartbeat,
        })
        .await
    }

    async fn read(&self, ids: &[GatewayId]) -> Result<Readout, PortError> {
        let reply: ReadReply = self
            .send(&Command::Read {
                gateway_ids: ids.to_vec(),
            })
            .await?;
        let sightings: BTreeMap<_, _> = reply
            .sightings
            .into_iter()
            .map(|(id, seen)| (id, seen.into()))
            .collect();
        Ok(Readout {
            watch: reply.watch,
            sightings,
        })
    }

    async fn forget(&self, id: &GatewayId) -> Result<(), PortError> {
        self.send(&Command::Forget {
            gateway_id: id.clone(),
        })
        .await
    }
}

fn failed(error: &dyn std::fmt::Display) -> PortError {
    PortError::Failed(format!("Pulse: {error}"))
}
