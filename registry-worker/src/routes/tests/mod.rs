mod access;
mod assets;
mod audit;
mod enroll;
mod fleet;
mod heartbeat;
mod join_tokens;
mod tokens;
