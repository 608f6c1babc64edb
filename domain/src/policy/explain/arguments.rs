//! What a policy reads from the arguments of a call.

use crate::policy::catalog::{canonical, glob};
use crate::policy::value::HostPattern;

/// Characters with which one command line holds more than one command, or one
/// that is not what it looks like.
const SHELL: &[char] = &[
    '|', '&', ';', '<', '>', '(', ')', '$', '`', '\\', '"', '\'', '\n', '{', '}', '*', '?', '!',
    '~', '#',
];

/// Whether a command line is one plain call of a program on a list.
pub(super) fn on_list(command: &str, programs: &[String]) -> bool {
    let Some(program) = command.split_whitespace().next() else {
        return false;
    };
    if command.contains(SHELL)
        || program.contains('=')
        || program.split('/').any(|part| part == "..")
    {
        return false;
    }
    programs.iter().any(|pattern| {
        if pattern.starts_with('/') {
            glob(pattern, program)
        } else {
            pattern == program
        }
    })
}

/// Whether a path stays in the workspace.
pub(super) fn in_workspace(path: &str) -> bool {
    let inside = |part: &str| part != "..";
    !path.starts_with(['/', '~', '\\']) && path.split(['/', '\\']).all(inside)
}

/// Whether an address is on a host of the list.
pub(super) fn reaches(url: &str, hosts: &[HostPattern]) -> bool {
    host_of(url).is_some_and(|host| hosts.iter().any(|pattern| pattern.matches(host)))
}

/// Tools that take files.
pub(super) fn takes_files(tool: &str) -> bool {
    matches!(
        canonical(tool),
        "read" | "write" | "edit" | "apply_patch" | "ls" | "view_image" | "pdf"
    )
}

/// Tools that take addresses.
pub(super) fn takes_addresses(tool: &str) -> bool {
    matches!(
        canonical(tool),
        "web_fetch" | "browser" | "pdf" | "view_image"
    )
}

/// The host of an http or https address; none when it has no host or hides one.
fn host_of(url: &str) -> Option<&str> {
    let (scheme, rest) = url.split_once("://")?;
    let http = scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https");
    let authority = rest.split(['/', '?', '#', '\\']).next()?;
    let host = authority.split(':').next()?;
    (http && !authority.contains('@') && !host.is_empty()).then_some(host)
}

#[cfg(test)]
mod tests {
    use super::{host_of, in_workspace, on_list};

    #[test]
    fn only_a_plain_call_is_on_the_list() {
        let list = ["git".to_owned(), "/usr/bin/*".to_owned()];
        assert!(on_list("git log -3", &list) && on_list("/usr/bin/env", &list));
        for other in [
            "",
            "gitk",
            "git log; rm x",
            "git $(x)",
            "/usr/bin/../sbin/x",
            "A=1 git",
            "./git",
            "git\nrm",
        ] {
            assert!(!on_list(other, &list), "{other}");
        }
    }

    #[test]
    fn paths_and_addresses_that_hide_something() {
        assert!(in_workspace("a/b.md") && in_workspace("..a"));
        for outside in ["/etc/passwd", "../x", "a/../../x", "~/x", "a\\..\\x"] {
            assert!(!in_workspace(outside), "{outside}");
        }
        assert_eq!(host_of("HTTPS://example.com:8/x?y"), Some("example.com"));
        for bad in [
            "file:///etc/passwd",
            "https://a@b.c/",
            "https:///x",
            "x",
            "https://a.b\\@c.d",
        ] {
            assert_ne!(host_of(bad), Some("c.d"), "{bad}");
        }
    }
}
