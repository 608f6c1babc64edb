//! What the container's door asks about browser sessions.

use serde::{Deserialize, Serialize};

/// Something about browser sessions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "ask", rename_all = "snake_case")]
pub enum BrowserAsk {
    /// Whether there is a browser for whoever asks. Answer: [`BrowserTicket`], which names
    /// no session while none is open.
    Find,
    /// The session that everybody shares, opened when there is none. Answer: [`BrowserTicket`].
    Share,
    /// A new session. Answer: [`BrowserTicket`].
    Open,
    /// One that is open. Answer: [`BrowserTicket`].
    Attach {
        /// Its id.
        session: String,
    },
}

/// A session, for the container's door.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserTicket {
    /// Its id, which the container knows it by; empty for none.
    pub session: String,
    /// What the browser service calls it.
    pub upstream: String,
}

/// Answer to [`super::Command::RenewBrowser`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrowserRenewal {
    /// Why the session has ended; none while it goes on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<String>,
}
