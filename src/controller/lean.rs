//! An object as JSON, read once and not yet known to be what it should be: texts stay where they stand in the answer, and
//! what no cache keeps is passed over. Knows of objects only where that is. May not judge what it read.
//!
//! `serde_json::Value` copies every text and sorts every field, only to have them copied once more when the object is read
//! from it: of a list of settled objects that is half of the work.

use std::borrow::Cow;
use std::fmt;

use serde::de::value::{MapAccessDeserializer, MapDeserializer, SeqDeserializer};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, IntoDeserializer, MapAccess, SeqAccess, Visitor};
use serde::forward_to_deserialize_any;
use serde_json::Error;

/// What JSON may say.
#[derive(Clone, Debug)]
pub enum Lean<'de> {
    Null,
    Bool(bool),
    Unsigned(u64),
    Signed(i64),
    Float(f64),
    Text(Cow<'de, str>),
    List(Vec<Self>),
    Fields(Fields<'de>),
}

/// The fields of an object, in their order.
type Fields<'de> = Vec<(Cow<'de, str>, Lean<'de>)>;

impl<'de> Lean<'de> {
    /// Reads an object of the API server without its `metadata.managedFields`.
    ///
    /// # Errors
    /// What is read is no JSON.
    pub fn object<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        Place::Object.deserialize(from)
    }

    /// A field of an object; `Null` where there is none.
    pub fn field(&self, name: &str) -> Self {
        let Self::Fields(fields) = self else {
            return Self::Null;
        };
        let found = fields.iter().find(|(field, _)| field == name);
        found.map_or(Self::Null, |(_, value)| value.clone())
    }
}

/// Where in an object the reader is.
#[derive(Clone, Copy, PartialEq)]
enum Place {
    Object,
    Metadata,
    Elsewhere,
}

impl<'de> DeserializeSeed<'de> for Place {
    type Value = Lean<'de>;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Lean<'de>, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Place {
    type Value = Lean<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Lean<'de>, E> {
        Ok(Lean::Null)
    }

    fn visit_none<E>(self) -> Result<Lean<'de>, E> {
        Ok(Lean::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, from: D) -> Result<Lean<'de>, D::Error> {
        self.deserialize(from)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Lean<'de>, E> {
        Ok(Lean::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Lean<'de>, E> {
        Ok(Lean::Unsigned(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Lean<'de>, E> {
        Ok(Lean::Signed(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Lean<'de>, E> {
        Ok(Lean::Float(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Lean<'de>, E> {
        Ok(Lean::Text(value.into()))
    }

    fn visit_str<E>(self, value: &str) -> Result<Lean<'de>, E> {
        Ok(Lean::Text(value.to_owned().into()))
    }

    fn visit_string<E>(self, value: String) -> Result<Lean<'de>, E> {
        Ok(Lean::Text(value.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Lean<'de>, A::Error> {
        let mut read = Vec::new();
        while let Some(item) = items.next_element_seed(Self::Elsewhere)? {
            read.push(item);
        }
        Ok(Lean::List(read))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut fields: A) -> Result<Lean<'de>, A::Error> {
        let mut read = Fields::new();
        while let Some(name) = fields.next_key_seed(Self::Elsewhere)? {
            let Lean::Text(name) = name else {
                continue;
            };
            let below = match (self, &*name) {
                (Self::Metadata, "managedFields") => {
                    fields.next_value::<IgnoredAny>()?;
                    continue;
                }
                (Self::Object, "metadata") => Self::Metadata,
                _ => Self::Elsewhere,
            };
            read.push((name, fields.next_value_seed(below)?));
        }
        Ok(Lean::Fields(read))
    }
}

impl<'de> IntoDeserializer<'de, Error> for Lean<'de> {
    type Deserializer = Self;

    fn into_deserializer(self) -> Self {
        self
    }
}

impl<'de> Deserializer<'de> for Lean<'de> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_unit(),
            Self::Bool(value) => visitor.visit_bool(value),
            Self::Unsigned(value) => visitor.visit_u64(value),
            Self::Signed(value) => visitor.visit_i64(value),
            Self::Float(value) => visitor.visit_f64(value),
            Self::Text(Cow::Borrowed(text)) => visitor.visit_borrowed_str(text),
            Self::Text(Cow::Owned(text)) => visitor.visit_string(text),
            Self::List(items) => {
                let mut items = SeqDeserializer::new(items.into_iter());
                let read = visitor.visit_seq(&mut items)?;
                items.end().map(|()| read)
            }
            Self::Fields(fields) => {
                let mut fields = MapDeserializer::new(fields.into_iter());
                let read = visitor.visit_map(&mut fields)?;
                fields.end().map(|()| read)
            }
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Error> {
        match self {
            Self::Null => visitor.visit_none(),
            some => visitor.visit_some(some),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _: &'static str, visitor: V) -> Result<V::Value, Error> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        _: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Error> {
        match self {
            Self::Text(variant) => visitor.visit_enum(variant.into_deserializer()),
            Self::Fields(fields) => {
                visitor.visit_enum(MapAccessDeserializer::new(MapDeserializer::new(fields.into_iter())))
            }
            other => other.deserialize_any(visitor),
        }
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf unit unit_struct seq tuple
        tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde::Deserialize;
    use serde_json::{Value, json};

    fn read(text: &str) -> Lean<'_> {
        Lean::object(&mut serde_json::Deserializer::from_str(text)).unwrap()
    }

    #[test]
    fn everything_but_managed_fields_of_the_object_itself_is_read() {
        let mut object = json!({
            "metadata": {"name": "a\"\u{e9}\n", "managedFields": [{"f": 1}], "labels": {"managedFields": "kept"}},
            "spec": {"managedFields": [1, -2, 3.5, null, true], "metadata": {"managedFields": "kept"}, "deep": [[{}]]},
        });
        let text = object.to_string();
        let read = Value::deserialize(read(&text)).unwrap();
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        assert_eq!(read, object);
    }

    #[derive(Debug, PartialEq, Deserialize)]
    enum Kind {
        Plain,
        Of(u8),
        With { number: i32 },
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Typed {
        name: String,
        none: Option<u8>,
        some: Option<Kind>,
        kinds: Vec<Kind>,
        pair: (u8, f32),
    }

    #[test]
    fn what_is_typed_is_read_as_from_json_itself() {
        let text = r#"{"name": "a", "none": null, "some": "Plain", "kinds": [{"Of": 3}, {"With": {"number": -4}}],
                       "pair": [1, 2.5], "unknown": {"a": [1]}}"#;
        let direct: Typed = serde_json::from_str(text).unwrap();
        assert_eq!(Typed::deserialize(read(text)).unwrap(), direct);
        for wrong in [
            r#"{"name": 1}"#,
            r#"{"name": "a", "kinds": ["None"], "pair": [1, 2]}"#,
            r#"{"name": "a", "kinds": [1], "pair": [1, 2]}"#,
            r#"{"name": "a", "kinds": [], "pair": [1, 2, 3]}"#,
            r#"{"name": "a", "kinds": [], "pair": [256, 2]}"#,
        ] {
            assert!(serde_json::from_str::<Typed>(wrong).is_err(), "{wrong}");
            assert!(Typed::deserialize(read(wrong)).is_err(), "{wrong}");
        }
    }

    fn json_values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<u64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            ".*".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 6, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
                prop::collection::btree_map(".*", inner, 0..6)
                    .prop_map(|fields| Value::Object(fields.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn any_json_is_read_as_it_is(value in json_values()) {
            let text = json!({ "spec": value }).to_string();
            let direct: Value = serde_json::from_str(&text).unwrap();
            prop_assert_eq!(Value::deserialize(read(&text)).unwrap(), direct);
        }
    }
}
