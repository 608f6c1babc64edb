//! What the governance API says about OpenClaw's version, under `/_gateway/v1/openclaw`.

use serde::{Deserialize, Serialize};

use crate::upgrade::{Choice, Failed, Outcome, Trial, WayBack};

/// `GET openclaw`, with the ETag `"v<revision>"`, and part of `GET status`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenclawStatus {
    /// Counts what was decided and what came of it, from 1.
    pub revision: u64,
    /// What the newest container was told to run; none before one asked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub running: Option<String>,
    /// What its image offers, the image's own version first.
    #[serde(default)]
    pub offered: Vec<String>,
    /// What an admin chose; none follows the image.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub choice: Option<Choice>,
    /// A change of version that has not proved itself yet.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trial: Option<Trial>,
    /// How the last one ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<Outcome>,
    /// Versions that are not tried again by themselves.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub failed: Vec<Failed>,
    /// Where `POST openclaw/back` goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub back: Option<WayBack>,
    /// How long OpenClaw must stay healthy in another version, in seconds.
    pub window_seconds: u64,
    /// What people have to know and do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// Body of `POST openclaw/version`; If-Match names the revision that it was decided from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ChooseVersion {
    /// Which; null follows the image.
    #[serde(deserialize_with = "Option::deserialize")]
    pub version: Option<String>,
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Body of `POST openclaw/back`, which may be empty; If-Match as for [`ChooseVersion`].
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BackToVersion {
    /// Why, at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}
