//! From an answer's bytes to its fields: one flat JSON object that has one reading.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};

use super::repair::{MARK, repaired};
use crate::outcome::LostWhy;

/// The fields by name. One that is there, and says nothing that can be believed, is `damaged` and absent.
pub(super) struct Read {
    pub(super) fields: BTreeMap<String, String>,
    pub(super) damaged: BTreeSet<String>,
}

/// The fields that say what became of the money, and of whose. None may say two things.
const DECIDE: [&str; 16] = [
    "res_cd",
    "tno",
    "amount",
    "card_mny",
    "currency",
    "order_no",
    "ordr_idxx",
    "mod_mny",
    "rem_mny",
    "panc_mod_mny",
    "panc_rem_mny",
    "stat_ca_cd",
    "shop_status",
    "canc_card_yn",
    "app_time",
    "card_no",
];

/// Reads an answer's body.
///
/// A byte order mark in front is passed over, and texts are read as far as they can be. Everything else
/// that is not one JSON object, and nothing behind it, is refused, and so is an object in which a field
/// that decides has two values.
pub(super) fn read(body: &[u8]) -> Result<Read, LostWhy> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    // Nearly every answer is what it should be, and is read once.
    parse(body)
        .or_else(|why| repaired(body).map_or(Err(why), |body| parse(&body)))
        .map_err(|_| LostWhy::NotJson)?
        .read()
}

fn parse(body: &[u8]) -> serde_json::Result<Values> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let values = reader.deserialize_map(FlatObject)?;
    reader.end()?;
    Ok(values)
}

/// The different values of each name, in their order. `null` is one.
struct Values(BTreeMap<String, Vec<Option<String>>>);

impl Values {
    fn read(self) -> Result<Read, LostWhy> {
        let (mut fields, mut damaged) = (BTreeMap::new(), BTreeSet::new());
        for (name, mut values) in self.0 {
            if values.len() > 1 {
                if DECIDE.contains(&name.as_str()) {
                    return Err(LostWhy::RepeatedField);
                }
                damaged.insert(name);
                continue;
            }
            let Some(Some(value)) = values.pop() else {
                continue;
            };
            if value.contains(MARK) {
                damaged.insert(name.clone());
            }
            fields.insert(name, value);
        }
        Ok(Read { fields, damaged })
    }
}

/// Reads an object of texts.
struct FlatObject;

impl<'de> Visitor<'de> for FlatObject {
    type Value = Values;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut all = BTreeMap::<String, Vec<_>>::new();
        while let Some((name, value)) = map.next_entry::<String, serde_json::Value>()? {
            // Which field it is decides, so a name is whole or the answer is none.
            if name.is_empty() || name.contains(MARK) {
                return Err(A::Error::custom("a field without a name"));
            }
            let text = match value {
                serde_json::Value::String(text) => Some(text),
                serde_json::Value::Null => None,
                // Numbers where strings are documented; anything nested is kept as it reads.
                other => Some(other.to_string()),
            };
            let values = all.entry(name).or_default();
            if !values.contains(&text) {
                values.push(text);
            }
        }
        Ok(Values(all))
    }
}
