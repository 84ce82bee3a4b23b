//! Reading of JSON that goes on after an error, and knows where each value stands.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserializer as _, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::error::{GenesisError, GenesisErrors};

/// How alike an unknown and a known name must be for the known one to be suggested.
const LIKENESS: f64 = 0.8;
/// Most characters of a user's value that a message repeats.
const MAX_SHOWN: usize = 80;

/// What was found wrong so far, and where each value stands in the text.
pub(crate) struct Report {
    line_starts: Vec<usize>,
    state: RefCell<State>,
}

#[derive(Default)]
struct State {
    /// Byte offset of each value that was seen.
    offsets: BTreeMap<String, usize>,
    /// Values that could not be read.
    unread: BTreeSet<String>,
    /// Errors with the offset that orders them.
    errors: Vec<(usize, GenesisError)>,
}

impl Report {
    pub(crate) fn new(text: &str) -> Self {
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0).chain(breaks.map(|(index, _)| index + 1)).collect();
        Self { line_starts, state: RefCell::default() }
    }

    /// Whether the value at this path, and all that it stands in, could be read.
    pub(crate) fn is_read(&self, path: &str) -> bool {
        let state = self.state.borrow();
        ancestors(path).all(|ancestor| !state.unread.contains(ancestor))
    }

    /// Adds an error, unless what it speaks of could not be read and is an error already.
    pub(crate) fn add(&self, path: &str, message: String) {
        if self.is_read(path) {
            self.push(path, message);
        }
    }

    fn push(&self, path: &str, message: String) {
        let mut state = self.state.borrow_mut();
        // A list that was left out has no place of its own.
        let offset = ancestors(path).find_map(|ancestor| state.offsets.get(ancestor).copied());
        let offset = offset.unwrap_or(0);
        let line = Some(self.line_starts.partition_point(|start| *start <= offset));
        state.errors.push((offset, GenesisError { path: path.to_owned(), line, message }));
    }

    /// Adds the error for which the value at this path could not be read.
    fn push_unread(&self, path: &str, message: String) {
        self.push(path, message);
        self.state.borrow_mut().unread.insert(path.to_owned());
    }

    /// The value, if there was no error.
    pub(crate) fn finish<T>(self, value: T) -> Result<T, GenesisErrors> {
        let mut errors = self.state.into_inner().errors;
        if errors.is_empty() {
            return Ok(value);
        }
        errors.sort_by_key(|(offset, _)| *offset);
        Err(GenesisErrors::new(errors.into_iter().map(|(_, error)| error).collect()))
    }
}

/// The path itself, then each path that it stands in.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(Some(path), |path| path.rfind(['.', '[']).and_then(|end| path.get(..end)))
}

/// A value of the document.
pub(crate) struct Node<'a> {
    report: &'a Report,
    text: &'a str,
    raw: &'a RawValue,
    path: String,
}

impl<'a> Node<'a> {
    /// The whole document.
    ///
    /// # Errors
    /// The first place where the text is not JSON.
    pub(crate) fn root(text: &'a str, report: &'a Report) -> Result<Self, GenesisErrors> {
        let raw = serde_json::from_str(text).map_err(|error| {
            let reason = error.to_string();
            let reason = reason.rsplit_once(" at line ").map_or(reason.as_str(), |(what, _)| what);
            let message = format!("not valid JSON at column {}: {reason}", error.column());
            let (path, line) = ("$".to_owned(), Some(error.line()));
            GenesisErrors::new(vec![GenesisError { path, line, message }])
        })?;
        Ok(Self::new(report, text, raw, "$".to_owned()))
    }

    fn new(report: &'a Report, text: &'a str, raw: &'a RawValue, path: String) -> Self {
        let offset = raw.get().as_ptr().addr().saturating_sub(text.as_ptr().addr());
        report.state.borrow_mut().offsets.insert(path.clone(), offset);
        Self { report, text, raw, path }
    }

    fn child(&self, raw: &'a RawValue, path: String) -> Self {
        Self::new(self.report, self.text, raw, path)
    }

    /// Reads an object by its fields; those that `read` does not ask for are errors.
    pub(crate) fn object<T: Default>(&self, read: impl FnOnce(&mut Object<'a, '_>) -> T) -> T {
        let members = match self.raw.get().as_bytes().first() {
            Some(b'{') => members(self.raw).map_err(|error| format!("cannot be read: {error}")),
            _ => Err(self.expected("an object in braces")),
        };
        match members {
            Ok(members) => {
                let mut object = Object { node: self, members, asked: Vec::new() };
                let value = read(&mut object);
                object.report_others();
                value
            }
            Err(message) => {
                self.report.push_unread(&self.path, message);
                T::default()
            }
        }
    }

    /// Reads a list, item by item.
    fn list<T>(&self, read: impl Fn(&Node<'a>) -> T) -> Vec<T> {
        let items: Vec<&'a RawValue> = match self.raw.get().as_bytes().first() {
            Some(b'[') => serde_json::from_str(self.raw.get()).unwrap_or_default(),
            _ => {
                self.report.push_unread(&self.path, self.expected("a list in square brackets"));
                Vec::new()
            }
        };
        let items = items.into_iter().enumerate();
        items.map(|(i, item)| read(&self.child(item, format!("{}[{i}]", self.path)))).collect()
    }

    /// The text that stands here.
    ///
    /// # Errors
    /// A sentence about what stands here instead, as for all rules of single values.
    pub(crate) fn text(&self) -> Result<String, String> {
        match self.raw.get().as_bytes().first() {
            Some(b'"') => serde_json::from_str(self.raw.get())
                .map_err(|_| format!("{} is not valid text", shown(self.raw.get()))),
            _ => Err(self.expected("a text in quotes")),
        }
    }

    /// The whole number that stands here.
    pub(crate) fn number(&self) -> Result<u64, String> {
        let text = self.raw.get();
        match text.as_bytes().first() {
            Some(b'0'..=b'9' | b'-') => text.parse().map_err(|_| {
                format!("`{}` is not a whole number from 0 to {}", shown(text), u64::MAX)
            }),
            _ => Err(self.expected("a number without quotes")),
        }
    }

    fn expected(&self, what: &str) -> String {
        let text = self.raw.get();
        let found = match text.as_bytes().first() {
            Some(b'"') => format!("the text {}", shown(text)),
            Some(b'{') => "an object".to_owned(),
            Some(b'[') => "a list".to_owned(),
            Some(b't' | b'f' | b'n') => format!("`{text}`"),
            _ => format!("the number {}", shown(text)),
        };
        format!("expected {what}, found {found}")
    }
}

/// A rule of a single value: what it means, or a sentence about what is wrong.
pub(crate) type Rule<T> = fn(&Node<'_>) -> Result<T, String>;

/// An object that is being read.
pub(crate) struct Object<'a, 'n> {
    node: &'n Node<'a>,
    members: Vec<(String, &'a RawValue)>,
    asked: Vec<&'static str>,
}

impl<'a> Object<'a, '_> {
    /// A value that must be there.
    pub(crate) fn required<T: Default>(&mut self, name: &'static str, rule: Rule<T>) -> T {
        match self.field(name) {
            Some(node) => read_value(&node, rule),
            None => {
                self.report_missing(name);
                T::default()
            }
        }
    }

    /// A value that may be left out.
    pub(crate) fn optional<T: Default>(&mut self, name: &'static str, rule: Rule<T>) -> Option<T> {
        self.field(name).map(|node| read_value(&node, rule))
    }

    /// An object that must be there.
    pub(crate) fn object<T: Default>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Object<'a, '_>) -> T,
    ) -> T {
        match self.field(name) {
            Some(node) => node.object(read),
            None => {
                self.report_missing(name);
                T::default()
            }
        }
    }

    /// A list of objects; empty when left out.
    pub(crate) fn list<T: Default>(
        &mut self,
        name: &'static str,
        read: impl Fn(&mut Object<'a, '_>) -> T,
    ) -> Vec<T> {
        let list = self.field(name).map(|node| node.list(|item| item.object(&read)));
        list.unwrap_or_default()
    }

    /// An object that may be left out.
    pub(crate) fn optional_object<T: Default>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Object<'a, '_>) -> T,
    ) -> Option<T> {
        self.field(name).map(|node| node.object(read))
    }

    /// A value that must not be there, and why.
    pub(crate) fn refuse(&mut self, name: &'static str, reason: &str) {
        if let Some(node) = self.field(name) {
            self.node.report.push_unread(&node.path, reason.to_owned());
        }
    }

    fn field(&mut self, name: &'static str) -> Option<Node<'a>> {
        self.asked.push(name);
        let (_, raw) = self.members.iter().find(|(member, _)| member == name)?;
        Some(self.node.child(raw, format!("{}.{name}", self.node.path)))
    }

    fn report_missing(&self, name: &'static str) {
        let path = format!("{}.{name}", self.node.path);
        self.node.report.push_unread(&path, format!("the field `{name}` is missing, add it"));
    }

    /// Reports fields that nobody asked for, and fields that stand twice.
    fn report_others(self) {
        let mut seen = BTreeSet::new();
        for (name, raw) in &self.members {
            let known = self.asked.contains(&name.as_str());
            let name = shown(name);
            let message = if !seen.insert(name.clone()) {
                format!("the field `{name}` stands more than once here, keep one")
            } else if known {
                continue;
            } else {
                match nearest(&name, self.asked.iter().copied()) {
                    Some(near) => format!("unknown field `{name}`, did you mean `{near}`?"),
                    None => format!(
                        "unknown field `{name}`, remove it; known here: {}",
                        self.asked.join(", ")
                    ),
                }
            };
            let node = self.node.child(raw, format!("{}.{name}", self.node.path));
            self.node.report.push(&node.path, message);
        }
    }
}

fn read_value<T: Default>(node: &Node<'_>, rule: Rule<T>) -> T {
    rule(node).unwrap_or_else(|message| {
        node.report.push_unread(&node.path, message);
        T::default()
    })
}

/// The candidate most like `name`, if any is like it.
pub(crate) fn nearest<'c>(
    name: &str,
    candidates: impl Iterator<Item = &'c str>,
) -> Option<&'c str> {
    candidates
        .map(|candidate| (strsim::jaro_winkler(name, candidate), candidate))
        .filter(|(likeness, _)| *likeness > LIKENESS)
        .max_by(|(a, _), (b, _)| a.total_cmp(b))
        .map(|(_, candidate)| candidate)
}

/// A user's value as a message repeats it: cut when long, harmless for a terminal.
pub(crate) fn shown(value: &str) -> String {
    let mut text = String::new();
    for (index, c) in value.chars().enumerate() {
        if index == MAX_SHOWN {
            text.push('…');
            break;
        }
        if c.is_control() { text.extend(c.escape_default()) } else { text.push(c) }
    }
    text
}

/// Members of an object in the order of the text, with those that stand twice.
fn members(raw: &RawValue) -> serde_json::Result<Vec<(String, &RawValue)>> {
    struct Members;

    impl<'de> Visitor<'de> for Members {
        type Value = Vec<(String, &'de RawValue)>;

        fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
            formatter.write_str("an object")
        }

        fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
            let mut members = Vec::new();
            while let Some(member) = map.next_entry()? {
                members.push(member);
            }
            Ok(members)
        }
    }

    serde_json::Deserializer::from_str(raw.get()).deserialize_map(Members)
}
