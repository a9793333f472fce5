//! The query part of a control address.

use hyper::Uri;

use crate::Error;

/// The parameters behind the `?`, decoded.
pub(crate) struct Query(Vec<(String, String)>);

impl Query {
    pub(crate) fn of(uri: &Uri) -> Self {
        let pairs = uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty());
        Self(
            pairs
                .map(|pair| {
                    let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(name), decode(value))
                })
                .collect(),
        )
    }

    pub(crate) fn get(&self, name: &str) -> Option<&str> {
        self.0
            .iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| value.as_str())
    }

    pub(crate) fn number(&self, name: &str) -> Result<Option<usize>, Error> {
        let wrong = || Error::new(name, "must be a whole number, 0 or more", "for example 0");
        self.get(name)
            .map(|text| text.parse().map_err(|_| wrong()))
            .transpose()
    }

    /// Refuses parameters that no one would look at.
    pub(crate) fn only(&self, names: &[&str]) -> Result<(), Error> {
        match self
            .0
            .iter()
            .find(|(name, _)| !names.contains(&name.as_str()))
        {
            None => Ok(()),
            Some((name, _)) => {
                let remedy = format!("there are {}", names.join(" "));
                Err(Error::new(name, "is no parameter of this path", remedy))
            }
        }
    }
}

fn decode(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let byte = match byte {
            b'+' => b' ',
            b'%' => match hex_pair(rest.clone()) {
                Some(decoded) => {
                    rest.nth(1);
                    decoded
                }
                None => b'%',
            },
            byte => byte,
        };
        bytes.push(byte);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// The next two bytes, read as hexadecimal digits.
fn hex_pair(mut ahead: std::str::Bytes<'_>) -> Option<u8> {
    let mut digit = || char::from(ahead.next()?).to_digit(16);
    let (high, low) = (digit()?, digit()?);
    u8::try_from(high * 16 + low).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded() {
        let uri: Uri = "/books?ordr_idxx=A%2d1+%ed%95%9c&limit=7&x=%zz"
            .parse()
            .unwrap();
        let query = Query::of(&uri);
        assert_eq!(query.get("ordr_idxx"), Some("A-1 한"));
        assert_eq!(query.number("limit"), Ok(Some(7)));
        assert_eq!(query.get("x"), Some("%zz"));
        assert_eq!(query.number("x").unwrap_err().field, "x");
        assert_eq!(query.only(&["ordr_idxx", "limit"]).unwrap_err().field, "x");
    }
}
