// How well every button of the page that is open can be read in the state that it is in, worst first:
// [[ratio, kind, text]]. A focus is seen by its ring, which is measured as well.
const numbers = (color) => {
  const [red, green, blue, alpha = 1] = color.match(/[\d.]+/g).map(Number);
  return [red, green, blue, alpha];
};
const over = ([r, g, b, a], ground) => [r, g, b].map((part, at) => part * a + ground[at] * (1 - a));
const light = (color) => color.map((part) => part / 255)
  .map((part) => part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4)
  .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
const ratio = (one, other) => {
  const [dark, bright] = [light(one), light(other)].sort((a, b) => a - b);
  return (bright + 0.05) / (dark + 0.05);
};
const chain = (element) => element ? [...chain(element.parentElement), element] : [];
const ground = (element) => chain(element).reduce((under, one) => {
  const style = getComputedStyle(one), [r, g, b, a] = numbers(style.backgroundColor);
  return over([r, g, b, a * style.opacity], under);
}, [255, 255, 255]);
const found = [];
for (const button of document.querySelectorAll("button, .button")) {
  if (!button.checkVisibility() || button.closest("dialog:not([open])")) continue;
  const style = getComputedStyle(button), under = ground(button);
  const [r, g, b, a] = numbers(style.color);
  const words = over([r, g, b, a * style.opacity], under);
  const text = button.textContent.trim().slice(0, 24);
  const kind = button.tagName.toLowerCase() + "." + button.className;
  const flat = style.filter === "none" ? ratio(words, under) : 0;
  found.push([flat, kind, text]);
  if (arguments[0] === "focus") {
    const ring = over(numbers(style.outlineColor), ground(button.parentElement));
    const is_seen = style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 2;
    // A ring needs three where letters need four and a half.
    found.push([is_seen ? ratio(ring, ground(button.parentElement)) * 1.5 : 0, kind + " ring", text]);
  }
}
return found.sort((one, other) => one[0] - other[0]);
