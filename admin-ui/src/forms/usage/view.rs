//! What is drawn on the usage page: kept in the address, so that it can be shared.

use domain::wire::usage::{UsageGroup, UsageTotals};

use crate::ui::text::{count, count_short, usd};

/// What is counted.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Metric {
    /// Input and output tokens together.
    #[default]
    Tokens,
    /// Money, of calls whose model has a price.
    Cost,
    /// Calls that reached the provider.
    Calls,
}

/// How long one bar is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Step {
    /// A day in the policy's time zone.
    #[default]
    Day,
    /// An hour.
    Hour,
}

/// What the colours of a bar stand for, and what a table of sums is by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Split {
    /// Agents.
    #[default]
    Agent,
    /// Models.
    Model,
    /// Conversations; kept as long as single calls.
    Session,
}

impl Metric {
    /// All of them, as the address and the page spell them.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Tokens, "tokens", "Tokens"),
        (Self::Cost, "cost", "Cost"),
        (Self::Calls, "calls", "Calls"),
    ];

    /// Its number in sums.
    pub(crate) fn of(self, totals: &UsageTotals) -> u64 {
        match self {
            Self::Tokens => totals.input_tokens.saturating_add(totals.output_tokens),
            Self::Cost => totals.cost_micro_usd,
            Self::Calls => totals.calls,
        }
    }

    /// A number of it, in full.
    pub(crate) fn words(self, n: u64) -> String {
        match self {
            Self::Tokens => format!("{} tokens", count(n)),
            Self::Cost => usd(n),
            Self::Calls => format!("{} call{}", count(n), crate::ui::text::plural(n)),
        }
    }

    /// A number of it, for an axis.
    pub(crate) fn short(self, n: u64) -> String {
        match self {
            Self::Cost => usd(n),
            Self::Tokens | Self::Calls => count_short(n),
        }
    }
}

impl Step {
    /// Both, as the address and the page spell them.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 2] = [
        (Self::Day, "day", "By day"),
        (Self::Hour, "hour", "By hour"),
    ];

    /// Days that can be chosen, with what the page says of them; the first is what holds
    /// when nothing is chosen.
    pub(crate) const fn spans(self) -> [(u32, &'static str); 3] {
        match self {
            Self::Day => [(14, "14 days"), (7, "7 days"), (31, "31 days")],
            Self::Hour => [(1, "24 hours"), (2, "48 hours"), (7, "7 days")],
        }
    }
}

impl Split {
    /// All of them, as the address and the page spell them.
    pub(crate) const ALL: [(Self, &'static str, &'static str); 3] = [
        (Self::Agent, "agent", "Agent"),
        (Self::Model, "model", "Model"),
        (Self::Session, "session", "Session"),
    ];

    /// Which one a line of a report belongs to.
    pub(crate) fn of(self, row: &UsageGroup) -> String {
        let (name, missing) = match self {
            Self::Agent => (&row.agent, "no agent named"),
            Self::Model => (&row.model, "no model named"),
            Self::Session => (&row.session, "no session named"),
        };
        name.clone()
            .filter(|name| !name.is_empty())
            .unwrap_or_else(|| missing.to_owned())
    }
}

/// What is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct UsageView {
    /// What is counted.
    pub(crate) metric: Metric,
    /// How long one bar is.
    pub(crate) step: Step,
    /// What its colours stand for.
    pub(crate) split: Split,
    /// Days that are shown.
    pub(crate) days: u32,
}

impl Default for UsageView {
    fn default() -> Self {
        Self::read(|_| None)
    }
}

impl UsageView {
    /// Reads parameters of the address. What is unknown is left out: an old link still
    /// shows something.
    pub(crate) fn read<'a>(parameter: impl Fn(&str) -> Option<&'a str>) -> Self {
        let step = named(&Step::ALL, parameter("step"));
        let asked = parameter("days").and_then(|days| days.parse().ok());
        let spans = step.spans().map(|(days, _)| days);
        let [first, ..] = spans;
        Self {
            metric: named(&Metric::ALL, parameter("metric")),
            step,
            split: named(&Split::ALL, parameter("split")),
            days: asked.filter(|days| spans.contains(days)).unwrap_or(first),
        }
    }

    /// The parameters of the gateway's report that it is drawn from.
    pub(crate) fn report(self, from: &str, to: &str) -> String {
        let step = match self.step {
            Step::Day => "day",
            Step::Hour => "hour",
        };
        // Sessions are known of single calls alone, and of those for a few days.
        let by = match self.split {
            Split::Agent | Split::Model => "agent,model",
            Split::Session => "session",
        };
        format!("usage?group_by={step},{by}&from={from}&to={to}")
    }
}

/// The choice that the address names, or the first.
fn named<T: Copy + Default>(all: &[(T, &str, &str)], name: Option<&str>) -> T {
    let found = all.iter().find(|(_, slug, _)| Some(*slug) == name);
    found.map_or_else(T::default, |(choice, _, _)| *choice)
}

#[cfg(test)]
mod tests {
    use super::{Metric, Split, Step, UsageView};

    #[test]
    fn the_address_says_what_is_drawn_and_nonsense_says_nothing() {
        let read = |text: &'static str| {
            UsageView::read(|wanted| {
                let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
                pairs
                    .into_iter()
                    .find(|(key, _)| *key == wanted)
                    .map(|(_, value)| value)
            })
        };
        let view = read("metric=cost&step=hour&split=model&days=2");
        assert_eq!(
            (view.metric, view.step, view.split, view.days),
            (Metric::Cost, Step::Hour, Split::Model, 2)
        );
        assert_eq!(read("metric=x&step=&days=4000"), UsageView::default());
        assert_eq!(read("step=hour&days=14").days, 1);
        assert_eq!(
            view.report("2026-11-20", "2026-11-22"),
            "usage?group_by=hour,agent,model&from=2026-11-20&to=2026-11-22"
        );
    }
}
