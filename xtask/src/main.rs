//! cargo xtask dev | test | check | build: everything a developer runs.

use std::process::ExitCode;

fn main() -> ExitCode {
    xtask::cli::main()
}
