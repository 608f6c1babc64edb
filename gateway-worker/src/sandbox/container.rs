//! `ctx.container`, bound by hand: worker 0.8.7 passes the environment as a JS
//! `Map`, which the runtime reads as empty, and lacks the interception of
//! outbound requests. Source: Durable Object Container API, Cloudflare docs.

use domain::wire::init::{
    BROWSER_HOST, GIT_HOST, GOVERNANCE_HOST, MODELS_HOST, OPENCLAW_PORT, STATE_HOST,
};
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen::{JsCast, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{Request, Response};
use worker::{Env, Error, State};

use crate::adapters::env::SELF;
use crate::adapters::raw::RawFetcher;

/// `SIGHUP`: fetch the configuration again.
const SIGHUP: i32 = 1;
/// `SIGTERM`: finish and end.
const SIGTERM: i32 = 15;
/// How long the container outlives a Durable Object that nobody asks anything,
/// in milliseconds. The alarm asks far more often than that.
const INACTIVITY_MS: f64 = 3_600_000.0;

#[wasm_bindgen]
extern "C" {
    type RawContainer;

    #[wasm_bindgen(method, getter)]
    fn running(this: &RawContainer) -> bool;
    #[wasm_bindgen(method, catch)]
    fn start(this: &RawContainer, options: &Object) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch)]
    fn monitor(this: &RawContainer) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn destroy(this: &RawContainer) -> Result<Promise, JsValue>;
    #[wasm_bindgen(method, catch)]
    fn signal(this: &RawContainer, number: i32) -> Result<(), JsValue>;
    #[wasm_bindgen(method, catch, js_name = getTcpPort)]
    fn tcp_port(this: &RawContainer, port: u16) -> Result<RawFetcher, JsValue>;
    #[wasm_bindgen(method, catch, js_name = interceptOutboundHttp)]
    fn intercept(this: &RawContainer, host: &str, to: &JsValue) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(method, catch, js_name = setInactivityTimeout)]
    fn set_inactivity_timeout(this: &RawContainer, ms: f64) -> Result<JsValue, JsValue>;
}

/// The container of this Durable Object.
pub struct SandboxContainer(RawContainer);

impl std::fmt::Debug for SandboxContainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SandboxContainer")
    }
}

/// How a container ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// Exit code, when the platform tells.
    pub code: Option<i32>,
    /// What to tell a person.
    pub reason: String,
}

impl SandboxContainer {
    /// The container that the deployment gives this Durable Object.
    #[must_use]
    pub fn of(state: &State) -> Option<Self> {
        let container: JsValue = state.container()?.into();
        Some(Self(container.unchecked_into()))
    }

    /// Whether it runs.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.0.running()
    }

    /// Starts it with an environment and without a way to the internet.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn start(&self, env: &Env, variables: &[(&str, &str)]) -> Result<(), Error> {
        self.intercept(env).await?;
        let values = Object::new();
        for (name, value) in variables {
            Reflect::set(&values, &JsValue::from(*name), &JsValue::from(*value))?;
        }
        let options = Object::new();
        Reflect::set(&options, &"env".into(), &values)?;
        Reflect::set(&options, &"enableInternet".into(), &false.into())?;
        self.0.start(&options)?;
        self.keep_alive().await
    }

    /// Has the container's requests to the gateway's own hosts answered by this
    /// Worker, through the binding whose props tell the doors apart.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn intercept(&self, env: &Env) -> Result<(), Error> {
        let door = Reflect::get(env, &SELF.into())?;
        for host in [
            GOVERNANCE_HOST,
            MODELS_HOST,
            BROWSER_HOST,
            STATE_HOST,
            GIT_HOST,
        ] {
            settled(self.0.intercept(host, &door)?).await?;
        }
        Ok(())
    }

    /// Has it outlive quiet times; to be said again after the Durable Object restarted.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn keep_alive(&self) -> Result<(), Error> {
        settled(self.0.set_inactivity_timeout(INACTIVITY_MS)?).await
    }

    /// Waits until it ends.
    pub async fn ended(&self) -> Ended {
        let outcome = match self.0.monitor() {
            Ok(promise) => JsFuture::from(promise).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(_) => Ended {
                code: Some(0),
                reason: "the container ended by itself".to_owned(),
            },
            Err(error) => {
                let code = Reflect::get(&error, &"exitCode".into())
                    .ok()
                    .and_then(|v| v.as_f64());
                #[expect(clippy::cast_possible_truncation, reason = "exit codes are small")]
                let code = code.map(|code| code as i32);
                let reason = match code {
                    Some(code) => format!("the container ended with code {code}"),
                    None => format!("the container ended: {}", Error::from(error)),
                };
                Ended { code, reason }
            }
        }
    }

    /// Asks it to end.
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<(), Error> {
        Ok(self.0.signal(SIGTERM)?)
    }

    /// Has tedix-init fetch its configuration.
    ///
    /// # Errors
    /// When it does not run.
    pub fn reload(&self) -> Result<(), Error> {
        Ok(self.0.signal(SIGHUP)?)
    }

    /// Ends it at once.
    ///
    /// # Errors
    /// When the platform refuses.
    pub async fn kill(&self) -> Result<(), Error> {
        JsFuture::from(self.0.destroy()?).await?;
        Ok(())
    }

    /// Sends a request to OpenClaw.
    ///
    /// # Errors
    /// When it does not listen.
    pub async fn fetch(&self, request: &Request) -> Result<Response, Error> {
        self.0.tcp_port(OPENCLAW_PORT)?.fetch(request).await
    }
}

/// Waits for what may be a promise.
async fn settled(value: JsValue) -> Result<(), Error> {
    if let Ok(promise) = value.dyn_into::<Promise>() {
        JsFuture::from(promise).await?;
    }
    Ok(())
}
