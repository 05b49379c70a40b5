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

// The basket counts what is ticked, beside the week.
for (const form of document.querySelectorAll("[data-basket]")) {
  const bar = form.querySelector("[data-basket-count]");
  const others = form.querySelectorAll('input[type="hidden"][name="l"]').length;
  const count = () => {
    const ticked = form.querySelectorAll('input[type="checkbox"][name="l"]:checked').length + others;
    bar.textContent = ticked === 0 ? "Votre panier est vide." : ticked === 1 ? "1 jour dans votre panier." : `${ticked} jours dans votre panier.`;
  };
  form.addEventListener("change", count);
  count();
}

// The payment page opens in a window of its own; where the browser forbids it, the link is there.
for (const link of document.querySelectorAll("a[data-window]")) {
  link.addEventListener("click", (event) => {
    const opened = open(link.href, "payfip", "width=900,height=760");
    if (opened) {
      event.preventDefault();
    } else {
      document.querySelector("[data-blocked]")?.removeAttribute("hidden");
    }
  });
}

// What is still going on is asked for again, every so many seconds, until it is done.
const again = (part) =>
  setTimeout(async () => {
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
