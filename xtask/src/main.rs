//! cargo xtask dev | test | bench | build: everything a developer runs.

fn main() {}
