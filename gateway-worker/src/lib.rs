//! The Worker in front of one gateway: proxy, governance API and the Sandbox Durable Object.

pub mod sandbox;
