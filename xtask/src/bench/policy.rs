//! `cargo xtask bench policy`: what compiling and explaining a large policy costs.

use std::fmt;
use std::time::{Duration, Instant};

use clap::Args;
use domain::policy::explain::{Explainer, Question};
use domain::policy::{CompileContext, Policy, compile_at, parse_value};
use domain::wire::openclaw::OPENCLAW_VERSION;
use serde::Serialize;
use serde_json::{Value, json};

/// Options of `cargo xtask bench policy`.
#[derive(Debug, Args)]
pub(super) struct PolicyArgs {
    /// Print JSON instead of a table.
    #[arg(long)]
    json: bool,
    /// Agents with an override.
    #[arg(long, default_value = "50")]
    agents: usize,
    /// Channels with rules.
    #[arg(long, default_value = "50")]
    channels: usize,
    /// Rules, in the gateway's list of denied tools and over the agents and channels.
    #[arg(long, default_value = "500")]
    rules: usize,
}

/// Microseconds for one operation, the median of many.
#[derive(Debug, Serialize)]
struct Report {
    agents: usize,
    channels: usize,
    rules: usize,
    bytes: usize,
    parse_us: f64,
    compile_us: f64,
    arrange_us: f64,
    explain_us: f64,
    explain_with_a_tenth_of_the_rules_us: f64,
}

/// Runs it.
///
/// # Errors
/// When the document is refused.
pub(super) fn run(args: &PolicyArgs) -> anyhow::Result<()> {
    let value = document(args.agents, args.channels, args.rules);
    let policy = read(value.clone())?;
    let small = read(document(args.agents, args.channels, args.rules / 10))?;
    let context = CompileContext {
        models: &[],
        public_url: "https://company.example.com",
    };
    let now = "2026-12-01T00:00:00Z".parse()?;
    compile_at(&policy, context, now, OPENCLAW_VERSION)?;
    let questions = questions(args)?;
    let explain = |policy: &Policy| {
        let explainer = Explainer::new(policy, Some(now));
        let mut next = questions.iter().cycle();
        median(20_000, || {
            next.next().map(|question| explainer.answer(question))
        })
    };
    let report = Report {
        agents: args.agents,
        channels: args.channels,
        rules: args.rules,
        bytes: value.to_string().len(),
        parse_us: median(50, || parse_value(value.clone())),
        compile_us: median(50, || compile_at(&policy, context, now, OPENCLAW_VERSION)),
        arrange_us: median(50, || Explainer::new(&policy, Some(now))),
        explain_us: explain(&policy),
        explain_with_a_tenth_of_the_rules_us: explain(&small),
    };
    super::print(&report, args.json)
}

fn read(value: Value) -> anyhow::Result<Policy> {
    parse_value(value).map_err(|faults| anyhow::anyhow!("the document is refused: {faults:?}"))
}

/// A third of the rules each with the gateway, the agents and the channels; names
/// that hardly any tool has, so that what matters is how many there are.
fn document(agents: usize, channels: usize, rules: usize) -> Value {
    let third = rules / 3;
    let name = |kind: &str, number: usize| {
        // Every tenth is a glob.
        if number.is_multiple_of(10) {
            format!("{kind}{number}_*")
        } else {
            format!("{kind}{number}")
        }
    };
    let share = |kind: &str, at: usize, of: usize| -> Vec<String> {
        (0..third)
            .filter(|number| number % of == at)
            .map(|number| name(kind, number))
            .collect()
    };
    let agents: serde_json::Map<String, Value> = (0..agents)
        .map(|at| {
            (
                format!("agent{at}"),
                json!({ "deny": share("a", at, agents) }),
            )
        })
        .collect();
    let channels: serde_json::Map<String, Value> = (0..channels)
        .map(|at| {
            let rules = json!({ "deny": share("c", at, channels), "senders": { "s": { "deny": ["exec"] } } });
            (format!("channel{at}"), rules)
        })
        .collect();
    let deny: Vec<String> = (0..rules - 2 * third)
        .map(|number| name("g", number))
        .collect();
    json!({
        "schema": 1,
        "access": { "operators": [{ "email": "ada@example.com", "role": "admin" }] },
        "tools": { "profile": "coding", "deny": deny, "agents": agents, "channels": channels },
    })
}

fn questions(args: &PolicyArgs) -> anyhow::Result<Vec<Question>> {
    let mut questions = Vec::new();
    for number in 0..1000 {
        let tool = ["exec", "read", "web_fetch", "g17", "browser"]
            .get(number % 5)
            .copied()
            .unwrap_or("exec");
        questions.push(serde_json::from_value(json!({
            "tool": tool,
            "agent": format!("agent{}", number % args.agents.max(1)),
            "channel": format!("channel{}", number % args.channels.max(1)),
            "sender": "s",
        }))?);
    }
    Ok(questions)
}

/// Median of the microseconds that an operation takes.
fn median<T>(times: usize, mut operation: impl FnMut() -> T) -> f64 {
    let mut took: Vec<Duration> = (0..times)
        .map(|_| {
            let start = Instant::now();
            std::hint::black_box(operation());
            start.elapsed()
        })
        .collect();
    took.sort_unstable();
    took.get(times / 2)
        .map_or(f64::NAN, |median| median.as_secs_f64() * 1e6)
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            agents,
            channels,
            rules,
            bytes,
            ..
        } = self;
        let debug = if cfg!(debug_assertions) {
            " (a debug build: several times slower than a release)"
        } else {
            ""
        };
        writeln!(
            f,
            "A policy of {agents} agents, {channels} channels and {rules} rules, {bytes} bytes{debug}"
        )?;
        for (what, us) in [
            ("read and check", self.parse_us),
            ("compile", self.compile_us),
            ("arrange for explaining", self.arrange_us),
            ("explain", self.explain_us),
            (
                "explain, with a tenth of the rules",
                self.explain_with_a_tenth_of_the_rules_us,
            ),
        ] {
            writeln!(f, "{what:<36} {us:>10.1} µs")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::{document, read};

    #[test]
    fn the_document_has_as_many_rules_as_it_says() {
        let value = document(50, 50, 500);
        let policy = read(value).unwrap();
        let lists = policy.tools.agents.values().map(|agent| agent.deny.len());
        let channels = policy
            .tools
            .channels
            .values()
            .map(|channel| channel.deny.len());
        assert_eq!(
            policy.tools.deny.len() + lists.sum::<usize>() + channels.sum::<usize>(),
            500
        );
    }
}
