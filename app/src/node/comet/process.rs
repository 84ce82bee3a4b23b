//! A supervised `cometbft` process.

use std::fs::{self, File};
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};

use super::binary::CometBinary;
use super::home::NodeHome;

const END_BYTES: u64 = 64 * 1024;
const SHOWN_LINES: usize = 8;

/// What can go wrong with the process.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// The program could not be started.
    #[error("cannot start {program}")]
    Start {
        /// The program.
        program: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program could not be waited for or stopped.
    #[error("lost hold of the cometbft process {id}")]
    Supervision {
        /// The process id.
        id: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program ended by itself.
    #[error(transparent)]
    Ended(#[from] Ended),
}

impl ProcessError {
    /// Whether another process has the home.
    #[must_use]
    pub fn is_home_in_use(&self) -> bool {
        matches!(self, Self::Ended(Ended { reason: Some(HOME_IN_USE), .. }))
    }
}

/// How and why a process that should have gone on ended.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "cometbft ended by itself ({status}){}\nlast lines of {}:\n{}",
    self.reason.map(|reason| format!(": {reason}")).unwrap_or_default(),
    self.log.display(),
    self.last_lines.join("\n")
)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What the log says, in words, if it is a known case.
    pub reason: Option<&'static str>,
    /// The log.
    pub log: PathBuf,
    /// The end of the log.
    pub last_lines: Vec<String>,
}

/// A running CometBFT. It is killed when dropped; when this process dies without dropping it,
/// it ends by itself when its connection to the application breaks, or else with [`end_orphan`].
#[derive(Debug)]
pub struct CometProcess {
    child: Child,
    id: u32,
    log: PathBuf,
    log_start: u64,
}

impl CometProcess {
    /// Starts `cometbft start` in a home; its output goes to the home's log file.
    pub fn start(binary: &CometBinary, home: &NodeHome) -> Result<Self, ProcessError> {
        let failed = |source| ProcessError::Start { program: binary.path.clone(), source };
        let log = home.log_file();
        let output = fs::OpenOptions::new().create(true).append(true).open(&log).map_err(failed)?;
        let log_start = output.metadata().map_err(failed)?.len();
        let errors = output.try_clone().map_err(failed)?;
        let child = Command::new(&binary.path)
            .arg("start")
            .arg("--home")
            .arg(home.root())
            .stdin(Stdio::null())
            .stdout(output)
            .stderr(errors)
            // Its own group: Ctrl-C reaches us alone, and we stop it in good order.
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        let id = child.id().unwrap_or_default();
        fs::write(home.process_file(), format!("{id} {}", std::process::id())).map_err(failed)?;
        Ok(Self { child, id, log, log_start })
    }

    /// The process id.
    pub fn id(&self) -> u32 {
        self.id
    }

    /// The log file.
    pub fn log_file(&self) -> &Path {
        &self.log
    }

    /// An error if the process has ended, nothing otherwise.
    pub fn check(&mut self) -> Result<(), ProcessError> {
        match self.child.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.ended(status).into()),
            Err(source) => Err(ProcessError::Supervision { id: self.id, source }),
        }
    }

    /// Waits until the process ends by itself. Safe to drop and call again.
    pub async fn ended_by_itself(&mut self) -> ProcessError {
        match self.child.wait().await {
            Ok(status) => self.ended(status).into(),
            Err(source) => ProcessError::Supervision { id: self.id, source },
        }
    }

    /// Asks the process to end; kills it if it has not done so within `patience`.
    pub async fn stop(mut self, patience: Duration) -> Result<ExitStatus, ProcessError> {
        let id = self.id;
        let lost = |source| ProcessError::Supervision { id, source };
        if let Some(status) = self.child.try_wait().map_err(lost)? {
            return Ok(status);
        }
        self.terminate();
        match tokio::time::timeout(patience, self.child.wait()).await {
            Ok(status) => status.map_err(lost),
            Err(_) => self.kill().await,
        }
    }

    /// Kills the process at once, as `kill -9` does.
    pub async fn kill(mut self) -> Result<ExitStatus, ProcessError> {
        let id = self.id;
        let lost = |source| ProcessError::Supervision { id, source };
        self.child.start_kill().map_err(lost)?;
        self.child.wait().await.map_err(lost)
    }

    fn terminate(&self) {
        // The child is not reaped yet, so the id cannot belong to anyone else.
        if let Some(pid) = i32::try_from(self.id).ok().and_then(Pid::from_raw) {
            let _already_gone = kill_process(pid, Signal::TERM);
        }
    }

    fn ended(&self, status: ExitStatus) -> Ended {
        let lines = read_end(&self.log, self.log_start).unwrap_or_default();
        let reason = explain(&lines);
        Ended { status, reason, log: self.log.clone(), last_lines: last_words(&lines) }
    }
}

/// Kills the CometBFT of a node that was killed, should it still run: it can do nothing any more
/// but keep the home to itself. Tells whether there was one. Only Linux tells of processes.
pub fn end_orphan(home: &NodeHome) -> bool {
    let Ok(ids) = fs::read_to_string(home.process_file()) else { return false };
    let Some((process, node)) = ids.split_once(' ') else { return false };
    let Some(pid) = process.parse().ok().and_then(Pid::from_raw) else { return false };
    // Its number may be that of another process by now, and its node may be alive.
    let command = fs::read(format!("/proc/{process}/cmdline")).unwrap_or_default();
    let root = home.root().as_os_str().as_encoded_bytes();
    let is_ours = command.split(|byte| *byte == 0).any(|argument| argument == root);
    let parent = parent_of(process);
    is_ours
        && parent.is_some_and(|parent| parent != node)
        && kill_process(pid, Signal::KILL).is_ok()
}

fn parent_of(process: &str) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{process}/stat")).ok()?;
    // The name of the program, in brackets, may have any characters; then state and parent.
    let (_, after_name) = stat.rsplit_once(')')?;
    after_name.split_whitespace().nth(1).map(str::to_owned)
}

/// The last lines of this run in the log.
fn read_end(path: &Path, run_start: u64) -> io::Result<Vec<String>> {
    let mut file = File::open(path)?;
    let start = file.metadata()?.len().saturating_sub(END_BYTES).max(run_start);
    file.seek(SeekFrom::Start(start))?;
    let mut bytes = Vec::new();
    file.take(END_BYTES).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().map(plain).filter(|line| !line.trim().is_empty()).collect())
}

/// The lines worth showing: the last ones that are not mere information, if there are any.
fn last_words(lines: &[String]) -> Vec<String> {
    let telling: Vec<&String> = lines.iter().filter(|line| !line.starts_with("I[")).collect();
    let shown = if telling.is_empty() { lines.iter().collect() } else { telling };
    shown.into_iter().rev().take(SHOWN_LINES).rev().cloned().collect()
}

/// A line without terminal colours, cut to a readable length.
fn plain(line: &str) -> String {
    let mut text = String::new();
    let mut characters = line.chars();
    while let Some(character) = characters.next() {
        if character == '\u{1b}' {
            // A colour code ends with its first letter.
            let _code = characters.by_ref().find(char::is_ascii_alphabetic);
        } else if !character.is_control() {
            text.push(character);
        }
    }
    match text.char_indices().nth(400) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text,
    }
}

const HOME_IN_USE: &str = "another cometbft uses the same home folder";

/// CometBFT's words for known cases, and ours.
const KNOWN: &[(&str, &str)] = &[
    ("address already in use", "another program uses one of its ports"),
    ("resource temporarily unavailable", HOME_IN_USE),
    (
        "is higher than core",
        "the application's store is ahead of cometbft's; restore both from the same backup",
    ),
    (
        "is higher than the application's",
        "the application is too far behind for cometbft to replay its blocks",
    ),
    ("wrong Block.Header.AppHash", "this node computed another state than its peers"),
    ("app hash", "the application's state is not the one that cometbft recorded"),
    ("Did the application crash?", "the connection to the application broke"),
    ("error reading GenesisDoc", "the genesis document cannot be read"),
    ("no space left on device", "the disk is full"),
];

fn explain(lines: &[String]) -> Option<&'static str> {
    KNOWN
        .iter()
        .find(|(words, _)| lines.iter().any(|line| line.contains(words)))
        .map(|(_, meaning)| *meaning)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::super::binary::{Origin, Version};
    use super::*;

    fn program(dir: &Path, script: &str) -> CometBinary {
        let path = dir.join("cometbft");
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        CometBinary { path, version: Version::V040, origin: Origin::Explicit }
    }

    #[tokio::test]
    async fn an_early_end_is_told_with_the_last_words() {
        let dir = tempfile::tempdir().unwrap();
        let script = "echo first; printf '\\033[31mlisten: address already in use\\033[0m\\n' >&2; \
                      exit 3";
        let binary = program(dir.path(), script);
        let home = NodeHome::new(dir.path());
        let mut process = CometProcess::start(&binary, &home).unwrap();
        let text = process.ended_by_itself().await.to_string();
        assert!(text.contains("exit status: 3"), "{text}");
        assert!(text.contains("another program uses one of its ports"), "{text}");
        assert!(text.contains("first\nlisten: address already in use"), "{text}");
        assert!(process.check().is_err());
    }

    #[tokio::test]
    async fn a_clean_stop_is_asked_for_first() {
        let dir = tempfile::tempdir().unwrap();
        let script = "trap 'exit 0' TERM; echo ready; while true; do sleep 0.01; done";
        let binary = program(dir.path(), script);
        let mut process = CometProcess::start(&binary, &NodeHome::new(dir.path())).unwrap();
        wait_for(process.log_file(), "ready").await;
        process.check().unwrap();
        let status = process.stop(Duration::from_secs(20)).await.unwrap();
        assert_eq!(status.code(), Some(0));
    }

    #[tokio::test]
    async fn a_process_that_does_not_listen_is_killed() {
        let dir = tempfile::tempdir().unwrap();
        let script = "trap '' TERM; echo ready; while true; do sleep 0.01; done";
        let binary = program(dir.path(), script);
        let process = CometProcess::start(&binary, &NodeHome::new(dir.path())).unwrap();
        wait_for(process.log_file(), "ready").await;
        let status = process.stop(Duration::from_millis(50)).await.unwrap();
        assert_eq!(status.code(), None);
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn an_orphan_is_ended_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let home = NodeHome::new(dir.path());
        assert!(!end_orphan(&home));
        let script = "echo ready; while true; do sleep 0.01; done";
        let mut process = CometProcess::start(&program(dir.path(), script), &home).unwrap();
        wait_for(process.log_file(), "ready").await;
        // The node that started it lives.
        assert!(!end_orphan(&home));
        process.check().unwrap();
        // Another process has the number.
        let own = std::process::id();
        fs::write(home.process_file(), format!("{own} 1")).unwrap();
        assert!(!end_orphan(&home));
        fs::write(home.process_file(), format!("{} 1", process.id())).unwrap();
        assert!(end_orphan(&home));
        assert!(process.ended_by_itself().await.to_string().contains("signal: 9"));
    }

    async fn wait_for(log: &Path, word: &str) {
        let deadline = tokio::time::Instant::now() + Duration::from_secs(20);
        while !fs::read_to_string(log).unwrap_or_default().contains(word) {
            assert!(tokio::time::Instant::now() < deadline, "the log never said {word}");
            tokio::task::yield_now().await;
        }
    }
}
