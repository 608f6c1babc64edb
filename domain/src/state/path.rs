//! Where a file of a snapshot may lie: inside the tree, whatever the text says.

use super::Damage;

/// Longest path, in bytes (`PATH_MAX` on Linux is 4,096 with the end mark).
pub const MAX_PATH: usize = 4_000;
/// Longest name in a path, in bytes (`NAME_MAX` on Linux).
const MAX_NAME: usize = 255;

/// Checks a path of the tree: relative, normalised, without `.` and `..`.
///
/// # Errors
/// What is wrong with it.
pub fn check_path(path: &str) -> Result<(), Damage> {
    let wrong = |what: &str| Err(Damage(format!("the path {:?} {what}", shown(path))));
    if path.is_empty() || path.len() > MAX_PATH {
        return wrong("is empty or too long");
    }
    if path.starts_with('/') {
        return wrong("is absolute");
    }
    for name in path.split('/') {
        match name {
            "" => return wrong("has an empty part"),
            "." | ".." => return wrong("has a . or .. in it"),
            _ if name.len() > MAX_NAME => return wrong("has a part that is too long"),
            _ if name.contains('\0') => return wrong("holds a zero byte"),
            _ => {}
        }
    }
    Ok(())
}

/// Checks what the link at `path` points to: relative, and inside the tree when it is
/// read as text. The restoring side must create links last and never write through one.
///
/// # Errors
/// What is wrong with it.
pub fn check_link(path: &str, target: &str) -> Result<(), Damage> {
    let wrong = |what: &str| {
        Err(Damage(format!(
            "the link {:?} to {:?} {what}",
            shown(path),
            shown(target)
        )))
    };
    if target.is_empty() || target.len() > MAX_PATH || target.contains('\0') {
        return wrong("cannot be made");
    }
    if target.starts_with('/') {
        return wrong("is absolute");
    }
    // INVARIANT: the path was checked, so it has no empty parts and no dots.
    let mut depth = path.split('/').count().saturating_sub(1);
    for name in target.split('/') {
        match name {
            "" | "." => {}
            ".." if depth == 0 => return wrong("leads out of the tree"),
            ".." => depth -= 1,
            _ => depth += 1,
        }
    }
    Ok(())
}

/// Enough of a text to recognise it by.
fn shown(text: &str) -> String {
    text.chars().take(120).collect()
}
