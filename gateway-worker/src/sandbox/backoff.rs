//! Waits that double.

/// Most doublings: nothing that waits here begins with more than an hour.
const MOST_DOUBLINGS: u32 = 16;

/// `first`, doubled so many times, `most` at most; in whatever unit both are.
#[must_use]
pub(super) fn backoff(first: i64, doublings: u32, most: i64) -> i64 {
    (first << doublings.min(MOST_DOUBLINGS)).min(most)
}

#[cfg(test)]
mod tests {
    use super::backoff;

    #[test]
    fn it_doubles_up_to_the_most() {
        let waits = [0, 1, 2, 5, u32::MAX].map(|times| backoff(15, times, 100));
        assert_eq!(waits, [15, 30, 60, 100, 100]);
    }
}
