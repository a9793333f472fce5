//! The fields of one request, and the text they borrow from.

use std::borrow::Cow;

use zeroize::{Zeroize, Zeroizing};

use crate::lint::{Finding, LintKind};

/// Field names of the three requests. Others are ignored, and said to be.
const KNOWN: &[&str] = &[
    "site_cd",
    "kcp_cert_info",
    "kcp_sign_data",
    "pay_method",
    "cust_ip",
    "amount",
    "card_mny",
    "currency",
    "quota",
    "ordr_idxx",
    "good_name",
    "buyr_name",
    "buyr_mail",
    "buyr_tel1",
    "buyr_tel2",
    "card_tx_type",
    "card_no",
    "card_expiry",
    "card_taxno",
    "card_pwd",
    "tno",
    "mod_type",
    "mod_desc",
    "mod_mny",
    "rem_mny",
    "mod_ip",
    "pay_type",
    "mod_ordr_idxx",
    "tax_flag",
    "mod_tax_mny",
    "mod_vat_mny",
    "mod_free_mny",
    "comm_tax_mny",
    "comm_vat_mny",
    "comm_free_mny",
    "kcp_noint",
    "kcp_noint_quota",
    "shop_user_id",
    "good_cd",
    "good_expr",
    "site_name",
    "card_cvn",
    "media_type",
];

/// Whether `name` is a field of this protocol.
pub(crate) fn is_known(name: &str) -> bool {
    KNOWN.contains(&name)
}

/// A text of the request: borrowed from the body, or a copy that is wiped when dropped.
pub(crate) enum Text<'b> {
    Borrowed(&'b str),
    Owned(Zeroizing<String>),
}

impl Text<'_> {
    pub(crate) fn as_str(&self) -> &str {
        match self {
            Self::Borrowed(text) => text,
            Self::Owned(text) => text,
        }
    }
}

/// The fields of one request, by name. Deliberately without `Debug` and `Serialize`.
pub(crate) struct Fields<'b> {
    pub(crate) entries: Vec<(Cow<'static, str>, Text<'b>)>,
}

impl Fields<'_> {
    /// The value of `name`; empty and absent are the same at KCP.
    pub(crate) fn get(&self, name: &str) -> &str {
        self.entries
            .iter()
            .find(|(known, _)| known == name)
            .map_or("", |(_, text)| text.as_str())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.entries
            .iter()
            .map(|(name, text)| (name.as_ref(), text.as_str()))
    }
}

/// The name as it may be kept: a known one, or an unknown one without anything that could be data.
///
/// A body glued by hand can break so that a value stands where a name belongs; card digits must not
/// travel into a lint that way.
pub(crate) fn known_name(name: &str) -> Cow<'static, str> {
    if let Some(known) = KNOWN.iter().find(|known| **known == name) {
        return Cow::Borrowed(known);
    }
    let plain = name.len() <= 32
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
        && name.bytes().filter(u8::is_ascii_digit).count() <= 2;
    Cow::Owned(if plain && !name.is_empty() {
        name.to_owned()
    } else {
        "(unnamed)".to_owned()
    })
}

/// A body as text. Bytes that are not UTF-8 are replaced and said to be.
pub(crate) fn text_of<'b>(body: &'b [u8], findings: &mut Vec<Finding>) -> BodyText<'b> {
    let body = match body.strip_prefix(b"\xef\xbb\xbf") {
        Some(rest) => {
            findings.push(Finding::new(LintKind::ByteOrderMark));
            rest
        }
        None => body,
    };
    let text = String::from_utf8_lossy(body);
    if matches!(text, Cow::Owned(_)) {
        findings.push(Finding::new(LintKind::NotUtf8));
    }
    BodyText(text)
}

/// The text of a body, wiped when it had to be copied.
pub(crate) struct BodyText<'b>(Cow<'b, str>);

impl BodyText<'_> {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl Drop for BodyText<'_> {
    fn drop(&mut self) {
        if let Cow::Owned(text) = &mut self.0 {
            text.zeroize();
        }
    }
}
