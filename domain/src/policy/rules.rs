//! Lists of patterns, arranged so that looking a tool up costs what matches it.

use std::collections::HashMap;

use super::catalog::{ALIASES, canonical, find, glob, is_mcp, members};
use super::tools::ToolPattern;

/// What a list is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// `allow` and `only`: who may write may apply patches.
    Gives,
    /// `deny`: aliases count as well.
    TakesAway,
}

/// A list of patterns; [`RuleSet::find`] says which entry means a tool.
#[derive(Debug, Clone)]
pub(super) struct RuleSet {
    purpose: Purpose,
    clause: String,
    exact: HashMap<String, usize>,
    /// By the first byte of what they match; none where that may be any.
    globs: HashMap<Option<u8>, Vec<(String, usize)>>,
    plugins: Option<usize>,
    mcp: Option<usize>,
}

impl RuleSet {
    /// Arranges the list at a clause.
    pub(super) fn new(purpose: Purpose, clause: impl Into<String>, list: &[ToolPattern]) -> Self {
        let mut set = Self {
            purpose,
            clause: clause.into(),
            exact: HashMap::new(),
            globs: HashMap::new(),
            plugins: None,
            mcp: None,
        };
        for (index, pattern) in list.iter().enumerate() {
            set.insert(canonical(pattern.as_str()), index);
        }
        set
    }

    fn insert(&mut self, pattern: &str, index: usize) {
        if let Some(members) = members(pattern) {
            for member in members {
                self.exactly(member, index);
            }
        }
        if pattern.contains('*') {
            let first = pattern.bytes().next().filter(|byte| *byte != b'*');
            self.globs
                .entry(first)
                .or_default()
                .push((pattern.to_owned(), index));
        } else {
            self.exactly(pattern, index);
        }
        match pattern {
            "group:plugins" => _ = self.plugins.get_or_insert(index),
            "bundle-mcp" => _ = self.mcp.get_or_insert(index),
            _ => {}
        }
    }

    fn exactly(&mut self, name: &str, index: usize) {
        self.exact.entry(name.to_owned()).or_insert(index);
        if self.purpose == Purpose::Gives && name == "write" {
            self.exact.entry("apply_patch".to_owned()).or_insert(index);
        }
    }

    /// The clause of the list.
    pub(super) fn clause(&self) -> &str {
        &self.clause
    }

    /// The clause of the first entry that means a tool.
    pub(super) fn find(&self, tool: &str) -> Option<String> {
        let name = canonical(tool);
        let found = [
            self.exact.get(name).copied(),
            self.glob(name),
            self.plugins.filter(|_| find(name).is_none()),
            self.mcp.filter(|_| is_mcp(name)),
        ];
        let index = found.into_iter().flatten().min()?;
        Some(format!("{}/{index}", self.clause))
    }

    fn glob(&self, name: &str) -> Option<usize> {
        if self.globs.is_empty() {
            return None;
        }
        let aliases = ALIASES
            .iter()
            .filter(|(_, of)| self.purpose == Purpose::TakesAway && *of == name);
        let implied = (self.purpose == Purpose::Gives && name == "apply_patch").then_some("write");
        let names = std::iter::once(name)
            .chain(aliases.map(|(alias, _)| *alias))
            .chain(implied);
        let of_name = |name: &str| {
            let buckets = [name.bytes().next(), None];
            let lists = buckets.iter().filter_map(|bucket| self.globs.get(bucket));
            let name = name.to_owned();
            lists
                .flatten()
                .filter(move |(pattern, _)| glob(pattern, &name))
                .map(|(_, index)| *index)
                .min()
        };
        names.filter_map(of_name).min()
    }
}

#[cfg(test)]
mod tests {
    use super::{Purpose, RuleSet};
    use crate::policy::catalog::{TOOLS, gives, takes_away};
    use crate::policy::tools::ToolPattern;

    #[test]
    fn it_finds_what_the_patterns_one_by_one_find() {
        let list: Vec<ToolPattern> = [
            "zz*",
            "ba*",
            "*_search",
            "group:memory",
            "write",
            "bash",
            "group:plugins",
            "cron",
            "bundle-mcp",
            "*x*",
        ]
        .iter()
        .map(|text| text.parse().unwrap())
        .collect();
        let away = RuleSet::new(Purpose::TakesAway, "/deny", &list);
        let give = RuleSet::new(Purpose::Gives, "/allow", &list);
        let names = TOOLS
            .iter()
            .map(|tool| tool.name)
            .chain(["bash", "cron", "lobster", "a__b", "zz"]);
        for name in names {
            let first = |matches: fn(&str, &str) -> bool, base: &str| {
                let index = list
                    .iter()
                    .position(|pattern| matches(pattern.as_str(), name));
                index.map(|index| format!("{base}/{index}"))
            };
            assert_eq!(away.find(name), first(takes_away, "/deny"), "{name}");
            assert_eq!(give.find(name), first(gives, "/allow"), "{name}");
        }
    }
}
