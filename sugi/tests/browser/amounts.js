// Puts many texts into the amount, pasted and key by key, and compares what the script makes of them with what
// the server says of them: [texts that were tried, sentences about what differs]. Nothing else is filled in, so
// nothing can be charged.
const done = arguments[arguments.length - 1];
const [currency, extra] = arguments;
const form = document.getElementById("keyin"), field = form.elements.amount;
const echo = form.querySelector("[data-amount-echo]");
if (form.elements.currency) {
  form.elements.currency.value = currency;
  form.elements.currency.dispatchEvent(new Event("change", { bubbles: true }));
}
const verdict = async (amount) => {
  const body = new URLSearchParams({
    key: form.elements.key.value, operator: form.elements.operator.value, shop: "main", currency, amount,
  });
  const answer = await fetch("/keyin", { method: "POST", body, headers: { accept: "application/json" } });
  return (await answer.json()).fields.amount ? "refused" : "taken";
};
const put = (text, inputType, data) => {
  if (data !== undefined) { field.focus(); document.execCommand("insertText", false, data); return; }
  field.value = text;
  field.dispatchEvent(new InputEvent("input", { bubbles: true, inputType }));
};
const digits = (text) => text.normalize("NFKC").replace(/\D/g, "").replace(/^0+(?=\d)/, "");
const in_units = (text) => digits(text) + (currency === "KRW" || text.normalize("NFKC").includes(".") ? "" : "00");

// The same texts on every run.
let seed = 7;
const next = (below) => { seed = (seed * 1103515245 + 12345) % 2147483648; return Math.floor(seed / 65536) % below; };
const pieces = ["1", "5", "0", "00", "000", ",", ".", "원", "₩", "$", "US$", "-", " ", "만", "x", "３", "，", "e"];
const texts = [...extra];
while (texts.length < 130) texts.push(Array.from({ length: 1 + next(5) }, () => pieces[next(pieces.length)]).join(""));

(async () => {
  const found = [];
  for (const text of texts.filter((text) => text.trim())) {
    const said = await verdict(text);
    for (const way of ["pasted", "typed"]) {
      put("", "deleteContentBackward");
      if (way === "pasted") put(text, "insertFromPaste");
      else for (const letter of text) put("", "", letter);
      const shown = field.value, told = `${way} "${text}" is "${shown}", on the button "${echo.textContent}"`;
      if (said === "refused") {
        // Its own commas among digits are all that the script may add.
        const same = way === "pasted" ? shown === text : digits(shown) === digits(text) && shown.length >= text.length;
        if (!same || echo.textContent !== "") found.push(told);
      } else if (digits(shown) !== digits(text) || digits(echo.textContent) !== in_units(text)) found.push(told);
      if (await verdict(shown) !== said) found.push(`${told}: ${said} before, and not then`);
    }
  }
  done([texts.length, found]);
})();
