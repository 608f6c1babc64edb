//! A model's answer that counts itself as it passes by.

use std::pin::Pin;
use std::task::{Context, Poll};

use domain::metering::Meter;
use domain::wire::usage::CallOutcome;
use futures_channel::oneshot;
use futures_util::{Stream, StreamExt};

use super::watch::Ended;
use crate::command::Ending;

/// Passes chunks on untouched; when it ends, or is given up because the client
/// hung up, it says what the answer used.
pub struct Metered<S, T>
where
    T: Fn() -> u64,
{
    inner: S,
    request_bytes: u64,
    /// Milliseconds since the call started.
    since: T,
    first_byte_ms: Option<u64>,
    meter: Option<(Meter, oneshot::Sender<Ended>)>,
}

impl<S, T: Fn() -> u64> Metered<S, T> {
    /// Meters `inner`; `ended` gets the ending exactly once.
    pub fn new(
        inner: S,
        meter: Meter,
        request_bytes: u64,
        since: T,
        ended: oneshot::Sender<Ended>,
    ) -> Self {
        Self {
            inner,
            request_bytes,
            since,
            first_byte_ms: None,
            meter: Some((meter, ended)),
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

impl<S, E, T> Stream for Metered<S, T>
where
    T: Fn() -> u64,
    S: Stream<Item = Result<Vec<u8>, E>> + Unpin,
{
    type Item = Result<Vec<u8>, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = futures_util::ready!(this.inner.poll_next_unpin(context));
        match &item {
            Some(Ok(chunk)) => {
                if this.first_byte_ms.is_none() {
                    this.first_byte_ms = Some((this.since)());
                }
                if let Some((meter, _)) = &mut this.meter {
                    meter.push(chunk);
                }
            }
            Some(Err(_)) => this.settle(CallOutcome::Cut),
            None => this.settle(CallOutcome::Finished),
        }
        Poll::Ready(item)
    }
}

impl<S, T: Fn() -> u64> Drop for Metered<S, T> {
    fn drop(&mut self) {
        self.settle(CallOutcome::Cut);
    }
}

impl<S: Unpin, T: Fn() -> u64> Unpin for Metered<S, T> {}

#[cfg(test)]
mod tests {
    use domain::metering::{Framing, Operation, Source, Usage};
    use futures_util::{FutureExt, stream};

    use super::*;

    const EVENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n";
    const USAGE: &str = "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n";

    type Chunks = Vec<Result<Vec<u8>, &'static str>>;

    type Metering = (
        Box<dyn Stream<Item = Result<Vec<u8>, &'static str>> + Unpin>,
        oneshot::Receiver<Ended>,
    );

    fn metered(chunks: Chunks) -> Metering {
        let (ended, ending) = oneshot::channel();
        let meter = Meter::new(Operation::ChatCompletions, Framing::Events);
        let stream = Metered::new(stream::iter(chunks), meter, 40, || 7, ended);
        (Box::new(stream), ending)
    }

    fn ending(receiver: oneshot::Receiver<Ended>) -> Ending {
        receiver
            .now_or_never()
            .expect("settled")
            .expect("sent")
            .expect("used something")
    }

    fn chunk(text: &str) -> Result<Vec<u8>, &'static str> {
        Ok(text.as_bytes().to_vec())
    }

    #[test]
    fn chunks_pass_untouched_and_the_end_is_counted() {
        let (stream, reading) = metered(vec![chunk(EVENT), chunk(USAGE)]);
        let passed: Chunks = stream.collect().now_or_never().expect("no waiting");
        assert_eq!(passed, [chunk(EVENT), chunk(USAGE)]);
        let Ending {
            reading,
            outcome,
            first_byte_ms,
            ..
        } = ending(reading);
        assert_eq!(first_byte_ms, Some(7));
        assert_eq!(
            reading.usage,
            Usage {
                input_tokens: 5,
                output_tokens: 6,
                ..Usage::default()
            }
        );
        assert_eq!(outcome, CallOutcome::Finished);
    }

    #[test]
    fn a_client_that_hangs_up_is_still_charged() {
        let (mut stream, reading) = metered(vec![chunk(EVENT), chunk(USAGE)]);
        assert!(stream.next().now_or_never().is_some());
        drop(stream);
        let Ending {
            reading,
            outcome,
            first_byte_ms,
            ..
        } = ending(reading);
        assert_eq!(first_byte_ms, Some(7));
        assert_eq!(
            reading.usage,
            Usage {
                input_tokens: 10,
                output_tokens: 2,
                ..Usage::default()
            }
        );
        assert_eq!(outcome, CallOutcome::Cut);
        assert_eq!(reading.source, Source::Estimated);
    }

    #[test]
    fn a_provider_that_breaks_off_is_charged_for_what_came() {
        let (stream, reading) = metered(vec![chunk(EVENT), Err("reset")]);
        let passed: Chunks = stream.collect().now_or_never().expect("no waiting");
        assert_eq!(passed.len(), 2);
        let Ending {
            reading,
            outcome,
            first_byte_ms,
            ..
        } = ending(reading);
        assert_eq!(first_byte_ms, Some(7));
        assert_eq!(
            (reading.source, outcome),
            (Source::Estimated, CallOutcome::Cut)
        );
    }
}
