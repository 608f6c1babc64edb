//! `browser`: OpenClaw launches none of its own, and drives the one that the gateway
//! hands out at `browser.internal`, where sessions and minutes are counted.

use serde_json::{Value, json};

use crate::wire::init::{BROWSER_HOST, MODEL_KEY_ENV};

/// OpenClaw's name for that browser.
const PROFILE: &str = "gateway";

/// The section; `given` says whether the policy gives agents a browser.
pub(super) fn section(given: bool) -> Value {
    if !given {
        return json!({ "enabled": false });
    }
    json!({
        "enabled": true,
        "attachOnly": true,
        "defaultProfile": PROFILE,
        // OpenClaw puts the container's key in when it reads this.
        "profiles": { PROFILE: {
            "cdpUrl": format!("http://{PROFILE}:${{{MODEL_KEY_ENV}}}@{BROWSER_HOST}"),
            "attachOnly": true,
        } },
        // The name leads to a loopback or private address inside the container, which
        // OpenClaw refuses otherwise. Other private addresses stay refused.
        "ssrfPolicy": { "allowedHostnames": [BROWSER_HOST] },
    })
}
