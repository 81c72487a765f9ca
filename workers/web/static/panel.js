// A product beside the shelf, so that the shelf can be seen to follow.

let openedBy = null;

/** Show the product page at `address` in the panel. */
export async function enlarge(address, link) {
  const panel = document.querySelector(".panel");
  const inPanel = new URL(address);
  inPanel.searchParams.set("panel", "");
  const answer = await fetch(inPanel).catch(() => null);
  if (!answer?.ok) {
    location.href = address;
    return;
  }
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const whole = Object.assign(document.createElement("a"), { href: address, textContent: "⤢ " });
  whole.append(page.querySelector("h2").textContent);
  const close = Object.assign(document.createElement("button"), {
    type: "button", className: "close quiet", textContent: panel.dataset.close,
  });
  close.addEventListener("click", () => shut(panel));
  page.querySelector("h2").replaceChildren(whole);
  panel.replaceChildren(close, page.querySelector(".look"));
  panel.hidden = false;
  openedBy = link.closest(".item")?.dataset.item;
  close.focus({ preventScroll: true });
}

function shut(panel) {
  panel.hidden = true;
  panel.replaceChildren();
  const item = [...document.querySelectorAll(".item")].find(({ dataset }) => dataset.item === openedBy);
  (item ?? document).querySelector("[data-click]")?.focus();
}

document.addEventListener("keydown", (event) => {
  const panel = document.querySelector(".panel");
  if (event.key === "Escape" && panel && !panel.hidden) shut(panel);
});
