//! The node of a Tessera chain.

use std::process::ExitCode;

fn main() -> ExitCode {
    tessera_app::node::cli::main()
}
