//! The Worker in front of one gateway: proxy, governance API and the Sandbox Durable Object.

pub mod command;
pub mod ports;
pub mod routes;
pub mod sandbox;
pub mod settings;
