// The mixer's preview: drawn by the server whenever a knob rests, the newest wish only.

const REST_MS = 250;
const form = document.querySelector(".mixer");
const picture = document.querySelector("#preview");
const told = document.querySelector(".told");
let timer = null;
let drawing = false;
let again = false;

function soon(wait = REST_MS) {
  clearTimeout(timer);
  timer = setTimeout(draw, wait);
}

async function draw() {
  if (drawing) {
    again = true;
    return;
  }
  drawing = true;
  told.textContent = form.dataset.busy;
  const fields = new FormData(form);
  fields.delete("reference");
  try {
    const answer = await fetch(form.dataset.preview, { method: "POST", body: new URLSearchParams(fields) });
    if (answer.ok) show(await answer.blob());
    told.textContent = answer.ok ? "" : answer.status === 429 ? form.dataset.many : form.dataset.failed;
    if (answer.status === 429) soon(1000 * Number(answer.headers.get("retry-after") ?? 2));
  } catch {
    told.textContent = form.dataset.failed;
  } finally {
    drawing = false;
    if (again) {
      again = false;
      soon(0);
    }
  }
}

function show(blob) {
  const old = picture.src;
  picture.src = URL.createObjectURL(blob);
  picture.hidden = false;
  if (old.startsWith("blob:")) URL.revokeObjectURL(old);
}

async function upload(input) {
  const hidden = form.elements.reference_uri;
  hidden.value = "";
  if (input.files.length) {
    const body = new FormData();
    body.append("reference", input.files[0]);
    const answer = await fetch(form.dataset.uploads, { method: "POST", body }).catch(() => null);
    if (!answer?.ok) {
      told.textContent = form.dataset.failed;
      return;
    }
    hidden.value = (await answer.json()).reference_uri;
  }
  soon(0);
}

form.addEventListener("input", ({ target }) => {
  if (target.name === "reference") return;
  const drawn = ["strength", "seed", "palette", "keep_product_colour", "ground", "aspect", "product_strength", "product"];
  if (drawn.includes(target.name) || target.name.startsWith("share.")) soon();
});
const { reference } = form.elements;
reference.addEventListener("change", () => upload(reference));
if (reference.files.length) upload(reference); // chosen before this file came
else soon(0);
