//! What the gateway Worker and tedix-init say to OpenClaw, which trusts headers
//! that come over loopback (`gateway.auth.mode: "trusted-proxy"`).
//!
//! Whoever forwards a request removes every header here that the client sent
//! and sets its own: OpenClaw believes them.

use crate::access::Role;

/// Version that the configuration is compiled for and the image carries.
pub const OPENCLAW_VERSION: &str = "2026.9.6";
/// Carries the e-mail address of the person who was verified, in lower case.
pub const USER_HEADER: &str = "x-tedix-user";
/// Caps what the request may do: scopes joined by commas. Without it OpenClaw
/// gives an HTTP request every scope, so it is always set.
pub const SCOPES_HEADER: &str = "x-openclaw-scopes";
/// Carries the client's address. OpenClaw refuses a request without it or with
/// a loopback address in it (`proxy_attribution_required`).
pub const CLIENT_HEADER: &str = "x-forwarded-for";
/// Stands for a client whose address is unknown or loopback (TEST-NET-1, RFC 5737).
pub const UNKNOWN_CLIENT: &str = "192.0.2.1";
/// Who tedix-init is to OpenClaw; no e-mail address, so no person can be it.
pub const INIT_IDENTITY: &str = "tedix-init";
/// Who a service token is to OpenClaw and in the audit: no e-mail address either.
#[must_use]
pub fn service(name: &str) -> String {
    format!("{SERVICE_PREFIX}{name}")
}

/// What the name of a service token follows.
pub const SERVICE_PREFIX: &str = "service:";
/// What the name of a group follows; nobody is called that.
pub const GROUP_PREFIX: &str = "group:";
/// OpenClaw's full authority.
pub const ADMIN_SCOPE: &str = "operator.admin";
/// OpenClaw's request/response RPC, for tedix-init alone: the front door refuses it.
pub const ADMIN_RPC_PATH: &str = "/api/v1/admin/rpc";

/// OpenClaw's scopes for a role.
#[must_use]
pub fn scopes(role: Role) -> &'static [&'static str] {
    match role {
        Role::User | Role::Viewer => &["operator.read", "operator.write", "operator.questions"],
        Role::Operator => &[
            "operator.read",
            "operator.write",
            "operator.questions",
            "operator.approvals",
        ],
        Role::Admin => &[
            ADMIN_SCOPE,
            "operator.read",
            "operator.write",
            "operator.questions",
            "operator.approvals",
            "operator.pairing",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::scopes;
    use crate::access::Role;

    #[test]
    fn each_role_has_the_scopes_of_the_one_before() {
        let roles = [Role::User, Role::Viewer, Role::Operator, Role::Admin];
        for pair in roles.windows(2) {
            assert!(
                scopes(pair[0])
                    .iter()
                    .all(|scope| scopes(pair[1]).contains(scope)),
                "{pair:?}"
            );
        }
        assert!(!scopes(Role::Operator).contains(&super::ADMIN_SCOPE));
    }
}
