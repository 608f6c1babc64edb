//! Who OpenClaw lets in: the people whom the policy names, as the gateway Worker
//! verified them. Nobody needs an OpenClaw token or an approved device.

use serde_json::{Map, Value, json};

use crate::access::Role;
use crate::policy::document::Access;
use crate::wire::init::OPENCLAW_PORT;
use crate::wire::openclaw::{
    ADMIN_SCOPE, GROUP_PREFIX, INIT_IDENTITY, USER_HEADER, scopes, service,
};

/// The `gateway` section.
pub(super) fn gateway(access: &Access, public_url: &str) -> Value {
    let mut identities = Map::new();
    for email in &access.users {
        identities.insert(email.to_string(), json!(scopes(Role::User)));
    }
    for entry in &access.operators {
        identities.insert(entry.email.to_string(), json!(scopes(entry.role)));
    }
    for entry in &access.services {
        identities.insert(service(&entry.name), json!(scopes(entry.role)));
    }
    identities.insert(INIT_IDENTITY.to_owned(), json!([ADMIN_SCOPE]));
    let people: Vec<String> = if access.groups.is_empty() {
        identities.keys().cloned().collect()
    } else {
        // Who is in a group is not known beforehand, so the Worker alone decides who
        // comes in. OpenClaw gives them what their device may have, up to an operator's
        // scopes; nobody is called what is written here for the groups.
        Vec::new()
    };
    for entry in &access.groups {
        identities.insert(
            format!("{GROUP_PREFIX}{}", entry.group),
            json!(scopes(entry.role)),
        );
    }
    // OpenClaw closes every connection when this changes, so who is taken out is out.
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
