//! The serde deserializer over a node.

use serde::Deserializer;
use serde::de::{Expected, Visitor};

use super::access::{AtAccess, Entries, Fields, Items, Variant};
use super::decode::Notes;
use super::fault::{Fault, choices, words};
use super::resolve::{self, Plain};
use super::tree::{Entry, Node, View};
use super::{SCALAR, WRITTEN};
use crate::diag::{AT, Place, Span, excerpt, nearest};

/// One node on the way through the tree.
#[derive(Clone, Copy)]
pub(super) struct Walk<'a> {
    pub(super) node: &'a Node,
    pub(super) notes: &'a Notes,
    /// The outermost alias, merge or default that led here.
    via: Option<Span>,
    /// The place of the key that the node stands under.
    key: Option<Place>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(node: &'a Node, notes: &'a Notes) -> Self {
        Self { node, notes, via: via(node.place()), key: None }
    }

    /// Steps to an item of this list.
    pub(super) fn item(&self, node: &'a Node) -> Self {
        Self { node, notes: self.notes, via: self.via.or_else(|| via(node.place())), key: None }
    }

    /// Steps to the value of an entry of this mapping.
    pub(super) fn value(&self, entry: &'a Entry) -> Self {
        let own = via(entry.value().place());
        // An alias says better than its key where the value is used.
        let key = (own.is_none() || own == entry.via).then(|| self.key(entry));
        Self { key, ..self.item(entry.value()) }
    }

    /// Returns the place of the key of an entry of this mapping.
    pub(super) fn key(&self, entry: &Entry) -> Place {
        match self.via.or(entry.via) {
            None => Place { used: entry.span, defined: None },
            Some(used) => Place { used, defined: Some(entry.span) },
        }
    }

    pub(super) fn place(&self) -> Place {
        match self.via {
            None => Place { used: self.node.span(), defined: None },
            Some(used) => Place { used, defined: Some(self.node.span()) },
        }
    }

    /// Returns the place that stands for the value as a whole: for a collection its key, if it has one.
    fn head(&self) -> Place {
        match (self.node.view(), self.key) {
            (View::List(_) | View::Mapping(_), Some(key)) => key,
            _ => self.place(),
        }
    }

    /// Fills in the place of a fault of this value, and silences one that may follow from a fault inside it.
    pub(super) fn blame(&self, mut fault: Fault) -> Fault {
        let Some(draft) = fault.draft.as_mut().filter(|draft| draft.place.is_none()) else { return fault };
        if self.notes.is_tainted(self.node) {
            return Fault { draft: None, ..fault };
        }
        if let View::Scalar(text, _) = self.node.view() {
            draft.show(text);
        }
        fault.at(self.head())
    }

    /// Makes the fault of a value that is of another type.
    fn expected(&self, what: &str) -> Fault {
        if let View::Broken = self.node.view() {
            return Fault::silent();
        }
        let found = found(self.node);
        let mut fault = Fault::new("wrong-type", format!("expected {what}, found {found}"), format!("expected {what}"));
        if let Some(help) = advice(self.node, what) {
            fault = fault.help(help);
        }
        fault.at(self.head())
    }

    /// Returns the text of a scalar that stands without quotes.
    fn plain(&self) -> Option<(&'a str, Plain)> {
        match self.node.view() {
            View::Scalar(text, true) => Some((text, resolve::plain(text))),
            _ => None,
        }
    }

    /// Makes the fault of a number that is not clear or not exact, if this is one.
    fn unclear(&self) -> Option<Fault> {
        let (text, plain) = self.plain()?;
        let fault = match plain {
            Plain::Zeros => {
                let digits = text.trim_start_matches(['+', '-']).trim_start_matches('0');
                Fault::new(
                    "ambiguous-number",
                    format!("`{text}` is octal to some programs and decimal to others"),
                    "starts with a zero",
                )
                .help(format!(
                    "write `\"{text}\"` for text, `{}` for decimal, `0o{digits}` for octal",
                    if digits.is_empty() { "0" } else { digits }
                ))
            }
            Plain::Huge => Fault::new(
                "invalid-value",
                format!("`{}` is too large for a number", excerpt(text)),
                "more than fits a number",
            )
            .help("put it in quotes if it is text"),
            _ => return None,
        };
        Some(fault.at(self.place()))
    }

    fn integer(&self, words: &str) -> Result<i128, Fault> {
        match self.plain() {
            Some((_, Plain::Int(value))) => Ok(value),
            _ => Err(self.unclear().unwrap_or_else(|| self.expected(words))),
        }
    }

    fn text(&self, what: &dyn Expected) -> Result<&'a str, Fault> {
        match self.node.view() {
            View::Scalar(text, false) => Ok(text),
            View::Scalar(text, true) if matches!(resolve::plain(text), Plain::Text) => Ok(text),
            _ => Err(self.unclear().unwrap_or_else(|| self.expected(words(&what.to_string())))),
        }
    }

    fn list<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let View::List(items) = self.node.view() else { return Err(self.expected("a list")) };
        let mut access = Items::new(self, items);
        let value = visitor.visit_seq(&mut access).map_err(|fault| self.blame(fault))?;
        match access.left() {
            0 => Ok(value),
            left => {
                let message = format!("expected {} items, found {}", items.len() - left, items.len());
                Err(self.blame(Fault::new("wrong-type", message, "too many items")))
            }
        }
    }

    fn mapping<V: Visitor<'a>>(self, visitor: V) -> Result<V::Value, Fault> {
        let View::Mapping(entries) = self.node.view() else { return Err(self.expected("a mapping")) };
        visitor.visit_map(Entries::new(self, entries)).map_err(|fault| self.blame(fault))
    }

    /// Passes a scalar on whose type the visitor does not ask for.
    fn any_scalar<V: Visitor<'a>>(&self, text: &'a str, plain: Plain, visitor: V) -> Result<V::Value, Fault> {
        let fault = |what: &str| {
            Err(Fault::new("invalid-value", what, "cannot be kept exactly").help("put it in quotes if it is text"))
        };
        match plain {
            Plain::Null => visitor.visit_unit(),
            Plain::Bool(value) => visitor.visit_bool(value),
            Plain::Int(value) => match (i64::try_from(value), u64::try_from(value)) {
                (Ok(value), _) => visitor.visit_i64(value),
                (_, Ok(value)) => visitor.visit_u64(value),
                _ => fault("a number has at most 64 bits"),
            },
            Plain::Float(value) if value.is_finite() => visitor.visit_f64(value),
            Plain::Float(_) => fault("not a finite number"),
            Plain::Zeros | Plain::Huge => Err(self.unclear().unwrap_or_else(Fault::silent)),
            Plain::Text => visitor.visit_borrowed_str(text),
        }
    }
}

fn via(place: Place) -> Option<Span> {
    place.defined.map(|_| place.used)
}

fn found(node: &Node) -> String {
    match node.view() {
        View::Scalar(text, true) if resolve::is_null(text) => "nothing".to_owned(),
        View::Scalar(text, true) => format!("`{}`", excerpt(text)),
        View::Scalar(text, false) => format!("the text `{}`", excerpt(text)),
        View::List(_) => "a list".to_owned(),
        View::Mapping(_) => "a mapping".to_owned(),
        View::Broken => "a broken value".to_owned(),
    }
}

/// Says what to do about a value of another type, where there is a usual cause.
fn advice(node: &Node, expected: &str) -> Option<String> {
    match node.view() {
        View::Scalar(text, true) => match (resolve::plain(text), expected) {
            (Plain::Null, "text") => Some("write a value, or `\"\"` for an empty text".to_owned()),
            (Plain::Null, "a list") => Some("write the items, or `[]` for an empty list".to_owned()),
            (Plain::Null, "a mapping") => Some("write the entries, or `{}` for an empty mapping".to_owned()),
            (Plain::Int(_) | Plain::Float(_) | Plain::Bool(_), "text") => {
                Some(format!("put it in quotes, so that every program reads it as text: `\"{}\"`", excerpt(text)))
            }
            (Plain::Text, "`true` or `false`") => match text.to_ascii_lowercase().as_str() {
                "yes" | "on" | "y" => Some("write `true`".to_owned()),
                "no" | "off" | "n" => Some("write `false`".to_owned()),
                _ => None,
            },
            (plain, "a list") if plain != Plain::Null => Some(format!("write `[{}]`", excerpt(text))),
            _ => None,
        },
        View::Scalar(text, false) if !matches!(resolve::plain(text), Plain::Text | Plain::Null) => {
            (expected != "a list" && expected != "a mapping").then(|| "remove the quotes".to_owned())
        }
        _ => None,
    }
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty, $words:literal;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let value = <$type>::try_from(self.integer($words)?).map_err(|_| self.expected($words))?;
            visitor.$visit(value).map_err(|fault| self.blame(fault))
        }
    )* };
}

impl<'de> Deserializer<'de> for Walk<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let result = match self.node.view() {
            View::Scalar(text, true) => self.any_scalar(text, resolve::plain(text), visitor),
            View::Scalar(text, false) => visitor.visit_borrowed_str(text),
            View::List(_) => return self.list(visitor),
            View::Mapping(_) => return self.mapping(visitor),
            View::Broken => Err(Fault::silent()),
        };
        result.map_err(|fault| self.blame(fault))
    }

    integers! {
        deserialize_u8 visit_u8 u8, "a whole number from 0 to 255";
        deserialize_u16 visit_u16 u16, "a whole number from 0 to 65535";
        deserialize_u32 visit_u32 u32, "a whole number from 0 to 4294967295";
        deserialize_u64 visit_u64 u64, "a whole number, 0 or more";
        deserialize_u128 visit_u128 u128, "a whole number, 0 or more";
        deserialize_i8 visit_i8 i8, "a whole number from -128 to 127";
        deserialize_i16 visit_i16 i16, "a whole number from -32768 to 32767";
        deserialize_i32 visit_i32 i32, "a whole number from -2147483648 to 2147483647";
        deserialize_i64 visit_i64 i64, "a whole number";
        deserialize_i128 visit_i128 i128, "a whole number";
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let value = match self.plain() {
            Some((_, Plain::Float(value))) => value,
            // An integer that fits 53 bits is exact as a float.
            Some((text, Plain::Int(value))) if value.unsigned_abs() <= 1 << 53 => i64::try_from(value)
                .ok()
                .and_then(|value| value.to_string().parse().ok())
                .ok_or_else(|| self.expected(text))?,
            _ => return Err(self.unclear().unwrap_or_else(|| self.expected("a number"))),
        };
        visitor.visit_f64(value).map_err(|fault| self.blame(fault))
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_f64(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.plain() {
            Some((_, Plain::Bool(value))) => visitor.visit_bool(value).map_err(|fault| self.blame(fault)),
            _ => Err(self.expected("`true` or `false`")),
        }
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let text = self.text(&visitor)?;
        visitor.visit_borrowed_str(text).map_err(|fault| self.blame(fault))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.is_null() { visitor.visit_none() } else { visitor.visit_some(self) }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.node.is_null() { visitor.visit_unit() } else { Err(self.expected("nothing")) }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        let result = match (name, self.node.view()) {
            (AT, _) => visitor.visit_seq(AtAccess::new(self.place(), self)),
            (WRITTEN, View::Scalar(text, plain)) if !(plain && resolve::is_null(text)) => {
                visitor.visit_borrowed_str(text)
            }
            (WRITTEN, _) => Err(self.expected("text")),
            (SCALAR, View::Scalar(text, true)) => match resolve::plain(text) {
                Plain::Null => Err(self.expected("a single value")),
                // Alone in a list, a number's text is told apart from text.
                Plain::Float(_) => visitor.visit_seq(serde::de::value::SeqDeserializer::new(std::iter::once(text))),
                plain => self.any_scalar(text, plain, visitor),
            },
            (SCALAR, View::Scalar(text, false)) => visitor.visit_borrowed_str(text),
            (SCALAR, _) => Err(self.expected("a single value")),
            _ => visitor.visit_newtype_struct(self),
        };
        result.map_err(|fault| self.blame(fault))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, _: usize, visitor: V) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.list(visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.mapping(visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let View::Mapping(entries) = self.node.view() else { return Err(self.expected("a mapping")) };
        visitor.visit_map(Fields::new(self, entries)).map_err(|mut fault| {
            let missing = fault.draft.as_ref().filter(|draft| draft.place.is_none()).and_then(|draft| draft.missing);
            let Some(field) = missing else { return self.blame(fault) };
            // The next pass gets a stand-in for it, and finds the next missing field.
            self.notes.next_stand_in(self.node, field);
            fault.settled = true;
            let misspelt = |(i, entry): (usize, &Entry)| {
                self.notes.is_unknown(self.node, i) && nearest(entry.key(), [field]).is_some()
            };
            if entries.iter().enumerate().any(misspelt) {
                fault.draft = None;
            }
            fault.at(self.head())
        })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let result = match self.node.view() {
            View::Scalar(text, plain) if !(plain && resolve::is_null(text)) => {
                visitor.visit_enum(Variant { name: text, place: self.place(), owner: self, payload: None })
            }
            View::Mapping([entry]) => {
                let payload = Some(self.value(entry));
                visitor.visit_enum(Variant { name: entry.key(), place: self.key(entry), owner: self, payload })
            }
            View::Mapping(entries) if entries.len() > 1 => {
                let message = format!("expected a single key of {}, found {} keys", choices(variants), entries.len());
                Err(Fault::new("wrong-type", message, "expected a single key"))
            }
            _ => Err(self.expected(&format!("one of {}", choices(variants)))),
        };
        result.map_err(|fault| self.blame(fault))
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_str(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }
}
