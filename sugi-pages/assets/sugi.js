// What makes the pages better than they are without it. Every page works without it.
"use strict";

const luhn = (digits) => [...digits].reverse().reduce((sum, d, at) => {
  const value = at % 2 ? d * 2 - (d > 4 ? 9 : 0) : +d;
  return sum + value;
}, 0) % 10 === 0;
// The last four digits of a card number in a text, or nothing: as nhn-kcp/src/pan.rs has it, and like
// the server's search what can be an order number has to be grouped as cards are.
const lastFour = (() => {
  const visa = /^4\d{12,18}$/, domestic = /^9\d{15}$/, mastercard = /^(5[1-5]\d\d|222[1-9]|22[3-9]\d|2[3-6]\d\d|27[01]\d|2720)\d{12}$/;
  const amex = /^3[47]\d{13}$/, diners = /^3(0[0-5]|[689]\d)\d{11,16}$/;
  const others = /^(352[89]|35[3-8]\d|6[0245]\d\d|81\d\d)\d{12,15}$/;
  const moment = /^2\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])([01]\d|2[0-3])[0-5]\d[0-5]\d/;
  const is_card = (row) => luhn(row) && !moment.test(row)
    && [visa, domestic, mastercard, amex, diners, others].some((brand) => brand.test(row));
  // The digits of a script stand together in their order.
  const plain = (digit) => {
    let first = digit.codePointAt(0);
    while (/\p{Nd}/u.test(String.fromCodePoint(first - 1))) first--;
    return (digit.codePointAt(0) - first) % 10;
  };
  return (text) => {
    const can_be_order = /^[!-~]{1,40}$/.test(text) && !/['"`,&;\\|<>]/.test(text);
    const as_cards = (groups) => groups.length === 1 || /^(4,4,4,4(,[123])?|4,6,[45])$/.test(groups.map((group) => group.length));
    for (const [run] of text.matchAll(/\p{Nd}+(?:[^\p{L}\p{N}]{1,3}\p{Nd}+)*/gu)) {
      const groups = run.match(/\p{Nd}+/gu).map((group) => [...group].map(plain).join(""));
      for (let end = 1; end <= groups.length; end++) {
        for (let begin = end - 1; begin >= 0; begin--) {
          const some = groups.slice(begin, end), row = some.join("");
          if (row.length > 19) break;
          if (is_card(row) && (!can_be_order || as_cards(some))) return row.slice(-4);
        }
      }
    }
    return "";
  };
})();

// Amounts, as the server reads them (form.rs). What is typed stays as it was typed: of a text that is nothing
// but digits the threes are set apart, by commas that are the script's own and that it may move. Whatever else
// stands there, a sign, a word, a comma that somebody set, is the server's to take or to refuse.
const amounts = (() => {
  const narrow = (text) => text.replace(/[！-～]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0)).replaceAll("￦", "₩");
  const thousands = (digits) => digits.replace(/\B(?=(\d{3})+$)/g, ",");
  const digits_max = { KRW: 12, USD: 10 };
  const currency = (input) => input.dataset.money;
  // The one amount that a text is, as it is said; nothing when it is none.
  const read = (input) => {
    const text = narrow(input.value.trim()), dollars = currency(input) === "USD";
    const bare = dollars ? text.replace(/^US/, "").replace(/^\$/, "") : text.replace(/^₩/, "").replace(/원$/, "");
    const [, whole, cents] = bare.trim().match(/^(\d{1,3}(?:,\d{3})+|\d+)(\.\d\d)?$/) ?? [];
    if (!whole || cents && !dollars) return null;
    const digits = whole.replaceAll(",", "").replace(/^0+(?=\d)/, "");
    if (digits.length > digits_max[currency(input)]) return null;
    if (!+digits && !+(cents ?? 0) && !("zero" in input.dataset)) return null;
    return { units: +(digits + (dollars ? (cents ?? ".00").slice(1) : "")), text: thousands(digits) + (dollars ? cents ?? ".00" : "") };
  };
  // Whose the commas are: the script's, until somebody sets one.
  const ours = new WeakMap();
  const typed = (event) => {
    const input = event.target, before = ours.get(input) ?? input.defaultValue.includes(",");
    const kept = event.inputType?.startsWith("delete") || event.inputType === "insertText" && !/[,，]/.test(event.data ?? ",");
    const mine = !/[,，]/.test(input.value) || before && kept;
    ours.set(input, mine);
    if (!mine || event.isComposing) return;
    const text = narrow(input.value).replaceAll(",", "");
    const [, whole, cents = ""] = text.match(currency(input) === "USD" ? /^(\d+)(\.\d{0,2})?$/ : /^(\d+)$/) ?? [];
    if (!whole || whole.length > digits_max[currency(input)]) return;
    const shown = thousands(whole) + cents;
    if (shown === input.value || narrow(input.value) !== input.value && !read(input)) return;
    // Where one is one stays: as many digits stand before it as did.
    const left = input.value.slice(0, input.selectionStart).replace(/[,，]/g, "").length;
    input.value = shown;
    let at = 0;
    for (let seen = 0; seen < left; at++) if (shown[at] !== ",") seen++;
    input.setSelectionRange(at, at);
  };
  // Whether it is one, or may still become one: cents that are being typed.
  const is_wrong = (input) => input.value.trim() !== "" && !read(input)
    && !(currency(input) === "USD" && document.activeElement === input && /^[\d,]+\.\d?$/.test(input.value));
  return { read, typed, is_wrong };
})();

(() => {
  const $ = (selector, from = document) => from.querySelector(selector);
  const all = (selector, from = document) => [...from.querySelectorAll(selector)];
  const typing = (target) => target.closest("input, select, textarea, [contenteditable]");

  // Keys: g and a letter goes somewhere, / to the search box, ? shows them all.
  let after_g = 0;
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing || typing(event.target)) return;
    if (event.key === "?") {
      event.preventDefault();
      $("#keys")?.showModal();
    } else if (event.key === "/") {
      const box = $("[data-search]");
      if (box) { event.preventDefault(); box.focus(); box.select(); }
    } else if (event.key === "g") {
      after_g = Date.now();
    } else if (Date.now() - after_g < 1500) {
      after_g = 0;
      $(`nav a[data-key="${CSS.escape(event.key)}"]`)?.click();
    }
  });

  // A form is sent once: a second click or Enter while it is on its way does nothing. The server
  // makes one payment of both anyway.
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (event.defaultPrevented || form.method === "dialog") return;
    if (form.dataset.sent) { event.preventDefault(); return; }
    // What comes as a file leaves the page where it is, and can be asked for again.
    if (form.action.endsWith("/export")) return;
    form.dataset.sent = "yes";
    for (const button of all("button:not([type=button])", form)) button.setAttribute("aria-busy", "true");
  });
  // What is looked for stands in the address, and so in histories and logs. Of a card number that was
  // pasted its last four digits are sent, by which its payments are found.
  for (const form of all("form[method=get]")) form.addEventListener("submit", () => {
    for (const box of all("input", form)) {
      const four = lastFour(box.value.trim());
      if (four) box.value = four;
    }
  });
  addEventListener("pageshow", (event) => {
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("[aria-busy]")) button.removeAttribute("aria-busy");
    // A page that comes back from the browser's memory may show what is no longer so.
    if (event.persisted) location.reload();
  });

  // What slid under the pointer a moment ago, because something appeared above it, is not what was aimed at.
  let moved = 0;
  addEventListener("click", (event) => {
    if (!event.detail || Date.now() - moved > 500 || !event.target.closest("[data-steady]")) return;
    event.preventDefault();
    event.stopPropagation();
  }, true);

  // How much is given back stands on the button that does it, and its digits in threes where they are typed.
  const give_back = () => {
    const input = $("#cancel-amount"), echo = $("[data-cancel-echo]");
    if (!input || !echo) return;
    const amount = amounts.read(input)?.text;
    const empty = input.value.trim() === "";
    echo.textContent = empty ? echo.dataset.all : amount ? echo.dataset.around.replace("{}", amount) : "";
  };
  // What is wrong with an amount is said where it stands, as long as it does.
  const amount_note = (input) => {
    const line = document.getElementById(input.id + "-note");
    if (!line || !input.dataset.wrong) return;
    line.dataset.hint ??= line.className === "hint" ? line.textContent : "";
    const wrong = amounts.is_wrong(input);
    line.textContent = wrong ? input.dataset.wrong : line.dataset.hint;
    line.className = wrong ? "error" : "hint";
    if (wrong) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
  };
  document.addEventListener("input", (event) => {
    if (!event.target.dataset?.money) return;
    amounts.typed(event);
    amount_note(event.target);
    give_back();
  }, true);
  document.addEventListener("change", (event) => {
    if (event.target.dataset?.money) amount_note(event.target);
  });
  addEventListener("pageshow", give_back);
  give_back();

  // Live: the server says that something changed; the parts that are marked are fetched anew.
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { "x-refresh": "1" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") { location.reload(); return; }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const steady = all("[data-steady]"), places = () => steady.map((part) => part.getBoundingClientRect().top).join();
    const before = places();
    for (const part of all("[data-live][id]")) {
      const other = fresh.getElementById(part.id);
      // What somebody is typing in, or has open, is left alone.
      if (!other || part.contains(document.activeElement) && typing(document.activeElement)) continue;
      if (part.innerHTML !== other.innerHTML) part.replaceChildren(...other.childNodes);
    }
    // A form that moves money is never made anew under somebody's hands: it is said that it is an old one.
    for (const part of steady) {
      const other = fresh.getElementById(part.id);
      // What was just sent from it changes what is shown, and its answer leads away.
      if (!other || other.dataset.steady === part.dataset.steady || $("form[data-sent]", part)) continue;
      if ($("form", part)) {
        $("[data-stale]").hidden = false;
        if ("locks" in part.dataset) for (const button of all("button", part)) button.disabled = true;
      } else {
        part.replaceChildren(...other.childNodes);
        part.dataset.steady = other.dataset.steady;
        give_back();
      }
    }
    if (places() !== before) moved = Date.now();
    for (const count of all(".top nav a")) {
      const other = fresh.querySelector(`.top nav a[href="${CSS.escape(count.getAttribute("href"))}"]`);
      if (other && other.innerHTML !== count.innerHTML) count.innerHTML = other.innerHTML;
    }
  };
  // A page that answers a form is found at its own address, by whoever reloads it.
  if (document.body.dataset.address) history.replaceState(null, "", document.body.dataset.address);
  // Typing is using: the session lasts while somebody types, though nothing was sent yet.
  let used = Date.now();
  const stay = () => {
    used = Date.now();
    fetch("/stay", { method: "POST", headers: { accept: "application/json" } }).catch(() => {});
  };
  if ($(".top")) document.addEventListener("input", (event) => {
    const form = event.target.closest("form[data-keep]");
    if (form) form.dataset.typed = "yes";
    if (!$("#ending").hidden || Date.now() - used > 30_000) stay();
  });
  $("[data-stay]")?.addEventListener("click", stay);
  // The session is over: nothing of anybody stays on the screen. What was typed goes, all but what is secret,
  // to the page to sign in at, which keeps it for whoever typed it.
  const over = () => {
    document.body.dataset.over = "yes";
    // What is on its way has an answer, and it leads on.
    if ($("form[data-sent]")) return;
    const typed = $("form[data-keep][data-typed]");
    if (!typed) { location.reload(); return; }
    const away = document.createElement("form");
    away.method = "post";
    away.action = "/signed-out";
    away.hidden = true;
    const fields = [...typed.elements].filter((field) => field.name && !("secret" in field.dataset) && (field.type !== "radio" || field.checked));
    for (const { name, value } of [...fields, { name: "of", value: new URL(typed.action).pathname }]) {
      const field = document.createElement("input");
      field.type = "hidden";
      field.name = name;
      field.value = value;
      away.append(field);
    }
    document.body.append(away);
    away.submit();
  };
  document.addEventListener("signed-out", over);
  if ($(".top") && "EventSource" in window) {
    const live = new EventSource("/live?of=" + encodeURIComponent(location.pathname) + "&seen=" + document.body.dataset.seen);
    live.addEventListener("changed", () => refresh().catch(() => {}));
    const ending = (is_soon, for_good) => {
      $("#ending").hidden = !is_soon;
      for (const [selector, shown] of [["[data-idle]", !for_good], ["[data-longest]", for_good], ["[data-stay]", !for_good]]) {
        $("#ending " + selector).hidden = !shown;
      }
    };
    live.addEventListener("ending", () => ending(true, false));
    live.addEventListener("ending-for-good", () => ending(true, true));
    live.addEventListener("staying", () => ending(false, false));
    live.addEventListener("over", () => { live.close(); over(); });
    live.addEventListener("open", () => { $("#offline").hidden = true; });
    live.addEventListener("error", () => { setTimeout(() => { $("#offline").hidden = live.readyState === 1; }, 3000); });
    addEventListener("pagehide", () => live.close());
  }
  // An export goes on behind the page: a bar shows how far it is, if it takes longer than a moment.
  for (const form of all("form[data-export]")) {
    const making = $("[data-making]", form), bar = $("progress", making), said = $("span", making);
    form.addEventListener("submit", () => {
      const name = [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");
      let field = form.elements.progress;
      if (!field) { field = document.createElement("input"); field.type = "hidden"; field.name = "progress"; form.append(field); }
      field.value = name;
      let misses = 0;
      const look = async () => {
        const answer = await fetch("/day/export/" + name).catch(() => null);
        const seen = answer?.ok ? await answer.json() : null;
        if (!seen && ++misses > 5 || seen?.over || field.value !== name) { making.hidden = true; return; }
        if (seen) {
          making.hidden = false;
          bar.max = seen.total || 1;
          bar.value = seen.done;
          said.textContent = form.dataset.progress.replace("{}", seen.total.toLocaleString()).replace("{}", seen.done.toLocaleString());
        }
        setTimeout(look, 500);
      };
      setTimeout(look, 700);
    });
  }
  for (const button of all("[data-print]")) button.addEventListener("click", () => print());
})();

// The key-in page: one hand on the number keys, no mouse.
(() => {
  const form = document.getElementById("keyin");
  if (!form) return;
  const field = (name) => form.elements[name];
  // What may stand between the digits of a card goes, as the server leaves it out; with anything else in it a
  // text is none of these, and stays to be refused as it is.
  const digits_of = (text, between = /[ \u00a0\u3000–—-]/g) => {
    const digits = text.replace(/[！-～]/g, (c) => String.fromCharCode(c.charCodeAt(0) - 0xfee0)).replace(between, "");
    return /^\d*$/.test(digits) ? digits : null;
  };
  const note = (name, text, kind) => {
    const line = document.getElementById(name + "-note");
    if (!line) return;
    line.dataset.hint ??= line.className === "hint" ? line.textContent : "";
    line.textContent = text || line.dataset.hint;
    line.className = text ? kind : "hint";
  };
  // The check digit of a business number (weights of the tax office).
  const business = (digits) => {
    const sum = [1, 3, 7, 1, 3, 7, 1, 3].reduce((sum, weight, at) => sum + weight * digits[at], 0)
      + Math.floor(digits[8] * 5 / 10) + (digits[8] * 5) % 10;
    return (10 - sum % 10) % 10 === +digits[9];
  };
  const brand = (digits) => [
    [/^9/, form.dataset.domestic], [/^3[47]/, "Amex"], [/^3(0[0-5]|[68])/, "Diners"], [/^35/, "JCB"],
    [/^4/, "Visa"], [/^(5[1-5]|2[2-7])/, "Mastercard"], [/^(62|81)/, "UnionPay"], [/^6/, "Discover"],
  ].find(([begins]) => begins.test(digits))?.[1] ?? "";
  const issuers = new Map(form.dataset.issuers.split(",").filter(Boolean).map((pair) => pair.split(":")));
  const length = (digits) => /^3[47]/.test(digits) ? 15 : /^3(0[0-5]|[68])/.test(digits) ? 14 : 16;
  const groups = (text, amex) => (amex ? [4, 6, 5] : [4, 4, 4, 4]).reduce(([at, parts], n) =>
    [at + n, [...parts, text.slice(at, at + n)]], [0, []])[1].filter(Boolean).join(" ");

  const order = () => ["amount", "card", "expiry", "holder", "password"].map(field).filter((input) => input && !input.closest("[hidden]"));
  const advance = (from) => order()[order().indexOf(from) + 1]?.focus();

  const currency = () => field("currency")?.value || "KRW";
  // The amount as it will be charged; nothing while it is not whole.
  const amount = () => {
    const said = amounts.read(field("amount"));
    const around = currency() === "KRW" ? form.dataset.money : form.dataset.dollars;
    form.querySelector("[data-amount-echo]").textContent = said ? around.replace("{}", said.text) : "";
    months();
  };
  field("amount").addEventListener("input", amount);
  field("card").addEventListener("input", (event) => {
    const digits = digits_of(event.target.value) ?? "";
    if (digits) event.target.value = digits;
    const amex = /^3[47]/.test(digits);
    const full = digits.length >= length(digits);
    const shown = full ? "•".repeat(digits.length - 4) + digits.slice(-4) : "•".repeat(digits.length);
    document.getElementById("card-seen").textContent =
      [groups(shown, amex), brand(digits), issuers.get(digits.slice(0, 6))].filter(Boolean).join("  ");
    note("card", full && !luhn(digits) ? form.dataset.luhn : "", "warning");
    if (digits.length === length(digits) && luhn(digits)) advance(event.target);
  });
  field("expiry").addEventListener("input", (event) => {
    let digits = digits_of(event.target.value, /[ \u00a0\u3000–—/-]/g);
    if (digits === null || digits.length > 4) return;
    // 9 alone can only be September.
    if (/^[2-9]$/.test(digits)) digits = "0" + digits;
    event.target.value = digits.length > 2 ? digits.slice(0, 2) + "/" + digits.slice(2) : digits;
    if (digits.length === 4) advance(event.target);
  });
  field("holder").addEventListener("input", (event) => {
    const digits = digits_of(event.target.value) ?? "";
    if (digits) event.target.value = digits;
    note("holder", digits.length === 10 && !business(digits) ? form.dataset.business : "", "warning");
    if (digits.length === 10) advance(event.target);
  });

  // The shop's contract says what can be chosen.
  const contract = () => {
    const shop = form.elements.shop;
    return (shop.selectedOptions?.[0] ?? shop).dataset;
  };
  const months = () => {
    const most = currency() === "KRW" && (amounts.read(field("amount"))?.units ?? 0) >= 50000 ? +contract().months : 0;
    // What was chosen stays chosen while an amount is being corrected: the server refuses it where it is wrong.
    for (const option of field("months").options) option.disabled = +option.value > most && !option.selected;
  };
  const proof_of = () => form.querySelector("[name=proof]:checked").value;
  let chosen = proof_of();
  const kinds = () => {
    const { with: proof, without } = contract();
    const [one, other] = form.querySelectorAll("[name=proof]");
    form.querySelector("[data-kinds]").hidden = !(proof === "true" && without === "true");
    // A shop that takes one kind only is no choice of the other: where both are taken the operator's own stands.
    const is_without = proof !== "true" || without === "true" && chosen === "without";
    (is_without ? other : one).checked = true;
    form.querySelector("[data-proof]").hidden = other.checked;
    months();
  };
  let counted_in = currency();
  const currencies = () => {
    const choice = field("currency");
    if (choice) {
      const takes = contract().currencies.split(" ");
      for (const option of choice.options) option.disabled = !takes.includes(option.value);
      if (!takes.includes(choice.value)) choice.value = takes[0];
      choice.closest(".field").hidden = takes.join() === "KRW";
    }
    for (const name of ["amount", "free"]) {
      const input = field(name);
      if (!input) continue;
      input.inputMode = currency() === "USD" ? "decimal" : "numeric";
      input.dataset.money = currency();
      input.dataset.wrong = currency() === "USD" ? form.dataset.wrongDollars : form.dataset.wrong;
      // What was meant in one currency is nothing in the other.
      if (currency() !== counted_in) { input.value = ""; note(name, "", "hint"); input.removeAttribute("aria-invalid"); }
    }
    counted_in = currency();
    amount();
  };
  form.addEventListener("change", (event) => {
    if (event.target.name === "shop" || event.target.name === "currency") currencies();
    if (event.target.name === "months") months();
    if (event.target.name === "currency") field("amount").focus();
    if (event.target.name === "proof") chosen = proof_of();
    if (event.target.name === "proof" || event.target.name === "shop") kinds();
  });
  currencies();
  kinds();

  // Enter goes on to the next field that is empty, and charges when none is.
  form.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing || event.target.tagName !== "INPUT" || event.target.type === "radio") return;
    const empty = order().find((input) => !input.value);
    if (empty && empty !== event.target) { event.preventDefault(); empty.focus(); }
    else if (empty) event.preventDefault();
  });

  const refused = (answer) => {
    const box = document.getElementById("refused");
    box.hidden = false;
    document.getElementById("refused-title").textContent = answer.title ?? "";
    document.getElementById("refused-text").textContent = answer.text;
    const link = document.getElementById("refused-payment");
    link.parentElement.hidden = !answer.payment;
    if (answer.payment) link.href = answer.payment;
    // A reason is for one earlier payment, and stays to be seen as long as it would be sent.
    if (answer.duplicate && field("anyway_of").value !== answer.earlier) {
      field("anyway_of").value = answer.earlier;
      field("anyway").value = "";
    }
    form.querySelector("[data-anyway]").hidden = !(field("anyway_of").value || answer.fields?.anyway);
    for (const input of form.elements) {
      if (!input.name) continue;
      const wrong = answer.fields?.[input.name];
      input.closest(".field")?.classList.toggle("wrong", Boolean(wrong));
      if (wrong) input.setAttribute("aria-invalid", "true"); else input.removeAttribute("aria-invalid");
      note(input.name, wrong ?? "", "error");
    }
    const first = [...form.elements].find((input) => input.getAttribute("aria-invalid"));
    (first ?? (answer.duplicate && answer.payment ? field("anyway") : box)).focus();
  };

  form.addEventListener("submit", async (event) => {
    // Sent by us, so that a mistake costs nothing that was keyed in.
    event.preventDefault();
    event.stopPropagation();
    if (form.dataset.sent) return;
    form.dataset.sent = "yes";
    const button = document.getElementById("charge");
    const label = button.innerHTML;
    button.disabled = true;
    button.textContent = form.dataset.submitting;
    const body = new URLSearchParams(new FormData(form));
    try {
      const answer = await fetch(form.action, { method: "POST", body, headers: { accept: "application/json" } });
      if (answer.status === 401) {
        delete form.dataset.sent;
        form.dataset.typed = "yes";
        document.dispatchEvent(new Event("signed-out"));
        return;
      }
      const said = await answer.json();
      if (answer.ok) {
        form.reset();
        location.replace(said.to);
        return;
      }
      refused(said);
    } catch {
      refused({ text: form.dataset.lost });
    }
    button.innerHTML = label;
    button.disabled = false;
    delete form.dataset.sent;
    if (document.body.dataset.over) document.dispatchEvent(new Event("signed-out"));
  }, true);
})();

// Passkeys: the browser makes and shows them for a script only.
(() => {
  const part = document.querySelector("[data-passkey]");
  if (!part) return;
  const says = part.dataset;
  const note = document.querySelector("[data-passkey-note]");
  const told = (text) => { if (note) { note.textContent = text; note.hidden = false; } };
  if (!says.origins.split(" ").includes(location.origin)) { told(note?.dataset.passkeyNote); return; }
  if (!window.PublicKeyCredential) { told(says.unsupported); return; }
  part.hidden = false;

  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const text = (buffer) => btoa(String.fromCharCode(...new Uint8Array(buffer)))
    .replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "");
  const button = part.querySelector("button");
  const problem = part.querySelector(".problem");
  const refused = (why) => {
    problem.textContent = why;
    problem.hidden = false;
    problem.focus();
  };
  // What the server says; nothing when it sent us elsewhere, or said why not.
  const ask = async (path, fields) => {
    const answer = await fetch(path, {
      method: "POST", body: new URLSearchParams(fields), headers: { accept: "application/json" },
    });
    const elsewhere = answer.headers.get("location");
    if (elsewhere) { location.href = elsewhere; return null; }
    const said = await answer.json();
    if (answer.ok) return said;
    refused(said.text);
    return null;
  };
  // What the device does; nothing when whoever sits there has changed their mind.
  const device = async (what) => {
    try {
      return await what();
    } catch (why) {
      refused(why.name === "InvalidStateError" ? says.known : why.name === "NotSupportedError" ? says.unsupported : says.cancelled);
      return null;
    }
  };

  const add = async () => {
    const fields = new URLSearchParams(new FormData(part));
    const wanted = await ask(part.action, fields);
    if (!wanted) return;
    wanted.challenge = bytes(wanted.challenge);
    wanted.user.id = bytes(wanted.user.id);
    for (const known of wanted.excludeCredentials) known.id = bytes(known.id);
    const made = await device(() => navigator.credentials.create({ publicKey: wanted }));
    if (!made) return;
    const said = await ask("/account/passkeys", {
      name: fields.get("name"),
      client_data: text(made.response.clientDataJSON),
      authenticator_data: text(made.response.getAuthenticatorData()),
    });
    if (said) { part.reset(); location.replace(said.to); }
  };
  const enter = async () => {
    const wanted = await ask("/sign-in/challenge", {});
    if (!wanted) return;
    wanted.challenge = bytes(wanted.challenge);
    const shown = await device(() => navigator.credentials.get({ publicKey: wanted }));
    if (!shown) return;
    const said = await ask("/sign-in/passkey", {
      credential: text(shown.rawId),
      handle: shown.response.userHandle ? text(shown.response.userHandle) : "",
      client_data: text(shown.response.clientDataJSON),
      authenticator_data: text(shown.response.authenticatorData),
      signature: text(shown.response.signature),
      next: says.next,
    });
    if (!said) return;
    // What was kept of a form is sent as a form, so that its page is the answer.
    const kept = document.querySelector("[name=kept]");
    if (!kept) { location.replace(said.to); return; }
    kept.form.action = "/kept";
    for (const field of [...kept.form.elements]) if (field !== kept) field.disabled = true;
    kept.form.submit();
  };

  const once = (what) => async (event) => {
    // Sent by us, as often as it takes, and once at a time.
    event.preventDefault();
    event.stopPropagation();
    if (button.disabled) return;
    button.disabled = true;
    problem.hidden = true;
    await what().catch(() => refused(says.lost));
    button.disabled = false;
  };
  if (says.passkey === "add") part.addEventListener("submit", once(add), true);
  else button.addEventListener("click", once(enter));
})();
