//! Finding, identifying and installing the `cometbft` program.

use std::env;
use std::ffi::OsString;
use std::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The line a person runs to install the version that this node is made for.
pub const INSTALL_LINE: &str = "go install github.com/cometbft/cometbft/cmd/cometbft@v0.40.0";

const PACKAGE: &str = "github.com/cometbft/cometbft/cmd/cometbft@v0.40.0";
const MODULE: &str = "github.com/cometbft/cometbft";
const PROGRAM: &str = "cometbft";

/// A version of CometBFT that this node works with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// v0.40.0, with the `app` mempool.
    V040,
    /// v0.38.26, with the `flood` mempool.
    V038,
}

impl fmt::Display for Version {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::V040 => "0.40.0",
            Self::V038 => "0.38.26",
        })
    }
}

/// Where the program was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Named by the user on the command line.
    Explicit,
    /// Named by `$TESSERA_COMETBFT`.
    Environment,
    /// Found in `$PATH`.
    Path,
    /// Found among the programs that `go install` put in place.
    GoBin,
    /// Found in our own cache folder.
    Cache,
    /// Installed into the cache folder just now.
    Installed,
}

/// A usable `cometbft` program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CometBinary {
    /// The program.
    pub path: PathBuf,
    /// Its version.
    pub version: Version,
    /// Where it was found.
    pub origin: Origin,
}

/// Something the user should be told while the program is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// The program is being downloaded and built, which takes a minute or two.
    Installing {
        /// The folder it goes to.
        folder: PathBuf,
    },
    /// The version was taken from the program's own word, since Go is absent.
    Assumed {
        /// The program.
        path: PathBuf,
        /// What it printed.
        printed: String,
        /// What that was taken for.
        version: Version,
    },
    /// A program of a version that this node does not work with was passed over.
    Skipped {
        /// The program.
        path: PathBuf,
        /// What it is.
        found: String,
    },
}

impl fmt::Display for Notice {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Installing { folder } => {
                write!(formatter, "installing cometbft 0.40.0 into {} (once)", folder.display())
            }
            Self::Assumed { path, printed, version } => write!(
                formatter,
                "{} calls itself {printed}; taken for cometbft {version}",
                path.display()
            ),
            Self::Skipped { path, found } => {
                write!(formatter, "{} passed over: it is cometbft {found}", path.display())
            }
        }
    }
}

/// Why there is no usable program.
#[derive(Debug, thiserror::Error)]
pub enum BinaryError {
    /// Nothing found, and no Go to install it with.
    #[error(
        "cometbft is not installed and neither is go to install it; install go 1.25 or newer and \
         run `{INSTALL_LINE}`, or use `--solo` (built-in single sequencer, no BFT)"
    )]
    NoGo,
    /// The program that the user named cannot be run.
    #[error("{path} cannot be run")]
    NotRunnable {
        /// The program.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The program that the user named has another version.
    #[error("{path} is cometbft {found}, but 0.40.0 or 0.38.26 is needed; run `{INSTALL_LINE}`")]
    WrongVersion {
        /// The program.
        path: PathBuf,
        /// What it is.
        found: String,
    },
    /// No folder to install into.
    #[error("no cache folder: neither $XDG_CACHE_HOME nor $HOME is set")]
    NoCache,
    /// The installation failed.
    #[error("`{INSTALL_LINE}` failed: {reason}; or use `--solo` (single sequencer, no BFT)")]
    Install {
        /// The last words of `go install`.
        reason: String,
    },
}

/// Finds the program, or installs it. `tell` hears what the user should know meanwhile.
pub fn find(
    explicit: Option<&Path>,
    tell: &mut dyn FnMut(Notice),
) -> Result<CometBinary, BinaryError> {
    Search::from_environment(explicit).run(tell)
}

/// Where to look; all of it is given, so that tests need no environment.
struct Search {
    explicit: Option<PathBuf>,
    environment: Option<PathBuf>,
    path: Vec<PathBuf>,
    go_bin: Vec<PathBuf>,
    cache: Option<PathBuf>,
    go: Option<PathBuf>,
}

impl Search {
    fn from_environment(explicit: Option<&Path>) -> Self {
        let path: Vec<PathBuf> =
            env::var_os("PATH").map(|paths| env::split_paths(&paths).collect()).unwrap_or_default();
        let go = executable_in(&path, "go");
        let home = variable("HOME").map(PathBuf::from);
        let cache = variable("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| home.as_ref().map(|home| home.join(".cache")))
            .map(|folder| folder.join("tessera").join("cometbft-v0.40.0"));
        Self {
            explicit: explicit.map(Path::to_owned),
            environment: variable("TESSERA_COMETBFT").map(PathBuf::from),
            go_bin: go_bin_folders(go.as_deref(), home),
            path,
            cache,
            go,
        }
    }

    fn run(&self, tell: &mut dyn FnMut(Notice)) -> Result<CometBinary, BinaryError> {
        let named = [
            (self.explicit.as_ref(), Origin::Explicit),
            (self.environment.as_ref(), Origin::Environment),
        ];
        for (path, origin) in named {
            // What the user named is used or refused, never silently replaced.
            if let Some(path) = path {
                let version = self.identify(path, tell)?;
                return Ok(CometBinary { path: path.clone(), version, origin });
            }
        }
        for (folders, origin) in [
            (self.path.as_slice(), Origin::Path),
            (self.go_bin.as_slice(), Origin::GoBin),
            (self.cache.as_slice(), Origin::Cache),
        ] {
            for folder in folders {
                let Some(path) = executable_in(std::slice::from_ref(folder), PROGRAM) else {
                    continue;
                };
                match self.identify(&path, tell) {
                    Ok(version) => {
                        return Ok(CometBinary { path, version, origin });
                    }
                    Err(BinaryError::WrongVersion { path, found }) => {
                        tell(Notice::Skipped { path, found });
                    }
                    Err(_) => {}
                }
            }
        }
        self.install(tell)
    }

    fn identify(&self, path: &Path, tell: &mut dyn FnMut(Notice)) -> Result<Version, BinaryError> {
        let not_runnable = |source| BinaryError::NotRunnable { path: path.to_owned(), source };
        fs::metadata(path).map_err(not_runnable)?;
        if let Some(go) = &self.go
            && let Ok(output) = Command::new(go).args(["version", "-m"]).arg(path).output()
            && let Some(found) = module_version(&String::from_utf8_lossy(&output.stdout))
        {
            return match found.as_str() {
                "v0.40.0" => Ok(Version::V040),
                "v0.38.26" => Ok(Version::V038),
                // A local build has no version of its own: ask the program.
                "(devel)" => self.ask(path, tell),
                _ => Err(BinaryError::WrongVersion { path: path.to_owned(), found }),
            };
        }
        self.ask(path, tell)
    }

    fn ask(&self, path: &Path, tell: &mut dyn FnMut(Notice)) -> Result<Version, BinaryError> {
        let output = Command::new(path)
            .arg("version")
            .output()
            .map_err(|source| BinaryError::NotRunnable { path: path.to_owned(), source })?;
        let printed = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        let Some(version) = printed_version(&printed) else {
            let found = if printed.is_empty() { "of an unknown version".into() } else { printed };
            return Err(BinaryError::WrongVersion { path: path.to_owned(), found });
        };
        tell(Notice::Assumed { path: path.to_owned(), printed, version });
        Ok(version)
    }

    fn install(&self, tell: &mut dyn FnMut(Notice)) -> Result<CometBinary, BinaryError> {
        let go = self.go.as_ref().ok_or(BinaryError::NoGo)?;
        let folder = self.cache.as_ref().ok_or(BinaryError::NoCache)?;
        tell(Notice::Installing { folder: folder.clone() });
        let failed = |error: io::Error| BinaryError::Install { reason: error.to_string() };
        fs::create_dir_all(folder).map_err(failed)?;
        let output = Command::new(go)
            .args(["install", PACKAGE])
            .env("GOBIN", folder)
            .output()
            .map_err(failed)?;
        if !output.status.success() {
            let text = String::from_utf8_lossy(&output.stderr);
            let reason = text.trim().lines().last().unwrap_or("no reason given").to_owned();
            return Err(BinaryError::Install { reason });
        }
        let path = folder.join(PROGRAM);
        let version = self.identify(&path, tell)?;
        Ok(CometBinary { path, version, origin: Origin::Installed })
    }
}

fn variable(name: &str) -> Option<OsString> {
    env::var_os(name).filter(|value| !value.is_empty())
}

fn executable_in(folders: &[PathBuf], name: &str) -> Option<PathBuf> {
    folders.iter().map(|folder| folder.join(name)).find(|path| {
        fs::metadata(path)
            .is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
    })
}

fn go_bin_folders(go: Option<&Path>, home: Option<PathBuf>) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    if let Some(go) = go
        && let Ok(output) = Command::new(go).args(["env", "GOBIN", "GOPATH"]).output()
    {
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let mut lines = text.lines();
        folders.extend(lines.next().filter(|line| !line.is_empty()).map(PathBuf::from));
        let paths = lines.next().unwrap_or_default();
        folders.extend(env::split_paths(paths).map(|path| path.join("bin")));
    }
    folders.extend(home.map(|home| home.join("go").join("bin")));
    folders.dedup();
    folders
}

/// The version of the CometBFT module in the output of `go version -m`.
fn module_version(build_info: &str) -> Option<String> {
    build_info.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        (words.next() == Some("mod") && words.next() == Some(MODULE))
            .then(|| words.next().map(str::to_owned))
            .flatten()
    })
}

/// What `cometbft version` means: 0.40.0 was released with 0.39.0 as its printed version.
fn printed_version(printed: &str) -> Option<Version> {
    let plain = printed.trim_start_matches('v');
    let number = plain.split(['+', '-']).next().unwrap_or(plain);
    match number {
        "0.39.0" | "0.40.0" => Some(Version::V040),
        "0.38.26" => Some(Version::V038),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(folder: &Path, prints: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join(PROGRAM);
        fs::write(&path, format!("#!/bin/sh\necho {prints}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn nowhere() -> Search {
        Search {
            explicit: None,
            environment: None,
            path: Vec::new(),
            go_bin: Vec::new(),
            cache: None,
            go: None,
        }
    }

    fn run(search: &Search) -> (Result<CometBinary, BinaryError>, Vec<Notice>) {
        let mut notices = Vec::new();
        let result = search.run(&mut |notice| notices.push(notice));
        (result, notices)
    }

    #[test]
    fn build_info_names_the_module_version() {
        let info = "/usr/local/bin/cometbft: go1.26.8\n\
                    \tpath\tgithub.com/cometbft/cometbft/cmd/cometbft\n\
                    \tmod\tgithub.com/cometbft/cometbft\tv0.40.0\th1:abc=\n\
                    \tdep\tgithub.com/cometbft/cometbft-db\tv0.14.1\th1:def=\n";
        assert_eq!(module_version(info).as_deref(), Some("v0.40.0"));
        assert_eq!(module_version("x: go1.26.8\n\tmod\texample.org/other\tv0.40.0\n"), None);
        assert_eq!(module_version(""), None);
    }

    #[test]
    fn printed_versions_are_taken_for_what_they_are() {
        assert_eq!(printed_version("0.39.0"), Some(Version::V040));
        assert_eq!(printed_version("v0.40.0+abc"), Some(Version::V040));
        assert_eq!(printed_version("0.38.26"), Some(Version::V038));
        for other in ["", "0.37.4", "1.0.1", "0.38.2", "0.40"] {
            assert_eq!(printed_version(other), None, "{other}");
        }
    }

    #[test]
    fn the_order_of_the_search_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let at = |name: &str| dir.path().join(name);
        for name in ["explicit", "environment", "path", "gobin", "cache"] {
            program(&at(name), "0.39.0");
        }
        let mut search = Search {
            explicit: Some(at("explicit").join(PROGRAM)),
            environment: Some(at("environment").join(PROGRAM)),
            path: vec![at("path")],
            go_bin: vec![at("gobin")],
            cache: Some(at("cache")),
            go: None,
        };
        let mut origins = Vec::new();
        for step in 0..5 {
            let found = run(&search).0.unwrap();
            assert_eq!(found.version, Version::V040);
            origins.push(found.origin);
            match step {
                0 => search.explicit = None,
                1 => search.environment = None,
                2 => search.path.clear(),
                _ => search.go_bin.clear(),
            }
        }
        let expected =
            [Origin::Explicit, Origin::Environment, Origin::Path, Origin::GoBin, Origin::Cache];
        assert_eq!(origins, expected);
    }

    #[test]
    fn a_named_program_of_another_version_is_refused_and_a_found_one_passed_over() {
        let dir = tempfile::tempdir().unwrap();
        let old = program(&dir.path().join("old"), "0.34.24");
        let (result, _) = run(&Search { explicit: Some(old.clone()), ..nowhere() });
        let text = result.unwrap_err().to_string();
        assert!(text.contains("0.34.24") && text.contains(INSTALL_LINE), "{text}");

        let good = program(&dir.path().join("good"), "0.38.26");
        let search =
            Search { path: vec![dir.path().join("old"), dir.path().join("good")], ..nowhere() };
        let (result, notices) = run(&search);
        let found = result.unwrap();
        assert_eq!((found.path, found.version), (good, Version::V038));
        assert!(notices.contains(&Notice::Skipped { path: old, found: "0.34.24".into() }));
    }

    #[test]
    fn without_go_the_install_line_and_solo_are_named() {
        let text = run(&nowhere()).0.unwrap_err().to_string();
        assert!(text.contains(INSTALL_LINE) && text.contains("--solo"), "{text}");
    }

    #[test]
    fn installation_is_announced_and_its_failure_quoted() {
        let dir = tempfile::tempdir().unwrap();
        let go = dir.path().join("go");
        fs::write(&go, "#!/bin/sh\necho 'first' >&2\necho 'no network' >&2\nexit 1\n").unwrap();
        fs::set_permissions(&go, fs::Permissions::from_mode(0o755)).unwrap();
        let cache = dir.path().join("cache");
        let search = Search { go: Some(go), cache: Some(cache.clone()), ..nowhere() };
        let (result, notices) = run(&search);
        assert!(result.unwrap_err().to_string().contains("no network"));
        assert_eq!(notices, [Notice::Installing { folder: cache }]);
    }
}
