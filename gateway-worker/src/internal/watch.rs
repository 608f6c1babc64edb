//! Looks after a model call while it is under way: tells the Durable Object that
//! it still is, ends it when an operator has stopped everything, settles it.

use std::cell::OnceCell;
use std::rc::Rc;
use std::time::Duration;

use domain::metering::AccountFault;
use domain::wire::usage::CallOutcome;
use futures_channel::oneshot;
use futures_util::future::{Either, select};
use worker::{AbortController, Delay, console_error};

use crate::adapters::sandbox_stub::SandboxStub;
use crate::command::{Command, Ending, Renewal};

/// How a call ended; an error when the provider refused it, and whether that was because
/// of the gateway's account.
pub(super) type Ended = Result<Ending, Option<AccountFault>>;

/// How long a stream of events may say nothing before the client is spoken to, to see
/// whether it is still there: the first write to one that is not may still go well, the
/// next fails.
const SILENCE: Duration = Duration::from_secs(5);
/// How often the Durable Object is asked whether the call may go on, in such whiles.
const RENEWALS: u32 = 2;

/// Speaks into the silence of the answer, once there is one.
pub(super) type Voice = Rc<OnceCell<Box<dyn Fn()>>>;

/// A call under way.
pub(super) struct Watched {
    /// Who counts it.
    pub(super) sandbox: SandboxStub,
    /// Its id.
    pub(super) call: String,
    /// Ends it at the provider.
    pub(super) abort: AbortController,
    /// How it ended, once it has.
    pub(super) ending: oneshot::Receiver<Ended>,
    /// What is said meanwhile.
    pub(super) voice: Voice,
}

/// Looks after a call until it has ended.
pub(super) async fn over(watched: Watched) {
    let Watched {
        sandbox,
        call,
        abort,
        mut ending,
        voice,
    } = watched;
    // Taken when the call is to end: nothing is left to abort then.
    let mut abort = Some(abort);
    for whiles in 1_u32.. {
        let pause = Box::pin(Delay::from(SILENCE));
        match select(&mut ending, pause).await {
            Either::Left((Ok(ending), _)) => {
                let finished = |ending: &Ending| ending.outcome == CallOutcome::Finished;
                if let Some(abort) = abort.take()
                    && !ending.as_ref().is_ok_and(finished)
                {
                    // Whatever the provider still sends, nobody reads it.
                    abort.abort();
                }
                let settle = Command::Settle {
                    call,
                    ending: ending.ok(),
                    fault: ending.err().flatten(),
                };
                if let Err(problem) = sandbox.ask(&settle).await {
                    console_error!("usage: {problem}");
                }
                return;
            }
            // The Worker is going away: the reservation expires and counts in full.
            Either::Left((Err(_), _)) => return,
            Either::Right(_) => {
                if let Some(speak) = voice.get() {
                    speak();
                }
                if !whiles.is_multiple_of(RENEWALS) {
                    continue;
                }
                let renewal = sandbox
                    .ask_for(&Command::Renew { call: call.clone() })
                    .await;
                if let Ok(Renewal { go_on: false }) = renewal
                    && let Some(abort) = abort.take()
                {
                    abort.abort();
                }
            }
        }
    }
}
