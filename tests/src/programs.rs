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
