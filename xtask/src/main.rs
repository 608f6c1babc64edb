//! cargo xtask dev | test | bench | check | build: everything a developer runs.

use std::process::ExitCode;

use xtask::bench;
use xtask::engine::internal;

fn main() -> ExitCode {
    let mut arguments = std::env::args_os().skip(1).peekable();
    // A helper of the container engine must not have started a thread yet.
    if arguments
        .next_if(|first| first == internal::SUBCOMMAND)
        .is_some()
    {
        return internal::main(arguments);
    }
    // In a container, where there is no checkout.
    if arguments
        .next_if(|first| first == bench::UPSTREAM)
        .is_some()
    {
        return bench::upstream(arguments);
    }
    xtask::cli::main()
}
