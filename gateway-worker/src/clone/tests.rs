//! Clones between two buckets in memory, over the real rules of both Durable Objects.

mod copying;
mod lending;
mod lies;
