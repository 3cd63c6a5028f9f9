"use strict";
// Only in a served page: loads it again once there is a newer edition, as the reader left it.
(() => {
  const edition = Number(document.documentElement.dataset.edition);
  const KEPT = "mbnas page";
  const opened = () => [...document.querySelectorAll("details")];
  const status = document.querySelector(".live");
  const say = (words) => { status.textContent = words; };

  const kept = JSON.parse(sessionStorage.getItem(KEPT) ?? "null");
  if (kept) {
    opened().forEach((each, index) => { each.open = kept.open[index] ?? each.open; });
    scrollTo(0, kept.scroll);
    sessionStorage.removeItem(KEPT);
  }

  const isBusy = () =>
    document.activeElement?.matches("input") || !getSelection().isCollapsed;

  function renew() {
    if (isBusy()) {
      say("Newer results are ready; they are shown once nothing is selected.");
      setTimeout(renew, 2000);
      return;
    }
    const open = opened().map((each) => each.open);
    sessionStorage.setItem(KEPT, JSON.stringify({ open, scroll: scrollY }));
    location.reload();
  }

  const events = new EventSource("/events");
  events.addEventListener("open", () => say("This page renews itself."));
  events.addEventListener("error", () => {
    say("The connection to mbnas report --live is lost; this page is as it was then.");
  });
  events.addEventListener("message", (event) => {
    const told = JSON.parse(event.data);
    if (told.problem) say(`There is no newer page: ${told.problem}`);
    if (told.number === edition) return;
    events.close();
    renew();
  });
})();
