//! cargo xtask dev | test | check | build: everything a developer runs.

use std::process::ExitCode;

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
    xtask::cli::main()
}
