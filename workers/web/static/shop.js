// A shopper's page: tells what the shopper does, and follows the shelf. Without this file the links
// and forms of the page still work.

import { Outbox } from "./outbox.js";
import { follow } from "./shelf.js";
import { watch } from "./seen.js";
import { enlarge } from "./panel.js";

const told = document.querySelector(".told");
const outboxes = new Map();

function outboxFor(address, waiting) {
  if (!outboxes.has(address)) {
    outboxes.set(address, new Outbox(address, (late) => {
      if (!told) return;
      told.textContent = late ? waiting : "";
      told.toggleAttribute("data-late", late); // nothing else is told until it is sent
    }));
  }
  return outboxes.get(address);
}

/** What feedback about a place of the shelf copies from the list. */
function copied(form) {
  const fields = Object.fromEntries(new FormData(form));
  for (const name of ["position", "propensity"]) {
    if (name in fields) fields[name] = Number(fields[name]);
  }
  return fields;
}

for (const shelf of document.querySelectorAll("[data-shelf]")) {
  const outbox = outboxFor(shelf.dataset.feedback, shelf.dataset.waiting);
  const seen = watch((item) => outbox.put({ ...copied(item.querySelector("form")), kind: "impression" }));
  follow(shelf, told, seen);
  shelf.addEventListener("click", (event) => {
    const link = event.target.closest("[data-click]");
    if (!link) return;
    const item = link.closest(".item");
    outbox.put({ ...copied(item.querySelector("form")), kind: "click" });
    if (event.button === 0 && !(event.metaKey || event.ctrlKey || event.shiftKey)) {
      event.preventDefault();
      enlarge(link.href, link);
    }
  });
}

document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!form.matches('form[method="post"][action$="/feedback"]')) return;
  event.preventDefault();
  const shelf = form.closest("[data-shelf]");
  const waiting = (shelf ?? told)?.dataset.waiting ?? "";
  outboxFor(form.getAttribute("action"), waiting).put({ ...copied(form), kind: event.submitter.value });
  if (event.submitter.value === "dismiss") form.closest(".item")?.classList.add("leaving");
});

// Looking at a product in one of its styles is a choice of that style among those side by side.
document.addEventListener("click", (event) => {
  const link = event.target.closest("[data-look]");
  if (!link || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  event.preventDefault();
  const look = link.closest(".look");
  for (const other of look.querySelectorAll("[data-look]")) other.removeAttribute("aria-current");
  link.setAttribute("aria-current", "true");
  const [over, small] = [look.querySelector(".over img"), link.querySelector("img")];
  over.srcset = small.srcset;
  over.src = small.src;
  look.querySelector("[data-chosen]").textContent = link.dataset.label;
  look.querySelector('input[name="style_id"]').value = link.dataset.look;
  outboxFor(look.dataset.feedback, told?.dataset.waiting ?? "").put({
    kind: "click", product_id: look.dataset.product, style_id: link.dataset.look,
    policy: "choice", propensity: 1 / look.querySelectorAll("[data-look]").length,
  });
});

function compareAt(slider) {
  slider.closest(".compare").style.setProperty("--at", `${slider.value}%`);
}

document.addEventListener("input", ({ target }) => {
  if (target.matches("[data-compare]")) compareAt(target);
});
document.querySelectorAll("[data-compare]").forEach(compareAt); // moved before this file came
