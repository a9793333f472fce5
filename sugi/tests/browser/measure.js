// What is wrong with the page that is open, as it stands at this width: text over text, text outside what it
// belongs to, fields that nobody can type in. Returns sentences; none when all is well.
const found = [];
const root = document.documentElement;
if (root.scrollWidth > innerWidth) found.push(`the page is ${root.scrollWidth} wide`);
const aside = ".sr, .skip, .offline, .stale, .warn, dialog:not([open]), noscript, script, style, svg, option, table.stack thead";
const seen = (element) => !element.closest(aside)
  && element.checkVisibility({ opacityProperty: true, visibilityProperty: true });
const name = (element) => element.tagName.toLowerCase() + (element.id ? "#" + element.id : "")
  + (typeof element.className === "string" && element.className ? "." + element.className.trim().replace(/\s+/g, ".") : "");

// Every line of text, as high as its letters are: what lies between lines belongs to nobody.
const boxes = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
for (let node = texts.nextNode(); node; node = texts.nextNode()) {
  const element = node.parentElement;
  if (!node.data.trim() || !seen(element)) continue;
  const range = document.createRange();
  range.selectNodeContents(node);
  for (const { left, right, top, bottom } of range.getClientRects()) {
    if (right - left < 1 || bottom - top < 1) continue;
    const lead = (bottom - top) * 0.2;
    boxes.push({ left, right, top: top + lead, bottom: bottom - lead, node, element, what: node.data.trim().slice(0, 24) });
  }
  const of = element.closest("button, .button, .state, .count, .card, .problem, .notice, td, th, .scroll");
  if (!of) continue;
  const around = of.getBoundingClientRect(), inside = range.getBoundingClientRect();
  if (inside.left < around.left - 1 || inside.right > around.right + 1) {
    found.push(`"${node.data.trim().slice(0, 24)}" stands out of ${name(of)}`);
  }
}
const fields = [...document.querySelectorAll("input:not([type=hidden]):not([type=checkbox]):not([type=radio]), select, textarea")];
for (const element of fields.filter(seen)) {
  const { left, right, top, bottom, width } = element.getBoundingClientRect();
  if (width < (element.tagName === "SELECT" ? 72 : 96)) found.push(`${name(element)} is ${Math.round(width)} wide`);
  if (element.dataset.money && element.scrollWidth > element.clientWidth + 1) found.push(`${name(element)} cuts off its amount`);
  boxes.push({ left: left + 1, right: right - 1, top: top + 1, bottom: bottom - 1, element, what: name(element) });
}
boxes.sort((one, other) => one.top - other.top);
boxes.forEach((one, at) => {
  for (const other of boxes.slice(at + 1)) {
    if (other.top >= one.bottom - 1) break;
    if (one.node && one.node === other.node) continue;
    if (one.left < other.right - 1 && other.left < one.right - 1) {
      found.push(`"${one.what}" (${name(one.element)}) lies over "${other.what}" (${name(other.element)})`);
    }
  }
});
return found.slice(0, 12);
