//! The measurement of whole chains, run as a user runs it.

use std::fs;
use std::process::{Command, Output};

use serde_json::Value;
use tempfile::TempDir;
use tessera_tests::programs;

/// Runs a load that is used up long before its time is over.
fn short_load(validators: &str, assets: &str, folder: &TempDir) -> Output {
    Command::new(programs::tesserad())
        .args(["bench", "e2e", "--validators", validators, "--latency-seconds", "0"])
        .args(["--seconds", "30", "--max-rate", "20", "--accounts", "40", "--assets", assets])
        .args(["--request-size", "10", "--in-flight", "100", "--folder"])
        .arg(folder.path())
        .arg("--json")
        .arg(folder.path().join("e2e.json"))
        .output()
        .unwrap()
}

/// What is printed of such a load, and the report.
fn measured(validators: &str) -> (String, Value) {
    let folder = TempDir::new().unwrap();
    let output = short_load(validators, "4", &folder);
    let printed = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}");
    let report =
        serde_json::from_slice(&fs::read(folder.path().join("e2e.json")).unwrap()).unwrap();
    (printed.into_owned(), report)
}

#[test]
fn a_chain_is_measured_and_a_load_that_ends_early_is_told() {
    for validators in ["0", "1"] {
        let (printed, report) = measured(validators);
        let result = &report["results"][0];
        assert_eq!(result["submitted"], 600, "{printed}");
        assert_eq!(result["refused"], 0, "{printed}");
        assert!(result["cpu_us_per_tx"]["tesserad"].as_f64().unwrap() > 0.0, "{printed}");
        let told = "all 600 signed transactions were submitted: choose more than --max-rate 20";
        assert!(report["notes"].to_string().contains(told), "{report}");
        assert!(printed.contains(told), "{printed}");
    }
}

#[test]
fn assets_that_nobody_could_transfer_are_refused() {
    let folder = TempDir::new().unwrap();
    let output = short_load("0", "21", &folder);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success(), "{errors}");
    let told = "21 assets need at least 42 holders, two for each, but there are 40";
    assert!(errors.contains(told), "{errors}");
}
