//! Inner nodes of a tree in memory, by path: those that the database lacks, and others as long as
//! there is room.

use std::cell::Cell;

use quick_cache::DefaultHashBuilder;

use super::clock::{self, Clock};
use super::error::Fault;
use super::tree::draft::NodeChange;
use super::tree::node::Node;
use super::tree::path::{KEY_NIBBLES, Path};
use super::tree::update::Change;

/// Bytes that the nodes of a tree may take.
const TREE_BYTES: usize = 5 << 19;
/// Nodes that are fetched together, where there may be many.
const FETCHED_NODES: usize = 64;

/// Inner nodes of one tree.
pub(super) struct Nodes {
    clock: Clock<Slot>,
    hasher: DefaultHashBuilder,
    /// Paths of nodes that the database lacks.
    unwritten: Vec<Path>,
}

struct Slot {
    path: Path,
    /// None where the database is yet to lose it.
    node: Option<Node>,
    tag: u32,
    /// Whether the database has another one, or none.
    is_unwritten: bool,
    /// Whether somebody asked for it since there was no room for all.
    is_wanted: Cell<bool>,
}

impl clock::Slot for Slot {
    fn tag(&self) -> u32 {
        self.tag
    }

    fn heap_bytes(&self) -> usize {
        self.node.as_ref().map_or(0, Node::heap_bytes)
    }

    fn stays(&mut self) -> bool {
        self.is_unwritten || self.is_wanted.take()
    }
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            clock: Clock::new(TREE_BYTES),
            hasher: DefaultHashBuilder::default(),
            unwritten: Vec::new(),
        }
    }
}

impl Nodes {
    /// What is known of a path: its node, or that there is none any more.
    pub(super) fn get(&self, path: &Path) -> Option<Option<&Node>> {
        let slot = self.clock.get(self.place(path)?)?;
        slot.is_wanted.set(true);
        Some(slot.node.as_ref())
    }

    /// Keeps a node as the database has it.
    pub(super) fn keep(&mut self, path: Path, node: Node) {
        if self.place(&path).is_none() {
            self.set(None, path, Some(node), false);
        }
    }

    /// Changes nodes, which the database does not know; `stored` finds those that are not here.
    ///
    /// # Errors
    /// Those of `stored`.
    pub(super) fn change(
        &mut self,
        changes: Vec<(Path, NodeChange)>,
        stored: impl Fn(&Path) -> Result<Node, Fault>,
    ) -> Result<(), Fault> {
        // A node begins with the hashes that change most, and where it is freed, with a link.
        self.fetch_at(changes.iter().map(|(path, _)| path), Node::fetch_start);
        changes.into_iter().try_for_each(|(path, change)| self.change_one(path, change, &stored))
    }

    fn change_one(
        &mut self,
        path: Path,
        change: NodeChange,
        stored: impl Fn(&Path) -> Result<Node, Fault>,
    ) -> Result<(), Fault> {
        let place = self.place(&path);
        let mut known = place.and_then(|place| self.clock.get_mut(place));
        if !known.as_ref().is_some_and(|slot| slot.is_unwritten) {
            self.unwritten.push(path);
        }
        if let (NodeChange::Hashes(hashes), Some(slot)) = (&change, &mut known)
            && let Some(node) = &mut slot.node
        {
            node.set_hashes(hashes);
            slot.is_unwritten = true;
            return Ok(());
        }
        let node = change.apply(|| stored(&path))?;
        self.set(place, path, node, true);
        Ok(())
    }

    /// How many nodes the database lacks or has too many.
    pub(super) fn unwritten_count(&self) -> usize {
        self.unwritten.len()
    }

    /// What the database lacks.
    pub(super) fn unwritten(&self) -> impl Iterator<Item = (&Path, Option<&Node>)> {
        let slot = |path| Some((path, self.clock.get(self.place(path)?)?.node.as_ref()));
        self.unwritten.chunks(FETCHED_NODES).flat_map(move |paths| {
            self.fetch_at(paths.iter(), Node::fetch);
            paths.iter().filter_map(slot)
        })
    }

    /// The database lacks nothing any more.
    pub(super) fn set_written(&mut self) {
        for path in std::mem::take(&mut self.unwritten) {
            let Some(place) = self.place(&path) else { continue };
            match self.clock.get_mut(place) {
                Some(slot) if slot.node.is_some() => slot.is_unwritten = false,
                _ => self.clock.remove(place),
            }
        }
        self.clock.make_room(0);
    }

    /// Fetches the nodes on the way to keys, sorted by hash, into the caches of the processor,
    /// several at a time.
    pub(super) fn fetch(&self, changes: &[Change]) {
        for length in 0..KEY_NIBBLES {
            let mut paths: Vec<Path> =
                changes.iter().map(|(hash, _)| Path::of(hash, length)).collect();
            paths.dedup();
            if !self.fetch_at(paths.iter(), Node::fetch) {
                break;
            }
        }
    }

    /// Whether one more has no room.
    pub(super) fn is_full(&self) -> bool {
        self.clock.is_full()
    }

    /// [Makes room](Clock::reserve) for the share of one of so many trees in all nodes.
    pub(super) fn reserve(&mut self, nodes: usize, trees: usize) {
        self.clock.reserve(nodes, trees);
    }

    /// Fetches what there is at some paths; whether there is any.
    fn fetch_at<'a>(&self, paths: impl Iterator<Item = &'a Path>, fetch: impl Fn(&Node)) -> bool {
        let found = self.clock.likely(paths.map(|path| self.tag(path)));
        found.iter().filter_map(|slot| slot.node.as_ref()).for_each(fetch);
        !found.is_empty()
    }

    fn set(&mut self, place: Option<usize>, path: Path, node: Option<Node>, is_unwritten: bool) {
        let is_wanted = Cell::new(false);
        let slot = Slot { path, node, tag: self.tag(&path), is_unwritten, is_wanted };
        self.clock.set(place, slot);
        self.clock.make_room(self.unwritten.len());
    }

    fn place(&self, path: &Path) -> Option<usize> {
        self.clock.find(self.tag(path), |slot| slot.path == *path)
    }

    fn tag(&self, path: &Path) -> u32 {
        let [first, second, third, fourth, ..] = self.hasher.hash_one(path).to_be_bytes();
        u32::from_be_bytes([first, second, third, fourth])
    }
}

#[cfg(test)]
mod tests {
    use std::borrow::Cow;

    use super::*;
    use crate::state::tree::draft::Draft;
    use crate::state::tree::node::Child;

    fn path(number: u8) -> Path {
        Path::ROOT.child(number / 16).child(number % 16)
    }

    fn node(seed: u8) -> Node {
        let mut draft = Draft::default();
        for nibble in 0..2 {
            draft.set(nibble, Some(Child { hash: [seed; 32], leaf: None }));
        }
        match draft.finish() {
            NodeChange::Node(node) => node,
            other => panic!("{other:?}"),
        }
    }

    /// What makes one of the nodes of another.
    fn new_hashes(seed: u8) -> NodeChange {
        let before = node(0);
        let mut draft = Draft::of(Cow::Borrowed(&before));
        for nibble in 0..2 {
            draft.set(nibble, Some(Child { hash: [seed; 32], leaf: None }));
        }
        draft.finish()
    }

    fn change(nodes: &mut Nodes, changes: Vec<(Path, NodeChange)>) {
        let stored = |path: &Path| panic!("{path:?} is here");
        nodes.change(changes, stored).unwrap();
    }

    #[test]
    fn what_the_database_lacks_is_listed_once_until_it_is_written() {
        let mut nodes = Nodes::default();
        nodes.keep(path(1), node(1));
        let before = nodes.get(&path(1)).flatten().cloned();
        change(&mut nodes, vec![(path(1), NodeChange::Node(node(2)))]);
        assert_eq!(before, Some(node(1)), "somebody has it still");
        change(&mut nodes, vec![(path(1), new_hashes(3)), (path(2), NodeChange::Removed)]);
        // The database is behind.
        nodes.keep(path(1), node(1));
        assert_eq!(nodes.get(&path(1)), Some(Some(&node(3))));
        assert_eq!(nodes.get(&path(2)), Some(None));
        let lacking: Vec<_> =
            nodes.unwritten().map(|(path, node)| (*path, node.cloned())).collect();
        assert_eq!(lacking, [(path(1), Some(node(3))), (path(2), None)]);
        nodes.set_written();
        assert_eq!(nodes.unwritten().count(), 0);
        assert_eq!(nodes.get(&path(1)), Some(Some(&node(3))));
        assert_eq!(nodes.get(&path(2)), None);
    }

    #[test]
    fn a_node_that_is_not_here_is_read_before_it_changes() {
        let mut nodes = Nodes::default();
        let changes = vec![(path(1), new_hashes(2)), (path(2), new_hashes(3))];
        nodes.keep(path(2), node(1));
        nodes.change(changes.clone(), |path| Ok(node(path.length()))).unwrap();
        assert_eq!(nodes.get(&path(1)), Some(Some(&node(2))));
        assert_eq!(nodes.get(&path(2)), Some(Some(&node(3))));
        assert_eq!(nodes.unwritten_count(), 2);
        nodes.change(vec![(path(1), NodeChange::Removed)], |_| Ok(node(0))).unwrap();
        let fault = |path: &Path| Err(Fault::DamagedTree(format!("{path:?}")));
        assert!(nodes.change(vec![(path(4), new_hashes(2))], fault).is_err());
        assert_eq!(nodes.get(&path(1)), Some(None));
    }

    #[test]
    fn only_what_the_database_has_gives_way() {
        let mut nodes = Nodes { clock: Clock::new(2_000), ..Nodes::default() };
        let new = |number| (path(number), NodeChange::Node(node(number)));
        change(&mut nodes, (0..50).map(new).collect());
        (50..250).for_each(|number| nodes.keep(path(number), node(number)));
        assert!((0..50).all(|number| nodes.get(&path(number)) == Some(Some(&node(number)))));
        nodes.set_written();
        assert!(nodes.clock.bytes() <= 2_000, "also where nothing comes any more");
        nodes.keep(path(251), node(251));
        let kept = (0..=251).filter(|number| nodes.get(&path(*number)).is_some());
        assert!(kept.count() < 20);
    }

    #[test]
    fn fetching_ends_below_what_is_there() {
        let mut nodes = Nodes::default();
        nodes.fetch(&[([1; 32], None)]);
        (0..100).for_each(|number| nodes.keep(path(number), node(number)));
        nodes.keep(Path::ROOT, node(0));
        let changes: Vec<Change> = (0..100).map(|byte| ([byte; 32], None)).collect();
        nodes.fetch(&changes);
    }
}
