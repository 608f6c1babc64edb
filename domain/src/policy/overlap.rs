//! What two lists of patterns have in common, as one list.

use super::catalog::{TOOLS, find, gives, glob};
use super::tools::ToolPattern;

/// Patterns that mean what both lists mean. OpenClaw's own tools are named one by
/// one; of others, those patterns of either list that the other one covers.
pub(super) fn overlap(one: &[ToolPattern], other: &[ToolPattern]) -> Vec<ToolPattern> {
    let in_list = |list: &[ToolPattern], tool: &str| list.iter().any(|p| gives(p.as_str(), tool));
    let both = |tool: &str| in_list(one, tool) && in_list(other, tool);
    let mut names: Vec<ToolPattern> = TOOLS
        .iter()
        .filter(|tool| both(tool.name))
        .filter_map(|tool| tool.name.parse().ok())
        .collect();
    for (list, against) in [(one, other), (other, one)] {
        let foreign = |pattern: &&ToolPattern| {
            let text = pattern.as_str();
            let covered = |by: &ToolPattern| glob(by.as_str(), text);
            find(text).is_none()
                && !text.starts_with("group:")
                && !text.contains('*')
                && against.iter().any(covered)
        };
        names.extend(list.iter().filter(foreign).cloned());
    }
    names.sort_unstable();
    names.dedup();
    names
}
