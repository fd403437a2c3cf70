//! Whether another room replaces this one: what a tombstone says, and what the room that it names says.

use super::RoomMirror;

impl RoomMirror {
    /// The room that its tombstone names, whether that is an upgrade or not.
    pub fn named_successor(&self) -> Option<&str> {
        self.content("m.room.tombstone").map(|content| content["replacement_room"].as_str().unwrap_or_default())
    }

    /// Whether the room that the tombstone names says that it replaces this one; `None` where that is not known yet.
    pub fn is_upgraded(&self) -> Option<bool> {
        let named = self.named_successor().filter(|named| !named.is_empty());
        let Some(named) = named else { return Some(false) };
        let (of, made_by) = self.upgrade.as_ref()?;
        (**of == *named).then_some(made_by.is_some())
    }

    /// The room that replaces this one, if it was upgraded. A tombstone that no room answers to replaces nothing.
    pub fn successor(&self) -> Option<&str> {
        self.named_successor().filter(|_| self.is_upgraded() == Some(true))
    }

    /// Who made the room that replaces this one.
    pub(crate) fn successor_made_by(&self) -> Option<&str> {
        self.successor().and(self.upgrade.as_ref()?.1.as_deref())
    }

    /// Takes who made the room that the tombstone names, where that says that it replaces this one.
    pub(crate) fn set_upgrade(&mut self, successor: &str, made_by: Option<&str>) {
        self.upgrade = Some((successor.into(), made_by.map(Into::into)));
    }

    /// What is known of the successor outlasts a reading.
    pub(crate) fn inherit_upgrade(&mut self, before: &Self) {
        self.upgrade.clone_from(&before.upgrade);
    }
}
