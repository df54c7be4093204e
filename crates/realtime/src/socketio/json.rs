//! Reads JSON into values within limits of depth and number.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Value};

use super::limits::{DEPTH, PacketLimits};
use super::malformed::Reason;

/// Reads one value that takes up the whole text.
pub(super) fn read(text: &str, limits: &PacketLimits) -> Result<Value, Reason> {
    let mut room = Room { values: limits.values, exceeded: None };
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = Bounded { room: &mut room, depth: 0 }
        .deserialize(&mut deserializer)
        .and_then(|value| deserializer.end().map(|()| value));
    read.map_err(|error| match room.exceeded {
        Some(Exceeded::Depth) => Reason::TooDeep { allowed: DEPTH },
        Some(Exceeded::Values) => Reason::TooManyValues { allowed: limits.values },
        None => Reason::NotJson(error.to_string()),
    })
}

enum Exceeded {
    Depth,
    Values,
}

struct Room {
    values: usize,
    exceeded: Option<Exceeded>,
}

/// One value, and all that is in it.
struct Bounded<'r> {
    room: &'r mut Room,
    depth: usize,
}

impl Bounded<'_> {
    fn inner(&mut self) -> Bounded<'_> {
        Bounded { room: self.room, depth: self.depth + 1 }
    }

    fn enter<E: serde::de::Error>(&mut self) -> Result<(), E> {
        if self.depth < DEPTH {
            return Ok(());
        }
        self.room.exceeded = Some(Exceeded::Depth);
        Err(E::custom("too deep"))
    }
}

impl<'de> DeserializeSeed<'de> for Bounded<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Value, D::Error> {
        let Some(left) = self.room.values.checked_sub(1) else {
            self.room.exceeded = Some(Exceeded::Values);
            return Err(D::Error::custom("too many values"));
        };
        self.room.values = left;
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Bounded<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("JSON")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::from(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut sequence: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut array = Vec::new();
        while let Some(value) = sequence.next_element_seed(self.inner())? {
            array.push(value);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut entries: A) -> Result<Value, A::Error> {
        self.enter()?;
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            object.insert(key, entries.next_value_seed(self.inner())?);
        }
        Ok(Value::Object(object))
    }
}
