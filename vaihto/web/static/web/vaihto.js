// Improves pages that are complete without it: focus after a refusal, one checkbox for all rows.
"use strict";

// The attribute autofocus does this where it is known; this is for pieces that htmx brings, and older browsers.
function focusSummary(root) {
  const summary = root.querySelector("#error-summary");
  if (summary && document.activeElement !== summary) summary.focus();
}

function offerSelectAll(table) {
  const place = table.querySelector("thead .pick");
  const boxes = [...table.querySelectorAll("tbody .pick input[type=checkbox]")];
  if (!place || boxes.length === 0 || place.querySelector("input")) return;
  const all = document.createElement("input");
  all.type = "checkbox";
  const words = table.closest(".scroll").nextElementSibling?.querySelector("a");
  all.setAttribute("aria-label", words ? words.textContent : place.textContent);
  const settle = () => {
    const chosen = boxes.filter((box) => box.checked).length;
    all.checked = chosen === boxes.length;
    all.indeterminate = chosen > 0 && chosen < boxes.length;
  };
  all.addEventListener("change", () => boxes.forEach((box) => (box.checked = all.checked)));
  boxes.forEach((box) => box.addEventListener("change", settle));
  place.append(all);
  settle();
}

function improve(root) {
  root.querySelectorAll(".scroll > table").forEach(offerSelectAll);
}

document.addEventListener("DOMContentLoaded", () => improve(document));
window.addEventListener("load", () => requestAnimationFrame(() => focusSummary(document)));
document.addEventListener("htmx:afterSettle", (event) => {
  improve(event.detail.elt);
  focusSummary(event.detail.elt);
});
