"use strict";
// Every slice is in the page; this script moves the strip of images and shows the outlines.
(() => {
  for (const slider of document.querySelectorAll(".case input[type=range]")) {
    const shown = slider.closest(".case");
    const groups = [...shown.querySelectorAll(".panel svg, .slider")];
    const strips = shown.querySelectorAll(".strip");
    const show = () => {
      const place = Number(slider.value);
      for (const strip of strips) strip.setAttribute("y", -(place * shown.dataset.pitch + 1));
      for (const group of groups) {
        const slices = group.querySelectorAll(":scope > .slice");
        slices.forEach((slice, number) => slice.classList.toggle("on", number === place));
      }
      slider.setAttribute("aria-valuetext", shown.querySelector(".slider > .on").textContent);
    };
    slider.hidden = false;
    slider.addEventListener("input", show);
  }
})();
