//! Providers that send what no provider should: every call ends, holds nothing
//! afterwards, counts something believable, and the next one works.

use anyhow::{Context, ensure};
use domain::wire::usage::{CallOutcome, CallRow};
use e2e::environment::Environment;
use e2e::model_upstream::INPUT_TOKENS;

use super::lone::{Lone, SOON};

/// Above what any call here can have used, and what a budget is to bear.
const BELIEVABLE: u64 = 128_000 + 8_192;

/// What a way to misbehave leads to.
struct Case {
    model: &'static str,
    /// What the client gets; none when its answer breaks off.
    status: Option<u16>,
    /// How the call is noted; none when it cost nothing.
    outcome: Option<CallOutcome>,
    /// Input and output, where they are reported in a way to believe.
    counts: Option<(u64, u64)>,
}

const CASES: &[Case] = &[
    case("garbage", Some(200), Some(CallOutcome::Finished), None),
    case("no-usage", Some(200), Some(CallOutcome::Finished), None),
    case(
        "negative-usage",
        Some(200),
        Some(CallOutcome::Finished),
        None,
    ),
    case("absurd-usage", Some(200), Some(CallOutcome::Finished), None),
    // Within what is believed of a report, beyond what the model can do: cut to that.
    case(
        "large-usage",
        Some(200),
        Some(CallOutcome::Finished),
        Some((128_000, 8_192)),
    ),
    case("failing", Some(503), None, None),
    case("wrong-key", Some(429), None, None),
    case("no-credit", Some(429), None, None),
    case("no-quota", Some(429), None, None),
    case("low-balance", Some(429), None, None),
    case(
        "gzip",
        Some(200),
        Some(CallOutcome::Finished),
        Some((INPUT_TOKENS, 7)),
    ),
    case(
        "bomb",
        Some(200),
        Some(CallOutcome::Finished),
        Some((INPUT_TOKENS, 7)),
    ),
    case("headers", Some(502), None, None),
    case("redirect", Some(502), None, None),
    case("cut", None, Some(CallOutcome::Cut), None),
];

const fn case(
    model: &'static str,
    status: Option<u16>,
    outcome: Option<CallOutcome>,
    counts: Option<(u64, u64)>,
) -> Case {
    Case {
        model,
        status,
        outcome,
        counts,
    }
}

pub(super) async fn run(environment: &Environment) -> anyhow::Result<()> {
    let lone = Lone::start(environment).await?;
    let outcome = cases(&lone).await;
    lone.stop().await;
    outcome
}

async fn cases(lone: &Lone) -> anyhow::Result<()> {
    for case in CASES {
        one(lone, case)
            .await
            .with_context(|| format!("provider \"{}\"", case.model))?;
    }
    ensure!(
        lone.upstream.redirected() == 0,
        "a redirect of the provider's was followed"
    );
    let audit = lone.gateway.audit().await?;
    let noted = |action: &str| audit.iter().filter(|entry| entry.action == action).count();
    let implausible = noted("usage.implausible");
    ensure!(
        implausible == 1,
        "{implausible} reports noted as implausible"
    );
    // One for the key and one for the credit, whatever goes through in between.
    let refused = noted("provider.refused");
    ensure!(refused == 2, "{refused} refusals of the account noted");
    Ok(())
}

async fn one(lone: &Lone, case: &Case) -> anyhow::Result<()> {
    let before = lone.calls().await?.len();
    let used = lone.account(None).await?.tokens.used;
    let answer = lone.stream(case.model).await;
    match (case.status, answer) {
        (Some(status), answer) => {
            let answer = answer?;
            ensure!(
                answer.status == status,
                "{}: {}",
                answer.status,
                answer.excerpt()
            );
            ensure!(
                !answer.text().contains("sk-of-the-provider"),
                "the provider's key is in the answer"
            );
        }
        (None, Ok(answer)) => anyhow::bail!("came to its end: {}", answer.excerpt()),
        (None, Err(_)) => {}
    }
    lone.settled(SOON).await?;
    let calls = lone.calls().await?;
    let used = lone.account(None).await?.tokens.used - used;
    let row = calls.first().filter(|_| calls.len() > before);
    ensure!(
        row.map(|row| row.outcome) == case.outcome,
        "noted as {row:?}"
    );
    match (row, case.counts) {
        (None, _) => ensure!(used == 0, "a call that cost nothing counts {used}"),
        (Some(row), counts) => check_counts(row, counts, used)?,
    }
    // Whatever it was, the gateway goes on.
    lone.stream("plain").await?.expect(200)?;
    lone.settled(SOON).await
}

fn check_counts(row: &CallRow, counts: Option<(u64, u64)>, used: u64) -> anyhow::Result<()> {
    let is = (row.usage.input_tokens, row.usage.output_tokens);
    ensure!(used == is.0 + is.1, "{used} counted for {row:?}");
    match counts {
        Some(counts) => ensure!(is == counts, "{row:?}"),
        None => ensure!(
            row.estimated && is.0 > 0 && is.1 > 0 && used <= BELIEVABLE,
            "{row:?}"
        ),
    }
    Ok(())
}
