//! Faults as JSON (`POST /faults`) and as a header (`x-sandbox-fault`), with one clear error each.

use std::str::FromStr;

use serde_json::{Map, Value};

use crate::Error;
use crate::fault::{CutAt, Fault, FaultKind};
use crate::gateway::Operation;

/// Every fault name with the parameters that it takes besides those all faults take.
pub(crate) const NAMES: &[(&str, &[&str])] = &[
    ("lose_request", &[]),
    ("lose_answer", &[]),
    ("cut_body", &["at"]),
    ("garbage", &[]),
    ("wrong_amount", &["amount", "books_too"]),
    ("no_tno", &[]),
    ("wrong_tno", &[]),
    ("others_tno", &["tno"]),
    ("late_answer", &["delay_ms", "books_delay_ms"]),
    ("duplicate_answer", &[]),
    ("process_twice", &[]),
    ("http_500", &["status"]),
    ("reset", &[]),
    ("slow_drip", &["interval_ms"]),
    ("duplicate_keys", &[]),
    ("euc_kr", &[]),
    ("cut_letter", &["field"]),
    ("raw_line_end", &["field"]),
    ("bom", &[]),
    ("redirect", &[]),
    ("empty_body", &[]),
    ("huge_body", &["bytes"]),
    ("refuse", &["res_cd"]),
    ("random", &["seed", "probability"]),
];
const COMMON: &[&str] = &["fault", "on", "times", "match", "after_books"];

impl FromStr for Fault {
    type Err = Error;

    /// Reads what `POST /faults` takes.
    fn from_str(json: &str) -> Result<Self, Error> {
        let value: Value = serde_json::from_str(json).map_err(|e| {
            Error::new(
                "body",
                format!("is not JSON: {e}"),
                "send {\"fault\": NAME, \"on\": …}",
            )
        })?;
        from_json(&value)
    }
}

/// Reads one fault.
pub(crate) fn from_json(value: &Value) -> Result<Fault, Error> {
    let Some(map) = value.as_object() else {
        return Err(Error::new(
            "body",
            "must be one JSON object",
            "send {\"fault\": NAME, …}",
        ));
    };
    let read = Reader(map);
    let name = read.text("fault")?.unwrap_or_default();
    let Some((name, own)) = NAMES.iter().find(|(known, _)| *known == name) else {
        let names: Vec<_> = NAMES.iter().map(|(name, _)| *name).collect();
        let remedy = format!("use one of {}", names.join(" "));
        return Err(Error::new("fault", "is none of the fault names", remedy));
    };
    if let Some(field) = map
        .keys()
        .find(|f| !COMMON.contains(&f.as_str()) && !own.contains(&f.as_str()))
    {
        let remedy = format!("{name} takes {}", [COMMON, own].concat().join(" "));
        return Err(Error::new(field, "is no field of this fault", remedy));
    }
    let mut fault = Fault::new(read.kind(name)?);
    if let Some(on) = read.text("on")? {
        fault.on = operation(on)?;
    }
    if let Some(times) = read.number("times")? {
        let times = u32::try_from(times).unwrap_or(u32::MAX);
        fault = fault.times(times);
    }
    if let Some(after_books) = read.boolean("after_books")? {
        fault = fault.after_books(after_books);
    }
    if let Some(matching) = map.get("match") {
        let shape = || {
            Error::new(
                "match",
                "must be an object of ordr_idxx, tno or both",
                "for example {\"ordr_idxx\": \"A-1\"}",
            )
        };
        let matching = matching.as_object().ok_or_else(shape)?;
        if matching.is_empty()
            || matching
                .keys()
                .any(|key| key != "ordr_idxx" && key != "tno")
        {
            return Err(shape());
        }
        let read = Reader(matching);
        fault.matching.ordr_idxx = read.text("ordr_idxx")?.map(str::to_owned);
        fault.matching.tno = read.text("tno")?.map(str::to_owned);
    }
    fault.check()?;
    Ok(fault)
}

/// Reads `name` or `name; parameter=value; …`, the form of the header. It acts on its own request.
pub(crate) fn from_header(text: &str, on: Operation) -> Result<Fault, Error> {
    let mut parts = text.split(';').map(str::trim);
    let mut map = Map::new();
    map.insert("fault".to_owned(), parts.next().unwrap_or_default().into());
    for part in parts.filter(|part| !part.is_empty()) {
        let (name, value) = part.split_once('=').ok_or_else(|| {
            let remedy = "write for example cut_body; at=40";
            Error::new("x-sandbox-fault", "has a parameter without =", remedy)
        })?;
        let (name, value) = (name.trim(), value.trim());
        if matches!(name, "on" | "times" | "match" | "fault") {
            let rule = "is not for the header, which acts on its own request once";
            return Err(Error::new(name, rule, "leave it out, or use POST /faults"));
        }
        // Numbers and booleans as such, everything else as text.
        let value = match serde_json::from_str(value) {
            Ok(value @ (Value::Number(_) | Value::Bool(_))) if name != "res_cd" => value,
            _ => Value::String(value.to_owned()),
        };
        map.insert(name.to_owned(), value);
    }
    if map["fault"] == "random" {
        return Err(Error::new(
            "fault",
            "random is not for the header",
            "arm it with POST /faults",
        ));
    }
    from_json(&Value::Object(map)).map(|fault| fault.on(on))
}

fn operation(name: &str) -> Result<Operation, Error> {
    match name {
        "approve" => Ok(Operation::Approve),
        "cancel" => Ok(Operation::Cancel),
        "inquire" => Ok(Operation::Inquire),
        _ => Err(Error::new(
            "on",
            "must be approve, cancel or inquire",
            "name one of the three",
        )),
    }
}

struct Reader<'m>(&'m Map<String, Value>);

impl Reader<'_> {
    fn kind(&self, name: &str) -> Result<FaultKind, Error> {
        Ok(match name {
            "lose_request" => FaultKind::LoseRequest,
            "lose_answer" => FaultKind::LoseAnswer,
            "cut_body" => FaultKind::CutBody { at: self.cut_at()? },
            "garbage" => FaultKind::Garbage,
            "wrong_amount" => FaultKind::WrongAmount {
                amount: self.number("amount")?,
                books_too: self.boolean("books_too")?.unwrap_or(false),
            },
            "no_tno" => FaultKind::NoTno,
            "wrong_tno" => FaultKind::WrongTno,
            "others_tno" => FaultKind::OthersTno {
                tno: self.text("tno")?.unwrap_or("20260000000000").to_owned(),
            },
            "late_answer" => FaultKind::LateAnswer {
                delay_ms: self.number("delay_ms")?.unwrap_or(1_000),
                books_delay_ms: self.number("books_delay_ms")?.unwrap_or(0),
            },
            "duplicate_answer" => FaultKind::DuplicateAnswer,
            "process_twice" => FaultKind::ProcessTwice,
            "http_500" => FaultKind::Http500 {
                status: u16::try_from(self.number("status")?.unwrap_or(500)).unwrap_or(0),
            },
            "reset" => FaultKind::Reset,
            "slow_drip" => FaultKind::SlowDrip {
                interval_ms: self.number("interval_ms")?.unwrap_or(20),
            },
            "duplicate_keys" => FaultKind::DuplicateKeys,
            "euc_kr" => FaultKind::EucKr,
            "cut_letter" => FaultKind::CutLetter {
                field: self.text("field")?.map(str::to_owned),
            },
            "raw_line_end" => FaultKind::RawLineEnd {
                field: self.text("field")?.map(str::to_owned),
            },
            "bom" => FaultKind::Bom,
            "redirect" => FaultKind::Redirect,
            "empty_body" => FaultKind::EmptyBody,
            "huge_body" => FaultKind::HugeBody {
                bytes: self.number("bytes")?.unwrap_or(10 << 20),
            },
            "refuse" => FaultKind::Refuse {
                res_cd: self.text("res_cd")?.unwrap_or("8999").to_owned(),
            },
            _ => FaultKind::Random {
                seed: self.number("seed")?.unwrap_or(0),
                probability: self.share("probability")?.unwrap_or(0.1),
            },
        })
    }

    fn cut_at(&self) -> Result<CutAt, Error> {
        match self.0.get("at") {
            None => Ok(CutAt::AfterTno),
            Some(Value::String(at)) if at == "before_tno" => Ok(CutAt::BeforeTno),
            Some(Value::String(at)) if at == "after_tno" => Ok(CutAt::AfterTno),
            Some(value) => {
                let at = value.as_u64().and_then(|at| usize::try_from(at).ok());
                let rule = "must be a number of bytes, \"before_tno\" or \"after_tno\"";
                at.map(CutAt::Byte)
                    .ok_or_else(|| Error::new("at", rule, "for example 40"))
            }
        }
    }

    fn text(&self, field: &str) -> Result<Option<&str>, Error> {
        let wrong = || Error::new(field, "must be a text", "put it in quotes");
        self.0
            .get(field)
            .map(|value| value.as_str().ok_or_else(wrong))
            .transpose()
    }

    fn number(&self, field: &str) -> Result<Option<u64>, Error> {
        let wrong = || Error::new(field, "must be a whole number, 0 or more", "for example 1");
        self.0
            .get(field)
            .map(|value| value.as_u64().ok_or_else(wrong))
            .transpose()
    }

    fn share(&self, field: &str) -> Result<Option<f64>, Error> {
        let wrong = || Error::new(field, "must be a number", "0.1 is every tenth request");
        self.0
            .get(field)
            .map(|value| value.as_f64().ok_or_else(wrong))
            .transpose()
    }

    fn boolean(&self, field: &str) -> Result<Option<bool>, Error> {
        let wrong = || Error::new(field, "must be true or false", "without quotes");
        self.0
            .get(field)
            .map(|value| value.as_bool().ok_or_else(wrong))
            .transpose()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_read_and_written_alike() {
        for (name, _) in NAMES {
            let fault: Fault = format!(r#"{{"fault":"{name}"}}"#).parse().unwrap();
            assert_eq!(fault.kind.name(), *name);
            assert_eq!(serde_json::to_value(&fault).unwrap()["fault"], *name);
        }
    }

    #[test]
    fn a_bad_fault_is_refused_by_field() {
        let check = |json: &str, field: &str| {
            let error = json.parse::<Fault>().unwrap_err();
            assert_eq!(error.field, field, "{json}: {error}");
        };
        check("{", "body");
        check("[]", "body");
        check("{}", "fault");
        check(r#"{"fault":"loose_answer"}"#, "fault");
        check(r#"{"fault":1}"#, "fault");
        check(r#"{"fault":"garbage","on":"pay"}"#, "on");
        check(r#"{"fault":"garbage","times":0}"#, "times");
        check(r#"{"fault":"garbage","times":-1}"#, "times");
        check(r#"{"fault":"garbage","times":99999999999}"#, "times");
        check(r#"{"fault":"garbage","delay_ms":1}"#, "delay_ms");
        check(r#"{"fault":"garbage","match":{}}"#, "match");
        check(r#"{"fault":"garbage","match":{"order":"1"}}"#, "match");
        check(r#"{"fault":"garbage","match":{"tno":1}}"#, "tno");
        check(r#"{"fault":"garbage","after_books":1}"#, "after_books");
        check(r#"{"fault":"late_answer","delay_ms":86400001}"#, "delay_ms");
        check(r#"{"fault":"cut_body","at":"end"}"#, "at");
        check(r#"{"fault":"cut_letter","field":1}"#, "field");
        check(r#"{"fault":"http_500","status":404}"#, "status");
        check(r#"{"fault":"refuse","res_cd":"0000"}"#, "res_cd");
        check(r#"{"fault":"random","probability":1.5}"#, "probability");
    }

    #[test]
    fn the_header_takes_parameters() {
        let fault = from_header("cut_body; at=40", Operation::Cancel).unwrap();
        assert_eq!(
            fault,
            Fault::new(FaultKind::CutBody {
                at: CutAt::Byte(40)
            })
            .on(Operation::Cancel)
        );
        let fault = from_header("refuse;res_cd=8996;after_books=true", Operation::Approve).unwrap();
        assert!(fault.after_books);
        for (text, field) in [
            ("cut_body; at", "x-sandbox-fault"),
            ("garbage; times=2", "times"),
            ("", "fault"),
            ("random", "fault"),
        ] {
            assert_eq!(
                from_header(text, Operation::Approve).unwrap_err().field,
                field,
                "{text}"
            );
        }
    }
}
