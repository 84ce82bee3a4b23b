//! The real programs, built once for all tests.

use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

/// The `tesserad` program of this build.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn tesserad() -> PathBuf {
    folder().join("tesserad")
}

/// The `tessera` program of this build.
///
/// # Panics
/// When it cannot be built.
#[must_use]
pub fn tessera() -> PathBuf {
    folder().join("tessera")
}

/// Builds the programs, which a test run alone does not, and tells where they are.
fn folder() -> &'static PathBuf {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    FOLDER.get_or_init(|| {
        let output = Command::new(env!("CARGO"))
            .args(["build", "--quiet", "--workspace", "--bins"])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .output()
            .expect("cargo runs");
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "the programs do not build:\n{errors}");
        // Tests are in `deps` beside the programs.
        let test = std::env::current_exe().expect("this test is a program");
        test.ancestors().nth(2).expect("a build folder").to_owned()
    })
}

/// CometBFT v0.38.26, installed into the cache folder if it is not there yet.
///
/// # Panics
/// When it cannot be installed.
#[must_use]
pub fn cometbft_038() -> PathBuf {
    static PROGRAM: OnceLock<PathBuf> = OnceLock::new();
    let install = || {
        let cache = std::env::var_os("XDG_CACHE_HOME").map_or_else(
            || PathBuf::from(std::env::var_os("HOME").expect("a home folder")).join(".cache"),
            PathBuf::from,
        );
        let folder = cache.join("tessera").join("cometbft-v0.38.26");
        let program = folder.join("cometbft");
        if !program.exists() {
            let status = Command::new("go")
                .args(["install", "github.com/cometbft/cometbft/cmd/cometbft@v0.38.26"])
                .env("GOBIN", &folder)
                .status()
                .expect("go is installed");
            assert!(status.success(), "cometbft v0.38.26 cannot be installed");
        }
        program
    };
    PROGRAM.get_or_init(install).clone()
}
