//! How well each behaviour is known.

use serde::Serialize;

/// Where a behaviour comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum Source {
    /// KCP says it.
    #[serde(rename = "from the guide")]
    Guide,
    /// It was seen in public code or logs of real clients.
    #[serde(rename = "seen in public clients")]
    Clients,
    /// It is a reading; a setting changes it where one exists.
    #[serde(rename = "assumed")]
    Assumed,
}

impl Source {
    /// The words used in JSON and on the page.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Guide => "from the guide",
            Self::Clients => "seen in public clients",
            Self::Assumed => "assumed",
        }
    }
}

/// One behaviour of the sandbox.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Behaviour {
    /// The part of the protocol.
    pub part: &'static str,
    /// What the sandbox does.
    pub what: &'static str,
    /// How that is known.
    pub source: Source,
    /// The setting or fault that changes it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub changed_by: Option<&'static str>,
}

/// Every behaviour, with its source.
#[must_use]
pub fn fidelity() -> Vec<Behaviour> {
    let row = |&(part, what, source, changed_by): &Row| Behaviour {
        part,
        what,
        source,
        changed_by,
    };
    ROWS.iter().map(row).collect()
}

type Row = (&'static str, &'static str, Source, Option<&'static str>);

#[rustfmt::skip]
const ROWS: &[Row] = &[
    ("transport", "POST of one flat JSON object; the answer is one too", Source::Guide, None),
    ("transport", "HTTP 200 for every business result, whatever its res_cd", Source::Clients, Some("http_500")),
    ("transport", "every value of an answer is a string", Source::Clients, None),
    ("transport", "UTF-8 both ways", Source::Guide, Some("euc_kr")),
    ("transport", "every text is whole: none is cut inside a letter, which happens where texts are cut by bytes", Source::Assumed, Some("cut_letter")),
    ("transport", "control characters in texts are escaped", Source::Assumed, Some("raw_line_end")),
    ("transport", "the order of an answer's members is one of many", Source::Clients, None),
    ("transport", "HTTP 404, 405 and 413 with a res_cd for what is no request of the protocol", Source::Assumed, None),
    ("samples", "line ends after commas (Java), tabs (Python), escapes (PHP), glued JSON (C#, ASP) are read", Source::Guide, Some("strict")),
    ("samples", "numbers, null and true/false in place of strings are read", Source::Clients, Some("strict")),
    ("certificate", "known by its bytes, as registered for the site code; 8002 otherwise", Source::Assumed, None),
    ("certificate", "line ends, literal \\n, squeezed or missing marks are read", Source::Clients, Some("strict")),
    ("certificate", "one outside its time is taken", Source::Assumed, Some("check_certificate_dates")),
    ("approve", "/gw/hub/v1/payment with pay_method CARD and card_tx_type 11121000 or 11111000", Source::Guide, None),
    ("approve", "card_taxno and card_pwd with the authenticated kind alone", Source::Guide, Some("strict")),
    ("approve", "amount and card_mny are digits and equal", Source::Guide, None),
    ("approve", "currency 410 or 840, US dollars in cents", Source::Guide, Some("dollars")),
    ("approve", "tax_flag TG01, TG02, or TG03 with comm_tax_mny, comm_vat_mny and comm_free_mny that add up, else 8011; all is taxed when nothing is said", Source::Clients, None),
    ("approve", "a tax_flag without a contract for it is 8102; KCP may charge another amount instead", Source::Assumed, Some("tax_split")),
    ("approve", "quota is two digits, 00 or 02 to 12", Source::Guide, None),
    ("approve", "instalments below 50,000 won are taken with a lint", Source::Assumed, Some("strict")),
    ("approve", "an order number may be approved again", Source::Assumed, Some("refuse_duplicate_orders")),
    ("approve", "an order number has at most 40 characters", Source::Guide, None),
    ("approve", "lengths and forbidden signs of texts are reported, not refused", Source::Assumed, Some("strict")),
    ("approve", "no minimum amount", Source::Assumed, Some("minimum_amount")),
    ("approve", "no rule about amounts of the test system", Source::Assumed, Some("test_amount_rule")),
    ("approve", "which code answers which malformed field", Source::Assumed, None),
    ("approve", "card number, birth date and password are judged by the table of test cards", Source::Assumed, None),
    ("approve", "an expiry in the past is CC54", Source::Assumed, None),
    ("approve", "card_no comes back with digits 7 to 12 as zeros", Source::Clients, Some("mask")),
    ("approve", "card_bin_bank_cd is four digits", Source::Clients, None),
    ("approve", "order_no, trace_no, pg_txid, res_tax_mny and the like come too", Source::Clients, None),
    ("approve", "tno is 14 digits: year, day, and a number that never comes twice", Source::Clients, None),
    ("approve", "a failure has res_cd, res_msg, res_en_msg and trace_no, and no tno", Source::Clients, None),
    ("approve", "a code other than 0000 means that nothing was booked; with refuse and after_books the payment is booked and answered with any code, and so it is by cards of 9490 98", Source::Assumed, Some("refuse")),
    ("cancel", "/gw/mod/v1/cancel, signed SHA256withRSA over site_cd^tno^mod_type, else S034", Source::Guide, None),
    ("cancel", "STSC cancels all; after a partial cancel it is refused with 8040", Source::Guide, None),
    ("cancel", "STPC: rem_mny must be what is left before, else 8037; more than that is 8036", Source::Guide, None),
    ("cancel", "rem_mny in the answer is what is left after", Source::Clients, None),
    ("cancel", "mod_mny and panc_mod_mny, mod_pcan_seq_no and mod_pacn_seq_no: both spellings come", Source::Clients, None),
    ("cancel", "already cancelled is 8133, unknown or another shop's is 8132", Source::Guide, None),
    ("cancel", "partial cancels need a contract, 8392", Source::Guide, Some("partial_cancel")),
    ("cancel", "the caller's address must be registered, 8012", Source::Guide, Some("ip_registered")),
    ("cancel", "at most 100 partial cancels, then 8386", Source::Assumed, Some("max_partial_cancels")),
    ("cancel", "a first partial cancel of the whole amount is taken", Source::Assumed, Some("strict")),
    ("cancel", "a partial cancel of a payment with partcanc_yn N is 8385", Source::Assumed, None),
    ("cancel", "a part of a mixed-tax payment: tax_flag TG03 with mod_tax_mny, mod_vat_mny and mod_free_mny that add up to mod_mny, as in KCP's older module; the guide to key-in does not mention them", Source::Assumed, None),
    ("cancel", "more than is left of a part: 8098 taxed or VAT, 8099 tax-free; a part malformed: 8078, 8080, 8079; parts missing or not adding up: 8011; parts of a payment that was not mixed-tax: 8074", Source::Assumed, None),
    ("cancel", "STSC of a mixed-tax payment takes all parts and needs none of them", Source::Assumed, None),
    ("inquire", "/std/inquery with pay_type PACA, signed over site_cd^tno^pay_type", Source::Clients, Some("inquiry_signature")),
    ("inquire", "stat_ca_cd is STSR, STPC or STSC, rem_mny what is left, canc_card_yn Y when all is cancelled", Source::Clients, None),
    ("inquire", "an unknown tno is 8132", Source::Assumed, None),
    ("inquire", "tno of the form yyyyMMdd000000 with an order number finds the last payment of that day", Source::Assumed, Some("order_lookup")),
    ("texts", "res_msg and res_en_msg are texts of this sandbox, not KCP's", Source::Assumed, None),
    ("risk", "no limits, black lists or maintenance hours but by test card or fault", Source::Assumed, Some("refuse")),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whatever_changes_a_behaviour_exists() {
        let settings = serde_json::to_value(crate::Settings::default()).unwrap();
        for row in fidelity() {
            let Some(name) = row.changed_by else { continue };
            let fault = crate::fault_text::NAMES
                .iter()
                .any(|(known, _)| *known == name);
            assert!(fault || settings.get(name).is_some(), "{name}");
        }
    }
}
