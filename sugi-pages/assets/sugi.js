// What makes the pages better than they are without it. Every page works without it.
"use strict";
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
    form.dataset.sent = "yes";
    for (const button of all("button:not([type=button])", form)) button.setAttribute("aria-busy", "true");
  });
  addEventListener("pageshow", (event) => {
    for (const form of all("form[data-sent]")) delete form.dataset.sent;
    for (const button of all("[aria-busy]")) button.removeAttribute("aria-busy");
    // A page that comes back from the browser's memory may show what is no longer so.
    if (event.persisted) location.reload();
  });

  // Live: the server says that something changed; the parts that are marked are fetched anew.
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { "x-refresh": "1" }, redirect: "manual" });
    if (answer.type === "opaqueredirect") { location.reload(); return; }
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const part of all("[data-live][id]")) {
      const other = fresh.getElementById(part.id);
      // What somebody is typing in, or has open, is left alone.
      if (!other || part.contains(document.activeElement) && typing(document.activeElement)) continue;
      if (part.innerHTML !== other.innerHTML) part.replaceChildren(...other.childNodes);
    }
    for (const count of all(".top nav a")) {
      const other = fresh.querySelector(`.top nav a[href="${CSS.escape(count.getAttribute("href"))}"]`);
      if (other && other.innerHTML !== count.innerHTML) count.innerHTML = other.innerHTML;
    }
  };
  if ($(".top") && "EventSource" in window) {
    const live = new EventSource("/live?of=" + encodeURIComponent(location.pathname));
    live.addEventListener("changed", () => refresh().catch(() => {}));
    // The session is over: whatever stands on the screen is nobody's any more.
    live.addEventListener("over", () => { live.close(); location.reload(); });
    live.addEventListener("open", () => { $("#offline").hidden = true; });
    live.addEventListener("error", () => { setTimeout(() => { $("#offline").hidden = live.readyState === 1; }, 3000); });
    addEventListener("pagehide", () => live.close());
  }
  for (const button of all("[data-print]")) button.addEventListener("click", () => print());
})();
