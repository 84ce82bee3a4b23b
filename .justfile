# What the project's people type; `.ci/run` needs none of it.

# Lists these.
default:
    @just --list

# Everything that a change must pass.
ci:
    .ci/run

fmt:
    cargo fmt --all

lint:
    cargo clippy --workspace --all-targets -- -D warnings

test:
    cargo test --workspace

# Licences, sources and versions of dependencies.
deny:
    cargo deny --config .deny.toml check --hide-inclusion-graph bans licenses sources

# Style of the wire contract.
proto:
    buf lint proto

docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --open

# The scenario of the README on four validators.
demo *arguments:
    cargo run --release --bin tesserad -- demo {{arguments}}
