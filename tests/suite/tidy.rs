//! The repository's own rules, checked on its files: sizes, purity, layers, words and links.
//!
//! Each rule is a function from text to findings, so that each is shown to find something.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Most lines of a function, from its signature to its closing brace.
const MAX_FUNCTION_LINES: usize = 70;
/// Most lines of a file of the product.
const MAX_FILE_LINES: usize = 600;
/// Most lines of a file of tests.
const MAX_TEST_FILE_LINES: usize = 1_000;
/// Most characters of a line.
const MAX_COLUMNS: usize = 100;
/// Characters of a word (a path, a key) at which its line cannot be broken well.
const UNBREAKABLE: usize = 80;

/// What may lie in the root beside dotfiles; `target` is what a build leaves.
const ROOT_NAMES: [&str; 11] = [
    "CHANGELOG.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE",
    "README.md",
    "app",
    "client",
    "genesis",
    "proto",
    "target",
    "tests",
];
/// Code whose results every node must agree on, or that must not fail on any input.
const PURE: [&str; 5] =
    ["app/src/chain", "app/src/modules", "app/src/num", "app/src/state", "client/src/verify"];
/// The files that may print, one for each binary.
const OUTPUT: [&str; 2] = ["app/src/node/output.rs", "client/src/cli/output.rs"];
/// Layers of the app crate: each may use those before it.
const LAYERS: [&str; 5] = ["num", "state", "modules", "chain", "node"];
/// What every module may use beside the modules above it.
const MODULE_SUPPORT: [&str; 7] =
    ["BlockInfo", "Context", "Message", "committed", "context", "fields", "self"];
const PRIMITIVES: [&str; 16] = [
    "bool", "char", "f32", "f64", "i128", "i16", "i32", "i64", "i8", "isize", "u128", "u16", "u32",
    "u64", "u8", "usize",
];

/// A rule that a line breaks: the line's number and what is wrong with it.
type Finding = (usize, String);

/// Rust source with the insides of comments, strings and characters blanked out.
struct Masked(String);

impl Masked {
    fn new(source: &str) -> Self {
        let characters: Vec<char> = source.chars().collect();
        let mut masked = String::with_capacity(source.len());
        let mut at = 0;
        while at < characters.len() {
            let end = literal_end(&characters, at);
            match end {
                Some(end) => {
                    let blank = |c: &char| if *c == '\n' { '\n' } else { ' ' };
                    masked.extend(characters[at..end].iter().map(blank));
                    at = end;
                }
                None => {
                    masked.push(characters[at]);
                    at += 1;
                }
            }
        }
        Self(masked)
    }

    /// The same without what only tests compile.
    fn without_tests(mut self) -> Self {
        const ATTRIBUTE: &str = "#[cfg(test)]";
        while let Some(start) = self.0.find(ATTRIBUTE) {
            let rest = &self.0[start..];
            let end = match rest.find(['{', ';']) {
                Some(at) if rest[at..].starts_with('{') => closing(&self.0, start + at),
                Some(at) => Some(start + at),
                None => None,
            };
            let end = end.map_or(self.0.len(), |end| end + 1);
            let blank: String =
                self.0[start..end].chars().map(|c| if c == '\n' { c } else { ' ' }).collect();
            self.0.replace_range(start..end, &blank);
        }
        self
    }

    /// Words with the byte positions at which they begin.
    fn words(&self) -> impl Iterator<Item = (usize, &str)> {
        let is_word = |c: char| c.is_alphanumeric() || c == '_';
        let mut at = 0;
        std::iter::from_fn(move || {
            let start = at + self.0[at..].find(is_word)?;
            let rest = &self.0[start..];
            at = start + rest.find(|c| !is_word(c)).unwrap_or(rest.len());
            Some((start, &self.0[start..at]))
        })
    }

    fn line_of(&self, position: usize) -> usize {
        self.0[..position].matches('\n').count() + 1
    }
}

/// End of the comment, string or character that begins here, if one does.
fn literal_end(text: &[char], at: usize) -> Option<usize> {
    let rest = &text[at..];
    let find = |pattern: &str| {
        let pattern: Vec<char> = pattern.chars().collect();
        rest.windows(pattern.len()).skip(1).position(|window| *window == *pattern)
    };
    match rest {
        ['/', '/', ..] => Some(find("\n").map_or(text.len(), |length| at + 1 + length)),
        ['/', '*', ..] => Some(find("*/").map_or(text.len(), |length| at + 1 + length + 2)),
        ['r', '"' | '#', ..] if !follows_word(text, at) => {
            let hashes = rest[1..].iter().take_while(|c| **c == '#').count();
            let closing = format!("\"{}", "#".repeat(hashes));
            let is_string = rest.get(1 + hashes) == Some(&'"');
            let body = at + 2 + hashes;
            let found = || {
                let closing: Vec<char> = closing.chars().collect();
                text[body..].windows(closing.len()).position(|window| *window == *closing)
            };
            is_string.then(|| found().map_or(text.len(), |length| body + length + 1 + hashes))
        }
        ['"', ..] => Some(quoted_end(text, at, '"')),
        // A lifetime has no second quote where a character has one.
        ['\'', '\\', ..] => Some(quoted_end(text, at, '\'')),
        ['\'', _, '\'', ..] => Some(at + 3),
        _ => None,
    }
}

fn follows_word(text: &[char], at: usize) -> bool {
    at > 0 && (text[at - 1].is_alphanumeric() || text[at - 1] == '_')
}

fn quoted_end(text: &[char], start: usize, quote: char) -> usize {
    let mut at = start + 1;
    while at < text.len() && text[at] != quote {
        at += if text[at] == '\\' { 2 } else { 1 };
    }
    text.len().min(at + 1)
}

/// Position of the brace that closes the one at `open`.
fn closing(masked: &str, open: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in masked[open..].char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return Some(open + at);
        }
    }
    None
}

/// Functions that are too long.
fn long_functions(masked: &Masked) -> Vec<Finding> {
    let words: Vec<(usize, &str)> = masked.words().collect();
    let mut findings = Vec::new();
    for pair in words.windows(2) {
        let [(start, "fn"), (name_at, name)] = pair else { continue };
        // A function pointer type has no name.
        if masked.0[start + 2..*name_at].trim() != "" {
            continue;
        }
        let Some(open) = body_start(&masked.0, *name_at) else { continue };
        let Some(end) = closing(&masked.0, open) else { continue };
        let lines = masked.line_of(end) - masked.line_of(*start) + 1;
        if lines > MAX_FUNCTION_LINES {
            let what = format!(
                "function `{name}` has {lines} lines, at most {MAX_FUNCTION_LINES} are allowed"
            );
            findings.push((masked.line_of(*start), what));
        }
    }
    findings
}

/// Position of the brace that begins a function's body; none for a mere signature.
fn body_start(masked: &str, from: usize) -> Option<usize> {
    let mut depth = 0_usize;
    for (at, c) in masked[from..].char_indices() {
        match c {
            '(' | '[' => depth += 1,
            ')' | ']' => depth = depth.checked_sub(1)?,
            '{' if depth == 0 => return Some(from + at),
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    None
}

/// Lines that are too wide, and a file that is too long.
fn too_large(text: &str, max_lines: usize) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let columns = line.chars().count();
        let breakable = line.split_whitespace().all(|word| word.chars().count() < UNBREAKABLE);
        if columns > MAX_COLUMNS && breakable {
            let what = format!("line has {columns} columns, at most {MAX_COLUMNS} are allowed");
            findings.push((number, what));
        }
    }
    let lines = text.lines().count();
    if lines > max_lines {
        findings.push((lines, format!("file has {lines} lines, at most {max_lines} are allowed")));
    }
    findings
}

/// Floats, and casts to primitive types.
fn impurities(masked: &Masked) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut before = "";
    for (at, word) in masked.words() {
        if before == "as" && PRIMITIVES.contains(&word) {
            findings
                .push((masked.line_of(at), format!("cast `as {word}`: use `from` or `try_from`")));
        } else if matches!(word, "f32" | "f64") {
            findings.push((masked.line_of(at), format!("`{word}` rounds: use integers")));
        }
        before = word;
    }
    findings
}

/// Macros that print.
fn prints(masked: &Masked) -> Vec<Finding> {
    let printing = ["print", "println", "eprint", "eprintln", "dbg"];
    masked
        .words()
        .filter(|(at, word)| {
            printing.contains(word) && masked.0[at + word.len()..].starts_with('!')
        })
        .map(|(at, word)| (masked.line_of(at), format!("`{word}!` outside the output file")))
        .collect()
}

/// First names after each `path::`, also within braces.
fn uses<'a>(masked: &'a Masked, path: &str) -> Vec<(usize, &'a str)> {
    let mut found = Vec::new();
    for (at, _) in masked.0.match_indices(&format!("{path}::")) {
        if masked.0[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_') {
            continue;
        }
        let start = at + path.len() + 2;
        let rest = &masked.0[start..];
        if !rest.starts_with('{') {
            found.extend(first_word(rest).map(|word| (masked.line_of(at), word)));
            continue;
        }
        let end = closing(&masked.0, start).unwrap_or(masked.0.len());
        let (mut depth, mut item) = (0_usize, start + 1);
        for (offset, c) in masked.0[start + 1..end].char_indices().chain([(end - start - 1, ',')]) {
            match c {
                '{' => depth += 1,
                '}' => depth -= 1,
                ',' if depth == 0 => {
                    let name = first_word(&masked.0[item..start + 1 + offset]);
                    found.extend(name.map(|word| (masked.line_of(item), word)));
                    item = start + 2 + offset;
                }
                _ => {}
            }
        }
    }
    found
}

fn first_word(text: &str) -> Option<&str> {
    let text = text.trim_start();
    let end = text.find(|c: char| !(c.is_alphanumeric() || c == '_')).unwrap_or(text.len());
    (end > 0).then(|| &text[..end])
}

/// The modules in the order in which `modules/mod.rs` lists them.
fn module_order(documentation: &str) -> Vec<String> {
    let list = documentation.split("A module may use those above it").nth(1).unwrap_or_default();
    let list = list.split('.').next().unwrap_or_default();
    list.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Uses of names that come later in the order than `own`, or are not in it at all.
fn order_breaks(own: &str, order: &[&str], used: &[(usize, &str)]) -> Vec<Finding> {
    let place = |name: &str| order.iter().position(|other| *other == name);
    let Some(own_place) = place(own) else {
        return vec![(1, format!("`{own}` has no place in the order {order:?}"))];
    };
    used.iter()
        .filter(|(_, name)| place(name).is_none_or(|place| place > own_place))
        .map(|(line, name)| (*line, format!("`{own}` must not use `{name}`")))
        .collect()
}

/// Words that have no place in the repository. Put together here, so as not to be found.
fn banned_words() -> Vec<String> {
    let parts = [
        ("to", "do"),
        ("fix", "me"),
        ("/wo", "rk/"),
        ("/ro", "ot/"),
        ("/ho", "me/"),
        ("../sha", "red"),
        ("pypi.", "org"),
        ("pythonhosted.", "org"),
        ("npmjs.", "org"),
        ("static.crates.", "io"),
        ("index.crates.", "io"),
        ("proxy.golang.", "org"),
        ("deb.debian.", "org"),
    ];
    parts.iter().map(|(one, other)| format!("{one}{other}")).collect()
}

/// Lines with banned words.
fn bad_words(text: &str) -> Vec<Finding> {
    let lint = format!("{} = \"deny\"", banned_words()[0]);
    let mut findings = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| *line != lint) {
        let lower = line.to_lowercase();
        for word in banned_words() {
            let alone = |(at, _): (usize, &str)| {
                let is_letter = |c: char| c.is_alphanumeric() || c == '_';
                let after = &lower[at + word.len()..];
                !lower[..at].ends_with(is_letter)
                    && (word.ends_with('/') || !after.starts_with(is_letter))
            };
            if lower.match_indices(&word).any(alone) {
                findings.push((number, format!("`{word}` has no place here")));
            }
        }
    }
    findings
}

/// Targets of links to files, with their lines; code blocks are no links.
fn file_links(markdown: &str) -> Vec<(usize, String)> {
    let mut links = Vec::new();
    let mut in_code = false;
    for (number, line) in (1..).zip(markdown.lines()) {
        if line.trim_start().starts_with("```") {
            in_code = !in_code;
        }
        if in_code {
            continue;
        }
        for part in line.split("](").skip(1) {
            let target = part.split([')', ' ', '#']).next().unwrap_or_default();
            if !target.is_empty() && !target.contains(':') {
                links.push((number, target.to_owned()));
            }
        }
    }
    links
}

/// Names of tests in the last column of tables that tell by which tests something is shown.
fn named_tests(markdown: &str) -> Vec<(usize, &str)> {
    const HEADERS: [&str; 4] = ["shown by", "proven by", "test", "tests"];
    let mut named = Vec::new();
    let mut is_told = false;
    for (number, line) in (1..).zip(markdown.lines()) {
        let last = line.trim_end_matches([' ', '|']).rsplit('|').next().unwrap_or_default();
        if !line.starts_with('|') {
            is_told = false;
        } else if HEADERS.iter().any(|header| last.trim().starts_with(header)) {
            is_told = true;
        } else if is_told {
            let words = last.split(|c: char| !c.is_ascii_alphanumeric() && c != '_');
            let is_name = |word: &&str| word.matches('_').count() > 2 && !word.starts_with('_');
            named.extend(words.filter(is_name).map(|word| (number, word)));
        }
    }
    named
}

/// Lines of code blocks that call cargo.
fn cargo_commands(markdown: &str) -> Vec<&str> {
    let blocks = markdown.split("```").skip(1).step_by(2);
    blocks.flat_map(str::lines).filter(|line| line.starts_with("cargo ")).collect()
}

/// Names of a root folder that do not belong there.
fn strangers<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    names.filter(|name| !name.starts_with('.') && !ROOT_NAMES.contains(name)).collect()
}

/// Modules that only tests compile, named by the text of the file that declares them.
fn test_modules(masked: &Masked) -> Vec<String> {
    masked
        .0
        .split("#[cfg(test)]")
        .skip(1)
        .filter_map(|rest| {
            let declaration = rest.split([';', '{']).next()?.trim();
            let name = declaration.strip_prefix("pub(crate) ").unwrap_or(declaration);
            name.strip_prefix("mod ").map(str::to_owned)
        })
        .collect()
}

/// All files of the repository that are text, by their path within it.
struct Repository {
    root: PathBuf,
    files: BTreeMap<String, String>,
    test_files: BTreeSet<String>,
}

impl Repository {
    fn read() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned();
        let mut repository = Self { root, files: BTreeMap::new(), test_files: BTreeSet::new() };
        repository.read_folder(&repository.root.clone());
        for (path, text) in &repository.files {
            if !path.ends_with(".rs") {
                continue;
            }
            let (folder, file) = path.rsplit_once('/').unwrap();
            let folder = match file {
                "mod.rs" | "lib.rs" => folder.to_owned(),
                _ => path.trim_end_matches(".rs").to_owned(),
            };
            let named = test_modules(&Masked::new(text)).into_iter();
            repository.test_files.extend(named.map(|name| format!("{folder}/{name}.rs")));
        }
        repository
    }

    fn read_folder(&mut self, folder: &Path) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !matches!(name, "target" | ".git" | "node_modules") {
                    self.read_folder(&path);
                }
            } else if !matches!(name, "Cargo.lock" | ".git")
                && let Ok(text) = fs::read_to_string(&path)
            {
                let within = path.strip_prefix(&self.root).unwrap().to_str().unwrap();
                self.files.insert(within.to_owned(), text);
            }
        }
    }

    /// Rust files that people write.
    fn rust(&self) -> impl Iterator<Item = (&str, &str)> {
        self.files
            .iter()
            .map(|(path, text)| (path.as_str(), text.as_str()))
            .filter(|(path, _)| path.ends_with(".rs") && !path.contains("/src/gen/"))
    }

    fn is_test(&self, path: &str) -> bool {
        path.split('/').any(|part| part == "tests" || part == "tests.rs")
            || self.test_files.contains(path)
    }

    /// The product below any of these folders, without tests.
    fn product(&self, folders: &[&str]) -> Vec<(&str, Masked)> {
        self.rust()
            .filter(|(path, _)| folders.iter().any(|folder| Path::new(path).starts_with(folder)))
            .filter(|(path, _)| !self.is_test(path))
            .map(|(path, text)| (path, Masked::new(text).without_tests()))
            .collect()
    }
}

/// Fails with all findings, as an editor can jump to them.
fn refuse<'a>(findings: impl IntoIterator<Item = (&'a str, Vec<Finding>)>) {
    let lines: Vec<String> = findings
        .into_iter()
        .flat_map(|(path, findings)| {
            findings.into_iter().map(move |(line, what)| format!("{path}:{line}: {what}"))
        })
        .collect();
    assert!(lines.is_empty(), "{} findings:\n{}", lines.len(), lines.join("\n"));
}

#[test]
fn files_and_lines_are_short() {
    let repository = Repository::read();
    assert!(repository.rust().count() > 50, "the repository was not found");
    refuse(repository.rust().map(|(path, text)| {
        let max = if repository.is_test(path) { MAX_TEST_FILE_LINES } else { MAX_FILE_LINES };
        (path, too_large(text, max))
    }));
}

#[test]
fn functions_are_short() {
    let repository = Repository::read();
    refuse(repository.rust().map(|(path, text)| (path, long_functions(&Masked::new(text)))));
}

#[test]
fn pure_code_has_no_floats_and_no_casts() {
    let repository = Repository::read();
    let pure = repository.product(&PURE);
    refuse(pure.iter().map(|(path, masked)| (*path, impurities(masked))));
}

#[test]
fn only_output_files_print() {
    let repository = Repository::read();
    let product = repository.product(&["app", "client", "genesis", "proto"]);
    let quiet = product.iter().filter(|(path, _)| !OUTPUT.contains(path));
    refuse(quiet.map(|(path, masked)| (*path, prints(masked))));
}

#[test]
fn modules_use_only_those_above_them() {
    let repository = Repository::read();
    let listed = module_order(&repository.files["app/src/modules/mod.rs"]);
    assert!(listed.len() > 5, "no order of modules in app/src/modules/mod.rs: {listed:?}");
    let order: Vec<&str> =
        MODULE_SUPPORT.into_iter().chain(listed.iter().map(String::as_str)).collect();
    let product = repository.product(&["app/src/modules"]);
    refuse(product.iter().filter_map(|(path, masked)| {
        let (module, _) = path.strip_prefix("app/src/modules/")?.split_once('/')?;
        Some((*path, order_breaks(module, &order, &uses(masked, "crate::modules"))))
    }));
}

#[test]
fn layers_use_only_those_below_them() {
    let repository = Repository::read();
    let product = repository.product(&["app/src"]);
    refuse(product.iter().filter_map(|(path, masked)| {
        let (layer, _) = path.strip_prefix("app/src/")?.split_once('/')?;
        let mut used = uses(masked, "crate");
        // A macro of the crate's root.
        used.retain(|(_, name)| *name != "rejection");
        (layer != "bin").then(|| (*path, order_breaks(layer, &LAYERS, &used)))
    }));
}

#[test]
fn words_of_other_places_stay_out() {
    let repository = Repository::read();
    refuse(repository.files.iter().map(|(path, text)| (path.as_str(), bad_words(text))));
}

#[test]
fn links_lead_somewhere() {
    let repository = Repository::read();
    let markdown = repository.files.iter().filter(|(path, _)| path.ends_with(".md"));
    refuse(markdown.map(|(path, text)| {
        let folder = repository.root.join(path).parent().unwrap().to_owned();
        let broken = |(_, target): &(usize, String)| !folder.join(target).exists();
        let findings = file_links(text).into_iter().filter(broken);
        let tell = |(line, target)| (line, format!("there is no `{target}`"));
        (path.as_str(), findings.map(tell).collect())
    }));
}

#[test]
fn tests_that_pages_name_are_there() {
    let repository = Repository::read();
    let tests: BTreeSet<&str> = repository
        .rust()
        .flat_map(|(_, text)| text.split("fn ").skip(1))
        .filter_map(|rest| rest.split('(').next())
        .collect();
    let pages = repository.files.iter().filter(|(path, _)| path.ends_with(".md"));
    refuse(pages.map(|(path, text)| {
        let missing = named_tests(text).into_iter().filter(|(_, name)| !tests.contains(name));
        let tell = |(line, name)| (line, format!("there is no test `{name}`"));
        (path.as_str(), missing.map(tell).collect())
    }));
}

#[test]
fn the_readme_has_two_commands_and_the_checks_run_the_tests_in_the_same_way() {
    let files = Repository::read().files;
    let commands = cargo_commands(&files["README.md"]);
    assert_eq!(commands, ["cargo run --release --bin tesserad -- demo", "cargo test --workspace"]);
    assert!(files[".ci/run"].contains(&format!("{} 2>&1 | tee", commands[1])));
}

#[test]
fn the_root_holds_only_what_belongs_there() {
    let root = Repository::read().root;
    let names: Vec<String> = fs::read_dir(root)
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert_eq!(strangers(names.iter().map(String::as_str)), [""; 0]);
}

/// Each rule finds what it is for, and only that.
mod rules {
    use super::*;

    fn lines(findings: &[Finding]) -> Vec<usize> {
        findings.iter().map(|(line, _)| *line).collect()
    }

    #[test]
    fn masking_blanks_what_is_not_code() {
        let source = "a /* x\ny */ b // c\n\"d\\\"e\" 'f' '\\n' r#\"g\"h\"# i::<'j>() r#k";
        let masked = Masked::new(source);
        let words: Vec<&str> = masked.words().map(|(_, word)| word).collect();
        assert_eq!(words, ["a", "b", "i", "j", "r", "k"]);
        assert_eq!(masked.0.matches('\n').count(), 2);
        assert_eq!(masked.0.chars().count(), source.chars().count());
    }

    #[test]
    fn tests_are_cut_out() {
        let source =
            "fn a() {}\n#[cfg(test)]\nmod tests { fn b() { { } } }\n#[cfg(test)]\nmod c;\nd";
        let masked = Masked::new(source).without_tests();
        let words: Vec<&str> = masked.words().map(|(_, word)| word).collect();
        assert_eq!(words, ["fn", "a", "d"]);
        assert_eq!(test_modules(&Masked::new(source)), ["tests", "c"]);
    }

    #[test]
    fn a_long_function_is_found_however_it_looks() {
        let body = |lines: usize| "\n".repeat(lines);
        let long = |source: String| long_functions(&Masked::new(&source));
        assert_eq!(long(format!("fn a() {{{}}}", body(69))), []);
        assert_eq!(lines(&long(format!("\nfn a() {{{}}}", body(70)))), [2]);
        let nested = format!("fn a(b: [u8; 3]) -> [u8; 2]\nwhere C: D {{ '{{'; {}}}", body(70));
        assert_eq!(lines(&long(nested)), [1]);
        assert_eq!(long(format!("trait T {{ fn a(); {} }}", body(70))), []);
        assert_eq!(long(format!("type A = fn (); const B: C = {{ {} }};", body(70))), []);
    }

    #[test]
    fn a_wide_line_and_a_long_file_are_found() {
        assert_eq!(too_large(&"é".repeat(100), 1), []);
        assert_eq!(lines(&too_large(&format!("\n{}", "x ".repeat(51)), 2)), [2]);
        assert_eq!(too_large(&format!("use {};", "x".repeat(100)), 1), []);
        assert_eq!(lines(&too_large("a\nb\nc\n", 2)), [3]);
    }

    #[test]
    fn casts_and_floats_are_found_but_not_renames() {
        let found = |source: &str| lines(&impurities(&Masked::new(source)));
        assert_eq!(found("let a = b\n as  u8;"), [2]);
        assert_eq!(found("fn a(b: f64) {}"), [1]);
        assert_eq!(found("use a as b; <C as D>::e(); // as u8, f32\n\"as u8\""), [0; 0]);
    }

    #[test]
    fn printing_is_found_but_not_writing() {
        let found = |source: &str| lines(&prints(&Masked::new(source)));
        assert_eq!(found("a();\neprintln!(\"b\"); print!(); dbg!(c)"), [2, 2, 2]);
        assert_eq!(found("writeln!(f); println(); // println!()"), [0; 0]);
    }

    #[test]
    fn a_use_of_what_comes_later_is_found() {
        let source = "use crate::modules::{A, first::{x, y}, third};\ncrate::modules::second::z();";
        let masked = Masked::new(source);
        let used = uses(&masked, "crate::modules");
        assert_eq!(used, [(1, "A"), (1, "first"), (1, "third"), (2, "second")]);
        let order = ["A", "first", "second", "third"];
        assert_eq!(order_breaks("third", &order, &used), []);
        assert_eq!(lines(&order_breaks("second", &order, &used)), [1]);
        assert_eq!(lines(&order_breaks("unlisted", &order, &[])), [1]);
        assert_eq!(lines(&order_breaks("third", &order, &[(7, "router")])), [7]);
    }

    #[test]
    fn the_order_of_modules_is_read_from_their_documentation() {
        let text = "//! `x`. A module may use those above it in this list: `a`,\n//! `b`. `c`";
        assert_eq!(module_order(text), ["a", "b"]);
        assert_eq!(module_order("//! nothing"), [""; 0]);
    }

    #[test]
    fn banned_words_are_found_alone_and_in_any_case() {
        for word in banned_words() {
            assert_eq!(
                lines(&bad_words(&format!("a\nb {} c", word.to_uppercase()))),
                [2],
                "{word}"
            );
        }
        let (first, path) = (&banned_words()[0], &banned_words()[2]);
        assert_eq!(bad_words(&format!("mas{first}n frame{path}x {first} = \"deny\"a")).len(), 1);
        assert_eq!(bad_words(&format!("{first} = \"deny\"")), []);
    }

    #[test]
    fn links_to_files_are_found() {
        let text = "[a](b.md#c) [d](https://e.f/g)\n```\n[h](i.md)\n```\n![j](k.png \"l\") [m](#n)";
        assert_eq!(file_links(text), [(1, "b.md".to_owned()), (5, "k.png".to_owned())]);
    }

    #[test]
    fn tests_are_found_in_the_last_column_of_tables_about_them() {
        let text = "| a | shown by |\n|---|---|\n| `no_test_of_these` | `b::{c_d_e_f, g}` |\n\n\
                    | a | what |\n| b | `not_a_test_either` |";
        assert_eq!(named_tests(text), [(3, "c_d_e_f")]);
    }

    #[test]
    fn commands_are_found_in_code_blocks() {
        let text = "cargo no\n```\ncargo a\n$ cargo no\n```\ncargo no\n```text\ncargo b\n```";
        assert_eq!(cargo_commands(text), ["cargo a", "cargo b"]);
    }

    #[test]
    fn a_stranger_in_the_root_is_found() {
        assert_eq!(strangers(["app", ".ci", "notes.txt"].into_iter()), ["notes.txt"]);
    }
}
