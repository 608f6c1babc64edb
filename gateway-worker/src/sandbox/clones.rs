//! Copying a generation from another gateway, as the shell carries it out.

use worker::console_error;

use super::durable::Shell;
use crate::adapters::clock::now;
use crate::adapters::lender::LendingGateway;
use crate::adapters::r2::StateBucket;
use crate::clone::{self, Failure, Outcome};

/// Does the step that is due; whether one was.
pub(super) async fn step(shell: &Shell) -> bool {
    let line = shell.line();
    let task = match shell.with(|core| core.begin_clone(&line, now())) {
        Ok(Some(task)) => task,
        Ok(None) => return false,
        Err(problem) => {
            console_error!("clone: {problem}");
            return false;
        }
    };
    let lender = LendingGateway {
        origin: &task.from,
        code: &task.code,
    };
    let bucket = StateBucket::new(&shell.env);
    let outcome = match &bucket {
        Some(bucket) => clone::run(bucket, &lender, now, &task).await,
        None => Err(Failure::Never(
            "this deployment binds no bucket STATE".to_owned(),
        )),
    };
    let written = matches!(outcome, Ok(Outcome::Written(_)));
    match shell.with(|core| core.clone_done(&task, outcome, now())) {
        Ok(()) if written => {
            if let Some(bucket) = &bucket
                && let Err(error) = clone::tidy(bucket, &task).await
            {
                console_error!("clone: {error}");
            }
        }
        Ok(()) => {}
        Err(problem) => console_error!("clone: {problem}"),
    }
    true
}
