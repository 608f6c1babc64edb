//! Which clauses are enforced by what: filtered, and counted.

use domain::policy::coverage::{Covered, Enforcer};

/// What a list of clauses is narrowed to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct CoverageFilter {
    /// Part of a pointer or of what it compiles to, without regard to case.
    pub(crate) text: String,
    /// Whether it is proven; both when none.
    pub(crate) proven: Option<bool>,
    /// What is meant to enforce it; anything when none.
    pub(crate) enforcer: Option<Enforcer>,
}

/// Enforcers as the address and the page spell them.
pub(crate) const ENFORCERS: [(Enforcer, &str, &str); 4] = [
    (Enforcer::GatewayWorker, "worker", "Gateway Worker"),
    (
        Enforcer::OpenclawConfig,
        "openclaw",
        "OpenClaw's configuration",
    ),
    (Enforcer::TedixInit, "init", "tedix-init"),
    (Enforcer::DeclaredOnly, "nothing", "Nothing"),
];

impl CoverageFilter {
    /// Reads the parameters of the address; what is unknown is left out.
    pub(crate) fn read(text: &str, shown: &str, by: &str) -> Self {
        let enforcer = ENFORCERS.iter().find(|(_, slug, _)| *slug == by);
        Self {
            text: text.trim().to_lowercase(),
            proven: match shown {
                "proven" => Some(true),
                "declared" => Some(false),
                _ => None,
            },
            enforcer: enforcer.map(|(enforcer, _, _)| *enforcer),
        }
    }

    /// Whether a clause passes.
    pub(crate) fn lets(&self, clause: &Covered) -> bool {
        let words = [&clause.pointer, &clause.compiles_to];
        let named = words.iter().any(|w| w.to_lowercase().contains(&self.text));
        named
            && self.proven.is_none_or(|proven| proven == is_proven(clause))
            && self.enforcer.is_none_or(|by| by == clause.meant_for)
    }
}

/// Whether a test has shown that a clause is enforced.
pub(crate) fn is_proven(clause: &Covered) -> bool {
    clause.enforced_by != Enforcer::DeclaredOnly
}

#[cfg(test)]
mod tests {
    use super::{CoverageFilter, is_proven};
    use domain::policy::coverage::coverage;
    use domain::policy::{PRESETS, parse_value};

    #[test]
    fn filters_narrow_and_nonsense_lets_everything_through() {
        let policy = parse_value(PRESETS[0].document()).expect("valid");
        let all = coverage(&policy);
        let left = |text: &str, shown: &str, by: &str| {
            let filter = CoverageFilter::read(text, shown, by);
            all.iter().filter(|clause| filter.lets(clause)).count()
        };
        assert_eq!(left("", "x", "y"), all.len());
        let proven = left("", "proven", "");
        assert_eq!(
            proven,
            all.iter().filter(|clause| is_proven(clause)).count()
        );
        assert_eq!(proven + left("", "declared", ""), all.len());
        assert!(left(" /BUDGETS ", "", "") > 0 && left("/budgets", "", "") < all.len());
        let by = ["worker", "openclaw", "init", "nothing"].map(|by| left("", "", by));
        assert_eq!(by.iter().sum::<usize>(), all.len());
    }
}
