//! Packs of commits that the gateway Worker keeps.

use std::fs::File;
use std::io;
use std::path::Path;
use std::time::Duration;

use domain::secret::Secret;
use domain::state::Digest;
use domain::wire::git::{GitOrder, MAX_PACK, SHA256_HEADER};
use ureq::Agent;

use crate::governance::agent;
use crate::settings::Settings;

/// A pack of 64 MiB, on a slow way.
const TIMEOUT: Duration = Duration::from_secs(120);

/// The gateway Worker.
#[derive(Debug)]
pub(super) struct Cache {
    agent: Agent,
    origin: String,
    credential: Secret,
}

impl Cache {
    pub(super) fn new(settings: &Settings) -> Self {
        Self {
            agent: agent(TIMEOUT),
            origin: settings.git_url.clone(),
            credential: settings.credential.clone(),
        }
    }

    /// Gets what is kept of a commit.
    pub(super) fn get(&self, order: &GitOrder, into: &Path) -> Result<(), String> {
        let request = self.agent.get(self.url(order));
        let request = request.header("Authorization", self.authorization());
        let mut answer = request.call().map_err(|error| error.to_string())?;
        if answer.status() != 200 {
            return Err(format!("it answered {}", answer.status()));
        }
        let mut body = answer.body_mut().with_config().limit(MAX_PACK).reader();
        let mut file = File::create(into).map_err(|error| error.to_string())?;
        let written = io::copy(&mut body, &mut file);
        written.map(drop).map_err(|error| error.to_string())
    }

    /// Has a pack kept, if it is not too large.
    pub(super) fn put(&self, order: &GitOrder, pack: &Path, most: u64) -> Result<(), String> {
        let bytes = std::fs::read(pack).map_err(|error| error.to_string())?;
        if bytes.len() as u64 > most {
            return Err(format!("its {} bytes are more than {most}", bytes.len()));
        }
        let request = self.agent.put(self.url(order));
        let request = request
            .header("Authorization", self.authorization())
            .header("Content-Type", "application/octet-stream")
            .header(SHA256_HEADER, Digest::of(&bytes).to_string());
        let answer = request.send(bytes.as_slice());
        let answer = answer.map_err(|error| error.to_string())?;
        if !answer.status().is_success() {
            return Err(format!("it answered {}", answer.status()));
        }
        Ok(())
    }

    fn url(&self, order: &GitOrder) -> String {
        format!("{}/{}/cache/{}", self.origin, order.name, order.commit)
    }

    fn authorization(&self) -> String {
        format!("Bearer {}", self.credential.expose())
    }
}
