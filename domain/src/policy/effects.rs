//! What a change does: the answers that differ between two documents.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::catalog::{TOOLS, canonical};
use super::diff::Direction;
use super::document::{Expected, Policy};
use super::explain::{Explainer, Question};
use super::tools::ToolPattern;
use super::value::{AgentId, ChannelId};

/// One answer that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Effect {
    /// Agent.
    pub agent: AgentId,
    /// Channel; none for the gateway's own chat.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<ChannelId>,
    /// Tool.
    pub tool: ToolPattern,
    /// The answer before.
    pub before: Expected,
    /// The answer after.
    pub after: Expected,
    /// Whether that is less or more.
    pub direction: Direction,
    /// The clause that decides after.
    pub clause: String,
}

/// Every tool × agent × channel whose answer differs, of those that OpenClaw has or
/// either document names; at most `most`, and how many there are.
#[must_use]
pub fn effects(
    old: &Policy,
    new: &Policy,
    now: DateTime<Utc>,
    most: usize,
) -> (Vec<Effect>, usize) {
    let (before, after) = (
        Explainer::new(old, Some(now)),
        Explainer::new(new, Some(now)),
    );
    let both = [old, new];
    let mut agents: BTreeSet<AgentId> = both
        .iter()
        .flat_map(|policy| policy.tools.agents.keys().cloned())
        .collect();
    agents.extend("main".parse());
    let named = both
        .iter()
        .flat_map(|policy| policy.tools.channels.keys().cloned().map(Some));
    let channels: BTreeSet<Option<ChannelId>> = named.chain([None]).collect();
    let tools = tools(both);
    let (mut found, mut count) = (Vec::new(), 0);
    for agent in &agents {
        for channel in &channels {
            for tool in &tools {
                let question = Question {
                    agent: Some(agent.clone()),
                    tool: tool.clone(),
                    channel: channel.clone(),
                    group: None,
                    sender: None,
                    arguments: super::document::Arguments::default(),
                };
                let (was, is) = (before.answer(&question).decision, after.answer(&question));
                if was == is.decision {
                    continue;
                }
                count += 1;
                if found.len() < most {
                    found.push(Effect {
                        agent: agent.clone(),
                        channel: channel.clone(),
                        tool: tool.clone(),
                        before: was,
                        after: is.decision,
                        direction: if is.decision > was {
                            Direction::Tightens
                        } else {
                            Direction::Loosens
                        },
                        clause: is.clause,
                    });
                }
            }
        }
    }
    (found, count)
}

fn tools(policies: [&Policy; 2]) -> BTreeSet<ToolPattern> {
    let own = TOOLS.iter().filter_map(|tool| tool.name.parse().ok());
    let named = policies
        .into_iter()
        .flat_map(|policy| policy.tools.allow.iter().chain(&policy.tools.deny));
    let single = |pattern: &&ToolPattern| !pattern.as_str().contains(['*', ':']);
    let named = named
        .filter(single)
        .filter_map(|pattern| canonical(pattern.as_str()).parse().ok());
    own.chain(named).collect()
}

#[cfg(test)]
mod tests {
    use super::effects;
    use crate::policy::{Direction, Expected, samples};

    #[test]
    fn a_change_is_seen_where_no_clause_says_it() {
        let old = samples::full();
        let mut new = old.clone();
        new.tools.deny.push("exec".parse().unwrap());
        let now = "2026-12-01T00:00:00Z".parse().unwrap();
        let (found, count) = effects(&old, &new, now, 1000);
        assert_eq!(found.len(), count);
        let of = |tool: &str| {
            found
                .iter()
                .find(|effect| effect.tool.as_str() == tool && effect.channel.is_none())
        };
        let exec = of("exec").unwrap();
        assert_eq!(
            (exec.before, exec.after, exec.direction),
            (Expected::Ask, Expected::Deny, Direction::Tightens)
        );
        // Nothing says `process`, and it goes as well.
        assert_eq!(of("process").unwrap().clause, "/tools/deny/2");
        assert!(
            found
                .iter()
                .all(|effect| effect.direction == Direction::Tightens)
        );
        assert_eq!(effects(&new, &new, now, 10), (vec![], 0));
        assert_eq!(effects(&old, &new, now, 1).0.len(), 1);
    }
}
