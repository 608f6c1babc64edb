//! A model's answer that counts itself as it passes by.

use std::pin::Pin;
use std::task::{Context, Poll};

use domain::metering::{Meter, Reading};
use futures_channel::oneshot;
use futures_util::{Stream, StreamExt};

/// Passes chunks on untouched; when it ends, or is given up because the client
/// hung up, it says what the answer used.
pub struct Metered<S> {
    inner: S,
    request_bytes: u64,
    meter: Option<(Meter, oneshot::Sender<Reading>)>,
}

impl<S> Metered<S> {
    /// Meters `inner`; the receiver gets the reading exactly once.
    pub fn new(inner: S, meter: Meter, request_bytes: u64) -> (Self, oneshot::Receiver<Reading>) {
        let (sender, receiver) = oneshot::channel();
        (
            Self {
                inner,
                request_bytes,
                meter: Some((meter, sender)),
            },
            receiver,
        )
    }

    fn settle(&mut self) {
        if let Some((meter, sender)) = self.meter.take() {
            // Nobody waits for it only when the Worker itself is going away.
            let _ = sender.send(meter.finish(self.request_bytes));
        }
    }
}

impl<S, E> Stream for Metered<S>
where
    S: Stream<Item = Result<Vec<u8>, E>> + Unpin,
{
    type Item = Result<Vec<u8>, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        let item = futures_util::ready!(this.inner.poll_next_unpin(context));
        match &item {
            Some(Ok(chunk)) => {
                if let Some((meter, _)) = &mut this.meter {
                    meter.push(chunk);
                }
            }
            Some(Err(_)) | None => this.settle(),
        }
        Poll::Ready(item)
    }
}

impl<S> Drop for Metered<S> {
    fn drop(&mut self) {
        self.settle();
    }
}

impl<S: Unpin> Unpin for Metered<S> {}

#[cfg(test)]
mod tests {
    use domain::metering::{Dialect, Framing, Source, Usage};
    use futures_util::{FutureExt, stream};

    use super::*;

    const EVENT: &str = "data: {\"choices\":[{\"delta\":{\"content\":\"12345678\"}}]}\n\n";
    const USAGE: &str = "data: {\"usage\":{\"prompt_tokens\":5,\"completion_tokens\":6}}\n\n";

    type Chunks = Vec<Result<Vec<u8>, &'static str>>;

    fn metered(
        chunks: Chunks,
    ) -> (
        impl Stream<Item = Result<Vec<u8>, &'static str>> + Unpin,
        oneshot::Receiver<Reading>,
    ) {
        Metered::new(
            stream::iter(chunks),
            Meter::new(Dialect::Openai, Framing::Events),
            40,
        )
    }

    fn chunk(text: &str) -> Result<Vec<u8>, &'static str> {
        Ok(text.as_bytes().to_vec())
    }

    #[test]
    fn chunks_pass_untouched_and_the_end_is_counted() {
        let (stream, reading) = metered(vec![chunk(EVENT), chunk(USAGE)]);
        let passed: Chunks = stream.collect().now_or_never().expect("no waiting");
        assert_eq!(passed, [chunk(EVENT), chunk(USAGE)]);
        let reading = reading.now_or_never().expect("settled").expect("sent");
        assert_eq!(
            reading.usage,
            Usage {
                input_tokens: 5,
                output_tokens: 6
            }
        );
    }

    #[test]
    fn a_client_that_hangs_up_is_still_charged() {
        let (mut stream, reading) = metered(vec![chunk(EVENT), chunk(USAGE)]);
        assert!(stream.next().now_or_never().is_some());
        drop(stream);
        let reading = reading.now_or_never().expect("settled").expect("sent");
        assert_eq!(
            reading.usage,
            Usage {
                input_tokens: 10,
                output_tokens: 2
            }
        );
        assert_eq!(reading.source, Source::Estimated);
    }

    #[test]
    fn a_provider_that_breaks_off_is_charged_for_what_came() {
        let (stream, reading) = metered(vec![chunk(EVENT), Err("reset")]);
        let passed: Chunks = stream.collect().now_or_never().expect("no waiting");
        assert_eq!(passed.len(), 2);
        let reading = reading.now_or_never().expect("settled").expect("sent");
        assert_eq!(reading.source, Source::Estimated);
    }
}
