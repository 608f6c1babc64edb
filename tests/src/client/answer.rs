//! An answer that was read to its end.

use anyhow::{Context, ensure};
use domain::problem::{MEDIA_TYPE, Problem};
use reqwest::header::HeaderMap;
use serde::de::DeserializeOwned;

/// Status, headers and body.
#[derive(Debug, Clone)]
pub struct Answer {
    /// What was asked, for messages.
    pub asked: String,
    /// HTTP status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Answer {
    /// A header, if it is there once and is text.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The same answer, if it has this status.
    ///
    /// # Errors
    /// When it has another.
    pub fn expect(self, status: u16) -> anyhow::Result<Self> {
        ensure!(
            self.status == status,
            "{} answered {} where {status} was expected: {}",
            self.asked,
            self.status,
            self.excerpt()
        );
        Ok(self)
    }

    /// The body read as JSON, after the status.
    ///
    /// # Errors
    /// When the status is another or the body does not read.
    pub fn json<T: DeserializeOwned>(self, status: u16) -> anyhow::Result<T> {
        let answer = self.expect(status)?;
        serde_json::from_slice(&answer.body)
            .with_context(|| format!("{} answered {}", answer.asked, answer.excerpt()))
    }

    /// The problem it is, which has to be one in form too: media type, status,
    /// slug, no caching, and no trace of our inside.
    ///
    /// # Errors
    /// When it is not that problem.
    pub fn problem(self, status: u16, slug: &str) -> anyhow::Result<Problem> {
        let answer = self.expect(status)?;
        let media = answer.header("content-type").unwrap_or_default().to_owned();
        ensure!(
            media.split(';').next() == Some(MEDIA_TYPE),
            "{} answered a problem as {media:?}",
            answer.asked
        );
        let problem: Problem = serde_json::from_slice(&answer.body)
            .with_context(|| format!("{} answered {}", answer.asked, answer.excerpt()))?;
        ensure!(
            problem.slug() == slug && problem.status == status,
            "{} answered the problem {} ({}) where {slug} was expected: {}",
            answer.asked,
            problem.slug(),
            problem.status,
            problem.detail
        );
        ensure!(
            answer.header("cache-control") == Some("no-store"),
            "{}: a problem that a cache may keep",
            answer.asked
        );
        for inside in [
            "panicked",
            "wasm",
            "SQLITE",
            "D1_ERROR",
            ".rs:",
            "stack backtrace",
        ] {
            ensure!(
                !answer.text().contains(inside),
                "{}: a problem that shows our inside: {}",
                answer.asked,
                answer.excerpt()
            );
        }
        Ok(problem)
    }

    /// The beginning of the body, for messages.
    #[must_use]
    pub fn excerpt(&self) -> String {
        self.text().chars().take(600).collect()
    }
}
