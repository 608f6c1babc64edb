//! The way from the Worker to its Durable Object.

use domain::problem::Problem;
use serde::de::DeserializeOwned;
use wasm_bindgen::JsValue;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, RequestInit, Response};
use worker::{Env, Error, console_error};

use super::env::{SANDBOX, SANDBOX_NAME};
use super::raw::RawFetcher;
use crate::command::{COMMAND_URL, Command, Outcome, Reply};

/// The Sandbox of this deployment.
#[derive(Debug, Clone)]
pub struct SandboxStub(RawFetcher);

impl SandboxStub {
    /// From the Worker's bindings.
    ///
    /// # Errors
    /// When the deployment binds no Sandbox.
    pub fn new(env: &Env) -> Result<Self, Error> {
        let stub = env
            .durable_object(SANDBOX)?
            .id_from_name(SANDBOX_NAME)?
            .get_stub()?;
        Ok(Self(stub.into_rpc()))
    }

    /// Asks something.
    pub async fn ask(&self, command: &Command) -> Outcome {
        self.post(command).await.unwrap_or_else(|error| {
            console_error!("sandbox: {error}");
            Err(Problem::unavailable("The gateway is restarting; try again.").with_retry_after(1))
        })
    }

    /// Asks something whose answer has a known shape.
    ///
    /// # Errors
    /// The problem that came back, or 500 when the answer has another shape.
    pub async fn ask_for<T: DeserializeOwned>(&self, command: &Command) -> Result<T, Problem> {
        let Reply { body, .. } = self.ask(command).await?;
        serde_json::from_value(body)
            .map_err(|_| Problem::internal("The gateway's parts disagree about a message."))
    }

    /// Passes a request on; the URL is one that only the Worker can reach.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn pass(&self, request: &Request) -> Result<Response, Error> {
        self.0.fetch(request).await
    }

    async fn post(&self, command: &Command) -> Result<Outcome, Error> {
        let init = RequestInit::new();
        init.set_method("POST");
        init.set_body(&JsValue::from_str(&serde_json::to_string(command)?));
        let request = Request::new_with_str_and_init(COMMAND_URL, &init)?;
        let response = self.0.fetch(&request).await?;
        let text = JsFuture::from(response.text()?).await?;
        Ok(serde_json::from_str(&text.as_string().unwrap_or_default())?)
    }
}
