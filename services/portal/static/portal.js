// Makes quicker what works without it.
"use strict";

// A form is sent once: a second press of the button waits for the answer.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  if (form.method === "post") {
    form.dataset.sent = "yes";
    setTimeout(() => delete form.dataset.sent, 8000);
  }
});
addEventListener("pageshow", (event) => {
  if (event.persisted) {
    for (const form of document.forms) delete form.dataset.sent;
  }
});

// The basket says and counts what is ticked, beside the week; what is taken out of it is unticked.
for (const form of document.querySelectorAll("[data-basket]")) {
  const bar = form.querySelector("[data-basket-count]");
  if (!bar) continue;
  const items = [...form.querySelectorAll("[data-wish]")];
  const boxOf = (item) => form.querySelector(`input[type="checkbox"][value="${CSS.escape(item.dataset.wish)}"]`);
  const show = () => {
    for (const item of items) {
      const box = boxOf(item);
      if (box) item.hidden = !box.checked;
    }
    const number = items.filter((item) => !item.hidden).length;
    bar.textContent = number === 0 ? "Votre panier est vide." : `${number} choix dans votre panier.`;
  };
  for (const item of items) {
    item.querySelector("button").addEventListener("click", (event) => {
      event.preventDefault();
      const box = boxOf(item);
      if (box) box.checked = false;
      else {
        item.hidden = true;
        item.querySelector("input").remove();
      }
      show();
      (items.find((one) => !one.hidden)?.querySelector("button") ?? bar.closest("summary")).focus();
    });
  }
  form.addEventListener("change", show);
  show();
  // At the foot of a small screen it is open when it is wanted.
  if (matchMedia("(max-width: 70rem)").matches) bar.closest("details").open = false;
}

// The menu of the account closes with Escape, and by a click elsewhere.
const menu = document.querySelector("details.who");
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape" && menu?.open) {
    menu.open = false;
    menu.querySelector("summary").focus();
  }
});
document.addEventListener("click", (event) => {
  if (menu?.open && !menu.contains(event.target)) menu.open = false;
});

// Every box of a list at once.
for (const button of document.querySelectorAll("[data-tick-all]")) {
  const words = [button.textContent, button.dataset.tickAll];
  const boxes = [...button.form.querySelectorAll("td input[type=checkbox]")];
  const all = () => boxes.every((one) => one.checked);
  const tell = () => (button.textContent = words[Number(all())]);
  button.hidden = false;
  button.addEventListener("click", () => {
    const ticked = !all();
    for (const one of boxes) one.checked = ticked;
    tell();
  });
  button.form.addEventListener("change", tell);
  tell();
}

// A start and an end are chosen with two sliders; each says its time in words. Without this script
// the lists are there.
for (const pair of document.querySelectorAll("[data-sliders]")) {
  const form = pair.closest("form");
  const told = form.querySelector("[data-slot-told]");
  const [starts, ends] = pair.querySelectorAll("select");
  const tell = () => {
    const slots = [...form.querySelectorAll("[data-slot]")];
    if (slots.length === 0) return;
    const meant = slots.find((one) => one.dataset.slot === `${starts.value} ${ends.value}`);
    for (const one of slots) one.classList.toggle("meant", one === meant);
    told.textContent = meant ? `Créneau choisi : ${meant.querySelector("[data-slot-name]").textContent}.` : "Ces horaires ne sont pas un créneau possible.";
  };
  for (const select of [starts, ends]) {
    const slider = document.createElement("input");
    const time = document.createElement("output");
    Object.assign(slider, { type: "range", min: 0, max: select.length - 1, step: 1, value: select.selectedIndex, id: select.id });
    // The label and a refusal are about what is seen.
    for (const name of ["aria-invalid", "aria-describedby"]) {
      if (select.hasAttribute(name)) slider.setAttribute(name, select.getAttribute(name));
    }
    select.removeAttribute("id");
    const say = () => {
      select.selectedIndex = slider.value;
      time.textContent = select.selectedOptions[0].textContent;
      slider.setAttribute("aria-valuetext", time.textContent);
      tell();
    };
    time.htmlFor = slider.id;
    select.hidden = true;
    select.after(slider, time);
    slider.addEventListener("input", say);
    say();
  }
}

// The payment page opens in a window of its own; where the browser forbids it, the link is there.
let opened = null;
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-window]");
  if (!link) return;
  opened = open(link.href, "payfip", "width=900,height=760");
  if (opened) {
    event.preventDefault();
    // What becomes of it is looked for by itself, unless the link still has the focus.
    link.blur();
  } else {
    document.querySelector("[data-blocked]")?.removeAttribute("hidden");
  }
});

// That window, back from PayFiP, says so; the page that it left behind looks again, and answers: then
// the window may be closed.
const payment = document.querySelector("[data-payment]")?.dataset.payment;
if (payment) {
  const channel = new BroadcastChannel("payment");
  const close = document.querySelector("[data-close]");
  close.querySelector("button").addEventListener("click", () => window.close());
  channel.addEventListener("message", ({ data }) => {
    if (data.payment !== payment) return;
    if (data.left) {
      close.hidden = false;
    } else if (opened) {
      channel.postMessage({ payment, left: true });
      location.reload();
    }
  });
  channel.postMessage({ payment });
}

// What is still going on is asked for again, every so many seconds, until it is done.
const again = (part) =>
  setTimeout(async () => {
    // Not under the keyboard of who is just using it.
    if (part.contains(document.activeElement)) return again(part);
    try {
      const page = new DOMParser().parseFromString(await (await fetch(location.href)).text(), "text/html");
      const fresh = page.getElementById(part.id);
      if (!fresh) return;
      part.replaceWith(fresh);
      if (fresh.dataset.again) again(fresh);
    } catch {
      again(part);
    }
  }, part.dataset.again * 1000);
for (const part of document.querySelectorAll("[data-again]")) again(part);
