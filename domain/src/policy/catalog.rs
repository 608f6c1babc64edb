//! The tools of OpenClaw 2026.9.6: which profile and which group has them, and
//! how its patterns match them. From its `src/agents/tool-catalog.ts` and
//! `tool-policy-match.ts`.

use super::document::ToolProfile;

/// A tool that OpenClaw ships with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tool {
    /// Its name.
    pub name: &'static str,
    /// Its group, without `group:`.
    pub group: &'static str,
    /// Whether `group:openclaw` has it.
    pub in_openclaw_group: bool,
    profiles: &'static [ToolProfile],
}

/// In no profile but `full`.
const FULL: &[ToolProfile] = &[];
const CODING: &[ToolProfile] = &[ToolProfile::Coding];
const MESSAGING: &[ToolProfile] = &[ToolProfile::Messaging];
const BOTH: &[ToolProfile] = &[ToolProfile::Coding, ToolProfile::Messaging];
const ALL: &[ToolProfile] = &[
    ToolProfile::Minimal,
    ToolProfile::Coding,
    ToolProfile::Messaging,
];

/// Other names under which OpenClaw takes a tool.
pub(super) const ALIASES: [(&str, &str); 3] = [
    ("bash", "exec"),
    ("apply-patch", "apply_patch"),
    ("cron", "automations"),
];

/// Every tool, in OpenClaw's order.
pub const TOOLS: &[Tool] = &[
    tool("ls", "fs", CODING, false),
    tool("read", "fs", CODING, false),
    tool("write", "fs", CODING, false),
    tool("edit", "fs", CODING, false),
    tool("apply_patch", "fs", CODING, false),
    tool("exec", "runtime", CODING, false),
    tool("process", "runtime", CODING, false),
    tool("code_execution", "runtime", CODING, true),
    tool("secrets", "runtime", BOTH, true),
    tool("web_search", "web", CODING, true),
    tool("web_fetch", "web", CODING, true),
    tool("x_search", "web", CODING, true),
    tool("memory_search", "memory", CODING, true),
    tool("memory_get", "memory", CODING, true),
    tool("sessions", "sessions", BOTH, true),
    tool("sessions_list", "sessions", BOTH, true),
    tool("sessions_history", "sessions", BOTH, true),
    tool("sessions_search", "sessions", BOTH, true),
    tool("conversations_list", "sessions", BOTH, true),
    tool("conversations_send", "sessions", BOTH, true),
    tool("conversations_turn", "sessions", BOTH, true),
    tool("sessions_send", "sessions", BOTH, true),
    tool("sessions_spawn", "sessions", BOTH, true),
    tool("github_identity_status", "sessions", CODING, true),
    tool("github_publish", "sessions", CODING, true),
    tool("agents_wait", "sessions", CODING, true),
    tool("sessions_yield", "sessions", BOTH, true),
    tool("subagents", "sessions", BOTH, true),
    tool("session_status", "sessions", ALL, true),
    tool("suggest_task", "sessions", CODING, true),
    tool("dismiss_task", "sessions", CODING, true),
    tool("browser", "ui", FULL, true),
    tool("screen", "ui", CODING, true),
    tool("theme", "ui", BOTH, true),
    tool("dashboard", "ui", CODING, true),
    tool("terminal", "ui", CODING, true),
    tool("portal", "ui", CODING, true),
    tool("canvas", "ui", FULL, false),
    tool("show_widget", "ui", FULL, true),
    tool("message", "messaging", MESSAGING, true),
    tool("heartbeat_respond", "automation", FULL, true),
    tool("automations", "automation", CODING, true),
    tool("gateway", "automation", ALL, true),
    tool("plugins", "automation", CODING, true),
    tool("openclaw", "automation", FULL, true),
    tool("nodes", "nodes", FULL, true),
    tool("computer", "nodes", FULL, true),
    tool("mobile_ui", "nodes", FULL, true),
    tool("agents_list", "agents", FULL, true),
    tool("get_goal", "agents", CODING, true),
    tool("create_goal", "agents", CODING, true),
    tool("update_goal", "agents", CODING, true),
    tool("progress_card", "agents", CODING, true),
    tool("ask_user", "agents", BOTH, true),
    tool("skill_workshop", "agents", CODING, true),
    tool("view_image", "media", CODING, true),
    tool("image_generate", "media", CODING, true),
    tool("music_generate", "media", CODING, true),
    tool("video_generate", "media", CODING, true),
    tool("tts", "media", FULL, true),
    tool("pdf", "media", FULL, true),
];

const fn tool(
    name: &'static str,
    group: &'static str,
    profiles: &'static [ToolProfile],
    in_openclaw_group: bool,
) -> Tool {
    Tool {
        name,
        group,
        in_openclaw_group,
        profiles,
    }
}

/// The name that OpenClaw goes by, for an alias.
#[must_use]
pub fn canonical(name: &str) -> &str {
    ALIASES
        .iter()
        .find(|(alias, _)| *alias == name)
        .map_or(name, |(_, name)| name)
}

/// A tool of OpenClaw's own, by name or alias; none for those of plugins and MCP servers.
#[must_use]
pub fn find(name: &str) -> Option<&'static Tool> {
    let name = canonical(name);
    TOOLS.iter().find(|tool| tool.name == name)
}

/// Whether a profile has a tool.
#[must_use]
pub fn profile_has(profile: ToolProfile, name: &str) -> bool {
    if profile == ToolProfile::Full {
        return true;
    }
    match find(name) {
        Some(tool) => tool.profiles.contains(&profile),
        // `bundle-mcp`: the tools of MCP servers.
        None => is_mcp(name) && profile != ToolProfile::Minimal,
    }
}

/// Whether a name is that of an MCP server's tool (`server__tool`).
#[must_use]
pub fn is_mcp(name: &str) -> bool {
    name.contains("__")
}

/// The members of a group that are OpenClaw's own; none when it is no such group.
pub(super) fn members(pattern: &str) -> Option<impl Iterator<Item = &'static str>> {
    let group = pattern.strip_prefix("group:")?;
    let within = move |tool: &&'static Tool| {
        if group == "openclaw" {
            tool.in_openclaw_group
        } else {
            tool.group == group
        }
    };
    Some(TOOLS.iter().filter(within).map(|tool| tool.name))
}

/// Whether a pattern means a tool: by name, group or glob.
#[must_use]
pub fn matches(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (canonical(pattern), canonical(name));
    match pattern {
        "group:plugins" => find(name).is_none(),
        "bundle-mcp" => is_mcp(name),
        _ => match members(pattern) {
            Some(mut members) => members.any(|member| member == name),
            None => glob(pattern, name),
        },
    }
}

/// Whether a pattern that takes away means a tool: aliases count as well, so that
/// `ba*` takes `exec` away, which OpenClaw alone would not see.
#[must_use]
pub fn takes_away(pattern: &str, name: &str) -> bool {
    let name = canonical(name);
    let by_alias = || {
        ALIASES
            .iter()
            .any(|(alias, of)| *of == name && glob(pattern, alias))
    };
    matches(pattern, name) || by_alias()
}

/// Whether a pattern that gives means a tool: who may write may apply patches.
#[must_use]
pub fn gives(pattern: &str, name: &str) -> bool {
    matches(pattern, name) || (canonical(name) == "apply_patch" && matches(pattern, "write"))
}

/// Whether a pattern with `*` for any run of characters matches a name.
pub(super) fn glob(pattern: &str, name: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(rest) = name.strip_prefix(parts.next().unwrap_or_default()) else {
        return false;
    };
    let Some(last) = parts.next_back() else {
        return rest.is_empty();
    };
    // The leftmost place for each part leaves the most for those after it.
    let mut rest = rest;
    for part in parts {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = rest.get(at + part.len()..).unwrap_or_default();
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::{TOOLS, gives, glob, matches, profile_has, takes_away};
    use crate::policy::document::ToolProfile;
    use crate::policy::tools::GROUPS;

    #[test]
    fn globs_match_like_openclaws() {
        assert!(glob("exec", "exec") && glob("e*c", "exec") && glob("*", "exec"));
        assert!(glob("*x*", "exec") && glob("exec*", "exec") && glob("a*b*c", "axbxxc"));
        assert!(!glob("exec", "execute") && !glob("e*x", "exec") && !glob("a*ba", "aba_"));
        assert!(!glob("ab*ba", "aba") && !glob("", "exec"));
    }

    #[test]
    fn profiles_have_what_openclaw_2026_9_6_reports() {
        let count = |profile| {
            TOOLS
                .iter()
                .filter(|tool| profile_has(profile, tool.name))
                .count()
        };
        assert_eq!(count(ToolProfile::Minimal), 2);
        assert_eq!(count(ToolProfile::Full), TOOLS.len());
        assert!(profile_has(ToolProfile::Messaging, "message"));
        assert!(!profile_has(ToolProfile::Coding, "message"));
        assert!(
            profile_has(ToolProfile::Coding, "cron") && !profile_has(ToolProfile::Minimal, "a__b")
        );
    }

    #[test]
    fn every_group_that_a_policy_may_name_has_members() {
        for (group, _) in GROUPS {
            assert!(
                *group == "group:plugins" || TOOLS.iter().any(|tool| matches(group, tool.name)),
                "{group}"
            );
        }
    }

    #[test]
    fn aliases_and_implied_tools() {
        assert!(matches("bash", "exec") && matches("group:runtime", "bash"));
        assert!(!matches("ba*", "exec") && takes_away("ba*", "exec"));
        assert!(gives("write", "apply_patch") && !matches("write", "apply_patch"));
        assert!(matches("group:plugins", "lobster") && !matches("group:plugins", "exec"));
    }
}
