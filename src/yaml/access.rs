//! The collections of a tree as serde walks through them.

use serde::de::value::{BorrowedStrDeserializer, SeqDeserializer, StringDeserializer};
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess, VariantAccess, Visitor};

use super::fault::Fault;
use super::key::Key;
use super::stand_in::{self, StandIn};
use super::tree::{Entry, Node};
use super::walk::Walk;
use crate::diag::Place;

/// The items of a list, behind those that are done with.
pub(super) struct Items<'a> {
    owner: Walk<'a>,
    all: &'a [Node],
    next: usize,
}

impl<'a> Items<'a> {
    pub(super) fn new(owner: Walk<'a>, items: &'a [Node]) -> Self {
        Self { owner, all: items, next: owner.notes.done(owner.node) }
    }

    /// Returns how many items nobody has asked for.
    pub(super) fn left(&self) -> usize {
        self.all.len() - self.next
    }
}

impl<'de> SeqAccess<'de> for &mut Items<'de> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let index = self.next;
        let Some(item) = self.all.get(index) else { return Ok(None) };
        self.next += 1;
        let walk = self.owner.item(item);
        match seed.deserialize(walk) {
            Ok(value) => Ok(Some(value)),
            Err(fault) => Err(pass(self.owner, index, walk.blame(fault)).item(index)),
        }
    }
}

/// Notes how far a list or mapping is done with after a fault in its child.
fn pass(owner: Walk<'_>, index: usize, fault: Fault) -> Fault {
    owner.notes.set_done(owner.node, if fault.settled { index } else { index + 1 });
    Fault { settled: true, ..fault }
}

/// The entries of a mapping whose keys are data, behind those that are done with.
pub(super) struct Entries<'a> {
    owner: Walk<'a>,
    all: &'a [Entry],
    next: usize,
}

impl<'a> Entries<'a> {
    pub(super) fn new(owner: Walk<'a>, entries: &'a [Entry]) -> Self {
        Self { owner, all: entries, next: owner.notes.done(owner.node) }
    }
}

impl<'de> MapAccess<'de> for Entries<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(entry) = self.all.get(self.next) else { return Ok(None) };
        let place = self.owner.key(entry);
        seed.deserialize(Key { text: entry.key(), place })
            .map(Some)
            .map_err(|fault| pass(self.owner, self.next, fault.in_key(place)))
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let index = self.next;
        self.next += 1;
        let Some(entry) = self.all.get(index) else { return Err(Fault::silent()) };
        let walk = self.owner.value(entry);
        seed.deserialize(walk).map_err(|fault| pass(self.owner, index, walk.blame(fault)).under(entry.key()))
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.all.len() - self.next.min(self.all.len()))
    }
}

/// The fields of a struct: those of the mapping, then stand-ins for the missing ones that are reported.
pub(super) struct Fields<'a> {
    owner: Walk<'a>,
    entries: &'a [Entry],
    next: usize,
    next_missing: usize,
    current: Current<'a>,
}

enum Current<'a> {
    Entry(&'a Entry),
    Missing(String),
}

impl<'a> Fields<'a> {
    pub(super) fn new(owner: Walk<'a>, entries: &'a [Entry]) -> Self {
        Self { owner, entries, next: 0, next_missing: 0, current: Current::Missing(String::new()) }
    }

    /// Gives a field a value that nobody will see, because the struct has failed already.
    fn stand_in<'de, V: DeserializeSeed<'de>>(&self, field: &str, choice: usize, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(StandIn { choice }).map_err(|_| {
            let next = self.owner.notes.next_stand_in(self.owner.node, field);
            Fault { settled: next < stand_in::CHOICES, ..Fault::silent() }
        })
    }
}

impl<'de> MapAccess<'de> for Fields<'de> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'de>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Walk { node, notes, .. } = self.owner;
        while let Some(entry) = self.entries.get(self.next) {
            let index = self.next;
            self.next += 1;
            if notes.is_unknown(node, index) {
                continue;
            }
            self.current = Current::Entry(entry);
            let place = self.owner.key(entry);
            return seed.deserialize(Key { text: entry.key(), place }).map(Some).map_err(|fault| {
                notes.set_unknown(node, index);
                Fault { settled: true, ..fault.in_key(place) }
            });
        }
        while let Some(field) = notes.stand_in_field(node, self.next_missing) {
            self.next_missing += 1;
            if self.entries.iter().all(|entry| entry.key() != field) {
                self.current = Current::Missing(field.clone());
                return seed.deserialize(StringDeserializer::new(field)).map(Some);
            }
        }
        Ok(None)
    }

    fn next_value_seed<V: DeserializeSeed<'de>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let Walk { node, notes, .. } = self.owner;
        let entry = match &self.current {
            Current::Entry(entry) => *entry,
            Current::Missing(field) => {
                return self.stand_in(field, notes.stand_in(node, field).unwrap_or_default(), seed);
            }
        };
        if let Some(choice) = notes.stand_in(node, entry.key()) {
            return self.stand_in(entry.key(), choice, seed);
        }
        let walk = self.owner.value(entry);
        seed.deserialize(walk).map_err(|fault| {
            let fault = walk.blame(fault);
            if fault.settled {
                notes.taint(node);
            } else {
                notes.next_stand_in(node, entry.key());
            }
            Fault { settled: true, ..fault }.under(entry.key())
        })
    }
}

/// One variant of an enum: its name, and its value if it is written as `{name: value}`.
pub(super) struct Variant<'a> {
    pub(super) name: &'a str,
    pub(super) place: Place,
    pub(super) owner: Walk<'a>,
    pub(super) payload: Option<Walk<'a>>,
}

impl<'a> Variant<'a> {
    fn payload(&self) -> Result<Walk<'a>, Fault> {
        self.payload.ok_or_else(|| {
            let name = crate::diag::excerpt(self.name);
            Fault::new("wrong-type", format!("`{name}` needs a value"), "a value is missing")
                .help(format!("write `{{{name}: …}}`"))
                .at(self.place)
        })
    }

    fn pass(&self, fault: Fault, payload: Walk<'a>) -> Fault {
        let fault = payload.blame(fault).under(self.name);
        self.owner.notes.taint(self.owner.node);
        fault
    }
}

impl<'de> EnumAccess<'de> for Variant<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<V: DeserializeSeed<'de>>(self, seed: V) -> Result<(V::Value, Self), Fault> {
        let name = BorrowedStrDeserializer::<Fault>::new(self.name);
        match seed.deserialize(name) {
            Ok(value) => Ok((value, self)),
            Err(fault) => Err(fault.at(self.place)),
        }
    }
}

impl<'de> VariantAccess<'de> for Variant<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        if self.payload.is_none_or(|payload| payload.node.is_null()) {
            return Ok(());
        }
        let name = crate::diag::excerpt(self.name);
        Err(Fault::new("wrong-type", format!("`{name}` takes no value"), "takes no value")
            .help(format!("write `{name}` alone"))
            .at(self.place))
    }

    fn newtype_variant_seed<T: DeserializeSeed<'de>>(self, seed: T) -> Result<T::Value, Fault> {
        let payload = self.payload()?;
        seed.deserialize(payload).map_err(|fault| self.pass(fault, payload))
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        let payload = self.payload()?;
        payload.deserialize_tuple(len, visitor).map_err(|fault| self.pass(fault, payload))
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        let payload = self.payload()?;
        payload.deserialize_struct("", fields, visitor).map_err(|fault| self.pass(fault, payload))
    }
}

/// The place of a value, then the value: what [`crate::diag::At`] asks for.
pub(super) struct AtAccess<D> {
    place: Option<Place>,
    value: Option<D>,
}

impl<D> AtAccess<D> {
    pub(super) fn new(place: Place, value: D) -> Self {
        Self { place: Some(place), value: Some(value) }
    }
}

impl<'de, D: Deserializer<'de, Error = Fault>> SeqAccess<'de> for AtAccess<D> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'de>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        if let Some(place) = self.place.take() {
            return seed.deserialize(SeqDeserializer::new(place.to_raw().into_iter())).map(Some);
        }
        self.value.take().map(|value| seed.deserialize(value)).transpose()
    }
}
