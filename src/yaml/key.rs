//! The serde deserializer over a mapping's key. Keys are text; a type that wants a number gets it from the text.

use serde::Deserializer;
use serde::de::value::BorrowedStrDeserializer;
use serde::de::{EnumAccess, Visitor};
use serde::forward_to_deserialize_any;

use super::access::AtAccess;
use super::fault::Fault;
use super::resolve::{self, Plain};
use crate::diag::{AT, Place, excerpt};

/// A key with its place.
#[derive(Clone, Copy)]
pub(super) struct Key<'a> {
    pub(super) text: &'a str,
    pub(super) place: Place,
}

macro_rules! integers {
    ($($method:ident $visit:ident $type:ty;)*) => { $(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            match resolve::plain(self.text) {
                Plain::Int(value) if <$type>::try_from(value).is_ok() => {
                    visitor.$visit(<$type>::try_from(value).map_err(|_| Fault::silent())?)
                }
                _ => Err(Fault::new(
                    "wrong-type",
                    format!("expected a whole number as key, found `{}`", excerpt(self.text)),
                    concat!("expected a whole number that fits ", stringify!($type)),
                )),
            }
        }
    )* };
}

impl<'de> Deserializer<'de> for Key<'de> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_borrowed_str(self.text)
    }

    integers! {
        deserialize_u8 visit_u8 u8;
        deserialize_u16 visit_u16 u16;
        deserialize_u32 visit_u32 u32;
        deserialize_u64 visit_u64 u64;
        deserialize_i8 visit_i8 i8;
        deserialize_i16 visit_i16 i16;
        deserialize_i32 visit_i32 i32;
        deserialize_i64 visit_i64 i64;
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_some(self)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        match name {
            AT => visitor.visit_seq(AtAccess::new(self.place, self)),
            super::WRITTEN | super::SCALAR => visitor.visit_borrowed_str(self.text),
            _ => visitor.visit_newtype_struct(self),
        }
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        struct Name<'a>(&'a str);
        impl<'de> EnumAccess<'de> for Name<'de> {
            type Error = Fault;
            type Variant = <BorrowedStrDeserializer<'de, Fault> as EnumAccess<'de>>::Variant;

            fn variant_seed<S: serde::de::DeserializeSeed<'de>>(
                self,
                seed: S,
            ) -> Result<(S::Value, Self::Variant), Fault> {
                BorrowedStrDeserializer::new(self.0).variant_seed(seed)
            }
        }
        visitor.visit_enum(Name(self.text))
    }

    forward_to_deserialize_any! {
        bool i128 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple tuple_struct map struct
        identifier ignored_any
    }
}
