//! Browser sessions in the shell: asks the rules, then the browser service.

use domain::problem::Problem;
use futures_util::future::join_all;
use worker::console_error;

use super::core::BrowserVerdict;
use super::dispatch::random_id;
use super::durable::Shell;
use crate::adapters::browser::BrowserService;
use crate::adapters::clock::now;
use crate::command::{BrowserAsk, Outcome, Reply};

/// What comes of a request for a session.
pub(super) async fn asked(shell: &Shell, key: &str, ask: &BrowserAsk) -> Outcome {
    let id = random_id()?;
    let verdict = shell.with(|core| core.browser_asked(key, ask, id, now()))?;
    let session = match verdict {
        BrowserVerdict::Ticket(ticket) => return Reply::ok(&ticket),
        BrowserVerdict::Opening { session } => session,
    };
    let acquired = match BrowserService::new(&shell.env) {
        Some(service) => service.acquire().await,
        None => return Err(Problem::unavailable("This deployment binds no browser.")),
    };
    let upstream = match acquired {
        Ok(upstream) => Some(upstream),
        Err(error) => {
            console_error!("browser: {error}");
            None
        }
    };
    let ticket = shell.with(|core| core.browser_opened(&session, upstream, now()))?;
    Reply::ok(&ticket)
}

/// Closes what is to be closed at the browser service.
pub(super) async fn close(shell: &Shell) {
    let Ok(sessions) = shell.with(|core| Ok(core.browsers_to_close())) else {
        return;
    };
    let Some(service) = BrowserService::new(&shell.env) else {
        return;
    };
    let close = async |session: &String| {
        // The service gives it up by itself after a while.
        if let Err(error) = service.close(session).await {
            console_error!("browser: {error}");
        }
    };
    join_all(sessions.iter().map(close)).await;
}
