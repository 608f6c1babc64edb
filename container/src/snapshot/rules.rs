//! What a snapshot leaves out: what OpenClaw's own `backup` calls regenerable or
//! volatile, and the configuration, which is the gateway Worker's.

/// Folders of OpenClaw's state that it makes again by itself
/// (`backup-resource-inventory.ts` and `backup-volatile-filter.ts` of 2026.9.6).
const REGENERABLE: [&str; 11] = [
    "openclaw/cache",
    "openclaw/dev",
    "openclaw/git",
    "openclaw/logs",
    "openclaw/npm",
    "openclaw/npm-runtime",
    "openclaw/plugin-skills",
    "openclaw/sandbox/skills-workspaces",
    "openclaw/state-locks",
    "openclaw/tmp",
    "openclaw/tools",
];
/// Caches in the home directory.
const HOME_CACHES: [&str; 3] = ["home/.cache", "home/.npm", "home/.node-gyp"];
/// What a browser locks its profile with.
const BROWSER_LOCKS: [&str; 3] = ["SingletonCookie", "SingletonLock", "SingletonSocket"];
/// What SQLite keeps beside a database; an online backup holds what is in them.
const SIDECARS: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Whether a path, relative to the data directory, belongs into a snapshot.
pub(super) fn is_covered(path: &str) -> bool {
    if REGENERABLE.contains(&path) || HOME_CACHES.contains(&path) {
        return false;
    }
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    // The configuration is compiled from the policy, and its copies are OpenClaw's.
    if folder == "openclaw" && name.starts_with("openclaw.json") {
        return false;
    }
    // People's own files may have any name; OpenClaw's folders follow its rules.
    if is_people_s(path) {
        return true;
    }
    let agent_files = path.starts_with("openclaw/agents/") && path.contains("/agent/");
    let temporary = agent_files && matches!(name, "tmp" | ".tmp");
    !(temporary || is_transient(name) || BROWSER_LOCKS.contains(&name))
}

/// The database beside which a file is a sidecar of SQLite's, if its name says so.
pub(super) fn database_of_sidecar(path: &str) -> Option<&str> {
    SIDECARS.iter().find_map(|end| path.strip_suffix(end))
}

fn is_people_s(path: &str) -> bool {
    path.starts_with("home/")
        || path
            .split('/')
            .nth(1)
            .is_some_and(|folder| folder == "workspace" || folder.starts_with("workspace-"))
}

/// Sockets, process ids, unfinished files, and SQLite files that only serve as locks.
fn is_transient(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    let ends = |end: &str| name.len() > end.len() && name.ends_with(end);
    ends(".sock")
        || ends(".pid")
        || ends(".tmp")
        || name.find(".tmp.").is_some_and(|at| at > 0)
        || ends(".lock.sqlite")
        || [
            ".sqlite.generation-",
            ".sqlite.reindex-lock",
            ".sqlite.backup-",
            ".sqlite.memory-reindex-",
            ".sqlite.tmp-",
        ]
        .iter()
        .any(|part| name.contains(part))
}

#[cfg(test)]
mod tests {
    use super::{database_of_sidecar, is_covered};

    #[test]
    fn what_lasts_is_covered_and_what_comes_back_by_itself_is_not() {
        for path in [
            "openclaw",
            "openclaw/state/openclaw.sqlite",
            "openclaw/agents/main/agent/openclaw-agent.sqlite",
            "openclaw/agents/main/sessions/cold/a.jsonl.zst",
            "openclaw/credentials/whatsapp/creds.json",
            "openclaw/config-journal-fingerprint.key",
            "openclaw/workspace/notes.tmp",
            "openclaw/workspace/cache/x",
            "openclaw/workspace-ops/server.pid",
            "openclaw/workspace/openclaw.json",
            "openclaw/skills/x/SKILL.md",
            "home/.gitconfig",
            "home/a.tmp",
        ] {
            assert!(is_covered(path), "{path}");
        }
        for path in [
            "openclaw/cache",
            "openclaw/openclaw.json",
            "openclaw/openclaw.json.last-good",
            "openclaw/agents/main/agent/openclaw-agent.sqlite.lock.sqlite",
            "openclaw/agents/main/agent/memory.sqlite.tmp-0a0a0a0a",
            "openclaw/agents/main/agent/tmp",
            "openclaw/gateway.pid",
            "openclaw/state/x.json.tmp.1",
            "openclaw/browser/main/user-data/SingletonLock",
            "home/.cache",
        ] {
            assert!(!is_covered(path), "{path}");
        }
        assert_eq!(database_of_sidecar("a/b.sqlite-wal"), Some("a/b.sqlite"));
        assert_eq!(database_of_sidecar("a/b.sqlite"), None);
    }
}
