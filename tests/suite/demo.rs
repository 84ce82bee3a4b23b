//! The demonstration, run as a user runs it.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;
use tessera_tests::programs;

fn demo(arguments: &[&str], out: &TempDir) -> Output {
    let folder = out.path().to_str().unwrap();
    Command::new(programs::tesserad())
        .arg("demo")
        .args(arguments)
        .args(["--out", folder])
        .output()
        .unwrap()
}

/// What the demonstration printed, if everything held.
fn transcript(output: &Output) -> String {
    let printed = String::from_utf8(output.stdout.clone()).unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(printed.contains("Everything held: "), "{printed}");
    assert!(!printed.contains('\x1b') && errors.is_empty(), "{printed}\n{errors}");
    printed
}

/// What the command that the demonstration suggests says of a proof.
fn verify(transcript: &str, proof: &Path) -> Output {
    let trusted = transcript.split("--trust-hash ").nth(1).unwrap();
    let trusted = trusted.split_whitespace().next().unwrap();
    let home = TempDir::new().unwrap();
    Command::new(programs::tessera())
        .arg("--home")
        .arg(home.path())
        .args(["proof", "verify"])
        .arg(proof)
        .args(["--trust-hash", trusted])
        .output()
        .unwrap()
}

fn check_proofs(transcript: &str, out: &TempDir) {
    for (file, code) in [("proof.json", 0), ("absence.json", 0), ("forged.json", 5)] {
        let output = verify(transcript, &out.path().join(file));
        assert_eq!(output.status.code(), Some(code), "{file}: {output:?}");
    }
}

fn samples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../app/samples/register")
}

#[test]
fn everything_holds_on_the_solo_sequencer() {
    let out = TempDir::new().unwrap();
    let transcript = transcript(&demo(&["--solo"], &out));
    for step in ["registered", "appraised", "issued", "sold", "split", "claimed", "carried out"] {
        assert!(transcript.contains(&format!("✔ {step}")), "{step}: {transcript}");
    }
    assert!(transcript.contains("transfers/13: carol needs 5"), "{transcript}");
    check_proofs(&transcript, &out);
}

#[test]
fn everything_holds_on_four_validators() {
    let out = TempDir::new().unwrap();
    let transcript = transcript(&demo(&[], &out));
    assert!(transcript.contains("✔ agreed       all 4 nodes"), "{transcript}");
    check_proofs(&transcript, &out);
}

#[test]
fn a_users_own_register_is_imported_and_proven() {
    let out = TempDir::new().unwrap();
    let samples = samples();
    let transcript = transcript(&demo(&["--solo", "--from", samples.to_str().unwrap()], &out));
    assert!(transcript.contains("45 assets, 2,556 holdings, all supplies"), "{transcript}");
    for file in ["proofs/gold-bar-7741.json", "proofs/absence.json"] {
        let output = verify(&transcript, &out.path().join(file));
        assert!(output.status.success(), "{file}: {output:?}");
    }
}

#[test]
fn a_bad_register_is_told_line_by_line_and_starts_nothing() {
    let (folder, out) = (TempDir::new().unwrap(), TempDir::new().unwrap());
    for file in ["assets.csv", "holders.csv", "payments.csv"] {
        let text = fs::read_to_string(samples().join(file)).unwrap();
        let text = text.replacen("real_estate", "house", 1).replacen("income", "rent", 1);
        fs::write(folder.path().join(file), text).unwrap();
    }
    let output = demo(&["--solo", "--from", folder.path().to_str().unwrap()], &out);
    assert_eq!(output.status.code(), Some(2));
    let errors = String::from_utf8(output.stderr).unwrap();
    let lines: Vec<&str> = errors.lines().collect();
    assert!(lines[0].starts_with("  assets.csv:2 class: `house` is not a class"), "{errors}");
    assert!(lines[1].starts_with("  payments.csv:2 kind: `rent` is not a kind"), "{errors}");
    assert!(lines[2].contains("has errors (2), so nothing was imported"), "{errors}");
    assert!(output.stdout.is_empty() && fs::read_dir(out.path()).unwrap().next().is_none());
}

#[test]
fn an_interrupted_demo_leaves_nothing_behind() {
    let folder = TempDir::new().unwrap();
    let mut child = Command::new(programs::tesserad())
        // Slow enough to be interrupted.
        .args(["demo", "--solo", "--block-time", "500"])
        .env("TMPDIR", folder.path())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("✔ started")).unwrap().unwrap();
    let id = child.id().to_string();
    assert!(Command::new("kill").args(["-INT", &id]).status().unwrap().success());
    for line in lines {
        line.unwrap();
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let left: Vec<_> = fs::read_dir(folder.path()).unwrap().collect();
    assert!(left.is_empty(), "{left:?}");
}
