//! The node of a Tessera chain.

use std::process::ExitCode;

use tikv_jemallocator::Jemalloc;

// A block makes many small allocations on many threads: the system's allocator took a third of
// the time.
#[global_allocator]
static ALLOCATOR: Jemalloc = Jemalloc;

fn main() -> ExitCode {
    tessera_app::node::cli::main()
}
