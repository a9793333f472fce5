//! The control port's page for people: one HTML text, no script, no outside request, no card data.

use std::fmt::Write as _;

use crate::books::{State, Transaction};
use crate::cards;
use crate::clock;
use crate::fidelity;
use crate::message::Message;
use crate::world::World;

/// Payments and messages that the page shows; `GET /books` and `GET /messages` have the rest.
const SHOWN: usize = 50;

const STYLE: &str = "
:root{color-scheme:light dark}
body{font:15px/1.5 'Apple SD Gothic Neo','Malgun Gothic','Noto Sans KR',NanumGothic,sans-serif;
  margin:0 auto;max-width:74rem;padding:1rem 1.25rem 4rem}
h1{font-size:1.5rem;margin:.5rem 0}h2{font-size:1.1rem;margin:2rem 0 .5rem}
small,.quiet{color:#667}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid #8884;vertical-align:top}
th{font-weight:600}td.n{text-align:right;font-variant-numeric:tabular-nums}
code,pre{font:13px/1.5 ui-monospace,Menlo,Consolas,monospace}
pre{background:#8881;padding:.6rem .8rem;overflow-x:auto;border-radius:.3rem}
.wide{overflow-x:auto}
.error{color:#b3261e;font-weight:600}.warning{color:#8a5a00;font-weight:600}
details{margin-top:.5rem}summary{cursor:pointer}
nav a{margin-right:1rem}
@media(prefers-color-scheme:dark){small,.quiet{color:#99a}.error{color:#ff8a80}.warning{color:#f0b94d}}
";

/// The page, now. `host` is the address by which it was asked for.
pub(crate) fn render(world: &World, host: &str) -> String {
    let mut page = Page(String::with_capacity(32 * 1024));
    page.raw("<!doctype html><html lang=\"ko\"><head><meta charset=\"utf-8\">");
    page.raw("<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">");
    page.raw("<title>kcp-sandbox</title><style>");
    page.raw(STYLE);
    page.raw("</style></head><body><header><h1>kcp-sandbox <small>연습용 결제 서버 · practice gateway</small></h1>");
    page.raw("<p class=\"quiet\">");
    page.text(&clock::rfc3339(world.clock.now()));
    page.raw(" · 실제 카드는 받지 않습니다 · takes no real card · not NHN KCP</p>");
    page.raw("<nav><a href=\"#books\">장부</a><a href=\"#faults\">장애</a><a href=\"#lints\">지적</a><a href=\"#messages\">전문</a><a href=\"#cards\">카드</a><a href=\"#settings\">설정</a><a href=\"#fidelity\">근거</a></nav></header><main>");
    books(&mut page, world);
    faults(&mut page, world, host);
    lints(&mut page, world);
    messages(&mut page, world);
    magic_cards(&mut page);
    settings(&mut page, world);
    sources(&mut page);
    page.raw("</main></body></html>\n");
    page.0
}

/// HTML under construction.
struct Page(String);

impl Page {
    /// Our own markup.
    fn raw(&mut self, markup: &str) {
        self.0.push_str(markup);
    }

    /// Anything else, escaped.
    fn text(&mut self, text: &str) {
        for c in text.chars() {
            match c {
                '<' => self.0.push_str("&lt;"),
                '>' => self.0.push_str("&gt;"),
                '&' => self.0.push_str("&amp;"),
                '"' => self.0.push_str("&quot;"),
                '\'' => self.0.push_str("&#39;"),
                c => self.0.push(c),
            }
        }
    }

    fn heading(&mut self, id: &str, korean: &str, english: &str) {
        let _ = write!(
            self.0,
            "<section><h2 id=\"{id}\">{korean} <small>{english}</small></h2>"
        );
    }

    fn table(&mut self, heads: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>) {
        self.raw("<div class=\"wide\"><table><thead><tr>");
        for head in heads {
            self.raw("<th scope=\"col\">");
            self.text(head);
            self.raw("</th>");
        }
        self.raw("</tr></thead><tbody>");
        for row in rows {
            self.raw("<tr>");
            for cell in row {
                self.cell(&cell);
            }
            self.raw("</tr>");
        }
        self.raw("</tbody></table></div>");
    }

    fn cell(&mut self, cell: &Cell) {
        let (open, text, close) = match cell {
            Cell::Text(text) => ("<td>", text, "</td>"),
            Cell::Code(text) => ("<td><code>", text, "</code></td>"),
            Cell::Number(text) => ("<td class=\"n\">", text, "</td>"),
            Cell::Class(class, text) => {
                let _ = write!(self.0, "<td class=\"{class}\">");
                ("", text, "</td>")
            }
        };
        self.raw(open);
        self.text(text);
        self.raw(close);
    }

    fn quiet(&mut self, korean: &str, english: &str) {
        let _ = write!(
            self.0,
            "<p class=\"quiet\">{korean} <small>{english}</small></p>"
        );
    }

    fn end(&mut self) {
        self.raw("</section>");
    }
}

enum Cell {
    Text(String),
    Code(String),
    Number(String),
    Class(&'static str, String),
}

/// The clock time alone, without date and offset.
fn hour(rfc3339: &str) -> String {
    rfc3339.get(11..23).unwrap_or(rfc3339).to_owned()
}

fn books(page: &mut Page, world: &World) {
    let (rows, total, (declined, _)) = {
        let ledger = world.ledger();
        let total = ledger.len();
        (
            ledger.page(total.saturating_sub(SHOWN), SHOWN),
            total,
            ledger.last_declined(SHOWN),
        )
    };
    page.heading("books", "장부", "the true books");
    if total == 0 {
        page.quiet(
            "아직 승인된 결제가 없습니다.",
            "No payment has been approved yet.",
        );
    } else {
        let _ = write!(
            page.0,
            "<p class=\"quiet\">{total}건 중 최근 {} <small>newest {} of {total}</small></p>",
            rows.len(),
            rows.len()
        );
        let heads = [
            "시각 time",
            "거래번호 tno",
            "주문번호 ordr_idxx",
            "금액 amount",
            "취소 cancelled",
            "상태 state",
            "카드 card",
        ];
        page.table(&heads, rows.iter().rev().map(transaction));
    }
    if !declined.is_empty() {
        page.raw("<details><summary>거절된 요청 <small>declined attempts</small></summary>");
        page.table(
            &["시각 time", "주문번호 ordr_idxx", "코드 res_cd"],
            declined.into_iter().map(|d| {
                vec![
                    Cell::Text(hour(&d.at)),
                    Cell::Code(d.ordr_idxx),
                    Cell::Code(d.res_cd),
                ]
            }),
        );
        page.raw("</details>");
    }
    page.end();
}

fn transaction(row: &Transaction) -> Vec<Cell> {
    let state = match row.state {
        State::Approved => "승인 approved",
        State::PartiallyCancelled => "부분취소 partially cancelled",
        State::Cancelled => "취소 cancelled",
    };
    let unit = if row.currency == "840" { "¢" } else { "원" };
    vec![
        Cell::Text(hour(&row.approved_at)),
        Cell::Code(row.tno.clone()),
        Cell::Code(row.ordr_idxx.clone()),
        Cell::Number(format!("{} {unit}", grouped(row.amount))),
        Cell::Number(grouped(row.cancelled)),
        Cell::Text(state.to_owned()),
        Cell::Code(row.card_no.clone()),
    ]
}

/// Digits in groups of three.
fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn faults(page: &mut Page, world: &World, host: &str) {
    page.heading("faults", "장애", "armed faults");
    let armed = world.faults.list();
    if armed.is_empty() {
        page.quiet("걸린 장애가 없습니다.", "No fault is armed.");
    } else {
        page.table(
            &["장애 fault", "대상 on", "남은 횟수 times", "내용 all of it"],
            armed.iter().map(|fault| {
                let all = serde_json::to_string(fault).unwrap_or_default();
                vec![
                    Cell::Code(fault.kind.name().to_owned()),
                    Cell::Text(fault.on.path().to_owned()),
                    Cell::Number(fault.times.to_string()),
                    Cell::Code(all),
                ]
            }),
        );
    }
    page.raw("<details><summary>장애 걸기 <small>how to arm one</small></summary><pre>");
    page.text(&format!(
        "curl -d '{{\"fault\":\"lose_answer\",\"on\":\"approve\",\"times\":1}}' http://{host}/faults\n\
         curl -X DELETE http://{host}/faults"
    ));
    page.raw("</pre><p>");
    for (name, parameters) in crate::fault_text::NAMES {
        page.raw("<code>");
        page.text(name);
        page.raw("</code> ");
        if !parameters.is_empty() {
            page.raw("<small>(");
            page.text(&parameters.join(", "));
            page.raw(")</small> ");
        }
    }
    page.raw("</p></details>");
    page.end();
}

fn lints(page: &mut Page, world: &World) {
    page.heading(
        "lints",
        "지적",
        "lints: what requests did that the guide does not say",
    );
    let lints = world.lints.list();
    if lints.is_empty() {
        page.quiet("지적할 것이 없습니다.", "Nothing to report.");
    } else {
        page.table(
            &[
                "정도 level",
                "이름 code",
                "무엇 what",
                "근거 rule",
                "횟수 count",
            ],
            lints.into_iter().map(|lint| {
                let (class, level) = match lint.level {
                    crate::LintLevel::Error => ("error", "error"),
                    crate::LintLevel::Warning => ("warning", "warning"),
                    crate::LintLevel::Note => ("quiet", "note"),
                };
                vec![
                    Cell::Class(class, level.to_owned()),
                    Cell::Code(lint.code.to_owned()),
                    Cell::Text(lint.message),
                    Cell::Text(lint.rule.to_owned()),
                    Cell::Number(lint.count.to_string()),
                ]
            }),
        );
    }
    page.end();
}

fn messages(page: &mut Page, world: &World) {
    page.heading("messages", "전문", "last messages, card data masked");
    let messages = world.messages.list();
    if messages.is_empty() {
        page.quiet("아직 주고받은 전문이 없습니다.", "No message yet.");
    }
    for message in messages.iter().rev().take(SHOWN) {
        message_row(page, message);
    }
    page.end();
}

fn message_row(page: &mut Page, message: &Message) {
    page.raw("<details><summary><code>");
    page.text(&hour(&message.at));
    page.raw("</code> ");
    page.text(message.operation.path());
    page.raw(" → <code>");
    page.text(&message.res_cd);
    page.raw("</code> ");
    if let Some(fault) = &message.fault {
        page.raw("<span class=\"warning\">");
        page.text(fault);
        page.raw("</span>");
    }
    page.raw("</summary><pre>");
    page.text(&format!("{:#}\n\n{:#}", message.request, message.reply));
    page.raw("</pre></details>");
}

fn magic_cards(page: &mut Page) {
    page.heading("cards", "시험 카드", "test cards, the only ones taken");
    page.table(
        &["모양 pattern", "하는 일 what it does"],
        cards::SCHEME.iter().map(|(pattern, what)| {
            vec![
                Cell::Code((*pattern).to_owned()),
                Cell::Text((*what).to_owned()),
            ]
        }),
    );
    page.raw("<details><summary>모든 시험 카드 <small>every test card</small></summary>");
    page.table(
        &["카드번호 card_no", "코드 res_cd", "하는 일 what it does"],
        cards::cards().into_iter().map(|card| {
            vec![
                Cell::Code(card.card_no),
                Cell::Code(card.res_cd),
                Cell::Text(card.what),
            ]
        }),
    );
    page.raw("</details>");
    page.end();
}

fn settings(page: &mut Page, world: &World) {
    page.heading("settings", "설정", "settings");
    page.raw("<pre>");
    let text = serde_json::to_string_pretty(&*world.settings()).unwrap_or_default();
    page.text(&text);
    page.raw("</pre>");
    page.end();
}

fn sources(page: &mut Page) {
    page.heading("fidelity", "근거", "how well each behaviour is known");
    page.raw("<details><summary>모두 보기 <small>show all</small></summary>");
    page.table(
        &[
            "부분 part",
            "하는 일 what it does",
            "근거 source",
            "바꾸기 changed by",
        ],
        fidelity::fidelity().into_iter().map(|b| {
            vec![
                Cell::Text(b.part.to_owned()),
                Cell::Text(b.what.to_owned()),
                Cell::Text(b.source.as_str().to_owned()),
                Cell::Code(b.changed_by.unwrap_or_default().to_owned()),
            ]
        }),
    );
    page.raw("</details>");
    page.end();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped() {
        let all: Vec<_> = [0, 999, 1_004, 1_234_567].map(grouped).into();
        assert_eq!(all, ["0", "999", "1,004", "1,234,567"]);
    }

    #[test]
    fn what_a_shop_sends_is_escaped() {
        let mut page = Page(String::new());
        page.text("<script>alert('\"&')</script>");
        assert_eq!(
            page.0,
            "&lt;script&gt;alert(&#39;&quot;&amp;&#39;)&lt;/script&gt;"
        );
    }
}
