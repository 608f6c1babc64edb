//! Scheduled jobs, which OpenClaw keeps in its database: what a policy lets be there.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::Things;
use crate::policy::{ChangeRule, Policy, canonical_hash};

/// What counts of a job: a change of anything else is OpenClaw's own bookkeeping. `enabled`
/// is left out, because jobs that ran once switch themselves off.
const DEFINITION: [&str; 13] = [
    "agentId",
    "deleteAfterRun",
    "delivery",
    "description",
    "displayName",
    "failureAlert",
    "name",
    "pacing",
    "payload",
    "schedule",
    "sessionTarget",
    "trigger",
    "wakeMode",
];
/// What the declaration keys of OpenClaw's own jobs begin with (2026.9.6): its `cron.add`
/// takes no such key from anybody.
const OPENCLAW_S: [&str; 2] = ["heartbeat:", "skill-collection-review:"];
/// Longest name of a job in what is reported, in characters.
const MAX_NAME: usize = 120;
/// A stream's job may run this often, in seconds (OpenClaw 2026.9.6).
const STREAM_SECONDS: u64 = 30;
const DAY: u64 = 86_400;

/// What scheduled jobs there may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JobRules {
    /// The only jobs that may be there, as [`things`] names them; none for any.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accepted: Option<Things>,
    /// Least seconds between two runs of a job.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub min_interval_seconds: Option<u64>,
    /// Most jobs that are switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_jobs: Option<u32>,
}

/// What is done about a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Remedy {
    /// It goes.
    Remove,
    /// It stays and does not run.
    SwitchOff,
}

/// A job that may not be there, or may not run.
#[derive(Debug, Clone, PartialEq)]
pub struct Offence {
    /// OpenClaw's id of it.
    pub id: String,
    /// What is done about it.
    pub remedy: Remedy,
    /// Why, in a person's words.
    pub why: String,
    /// What `cron.add` takes to make it again.
    pub definition: Value,
}

/// When the next of OpenClaw's jobs runs, as `cron.list` says; none when none is to.
#[must_use]
pub fn next_run(jobs: &[Value]) -> Option<DateTime<Utc>> {
    let next = |job: &Value| {
        let on = job.get("enabled") != Some(&Value::Bool(false));
        let at = job.pointer("/state/nextRunAtMs")?.as_i64();
        at.filter(|_| on).and_then(DateTime::from_timestamp_millis)
    };
    jobs.iter().filter_map(next).min()
}

impl JobRules {
    /// The rules of a policy, given the jobs that it has accepted so far.
    #[must_use]
    pub fn of(policy: &Policy, accepted: &Things) -> Self {
        let rule = policy.self_modification.cron;
        let limits = &policy.budgets.cron;
        Self {
            accepted: matches!(rule, Some(ChangeRule::Deny | ChangeRule::Review))
                .then(|| accepted.clone()),
            min_interval_seconds: limits.min_interval.as_ref().map(|least| least.seconds()),
            max_jobs: limits.max_jobs,
        }
    }

    /// What of the jobs in an answer to `cron.list` is against the rules.
    #[must_use]
    pub fn offences(&self, jobs: &[Value]) -> Vec<Offence> {
        let mut found = Vec::new();
        let mut on = Vec::new();
        for job in jobs.iter().filter(|job| !is_openclaw_s(job)) {
            let Some((name, hash)) = thing(job) else {
                continue;
            };
            let accepted = self.accepted.as_ref();
            if accepted.is_some_and(|accepted| accepted.get(&name) != Some(&hash)) {
                found.extend(offence(
                    job,
                    Remedy::Remove,
                    "nobody has approved it".to_owned(),
                ));
                continue;
            }
            if job.get("enabled") != Some(&Value::Bool(true)) {
                continue;
            }
            let interval = least_interval(job.get("schedule").unwrap_or(&Value::Null));
            match self.min_interval_seconds {
                Some(least) if interval < least => {
                    let why =
                        format!("it may run every {interval} s, less than the {least} s allowed");
                    found.extend(offence(job, Remedy::SwitchOff, why));
                }
                _ => on.push(job),
            }
        }
        let most = self.max_jobs.map_or(usize::MAX, |most| {
            usize::try_from(most).unwrap_or(usize::MAX)
        });
        // The oldest stay.
        on.sort_by_key(|job| job.get("createdAtMs").and_then(Value::as_u64));
        for job in on.into_iter().skip(most) {
            let why = format!("there are more than {most} jobs");
            found.extend(offence(job, Remedy::SwitchOff, why));
        }
        found
    }
}

/// The jobs in an answer to `cron.list`, by name and id, with a hash of what counts.
#[must_use]
pub fn things(jobs: &[Value]) -> Option<Things> {
    jobs.iter().map(thing).collect()
}

/// How one job is called, and the hash of what counts of it.
#[must_use]
pub fn thing(job: &Value) -> Option<(String, String)> {
    let id = job.get("id")?.as_str()?;
    let name = job.get("name").and_then(Value::as_str).unwrap_or("job");
    let name: String = name.chars().take(MAX_NAME).collect();
    Some((format!("{name} ({id})"), canonical_hash(&definition(job))))
}

/// What `cron.add` takes to make a job again.
#[must_use]
pub fn definition(job: &Value) -> Value {
    let kept: Map<String, Value> = DEFINITION
        .iter()
        .filter_map(|key| Some(((*key).to_owned(), job.get(*key)?.clone())))
        .collect();
    Value::Object(kept)
}

/// Least seconds between two runs of a job with a schedule; 0 where it cannot be read.
/// What runs once, or after a command of its own, has no such time.
#[must_use]
pub fn least_interval(schedule: &Value) -> u64 {
    let text = |key: &str| schedule.get(key).and_then(Value::as_str);
    match text("kind") {
        Some("every") => schedule.get("everyMs").and_then(Value::as_u64).unwrap_or(0) / 1_000,
        Some("cron") => text("expr").and_then(of_expression).unwrap_or(0),
        Some("stream") => STREAM_SECONDS,
        Some("at" | "on-exit") => u64::MAX,
        _ => 0,
    }
}

/// The same for a cron expression of 5 fields, or of 6 with seconds.
fn of_expression(expression: &str) -> Option<u64> {
    let mut fields: Vec<&str> = expression.split_whitespace().collect();
    if fields.len() == 5 {
        fields.insert(0, "0");
    }
    let &[second, minute, hour, day, month, weekday] = fields.as_slice() else {
        return None;
    };
    let seconds = values(second, 0, 59)?;
    let minutes = values(minute, 0, 59)?;
    let hours = values(hour, 0, 23)?;
    let mut times = Vec::new();
    for hour in &hours {
        for minute in &minutes {
            // The two that are nearest to each other lie in one minute or follow on it.
            let at = hour * 3_600 + minute * 60;
            times.extend([seconds.first()?, seconds.last()?].map(|second| at + second));
        }
    }
    let within = seconds
        .windows(2)
        .filter_map(|pair| Some(pair.get(1)? - pair.first()?))
        .min();
    times.sort_unstable();
    times.dedup();
    let between = times
        .windows(2)
        .filter_map(|pair| Some(pair.get(1)? - pair.first()?))
        .min();
    let over_night =
        DAY - times.last()? + times.first()? + (days_between(day, month, weekday) - 1) * DAY;
    [within, between, Some(over_night)]
        .into_iter()
        .flatten()
        .min()
}

/// Least days between two days on which a cron expression runs: 1 unless it is plain that
/// there are more.
fn days_between(day: &str, month: &str, weekday: &str) -> u64 {
    let single = |field: &str| {
        field.parse::<u32>().is_ok() || field.len() == 3 && field.chars().all(char::is_alphabetic)
    };
    match (single(day), day, single(weekday), weekday) {
        (_, "*" | "?", true, _) => 7,
        (true, _, _, "*" | "?") if single(month) => 365,
        (true, _, _, "*" | "?") => 28,
        _ => 1,
    }
}

/// The values that a field of a cron expression means, in order.
fn values(field: &str, least: u64, most: u64) -> Option<Vec<u64>> {
    let mut found = Vec::new();
    for part in field.split(',') {
        let (range, step) = match part.split_once('/') {
            Some((range, step)) => (range, step.parse::<u64>().ok().filter(|step| *step > 0)?),
            None => (part, 1),
        };
        let (from, to) = match range.split_once('-') {
            _ if range == "*" || range == "?" => (least, most),
            Some((from, to)) => (from.parse().ok()?, to.parse().ok()?),
            None if part.contains('/') => (range.parse().ok()?, most),
            None => (range.parse().ok()?, range.parse().ok()?),
        };
        if from < least || to > most || from > to {
            return None;
        }
        found.extend((from..=to).step_by(usize::try_from(step).ok()?));
    }
    found.sort_unstable();
    found.dedup();
    Some(found)
}

/// OpenClaw's own, which follows its configuration: nobody else can make or remove one.
/// Whether a job in an answer to `cron.list` is OpenClaw's own.
#[must_use]
pub fn is_openclaw_s(job: &Value) -> bool {
    let key = job.get("declarationKey").and_then(Value::as_str);
    key.is_some_and(|key| OPENCLAW_S.iter().any(|own| key.starts_with(own)))
}

fn offence(job: &Value, remedy: Remedy, why: String) -> Option<Offence> {
    Some(Offence {
        id: job.get("id")?.as_str()?.to_owned(),
        remedy,
        why,
        definition: definition(job),
    })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn job(id: &str, schedule: &Value) -> Value {
        json!({"id": id, "name": "daily", "enabled": true, "schedule": schedule,
            "payload": {"kind": "agentTurn", "message": "m"}, "createdAtMs": 5,
            "state": {"nextRunAtMs": 1}, "updatedAtMs": 7})
    }

    fn ids(rules: &JobRules, jobs: &[Value]) -> Vec<(String, Remedy)> {
        let offences = rules.offences(jobs).into_iter();
        offences
            .map(|offence| (offence.id, offence.remedy))
            .collect()
    }

    #[test]
    fn only_accepted_jobs_stay_and_bookkeeping_does_not_count() {
        let hourly = json!({"kind": "every", "everyMs": 3_600_000});
        let accepted = things(&[job("a", &hourly)]).unwrap();
        let rules = JobRules {
            accepted: Some(accepted),
            ..JobRules::default()
        };
        let mut ran = job("a", &hourly);
        ran["state"] = json!({"nextRunAtMs": 9});
        ran["enabled"] = json!(false);
        assert_eq!(ids(&rules, &[ran]), []);
        let mut changed = job("a", &hourly);
        changed["payload"]["message"] = json!("something else");
        let same_name = job("b", &hourly);
        let heartbeat = json!({"id": "h", "declarationKey": "heartbeat:main", "enabled": true});
        assert_eq!(
            ids(&rules, &[changed, same_name, heartbeat]),
            [
                ("a".to_owned(), Remedy::Remove),
                ("b".to_owned(), Remedy::Remove)
            ]
        );
        assert_eq!(ids(&JobRules::default(), &[job("b", &hourly)]), [], "auto");
    }

    #[test]
    fn jobs_that_run_too_often_or_are_too_many_do_not_run() {
        let every = |minutes: u64| json!({"kind": "every", "everyMs": minutes * 60_000});
        let rules = JobRules {
            accepted: None,
            min_interval_seconds: Some(900),
            max_jobs: Some(1),
        };
        let mut newer = job("newer", &every(60));
        newer["createdAtMs"] = json!(6);
        let mut off = job("off", &every(1));
        off["enabled"] = json!(false);
        let jobs = [
            newer,
            job("often", &every(5)),
            job("older", &every(15)),
            off,
        ];
        assert_eq!(
            ids(&rules, &jobs),
            [
                ("often".to_owned(), Remedy::SwitchOff),
                ("newer".to_owned(), Remedy::SwitchOff)
            ]
        );
    }

    #[test]
    fn the_least_interval_of_a_schedule() {
        let cron = |expression: &str| least_interval(&json!({"kind": "cron", "expr": expression}));
        for (expression, seconds) in [
            ("* * * * *", 60),
            ("*/15 * * * *", 900),
            ("0,5 * * * *", 300),
            ("50,0 * * * *", 600),
            ("0 3 * * *", DAY),
            ("0 1,23 * * *", 2 * 3_600),
            ("30 9-17/2 * * 1-5", 2 * 3_600),
            ("0 0 * * 1", 7 * DAY),
            ("0 0 * * mon", 7 * DAY),
            ("0 0 1 * *", 28 * DAY),
            ("0 0 1 1 *", 365 * DAY),
            ("0 0 1 * 1", DAY),
            ("*/10 * * * * *", 10),
            ("0,59 0 * * * *", 59),
            ("59,0 * * * * *", 1),
            ("@hourly", 0),
            ("61 * * * *", 0),
            ("", 0),
            ("*/0 * * * *", 0),
        ] {
            assert_eq!(cron(expression), seconds, "{expression}");
        }
        assert_eq!(least_interval(&json!({"kind": "at", "at": "x"})), u64::MAX);
        assert_eq!(least_interval(&json!({"kind": "stream"})), STREAM_SECONDS);
        assert_eq!(least_interval(&json!({"kind": "new"})), 0);
        assert_eq!(least_interval(&Value::Null), 0);
    }

    #[test]
    fn a_policy_says_what_jobs_there_may_be() {
        let mut policy = Policy::bootstrap(&["ada@example.com".parse().unwrap()]);
        let accepted = Things::from([("a".to_owned(), "1".to_owned())]);
        assert_eq!(JobRules::of(&policy, &accepted), JobRules::default());
        for (rule, closed) in [
            (ChangeRule::Auto, false),
            (ChangeRule::Review, true),
            (ChangeRule::Deny, true),
        ] {
            policy.self_modification.cron = Some(rule);
            assert_eq!(
                JobRules::of(&policy, &accepted).accepted.is_some(),
                closed,
                "{rule:?}"
            );
        }
        policy.budgets.cron.min_interval = Some("PT15M".parse().unwrap());
        policy.budgets.cron.max_jobs = Some(3);
        let rules = JobRules::of(&policy, &accepted);
        assert_eq!(
            (rules.min_interval_seconds, rules.max_jobs),
            (Some(900), Some(3))
        );
        let json = serde_json::to_value(&rules).unwrap();
        assert_eq!(serde_json::from_value::<JobRules>(json).unwrap(), rules);
    }

    #[test]
    fn the_next_run_is_the_earliest_of_jobs_that_are_switched_on() {
        let job = |on: bool, at: Option<i64>| json!({"enabled": on, "state": {"nextRunAtMs": at}});
        let jobs = [
            job(true, Some(90_000)),
            job(true, Some(60_000)),
            job(false, Some(30_000)),
            job(true, None),
            json!({"name": "no state"}),
        ];
        assert_eq!(super::next_run(&jobs).map(|at| at.timestamp()), Some(60));
        assert_eq!(super::next_run(&[]), None);
    }
}
