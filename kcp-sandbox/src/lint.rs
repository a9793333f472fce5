//! Lints: what a request did that the guide does not say, in one sentence a developer understands.
//!
//! The sandbox answers what KCP's own samples send, and reports here whatever in it would break at
//! a stricter server. Equal findings are counted, not repeated.

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use jiff::Timestamp;
use serde::Serialize;

use crate::clock;
use crate::codes::{ResCd, format_code};

/// No more different findings than this are kept; further ones are counted in one entry.
const MAX_LINTS: usize = 500;

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LintLevel {
    /// Harmless, but worth knowing.
    Note,
    /// Answered here, but against the guide or known to go wrong.
    Warning,
    /// The request was refused, or money is at risk.
    Error,
}

/// One kind of finding, with how often and when it was seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Lint {
    /// A stable name, such as `java_comma_crlf`.
    pub code: &'static str,
    /// How much it matters.
    pub level: LintLevel,
    /// The request field concerned, if it concerns one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// What happened, and what to do.
    pub message: String,
    /// The rule behind it and where that rule comes from.
    pub rule: &'static str,
    /// How often it was seen.
    pub count: u64,
    /// When it was first seen (RFC 3339, Korean time).
    pub first_seen: String,
    /// When it was last seen.
    pub last_seen: String,
    /// The order number or `tno` of the last request concerned.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_request: Option<String>,
}

/// One finding in one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Finding {
    pub(crate) kind: LintKind,
    pub(crate) field: Option<Cow<'static, str>>,
    pub(crate) detail: Option<Cow<'static, str>>,
}

impl Finding {
    pub(crate) fn new(kind: LintKind) -> Self {
        Self {
            kind,
            field: None,
            detail: None,
        }
    }

    pub(crate) fn of(kind: LintKind, field: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            field: Some(field.into()),
            detail: None,
        }
    }

    pub(crate) fn detail(mut self, detail: impl Into<Cow<'static, str>>) -> Self {
        self.detail = Some(detail.into());
        self
    }

    /// The code with which strict mode refuses the request for this finding.
    pub(crate) fn strict_code(&self) -> Option<ResCd> {
        match self.kind.facts().strict {
            Strict::Answer => None,
            Strict::Code(code) => Some(ResCd::new(code)),
            Strict::Field => Some(self.field.as_deref().map_or(ResCd::FORMAT, format_code)),
        }
    }

    fn message(&self) -> String {
        let field = self.field.as_deref().unwrap_or("a field");
        let mut text = self.kind.facts().sentence.replace("{field}", field);
        if let Some(detail) = &self.detail {
            text.push_str(" (");
            text.push_str(detail);
            text.push(')');
        }
        text
    }
}

/// What strict mode does with a finding.
#[derive(Clone, Copy)]
enum Strict {
    /// It answers all the same.
    Answer,
    /// It refuses with the format error of the field.
    Field,
    /// It refuses with this code.
    Code(&'static str),
}

struct Facts {
    code: &'static str,
    level: LintLevel,
    strict: Strict,
    sentence: &'static str,
    rule: &'static str,
}

macro_rules! lints {
    ($($kind:ident $code:literal $level:ident $strict:expr, $sentence:literal, $rule:literal;)*) => {
        /// Every kind of finding.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub(crate) enum LintKind { $($kind),* }

        impl LintKind {
            #[cfg(test)]
            pub(crate) const ALL: &[Self] = &[$(Self::$kind),*];

            const fn facts(self) -> Facts {
                use Strict::{Answer, Code, Field};
                match self {
                    $(Self::$kind => Facts {
                        code: $code,
                        level: LintLevel::$level,
                        strict: $strict,
                        sentence: $sentence,
                        rule: $rule,
                    },)*
                }
            }
        }
    };
}

lints! {
    JavaCommaCrlf "java_comma_crlf" Warning Code("0902"),
        "the Java sample's replace(\",\", \",\\r\\n\") broke {field}: it puts a line end behind every comma, also inside texts, which is not JSON and changes the value; send the JSON text as the library made it",
        "JSON allows no raw control character in a string (RFC 8259); guide, Java sample";
    RawControlCharacter "raw_control_character" Warning Code("0902"),
        "{field} holds a raw control character (line end or tab), which is not JSON; escape it, or leave it out",
        "JSON allows no raw control character in a string (RFC 8259)";
    BrokenJson "broken_json" Error Code("0902"),
        "the body is not JSON: a text glued together by hand breaks at the first quote or backslash in a value, as in the C# and ASP samples; let a JSON library write it",
        "guide: the request is one flat JSON object";
    NestedValue "nested_value" Error Code("0902"),
        "{field} holds an object or a list; every value is one string",
        "guide: the request is one flat JSON object of strings";
    DuplicateField "duplicate_field" Warning Code("0902"),
        "{field} stands twice in the request and the last one counted; a quote in a hand-glued value can do this (and can change an amount)",
        "guide: the request is one flat JSON object; C# and ASP samples";
    NumberForString "number_for_string" Warning Field,
        "{field} is a JSON number; every value in the guide is a string, with its zeros in front",
        "guide: request parameters are strings";
    BooleanValue "boolean_for_string" Warning Field,
        "{field} is true or false; every value in the guide is a string",
        "guide: request parameters are strings";
    NullValue "null_value" Warning Field,
        "{field} is null; leave the field out, or send an empty string",
        "guide: request parameters are strings";
    TextNull "text_null" Warning Field,
        "{field} is the text \"null\", which Java's String.valueOf(null) writes; leave the field out",
        "seen in public clients";
    UnknownField "unknown_field" Note Answer,
        "{field} is no field of this request and was ignored",
        "guide: parameter tables";
    ByteOrderMark "byte_order_mark" Warning Code("0902"),
        "the body starts with a byte order mark; send UTF-8 without one",
        "JSON is sent without a byte order mark (RFC 8259)";
    NotUtf8 "not_utf8" Warning Code("0902"),
        "the body is not UTF-8 (EUC-KR, perhaps); the samples send UTF-8",
        "guide: the samples encode the body as UTF-8";
    WrongContentType "wrong_content_type" Warning Code("0902"),
        "the Content-Type is not application/json",
        "guide: Type json / application";
    MissingCharset "missing_charset" Note Answer,
        "the Content-Type names no charset although the body is not plain ASCII; say application/json; charset=utf-8 (the PHP sample's \"charset=utf-8\" entry is no header, so it is never sent)",
        "guide: ASP sample; PHP sample";
    StrayCharsetHeader "stray_charset_header" Note Answer,
        "a header named \"charset\" was sent, as in the Python sample; it means nothing, the charset belongs into Content-Type",
        "guide: Python sample";
    CertNewlines "cert_newlines" Warning Code("8002"),
        "kcp_cert_info holds line ends; the certificate goes on one line, with its BEGIN and END marks kept",
        "guide: the certificate is serialised";
    CertCrlf "cert_crlf" Warning Code("8002"),
        "kcp_cert_info holds CR LF line ends; the certificate goes on one line, with its BEGIN and END marks kept",
        "guide: the certificate is serialised";
    CertLiteralBackslashN "cert_literal_backslash_n" Warning Code("8002"),
        "kcp_cert_info holds the two characters \\n instead of line ends; take them out",
        "guide: the certificate is serialised";
    CertLabelSqueezed "cert_label_squeezed" Warning Code("8002"),
        "all white space was taken out of kcp_cert_info, also that in the marks (BEGINCERTIFICATE); take out line ends only",
        "guide: the certificate is serialised";
    CertSpaces "cert_spaces" Warning Code("8002"),
        "kcp_cert_info holds spaces where its line ends were; replace them with nothing",
        "guide: the certificate is serialised";
    CertNoMarks "cert_no_marks" Warning Code("8002"),
        "kcp_cert_info lacks its BEGIN and END marks, or has them in another form; keep them",
        "guide: the certificate is serialised";
    CertExpired "cert_expired" Warning Answer,
        "the certificate's time is over (or not begun); get a new one before KCP refuses it",
        "X.509; KCP's answer to it is unknown";
    ProofOnUnauthenticated "proof_on_unauthenticated" Warning Field,
        "{field} was sent with the unauthenticated kind 11111000; leave it out, or use 11121000",
        "guide: card_taxno and card_pwd only for the authenticated kind";
    NotATestCard "not_a_test_card" Error Answer,
        "card_no is none of this sandbox's test cards and was refused, so that nobody keys a real card into it; see GET /cards on the control port",
        "guard rail of the sandbox";
    CardNumberElsewhere "card_number_elsewhere" Error Field,
        "{field} holds the card number of the same request; it would be stored and printed everywhere",
        "card numbers belong into card_no alone (PCI DSS)";
    DuplicateOrder "duplicate_order" Warning Answer,
        "an order number was approved more than once; KCP recommends unique ones and can be set to refuse (refuse_duplicate_orders)",
        "KCP manual: unique order numbers are recommended";
    OrderNumberForm "order_number_form" Warning Field,
        "ordr_idxx holds other signs than letters, digits, '-', '_' and '.'",
        "KCP manual: letters and digits";
    ForbiddenCharacter "forbidden_character" Warning Field,
        "{field} holds one of the signs , & ; \\ | ' \" < > or a line end, which KCP's windows refuse",
        "KCP manual: forbidden signs in texts";
    TooLong "too_long" Warning Field,
        "{field} is longer than KCP's tables allow",
        "KCP manual: lengths of the same field names";
    MissingGoodName "missing_good_name" Note Answer,
        "good_name is missing; it is not mandatory, but the buyer sees it",
        "guide: give an exact good_name";
    BadMail "bad_mail" Warning Field,
        "buyr_mail is no mail address; KCP mails the result to it",
        "guide: buyr_mail";
    BadPhone "bad_phone" Warning Field,
        "buyr_tel2 holds other signs than digits, '-' and '+'",
        "guide: buyr_tel2";
    LeadingZeros "leading_zeros" Warning Field,
        "{field} starts with a zero; amounts are plain digits",
        "guide: amounts are digits only";
    EmptyCurrency "empty_currency" Error Answer,
        "currency is empty: the ASP sample fills it from a variable called curr_code, which nothing sets",
        "guide: currency 410 or 840; ASP sample";
    WindowCurrency "window_currency" Error Answer,
        "currency is WON or USD, the spelling of the payment window; key-in takes 410 or 840",
        "guide: currency";
    ExpiryOrder "expiry_order" Error Answer,
        "card_expiry looks like MMYY; it is year first, then month: 07/23 is 2307",
        "guide: card_expiry is YYMM";
    InstalmentsBelowMinimum "instalments_below_minimum" Warning Code("8106"),
        "quota asks for instalments below 50,000 won, which card companies refuse",
        "KCP manual: instalments from 50,000 won";
    SignedOtherText "signed_other_text" Error Answer,
        "kcp_sign_data is a good signature of another text than this request's",
        "guide, server certificate page: site_cd^tno^mod_type for a cancel, site_cd^tno^pay_type for an inquiry";
    SignatureWhiteSpace "signature_white_space" Warning Code("S034"),
        "kcp_sign_data holds line ends or spaces; it is Base64 on one line",
        "server certificate page";
    FullCancelWithAmounts "full_cancel_with_amounts" Note Answer,
        "{field} was sent with the full cancel STSC and was ignored",
        "seen in public clients";
    TaxPartsIgnored "tax_parts_ignored" Warning Field,
        "{field} was sent without tax_flag TG03 and was ignored: without the flag all of the amount is taxed",
        "KCP manual: tax_flag and the parts of a mixed-tax amount";
    PartialForWhole "partial_for_whole" Warning Code("8038"),
        "a first partial cancel (STPC) took the whole amount; use STSC for that, KCP may answer 8038",
        "KCP's text for 8038, quoted by a public client";
    InquirySignedByModType "inquiry_signed_by_mod_type" Warning Answer,
        "the inquiry was signed with mod_type in place of pay_type; KCP's pages contradict each other here",
        "server certificate page: site_cd^tno^pay_type";
    OrderLookupOff "order_lookup_off" Warning Answer,
        "the inquiry asked by date and order number, which is switched off (order_lookup), as KCP documents none",
        "a reading of KCP's signing example T0000^20210719000000^PACA";
    WrongPath "wrong_path" Error Answer,
        "this address does not exist",
        "guide: /gw/hub/v1/payment, /gw/mod/v1/cancel, /std/inquery (so spelled)";
    WrongMethod "wrong_method" Error Answer,
        "the request was not a POST",
        "guide: HTTP POST";
    BodyTooLarge "body_too_large" Error Answer,
        "the body is larger than this sandbox reads",
        "limit of the sandbox";
    TooManyKinds "too_many_kinds" Error Answer,
        "more different findings than are kept; see DELETE /lints",
        "limit of the sandbox";
}

impl LintKind {
    /// The stable name.
    pub(crate) const fn code(self) -> &'static str {
        self.facts().code
    }
}

#[derive(Clone)]
struct Entry {
    detail: Option<Cow<'static, str>>,
    count: u64,
    first: Timestamp,
    last: Timestamp,
    last_request: Option<String>,
}

/// Findings of the same kind about the same field are one.
type Key = (LintKind, Option<Cow<'static, str>>);

/// The findings of one sandbox.
#[derive(Default)]
pub(crate) struct Lints {
    seen: Mutex<HashMap<Key, Entry>>,
}

impl Lints {
    /// Counts `findings`. `request` names the request: an order number or a `tno`.
    pub(crate) fn record(&self, findings: &[Finding], request: Option<&str>, now: Timestamp) {
        if findings.is_empty() {
            return;
        }
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        for finding in findings {
            let mut key = (finding.kind, finding.field.clone());
            if seen.len() >= MAX_LINTS && !seen.contains_key(&key) {
                key = (LintKind::TooManyKinds, None);
            }
            let entry = seen.entry(key).or_insert_with(|| Entry {
                detail: None,
                count: 0,
                first: now,
                last: now,
                last_request: None,
            });
            entry.detail.clone_from(&finding.detail);
            entry.count += 1;
            entry.last = now;
            if let Some(request) = request {
                entry.last_request = Some(request.to_owned());
            }
        }
    }

    /// Everything found, the gravest first, then by name.
    pub(crate) fn list(&self) -> Vec<Lint> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let mut list: Vec<Lint> = seen
            .iter()
            .map(|((kind, field), entry)| {
                let facts = kind.facts();
                let finding = Finding {
                    kind: *kind,
                    field: field.clone(),
                    detail: entry.detail.clone(),
                };
                Lint {
                    code: facts.code,
                    level: facts.level,
                    field: field.as_deref().map(str::to_owned),
                    message: finding.message(),
                    rule: facts.rule,
                    count: entry.count,
                    first_seen: clock::rfc3339(entry.first),
                    last_seen: clock::rfc3339(entry.last),
                    last_request: entry.last_request.clone(),
                }
            })
            .collect();
        list.sort_by(|a, b| (b.level, a.code, &a.field).cmp(&(a.level, b.code, &b.field)));
        list
    }

    pub(crate) fn clear(&self) {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_findings_are_counted_and_kinds_are_limited() {
        let lints = Lints::default();
        let now = Timestamp::UNIX_EPOCH;
        for _ in 0..3 {
            lints.record(
                &[Finding::of(LintKind::NullValue, "quota")],
                Some("A-1"),
                now,
            );
        }
        assert_eq!(lints.list().len(), 1);
        assert_eq!(lints.list()[0].count, 3);
        assert!(lints.list()[0].message.contains("quota is null"));
        for n in 0..2 * MAX_LINTS {
            lints.record(
                &[Finding::of(LintKind::UnknownField, format!("f{n}"))],
                None,
                now,
            );
        }
        assert!(lints.list().len() <= MAX_LINTS + 1);
        assert_eq!(lints.list()[0].code, "too_many_kinds");
    }

    #[test]
    fn every_kind_has_its_own_name() {
        let mut names: Vec<_> = LintKind::ALL.iter().map(|kind| kind.code()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), LintKind::ALL.len());
    }
}
