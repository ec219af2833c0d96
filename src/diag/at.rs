//! How [`At`] takes part in serde and in JSON Schema.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;

use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use serde::{Serialize, Serializer};

use super::{At, Place, Span};

/// The name by which [`crate::yaml`]'s deserializer knows that a place is asked for. Any other deserializer sees a
/// newtype, which is read as the value alone.
pub(crate) const AT: &str = "$rmqgit::At";

/// A place as it passes through serde: used, then defined with a leading 1, or zeros.
pub(crate) type RawPlace = [u32; 7];

impl<T> At<T> {
    /// Puts a value at a place.
    pub fn new(value: T, place: Place) -> Self {
        Self { value, place }
    }

    /// Changes the value and keeps the place.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> At<U> {
        At { value: change(self.value), place: self.place }
    }

    /// Borrows the value with its place.
    pub fn as_ref(&self) -> At<&T> {
        At { value: &self.value, place: self.place }
    }
}

impl<T> Deref for At<T> {
    type Target = T;

    fn deref(&self) -> &T {
        &self.value
    }
}

impl Place {
    pub(crate) fn to_raw(self) -> RawPlace {
        let Span { file, start, end } = self.used;
        match self.defined {
            None => [file, start, end, 0, 0, 0, 0],
            Some(defined) => [file, start, end, 1, defined.file, defined.start, defined.end],
        }
    }

    fn from_raw(raw: RawPlace) -> Self {
        let [file, start, end, shared, from, first, last] = raw;
        let defined = (shared != 0).then_some(Span { file: from, start: first, end: last });
        Self { used: Span { file, start, end }, defined }
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for At<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_newtype_struct(AT, AtVisitor(PhantomData))
    }
}

struct AtVisitor<T>(PhantomData<T>);

impl<'de, T: Deserialize<'de>> Visitor<'de> for AtVisitor<T> {
    type Value = At<T>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a value")
    }

    fn visit_newtype_struct<D: Deserializer<'de>>(self, deserializer: D) -> Result<At<T>, D::Error> {
        Ok(At { value: T::deserialize(deserializer)?, place: Place::default() })
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<At<T>, A::Error> {
        let raw: RawPlace = seq.next_element()?.ok_or_else(|| A::Error::custom("a value without its place"))?;
        let value = seq.next_element()?.ok_or_else(|| A::Error::custom("a place without its value"))?;
        Ok(At { value, place: Place::from_raw(raw) })
    }
}

impl<T: Serialize> Serialize for At<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.value.serialize(serializer)
    }
}

impl<T: JsonSchema> JsonSchema for At<T> {
    fn inline_schema() -> bool {
        T::inline_schema()
    }

    fn schema_name() -> Cow<'static, str> {
        T::schema_name()
    }

    fn schema_id() -> Cow<'static, str> {
        T::schema_id()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        T::json_schema(generator)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_survives_its_passage() {
        let used = Span { file: 1, start: 2, end: 3 };
        for defined in [None, Some(Span { file: 0, start: 0, end: 0 }), Some(Span { file: 4, start: 5, end: 6 })] {
            let place = Place { used, defined };
            assert_eq!(Place::from_raw(place.to_raw()), place);
        }
    }

    #[test]
    fn other_formats_read_the_value_alone() {
        let read: Vec<At<u16>> = serde_json::from_str("[5672]").expect("a list of numbers");
        assert_eq!(read, [At::new(5672, Place::default())]);
        assert_eq!(serde_json::to_string(&read).expect("numbers are JSON"), "[5672]");
    }

    #[test]
    fn the_schema_is_that_of_the_value() {
        assert_eq!(schemars::schema_for!(Vec<At<u16>>), schemars::schema_for!(Vec<u16>));
    }
}
