"use strict";
// Every evaluation is in a <template>; this script only shows it.
(() => {
  const figures = [...document.querySelectorAll(".explorer")];
  const contents = (number, part) =>
    document.getElementById(`evaluation-${number}`)?.content.querySelector(part)?.cloneNode(true);
  const pointsOf = (number) => document.querySelectorAll(`.point[data-number="${number}"]`);

  function prepareCopying(root) {
    for (const button of root.querySelectorAll("button.copy")) {
      button.hidden = false;
      button.addEventListener("click", () => copy(button));
    }
  }

  async function copy(button) {
    const code = button.parentElement.querySelector("code");
    try {
      await navigator.clipboard.writeText(code.textContent);
    } catch {
      getSelection().selectAllChildren(code);
      document.execCommand("copy");
    }
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  function followReading() {
    const links = [...document.querySelectorAll(".contents a")];
    const sections = links.map((link) => document.querySelector(link.hash));
    let marked = null;
    const mark = () => {
      const atEnd = scrollY > 0 && innerHeight + scrollY >= document.body.scrollHeight - 2;
      const read = (each) => each.getBoundingClientRect().top < innerHeight / 3;
      const last = atEnd ? links.length - 1 : Math.max(sections.findLastIndex(read), 0);
      links.forEach((link, index) => {
        if (index === last) link.setAttribute("aria-current", "true");
        else link.removeAttribute("aria-current");
      });
      const link = links[last];
      if (link === marked || !link) return;
      marked = link;
      const list = link.closest("ol");
      list.scrollLeft = link.offsetLeft - list.offsetLeft - (list.clientWidth - link.offsetWidth) / 2;
    };
    addEventListener("scroll", mark, { passive: true });
    mark();
  }

  prepareCopying(document);
  followReading();
  addEventListener("beforeprint", () => {
    for (const details of document.querySelectorAll("details.printed")) details.open = true;
  });
  if (!figures.length) return; // no evaluations to point at

  let shown = null;
  let pin = null;
  let place = null; // the figure that shows the pinned network

  function show(point) {
    if (shown === point) return;
    hide();
    const frame = point.closest(".charts");
    const tip = frame.querySelector(".tip");
    shown = point;
    point.classList.add("shown");
    tip.replaceChildren(...contents(point.dataset.number, ".for-tip").childNodes);
    tip.hidden = false;
    const { left, top, width } = frame.getBoundingClientRect();
    const [x, y] = placeOf(point).map((value, index) => value - [left, top][index]);
    const across = Math.min(Math.max(x - tip.offsetWidth / 2, 0), width - tip.offsetWidth);
    const above = y - tip.offsetHeight - 16;
    tip.style.translate = `${across}px ${above + top > 0 ? above : y + 16}px`;
  }

  function hide() {
    if (!shown) return;
    shown.classList.remove("shown");
    shown.closest(".charts").querySelector(".tip").hidden = true;
    shown = null;
  }

  function placeOf(point) {
    const chart = point.ownerSVGElement;
    const frame = chart.getBoundingClientRect();
    const scale = frame.width / chart.viewBox.baseVal.width;
    return [frame.left + point.dataset.x * scale, frame.top + point.dataset.y * scale];
  }

  function nearest(chart, event, reach) {
    let best = null;
    for (const point of chart.querySelectorAll(".point[data-number]")) {
      const [x, y] = placeOf(point);
      const distance = Math.hypot(x - event.clientX, y - event.clientY);
      if (distance < reach) [best, reach] = [point, distance];
    }
    return best;
  }

  function empty(panel) {
    panel.classList.add("empty");
    panel.replaceChildren(panel.hint);
  }

  function setPin(number, figure) {
    for (const point of document.querySelectorAll(".point.pinned")) point.classList.remove("pinned");
    if (place) empty(place.querySelector(".pinned"));
    const panel = number === null ? null : contents(number, ".for-panel");
    pin = panel ? number : null;
    place = panel ? figure : null;
    history.replaceState(null, "", panel ? `#evaluation-${number}` : location.pathname + location.search);
    if (!panel) return;
    const pinned = figure.querySelector(".pinned");
    pinned.classList.remove("empty");
    pinned.replaceChildren(...panel.childNodes);
    pinned.scrollTop = 0;
    for (const point of pointsOf(number)) point.classList.add("pinned");
    prepareCopying(pinned);
    const close = pinned.querySelector("button.close");
    close.hidden = false;
    close.addEventListener("click", () => setPin(null));
    const below = pinned.getBoundingClientRect().top - innerHeight / 2;
    if (below > 0) scrollBy({ top: below }); // so that the chart stays in view
  }

  function explore(figure) {
    const panel = figure.querySelector(".pinned");
    panel.hint = panel.firstElementChild;
    figure.classList.add("scripted");
    for (const chart of figure.querySelectorAll(".chart")) prepareChart(chart, figure);
  }

  function prepareChart(chart, figure) {
    const points = [...chart.querySelectorAll(".point[data-number]")];
    points.forEach((point, index) => {
      point.setAttribute("tabindex", index === points.length - 1 ? "0" : "-1");
    });
    chart.addEventListener("pointermove", (event) => {
      const point = nearest(chart, event, 32);
      if (point) show(point); else hide();
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("focusin", (event) => {
      const point = event.target.closest(".point[data-number]");
      if (point) show(point);
    });
    chart.addEventListener("focusout", hide);
    chart.addEventListener("click", (event) => {
      event.preventDefault();
      event.stopPropagation();
      const point = event.detail ? nearest(chart, event, 32) : event.target.closest(".point");
      if (!point) return;
      const again = point.dataset.number === pin && place === figure;
      setPin(again ? null : point.dataset.number, figure);
    });
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
      const next = points[points.indexOf(document.activeElement) + step];
      if (!step || !next) return;
      event.preventDefault();
      for (const point of points) point.setAttribute("tabindex", point === next ? "0" : "-1");
      next.focus();
    });
  }

  figures.forEach(explore);
  const main = document.querySelector("#search .explorer") ?? figures[0];
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape") { hide(); if (pin !== null) setPin(null); }
  });
  document.addEventListener("click", (event) => {
    const link = event.target.closest?.('a[href^="#evaluation-"]');
    if (!link) return;
    event.preventDefault();
    const figure = link.closest("section")?.querySelector(".explorer") ?? main;
    figure.scrollIntoView();
    setPin(link.hash.slice("#evaluation-".length), figure);
  });
  const asked = /^#evaluation-(\d+)$/.exec(location.hash);
  if (asked) setPin(asked[1], main);
})();
