//! Who OpenClaw lets in: the people whom the policy names, as the gateway Worker
//! verified them. Nobody needs an OpenClaw token or an approved device.

use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::policy::document::Access;
use crate::wire::init::OPENCLAW_PORT;
use crate::wire::openclaw::{ADMIN_SCOPE, INIT_IDENTITY, USER_HEADER, scopes};

/// The `gateway` section.
pub(super) fn gateway(access: &Access, public_url: &str) -> Value {
    let mut identities = Map::new();
    for email in &access.users {
        identities.insert(email.to_string(), json!(scopes(Role::User)));
    }
    for entry in &access.operators {
        identities.insert(entry.email.to_string(), json!(scopes(entry.role)));
    }
    identities.insert(INIT_IDENTITY.to_owned(), json!([ADMIN_SCOPE]));
    // OpenClaw closes every connection when this changes, so who is taken out is out.
    let people: Vec<&String> = identities.keys().collect();
    json!({
        "mode": "local",
        "port": OPENCLAW_PORT,
        "bind": "loopback",
        "trustedProxies": ["127.0.0.1", "::1"],
        "auth": {
            "mode": "trusted-proxy",
            "trustedProxy": {
                "userHeader": USER_HEADER,
                "allowLoopback": true,
                "allowUsers": people,
                // A browser brings a device; the person behind it is verified already.
                "deviceAutoApprove": { "enabled": true, "scopes": scopes(Role::Operator) },
            },
            "identityScopes": identities,
        },
        "controlUi": {
            "enabled": true,
            "allowedOrigins": [public_url.trim_end_matches('/')],
            "communityInvite": false,
            "sessionObserver": false,
        },
        "terminal": { "enabled": false },
        "http": { "endpoints": { "chatCompletions": { "enabled": true } } },
    })
}
