//! What the end-to-end tests are made of: a running stack as a user starts it,
//! clients for each of its doors, and a view of the machine to see what is
//! left behind. The scenarios are in `e2e/`.

pub mod browser;
pub mod client;
pub mod environment;
pub mod forge;
pub mod git_api;
pub mod git_host;
pub mod lone_registry;
pub mod machine;
pub mod model_upstream;
pub mod openclaw;
pub mod stack;
pub mod wait;
