//! Node of the Tessera chain.

fn main() {}
