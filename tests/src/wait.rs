//! Waiting for something to come true. A deadline only ends a test that would
//! never pass; nothing is asserted about how long things take.

use std::time::Duration;

use anyhow::bail;
use tokio::time::{Instant, sleep};

/// Long enough for a container with OpenClaw on a busy 2-core machine.
pub const START: Duration = Duration::from_secs(240);
/// Long enough for a policy to reach a running OpenClaw.
pub const APPLY: Duration = Duration::from_secs(90);
/// Long enough for two heartbeats.
pub const HEARTBEATS: Duration = Duration::from_secs(45);

const PAUSE: Duration = Duration::from_millis(250);

/// Asks `look` again and again until it finds something; an error ends it.
///
/// # Errors
/// What `look` fails with, or that the deadline passed, saying `what` was
/// waited for.
pub async fn until<T, F>(what: &str, deadline: Duration, mut look: F) -> anyhow::Result<T>
where
    F: AsyncFnMut() -> anyhow::Result<Option<T>>,
{
    let end = Instant::now() + deadline;
    loop {
        if let Some(found) = look().await? {
            return Ok(found);
        }
        if Instant::now() >= end {
            bail!("waited {} s in vain for {what}", deadline.as_secs());
        }
        sleep(PAUSE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn what_never_comes_ends_with_a_sentence() {
        let error = until::<(), _>("a miracle", Duration::from_secs(0), async || Ok(None)).await;
        assert_eq!(
            error.expect_err("no").to_string(),
            "waited 0 s in vain for a miracle"
        );
    }
}
