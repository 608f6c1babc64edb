//! A model's answer that counts itself as it passes by.

use domain::metering::Meter;
use domain::wire::usage::CallOutcome;
use futures_channel::oneshot;

use super::keep_alive::KeepAlive;
use super::watch::Ended;
use crate::adapters::relay::{End, Witness};
use crate::command::Ending;

/// Looks on as an answer passes; when it ends, or is given up because the client hung up, it
/// says what the answer used.
pub struct Metered<T>
where
    T: Fn() -> u64,
{
    request_bytes: u64,
    /// Milliseconds since the call started.
    since: T,
    first_byte_ms: Option<u64>,
    meter: Option<(Meter, oneshot::Sender<Ended>)>,
    keep_alive: Option<KeepAlive>,
}

impl<T: Fn() -> u64> Metered<T> {
    /// Meters an answer; `ended` gets the ending exactly once. A `keep_alive` breaks its
    /// silence.
    pub(super) fn new(
        meter: Meter,
        keep_alive: Option<KeepAlive>,
        request_bytes: u64,
        since: T,
        ended: oneshot::Sender<Ended>,
    ) -> Self {
        Self {
            request_bytes,
            since,
            first_byte_ms: None,
            meter: Some((meter, ended)),
            keep_alive,
        }
    }

    fn settle(&mut self, outcome: CallOutcome) {
        if let Some((meter, ended)) = self.meter.take() {
            let ending = Ending {
                reading: meter.finish(self.request_bytes),
                first_byte_ms: self.first_byte_ms,
                total_ms: (self.since)(),
                outcome,
            };
            // Nobody waits for it only when the Worker itself is going away.
            let _ = ended.send(Ok(ending));
        }
    }
}

impl<T: Fn() -> u64 + 'static> Witness for Metered<T> {
    fn chunk(&mut self, bytes: &[u8]) {
        if self.first_byte_ms.is_none() {
            self.first_byte_ms = Some((self.since)());
        }
        if let Some((meter, _)) = &mut self.meter {
            meter.push(bytes);
        }
        if let Some(alive) = &mut self.keep_alive {
            alive.push(bytes);
        }
    }

    fn ended(mut self, end: End) {
        self.settle(match end {
            End::Finished => CallOutcome::Finished,
            End::Cut => CallOutcome::Cut,
        });
    }

    fn words(&mut self) -> Option<&'static [u8]> {
        self.keep_alive.as_mut().and_then(KeepAlive::words)
    }
}

impl<T: Fn() -> u64> Drop for Metered<T> {
    fn drop(&mut self) {
        self.settle(CallOutcome::Cut);
    }
}

#[cfg(test)]
mod tests {
    use domain::metering::{Framing, Operation, Source, Usage};
    use futures_util::FutureExt;

    use super::*;

    const EVENT: &[u8] = b"data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n";
    const USAGE: &[u8] = b"data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n";

    /// What is said of an answer of these chunks that ends like this; `None` is dropped.
    fn ending(chunks: &[&[u8]], end: Option<End>) -> Ending {
        let (ended, receiver) = oneshot::channel();
        let meter = Meter::new(Operation::ChatCompletions, Framing::Events);
        let mut metered = Metered::new(meter, None, 40, || 7, ended);
        for chunk in chunks {
            metered.chunk(chunk);
        }
        match end {
            Some(end) => metered.ended(end),
            None => drop(metered),
        }
        receiver
            .now_or_never()
            .expect("settled")
            .expect("sent")
            .expect("used something")
    }

    #[test]
    fn the_end_is_counted() {
        let ending = ending(&[EVENT, USAGE], Some(End::Finished));
        assert_eq!(ending.first_byte_ms, Some(7));
        assert_eq!(
            ending.reading.usage,
            Usage {
                input_tokens: 5,
                output_tokens: 6,
                ..Usage::default()
            }
        );
        assert_eq!(ending.outcome, CallOutcome::Finished);
    }

    #[test]
    fn what_is_cut_off_is_still_charged() {
        for end in [Some(End::Cut), None] {
            let ending = ending(&[EVENT], end);
            assert_eq!(ending.first_byte_ms, Some(7));
            assert_eq!(
                ending.reading.usage,
                Usage {
                    input_tokens: 10,
                    output_tokens: 2,
                    ..Usage::default()
                }
            );
            assert_eq!(
                (ending.reading.source, ending.outcome),
                (Source::Estimated, CallOutcome::Cut)
            );
        }
    }

    #[test]
    fn an_answer_that_never_began_has_no_first_byte() {
        assert_eq!(ending(&[], Some(End::Cut)).first_byte_ms, None);
    }
}
