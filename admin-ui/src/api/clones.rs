//! A gateway's operations on clones: lending a generation, and pulling one.

use domain::wire::clones::{CloneSnapshot, CloneStatus, GrantSnapshot, NewGrant};
use gloo_net::http::Method;

use super::abort::Abort;
use super::error::ApiError;
use super::gateway::{Call, Gateway};
use super::http;

impl Gateway {
    /// `POST snapshots/N/grants`: a code that opens the generation.
    pub(crate) async fn lend(
        &self,
        generation: u64,
        grant: &GrantSnapshot,
        abort: Abort,
    ) -> Result<NewGrant, ApiError> {
        let path = format!("snapshots/{generation}/grants");
        let body = Some(http::body(grant)?);
        self.call(Call::new(Method::POST, &path, body), abort).await
    }

    /// `DELETE snapshots/N/grants/ID`.
    pub(crate) async fn end_grant(
        &self,
        generation: u64,
        id: u64,
        abort: Abort,
    ) -> Result<(), ApiError> {
        let path = format!("snapshots/{generation}/grants/{id}");
        let call = Call::new(Method::DELETE, &path, None);
        self.text(&call, abort).await.map(drop)
    }

    /// `POST snapshots/clone`.
    pub(crate) async fn pull(&self, clone: &CloneSnapshot, abort: Abort) -> Result<(), ApiError> {
        let body = Some(http::body(clone)?);
        let call = Call::new(Method::POST, "snapshots/clone", body);
        self.text(&call, abort).await.map(drop)
    }

    /// `GET snapshots/clone`; none when none was ever asked for, or the gateway is older.
    pub(crate) async fn clone_status(&self, abort: Abort) -> Result<Option<CloneStatus>, ApiError> {
        match self.get("snapshots/clone", abort).await {
            Err(error) if error.status() == Some(404) => Ok(None),
            answer => answer,
        }
    }

    /// `DELETE snapshots/clone`.
    pub(crate) async fn cancel_clone(&self, abort: Abort) -> Result<(), ApiError> {
        let call = Call::new(Method::DELETE, "snapshots/clone", None);
        self.text(&call, abort).await.map(drop)
    }
}
