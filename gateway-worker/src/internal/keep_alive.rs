//! Words into the silence of a stream of events. Whether a client is still there shows only
//! when something is sent to it, so a provider that says nothing for long would be read to
//! the end for nobody.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::{Stream, StreamExt};

/// A comment: programs that read server-sent events ignore it, by the standard.
const COMMENT: &[u8] = b": keep-alive\n\n";

/// Passes chunks of a stream of events on untouched, and a comment between two events
/// whenever nothing came for a while.
pub(super) struct KeepAlive<S, P, D> {
    inner: S,
    /// Begins such a while.
    pause: P,
    waiting: Option<Pin<Box<D>>>,
    end: End,
}

impl<S, P, D> KeepAlive<S, P, D> {
    /// Wraps `inner`.
    pub(super) fn new(inner: S, pause: P) -> Self {
        Self {
            inner,
            pause,
            waiting: None,
            end: End::default(),
        }
    }
}

/// The last bytes that came, newest last: whether an event has ended with them.
#[derive(Debug, Default)]
struct End {
    last: [u8; 4],
    began: bool,
}

impl End {
    fn push(&mut self, chunk: &[u8]) {
        for byte in chunk
            .iter()
            .skip(chunk.len().saturating_sub(self.last.len()))
        {
            self.last.rotate_left(1);
            if let Some(newest) = self.last.last_mut() {
                *newest = *byte;
            }
            self.began = true;
        }
    }

    fn is_between_events(&self) -> bool {
        !self.began || self.last.ends_with(b"\n\n") || self.last == *b"\r\n\r\n"
    }
}

impl<S, P, D, E> Stream for KeepAlive<S, P, D>
where
    S: Stream<Item = Result<Vec<u8>, E>> + Unpin,
    P: Fn() -> D,
    D: Future<Output = ()>,
{
    type Item = Result<Vec<u8>, E>;

    fn poll_next(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = self.get_mut();
        if let Poll::Ready(item) = this.inner.poll_next_unpin(context) {
            this.waiting = None;
            if let Some(Ok(chunk)) = &item {
                this.end.push(chunk);
            }
            return Poll::Ready(item);
        }
        // Within an event only more of it can follow, and that wakes the task by itself.
        if !this.end.is_between_events() {
            return Poll::Pending;
        }
        let waiting = this.waiting.get_or_insert_with(|| Box::pin((this.pause)()));
        std::task::ready!(waiting.as_mut().poll(context));
        this.waiting = None;
        Poll::Ready(Some(Ok(COMMENT.to_vec())))
    }
}

impl<S: Unpin, P, D> Unpin for KeepAlive<S, P, D> {}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::rc::Rc;

    use futures_channel::oneshot;
    use futures_util::{FutureExt, stream};

    use super::*;

    type Pauses = Rc<RefCell<VecDeque<oneshot::Sender<()>>>>;

    /// What comes of chunks, of which an empty one is a while of silence.
    fn passed(chunks: &[&str]) -> Vec<String> {
        let pauses = Pauses::default();
        let mut left: VecDeque<Vec<u8>> = chunks.iter().map(|c| c.as_bytes().to_vec()).collect();
        let inner = stream::poll_fn({
            let pauses = Rc::clone(&pauses);
            move |context| match left.pop_front() {
                None => Poll::Ready(None),
                Some(chunk) if chunk.is_empty() => {
                    if let Some(pause) = pauses.borrow_mut().pop_front() {
                        let _ = pause.send(());
                    }
                    context.waker().wake_by_ref();
                    Poll::Pending
                }
                Some(chunk) => Poll::Ready(Some(Ok::<_, ()>(chunk))),
            }
        });
        let pause = {
            let pauses = Rc::clone(&pauses);
            move || {
                let (end, ended) = oneshot::channel();
                pauses.borrow_mut().push_back(end);
                ended.map(drop)
            }
        };
        let mut stream = KeepAlive::new(inner, pause);
        let mut passed = Vec::new();
        let mut polls = 0;
        loop {
            polls += 1;
            assert!(polls < 100, "it never ends");
            match stream.next().now_or_never() {
                Some(Some(Ok(chunk))) => {
                    passed.push(String::from_utf8(chunk).expect("text"));
                }
                Some(Some(Err(()))) => panic!("an error out of nothing"),
                Some(None) => return passed,
                None => {}
            }
        }
    }

    const SAID: &str = ": keep-alive\n\n";

    #[test]
    fn a_comment_breaks_the_silence_between_events() {
        // The first while is begun by the first silence, and over with the second.
        assert_eq!(
            passed(&["", "", "data: 1\n\n", "", "", "data: 2\r\n\r\n", "", ""]),
            [SAID, "data: 1\n\n", SAID, "data: 2\r\n\r\n", SAID]
        );
    }

    #[test]
    fn nothing_is_said_within_an_event() {
        for parts in [
            ["data: 1", "\n\n"],
            ["data: 1\n", "\n"],
            ["data: 1\r\n\r", "\n"],
        ] {
            let [first, rest] = parts;
            assert_eq!(
                passed(&[first, "", "", "", rest, "", ""]),
                [first, rest, SAID]
            );
        }
    }

    #[test]
    fn a_stream_that_speaks_is_passed_untouched() {
        let chunks = ["data: 1\n\n", "", "data: 2\n\n", "", "data: 3\n\n"];
        assert_eq!(
            passed(&chunks),
            ["data: 1\n\n", "data: 2\n\n", "data: 3\n\n"]
        );
    }
}
